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
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/tree.sh
. "$top/scripts/tree.sh"
# shellcheck source=scripts/metadata.sh
. "$top/scripts/metadata.sh"

release=$2 headers=${3:-/lib/modules/$2/build}
name=headers-$release
series=$(grep -Eo '^[0-9]+\.[0-9]+' <<<"$release") || die "$release is no release of a kernel"
package=/usr/src/linux-source-$series.tar.xz
# What the kernel's make needs for that, and the package that has it.
programs=(bison flex bc pahole xz gcc)
files=(
	"/usr/include/openssl/opensslv.h libssl-dev" "/usr/include/libelf.h libelf-dev" "/usr/include/dwarf.h libdw-dev"
	"$(rustc --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library/core/src/lib.rs rust-src"
)

# check: ends with the reason unless the modules can be built.
check() {
	local program file missing=
	check_configured "$headers"
	check_toolchain "$headers"
	if has_metadata "$headers" || [ -e "$cache/$name/.complete" ]; then
		return
	fi
	[ -f "$package" ] || die "$headers lacks the metadata of the kernel's Rust crates (rust/*.rmeta, libmacros.so)" \
		"It is rebuilt from the kernel's source if that is installed: apt install linux-source-$series" \
		"and then: dkms autoinstall -k $release"
	for program in "${programs[@]}"; do
		type -P "$program" >/dev/null || missing+=" $program"
	done
	for file in "${files[@]}"; do
		[ -e "${file% *}" ] || missing+=" ${file#* }"
	done
	[ -z "$missing" ] || die "the metadata of the Rust crates of $release cannot be rebuilt without:$missing" \
		"Install these, and then: dkms autoinstall -k $release"
}

# kernel_make TARGET...: make in the build tree, with what Debian's headers say of the compiler.
kernel_make() {
	local arch
	arch=$(arch_of "$headers")
	make -C "$source" O="$tree" ARCH="$arch" CC="$(config_of "$headers" CC_VERSION_TEXT | cut -d ' ' -f 1)" \
		LOCALVERSION="${localversion:-}" "$@"
}

# make_headers DIR: fills DIR.
make_headers() {
	local work=$1/work
	log=$cache/$name.log source=$work/source tree=$work/build
	say "rebuilding the Rust metadata of $release from $package (1 to 3 minutes)"
	mkdir -p "$source" "$tree"
	tar -C "$source" --strip-components=1 -xf "$package"
	cp "$headers"/{.config,Module.symvers} "$tree"
	rebuild_metadata
	cp -a "$headers"/. "$1"
	rm -f "$1"/{scripts,tools}
	cp -a "$headers/scripts/." "$1/scripts"
	cp -a "$headers/tools/." "$1/tools"
	cp "$tree"/scripts/target.json "$1/scripts" 2>/dev/null || true
	mkdir -p "$1/rust/kernel"
	cp "$tree"/rust/*.{rmeta,so} "$1/rust"
	cp "$tree"/rust/kernel/generated_*.rs "$1/rust/kernel" 2>/dev/null || true
	sed -i "s|^KBUILD_OUTPUT=.*|KBUILD_OUTPUT=$1|" "$1/Makefile"
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
		cache_entry "$name" make_headers
		headers=$cache/$name
	fi
	make -C "$headers" M="$PWD" -j"$(nproc)" modules
fi
