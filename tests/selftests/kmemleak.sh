#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests that the tests before this one have leaked no memory.

echo 1..1
if [ ! -e /sys/kernel/debug/kmemleak ]; then
	echo 'ok 1 nothing has leaked # SKIP this kernel has no kmemleak'
	exit
fi
if /leaks; then
	echo 'ok 1 nothing has leaked'
else
	echo 'not ok 1 nothing has leaked'
fi
