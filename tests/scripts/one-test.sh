#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that make test TEST=... runs a single case.

. "$(dirname "$0")/../lib/tap.sh"

run make -C "$top" test TEST=mmap.simplen.merged_mapping_is_split_again
expect "one variant of a case is run alone" 0 "ok 1 mmap.simplen.merged_mapping_is_split_again" $'\n1 passed, 0 failed'
run make -C "$top" test TEST=mmap.merged_mapping_is_split_again
expect "a case is run in all its variants" 0 $'\n2 passed, 0 failed'
run make -C "$top" test TEST=mmap.no_such_case
expect "a case that does not exist makes the run fail" 2 "FAILED there was no test"
run make -C "$top" test TEST=no_such_suite
expect "a suite that does not exist is refused, with a list of those that do" 2 \
	"there is no suite no_such_suite" " mmap " " scripts/cache.sh "
run make -C "$top" test TEST=rust-user.no_such_case
expect "a case of a suite whose cases cannot be chosen is refused" 2 "the cases of rust-user cannot be chosen"

done_testing
