# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # what the functions work with is the caller's
#
# Sourced after base.sh: building a kernel with a configuration of our own. The functions work with
#   what   the kernel's name in messages
#   log    the file for what its make prints
#   lines  how many lines that are in a whole build, about

# keep_log: writes what comes in to the log, and tells now and then how far it is.
keep_log() {
	local line count=0
	while IFS= read -r line; do
		printf '%s\n' "$line"
		count=$((count + 1))
		[ $((count % 100)) != 0 ] || say "building the $what: file $count of about $lines"
	done >>"$log"
}

# failed WHAT: ends with the last of the log.
failed() {
	grep -v '^  ' "$log" | tail -n 15 >&2
	die "could not $1 the $what" "The whole log is in $log"
}

# options FILE: the lines that set an option, sorted.
options() {
	grep -E '^(CONFIG_|# CONFIG_[^ ]* is not set$)' "$1" | LC_ALL=C sort -u
}

# check_config FRAGMENT CONFIG: ends if an option of the fragment is not in the configuration, which
# happens without a word where what it depends on is missing.
check_config() {
	local lost
	lost=$(comm -23 <(options "$1") <(options "$2"))
	[ -z "$lost" ] || die "these options of the $what did not take effect:" \
		"${lost//$'\n'/$'\n'       }" "See what they depend on, and correct scripts/kernel/config/*.config"
}
