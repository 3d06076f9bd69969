#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs in the guest: reads from the kernel log what became of the doctests of the kernel's crate and of the tests that
# the series adds, and prints it as TAP.

# results SUITE: prints the results of a suite of KUnit.
results() {
	dmesg | sed -n "s/^\[[^]]*\] //; /# Subtest: $1/,/^\(not \)\{0,1\}ok/p" |
		sed -n 's/^ \{1,\}\(ok\|not ok\) [0-9]* \(.*\)/\1 - \2/p'
}

{
	results rust_doctests_kernel | grep rust_doctest_kernel
	results rust_mm_revocable
} | awk '{ sub(/ - /, " " NR " - "); print }' >/tmp/doctests
cat /tmp/doctests
count=$(wc -l </tmp/doctests)
echo "1..$count"
# Those of the new files must have run.
for file in pgoff pfn vma vm_operations desc folio page pages fault pfnmap address_space caching revocable \
	mixedmap; do
	grep -q "rust_doctest_kernel_mm_${file}_rs" /tmp/doctests || exit 1
done
grep -q revoked_when_the_device_is_unbound /tmp/doctests
