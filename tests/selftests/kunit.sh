#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The results of the modules' KUnit suites as one list.

suites=/sys/kernel/debug/kunit

if [ ! -d $suites ]; then
	echo 1..1
	echo 'ok 1 kunit # SKIP this kernel has no KUnit'
	exit
fi

# Where it is built in there is none, and the suites are there from the start.
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
