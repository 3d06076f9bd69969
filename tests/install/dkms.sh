#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# dkms.sh TREE MEDIA RELEASE: tests the package for DKMS in a Debian whose file system is the folder TREE, under the
# host's kernel. This Debian has the headers of two kernels, but only the source of the kernel RELEASE, whose metadata is
# rebuilt, and copied to the folder MEDIA/rebuilt. The output is TAP.

. "$(dirname "$0")/../lib/tap.sh"
tree=$1 media=$2 release=$3

# Make a copy of hard links: dpkg and DKMS replace files, and do not write to those that are there.
debian=$(mktemp -d "${media%/*}/debian.XXXXXX")
cp -al "$tree/." "$debian"
namespace=()
[ "$(id -u)" = 0 ] || namespace=(--unshare-user --uid 0 --gid 0)

# in_debian COMMAND...: runs COMMAND in that Debian, without a network.
in_debian() {
	bwrap --bind "$debian" / --ro-bind "$media" /media --dev /dev --proc /proc --tmpfs /tmp --setenv LC_ALL C.UTF-8 \
		--setenv PATH /usr/sbin:/usr/bin --setenv APT_CONFIG /media/apt.conf --setenv DEBIAN_FRONTEND noninteractive \
		"${namespace[@]}" --unshare-pid --unshare-net --die-with-parent --chdir /media/packages "$@"
}

in_debian /media/simple/tests/install/left.sh >"$scratch/before"
mapfile -t command < <("$top/tests/install/commands.sh" '#' "Other kernels, and newer ones")
run in_debian sh -c "${command[0]}"
expect "# ${command[0]}" 0 "Installing /lib/modules/$release/updates/dkms/simple.ko"
expect "a kernel without its source is reported" 0 "lacks the metadata of the kernel's Rust crates" \
	"apt install linux-source-"
file=/lib/modules/$release/updates/dkms/simple.ko
run in_debian modinfo -F vermagic "$file"
expect "DKMS has built the module for the kernel with its source" 0 "$release "
run in_debian modinfo -F signer "$file"
expect "DKMS has signed the module" 0 "DKMS module signing key"
run in_debian dkms status
expect "dkms status lists the module as installed" 0 "$release, x86_64: installed"
cp -r "$debian/var/cache/simple" "$media/rebuilt"

version=$(in_debian modinfo -F version "$file")
run in_debian dkms remove -m simple -v "$version" -k "$release"
expect "dkms remove removes the module for a kernel" 0
run in_debian sed -i '/^Package: linux-source-/,/^$/s/^Version: .*/Version: 7.0-1/' /var/lib/dpkg/status
run in_debian rm -r /var/cache/simple
run in_debian dkms install -m simple -v "$version" -k "$release"
expect "with the source of another version, the kernel is left out, and the reason is told" 77 \
	"cannot be rebuilt from linux-source-" "The source must be of the kernel's version"
run in_debian sh -c 'rm /usr/src/linux-source-*'
run in_debian dkms install -m simple -v "$version" -k "$release"
expect "without the source, the kernel is left out, and the reason is told" 77 "lacks the metadata"
run in_debian apt purge simple-common
expect "the packages can be purged" 0
run diff "$scratch/before" <(in_debian /media/simple/tests/install/left.sh)
expect "the purged packages leave no file" 0
rm -rf "$debian"

done_testing
