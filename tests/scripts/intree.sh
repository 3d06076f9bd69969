#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make intree: the trees that it refuses, how the driver comes into one, and how it is taken out.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

unset KSRC ARCH FLAVOUR SERIES

tree=$scratch/tree
misc=$tree/drivers/misc
driver=$misc/simple_mmap

intree() {
	run env KDIR= KSRC="$tree" make -C "$top" intree
}

# place, undo: what "make intree" does first, and "make intree-undo".
place() {
	run "$top/scripts/kernel/place-in-tree.sh" place "$tree"
}

undo() {
	run env KSRC="$tree" make -C "$top" intree-undo
}

intree
expect "no such directory" 2 "KSRC=$tree: there is no such directory" "leave KSRC out"

mkdir -p "$misc" "$tree/rust/kernel"
touch "$tree/Makefile"
intree
expect "no kernel source tree" 2 "KSRC=$tree is not a kernel source tree" "name the source"

printf 'VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 0\n' >"$tree/Makefile"
printf 'menu "Misc devices"\nsource "drivers/misc/other/Kconfig"\nendmenu\n' >"$misc/Kconfig"
echo 'obj-y += other/' >"$misc/Makefile"
touch "$tree/Kconfig"
intree
expect "a kernel without Rust" 2 "the kernel in KSRC=$tree has no Rust"

touch "$tree/rust/kernel/lib.rs"
intree
expect "a kernel of another series" 2 "KSRC=$tree is Linux 6.1" "Known series: 7.2"

printf 'VERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 0\n' >"$tree/Makefile"
touch "$tree/.config"
intree
expect "a tree that was built in" 2 "there is .config" mrproper worktree
rm "$tree/.config"

run make -C "$top" intree KSRC="$tree" KERNEL=debug
expect "another kernel besides" 2 "Leave KDIR and KERNEL out"

run test -e "$driver"
expect "nothing was placed so far" 1
cp -a "$tree" "$scratch/pristine"

place
run cat "$misc/Kconfig" "$misc/Makefile"
expect "the driver is hooked in" 0 $'source "drivers/misc/simple_mmap/Kconfig"\nendmenu' \
	"obj-y += simple_mmap/"
run diff "$top/src/simple.rs" "$driver/src/simple.rs"
expect "and it is there" 0
run test -z "$(find "$driver" -name '*.o' -o -name '*.ko' -o -name '*_generated.rs')"
expect "without what was built of it" 0

cp -a "$tree" "$scratch/placed"
touch "$scratch/now"
place
run diff -r "$scratch/placed" "$tree"
expect "the second time nothing changes" 0
run test -z "$(find "$tree" -newer "$scratch/now" ! -name .placed -type f)"
expect "and nothing will be built anew" 0

# As a run leaves it that was interrupted, or one of an older driver.
rm "$driver/Kbuild"
sed -i '/simple_mmap/d' "$misc/Kconfig"
(cd "$driver" && echo older >src/older.rs && echo older >src/simple.rs && sha256sum src/older.rs >>.placed &&
	sum=$(sha256sum src/simple.rs) && sed -i "s|.*  src/simple.rs|$sum|" .placed)
place
run diff -r --exclude=.placed "$scratch/placed" "$tree"
expect "what was interrupted, or is of an older driver, is completed" 0

echo "// mine" >>"$driver/src/simple.rs"
place
expect "what was changed there is not overwritten" 1 "$driver/src/simple.rs was changed" "Take the change to"
undo
expect "nor removed" 2 "$driver/src/simple.rs was changed"
cp "$top/src/simple.rs" "$driver/src/simple.rs"

undo
run diff -r "$scratch/pristine" "$tree"
expect "afterwards the tree is as before" 0

mkdir "$driver"
touch "$driver/own.rs"
place
expect "a folder simple_mmap that somebody else made is left alone" 1 "$driver exists, and \"make intree\" did not place it"

run make -C "$top" intree-undo KSRC=
expect "which tree to take it out of has to be said" 2 "Name a kernel source tree"

done_testing
