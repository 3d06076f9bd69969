#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests make intree: which trees it refuses, how it places the driver in one, and how make intree-undo removes it.

. "$(dirname "$0")/../lib/tap.sh"

unset KSRC ARCH FLAVOUR SERIES

tree=$scratch/tree
misc=$tree/drivers/misc
driver=$misc/simple_mmap

intree() {
	run env KDIR= KSRC="$tree" make -C "$top" intree
}

# place: does what "make intree" does first. undo: does "make intree-undo".
place() {
	run "$top/scripts/kernel/place-in-tree.sh" place "$tree"
}

undo() {
	run env KSRC="$tree" make -C "$top" intree-undo
}

intree
expect "a KSRC that does not exist is refused" 2 "KSRC=$tree: there is no such directory" "leave KSRC out"

mkdir -p "$misc" "$tree/rust/kernel"
touch "$tree/Makefile"
intree
expect "a folder that is no kernel source tree is refused" 2 "KSRC=$tree is not a kernel source tree" "name the source"

printf 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\n' >"$tree/Makefile"
printf 'menu "Misc devices"\nsource "drivers/misc/other/Kconfig"\nendmenu\n' >"$misc/Kconfig"
echo 'obj-y += other/' >"$misc/Makefile"
touch "$tree/Kconfig"
intree
expect "a kernel without Rust is refused" 2 "the kernel in KSRC=$tree has no Rust"

touch "$tree/rust/kernel/lib.rs"
intree
expect "a kernel of another series is refused" 2 "KSRC=$tree is Linux 6.1" "Known series: 7.2"

printf 'VERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 0\n' >"$tree/Makefile"
touch "$tree/.config"
intree
expect "a tree in which a kernel was configured is refused" 2 "there is .config" mrproper worktree
rm "$tree/.config"

run make -C "$top" intree KSRC="$tree" KERNEL=debug
expect "KERNEL=debug is refused" 2 "Leave KDIR and KERNEL out"

run test -e "$driver"
expect "nothing is placed in a refused tree" 1
cp -a "$tree" "$scratch/pristine"

place
run cat "$misc/Kconfig" "$misc/Makefile"
expect "the tree's Kconfig and Makefile name the driver" 0 $'source "drivers/misc/simple_mmap/Kconfig"\nendmenu' \
	"obj-y += simple_mmap/"
run diff "$top/src/simple.rs" "$driver/src/simple.rs"
expect "the driver's sources are in the tree" 0
run test -z "$(find "$driver" -name '*.o' -o -name '*.ko' -o -name '*_generated.rs')"
expect "no file that was built of the driver is in the tree" 0

cp -a "$tree" "$scratch/placed"
touch "$scratch/now"
place
run diff -r "$scratch/placed" "$tree"
expect "placing the driver a second time changes nothing" 0
run test -z "$(find "$tree" -newer "$scratch/now" ! -name .placed -type f)"
expect "placing the driver a second time touches no source" 0

# Make the tree look as if a run was interrupted in it, and as if an older driver was placed.
rm "$driver/Kbuild"
sed -i '/simple_mmap/d' "$misc/Kconfig"
(cd "$driver" && echo older >src/older.rs && echo older >src/simple.rs && sha256sum src/older.rs >>.placed &&
	sum=$(sha256sum src/simple.rs) && sed -i "s|.*  src/simple.rs|$sum|" .placed)
place
run diff -r --exclude=.placed "$scratch/placed" "$tree"
expect "placing the driver completes an interrupted run, and replaces an older driver" 0

echo "// mine" >>"$driver/src/simple.rs"
place
expect "a placed file that was changed is not overwritten" 1 "$driver/src/simple.rs was changed" "Take the change to"
undo
expect "a placed file that was changed is not removed" 2 "$driver/src/simple.rs was changed"
cp "$top/src/simple.rs" "$driver/src/simple.rs"

undo
run diff -r "$scratch/pristine" "$tree"
expect "make intree-undo restores the tree" 0

mkdir "$driver"
touch "$driver/own.rs"
place
expect "a folder simple_mmap that somebody else made is left alone" 1 "$driver exists, and \"make intree\" did not place it"

run make -C "$top" intree-undo KSRC=
expect "make intree-undo without KSRC is refused" 2 "Name a kernel source tree"

done_testing
