#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# run-in-guest.sh PROGRAM...: runs in the guest, in the folder with the programs. Runs each PROGRAM, which can have
# arguments after its name, and prints lines for tests/judge.pl that tell where it starts and how it ended.

for program in "$@"; do
	echo "### start $program"
	# shellcheck disable=SC2086 # its arguments are words
	./$program
	echo "### end $?"
done
