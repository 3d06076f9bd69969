#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests a PCI device that is unplugged while a program has its registers mapped through simple_edu.

unset KDIR

. "$(dirname "$0")/../lib/tap.sh"
. "$top/scripts/lib/base.sh"
. "$top/scripts/lib/programs.sh"

build_tests unplug

# guest BUS [ARG...]: boots a guest whose devices are plugged into that bus, with these arguments of QEMU.
guest() {
	local bus=$1
	shift
	QMP=yes QEMU_ARGS="$*" TRACE=no FILES='' GUEST_MODULE=present \
		"$top/scripts/guest/boot.sh" run "$tests_out/unplug" "/dev/${target_lines[3]} $bus"
}

if [ "$target_arch" = x86 ]; then
	run guest pci.0
else
	run guest bay -device pcie-root-port,id=bay,chassis=1
fi
expect "unplugging a device removes its mappings" 0 "1..11"

done_testing
