# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # the names are for the scripts that source this file
#
# Sourced by the other scripts: messages, the target kernel's names, and the cache.

set -euo pipefail
shopt -s inherit_errexit

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
lock_text="of the cache of simple" # what is in the locks of entries, by which they are known as ours
cache=${SIMPLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/simple}

# say TEXT: one line of progress.
say() {
	printf 'simple: %s\n' "$1" >&2
}

# die REASON [REMEDY...]: the reason, what to do about it, and the end.
die() {
	printf 'simple: error: %s\n' "$1" >&2
	shift
	[ $# -eq 0 ] || printf '       %s\n' "$@" >&2
	exit 1
}

# quote TEXT...: each TEXT as one word of a shell.
quote() {
	printf "'%s' " "${@//\'/\'\\\'\'}"
}

# quietly COMMAND...: runs it with its output in the file $log, shown only if it fails.
# shellcheck disable=SC2154 # it is the caller's
quietly() {
	"$@" >>"$log" 2>&1 || {
		tail -n 15 "$log" >&2
		die "failed: $*" "The whole log is in $log"
	}
}

# key_of FILE|TEXT...: a short hash of the contents of the files and of the texts.
key_of() {
	local part
	for part in "$@"; do
		if [ -f "$part" ]; then cat "$part"; else printf '%s\n' "$part"; fi
	done | sha256sum | cut -c1-12
}

# cache_entry NAME COMMAND [ARG...]: makes sure that the directory NAME is in the cache, whole.
#
# If it is not, COMMAND ARG... DIR fills it from empty, and only then is it marked as complete. What
# an interrupted run left is thrown away. A lock lets one run at a time make it.
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

# remove_tree DIR: removes it, also where it holds directories without write permission.
remove_tree() {
	[ -e "$1" ] || return 0
	chmod -R u+rwX "$1" 2>/dev/null || true
	rm -rf "$1"
}
