#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that the documents agree with the program: parameters, defaults, counters and commands. Links must lead to files.

# shellcheck disable=SC2016 # the `...` are those of the documents
. "$(dirname "$0")/../lib/tap.sh"
cd "$top" || exit

# same NAME FILE FILE: passes if both are the same and not empty.
same() {
	run diff "$2" "$3"
	[ -s "$2" ] || status=empty
	expect "$1" 0
}

run awk 'END { exit NR > 150 }' README.md
expect "the README has at most 150 lines" 0

awk '/^```rust$/ { inside = 1; next } /^```$/ { inside = 0 } inside' README.md >"$scratch/driver"
same "the driver in the README is src/examples/page.rs" "$scratch/driver" src/examples/page.rs

for document in *.md docs/*.md; do
	grep -Eo '\]\([^)#]+' "$document" | cut -c 3- | grep -v '^https\?:' >"$scratch/links"
	while read -r link; do
		[ -e "${document%"${document##*/}"}$link" ] || echo "$link"
	done <"$scratch/links" >"$scratch/broken"
	run cat "$scratch/broken"
	[ -z "$output" ] || status="a link to nothing"
	expect "the links in $document lead to files" 0
done

# The parameters and their defaults: those of the module, and those in the documents.
awk '/^ *[a-z]+: (usize|u8) \{/ { sub(":", "", $1); name = $1 } /default:/ { sub(",", ""); print name, $2 }' \
	src/simple.rs >"$scratch/parameters"
sed -n 's/^| `\([a-z]*\)` | .* | \([0-9]*\) |$/\1 \2/p' README.md >"$scratch/readme"
same "the parameters in README.md are the module's" "$scratch/parameters" "$scratch/readme"
sed -n 's/^| `\([a-z]*\)` | .* | \([0-9]*\) |$/\1 \2/p' docs/reference.md >"$scratch/table"
same "the parameters in docs/reference.md are the module's" "$scratch/parameters" "$scratch/table"
sed -n 's/^#\t\([a-z]*\)  *.*(\([0-9]*\))$/\1 \2/p' scripts/package/etc/modprobe.d/simple.conf >"$scratch/modprobe"
same "the parameters in modprobe.d/simple.conf are the module's" "$scratch/parameters" "$scratch/modprobe"
cut -d ' ' -f 1 "$scratch/parameters" >"$scratch/names"
sed -n 's/^\.R*BI* *\[* *"*\([a-z]*\)=.*/\1/p' docs/simple.4 | awk '!seen[$0]++' >"$scratch/manual"
same "the parameters in the manual page are the module's" "$scratch/names" "$scratch/manual"

awk '/^\.BI? / { split($2, name, "="); gsub(/"/, "", name[1]) } /^The default is [0-9]+\.$/ { sub(/\.$/, "", $4); print name[1], $4 }' \
	docs/simple.4 >"$scratch/defaults"
run grep -vxFf "$scratch/parameters" "$scratch/defaults"
[ -s "$scratch/defaults" ] || status=empty
expect "the defaults in the manual page are the module's" 1

# The commands in docs/install.md, of which the test of the installation runs those under each heading.
awk '/^## / { heading = substr($0, 4) } /^```console$/ { print heading }' docs/install.md | sort -u >"$scratch/headings"
run test -s "$scratch/headings"
expect "docs/install.md has commands to type" 0
while read -r heading; do
	run grep -F "typed \"$heading\"" tests/install/in-guest.sh
	expect "the test of the installation types \"$heading\"" 0
done <"$scratch/headings"

# The counters.
sed -n 's/^ *(c"\([a-z_]*\)", |events| .*/\1/p' src/events.rs | sort >"$scratch/counters"
sed -n '/`simple\/simpler` and `simple\/simplen`/,/^$/p' docs/reference.md | grep -Eo '`[a-z_]+`' | tr -d '`' |
	grep -vx 'simplen' | sort -u >"$scratch/reference"
same "the counters in docs/reference.md are the module's" "$scratch/counters" "$scratch/reference"
while read -r name; do
	run grep -Eq "^\.IR? $name( |$)" docs/simple.4
	expect "the manual page has the counter $name" 0
done <"$scratch/counters"

while read -r name; do
	run grep -rl "\"$name\"" tests/selftests
	expect "a test looks at the counter $name" 0 .c
done <"$scratch/counters"

# The instructions: figures can differ by 1 % from run to run, and those of the document are rounded.
awk -F '  +|: ' '/^#/ { next } { sub(/^ +/, ""); print $2 "|" $3 "|" $1 }' bench/counts.amd64 >"$scratch/counts"
awk -F ' *[|] *' '
	function check(what, said) {
		sub(/ .*/, "", said)
		gsub(/,/, "", said)
		if (said >= count[$2, what] * 0.99 - 0.05 && said <= count[$2, what] * 1.01 + 0.05)
			delete count[$2, what]
	}
	NR == FNR { count[$1, $2] = $3; next }
	{
		check("mmap of 4 MiB", $3)
		check("first touch of a page", $4)
		check("munmap, a page", $5)
		check("first write to 16 MiB of new memory, a page", $8)
	}
	END {
		for (key in count)
			if (count[key])
				print key
	}
' "$scratch/counts" docs/costs.md >"$scratch/figures"
run cat "$scratch/figures"
[[ -s $scratch/counts && -z $output ]] || status="other figures"
expect "the instructions in docs/costs.md are those of bench/counts.amd64" 0

# The commands.
make -s help >"$scratch/help"
sed -n '/^commands :=/,/^\.PHONY:/p' Makefile | tr -s ' \t' '\n' | grep -x '[a-z-]*' | grep -vxE 'commands|all|help' \
	>"$scratch/targets"
run test -s "$scratch/targets"
expect "the Makefile has commands" 0
while read -r target; do
	run grep -Eq "make ([a-z|-]*\|)?$target\b" "$scratch/help"
	expect "make help has $target" 0
done <"$scratch/targets"
grep -Eho '(^|`|\$ |sudo |&& )make [a-z][a-z-]+' README.md CONTRIBUTING.md docs/*.md | sed 's/.*make //' | sort -u >"$scratch/typed"
run test -s "$scratch/typed"
expect "the documents name commands" 0
while read -r target; do
	run make -n "$target"
	expect "make $target exists, which a document names" 0
done <"$scratch/typed"

done_testing
