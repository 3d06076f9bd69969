#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# What is no misc device can be mapped by the same abstractions: a character device with file
# operations of its own, whose files refer to what is mapped in a way of their own.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=scripts/lib/base.sh
. "$top/scripts/lib/base.sh"

unset KDIR
# shellcheck source=scripts/lib/programs.sh
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
run env FILES="$out/door.ko $tests_out/door" GUEST_MODULE=none TRACE=no "$top/scripts/guest/boot.sh" run "$scratch/map"
expect "it is mapped, shared, forked, and holds the module" 0 "two mappings of a file show the same" \
	"another file has a page of its own" "beyond the page is a SIGBUS" "executable is refused" \
	"a child writes to the same page" "what is unmapped once stays in the other mapping" \
	"a private write is to a copy" "rmmod is refused while it is mapped" "the mapping stays" \
	"rmmod works after that"

done_testing
