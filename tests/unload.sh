#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# unload.sh MODULE: runs in the guest after all tests of a driver. Tests that the module can be unloaded, as all that
# they opened and mapped is closed and unmapped. The output is TAP.

echo 1..1
tries=10
while [ -d "/sys/module/$1" ] && ! rmmod "$1" 2>/dev/null; do
	tries=$((tries - 1))
	if [ $tries = 0 ]; then
		rmmod "$1" 2>&1 | sed 's/^/# /'
		echo "not ok 1 $1 can be unloaded"
		exit 1
	fi
	# A killed process can still be exiting, and use the module until then.
	sleep 1
done
echo "ok 1 $1 can be unloaded"
