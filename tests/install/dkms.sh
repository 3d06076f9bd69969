#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# dkms.sh TREE MEDIA RELEASE: installs the package for DKMS in a Debian whose file system is the folder TREE, with the
# host's kernel. It has the headers of two kernels, and the source of the one of RELEASE, for which the metadata is
# rebuilt. That is left in the folder MEDIA/rebuilt. The output is TAP.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
tree=$1 media=$2 release=$3

# As its files are replaced and not written to, a copy can share them.
debian=$(mktemp -d "${media%/*}/debian.XXXXXX")
cp -al "$tree/." "$debian"
namespace=()
[ "$(id -u)" = 0 ] || namespace=(--unshare-user --uid 0 --gid 0)

# in_debian COMMAND...: runs it there, without a network.
in_debian() {
	bwrap --bind "$debian" / --ro-bind "$media" /media --dev /dev --proc /proc --tmpfs /tmp --setenv LC_ALL C.UTF-8 \
		--setenv PATH /usr/sbin:/usr/bin --setenv APT_CONFIG /media/apt.conf --setenv DEBIAN_FRONTEND noninteractive \
		"${namespace[@]}" --unshare-pid --unshare-net --die-with-parent --chdir /media/packages "$@"
}

in_debian /media/simple/tests/install/left.sh >"$scratch/before"
mapfile -t command < <("$top/tests/install/commands.sh" '#' "Other kernels, and newer ones")
run in_debian sh -c "${command[0]}"
expect "# ${command[0]}" 0 "Installing /lib/modules/$release/updates/dkms/simple.ko"
expect "a kernel whose source is not there is told of" 0 "lacks the metadata of the kernel's Rust crates" \
	"apt install linux-source-"
file=/lib/modules/$release/updates/dkms/simple.ko
run in_debian modinfo -F vermagic "$file"
expect "the module is for the kernel whose source is there" 0 "$release "
run in_debian modinfo -F signer "$file"
expect "and signed by DKMS" 0 "DKMS module signing key"
run in_debian dkms status
expect "dkms status has it" 0 "$release, x86_64: installed"
cp -r "$debian/var/cache/simple" "$media/rebuilt"

version=$(in_debian modinfo -F version "$file")
run in_debian dkms remove -m simple -v "$version" -k "$release"
expect "it is taken out for a kernel" 0
run in_debian sed -i '/^Package: linux-source-/,/^$/s/^Version: .*/Version: 7.0-1/' /var/lib/dpkg/status
run in_debian rm -r /var/cache/simple
run in_debian dkms install -m simple -v "$version" -k "$release"
expect "with the source of another version, the kernel is left out, and the reason is told" 77 \
	"cannot be rebuilt from linux-source-" "The source must be of the kernel's version"
run in_debian sh -c 'rm /usr/src/linux-source-*'
run in_debian dkms install -m simple -v "$version" -k "$release"
expect "without the source, the kernel is left out, and the reason is told" 77 "lacks the metadata"
run in_debian apt purge simple-common
expect "it is purged" 0
run diff "$scratch/before" <(in_debian /media/simple/tests/install/left.sh)
expect "and nothing is left" 0
rm -rf "$debian"

done_testing
