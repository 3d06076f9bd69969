#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh: DURATION seconds (60) of random use of both devices in a guest, then figures of load, and
# a PCI device that is unbound 1,000 times while it is used. SEED makes a run do the same operations
# again; without one it is random, and shown. The last line counts.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/tests.sh
. "$top/scripts/tests.sh"

duration=${DURATION:-60}
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
[[ $duration =~ ^[1-9][0-9]*$ ]] || die "DURATION=$duration: must be a number of seconds"
[[ $seed =~ ^[0-9]+$ ]] || die "SEED=$seed: must be a number"

parts=(stress leaks "fuzz region" "fuzz huge" "fuzz physical" "load figures" unbind)

build_tests torture

output=$(mktemp)
trap 'rm -f "$output"' EXIT
say "booting the guest, for $duration seconds of torture, figures of load and 1,000 unbinds (3 to 20 minutes), SEED=$seed"
status=0
# The time-out is for a guest that hangs; what hangs in it is told by the programs before.
QEMU_ARGS="$target_display -device edu -device edu" \
	FILES="$tests_out/load $tests_out/stress $tests_out/fuzz $tests_out/unbind" LOAD=no WITH_MODULE=yes \
	TRACE=no TIMEOUT=${TIMEOUT:-$((4 * duration + 2400))} \
	"$top/scripts/guest.sh" run "$top/tests/torture/run-in-guest.sh" "$duration $seed" |
	tee "$output" || status=$?

passed=0 failed=0
for part in "${parts[@]}"; do
	if grep -qx "ok - $part" "$output"; then
		passed=$((passed + 1))
	else
		echo "FAILED $part, SEED=$seed"
		failed=$((failed + 1))
	fi
done
if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
	echo "FAILED the guest, with status $status, SEED=$seed"
	failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
