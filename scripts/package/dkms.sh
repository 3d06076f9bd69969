#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# dkms.sh check RELEASE [TREE]: tells whether the modules can be built for that kernel with its headers, TREE, and
# if not, why.
# dkms.sh build RELEASE [TREE]: builds them in the current directory.
#
# DKMS calls it in the source that the package simple-dkms has installed. Where the headers lack the metadata of the
# kernel's Rust crates, it is rebuilt from Debian's package of the kernel's source, and kept in /var/cache/simple: a
# copy of the headers with what they lack.

export SIMPLE_CACHE=/var/cache/simple
. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/tree.sh"
. "$top/scripts/lib/metadata.sh"

release=$2 headers=${3:-/lib/modules/$2/build}
name=headers-$release
series=$(grep -Eo '^[0-9]+\.[0-9]+' <<<"$release") || die "$release is no release of a kernel"
package=/usr/src/linux-source-$series.tar.xz
# The programs that the kernel's make needs to rebuild the metadata.
programs=(bison flex bc pahole xz rsync python3)

# is_kept: whether the cache has a copy of the headers with the metadata, made from the headers as they are now.
is_kept() {
	local file
	[ -e "$cache/$name/.complete" ] || return
	for file in .config Module.symvers; do
		cmp -s "$headers/$file" "$cache/$name/$file" || return
	done
}

# version_of PACKAGE: prints the version of the installed package; nothing if it is not installed.
version_of() {
	dpkg-query -W -f '${Version}' "$1" 2>/dev/null || true
}

# check: ends with the reason unless the modules can be built.
check() {
	local file missing='' have want library
	check_configured "$headers"
	check_toolchain "$headers"
	has_metadata "$headers" || is_kept && return
	want=$(version_of "linux-headers-$release") have=$(version_of "linux-source-$series")
	[ -f "$package" ] || die "$headers lacks the metadata of the kernel's Rust crates (rust/*.rmeta, libmacros.so)" \
		"It is rebuilt from the kernel's source if that is installed: apt install linux-source-$series" \
		"and then: dkms autoinstall -k $release"
	[[ -z $want || $have = "$want" ]] || die "the Rust metadata of $release cannot be rebuilt from linux-source-$series $have" \
		"The source must be of the kernel's version: apt install linux-source-$series=$want" \
		"and then: dkms autoinstall -k $release"
	for file in "${programs[@]}" "$(compiler)"; do
		type -P "$file" >/dev/null || missing+=" $file"
	done
	library=$(rustc --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs
	for file in "/usr/include/openssl/opensslv.h libssl-dev" "/usr/include/libelf.h libelf-dev" \
		"/usr/include/dwarf.h libdw-dev" "$library rust-src"; do
		[ -e "${file% *}" ] || missing+=" ${file##* }"
	done
	[ -z "$missing" ] || die "the metadata of the Rust crates of $release cannot be rebuilt without:$missing" \
		"Install these, and then: dkms autoinstall -k $release"
}

# compiler: the C compiler that built the kernel.
compiler() {
	config_of "$headers" CC_VERSION_TEXT | cut -d ' ' -f 1
}

# native_make ARG...: the kernel's make, with the compiler that Debian's headers name.
native_make() {
	make ARCH="$(arch_of "$headers")" CC="$(compiler)" "$@"
}

# make_headers DIR: fills DIR.
make_headers() {
	work=$1/work
	# Keep no kernel's source, which is large.
	trap 'rm -rf "$work"' EXIT
	local source=$work/source tree=$work/build
	log=$cache/$name.log
	say "rebuilding the Rust metadata of $release from $package (1 to 3 minutes)"
	mkdir -p "$source" "$tree"
	tar -C "$source" --strip-components=1 -xf "$package"
	cp "$headers"/{.config,Module.symvers} "$tree"
	rebuild_metadata native_make "$source" "$tree"
	cp -a "$headers"/. "$1"
	rm -f "$1"/{scripts,tools}
	cp -a "$headers/scripts/." "$1/scripts"
	cp -a "$headers/tools/." "$1/tools"
	cp "$tree"/scripts/target.json "$1/scripts" 2>/dev/null || true
	mkdir -p "$1/rust/kernel"
	cp "$tree"/rust/*.{rmeta,so} "$1/rust"
	cp "$tree"/rust/kernel/generated_*.rs "$1/rust/kernel" 2>/dev/null || true
	# Let the tree find itself where its Makefile is, so that it can be moved.
	# shellcheck disable=SC2016 # it is for make
	sed -i 's|^KBUILD_OUTPUT=.*|KBUILD_OUTPUT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))|' "$1/Makefile"
	rm -rf "$work" "$log"
}

# forget: removes what was kept of kernels that are not installed any more.
forget() {
	local dir
	for dir in "$cache"/headers-*/; do
		[[ ! -d $dir || -d /lib/modules/${dir#"$cache"/headers-} ]] || remove_tree "$dir"
	done
}

check
if [ "$1" = build ]; then
	forget
	if ! has_metadata "$headers"; then
		is_kept || rm -f "$cache/$name/.complete"
		cache_entry "$name" make_headers
		headers=$cache/$name
	fi
	make -C "$headers" M="$PWD" -j"$(nproc)" modules
fi
