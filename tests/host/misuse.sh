#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# What the abstractions promise by construction: the files in tests/misuse do not compile, and each of
# their functions for the reason that its EXPECT comment gives.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

out=$top/build/misuse
mkdir -p "$out"

# In the kernel's build, with the declarations of the C helpers that the module's own build made.
unset KDIR
module=$("$top/scripts/build.sh" --guest 2>/dev/null)
for source in "$top"/tests/misuse/*.rs; do
	run "$top/scripts/build.sh" --guest M="$top/tests/misuse" MO="$out" \
		MISUSE="$(basename "$source" .rs)" \
		HELPERS_RS="${module%/*}/src/abstractions/helpers_generated.rs"
	expect "${source##*/} does not compile" 2
	# Each error's line and text. Where a promise is kept in the abstractions themselves, the line is
	# there, and 0 stands for it.
	errors=$(awk -v file="/${source##*/}:" '
		/^error/ { text = $0 }
		/^ *-->/ && text { line = sub(".*" file, "") ? $0 + 0 : 0; print line, text; text = "" }
		' <<<"$output")
	while read -r line reason; do
		run awk -v first="$line" -v reason="$reason" '
			index($0, reason) && ($1 == 0 || $1 > first && $1 < first + 15) { found = 1 }
			{ print }
			END { exit !found }' <<<"$errors"
		expect "line $line: $reason" 0
	done < <(sed -n "/EXPECT/{=;s/.*EXPECT //p}" "$source" | paste -d' ' - -)
done

done_testing
