#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# test.sh: builds the module and the tests, and runs them all: in a guest those of the driver, then
# those of the scripts. The output is TAP; the last line counts.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/tests.sh
. "$top/scripts/tests.sh"

in_guest=()
files=()
for source in "$top"/tests/selftests/*.c; do
	name=$(basename "$source" .c)
	in_guest+=("$name")
	files+=("$tests_out/$name")
done
in_guest+=(rust-user)
files+=("$tests_out/rust-user")
on_host=()
for script in "$top"/tests/host/*.sh; do
	on_host+=("host/$(basename "$script")")
done

build_tests selftests rust-user

# The guest's tests load the module themselves.
run_guest() {
	FILES="${files[*]}" LOAD=no WITH_MODULE=yes TRACE=no "$top/scripts/guest.sh" run \
		"$top/tests/run-in-guest.sh" "${in_guest[*]}" || printf '### end %s\n' "$?"
}

run_host() {
	local script
	for script in "${on_host[@]}"; do
		printf '### start %s\n' "$script"
		"$top/tests/$script"
		printf '### end %s\n' "$?"
	done
}

say "booting the guest for the tests (30 to 60 seconds emulated)"
{
	run_guest
	run_host || true
} | "$top/scripts/in-root.sh" perl "$top/scripts/tap.pl" "${in_guest[@]}" "${on_host[@]}"
