#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The instructions that mmap, the first touch and munmap take on the stock kernel: no more than 3 %
# above those in bench/counts.*, which "make bench-accept" writes. These are of one kernel
# release; on another one the measure is the C module, in the same guest.

unset KDIR

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=scripts/lib/base.sh
. "$top/scripts/lib/base.sh"
# shellcheck source=scripts/lib/kernels.sh
. "$top/scripts/lib/kernels.sh"

accepted=$top/bench/counts.$FLAVOUR
release=$(cat "$("$top/scripts/kernel/stock.sh")/release")

# names FILE: of its figures that are not the C module's.
names() {
	grep -v -e '^#' -e '  C, ' "$1" | sed 's/^ *[0-9.]*  //'
}

# of NAME FILE: the figure of that name.
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
expect "the guest counts" 0 "simpler: mmap" "simplen: mmap" "C, fault: mmap"

if grep -qxF "# Linux $release" "$accepted" 2>/dev/null; then
	run diff <(names "$accepted") <(names "$scratch/counts")
	expect "the accepted figures are all and only those that are counted" 0
	while read -r name; do
		was=$(of "$name" "$accepted")
		judge "$name" accepted "$was" 1.03
		if awk -v is="$(of "$name" "$scratch/counts")" -v was="$was" 'BEGIN { exit !(is < was * 0.97) }'; then
			echo "# That is better. Make it the measure with: make bench-accept"
		fi
	done < <(names "$scratch/counts")
else
	echo "# ${accepted##*/} is not for $release: compared with the C module instead"
	while read -r name; do
		reference=${name/#simpler*:/C, remap_pfn_range:}
		reference=${reference/#simplen*:/C, fault:}
		# The C module asks for no particular address, and is not told of the VMA.
		judge "$name" "in C" "$(of "$reference" "$scratch/counts")" 1.04
	done < <(names "$scratch/counts" | grep -v -e huge -e 'new memory') # which is different work
fi

done_testing
