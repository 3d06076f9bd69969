# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # the names are for the tests that source this file
#
# Sourced by the tests of the scripts: prints TAP, and makes the folder $scratch, which is removed when the test ends.

# The tests call make with settings of their own, which those of the calling make must not change.
unset MAKEFLAGS MAKELEVEL MFLAGS KERNEL DRIVER TEST SIMPLE_CALLER

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

test_number=0
tests_failed=0

# run COMMAND...: runs it; its status is then in $status, and all of its output in $output.
run() {
	status=0
	output=$("$@" 2>&1) || status=$?
}

# expect NAME STATUS [TEXT...]: the test passes if the last run had STATUS, and each TEXT is in its
# output.
expect() {
	local name=$1 wanted=$2 text verdict=ok
	shift 2
	[ "$status" = "$wanted" ] || verdict='not ok'
	for text in "$@"; do
		[[ $output == *"$text"* ]] || verdict='not ok'
	done
	test_number=$((test_number + 1))
	if [ "$verdict" != ok ]; then
		tests_failed=$((tests_failed + 1))
		printf '# status %s, wanted %s; wanted in the output:\n' "$status" "$wanted"
		printf '#   %s\n' "$@"
		printf '# the output:\n#   %s\n' "${output//$'\n'/$'\n'#   }"
	fi
	echo "$verdict $test_number $name"
}

# build_module NAME: builds the driver in tests/drivers/NAME into the folder $out. A warning counts as a failure.
build_module() {
	out=$top/build/$1/$FLAVOUR
	mkdir -p "$out"
	run "$top/scripts/kernel/build-modules.sh" --guest M="$top/tests/drivers/$1" MO="$out"
	[[ $output != *warning:* ]] || status="$status, and warnings"
}

# wants_new: skips the test where "make new" refuses the path of this checkout.
wants_new() {
	# shellcheck disable=SC2016 # it is for the shell there
	! bash -c '. "$1" && plain "$2"' - "$top/scripts/lib/base.sh" "$top" || return 0
	echo "1..0 # SKIP \"make new\" refuses the path of this checkout"
	exit
}

# done_testing: prints the plan, and fails if a test has failed.
done_testing() {
	echo "1..$test_number"
	[ "$tests_failed" = 0 ]
}
