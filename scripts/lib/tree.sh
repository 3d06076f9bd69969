# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced after base.sh: checks whether a kernel tree can build Rust modules, and reads its configuration.

# check_tree DIR: exits with the reason and a remedy unless DIR can build Rust modules with the
# toolchain on this system.
check_tree() {
	check_configured "$1"
	has_metadata "$1" || die "$1 lacks the metadata of the kernel's Rust crates (rust/*.rmeta, libmacros.so)" \
		"Distributions' header packages often do. In a source tree: make modules_prepare" \
		"Or build for a stock Debian kernel, whose metadata make rebuilds: leave KDIR out."
	check_toolchain "$1"
}

# has_metadata DIR: whether DIR has the metadata of the kernel's Rust crates.
has_metadata() {
	[[ -f $1/rust/libkernel.rmeta && -f $1/rust/libmacros.so ]]
}

# check_configured DIR: exits with the reason unless DIR is the tree of a kernel with Rust, for the architecture ARCH or
# else this machine's.
check_configured() {
	local dir=$1 conf=$1/include/config/auto.conf
	[ -d "$dir" ] || die "KDIR=$dir: there is no such directory" \
		"Name a kernel build tree, or leave KDIR out to use a stock Debian kernel."
	[[ -f $dir/Makefile && -f $conf ]] || die "$dir is not a configured kernel build tree" \
		"In a kernel source tree, first: make olddefconfig && make modules_prepare"
	case $(arch_of "$dir"):${ARCH:-$(uname -m)} in
	x86:arm64 | x86:aarch64 | arm64:amd64 | arm64:x86*)
		die "$dir is of a kernel for $(arch_of "$dir")" \
			"Add ARCH=$(arch_of "$dir"), and CROSS_COMPILE=<prefix of its compiler's name>."
		;;
	esac
	grep -qx CONFIG_RUST=y "$conf" || die "$dir is configured without CONFIG_RUST" \
		"Enable it (\"make rustavailable\" in the tree tells what that needs), and build the kernel."
}

# check_toolchain DIR: exits with the reason unless this system has the Rust compiler that built the kernel, and bindgen,
# and DIR has Module.symvers.
check_toolchain() {
	local dir=$1 want have
	want=$(config_of "$dir" RUSTC_VERSION_TEXT)
	have=$("${RUSTC:-rustc}" --version 2>/dev/null) ||
		die "there is no ${RUSTC:-rustc} on this system, and $dir needs $want" \
			"Install it, or name it with RUSTC=<path>."
	[ "$have" = "$want" ] || die "$dir was built with another compiler than the one here" \
		"the kernel: $want" "here:       $have" \
		"Rust metadata is for one compiler only. Name the right one with RUSTC=<path>."
	type -P "${BINDGEN:-bindgen}" >/dev/null || die "there is no ${BINDGEN:-bindgen} on this system" \
		"Install it (cargo install bindgen-cli), or name it with BINDGEN=<path>."
	[ -f "$dir/Module.symvers" ] || die "$dir lacks Module.symvers, the list of what the kernel exports" \
		"A complete build of the kernel (make) creates it, and header packages have it."
}

# running_enforces: prints what makes the running kernel load signed modules only; nothing if it loads others, too.
running_enforces() {
	if grep -qs Y /sys/module/module/parameters/sig_enforce; then
		echo module.sig_enforce
	elif grep -qsE '\[(integrity|confidentiality)\]' /sys/kernel/security/lockdown; then
		echo lockdown
	fi
}

# config_of TREE OPTION: prints the value of CONFIG_OPTION in a configured tree, without quotes; nothing if it is not
# set.
config_of() {
	sed -n "s/^CONFIG_$2=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$1/include/config/auto.conf"
}

# arch_of TREE: prints the kernel's name of the architecture of a configured tree.
arch_of() {
	sed -n 's|^# Linux/\([^ ]*\) .*|\1|p' "$1/include/config/auto.conf"
}

# release_of TREE: prints the release string of a configured tree.
release_of() {
	cat "$1/include/config/kernel.release"
}

# modules_of CHECKOUT: prints the names of the modules that its Kbuild builds.
modules_of() {
	sed -n 's/^\(simple[a-z_]*\)-y := .*/\1/p' "$1/Kbuild"
}
