#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that misuse of the abstractions does not compile: the code after each EXPECT comment in tests/misuse gives the
# error that the comment names.

. "$(dirname "$0")/../lib/tap.sh"

out=$top/build/misuse
mkdir -p "$out"

unset KDIR
for source in "$top"/tests/misuse/*.rs; do
	run "$top/scripts/kernel/build-modules.sh" --guest M="$top/tests/misuse" MO="$out" \
		MISUSE="$(basename "$source" .rs)"
	expect "${source##*/} does not compile" 2
	# Each error's line and text. Of several lines in the file the first one is taken, which for an error in a macro is
	# where it is used. If the compiler names no line of the file, the line is 0.
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
	# Each EXPECT comment's line, the line of the next one, and its text.
	done < <(awk 'sub(".*// EXPECT ", "") { if (line) print line, NR, reason; line = NR; reason = $0 }
		END { if (line) print line, NR + 1, reason }' "$source")
done

done_testing
