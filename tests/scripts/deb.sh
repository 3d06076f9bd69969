#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests make deb: the content of the packages, and that lintian finds no error in them. "make test-install" tests that
# they can be installed.

. "$(dirname "$0")/../lib/tap.sh"
unset KDIR
. "$top/scripts/lib/base.sh"
. "$top/scripts/lib/kernels.sh"

# root COMMAND...: runs it in the build root, with the packages there.
root() {
	(cd "$top/build" && "$top/scripts/kernel/in-root.sh" "$@")
}

release=$(cat "$("$top/scripts/kernel/stock.sh")/release")
version=$(sed -n 's/^simple-version := //p' "$top/Kbuild")
modules=simple-modules-${release}_${version}_$target_deb_arch.deb
common=simple-common_${version}_all.deb
dkms=simple-dkms_${version}_all.deb

# The packages name the same maintainer, whoever runs the test.
export DEBFULLNAME=Somebody DEBEMAIL=somebody@maintainer.example
run make -C "$top" deb
expect "make deb makes three packages" 0 "$modules" "$common" "$dkms"
run root lintian --allow-root --fail-on error "$modules" "$common" "$dkms"
expect "lintian finds no error" 0
run root dpkg-deb -f "$modules" Depends
expect "the package of the modules depends on their kernel" 0 "linux-image-$release" "simple-common (= $version)"
run root dpkg-deb -c "$modules"
expect "the package of the modules has all of them" 0 \
	"/usr/lib/modules/$release/updates/simple.ko" updates/simple_{page,mirror,clock,edu}.ko
run root dpkg-deb -c "$common"
expect "the common package has the configuration and the manual page" 0 \
	./etc/modprobe.d/simple.conf ./etc/modules-load.d/simple.conf \
	./usr/lib/tmpfiles.d/simple.conf ./usr/lib/udev/rules.d/60-simple.rules ./usr/share/man/man4/simple.4.gz
run root dpkg-deb -c "$dkms"
expect "the package for DKMS has the source" 0 \
	"./usr/src/simple-$version/dkms.conf" "./usr/src/simple-$version/Kbuild" /src/simple.rs
run root sh -c "man --warnings -E UTF-8 -l -Tutf8 '$top/docs/simple.4' 2>&1 >/dev/null"
expect "man formats the manual page" 0
run test -z "$output"
expect "man does not warn of the manual page" 0

run make -C "$top" deb KDIR="$scratch"
expect "make deb refuses KDIR" 2 "for the distribution's stock kernels"

done_testing
