#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Drivers in folders outside of the checkout: what make new makes is built, run, tested and tortured as it is.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
# shellcheck source=scripts/lib/base.sh
. "$top/scripts/lib/base.sh"
unset KDIR
# shellcheck source=scripts/lib/kernels.sh
. "$top/scripts/lib/kernels.sh"

in_root=$top/scripts/kernel/in-root.sh

# make_in FOLDER ARG...: what somebody types in a driver's folder.
make_in() {
	run timeout 600 make -C "$@"
}

# A folder whose path has spaces, and that cannot be written to, but for build/.
spaced="$scratch/my drivers/pages one/pager"
run make -C "$top" new DRIVER="$spaced"
expect "a driver that serves pages is made" 0 "make run DRIVER="
mkdir "$spaced/build"
chmod a-w "$spaced" "$spaced/tests"
run make -C "$top" run DRIVER="$spaced"
expect "its tests pass in a guest" 0 "ok 1 mapping.is_zero_at_first" "ok 1 threads increment one counter in the page" \
	"ok 1 pager can be unloaded" "6 passed, 0 failed"
make_in "$spaced"
expect "in its folder make builds it" 0 "pager.ko"
chmod u+w "$spaced" "$spaced/tests"

# The rest does not depend on the kernel.
if [ "$SERIES $FLAVOUR" != "${target_series[0]} amd64" ]; then
	done_testing
	exit
fi

for kind in frames pci; do
	folder=$scratch/drivers/a_$kind
	run make -C "$top" new DRIVER="$folder" KIND=$kind
	expect "$kind: a driver is made" 0 "made $folder/driver.rs"
	make_in "$folder" test
	expect "$kind: in its folder make test passes" 0 "5 passed, 0 failed"
	make_in "$folder" lint
	expect "$kind: the linters find nothing" 0 ", 0 failed"
	device=/dev/a_$kind
	[ $kind = frames ] || device=/dev/a_pci0
	make_in "$folder" torture DEV=$device DURATION=5 SEED=1
	expect "$kind: it stands torture" 0 "3 passed, 0 failed"
done

frames=$scratch/drivers/a_frames
cat >"$scratch/hello" <<'END'
#!/bin/sh
echo "hello $1, $(ls /dev/a_frames)"
END
make_in "$frames" run PROG="$scratch/hello" ARGS="there"
expect "a program of one's own runs with it" 0 "hello there, /dev/a_frames"
run make -C "$top" shell DRIVER="$frames" <<<'ls /dev/a_frames; exit 0'
expect "and a shell" 0 "/dev/a_frames"
make_in "$frames" doc
expect "its documentation is made" 0 "build/doc/"
make_in "$frames" rust-analyzer
expect "and what rust-analyzer wants" 0 "rust-project.json"
run grep -cE "root_module.*($frames/driver.rs|$top/src/abstractions/simple_mmap.rs)" "$frames/rust-project.json"
expect "with the driver's crate and that of the abstractions" 0 2

# The kernel's own make finds the abstractions by the line in the Kbuild. The build root sees the folder.
kernel=$("$top/scripts/kernel/stock.sh")
mkdir "$frames/build/plain"
run env DRIVER="$frames" "$in_root" env -u SIMPLE_MMAP make -C "$kernel/build" M="$frames" MO="$frames/build/plain" \
	ARCH="$target_arch" CROSS_COMPILE="$target_triplet-" "$target_toolchain" modules
expect "the kernel's make builds it, too" 0 "LD [M]  a_frames.ko"

# What is built into one kernel must not have names in common. Modules have these.
symbols() {
	DRIVER=$scratch/drivers/$1 "$in_root" nm -g --defined-only \
		"$scratch/drivers/$1/build/$(cat "$kernel/release")/$1.o" | awk '{ print $3 }' | sort
}
run comm -12 <(symbols a_frames) <(symbols a_pci)
output=$(grep -vxE '(__pfx_)?(init|cleanup)_module' <<<"$output") || true
[ -z "$output" ] || status="$status, and there are some"
expect "two drivers have no names of symbols in common" 0
run test "$(symbols a_frames | wc -l)" -gt 10
expect "of which there are some" 0

run make -C "$top" new DRIVER="$frames"
expect "a folder with something in it is refused" 2 "is there, and not empty"
run make -C "$top" new DRIVER="$scratch/My-Driver"
expect "a name that no module can have is refused" 2 'cannot be called "My-Driver"' "small letters, digits and _"
run make -C "$top" new DRIVER="$scratch/other" KIND=magic
expect "a kind that is not known is refused" 2 "KIND=magic is not known" "pages"
run test ! -e "$scratch/other"
expect "and nothing is made" 0
run make -C "$top" new
expect "without a folder it says so" 2 "make new DRIVER=<folder>"
run make -C "$top" run DRIVER="$scratch/absent"
expect "a folder that is not there is refused" 2 "there is no such folder" "make new DRIVER="
mkdir "$scratch/empty"
run make -C "$top" DRIVER="$scratch/empty"
expect "and one without a driver" 2 "has no Kbuild"
run make -C "$top" bench DRIVER="$frames"
expect "what is for the project's own module says so" 2 "is for this project's own module"
run make -C "$top" torture DRIVER="$frames"
expect "torture asks for the device" 2 "DEV=/dev/<name>"
run make -C "$top" run DRIVER="$frames" MODPARAMS="size=7"
expect "a parameter that the driver does not have" 2 "a_frames has no parameter size" "It has: none"

done_testing
