# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # the caller sets the variables that are listed below
#
# Sourced after base.sh: functions that build a kernel with the project's configuration. The caller sets
#   what   the kernel's name in messages
#   log    the file for the output of the kernel's make
#   lines  about how many lines make prints in a complete build

# keep_log: appends stdin to the log, and says after every 100 lines how far the build is.
keep_log() {
	local line count=0
	while IFS= read -r line; do
		printf '%s\n' "$line"
		count=$((count + 1))
		[ $((count % 100)) != 0 ] || say "building the $what: file $count of about $lines"
	done >>"$log"
}

# failed WHAT: shows the end of the log, and exits with the error that the kernel could not be built or configured.
failed() {
	grep -v '^  ' "$log" | tail -n 15 >&2
	die "could not $1 the $what" "The whole log is in $log"
}

# options FILE: prints the lines that set an option, sorted.
options() {
	grep -E '^(CONFIG_|# CONFIG_[^ ]* is not set$)' "$1" | LC_ALL=C sort -u
}

# check_config FRAGMENT CONFIG: exits with an error if the configuration lacks an option of the fragment. Kconfig drops
# an option without a message if its dependencies are not met.
check_config() {
	local lost
	lost=$(comm -23 <(options "$1") <(options "$2"))
	[ -z "$lost" ] || die "these options of the $what did not take effect:" \
		"${lost//$'\n'/$'\n'       }" "See what they depend on, and correct scripts/kernel/config/*.config"
}
