#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# deb.sh: makes three Debian packages in the folder "build": the modules for the stock kernel of ARCH, FLAVOUR and
# SERIES, their source for DKMS, and the files that both of these need.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/driver.sh"
only_own deb
. "$top/scripts/lib/kernels.sh"
. "$top/scripts/lib/tree.sh"
. "$top/scripts/lib/sign.sh"

[[ $KERNEL = stock && -z ${KDIR:-} ]] || die "\"make deb\" is for the distribution's stock kernels" \
	"Leave KDIR and KERNEL out. For other kernels there are \"make install\" and the package simple-dkms."
check_signing

kernel=$("$top/scripts/kernel/chosen.sh")
release=$(cat "$kernel/release")
version=$(sed -n 's/^simple-version := //p' "$top/Kbuild")
# The maintainer that the packages name. DEBFULLNAME and DEBEMAIL are the variables of Debian's own tools.
maintainer="${DEBFULLNAME:-$(git config user.name || echo "Developers of simple")} \
<${DEBEMAIL:-$(git config user.email || echo "simple@maintainer.example")}>"
# Escape what has a meaning in the replacement of sed below.
# shellcheck disable=SC2001 # a & in the replacement has a meaning for bash, too
maintainer=$(sed 's/[&|\\]/\\&/g' <<<"$maintainer")
# The time of the last commit, so that the same source makes the same packages.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
modules=$(modules_of "$top" | tr '\n' ' ')

mkdir -p "$top/build/deb"
exec {lock}>"$top/build/deb/lock"
flock "$lock"
out=$top/build/deb/$release
source=$out/simple-$version
rm -rf "$out"
mkdir -p "$source/docs"
cp -r "$top"/{Kbuild,src,scripts} "$source"
cp "$top"/docs/{install.md,simple.4} "$source/docs"
mv "$source/scripts/package/debian" "$source"
for file in "$source"/debian/simple-modules.*; do
	mv "$file" "${file/simple-modules/simple-modules-$release}"
done
# shellcheck disable=SC2001 # the words of a list
sed -i -e "s|@RELEASE@|$release|g; s|@ARCH@|$target_deb_arch|g; s|@VERSION@|$version|g; s|@MAINTAINER@|$maintainer|g" \
	-e "s|@DATE@|$(date -R -d "@$SOURCE_DATE_EPOCH")|; s|@MODULES@|${modules% }|" \
	-e "s|@LOCATIONS@|$(sed 's|[^ ]* *|/updates/dkms |g; s/ $//' <<<"${modules% }")|" "$source"/debian/*

export RELEASE=$release SIGN
KERNEL_MAKE="${target_make[*]} -C $kernel/build"
SIGN=$(sign_command "$kernel/build")
export KERNEL_MAKE
log=$out/log
say "making the packages for $release (20 to 40 seconds)"
# -d: the build root has all that the build needs, but not the package build-essential, which Debian's tools ask for.
(cd "$source" && quietly "$in_root" dpkg-buildpackage -b -uc -us -d -a"$target_deb_arch")
mv "$out"/*.deb "$top/build"
say "made, in $top/build: $(awk '/^ [0-9a-f]+ [0-9]+ .*\.deb$/ { print $NF }' "$out"/*.changes | sort -u | tr '\n' ' ')"
