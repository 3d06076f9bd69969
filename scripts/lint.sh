#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# lint.sh: runs every linter, and ends with the line "N passed, N failed".

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/tests.sh
. "$top/scripts/tests.sh"

cd "$top"
in_root=$top/scripts/in-root.sh
passed=0 failed=0

# check NAME COMMAND...: passes if COMMAND succeeds and warns of nothing.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1) && ! grep -Eq '^(warning|WARNING|CHECK|ERROR)' <<<"$output"; then
		echo "ok - $name"
		passed=$((passed + 1))
	else
		echo "# ${output//$'\n'/$'\n'# }"
		echo "not ok - $name"
		failed=$((failed + 1))
	fi
}

# The module with the kernel's clippy settings. It has a folder of its own, so that nothing is taken
# for checked because it is built already.
kernel_clippy() {
	mkdir -p build/clippy
	scripts/build.sh --guest CLIPPY=1 KRUSTFLAGS=-Dwarnings MO="$top/build/clippy"
}

kernel_rustfmt() {
	local source
	source=$("$top/scripts/stock-kernel.sh")/source
	"$in_root" rustfmt --check --edition 2021 --config-path "$source/.rustfmt.toml" \
		src/simple.rs src/examples/*.rs tests/misuse/*.rs
}

cargo_clippy() {
	(cd tests/rust-user && "$in_root" cargo clippy --locked --quiet \
		--target-dir "$tests_out/cargo" -- -D warnings)
}

cargo_fmt() {
	(cd tests/rust-user && "$in_root" cargo fmt --check)
}

# It leaves a file in the current directory, so that is one that goes.
checkpatch() {
	local source
	source=$("$top/scripts/stock-kernel.sh")/source
	git ls-files '*.c' '*.h' 'src/*.rs' 'tests/misuse/*' Kbuild Kconfig | sed "s|^|$top/|" |
		xargs -d '\n' "$in_root" env -C /tmp "$source/scripts/checkpatch.pl" --no-tree \
			--strict --terse --no-summary --quiet --file
}

# A driver's file holds nothing that is unsafe, also in disguise: attributes that name a symbol or its
# section, and a registration of the kernel crate's that could be forgotten.
drivers_are_safe() {
	! git ls-files src/*.rs 'src/examples/*.rs' | xargs -d '\n' grep -nE \
		'\bunsafe\b|no_mangle|export_name|link_section|driver::Registration'
}

shell_check() {
	git ls-files '*.sh' .ci/run 'scripts/guest/*' | xargs -d '\n' "$in_root" shellcheck -x
}

check "clippy on the module" kernel_clippy
check "rustdoc on the abstractions" scripts/doc.sh
check "rustfmt on the module" kernel_rustfmt
check "clippy on the Rust test program" cargo_clippy
check "rustfmt on the Rust test program" cargo_fmt
check "drivers are safe code" drivers_are_safe
check "checkpatch --strict on C and Rust" checkpatch
check "shellcheck on the scripts" shell_check

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
