#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that make KDIR=... refuses a tree that it cannot build for, before the compiler runs, and that make check
# says no to it.

. "$(dirname "$0")/../lib/tap.sh"
. "$top/scripts/lib/base.sh"
. "$top/scripts/lib/kernels.sh"

tree=$scratch/tree

# A compiler that tells its version, and leaves a mark if it is asked for anything else.
cat >"$scratch/rustc" <<END
#!/bin/sh
[ "\$1" = --version ] && echo "rustc 9.9.9 (of this system)" && exit
touch "$scratch/compiled"
END
chmod +x "$scratch/rustc"

build() {
	run env KDIR="$tree" RUSTC="$scratch/rustc" BINDGEN=true make -C "$top"
}

check() {
	run env KDIR="$tree" RUSTC="$scratch/rustc" BINDGEN=true make -C "$top" check
}

build
expect "a KDIR that does not exist is refused" 2 "KDIR=$tree: there is no such directory" "stock Debian kernel"

mkdir -p "$tree"
build
expect "a folder that is no kernel tree is refused" 2 "is not a configured kernel build tree" "make modules_prepare"
check
expect "make check says no to a folder that is no kernel tree" 2 \
	"verdict: no, $tree is not a configured" "make modules_prepare"

mkdir -p "$tree/include/config" "$tree/rust"
touch "$tree/Makefile"
for other in x86:arm64 arm64:amd64; do
	echo "# Linux/${other%:*} 9.9.9 Kernel Configuration" >"$tree/include/config/auto.conf"
	run env KDIR="$tree" ARCH="${other#*:}" FLAVOUR= make -C "$top"
	expect "a tree for ${other%:*} with ARCH=${other#*:} is refused" 2 \
		"is of a kernel for ${other%:*}" "ARCH=${other%:*}"
done

echo CONFIG_MODULES=y >"$tree/include/config/auto.conf"
echo 9.9.9-test >"$tree/include/config/kernel.release"
build
expect "a tree without CONFIG_RUST is refused" 2 "is configured without CONFIG_RUST" "make rustavailable"
check
expect "make check says no to a tree without CONFIG_RUST" 2 "page size unknown" "CONFIG_RUST                  n" \
	"verdict: no, $tree is configured without"

cat >>"$tree/include/config/auto.conf" <<'END'
CONFIG_RUST=y
CONFIG_RUSTC_VERSION_TEXT=rustc 1.0.0 (of the kernel)
END
build
expect "a tree without Rust metadata is refused" 2 \
	"lacks the metadata of the kernel's Rust crates" "make modules_prepare"
check
expect "make check says no to a tree without Rust metadata" 2 "0 crates in rust/" "verdict: no, $tree lacks the metadata"

touch "$tree/rust/libkernel.rmeta" "$tree/rust/libmacros.so"
build
expect "a tree that another compiler built is refused" 2 "built with another compiler" "rustc 1.0.0 (of the kernel)" \
	"rustc 9.9.9 (of this system)" "RUSTC="
check
expect "make check says no to a tree that another compiler built" 2 \
	"rustc 1.0.0 (of the kernel); here: rustc 9.9.9 (of this system)" \
	"verdict: no, $tree was built with another compiler"

run env KDIR="$tree" RUSTC="$scratch/none" make -C "$top"
expect "a missing compiler is reported" 2 "there is no $scratch/none on this system" "rustc 1.0.0 (of the kernel)"

sed -i 's/1.0.0 (of the kernel)/9.9.9 (of this system)/' "$tree/include/config/auto.conf"
build
expect "a tree without Module.symvers is refused" 2 "lacks Module.symvers" "header packages have it"

touch "$tree/Module.symvers"
check
expect "make check says no to a tree in which the module does not build" 2 \
	"9.9.9-test, of series 9.9, which the tests are not run on" \
	"here: the same" "verdict: no, the module does not build" "build/check/log"

echo CONFIG_MODULE_SIG_FORCE=y >>"$tree/include/config/auto.conf"
check
expect "make check says no to a kernel that loads signed modules only" 2 \
	"enforced, by CONFIG_MODULE_SIG_FORCE" "verdict: no" "sign-file"

run test -e "$scratch/compiled"
expect "the compiler has compiled nothing for a refused tree" 1

run env ARCH= FLAVOUR=none make -C "$top"
expect "a FLAVOUR that is not known is refused" 2 "FLAVOUR=none is not known" "amd64, cloud-amd64, rt-amd64"

run env ARCH=none make -C "$top"
expect "an ARCH that is not known is refused" 2 "ARCH=none is not known" "amd64, arm64"

run env SERIES=6.99 make -C "$top"
expect "a SERIES that is not known is refused" 2 "SERIES=6.99 is not known" "Known series: 7.2, 7.3"

run env ARCH=amd64 FLAVOUR=arm64-16k make -C "$top"
expect "a FLAVOUR of another architecture than ARCH is refused" 2 "FLAVOUR=arm64-16k is not known for ARCH=amd64"

run env KERNEL=debug ARCH=arm64 FLAVOUR= make -C "$top"
expect "KERNEL=debug with ARCH=arm64 is refused" 2 "there is no debug kernel for ARCH=arm64"

run env KDIR= make -C "$top" check
expect "make check without KDIR checks the running kernel" "$status" "/lib/modules/$(uname -r)/build" "verdict: "

# Check a tree that has of Rust only the metadata of the crates, as many header packages do, in the build root, which has
# the toolchain for it.
kernel=$("$top/scripts/kernel/chosen.sh")/build
headers=$top/build/headers
rm -rf "$headers"
mkdir -p "$headers/rust"
ln -s "$kernel"/{.config,Module.symvers,arch,include,scripts,source,tools} "$headers"
ln -s "$kernel"/rust/*.{rmeta,so} "$headers/rust"
cp "$kernel/Makefile" "$headers"
run "$top/scripts/kernel/in-root.sh" make -C "$top" check KDIR="$headers" ARCH="$target_deb_arch" \
	CROSS_COMPILE="$target_triplet-" "$target_toolchain"
expect "make check says yes to headers with Rust metadata" 0 \
	"$(cat "$headers/include/config/kernel.release"), of series $SERIES" \
	"not enforced by its configuration" "verdict: yes"

done_testing
