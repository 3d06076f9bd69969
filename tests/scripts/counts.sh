#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that mmap, the first touch and munmap take at most 3 % more instructions on the stock kernel than
# bench/counts.* says, which "make bench-accept" writes. These counts are of one kernel release. On another release the
# Rust module is compared with the C module of the benchmark, in the same guest.

unset KDIR

. "$(dirname "$0")/../lib/tap.sh"
. "$top/scripts/lib/base.sh"
. "$top/scripts/lib/kernels.sh"

accepted=$top/bench/counts.$FLAVOUR
release=$(cat "$("$top/scripts/kernel/stock.sh")/release")

# names FILE: prints the names of the figures in FILE, except those of the C module.
names() {
	grep -v -e '^#' -e '  C, ' "$1" | sed 's/^ *[0-9.]*  //'
}

# of NAME FILE: prints the figure of that name.
of() {
	awk -v name="  $1" 'substr($0, 11) == name { print $1 }' "$2"
}

# judge NAME WHAT REFERENCE LIMIT: passes if the figure is at most LIMIT times the reference.
judge() {
	local is
	is=$(of "$1" "$scratch/counts")
	run awk -v is="$is" -v reference="$3" -v limit="$4" 'BEGIN {
		exit !(is > 0 && reference > 0 && is <= reference * limit)
	}'
	expect "$1: $is, $2 $3" 0
}

run "$top/scripts/make/bench.sh" counts
grep -E '^ +[0-9.]+  ' <<<"$output" >"$scratch/counts" || true
expect "the guest counts instructions" 0 "simpler: mmap" "simplen: mmap" "C, fault: mmap"

if grep -qxF "# Linux $release" "$accepted" 2>/dev/null; then
	run diff <(names "$accepted") <(names "$scratch/counts")
	expect "the guest counts the figures that ${accepted##*/} has, and no others" 0
	while read -r name; do
		was=$(of "$name" "$accepted")
		judge "$name" accepted "$was" 1.03
		if awk -v is="$(of "$name" "$scratch/counts")" -v was="$was" 'BEGIN { exit !(is < was * 0.97) }'; then
			echo "# That is fewer than accepted. To accept it: make bench-accept"
		fi
	done < <(names "$scratch/counts")
else
	echo "# ${accepted##*/} is not for $release: compared with the C module instead"
	while read -r name; do
		reference=${name/#simpler*:/C, remap_pfn_range:}
		reference=${reference/#simplen*:/C, fault:}
		# 4 % are allowed, as the C module does less: it does not choose the address, and needs no call after mmap.
		judge "$name" "in C" "$(of "$reference" "$scratch/counts")" 1.04
	done < <(names "$scratch/counts" | grep -v -e huge -e 'new memory') # the C module does not do the same there
fi

done_testing
