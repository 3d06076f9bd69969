#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests a driver in a folder outside of the checkout on the debug kernel: its tests and torture pass, and a
# deliberate bug in it is reported.

. "$(dirname "$0")/../lib/tap.sh"
wants_new
unset KDIR ARCH FLAVOUR

folder=$scratch/a_driver
run make -C "$top" new DRIVER="$folder"
expect "make new makes a driver" 0
run make -C "$folder" test KERNEL=debug
expect "the driver's tests pass on the debug kernel" 0 "6 passed, 0 failed"
run make -C "$folder" torture KERNEL=debug DEV=/dev/a_driver DURATION=5 SEED=1
expect "the driver's torture passes on the debug kernel" 0 "3 passed, 0 failed"

# Make the driver drop one reference too many each time that it serves its page.
sed -i 's|^        Ok(self.0.clone())|        let page = core::ptr::NonNull::from(\&*self.0);\
        // SAFETY: None: this reference is not ours.\
        drop(unsafe { ARef::<SharedPage>::from_raw(page) });\
&|' "$folder/driver.rs"
run grep -c "this reference is not ours" "$folder/driver.rs"
expect "the driver's source has the bug" 0 1
run make -C "$folder" test KERNEL=debug
# The kernel puts the module's name after that of each of its functions.
expect "the debug kernel reports the bug, in a function of the driver's" 2 "kernel BUG at" "[a_driver]" \
	"trouble while a_driver was tried"

done_testing
