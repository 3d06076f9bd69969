#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# lint.sh: runs every linter, or those for a driver on DRIVER. The output is TAP with a test for each linter; the last
# line has the numbers of results.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/programs.sh"

cd "$folder"
source=$("$top/scripts/kernel/stock.sh")/source
checks=0

# check NAME COMMAND...: passes if COMMAND succeeds and prints no warning.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1) && ! grep -Eq '^(warning|WARNING|CHECK|ERROR)' <<<"$output"; then
		echo "ok - $name"
	else
		echo "# ${output//$'\n'/$'\n'# }"
		echo "not ok - $name"
	fi
	checks=$((checks + 1))
}

# kernel_clippy: checks the module with the kernel's clippy settings. It is built in a folder of its own, as clippy would
# not check what is built already.
kernel_clippy() {
	mkdir -p build/clippy
	"$top/scripts/kernel/build-modules.sh" --guest CLIPPY=1 KRUSTFLAGS=-Dwarnings MO="$folder_in_root/build/clippy"
}

kernel_rustfmt() {
	"$in_root" rustfmt --check --edition 2021 --config-path "$source/.rustfmt.toml" "$@"
}

# checkpatch FILE...: checkpatch.pl leaves a file in the current directory, so it runs in the build root's /tmp, which
# is temporary.
checkpatch() {
	printf '%s\n' "$@" | sed "s|^|$folder_in_root/|" |
		xargs -d '\n' "$in_root" env -C /tmp "$source/scripts/checkpatch.pl" --no-tree --strict --terse \
			--no-summary --quiet --file
}

# drivers_are_safe: fails if a driver's file contains "unsafe", or safe code that can undermine the abstractions: an
# attribute that sets a symbol's name or section, a crate under another name, and a registration of the kernel crate's,
# which mem::forget() would leave registered.
drivers_are_safe() {
	! git ls-files src/*.rs 'src/examples/*.rs' | xargs -d '\n' grep -nE \
		'\bunsafe\b|no_mangle|export_name|link_section|extern crate|driver::Registration'
}

# theirs EXPRESSION...: prints the names of those files in the folder of DRIVER that EXPRESSION, of find, selects.
theirs() {
	find . -path ./build -prune -o -type f \( "$@" \) -printf '%P\n' | LC_ALL=C sort
}

lint_driver() {
	check "clippy on $module_name" kernel_clippy
	mapfile -t rust < <(theirs -name '*.rs')
	check "rustfmt on $module_name" kernel_rustfmt "${rust[@]}"
	mapfile -t sources < <(theirs -name '*.rs' -o -name '*.c' -o -name '*.h' -o -name Kbuild)
	check "checkpatch --strict on C and Rust" checkpatch "${sources[@]}"
	mapfile -t shell < <(theirs -name '*.sh')
	[ ${#shell[@]} -eq 0 ] || check "shellcheck on the scripts" "$in_root" shellcheck -x "${shell[@]}"
}

lint_project() {
	check "clippy on the module" kernel_clippy
	check "rustdoc on the abstractions and the drivers" scripts/make/doc.sh
	check "rustfmt on the module" kernel_rustfmt src/abstractions/simple_mmap.rs src/simple.rs src/examples/*.rs \
		tests/drivers/*/driver.rs tests/misuse/*.rs scripts/new/*.rs scripts/new/tests/*.rs
	check "clippy on the Rust test program" "$in_root" env -C tests/rust-user \
		cargo clippy --locked --quiet --target-dir "$tests_out/cargo" -- -D warnings
	check "rustfmt on the Rust test program" "$in_root" env -C tests/rust-user cargo fmt --check
	check "drivers are safe code" drivers_are_safe
	mapfile -t sources < <(git ls-files '*.c' '*.h' 'src/*.rs' 'tests/misuse/*' 'scripts/new/*.rs' Kbuild Kconfig)
	check "checkpatch --strict on C and Rust" checkpatch "${sources[@]}"
	mapfile -t shell < <(git ls-files '*.sh' .ci/run 'scripts/guest/initramfs/*' 'scripts/package/debian/*.p*' scripts/package/debian/simple-dkms.dkms)
	check "shellcheck on the scripts" "$in_root" shellcheck -x "${shell[@]}"
}

{
	echo "### start lint"
	if [ -n "$driver" ]; then lint_driver; else lint_project; fi
	echo "1..$checks"
	echo "### end 0"
} | judged lint
