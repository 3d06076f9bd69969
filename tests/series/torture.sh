#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: uses both devices of the sample at random. The programs are those of "make torture". The output is
# TAP: each "stress" prints a case.

echo 1..5
insmod /rust_mmap.ko || exit
for path in /dev/rust-mmap-pages /dev/rust-mmap-frames; do
	./stress 20 1 $path
	if ./fuzz 20 1 $path; then echo "ok - fuzz $path"; else echo "not ok - fuzz $path"; fi
done
if rmmod rust_mmap; then echo "ok - unload"; else echo "not ok - unload"; fi
