#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel.sh: prints the path in the cache of the kernel that KERNEL chooses, which is made on first
# use. What is there: see stock-kernel.sh and debug-kernel.sh.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/target.sh
. "$top/scripts/target.sh"

exec "$top/scripts/$KERNEL-kernel.sh"
