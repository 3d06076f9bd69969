#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make test TEST=: one suite, or one case of it, is run alone.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

unset TEST
run make -C "$top" test TEST=mmap.simplen.merged_mapping_is_split_again
expect "a case is run alone" 0 "ok 1 mmap.simplen.merged_mapping_is_split_again" $'\n1 passed, 0 failed'
run make -C "$top" test TEST=mmap.merged_mapping_is_split_again
expect "and in all its variants" 0 $'\n2 passed, 0 failed'
run make -C "$top" test TEST=mmap.no_such_case
expect "a case that is not there fails" 2 "FAILED there was no test"
run make -C "$top" test TEST=no_such_suite
expect "a suite that is not there is told, with those that are" 2 "there is no suite no_such_suite" " mmap " " scripts/cache.sh "

done_testing
