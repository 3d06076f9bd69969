#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: builds the module and the tests, and runs the tests: those of the driver in a guest, and those of the scripts
# on the host. With DRIVER it runs the tests in that folder. TEST=<suite>[.<case>] chooses one. The output is TAP; the
# last line has the numbers of results.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/programs.sh"

# chosen SUITE...: prints the suite that TEST names, with the options that make the kselftest harness run TEST's case
# alone. -t takes the name of a case, and runs all its variants. -r takes the whole name FIXTURE.VARIANT.CASE. As a
# fixture often has the suite's name, both NAME and SUITE.NAME are tried. Exits with an error if there is no such suite, or
# if it is not a C program, on that harness, and a case is named.
chosen() {
	local suite=${TEST%%.*} name=${TEST#"${TEST%%.*}"}
	name=${name#.}
	[[ " $* " == *" $suite "* ]] || die "TEST=$TEST: there is no suite $suite" "There are: $*"
	[[ -z $name || -f $top/tests/selftests/$suite.c || -f $driver/tests/$suite.c ]] ||
		die "TEST=$TEST: the cases of $suite cannot be chosen" "Run all of them: TEST=$suite"
	case $name in
	'') echo "$suite" ;;
	*.*) echo "$suite -r $name -r $suite.$name" ;;
	*) echo "$suite -t $name" ;;
	esac
}

if [ -n "$driver" ]; then
	build_driver_tests
	mapfile -t in_guest < <(driver_tests)
	[ ${#in_guest[@]} -gt 0 ] || die "there is no test program in $driver/tests" \
		"Each *.c, *.rs and *.sh file there is one, and prints TAP."
	if [ -n "${TEST:-}" ]; then
		one=$(chosen "${in_guest[@]}")
		in_guest=("$one")
	fi
	say "booting the guest for the tests of $module_name (10 seconds and more)"
	{
		run_driver_tests "${in_guest[@]}" || printf '### end %s\n' "$?"
	} | judged "${in_guest[@]%% *}" unload.sh
	exit
fi

mapfile -t in_guest < <(tests_in_guest)
# The scripts are tested with the stock kernels only, except for those tests that need the debug kernel.
on_host=(scripts/debug.sh scripts/driver-debug.sh)
if [ "$KERNEL" = stock ]; then
	on_host=()
	for script in "$top"/tests/scripts/*.sh; do
		[[ $script == *debug.sh ]] || on_host+=("scripts/${script##*/}")
	done
fi

if [ -n "${TEST:-}" ]; then
	if [[ " ${on_host[*]} " == *" ${TEST%.sh}.sh "* ]]; then
		in_guest=() on_host=("${TEST%.sh}.sh")
	else
		one=$(chosen "${in_guest[@]}" "${on_host[@]}")
		in_guest=("$one") on_host=()
	fi
fi

build_tests selftests rust-user

run_host() {
	local script
	for script in "${on_host[@]}"; do
		suite "$script" "$top/tests/$script"
	done
}

# The tests of the scripts run at the same time as the guest; their output is shown afterwards.
host_output=$(mktemp)
trap 'rm -f "$host_output"' EXIT

takes="5 to 10 minutes with those on this machine"
[ "$KERNEL" = stock ] || takes="several minutes"
[ -z "${TEST:-}" ] || takes="10 seconds and more"
{
	run_host >"$host_output" 2>&1 &
	if [ ${#in_guest[@]} -gt 0 ]; then
		say "booting the guest for the tests ($takes)"
		run_tests "${in_guest[@]}" || printf '### end %s\n' "$?"
	fi
	wait
	cat "$host_output"
} | judged "${in_guest[@]%% *}" "${on_host[@]}"
