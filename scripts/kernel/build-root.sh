#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# build-root.sh: prints the path of the build root, a Debian system in the cache that holds the
# toolchain of the target kernel and the programs that boot a guest. Makes it on first use. Each
# architecture has its own, so that nobody fetches packages that only another one needs.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/kernels.sh
. "$top/scripts/lib/kernels.sh"

packages=(
	# the kernel's build, as Debian does it
	make "$target_cc" libc6-dev rustc rust-src rustfmt rust-clippy bindgen
	bison flex bc libssl-dev libelf-dev libdw-dev pahole kmod xz-utils python3 rsync
	# the debug kernel, as CONFIG_RUST with KASAN needs clang
	clang-19 lld-19 llvm-19
	# the kernel's tests of VMAs
	liburcu-dev
	# the guest
	cpio
	# test programs and linters
	cargo gcc ca-certificates perl shellcheck
	# the benchmark's plots, and pictures
	gnuplot-nox netpbm
	# packages for Debian, signatures, and a disk with Debian on it
	debhelper dh-dkms lintian openssl e2fsprogs
	# what the architecture needs
	"${target_packages[@]}"
)

name=root-$target_suite-$(key_of "$0" "${packages[@]}")

# host_mirror: prints the Debian mirror that this system's apt uses; nothing on a system that is not
# Debian, where mmdebstrap has a default.
host_mirror() {
	type -P apt-get >/dev/null || return 0
	# shellcheck disable=SC2016 # a format of apt's, not of the shell's
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null |
		sed -n '/^https\?:/{p;q}'
}

# make_root DIR: installs the build root in DIR.
#
# mmdebstrap writes a tar archive, which is unpacked here, so that all files belong to the user who runs this.
make_root() {
	local log=$cache/$name.log mirror hint=
	mirror=$(host_mirror)
	say "making the build root, a Debian $target_suite of about 2 GB (once, 1 to 3 minutes)"
	# shellcheck disable=SC2086 # no mirror is no argument
	if ! mmdebstrap --variant=apt --architectures="$target_root_archs" --include="$(IFS=, && echo "${packages[*]}")" \
		--format=tar "$target_suite" - $mirror 2>"$log" |
		tar -C "$1" -x --no-same-owner --exclude='./dev/*' 2>>"$log"; then
		grep -E '^(E|W|Err|tar):?' "$log" | tail -n 5 >&2
		# Without root, mmdebstrap uses its "unshare mode", which needs subordinate user ids.
		if [ "$(id -u)" != 0 ] && grep -Eq 'chroot mode|unshare|uidmap|/etc/sub' "$log"; then
			hint="User $(id -un) needs a range in /etc/subuid and in /etc/subgid, and the kernel must \
allow user namespaces: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)"
		fi
		die "could not make the build root" "The whole log is in $log" ${hint:+"$hint"}
	fi
	chmod -R u+rwX "$1"
	# The kernels' packages come from the backports suite of the same mirror.
	sed -n "s/^deb \(.*\) $target_suite main.*/deb \1 $target_kernel_suite main/p" \
		"$1/etc/apt/sources.list" >"$1/etc/apt/sources.list.d/kernel.list"
	# apt downloads as a user of its own, who does not exist in an ordinary user's namespace.
	echo 'APT::Sandbox::User "root";' >"$1/etc/apt/apt.conf.d/90-one-user"
	rm -f "$log"
}

"$top/scripts/kernel/host-packages.sh"
cache_entry "$name" make_root
echo "$cache/$name"
