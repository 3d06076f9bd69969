#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make KDIR=... refuses a tree that cannot serve, before the compiler runs, and make check tells so too.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=scripts/lib/base.sh
. "$top/scripts/lib/base.sh"
# shellcheck source=scripts/lib/kernels.sh
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
expect "no such directory" 2 "KDIR=$tree: there is no such directory" "stock Debian kernel"

mkdir -p "$tree"
build
expect "not a kernel tree" 2 "is not a configured kernel build tree" "make modules_prepare"
check
expect "check: not a kernel tree" 2 "verdict: no, $tree is not a configured" "make modules_prepare"

mkdir -p "$tree/include/config" "$tree/rust"
touch "$tree/Makefile"
for other in x86:arm64 arm64:amd64; do
	echo "# Linux/${other%:*} 9.9.9 Kernel Configuration" >"$tree/include/config/auto.conf"
	run env KDIR="$tree" ARCH="${other#*:}" FLAVOUR= make -C "$top"
	expect "a tree for ${other%:*} with ARCH=${other#*:}" 2 "is of a kernel for ${other%:*}" "ARCH=${other%:*}"
done

echo CONFIG_MODULES=y >"$tree/include/config/auto.conf"
echo 9.9.9-test >"$tree/include/config/kernel.release"
build
expect "no CONFIG_RUST" 2 "is configured without CONFIG_RUST" "make rustavailable"
check
expect "check: no CONFIG_RUST" 2 "page size unknown" "CONFIG_RUST                  n" \
	"verdict: no, $tree is configured without"

cat >>"$tree/include/config/auto.conf" <<'END'
CONFIG_RUST=y
CONFIG_RUSTC_VERSION_TEXT=rustc 1.0.0 (of the kernel)
END
build
expect "no Rust metadata" 2 "lacks the metadata of the kernel's Rust crates" "make modules_prepare"
check
expect "check: no Rust metadata" 2 "0 crates in rust/" "verdict: no, $tree lacks the metadata"

touch "$tree/rust/libkernel.rmeta" "$tree/rust/libmacros.so"
build
expect "another compiler" 2 "built with another compiler" "rustc 1.0.0 (of the kernel)" \
	"rustc 9.9.9 (of this system)" "RUSTC="
check
expect "check: another compiler" 2 "rustc 1.0.0 (of the kernel); here: rustc 9.9.9 (of this system)" \
	"verdict: no, $tree was built with another compiler"

run env KDIR="$tree" RUSTC="$scratch/none" make -C "$top"
expect "no compiler" 2 "there is no $scratch/none on this system" "rustc 1.0.0 (of the kernel)"

sed -i 's/1.0.0 (of the kernel)/9.9.9 (of this system)/' "$tree/include/config/auto.conf"
build
expect "no Module.symvers" 2 "lacks Module.symvers" "header packages have it"

touch "$tree/Module.symvers"
check
expect "check: a tree that builds nothing" 2 "9.9.9-test, of series 9.9, which the tests are not run on" \
	"here: the same" "verdict: no, the module does not build" "build/check/log"

echo CONFIG_MODULE_SIG_FORCE=y >>"$tree/include/config/auto.conf"
check
expect "check: signed modules only" 2 "enforced, by CONFIG_MODULE_SIG_FORCE" "verdict: no" "sign-file"

run test -e "$scratch/compiled"
expect "the compiler did not run" 1

run env ARCH= FLAVOUR=none make -C "$top"
expect "no such flavour" 2 "FLAVOUR=none is not known" "amd64, cloud-amd64, rt-amd64"

run env ARCH=none make -C "$top"
expect "no such architecture" 2 "ARCH=none is not known" "amd64, arm64"

run env SERIES=6.99 make -C "$top"
expect "no such series" 2 "SERIES=6.99 is not known" "Known series: 7.2, 7.3"

run env ARCH=amd64 FLAVOUR=arm64-16k make -C "$top"
expect "a flavour of another architecture" 2 "FLAVOUR=arm64-16k is not known for ARCH=amd64"

run env KERNEL=debug ARCH=arm64 FLAVOUR= make -C "$top"
expect "a debug kernel of another architecture" 2 "there is no debug kernel for ARCH=arm64"

run env KDIR= make -C "$top" check
expect "check: the running kernel is the default" "$status" "/lib/modules/$(uname -r)/build" "verdict: "

# What many header packages have of Rust is the crates alone. The build root has the toolchain for them.
kernel=$("$top/scripts/kernel/chosen.sh")/build
headers=$top/build/headers
rm -rf "$headers"
mkdir -p "$headers/rust"
ln -s "$kernel"/{.config,Module.symvers,arch,include,scripts,source,tools} "$headers"
ln -s "$kernel"/rust/*.{rmeta,so} "$headers/rust"
sed "s|^export KBUILD_OUTPUT = .*|export KBUILD_OUTPUT = $headers|" "$kernel/Makefile" >"$headers/Makefile"
run "$top/scripts/kernel/in-root.sh" make -C "$top" check KDIR="$headers" ARCH="$target_deb_arch" \
	CROSS_COMPILE="$target_triplet-" "$target_toolchain"
expect "check: headers that can serve" 0 "$(cat "$headers/include/config/kernel.release"), of series $SERIES" \
	"not enforced by its configuration" "verdict: yes"

done_testing
