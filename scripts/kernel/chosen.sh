#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# chosen.sh: prints the path in the cache of the kernel that KERNEL names, stock or debug. Makes it on first use.
# stock.sh and debug.sh list the files that are there.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/kernels.sh"

exec "$top/scripts/kernel/$KERNEL.sh"
