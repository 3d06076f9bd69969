#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# torture.sh: DURATION seconds (60) of random use of both devices in a guest, then figures of load, and
# a PCI device that is unbound 1,000 times while it is used. SEED makes a run do the same operations
# again; without one it is random, and shown. With DRIVER it is the device DEV of that driver that is used at
# random, as far as that needs no knowledge of what it holds. The output is TAP; the last line counts.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/programs.sh
. "$top/scripts/lib/programs.sh"

duration=${DURATION:-60}
seed=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
[[ $duration =~ ^[1-9][0-9]*$ ]] || die "DURATION=$duration: must be a number of seconds"
[[ $seed =~ ^[0-9]+$ ]] || die "SEED=$seed: must be a number"

if [ -n "$driver" ]; then
	[[ ${DEV:-} == /dev/?* ]] || die "DEV=${DEV:-}: which device?" "Name the driver's device: DEV=/dev/<name>"
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

# The programs are the project's.
build_tests torture
FILES=$(quote "${programs[@]/#/$tests_out/}")
# The stress program says nothing while it runs.
export FILES TRACE=no TIMEOUT=${TIMEOUT:-$((duration + 1200))}
{
	echo "### start torture"
	status=0
	"$top/scripts/guest/boot.sh" run "$top/tests/torture/run-in-guest.sh" "$args" || status=$?
	echo "### end $status"
} | "$top/scripts/kernel/in-root.sh" perl "$top/tests/judge.pl" torture
