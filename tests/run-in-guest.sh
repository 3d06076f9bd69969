#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest, in a folder with the programs named, each of which may have arguments: each one,
# with marks for tests/judge.pl that tell where it starts and how it ended.

for program in "$@"; do
	echo "### start $program"
	# shellcheck disable=SC2086 # its arguments are words
	./$program
	echo "### end $?"
done
