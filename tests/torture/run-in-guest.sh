#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# run-in-guest.sh SECONDS SEED: runs in the guest. Each part of the torture that passes has a line
# "ok - PART", which scripts/torture.sh looks for.

exec ./stress "$1" "$2"
