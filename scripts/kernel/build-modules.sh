#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# build-modules.sh [--guest] [ARG...]: builds the modules, and prints the path of the module: of simple.ko, which has the
# example modules beside it, or of the module of DRIVER. The arguments go to the kernel's make.
#
# The modules are built for the kernel of KDIR. Without KDIR they are built for the running kernel, if its tree can build
# Rust modules and none of KERNEL, ARCH, FLAVOUR and SERIES is set; otherwise for the stock or the debug kernel in the
# cache. With --guest, for a module that is to run in a guest, they are not built for the running kernel.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/driver.sh"
. "$top/scripts/lib/tree.sh"

asked_for=${KERNEL:-}${ARCH:-}${FLAVOUR:-}${SERIES:-}
. "$top/scripts/lib/kernels.sh"

guest=
if [ "${1:-}" = --guest ]; then
	guest=yes
	shift
fi

# built DIR ARG...: prints the path of the module in DIR, and exits with an error if DRIVER's Kbuild has not built it.
# With MO= in the arguments the module is elsewhere, and this is not checked.
built() {
	[[ -z $driver || " $*" == *" MO="* || -f $1/$module_name.ko ]] || die "$driver/Kbuild builds no $module_name.ko" \
		"The module must have the name of the folder: obj-m := $module_name.o"
	echo "$1/$module_name.ko"
}

# host_build TREE ARG...: builds the modules with the toolchain of this system.
host_build() {
	local tree=$1 out path jobs=()
	shift
	for path in "$(realpath "$folder")" "$top"; do
		plain "$path" || die "the kernel's make does not take this path: $path" \
			"Rename it, or build for a stock Debian kernel: leave KDIR out, and set KERNEL=stock."
	done
	out=$folder/build/$(release_of "$tree")
	mkdir -p "$out"
	say "building${driver:+ $module_name} for $(release_of "$tree")"
	# Run as many jobs as make was called with, or else one for each processor.
	[[ ${MAKEFLAGS:-} == *-j* ]] || jobs=(-j"$(nproc)")
	flock "$out" make --no-print-directory -C "$tree" M="$folder" MO="$out" ${ARCH:+ARCH="$target_arch"} "${jobs[@]}" \
		modules "$@" >&2
	built "$out" "$@"
}

# target_build ARG...: builds the modules with the toolchain of the build root.
target_build() {
	local kernel release out lock
	kernel=$("$top/scripts/kernel/chosen.sh")
	release=$(cat "$kernel/release")
	out=$folder/build/$release
	mkdir -p "$out"
	say "building${driver:+ $module_name} for $release"
	exec {lock}<"$out"
	flock "$lock"
	kernel_make -C "$kernel/build" M="$folder_in_root" MO="$folder_in_root/build/$release" -j"$(nproc)" modules "$@" >&2
	built "$out" "$@"
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
