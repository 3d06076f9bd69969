#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: loads the sample that maps a BAR, runs its selftest, and unloads the sample.

insmod /rust_driver_pci_mmap.ko && ./rust_pci_mmap && rmmod rust_driver_pci_mmap
