#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# run-in-guest.sh SECONDS SEED: runs in the guest. Each part of the torture that passes has a line
# "ok - PART", which scripts/make/torture.sh looks for.

duration=$1 seed=$2
# The fuzzer's share is a tenth for each of its modes.
fuzz=$(((duration + 9) / 10))
stress=$((duration > 3 * fuzz ? duration - 3 * fuzz : 1))

./stress "$stress" "$seed"
for mode in region huge physical; do
	./fuzz "$fuzz" "$seed" "$mode" && echo "ok - fuzz $mode"
done
./load && echo "ok - load figures"
./unbind 1000 "$seed" && echo "ok - unbind"
