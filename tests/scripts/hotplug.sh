#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Memory that is added to the machine while a program has its addresses mapped through
# /dev/simpler with physical=1. It is taken out of the mappings before the kernel uses it.

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

# QEMU and its client run here, and name their sockets without a directory: the path of a socket may
# have no more than 107 characters.
mkdir -p "$top/build"
sockets=$(mktemp -d "$top/build/hotplug.XXXXXX")
trap 'rm -rf "$scratch" "$sockets"' EXIT

# guest [ARG...]: boots with a slot for memory, and further arguments of the kernel's.
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
expect "mappings of memory that is added are taken back" 0 "1..9"

run guest memory_hotplug.memmap_on_memory=1
expect "physical=1 is refused where memory describes itself" 1 \
	"memory_hotplug.memmap_on_memory is set"

done_testing
