#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# What misc devices have beside memory: names and minor numbers that are chosen at run time, ioctl, a
# hook for the release of a file, the events of poll, and mappings that a child does not get.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=scripts/lib/base.sh
. "$top/scripts/lib/base.sh"

unset KDIR
# shellcheck source=scripts/lib/programs.sh
. "$top/scripts/lib/programs.sh"

build_module misc
expect "a driver with two devices of one type compiles" 0

# The guest fails for a warning of its kernel's, so none of the refusals has one.
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
run env FILES="$out/misctest.ko $tests_out/misc" GUEST_MODULE=none TRACE=no "$top/scripts/guest/boot.sh" run "$scratch/load"
compat=()
[ "$target_arch" != x86 ] || compat=("compat: compat_ioctl is asked" "compat: ioctl is asked without it"
	"compat: a structure is copied in and out" "compat: the same by compat_ptr_ioctl()")
expect "a minor number in use fails the load" 0 "Device or resource busy"
expect "names and minor numbers are as asked for" 0 "1 with the longest name" " 19 misctest41" \
	"minors: the first is as asked for" "minors: the second is one that the kernel chose" \
	"devices: the second has no events"
expect "ioctl, also of a 32-bit process" 0 "ioctl: a structure is copied in" \
	"ioctl: a structure is copied out" \
	"ioctl: none is EFAULT" "ioctl: unknown is ENOTTY" \
	"ioctl: a file can be given another descriptor" "${compat[@]}"
expect "open and release are told of" 0 "release: not while it is open" \
	"release: not while it is mapped" "release: once, when all is gone" \
	"open: the driver knows who opens it"
expect "a child of fork gets no mapping that is not to be copied" 0 \
	"fork: a child has not what is not to be copied" "fork: MADV_DOFORK takes it back" \
	"fork: not for MADV_DOFORK if it cannot grow either"
expect "poll tells each event" 0 "poll: readable" "poll: writable" "poll: priority" "poll: error" \
	"poll: hangup" "poll: two at once" "poll: what fails" "poll: who waits is woken"

done_testing
