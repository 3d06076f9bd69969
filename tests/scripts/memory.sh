#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that the kernel and user space can use the same memory, at any offset and at the same time: a page,
# contiguous pages, and pages of vmalloc().

. "$(dirname "$0")/../lib/tap.sh"
. "$top/scripts/lib/base.sh"

unset KDIR
. "$top/scripts/lib/programs.sh"

build_module memory
expect "a driver with each kind of memory compiles" 0

cat >"$scratch/each" <<'END_OF_SCRIPT'
#!/bin/sh
cp memory.ko / && ./memory
END_OF_SCRIPT

build_tests memory
# With init_on_alloc=0 the kernel does not zero pages by itself, so a page that the driver forgot to zero shows.
run env FILES="'$out/memory.ko' '$tests_out/memory'" GUEST_MODULE=none TRACE=no KERNEL_ARGS=init_on_alloc=0 \
	"$top/scripts/guest/boot.sh" run "$scratch/each"
expect "the kernel and a program use the same memory" 0 \
	memory.{page,contig,vmalloc}.pipe_keeps_a_page "fail:0 xfail:0 xpass:0 skip:0"

done_testing
