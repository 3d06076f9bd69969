#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# debian-disk.sh: prints the path in the cache of a Debian system on which "make test-install" installs the packages.
# Makes it on first use:
#   disk    an image of a disk with its file system, as it is before the first boot
#   newer   the packages of a newer kernel and its source, which can be installed there, and its release string
#   tree    the same file system in a folder, with headers and source of the newer kernel
#
# It has what an ordinary machine has: systemd, udev, apt and the stock kernel; and what DKMS needs to build a module.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/kernels.sh
. "$top/scripts/lib/kernels.sh"
# shellcheck source=scripts/lib/debian-releases.sh
. "$top/scripts/lib/debian-releases.sh"

root=$("$top/scripts/kernel/build-root.sh")
release=$(cat "$("$top/scripts/kernel/chosen.sh")/release")

packages=(
	# a machine, and its stock kernel
	systemd-sysv udev dbus kmod man-db procps login passwd initramfs-tools "linux-image-$release"
	# modules that are built on it
	dkms "linux-headers-$release" make rustc bindgen
	# the metadata of the kernel's Rust crates
	rust-src bison flex bc libssl-dev pahole xz-utils rsync python3
	# keys
	openssl mokutil
)
# Packages that the kernel's packages need in the version of their own suite.
for package in linux-base libelf1t64 libdw1t64 libelf-dev libdw-dev; do
	packages+=("$package/$target_kernel_suite")
done
newer=${target_series[-1]}
name=debian-$target_suite-$(key_of "$0" "${packages[@]}" "$newer")

# in_debian TREE COMMAND...: runs COMMAND in the Debian in TREE, in its folder /newer.
in_debian() {
	local tree=$1 namespace=()
	shift
	[ "$(id -u)" = 0 ] || namespace=(--unshare-user --uid 0 --gid 0)
	bwrap "${namespace[@]}" --bind "$tree" / --bind "$tree/../newer" /newer --dev /dev --proc /proc --tmpfs /tmp --chdir /newer \
		--ro-bind-try /etc/resolv.conf /etc/resolv.conf --ro-bind-try /etc/hosts /etc/hosts \
		--ro-bind-try /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt \
		--setenv PATH /usr/sbin:/usr/bin --unshare-pid --die-with-parent "$@"
}

# get_newer DIR: downloads the packages that upgrade the kernel in the tree of DIR to the newest one.
get_newer() {
	local options=(-o Dir::State::lists=/newer/lists -o Dir::Cache::archives=/newer -o APT::Sandbox::User=root)
	newest_release "$newer" || die "$target_kernel_suite has no kernel $newer of flavour $FLAVOUR now"
	mkdir -p "$1"/newer/{lists,partial}
	quietly in_debian "$1/tree" sh -ec "apt-get \"\$@\" update
		apt-get \"\$@\" install -y --no-install-recommends --download-only linux-image-$release linux-headers-$release
		apt-get \"\$@\" download linux-source-$newer" - "${options[@]}"
	rm -rf "$1"/newer/{lists,partial,lock}
	quietly in_debian "$1/tree" sh -c "dpkg -i linux-base-$release*.deb linux-headers-*.deb linux-kbuild-*.deb linux-source-*.deb"
	echo "$release" >"$1/newer/release"
}

# make_disk DIR: makes the Debian and its disk in DIR.
make_disk() {
	log=$cache/$name.log
	rm -f "$log"
	say "making a Debian $target_suite with $release, for a disk of a guest (once, 3 to 5 minutes, 5 GB)"
	mkdir "$1/tree"
	cat "$root"/etc/apt/sources.list{,.d/kernel.list} |
		mmdebstrap --variant=apt --include="$(IFS=, && echo "${packages[*]}")" --format=tar \
			"$target_suite" - - 2>"$log" |
		tar -C "$1/tree" -x --exclude='./dev/*' 2>>"$log" || {
		grep -E '^(E|W|Err|tar):?' "$log" | tail -n 5 >&2
		die "could not make a Debian for the guest" "The whole log is in $log"
	}
	quietly "$in_root" sh -ec "truncate -s 8G '$1/disk'; mke2fs -q -t ext4 -d '$1/tree' '$1/disk'"
	get_newer "$1"
	rm -f "$log"
}

cache_entry "$name" make_disk
echo "$cache/$name"
