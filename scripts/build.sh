#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh [--guest] [ARG...]: builds the modules and prints where simple.ko is; the examples are
# beside it.
#
# The kernel is that of KDIR; without it the running one, if its tree can build Rust modules and no
# KERNEL, ARCH, FLAVOUR or SERIES is asked for; otherwise the stock or the debug one. With --guest,
# for a module that is to run in a guest, the running kernel is no choice. Further arguments go to
# the kernel's make.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/tree.sh
. "$top/scripts/tree.sh"

asked_for=${KERNEL:-}${ARCH:-}${FLAVOUR:-}${SERIES:-}
# shellcheck source=scripts/target.sh
. "$top/scripts/target.sh"

guest=
if [ "${1:-}" = --guest ]; then
	guest=yes
	shift
fi

# host_build TREE ARG...: with the toolchain of this system.
host_build() {
	local tree=$1 out
	shift
	out=$top/build/$(release_of "$tree")
	mkdir -p "$out"
	say "building for $(release_of "$tree")"
	flock "$out" make --no-print-directory -C "$tree" M="$top" MO="$out" ${ARCH:+ARCH="$target_arch"} \
		modules "$@" >&2
	echo "$out/simple.ko"
}

# target_build ARG...: with the toolchain of the build root.
target_build() {
	local kernel out
	kernel=$("$top/scripts/kernel.sh")
	out=$top/build/$(cat "$kernel/release")
	mkdir -p "$out"
	say "building for $(cat "$kernel/release")"
	flock "$out" "$top/scripts/in-root.sh" make --no-print-directory -C "$kernel/build" M="$top" MO="$out" \
		ARCH="$target_arch" CROSS_COMPILE="$target_triplet-" "$target_toolchain" -j"$(nproc)" modules "$@" >&2
	echo "$out/simple.ko"
}

if [ -n "${KDIR:-}" ]; then
	check_tree "$KDIR"
	host_build "$(realpath "$KDIR")" "$@"
	exit
fi

running=/lib/modules/$(uname -r)/build
if [ -z "$guest$asked_for" ]; then
	if reason=$(check_tree "$running" 2>&1); then
		host_build "$running" "$@"
		exit
	fi
	[ ! -d "$running" ] || say "not building for the running kernel, as \
$(sed -n '1s/^simple: error: //p' <<<"$reason")"
fi
target_build "$@"
