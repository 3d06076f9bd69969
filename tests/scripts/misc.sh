#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests what misc devices have beside memory: names and minor numbers that are chosen at run time, ioctl, a
# hook for the release of a file, the events of poll, and mappings that a child does not get.

. "$(dirname "$0")/../lib/tap.sh"
. "$top/scripts/lib/base.sh"

unset KDIR
. "$top/scripts/lib/programs.sh"

build_module misc
expect "a driver with two devices of one type compiles" 0

# The driver has many names and minor numbers refused. The run fails if the guest's kernel warns of one of them.
cat >"$scratch/load" <<'END_OF_SCRIPT'
#!/bin/sh
insmod ./misctest.ko second_minor=19 2>&1 && exit 1
ls /dev/misctest* 2>/dev/null && exit 1
insmod ./misctest.ko base=41 plain=7 long=1 || { dmesg | tail; exit 1; }
echo "$(ls /dev | grep -c 'x\{255\}') with the longest name"
grep misctest /proc/misc
./misc /dev/misctest41 /dev/misctest42 /dev/miscplain7 || exit
rmmod misctest
END_OF_SCRIPT

build_tests misc
run env FILES="'$out/misctest.ko' '$tests_out/misc'" GUEST_MODULE=none TRACE=no "$top/scripts/guest/boot.sh" run "$scratch/load"
compat=()
[ "$target_arch" != x86 ] || compat=("compat: compat_ioctl is called"
	"compat: ioctl is called if there is no compat_ioctl"
	"compat: compat_ioctl copies a structure in and out" "compat: ioctl copies a structure in and out")
expect "a minor number in use fails the load" 0 "Device or resource busy"
expect "names and minor numbers are as asked for" 0 "1 with the longest name" " 19 misctest41" \
	"minors: the first device has the one that was asked for" "minors: the kernel chose that of the second device" \
	"devices: the second has no events of the first"
expect "ioctl works, also from a 32-bit process" 0 "ioctl: a structure is copied in" \
	"ioctl: a structure is copied out" \
	"ioctl: a null pointer is EFAULT" "ioctl: an unknown command is ENOTTY" \
	"ioctl: a file can be given another descriptor" "${compat[@]}"
expect "the driver is told of open and release" 0 "release: not called while a descriptor is open" \
	"release: not called while the file is mapped" "release: called once, after the last use of the file" \
	"open: the driver knows who opens the file"
expect "a child does not get a mapping with deny_copy()" 0 \
	"fork: a child does not get a mapping with deny_copy()" "fork: MADV_DOFORK undoes deny_copy()" \
	"fork: MADV_DOFORK fails with deny_copy() and deny_expand()"
expect "poll returns each event" 0 "poll: readable" "poll: writable" "poll: priority" "poll: error" \
	"poll: hangup" "poll: two events at once" "poll: an error of the driver's" "poll: a waiting process is woken"

done_testing
