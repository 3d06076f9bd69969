#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that the programs in docs/learn.md can be compiled and run as it says, and print what it says, except for
# addresses, times and process numbers.

. "$(dirname "$0")/../lib/tap.sh"
. "$top/scripts/lib/base.sh"
unset KDIR
. "$top/scripts/lib/kernels.sh"
set +e

# The document shows what the programs print with pages of 4 KiB and x86's page tables.
if [ "$SERIES $FLAVOUR" != "${target_series[0]} amd64" ]; then
	echo "1..0 # SKIP the document shows what the default kernel prints"
	exit
fi

# The folder is in the checkout, as the build root does not see others.
folder=$top/build/learn
rm -rf "$folder"
mkdir -p "$folder"
ln -s "$top" "$folder/simple"
cd "$folder" || exit
awk '
	/^`[a-z]*\.c`:$/ { file = $0; gsub(/[`:]/, "", file) }
	/^```c$/ { piece = file; next }
	/^```console$/ { piece = file; sub(/c$/, "console", piece); next }
	/^```$/ { if (piece) close(piece); piece = "" }
	piece { print >piece }
' "$top/docs/learn.md"

# Build the module first, so that make prints nothing between the programs' lines.
"$top/scripts/kernel/build-modules.sh" --guest >/dev/null 2>&1

# masked: copies stdin without the parts that differ from run to run.
masked() {
	sed -E -e 's/^\[ *[0-9.]+\]/[time]/; s/virt [0-9a-f]+/virt address/; s/phys [0-9a-f]{6,}/phys address/' \
		-e 's/\(pid [0-9]+\)/(pid)/; s/^[0-9a-f]+-[0-9a-f]+ /range /; s/^(range .* 00:)[^/]*/\1 /; s/ +$//' |
		grep -v -e '^simple: ' -e '^make: ' -e '^The driver' -e ': unloaded; '
}

for console in *.console; do
	program=${console%.console}
	mapfile -t commands < <(sed -n 's/^\$ //p' "$console")
	# Use the compiler of the build root, as the host need not have one.
	# shellcheck disable=SC2086 # words
	run "$top/scripts/kernel/in-root.sh" ${commands[0]}
	expect "$program is compiled: ${commands[0]}" 0
	run bash -c "${commands[1]}"
	expect "$program runs: ${commands[1]}" 0
	sed '1,/^\.\.\.$/d' "$console" | masked >"$scratch/wanted"
	masked <<<"$output" >"$scratch/printed"
	run diff "$scratch/wanted" "$scratch/printed"
	[ -s "$scratch/wanted" ] || status=nothing
	expect "$program prints what the document says" 0
done

done_testing
