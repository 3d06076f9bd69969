#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh: uses both devices at random in a guest for DURATION seconds (60 by default), measures them under load, and
# unbinds a PCI device 1,000 times while it is used. The same SEED makes a run do the same operations; without SEED a
# random one is chosen, and printed. With DRIVER the device DEV of that driver is used at random, with the checks that
# need no knowledge of the content of its memory. The output is TAP; the last line has the numbers of results.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/programs.sh"

duration=${DURATION:-60}
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
[[ $duration =~ ^[1-9][0-9]*$ ]] || die "DURATION=$duration: must be a number of seconds"
[[ $seed =~ ^[0-9]+$ ]] || die "SEED=$seed: must be a number"

if [ -n "$driver" ]; then
	[[ ${DEV:-} == /dev/?* ]] || die "DEV=${DEV:-} names no device" "Name the driver's device: DEV=/dev/<name>"
	programs=(stress fuzz load)
	args=$(quote "$duration" "$seed" "$DEV" "$module_name")
	say "booting the guest, for $duration seconds of random use of $DEV (and a minute more), SEED=$seed"
else
	[ -z "${DEV:-}" ] || die "DEV=$DEV is for a driver of your own" "Add DRIVER=<folder>, or leave DEV out."
	programs=(stress fuzz load unbind)
	args=$(quote "$duration" "$seed")
	export QEMU_ARGS="$target_display -device edu -device edu" GUEST_MODULE=present
	say "booting the guest, for $duration seconds of torture, figures of load and 1,000 unbinds (3 to 20 minutes), SEED=$seed"
fi

# The programs are the project's, also for DRIVER.
build_tests "${programs[@]}"
FILES=$(quote "${programs[@]/#/$tests_out/}")
# The stress program prints nothing while it runs, so the timeout for silence must be longer than that.
export FILES TRACE=no TIMEOUT=${TIMEOUT:-$((duration + 1200))}
suite torture "$top/scripts/guest/boot.sh" run "$top/tests/torture/run-in-guest.sh" "$args" | judged torture
