# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the names are for the scripts that source this file; kernels.sh sets target_*
#
# Sourced after kernels.sh: finds the kernels of FLAVOUR that Debian offers now.

# apt_version PACKAGE: prints the version that apt would install, or nothing if there is no such package.
apt_version() {
	"$in_root" apt-cache policy "$1:$target_deb_arch" | sed -n 's/^ *Candidate: //p' | grep -v '(none)' || true
}

# newest_release SERIES: finds the newest kernel whose headers, modules, source and image are offered in one version.
# Sets $release, $version, and $image to the name of the image's package. Fails if there is no such kernel.
newest_release() {
	local package packages="^linux-headers-${1//./[.]}[^0-9-][^-]*-$FLAVOUR\$"
	for package in $("$in_root" apt-cache search --names-only "$packages" | cut -d' ' -f1 | sort -rV); do
		release=${package#linux-headers-}
		version=$(apt_version "$package")
		[ "$(apt_version "linux-modules-$release")" = "$version" ] || continue
		[ -n "$("$in_root" apt-cache madison "linux-source-$1" | awk -v v="$version" '$3 == v')" ] || continue
		# Debian offers the signed image some days after the unsigned one.
		for image in linux-binary-{,unsigned-}"$release"; do
			[ "$(apt_version "$image")" != "$version" ] || return 0
		done
	done
	return 1
}
