#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh: runs PROG in a guest. Without PROG it runs the tests of DRIVER, or without DRIVER a demonstration: that of
# simple_edu with DEMO=edu, and otherwise that of the module's two devices.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/programs.sh"

if [ -n "$driver" ]; then
	[ -z "${DEMO:-}" ] || die "DEMO=$DEMO shows the project's own devices, and DRIVER is another driver" "Leave one of them out."
	[ -n "${PROG:-}" ] || exec "$top/scripts/make/test.sh"
fi
case ${DEMO:-} in
"") demo=demo ;;
edu)
	[ -z "${PROG:-}" ] || die "DEMO and PROG both name a program to run" "Leave one of them out."
	# The demonstration counts instructions: ICOUNT makes the clock count them, which takes a single processor.
	export QEMU_ARGS="-device edu -device edu" ICOUNT=1 GUEST_MODULE=present TRACE=no
	demo=edu-demo
	;;
*)
	die "DEMO=$DEMO is not known" "Known: edu. Without DEMO the module's two devices are shown."
	;;
esac
if [ -z "${PROG:-}" ]; then
	build_tests "$demo"
	PROG=$tests_out/$demo
fi
exec "$top/scripts/guest/boot.sh" run "$PROG" "${ARGS:-}"
