#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# driver-in-guest.sh SECONDS SEED PATH MODULE [PARAMETERS]: runs in the guest. The torture of the device
# that another driver has at PATH. Its module, which it loads from /MODULE.ko unless it is loaded
# already, is unloaded in the end. Each part that passes has a line "ok - PART", which
# scripts/make/torture.sh looks for: stress, fuzz, unload.

duration=$1 seed=$2 path=$3 module=$4 parameters=$5
# The fuzzer's share is a third.
fuzz=$(((duration + 2) / 3))
stress=$((duration > fuzz ? duration - fuzz : 1))

# shellcheck disable=SC2086 # parameters are words
[ -d "/sys/module/$module" ] || insmod "/$module.ko" $parameters || exit
./stress "$stress" "$seed" "$path"
./fuzz "$fuzz" "$seed" "$path" && echo "ok - fuzz"
./load "$module" "$path" "$parameters" && echo "ok - unload"
