# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # the names are for the scripts that source this file
#
# Sourced by the other scripts: functions for messages, for quoting, and for the cache.

set -euo pipefail
shopt -s inherit_errexit

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
lock_text="of the cache of simple" # the content of the cache's lock files, by which "make distclean" recognizes them
in_root=$top/scripts/kernel/in-root.sh # runs a command in the build root
cache=${SIMPLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/simple}

# The process that called the first of these scripts, mostly make. If it is terminated, and that script with it, the
# scripts that run at a deeper level see that it is gone.
export SIMPLE_CALLER=${SIMPLE_CALLER:-$PPID}

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

# plain PATH: whether the kernel's make takes that path: it has letters, digits and /._+~@- only.
plain() {
	[[ ${1//[\/._+~@-]/} != *[[:space:][:cntrl:][:punct:]]* ]]
}

# check_cache ENTRY: ends with the reason unless the kernel's make takes the path of the cache, and this user can write
# to the cache, to ENTRY in it, and to what every command writes there.
check_cache() {
	local file remedy="Set SIMPLE_CACHE to a directory of your own."
	plain "$cache" || die "the kernel's make does not take the path of the cache: $cache" \
		"Set SIMPLE_CACHE to a path of letters, digits and /._+~@- only."
	mkdir -p "$cache" 2>/dev/null || die "cannot write to the cache $cache" "$remedy"
	for file in "$cache" "$1"{,.lock} "$cache"/cargo{,.lock}; do
		[[ -e $file && ! -w $file ]] || continue
		[[ $(id -u) != 0 && ! -O $file ]] || die "cannot write to the cache: $file is read-only" "$remedy"
		die "cannot write to the cache: $file belongs to $(stat -Lc %U "$file"), and you are $(id -un)" "$remedy" \
			"If $cache holds nothing else, you can make it yours: sudo chown -R $(id -un) $cache"
	done
}

# check_room NAME: ends with the reason unless there is room to make the entry NAME. mmdebstrap makes the build root in the
# folder for temporary files, where it stays until all of it is in the cache. Sizes are in MiB.
check_room() {
	local need free dir setting settings=(SIMPLE_CACHE)
	case $1 in
	root-*) [[ ${target_root_archs:-} == *,* ]] && need=3300 || need=2600 ;;
	debian-*) need=5000 ;;
	linux-source-*) need=2100 ;;
	linux-*-debug-* | intree-*) need=1200 ;;
	linux-*) need=500 ;;
	headers-*) need=2200 ;;
	series-*) need=3000 ;;
	*) return 0 ;;
	esac
	[[ $1 != root-* ]] || settings+=(TMPDIR)
	for setting in "${settings[@]}"; do
		dir=$cache
		if [ "$setting" = TMPDIR ]; then
			dir=${TMPDIR:-/tmp}
			[ "$(stat -c %d "$dir")" != "$(stat -c %d "$cache")" ] || need=$((2 * need))
		fi
		free=$(df -m --output=avail "$dir" | tail -n 1)
		[ "$free" -ge "$need" ] || die "the file system of $dir has ${free// /} MiB free, and $1 takes $need MiB there" \
			"Make room, or set $setting to a directory with more."
	done
}

# tell_if_full STATUS: at the end of a run that failed, says if the disk is full. Other programs' messages on that can
# be in a log, or lost, as the log is on that disk, too.
tell_if_full() {
	[ "$1" = 0 ] || [ "$(df -m --output=avail "$cache" | tail -n 1)" -ge 50 ] || say "error: the file system of the \
cache $cache is full; make room, or set SIMPLE_CACHE to a directory with more, and run this again"
}

# take_lock FD WHAT: locks the open file or folder. If another run has locked it, says that this run waits, and waits.
take_lock() {
	flock --nonblock "$1" || {
		say "another run $2, waiting for it"
		flock "$1"
	}
}

# cache_entry NAME COMMAND [ARG...]: makes sure that the directory NAME is in the cache and complete.
#
# If it is not, COMMAND ARG... DIR is called to fill the empty directory DIR, which is then marked as complete.
# A directory that an interrupted run left incomplete is removed first. A lock lets one run at a time make the entry.
cache_entry() {
	local entry=$cache/$1 lock
	shift
	check_cache "$entry"
	[ ! -e "$entry/.complete" ] || return 0
	exec {lock}>"$entry.lock"
	take_lock "$lock" "is preparing ${entry##*/}"
	if [ ! -e "$entry/.complete" ]; then
		echo "$lock_text" >"$entry.lock"
		remove_tree "$entry"
		check_room "${entry##*/}"
		trap 'tell_if_full $?' EXIT
		mkdir "$entry"
		"$@" "$entry"
		touch "$entry/.complete"
	fi
	exec {lock}>&-
}

# movable ENTRY: lets a kernel's entry be moved, with its source, to another path: the build tree finds itself where its
# Makefile is, and its source by a link.
movable() {
	# shellcheck disable=SC2016 # it is for make
	sed -i -e 's|^\(export KBUILD_OUTPUT\) = .*|\1 := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))|' \
		-e 's|^include .*|include $(KBUILD_OUTPUT)/source/Makefile|' "$1/build/Makefile"
	ln -sfn ../source "$1/build/source"
}

# remove_tree DIR: removes DIR, even if it contains directories without write permission.
remove_tree() {
	[ -e "$1" ] || return 0
	chmod -R u+rwX "$1" 2>/dev/null || true
	rm -rf "$1"
}
