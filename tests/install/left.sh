#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# left.sh: prints the files of this system whose names contain the module's, except those of kernels, and logs.

find / -xdev \( -path /root -o -path /var/log -o -path '/usr/lib/modules/*/kernel' -o -path '/usr/src/linux-*' \) -prune -o \
	-name '*simple*' -print | sort
