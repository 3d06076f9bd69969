# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what the functions work with is the caller's
#
# Sourced after base.sh: the metadata of a kernel's Rust crates, which header packages leave out. The same compiler
# makes the same metadata again from the same source and configuration; whether it did is checked.
#
# $release is the kernel's release string, and $log the file for what its make prints.

# options: what the build tree's configuration sets, less what is for programs, and needs a compiler for 32 bits.
options() {
	grep '^CONFIG' "$tree/.config" | grep -Ev '^(CONFIG_COMPAT_VDSO|CONFIG_THUMB2_COMPAT_VDSO)='
}

# check_symbols: the names of what the Rust crates export change with the least difference in
# source, configuration or compiler. Each one of the tree must be one of the kernel.
check_symbols() {
	local exported missing
	exported=$(sed -n 's/^EXPORT_SYMBOL_RUST_GPL(\(.*\));$/\1/p' \
		"$tree"/rust/exports_{core,kernel}_generated.h | LC_ALL=C sort -u)
	[ -n "$exported" ] || die "the tree of $release exports no Rust symbols"
	missing=$(comm -23 <(echo "$exported") <(cut -f2 "$tree/Module.symvers" | LC_ALL=C sort -u))
	[ -z "$missing" ] || die "the Rust metadata rebuilt for $release does not match that kernel:" \
		"$(wc -l <<<"$missing") of $(wc -l <<<"$exported") symbols differ, the first is ${missing%%$'\n'*}"
}

# rebuild_metadata MAKE SOURCE TREE: makes a build tree of TREE, which has the kernel's .config and Module.symvers, from
# the kernel's source. MAKE is the command that calls make with the toolchain.
rebuild_metadata() {
	local config version made kernel_make=("$1" -C "$2" O="$3") source=$2 tree=$3
	version=$("${kernel_make[@]}" -s kernelversion)
	[[ $release == "$version"* ]] || die "the source in $source is of Linux $version, and the kernel is $release" \
		"Install the source of the kernel's version."
	config=$(options)
	kernel_make+=(LOCALVERSION="${release#"$version"}")
	quietly "${kernel_make[@]}" olddefconfig
	diff <(echo "$config") <(options) >>"$log" ||
		die "the configuration of $release does not fit the compiler that is here" "See $log"
	quietly "${kernel_make[@]}" -j"$(nproc)" modules_prepare
	made=$(cat "$tree/include/config/kernel.release")
	[ "$made" = "$release" ] || die "the tree calls itself $made, not $release"
	check_symbols
}
