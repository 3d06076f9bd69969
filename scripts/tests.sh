# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced after lib.sh: building the programs that run in the guest.

# shellcheck source=scripts/target.sh disable=SC2154 # top is from lib.sh
. "$top/scripts/target.sh"

tests_out=$top/build/tests/$target_deb_arch

# build_tests TARGET...: targets of tests/Makefile.
build_tests() {
	local selftests
	selftests=$(selftests_dir)
	mkdir -p "$tests_out"
	flock "$tests_out" "$top/scripts/in-root.sh" make -C "$top/tests" --no-print-directory -s OUT="$tests_out" \
		SELFTESTS="$selftests" CC="$target_triplet-$target_cc" RUST_TARGET="$target_rust" "$@" >&2
}

# selftests_dir: where kselftest_harness.h of the kernel in use is.
selftests_dir() {
	local tree dir
	tree=${KDIR:-$("$top/scripts/kernel.sh")}
	for dir in "$tree" "$tree/source"; do
		if [ -f "$dir/tools/testing/selftests/kselftest_harness.h" ]; then
			echo "$dir/tools/testing/selftests"
			return
		fi
	done
	die "$tree has no tools/testing/selftests, which the tests are built with" \
		"Name the build tree of a kernel whose whole source is there."
}
