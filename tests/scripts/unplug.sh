#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests a PCI device that is unplugged while a program has its registers mapped through simple_edu.

unset KDIR

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=scripts/lib/base.sh
. "$top/scripts/lib/base.sh"
# shellcheck source=scripts/lib/programs.sh
. "$top/scripts/lib/programs.sh"

build_tests hotplug

# QEMU and its client run in this folder and use relative paths of their sockets, as the path of a
# socket has at most 107 characters.
mkdir -p "$top/build"
sockets=$(mktemp -d "$top/build/unplug.XXXXXX")
trap 'rm -rf "$scratch" "$sockets"' EXIT

# guest BUS [ARG...]: boots a guest whose devices are plugged into that bus, with these arguments of QEMU.
guest() (
	bus=$1
	shift
	cd "$sockets" || exit
	exec {ready}< <(exec "$top/scripts/kernel/in-root.sh" python3 "$top/scripts/guest/qmp.py")
	client=$!
	read -r -u "$ready" _
	QEMU_ARGS="-serial unix:line -qmp unix:qmp $*" TRACE=no FILES='' GUEST_MODULE=present \
		"$top/scripts/guest/boot.sh" run "$tests_out/unplug" "/dev/${target_lines[3]} $bus"
	status=$?
	kill "$client" 2>/dev/null
	rm -f qmp line
	exit "$status"
)

if [ "$target_arch" = x86 ]; then
	run guest pci.0
else
	run guest bay -device pcie-root-port,id=bay,chassis=1
fi
expect "unplugging a device removes its mappings" 0 "1..11"

done_testing
