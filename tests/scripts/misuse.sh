#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# What the abstractions promise by construction: the files in tests/misuse do not compile, and what
# follows each of their EXPECT comments does not for the reason that the comment gives.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

out=$top/build/misuse
mkdir -p "$out"

unset KDIR
for source in "$top"/tests/misuse/*.rs; do
	run "$top/scripts/kernel/build-modules.sh" --guest M="$top/tests/misuse" MO="$out" \
		MISUSE="$(basename "$source" .rs)"
	expect "${source##*/} does not compile" 2
	# Each error's text and line: the first one in the file, as that of a macro is where it is used.
	# Where the compiler says nothing of the file, the line is 0.
	errors=$(awk -v file="/${source##*/}:" '
		/^error/ { if (text) print line, text; text = $0; line = 0 }
		/^ *(-->|:::)/ && !line && sub(".*" file, "") { line = $0 + 0 }
		END { if (text) print line, text }' <<<"$output")
	while read -r line next reason; do
		run awk -v first="$line" -v next_one="$next" -v reason="$reason" '
			index($0, reason) && ($1 == 0 || $1 > first && $1 < next_one) { found = 1 }
			{ print }
			END { exit !found }' <<<"$errors"
		expect "line $line: $reason" 0
	# Each comment's line, that of the next one, and its reason.
	done < <(awk 'sub(".*// EXPECT ", "") { if (line) print line, NR, reason; line = NR; reason = $0 }
		END { if (line) print line, NR + 1, reason }' "$source")
done

done_testing
