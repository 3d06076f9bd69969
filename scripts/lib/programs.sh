# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sourced after base.sh: builds the test programs, and runs them in a guest.

# shellcheck disable=SC2154 # top is from base.sh
. "$top/scripts/lib/kernels.sh"

. "$top/scripts/lib/driver.sh"

tests_out=$top/build/tests/$target_deb_arch
driver_tests_out=$folder/build/tests/$target_deb_arch

# make_programs DIR ARG...: calls make with these arguments to build programs for the guest in DIR.
make_programs() {
	local selftests
	selftests=$(selftests_dir)
	mkdir -p "$1"
	flock "$1" "$in_root" make --no-print-directory -s SELFTESTS="$selftests" CC="$target_triplet-$target_cc" \
		RUST_TARGET="$target_rust" "${@:2}" >&2
}

# build_tests TARGET...: builds these targets of tests/Makefile.
build_tests() {
	make_programs "$tests_out" -C "$top/tests" OUT="$tests_out" "$@"
}

# build_driver_tests: builds the test programs in the folder "tests" of DRIVER.
build_driver_tests() {
	[ -d "$driver/tests" ] || die "$driver has no folder \"tests\"" \
		"Put the test programs there: each *.c, *.rs and *.sh file is one, and prints TAP."
	make_programs "$driver_tests_out" -f "$top/tests/Makefile.driver" \
		OUT="$folder_in_root/build/tests/$target_deb_arch" TESTS="$folder_in_root/tests"
}

# driver_tests: prints the names of the test programs of DRIVER, one a line.
driver_tests() {
	local source
	for source in "$driver"/tests/*.{c,rs,sh}; do
		[ ! -f "$source" ] || basename "${source%.*}"
	done
}

# selftests_dir: prints the folder with kselftest_harness.h in the source of the kernel that is used.
selftests_dir() {
	local tree dir
	tree=${KDIR:-$("$top/scripts/kernel/chosen.sh")}
	for dir in "$tree" "$tree/source"; do
		if [ -f "$dir/tools/testing/selftests/kselftest_harness.h" ]; then
			echo "$dir/tools/testing/selftests"
			return
		fi
	done
	die "$tree has no tools/testing/selftests, which the tests are built with" \
		"Name the build tree of a kernel whose complete source is there."
}

# tests_in_guest: prints the names of the programs that "make test" runs in the guest, one a line.
tests_in_guest() {
	local source name
	for source in "$top"/tests/selftests/*.{c,sh}; do
		name=$(basename "${source%.*}")
		# These run last: under lockdown no module can be loaded, and kmemleak's file cannot be opened.
		[ "$name" = kmemleak ] || [ "$name" = lockdown ] || echo "$name"
	done
	printf '%s\n' rust-user kmemleak lockdown
}

# run_driver_tests TEST...: boots a guest with the module of DRIVER loaded, runs these programs in it, and unloads the
# module in the end.
run_driver_tests() {
	local files
	files=$(quote "${@/#/$driver_tests_out/}" "$top/tests/unload.sh")
	FILES=$files TRACE=no "$top/scripts/guest/boot.sh" run "$top/tests/run-in-guest.sh" "$(quote "$@" "unload.sh $module_name")"
}

# run_tests TEST...: boots a guest, runs these programs in it, and returns the guest's status. A TEST can have arguments
# after its name.
#
# The tests load the module themselves. Those of physical=1 map the memory of a graphics card, and a part of RAM that the
# kernel is told to leave alone. Those of simple_edu use two edu devices. With init_on_alloc=0 the kernel does not zero
# pages by itself, so that a page that the module forgot to zero shows.
run_tests() {
	local programs=("${@%% *}")
	QEMU_ARGS="$target_display -device edu -device edu" RESERVE=yes KERNEL_ARGS="init_on_alloc=0 ${KERNEL_ARGS:-}" \
		FILES=$(quote "${programs[@]/#/$tests_out/}") GUEST_MODULE=${GUEST_MODULE:-present} TRACE=no \
		"$top/scripts/guest/boot.sh" run "$top/tests/run-in-guest.sh" "$(quote "$@")"
}

# judged PROGRAM...: shows the output of these programs, which is in stdin, and counts their results.
judged() {
	"$in_root" perl "$top/tests/judge.pl" "$@"
}

# suite NAME COMMAND...: runs COMMAND, and prints before it the name, and after it the status, as judged expects it. Does
# nothing more if the caller of the scripts has ended.
suite() {
	local status=0
	kill -0 "$SIMPLE_CALLER" 2>/dev/null || exit 143
	printf '### start %s\n' "$1"
	"${@:2}" || status=$?
	printf '### end %s\n' "$status"
}
