#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# matrix.sh: runs the suite, or the tests of DRIVER, on every kernel that scripts/lib/kernels.sh knows, and prints a table of the
# results. The last line counts.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/driver.sh
. "$top/scripts/lib/driver.sh"
# shellcheck source=scripts/lib/tree.sh
. "$top/scripts/lib/tree.sh"

# Each is a series and a flavour, which tells the architecture.
kernels=(
	"7.2 amd64" "7.2 cloud-amd64" "7.2 rt-amd64" "7.2 arm64" "7.2 arm64-16k"
	"7.3 amd64"
)
unset KDIR KERNEL ARCH FLAVOUR SERIES

out=$folder/build/matrix
mkdir -p "$out"

# row COLUMN...: a row of the table.
row() {
	printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' "$@"
}

{
	row kernel architecture "page size" flavour passed failed skipped seconds
	row :--- :--- ---: :--- ---: ---: ---: ---:
} >"$out/table.md"

# tested SERIES FLAVOUR: adds the results of the suite there to the table.
tested() {
	local log=$out/$1-$2.log kernel release=$1 architecture=- page=- counts='0 0 0' passed failed skipped
	export SERIES=$1 FLAVOUR=$2
	SECONDS=0
	# The kernel is made before the clock runs.
	if kernel=$("$top/scripts/kernel/stock.sh"); then
		release=$(cat "$kernel/release")
		architecture=$(arch_of "$kernel/build")
		page=$((1 << $(config_of "$kernel/build" PAGE_SHIFT)))
		say "testing on $release (2 to 10 minutes), with all output in ${log#"$folder/"}"
		SECONDS=0
		make -C "$top" test >"$log" 2>&1 || grep '^FAILED' "$log" || tail -n 5 "$log" >&2
		counts=$(awk '/^[0-9]+ passed, / { counts = $1 " " $3 " " $5 + 0 } END { print counts }' "$log")
	fi
	read -r passed failed skipped <<<"$counts"
	# A suite that did not end counts as one that failed.
	[ "${passed:-0}" != 0 ] || passed=0 failed=1
	row "$release" "$architecture" "$page" "$FLAVOUR" "$passed" "$failed" "${skipped:-0}" "$SECONDS" |
		tee -a "$out/table.md"
}

say "running the suite on ${#kernels[@]} kernels (15 to 40 minutes)"
for kernel in "${kernels[@]}"; do
	# shellcheck disable=SC2086 # two words
	tested $kernel
done

echo
cat "$out/table.md"
echo
awk -F '|' 'NR > 2 { passed += $6; failed += $7; skipped += $8 }
	END {
		printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
		exit failed > 0
	}' "$out/table.md"
