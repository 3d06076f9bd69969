#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh: runs PROG in a guest. If there is no PROG it runs the tests of DRIVER, or else a demonstration:
# DEMO=edu, or the first one.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/programs.sh
. "$top/scripts/lib/programs.sh"

if [ -n "$driver" ]; then
	[ -z "${DEMO:-}" ] || die "DEMO=$DEMO shows the project's own devices, and DRIVER is another" "Leave one of them out."
	[ -n "${PROG:-}" ] || exec "$top/scripts/make/test.sh"
fi
case ${DEMO:-} in
"") ;;
edu)
	[ -z "${PROG:-}" ] || die "DEMO and PROG: one program is run" "Leave one of them out."
	# One processor, and the kernel's clock counts instructions.
	export QEMU_ARGS="-device edu -device edu" ICOUNT=1 SMP='' GUEST_MODULE=present TRACE=no
	build_tests demo
	PROG=$tests_out/edu-demo
	;;
*)
	die "DEMO=$DEMO is not known" "Known: edu; without DEMO both devices of the module are shown."
	;;
esac
if [ -z "${PROG:-}" ]; then
	build_tests demo
	PROG=$tests_out/demo
fi
exec "$top/scripts/guest/boot.sh" run "$PROG" "${ARGS:-}"
