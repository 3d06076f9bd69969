# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # the names are for the scripts that source this file
#
# Sourced by the other scripts: functions for messages, for quoting, and for the cache.

set -euo pipefail
shopt -s inherit_errexit

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
lock_text="of the cache of simple" # the content of the cache's lock files, by which "make distclean" recognizes them
cache=${SIMPLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/simple}

# say TEXT: prints one line of progress to stderr.
say() {
	printf 'simple: %s\n' "$1" >&2
}

# die REASON [REMEDY...]: prints the reason and the remedies to stderr, and exits with status 1.
die() {
	printf 'simple: error: %s\n' "$1" >&2
	shift
	[ $# -eq 0 ] || printf '       %s\n' "$@" >&2
	exit 1
}

# quote TEXT...: prints each TEXT quoted, as one word for a shell.
quote() {
	printf "'%s' " "${@//\'/\'\\\'\'}"
}

# quietly COMMAND...: runs COMMAND with its output appended to the file $log. If it fails, shows the end of it and exits.
# shellcheck disable=SC2154 # the caller sets log
quietly() {
	"$@" >>"$log" 2>&1 || {
		tail -n 15 "$log" >&2
		die "failed: $*" "The whole log is in $log"
	}
}

# key_of FILE|TEXT...: prints a short hash of the contents of the files and of the texts.
key_of() {
	local part
	for part in "$@"; do
		if [ -f "$part" ]; then cat "$part"; else printf '%s\n' "$part"; fi
	done | sha256sum | cut -c1-12
}

# cache_entry NAME COMMAND [ARG...]: makes sure that the directory NAME is in the cache and complete.
#
# If it is not, COMMAND ARG... DIR is called to fill the empty directory DIR, which is then marked as complete.
# A directory that an interrupted run left incomplete is removed first. A lock lets one run at a time make the entry.
cache_entry() {
	local entry=$cache/$1 lock
	shift
	[ ! -e "$entry/.complete" ] || return 0
	mkdir -p "$cache" || die "cannot write to the cache $cache" \
		"Set SIMPLE_CACHE to a directory of your own."
	exec {lock}>"$entry.lock"
	if ! flock --nonblock "$lock"; then
		say "another run is preparing ${entry##*/}, waiting for it"
		flock "$lock"
	fi
	if [ ! -e "$entry/.complete" ]; then
		echo "$lock_text" >"$entry.lock"
		remove_tree "$entry"
		mkdir "$entry"
		"$@" "$entry"
		touch "$entry/.complete"
	fi
	exec {lock}>&-
}

# remove_tree DIR: removes DIR, even if it contains directories without write permission.
remove_tree() {
	[ -e "$1" ] || return 0
	chmod -R u+rwX "$1" 2>/dev/null || true
	rm -rf "$1"
}
