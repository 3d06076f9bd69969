#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that a BAR that is mapped by faults has the caching that the driver asked for. On x86 the kernel keeps a list of
# ranges with their memory types, from which such a mapping takes its type.

. "$(dirname "$0")/../lib/tap.sh"
. "$top/scripts/lib/base.sh"

unset KDIR
. "$top/scripts/lib/programs.sh"

build_module caching
expect "a driver with each kind of caching compiles" 0

cat >"$scratch/types" <<'END_OF_SCRIPT'
#!/bin/sh
list=/sys/kernel/debug/x86/pat_memtype_list
bar=$(awk 'NR == 1 { print substr($1, 3) }' "$(dirname "$(grep -l 0x11e8 /sys/bus/pci/devices/*/device)")/resource")
for kind in 0 1 2; do
	insmod ./caching.ko "kind=$kind" && [ -c /dev/caching0 ] || exit
	./touch /dev/caching0 || exit
	echo "kind $kind: $(sed -n "s/^PAT: \[mem 0x$bar-.*\] //p" $list 2>/dev/null)"
	rmmod caching || exit
	echo "after $kind: [$(sed -n "s/^PAT: \[mem 0x$bar-.*\] //p" $list 2>/dev/null)]"
done
END_OF_SCRIPT

build_tests touch
run env FILES="'$out/caching.ko' '$tests_out/touch'" GUEST_MODULE=none TRACE=no QEMU_ARGS="-device edu" \
	"$top/scripts/guest/boot.sh" run "$scratch/types"
if [ "$target_arch" = x86 ]; then
	# Cached memory is uncached here: the MTRRs say so of all addresses of PCI, which the documentation mentions.
	expect "a mapped BAR has the memory type that the driver asks for" 0 "kind 1: write-combining" "after 1: []" \
		"kind 2: uncached-minus" "after 2: []"
else
	expect "a BAR can be mapped with each kind of caching" 0 "kind 2: " "after 2: []"
fi

done_testing
