#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh: runs PROG in a guest, or the demonstration if there is no PROG.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/tests.sh
. "$top/scripts/tests.sh"

if [ -z "${PROG:-}" ]; then
	build_tests demo
	PROG=$tests_out/demo
fi
exec "$top/scripts/guest.sh" run "$PROG" "${ARGS:-}"
