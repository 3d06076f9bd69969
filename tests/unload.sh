#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# unload.sh MODULE: runs in the guest. After all tests of a driver its module can be unloaded: what they
# opened and mapped is given back. The output is TAP.

echo 1..1
tries=10
while [ -d "/sys/module/$1" ] && ! rmmod "$1" 2>/dev/null; do
	tries=$((tries - 1))
	if [ $tries = 0 ]; then
		rmmod "$1" 2>&1 | sed 's/^/# /'
		echo "not ok 1 $1 can be unloaded"
		exit 1
	fi
	# A process that was killed can still be on its way out.
	sleep 1
done
echo "ok 1 $1 can be unloaded"
