#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# stock.sh: prints the path of the target's stock kernel in the cache. Makes it on first use:
#   release  its release string
#   vmlinuz  the unmodified kernel image of the distribution
#   uio.ko   its UIO module, which the benchmark uses
#   source   a link to its source tree, unpacked
#   build    a tree that builds modules for it, Rust modules too

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/kernels.sh
. "$top/scripts/lib/kernels.sh"
# shellcheck source=scripts/lib/debian-releases.sh
. "$top/scripts/lib/debian-releases.sh"
# shellcheck source=scripts/lib/metadata.sh
. "$top/scripts/lib/metadata.sh"

root=$("$top/scripts/kernel/build-root.sh")
name=linux-$SERIES-$FLAVOUR-$(key_of "$0" "$top/scripts/lib/metadata.sh" "${root##*/}")

# fetch PACKAGE=VERSION DIR: downloads the package, and unpacks it into DIR.
fetch() {
	local dir
	mkdir -p "$2"
	dir=$(mktemp -d "$2/deb.XXXXXX")
	(cd "$dir" && quietly "$in_root" apt-get download "$1")
	quietly "$in_root" sh -c "dpkg-deb -x '$dir'/*.deb '$2'"
	rm -rf "$dir"
}

# offered: prints the known series that Debian offers now, as settings.
offered() {
	local series found=
	for series in "${target_series[@]}"; do
		! newest_release "$series" || found+=" SERIES=$series"
	done
	echo "${found:- no known series of this flavour}"
}

# make_source DIR: unpacks the kernel's source, which all flavours share, into DIR.
make_source() {
	say "fetching and unpacking the source of Linux $version (once, about 20 seconds)"
	fetch "linux-source-$SERIES=$version" "$1/package"
	tar -C "$1" --strip-components=1 -xf "$1"/package/usr/src/linux-source-*.tar.xz
	rm -rf "$1/package"
}

# make_kernel DIR: fetches the kernel into DIR, and makes its build tree there.
make_kernel() {
	dir=$1 log=$cache/$name.log
	rm -f "$log"
	say "looking for the newest stock kernel $SERIES, flavour $FLAVOUR"
	quietly "$in_root" apt-get update
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
	rebuild_metadata kernel_make "$cache/$source_name" "$dir/build"
	movable "$dir"
	echo "$release" >"$dir/release"
	rm -f "$log"
}

cache_entry "$name" make_kernel
echo "$cache/$name"
