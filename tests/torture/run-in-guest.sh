#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# run-in-guest.sh SECONDS SEED [PATH MODULE [PARAMETERS]]: runs in the guest, and tortures both devices, or the one that
# another driver has at PATH. That driver's module is loaded from /MODULE.ko unless it is loaded already, and is unloaded
# in the end. The output is TAP, in which each part of the torture is a case.

duration=$1 seed=$2 path=$3 module=$4 parameters=$5

# part NAME COMMAND...: the case that COMMAND succeeds.
part() {
	name=$1
	shift
	if "$@"; then echo "ok - $name"; else echo "not ok - $name"; fi
}

# The fuzzer's share is a tenth for each of its modes, or a third if there is one mode.
if [ -z "$path" ]; then
	fuzz=$(((duration + 9) / 10))
	stress=$((duration > 3 * fuzz ? duration - 3 * fuzz : 1))
	echo "1..7"
	# Its cases are "stress" and "leaks".
	./stress "$stress" "$seed"
	for mode in region huge physical; do
		part "fuzz $mode" ./fuzz "$fuzz" "$seed" "$mode"
	done
	part "load figures" ./load
	part "unbind" ./unbind 1000 "$seed"
else
	fuzz=$(((duration + 2) / 3))
	stress=$((duration > fuzz ? duration - fuzz : 1))
	echo "1..3"
	# shellcheck disable=SC2086 # parameters are words
	[ -d "/sys/module/$module" ] || insmod "/$module.ko" $parameters || exit
	./stress "$stress" "$seed" "$path"
	part "fuzz" ./fuzz "$fuzz" "$seed" "$path"
	part "unload" ./load "$module" "$path" "$parameters"
fi
