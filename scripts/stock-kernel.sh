#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# stock-kernel.sh: prints the path of the target's stock kernel in the cache. Makes it on first use:
#   release  its release string
#   vmlinuz  the unmodified kernel image of the distribution
#   uio.ko   that of its modules which the benchmark compares with
#   source   a link to its source tree, unpacked
#   build    a tree that builds modules for it, Rust modules too
#
# Debian's header packages lack the metadata of the kernel's Rust crates. The same compiler makes
# the same metadata again from the same source and configuration; whether it did is checked.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/target.sh
. "$top/scripts/target.sh"

in_root=$top/scripts/in-root.sh
root=$("$top/scripts/build-root.sh")
name=linux-$SERIES-$FLAVOUR-$(key_of "$0" "${root##*/}")

# quietly LOG COMMAND...: runs it with its output in LOG, shown only if it fails.
quietly() {
	local log=$1
	shift
	"$@" >>"$log" 2>&1 || {
		tail -n 15 "$log" >&2
		die "failed: $*" "The whole log is in $log"
	}
}

# apt_version PACKAGE: the version that apt would install; nothing if there is no such package.
apt_version() {
	"$in_root" apt-cache policy "$1:$target_deb_arch" | sed -n 's/^ *Candidate: //p' | grep -v '(none)' || true
}

# fetch PACKAGE=VERSION DIR: unpacks it there without installing it.
fetch() {
	local dir
	mkdir -p "$2"
	dir=$(mktemp -d "$2/deb.XXXXXX")
	(cd "$dir" && quietly "$log" "$in_root" apt-get download "$1")
	quietly "$log" "$in_root" sh -c "dpkg-deb -x '$dir'/*.deb '$2'"
	rm -rf "$dir"
}

# newest_release SERIES: sets $release, $version and $image, the package with the kernel image, to
# those of the newest kernel that is there whole. Fails if there is none.
newest_release() {
	local package packages="^linux-headers-${1//./[.]}[^0-9-][^-]*-$FLAVOUR\$"
	for package in $("$in_root" apt-cache search --names-only "$packages" | cut -d' ' -f1 | sort -rV); do
		release=${package#linux-headers-}
		version=$(apt_version "$package")
		[ "$(apt_version "linux-modules-$release")" = "$version" ] || continue
		[ -n "$("$in_root" apt-cache madison "linux-source-$1" | awk -v v="$version" '$3 == v')" ] || continue
		# Debian signs the images some days after it has built them.
		for image in linux-binary-{,unsigned-}"$release"; do
			[ "$(apt_version "$image")" != "$version" ] || return 0
		done
	done
	return 1
}

# offered: the series that are there, as settings.
offered() {
	local series found=
	for series in "${target_series[@]}"; do
		! newest_release "$series" || found+=" SERIES=$series"
	done
	echo "${found:- no known series of this flavour}"
}

# make_source DIR: the kernel's source, shared by the flavours.
make_source() {
	say "fetching and unpacking the source of Linux $version (once, about 20 seconds)"
	fetch "linux-source-$SERIES=$version" "$1/package"
	tar -C "$1" --strip-components=1 -xf "$1"/package/usr/src/linux-source-*.tar.xz
	rm -rf "$1/package"
}

# kernel_make TARGET...: make in the build tree, the way Debian calls it.
kernel_make() {
	"$in_root" make -C "$cache/$source_name" O="$dir/build" ARCH="$target_arch" \
		"$target_toolchain" CROSS_COMPILE="$target_triplet-" LOCALVERSION="$localversion" "$@"
}

# check_symbols: the names of what the Rust crates export change with the least difference in
# source, configuration or compiler. Each one of the tree must be one of the stock kernel.
check_symbols() {
	local exported missing
	exported=$(sed -n 's/^EXPORT_SYMBOL_RUST_GPL(\(.*\));$/\1/p' \
		"$dir"/build/rust/exports_{core,kernel}_generated.h | LC_ALL=C sort -u)
	[ -n "$exported" ] || die "the tree of $release exports no Rust symbols"
	missing=$(comm -23 <(echo "$exported") <(cut -f2 "$dir/build/Module.symvers" | LC_ALL=C sort -u))
	[ -z "$missing" ] || die "the Rust metadata rebuilt for $release does not match that kernel:" \
		"$(wc -l <<<"$missing") of $(wc -l <<<"$exported") symbols differ, the first is ${missing%%$'\n'*}"
}

# options: what the build tree's configuration sets, less what no module depends on.
options() {
	grep '^CONFIG' "$dir/build/.config" | grep -Ev "^($target_options_left_out)="
}

# make_kernel DIR: fills DIR.
make_kernel() {
	dir=$1 log=$cache/$name.log
	rm -f "$log"
	say "looking for the newest stock kernel $SERIES, flavour $FLAVOUR"
	quietly "$log" "$in_root" apt-get update
	newest_release "$SERIES" || die "$target_kernel_suite has no kernel $SERIES of flavour $FLAVOUR now" \
		"It offers:$(offered)"
	source_name=linux-source-$version
	cache_entry "$source_name" make_source

	say "fetching the stock kernel $release (once, 10 to 20 seconds)"
	fetch "linux-headers-$release:$target_deb_arch=$version" "$dir/packages"
	fetch "$image:$target_deb_arch=$version" "$dir/packages"
	fetch "linux-modules-$release:$target_deb_arch=$version" "$dir/packages"
	mkdir "$dir/build"
	cp "$dir/packages/usr/src/linux-headers-$release"/{.config,Module.symvers} "$dir/build"
	cp "$dir/packages/usr/lib/modules/$release"/vmlinuz* "$dir/vmlinuz"
	"$in_root" xz -dc "$dir/packages/usr/lib/modules/$release/kernel/drivers/uio/uio.ko.xz" >"$dir/uio.ko"
	rm -rf "$dir/packages"
	ln -s "../$source_name" "$dir/source"

	say "rebuilding the Rust metadata of $release (once, 1 to 2 minutes)"
	local config
	config=$(options)
	localversion=${release#"$("$in_root" make -s -C "$cache/$source_name" kernelversion)"}
	quietly "$log" kernel_make olddefconfig
	diff <(echo "$config") <(options) >>"$log" ||
		die "the configuration of $release does not fit the build root's compiler" "See $log"
	quietly "$log" kernel_make -j"$(nproc)" modules_prepare
	[ "$(cat "$dir/build/include/config/kernel.release")" = "$release" ] ||
		die "the tree calls itself $(cat "$dir/build/include/config/kernel.release"), not $release"
	check_symbols
	echo "$release" >"$dir/release"
	rm -f "$log"
}

cache_entry "$name" make_kernel
echo "$cache/$name"
