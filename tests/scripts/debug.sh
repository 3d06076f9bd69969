#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that a run on the debug kernel fails, and shows the report, if one of the kernel's checkers finds a bug.

. "$(dirname "$0")/../lib/tap.sh"

export KERNEL=debug
unset KDIR

out=$top/build/warnings
mkdir -p "$out"
run "$top/scripts/kernel/build-modules.sh" --guest M="$top/tests/drivers/warnings" MO="$out"
expect "a module with deliberate bugs builds" 0

# notices WHAT TEXT: passes if the module's bug WHAT makes the run fail with a report that has that text.
notices() {
	printf '#!/bin/sh\ninsmod ./warnings.ko what=%s' "$1" >"$scratch/$1"
	run make -C "$top" run PROG="$scratch/$1" FILES="'$out/warnings.ko'"
	expect "a bug of the kind \"$1\" is reported" 2 "$2" "the guest's kernel reported trouble"
}

notices leak "unreferenced object"
notices overflow "BUG: KASAN: slab-out-of-bounds in overflow"
notices shift "UBSAN: shift-out-of-bounds"
notices sleep "BUG: sleeping function called from invalid context"
notices order "WARNING: possible circular locking dependency detected"
notices refcount "refcount_warn_saturate"
notices list "kernel BUG at lib/list_debug.c"

run make -C "$top" run KDIR="$scratch"
expect "KDIR together with KERNEL=debug is refused" 2 "KDIR and KERNEL=debug name two kernels"

run make -C "$top" run KERNEL=none
expect "a KERNEL that is not known is refused" 2 "KERNEL=none is not known" "stock, debug"

done_testing
