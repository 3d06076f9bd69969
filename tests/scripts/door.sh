#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that the abstractions can map a device that is no misc device: a character device with file operations of its
# own, and with private data of files that is not the Arc that the abstractions use for misc devices.

. "$(dirname "$0")/../lib/tap.sh"
. "$top/scripts/lib/base.sh"

unset KDIR
. "$top/scripts/lib/programs.sh"

build_module door
expect "a driver with file operations of its own compiles" 0

cat >"$scratch/map" <<'END_OF_SCRIPT'
#!/bin/sh
insmod ./door.ko || exit
mknod /dev/door c "$(awk '$2 == "door" { print $1 }' /proc/devices)" 0 || exit
./door /dev/door || exit
[ ! -d /sys/module/door ]
END_OF_SCRIPT

build_tests door
run env FILES="'$out/door.ko' '$tests_out/door'" GUEST_MODULE=none TRACE=no "$top/scripts/guest/boot.sh" run "$scratch/map"
expect "the device can be mapped, shared and forked, and a mapping holds the module" 0 \
	"two mappings of a file show the same page" "another file has another page" \
	"touching a second page is a SIGBUS" "an executable mapping is refused" "a child writes to the same page" \
	"after one munmap, the other mapping keeps the page" "a write to a private mapping goes to a copy" \
	"rmmod is refused while a mapping exists" "the refused rmmod leaves the mapping" \
	"rmmod succeeds when all is unmapped"

done_testing
