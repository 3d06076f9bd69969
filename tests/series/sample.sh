#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: loads the sample, runs its selftest, and unloads the sample.

insmod /rust_mmap.ko && ./rust_mmap && rmmod rust_mmap
