#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# matrix.sh: runs the tests, or those of DRIVER, on every kernel that scripts/lib/kernels.sh lists, and prints a table of
# the results. The last line has the sum of the results.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/driver.sh"
. "$top/scripts/lib/tree.sh"
. "$top/scripts/lib/kernels.sh"

unset KDIR KERNEL ARCH FLAVOUR SERIES

out=$folder/build/matrix
rm -rf "$out"
mkdir -p "$out"

# row COLUMN...: prints a row of the table.
row() {
	printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' "$@"
}

{
	row kernel architecture "page size" flavour passed failed skipped seconds
	row :--- :--- ---: :--- ---: ---: ---: ---:
} >"$out/table.md"

# sum RUNS LOG...: prints the sum of the results in these logs of RUNS runs.
sum() {
	awk -f "$top/tests/sum.awk" -v runs="$1" "${@:2}"
}

# tested SERIES FLAVOUR: runs the tests on that kernel, and adds the results to the table.
tested() {
	local log=$out/$1-$2.log kernel release=$1 architecture=- page=- passed failed skipped
	export SERIES=$1 FLAVOUR=$2
	: >"$log"
	SECONDS=0
	# Fetch the kernel before the time is taken.
	if kernel=$("$top/scripts/kernel/stock.sh"); then
		release=$(cat "$kernel/release")
		architecture=$(arch_of "$kernel/build")
		page=$((1 << $(config_of "$kernel/build" PAGE_SHIFT)))
		say "testing on $release (up to 15 minutes), with all output in ${log#"$folder/"}"
		SECONDS=0
		make -C "$top" test >"$log" 2>&1 || grep '^FAILED' "$log" || tail -n 5 "$log" >&2
	fi
	read -r passed _ failed _ skipped _ < <(sum 1 "$log")
	row "$release" "$architecture" "$page" "$FLAVOUR" "$passed" "$failed" "${skipped:-0}" "$SECONDS" |
		tee -a "$out/table.md"
}

say "running the tests on ${#target_kernels[@]} kernels (up to an hour on two processors)"
for kernel in "${target_kernels[@]}"; do
	# shellcheck disable=SC2086 # two words
	tested $kernel
done

echo
cat "$out/table.md"
echo
sum "${#target_kernels[@]}" "$out"/*.log
