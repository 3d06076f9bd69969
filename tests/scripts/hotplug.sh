#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests memory that is added to the machine while a program has its addresses mapped through /dev/simpler with
# physical=1: the driver unmaps these addresses before the kernel uses the memory. The guest's kernel adds memory
# offline (memhp_default_state=offline), and uses it when the program sets it online.

unset KDIR

. "$(dirname "$0")/../lib/tap.sh"
. "$top/scripts/lib/base.sh"
. "$top/scripts/lib/programs.sh"

if [ "$target_arch" != x86 ]; then
	echo "ok 1 # SKIP QEMU adds memory to this machine only with firmware"
	echo "1..1"
	exit
fi

build_tests hotplug

# guest [ARG...]: boots a guest with a slot for memory, and with these arguments of its kernel.
guest() {
	QMP=yes MEM="1G,slots=1,maxmem=2G" TRACE=no FILES='' \
		MODPARAMS=physical=1 KERNEL_ARGS="memhp_default_state=offline $*" \
		"$top/scripts/guest/boot.sh" run "$tests_out/hotplug" "/dev/${target_lines[3]}"
}

run guest
expect "memory that is added is taken out of mappings" 0 "1..9"

run guest memory_hotplug.memmap_on_memory=1
expect "physical=1 is refused with memmap_on_memory" 1 \
	"memory_hotplug.memmap_on_memory is set"

done_testing
