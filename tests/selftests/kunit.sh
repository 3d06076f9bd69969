#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the KUnit suites of the module, and prints their results as one list.

suites=/sys/kernel/debug/kunit

if [ ! -d $suites ]; then
	echo 1..1
	echo 'ok 1 kunit # SKIP this kernel has no KUnit'
	exit
fi

# If the driver is built in, there is no module, and the suites are there since the boot.
[ ! -e /simple.ko ] || insmod /simple.ko
for run in "$suites"/*/run; do
	echo >"$run"
done
# Each suite says how many cases it has, and then how each of them ended.
cat $suites/*/results | awk '
	/# Subtest:/ { suite = $3 }
	/^ +1\.\./ { planned += substr($1, 4) }
	/^ +(not )?ok / {
		verdict = $1 == "not" ? "not ok" : "ok"
		sub(/^ +(not )?ok [0-9]+ /, "")
		print verdict, ++cases, suite "." $0
	}
	END { print "1.." planned + !planned }'
[ ! -e /simple.ko ] || rmmod simple
