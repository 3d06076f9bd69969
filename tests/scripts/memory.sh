#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel and user space use the same memory, at any offset and at the same time: a page,
# contiguous pages, and pages of vmalloc().

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=scripts/lib/base.sh
. "$top/scripts/lib/base.sh"

unset KDIR
# shellcheck source=scripts/lib/programs.sh
. "$top/scripts/lib/programs.sh"

build_module memory
expect "a driver with each kind of memory compiles" 0

cat >"$scratch/each" <<'END_OF_SCRIPT'
#!/bin/sh
cp memory.ko / && ./memory
END_OF_SCRIPT

build_tests memory
# With init_on_alloc=0 a page shows that nobody asked for it to be zeroed.
run env FILES="$out/memory.ko $tests_out/memory" GUEST_MODULE=none TRACE=no KERNEL_ARGS=init_on_alloc=0 \
	"$top/scripts/guest/boot.sh" run "$scratch/each"
expect "both sides use it" 0 memory.{page,contig,vmalloc}.pipe_keeps_a_page "fail:0 xfail:0 xpass:0 skip:0"

done_testing
