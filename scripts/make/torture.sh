#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh: DURATION seconds (60) of random use of both devices in a guest, then figures of load, and
# a PCI device that is unbound 1,000 times while it is used. SEED makes a run do the same operations
# again; without one it is random, and shown. With DRIVER it is the device DEV of that driver that is used at
# random, as far as that needs no knowledge of what it holds. The last line counts.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/programs.sh
. "$top/scripts/lib/programs.sh"

duration=${DURATION:-60}
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
[[ $duration =~ ^[1-9][0-9]*$ ]] || die "DURATION=$duration: must be a number of seconds"
[[ $seed =~ ^[0-9]+$ ]] || die "SEED=$seed: must be a number"

parts=(stress leaks "fuzz region" "fuzz huge" "fuzz physical" "load figures" unbind)
if [ -n "$driver" ]; then
	[[ ${DEV:-} == /dev/?* ]] || die "DEV=${DEV:-}: which device?" "Name the driver's device: DEV=/dev/<name>"
	parts=(stress fuzz unload)
else
	[ -z "${DEV:-}" ] || die "DEV=$DEV is for a driver of your own" "Add DRIVER=<folder>, or leave DEV out."
fi

# The programs are the project's.
build_tests torture

output=$(mktemp)
trap 'rm -f "$output"' EXIT
# The time-out is for a guest that hangs; what hangs in it is told by the programs before.
export TRACE=no TIMEOUT=${TIMEOUT:-$((4 * duration + 2400))}
status=0
if [ -n "$driver" ]; then
	say "booting the guest, for $duration seconds of random use of $DEV (and a minute more), SEED=$seed"
	FILES=$(quote "$tests_out"/{stress,fuzz,load}) \
		"$top/scripts/guest/boot.sh" run "$top/tests/torture/driver-in-guest.sh" \
		"$(quote "$duration" "$seed" "$DEV" "$module_name")" | tee "$output" || status=$?
else
	say "booting the guest, for $duration seconds of torture, figures of load and 1,000 unbinds (3 to 20 minutes), SEED=$seed"
	QEMU_ARGS="$target_display -device edu -device edu" FILES=$(quote "$tests_out"/{load,stress,fuzz,unbind}) \
		LOAD=no WITH_MODULE=yes "$top/scripts/guest/boot.sh" run "$top/tests/torture/run-in-guest.sh" \
		"$duration $seed" | tee "$output" || status=$?
fi

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
