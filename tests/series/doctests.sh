#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: reads from the kernel log what became of the doctests of the kernel's crate, and prints it as TAP.

dmesg | sed -n 's/^\[[^]]*\] //; /# Subtest: rust_doctests_kernel/,/^\(not \)\{0,1\}ok/p' |
	sed -n 's/^ \{1,\}\(ok\|not ok\) \([0-9]*\) \(rust_doctest_kernel.*\)/\1 \2 - \3/p' >/tmp/doctests
cat /tmp/doctests
count=$(wc -l </tmp/doctests)
echo "1..$count"
# That of the new files must have run.
for file in pgoff pfn vma vm_operations desc folio page pages fault pfnmap; do
	grep -q "rust_doctest_kernel_mm_${file}_rs" /tmp/doctests || exit 1
done
