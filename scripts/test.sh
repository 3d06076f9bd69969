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
for source in "$top"/tests/selftests/*.{c,sh}; do
	name=$(basename "${source%.*}")
	# These come last: after lockdown no module can be loaded any more, nor kmemleak asked.
	[ "$name" = kmemleak ] || [ "$name" = lockdown ] || in_guest+=("$name")
done
in_guest+=(rust-user kmemleak lockdown)
files=("${in_guest[@]/#/$tests_out/}")
# What the scripts do does not depend on the kernel, apart from what the debug kernel finds.
on_host=(host/debug.sh)
if [ "$KERNEL" = stock ]; then
	on_host=()
	for script in "$top"/tests/host/*.sh; do
		[ "${script##*/}" = debug.sh ] || on_host+=("host/${script##*/}")
	done
fi

build_tests selftests rust-user

# The guest's tests load the module themselves. Memory that is not RAM to try physical=1 on is a
# graphics card's, and a part of RAM that the kernel is told to leave alone. With init_on_alloc=0 a
# page shows that the module did not ask to be zeroed.
run_guest() {
	QEMU_ARGS="$target_display" RESERVE=yes KERNEL_ARGS=init_on_alloc=0 FILES="${files[*]}" LOAD=no \
		WITH_MODULE=yes TRACE=no TIMEOUT=${TIMEOUT:-$((3 * target_timeout))} \
		"$top/scripts/guest.sh" run \
		"$top/tests/run-in-guest.sh" "${in_guest[*]}" || printf '### end %s\n' "$?"
}

run_host() {
	local script status
	for script in "${on_host[@]}"; do
		status=0
		printf '### start %s\n' "$script"
		"$top/tests/$script" || status=$?
		printf '### end %s\n' "$status"
	done
}

# Those of the scripts run meanwhile, and are shown afterwards.
host_output=$(mktemp)
trap 'rm -f "$host_output"' EXIT

takes="about a minute"
[ "$KERNEL" = stock ] || takes="several minutes"
say "booting the guest for the tests ($takes, emulated)"
{
	run_host >"$host_output" 2>&1 &
	run_guest
	wait
	cat "$host_output"
} | "$top/scripts/in-root.sh" perl "$top/scripts/tap.pl" "${in_guest[@]}" "${on_host[@]}"
