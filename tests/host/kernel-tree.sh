#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make KDIR=... refuses a tree that cannot serve, before the compiler runs.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"

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

build
expect "no such directory" 2 "KDIR=$tree: there is no such directory" "stock Debian kernel"

mkdir -p "$tree"
build
expect "not a kernel tree" 2 "is not a configured kernel build tree" "make modules_prepare"

mkdir -p "$tree/include/config" "$tree/rust"
touch "$tree/Makefile"
echo CONFIG_MODULES=y >"$tree/include/config/auto.conf"
build
expect "no CONFIG_RUST" 2 "is configured without CONFIG_RUST" "make rustavailable"

cat >>"$tree/include/config/auto.conf" <<'END'
CONFIG_RUST=y
CONFIG_RUSTC_VERSION_TEXT=rustc 1.0.0 (of the kernel)
END
build
expect "no Rust metadata" 2 "lacks the metadata of the kernel's Rust crates" "make modules_prepare"

touch "$tree/rust/libkernel.rmeta" "$tree/rust/libmacros.so"
build
expect "another compiler" 2 "built with another compiler" "rustc 1.0.0 (of the kernel)" \
	"rustc 9.9.9 (of this system)" "RUSTC="

run env KDIR="$tree" RUSTC="$scratch/none" make -C "$top"
expect "no compiler" 2 "there is no $scratch/none on this system" "rustc 1.0.0 (of the kernel)"

run test -e "$scratch/compiled"
expect "the compiler did not run" 1

run env ARCH= FLAVOUR=none make -C "$top"
expect "no such flavour" 2 "FLAVOUR=none is not known" "amd64, cloud-amd64, rt-amd64"

run env ARCH=none make -C "$top"
expect "no such architecture" 2 "ARCH=none is not known" "amd64, arm64"

run env ARCH=amd64 FLAVOUR=arm64-16k make -C "$top"
expect "a flavour of another architecture" 2 "FLAVOUR=arm64-16k is not known for ARCH=amd64"

run env KERNEL=debug ARCH=arm64 FLAVOUR= make -C "$top"
expect "a debug kernel of another architecture" 2 "there is no debug kernel for ARCH=arm64"

done_testing
