#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Whether the tests before this one left memory behind.

echo 1..1
if [ ! -e /sys/kernel/debug/kmemleak ]; then
	echo 'ok 1 kmemleak # SKIP this kernel has no kmemleak'
	exit
fi
if /leaks; then
	echo 'ok 1 kmemleak'
else
	echo 'not ok 1 kmemleak'
fi
