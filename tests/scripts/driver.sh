#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests drivers in folders outside of the checkout: a driver that make new made can be built, run, tested and tortured
# without a change.

. "$(dirname "$0")/../lib/tap.sh"
wants_new
. "$top/scripts/lib/base.sh"
unset KDIR
. "$top/scripts/lib/kernels.sh"

in_root=$top/scripts/kernel/in-root.sh

# make_in FOLDER ARG...: runs make in a driver's folder, as its author does.
make_in() {
	run timeout 600 make -C "$@"
}

# A folder whose path has spaces, and that cannot be written to, except for its folder "build".
spaced="$scratch/my drivers/pages one/pager"
run make -C "$top" new DRIVER="$spaced"
expect "make new makes a driver that serves pages" 0 "make run DRIVER="
mkdir "$spaced/build"
chmod a-w "$spaced" "$spaced/tests"
run make -C "$top" run DRIVER="$spaced"
expect "the new driver's tests pass in a guest" 0 \
	"ok 2 mapping.is_zero_at_first" "ok 1 threads increment one counter in the page" \
	"ok 1 pager can be unloaded" "6 passed, 0 failed"
make_in "$spaced"
expect "make in the driver's folder builds it" 0 "pager.ko"
chmod u+w "$spaced" "$spaced/tests"

# The rest does not depend on the kernel.
if [ "$SERIES $FLAVOUR" != "${target_series[0]} amd64" ]; then
	done_testing
	exit
fi

for kind in frames pci; do
	folder=$scratch/drivers/a_$kind
	run make -C "$top" new DRIVER="$folder" KIND=$kind
	expect "$kind: make new makes a driver" 0 "made $folder/driver.rs"
	make_in "$folder" test
	expect "$kind: make test in the driver's folder passes" 0 "5 passed, 0 failed"
	make_in "$folder" lint
	expect "$kind: the linters find nothing" 0 ", 0 failed"
	device=/dev/a_$kind
	[ $kind = frames ] || device=/dev/a_pci0
	make_in "$folder" torture DEV=$device DURATION=5 SEED=1
	expect "$kind: the torture passes" 0 "3 passed, 0 failed"
done

frames=$scratch/drivers/a_frames
cat >"$scratch/hello" <<'END'
#!/bin/sh
echo "hello $1, $(ls /dev/a_frames)"
END
make_in "$frames" run PROG="$scratch/hello" ARGS="there"
expect "make run runs a program with the driver" 0 "hello there, /dev/a_frames"
run make -C "$top" shell DRIVER="$frames" <<<'ls /dev/a_frames; exit 0'
expect "make shell runs a shell with the driver" 0 "/dev/a_frames"
make_in "$frames" doc
expect "make doc makes the driver's documentation" 0 "build/doc/"
make_in "$frames" rust-analyzer
expect "make rust-analyzer makes the driver's rust-project.json" 0 "rust-project.json"
run grep -cE "root_module.*($frames/driver.rs|$top/src/abstractions/simple_mmap.rs)" "$frames/rust-project.json"
expect "rust-project.json has the driver's crate and that of the abstractions" 0 2

# The kernel's own make finds the abstractions by the line in the Kbuild. The build root sees the folder.
kernel=$("$top/scripts/kernel/stock.sh")
mkdir "$frames/build/plain"
run env DRIVER="$frames" "$in_root" env -u SIMPLE_MMAP make -C "$kernel/build" M="$frames" MO="$frames/build/plain" \
	ARCH="$target_arch" CROSS_COMPILE="$target_triplet-" "$target_toolchain" modules
expect "the kernel's own make builds the driver" 0 "LD [M]  a_frames.ko"

# symbols NAME: prints the global symbols of a driver. Two drivers that are built into one kernel must have none in
# common. init_module and cleanup_module, which are left out below, are there in modules only.
symbols() {
	DRIVER=$scratch/drivers/$1 "$in_root" nm -g --defined-only \
		"$scratch/drivers/$1/build/$(cat "$kernel/release")/$1.o" | awk '{ print $3 }' | sort
}
run comm -12 <(symbols a_frames) <(symbols a_pci)
output=$(grep -vxE '(__pfx_)?(init|cleanup)_module' <<<"$output") || true
[ -z "$output" ] || status="$status, and there are some"
expect "two drivers have no names of symbols in common" 0
run test "$(symbols a_frames | wc -l)" -gt 10
expect "a driver has symbols that are compared" 0

run make -C "$top" new DRIVER="$frames"
expect "a folder with something in it is refused" 2 "is there, and not empty"
run make -C "$top" new DRIVER="$scratch/My-Driver"
expect "a name that no module can have is refused" 2 'cannot be called "My-Driver"' "small letters, digits and _"
run make -C "$top" new DRIVER="$scratch/other" KIND=magic
expect "a kind that is not known is refused" 2 "KIND=magic is not known" "pages"
run test ! -e "$scratch/other"
expect "a kind that is not known makes no folder" 0
run make -C "$top" new
expect "make new without DRIVER is refused" 2 "make new DRIVER=<folder>"
run make -C "$top" run DRIVER="$scratch/absent"
expect "a DRIVER that does not exist is refused" 2 "there is no such folder" "make new DRIVER="
mkdir "$scratch/empty"
run make -C "$top" DRIVER="$scratch/empty"
expect "a DRIVER without a Kbuild is refused" 2 "has no Kbuild"
run make -C "$top" bench DRIVER="$frames"
expect "make bench refuses DRIVER" 2 "is for this project's own module"
run make -C "$top" torture DRIVER="$frames"
expect "make torture with DRIVER and without DEV is refused" 2 "DEV=/dev/<name>"
run make -C "$top" run DRIVER="$frames" MODPARAMS="size=7"
expect "a parameter that the driver does not have is refused" 2 "a_frames has no parameter size" "It has: none"

done_testing
