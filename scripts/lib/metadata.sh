# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the caller sets release and log
#
# Sourced after base.sh: rebuilds the metadata of a kernel's Rust crates, which Debian's header packages lack. The same
# compiler makes the same metadata from the same source and configuration, which check_symbols verifies.
#
# The caller sets $release to the kernel's release string, and $log to the file for the output of the kernel's make.

# options: prints the options in the build tree's configuration, except those of the 32-bit vDSO, for which there may be
# no compiler.
options() {
	grep '^CONFIG' "$tree/.config" | grep -Ev '^(CONFIG_COMPAT_VDSO|CONFIG_THUMB2_COMPAT_VDSO)='
}

# check_symbols: exits with an error unless the kernel exports each symbol of the rebuilt crates. The mangled names of
# Rust symbols change with any difference in source, configuration or compiler.
check_symbols() {
	local exported missing
	exported=$(sed -n 's/^EXPORT_SYMBOL_RUST_GPL(\(.*\));$/\1/p' \
		"$tree"/rust/exports_{core,kernel}_generated.h | LC_ALL=C sort -u)
	[ -n "$exported" ] || die "the tree of $release exports no Rust symbols"
	missing=$(comm -23 <(echo "$exported") <(cut -f2 "$tree/Module.symvers" | LC_ALL=C sort -u))
	[ -z "$missing" ] || die "the Rust metadata rebuilt for $release does not match that kernel:" \
		"$(wc -l <<<"$missing") of $(wc -l <<<"$exported") symbols differ, the first is ${missing%%$'\n'*}"
}

# rebuild_metadata MAKE SOURCE TREE: turns TREE, which has the kernel's .config and Module.symvers, into a tree that
# builds modules, from the kernel's source. MAKE is the command that calls make with the toolchain.
rebuild_metadata() {
	local config version made kernel_make=("$1" -C "$2" O="$3") source=$2 tree=$3
	version=$("${kernel_make[@]}" -s kernelversion)
	[[ $release == "$version"* ]] || die "the source in $source is of Linux $version, and the kernel is $release" \
		"Install the source of the kernel's version."
	config=$(options)
	kernel_make+=(LOCALVERSION="${release#"$version"}")
	quietly "${kernel_make[@]}" olddefconfig
	diff <(echo "$config") <(options) >>"$log" ||
		die "the compiler on this system does not allow the configuration of $release" "The difference is in $log"
	quietly "${kernel_make[@]}" -j"$(nproc)" modules_prepare
	made=$(cat "$tree/include/config/kernel.release")
	[ "$made" = "$release" ] || die "the rebuilt tree has the release string $made, not $release"
	check_symbols
}
