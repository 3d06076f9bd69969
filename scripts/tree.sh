# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced after lib.sh: which kernel tree to build for, and whether it can serve.

# check_tree DIR: ends with the reason and the remedy unless DIR can build Rust modules with the
# toolchain on this system.
check_tree() {
	local dir=$1 conf=$1/include/config/auto.conf want have
	[ -d "$dir" ] || die "KDIR=$dir: there is no such directory" \
		"Name a kernel build tree, or leave KDIR out to use a stock Debian kernel."
	[[ -f $dir/Makefile && -f $conf ]] || die "$dir is not a configured kernel build tree" \
		"In a kernel source tree, first: make olddefconfig && make modules_prepare"
	grep -qx CONFIG_RUST=y "$conf" || die "$dir is configured without CONFIG_RUST" \
		"Enable it (\"make rustavailable\" in the tree tells what that needs), and build the kernel."
	[[ -f $dir/rust/libkernel.rmeta && -f $dir/rust/libmacros.so ]] ||
		die "$dir lacks the metadata of the kernel's Rust crates (rust/*.rmeta, libmacros.so)" \
			"Distributions' header packages often do. In a source tree: make modules_prepare" \
			"Or leave KDIR out to use a stock Debian kernel, for which it is rebuilt."
	want=$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$conf")
	have=$("${RUSTC:-rustc}" --version 2>/dev/null) ||
		die "there is no ${RUSTC:-rustc} on this system, and $dir needs $want" \
			"Install it, or name it with RUSTC=<path>."
	[ "$have" = "$want" ] || die "$dir was built with another compiler than the one here" \
		"the kernel: $want" "here:       $have" \
		"Rust metadata is for one compiler only. Name the right one with RUSTC=<path>."
	type -P "${BINDGEN:-bindgen}" >/dev/null || die "there is no ${BINDGEN:-bindgen} on this system" \
		"Install it (cargo install bindgen-cli), or name it with BINDGEN=<path>."
}

# release_of TREE: the release string of a configured tree.
release_of() {
	cat "$1/include/config/kernel.release"
}
