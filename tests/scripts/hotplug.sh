#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests memory that is added to the machine while a program has its addresses mapped through
# /dev/simpler with physical=1: it is taken out of the mappings before the kernel uses it.

unset KDIR

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=scripts/lib/base.sh
. "$top/scripts/lib/base.sh"
# shellcheck source=scripts/lib/programs.sh
. "$top/scripts/lib/programs.sh"

if [ "$target_arch" != x86 ]; then
	echo "ok 1 # SKIP QEMU adds memory to this machine only with firmware"
	echo "1..1"
	exit
fi

build_tests hotplug

# QEMU and its client run in this folder and use relative paths of their sockets, as the path of a
# socket has at most 107 characters.
mkdir -p "$top/build"
sockets=$(mktemp -d "$top/build/hotplug.XXXXXX")
trap 'rm -rf "$scratch" "$sockets"' EXIT

# guest [ARG...]: boots a guest with a slot for memory, and with these arguments of its kernel.
guest() (
	cd "$sockets" || exit
	exec {ready}< <(exec "$top/scripts/kernel/in-root.sh" python3 "$top/scripts/guest/qmp.py")
	client=$!
	read -r -u "$ready" _
	QEMU_ARGS="-serial unix:line -qmp unix:qmp" MEM="1G,slots=1,maxmem=2G" TRACE=no FILES='' \
		MODPARAMS=physical=1 KERNEL_ARGS="memhp_default_state=offline $*" \
		"$top/scripts/guest/boot.sh" run "$tests_out/hotplug" "/dev/${target_lines[3]}"
	status=$?
	kill "$client" 2>/dev/null
	rm -f qmp line
	exit "$status"
)

run guest
expect "memory that is added is taken out of mappings" 0 "1..9"

run guest memory_hotplug.memmap_on_memory=1
expect "physical=1 is refused with memmap_on_memory" 1 \
	"memory_hotplug.memmap_on_memory is set"

done_testing
