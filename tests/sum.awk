# SPDX-License-Identifier: GPL-2.0
#
# Reads what several runs of tests printed, and prints the sum of the lines "N passed, N failed, N skipped" in it. Fails if
# a test failed, or if there are fewer of these lines than runs.
#
# -v runs=N: how many runs there were

/^[0-9]+ passed, [0-9]+ failed/ {
	passed += $1
	failed += $3
	skipped += $5
	counted++
}

END {
	# A run without that line did not come to its end, and counts as one failed test.
	failed += runs - counted
	printf "%d passed, %d failed", passed, failed
	if (skipped)
		printf ", %d skipped", skipped
	printf "\n"
	exit failed > 0
}
