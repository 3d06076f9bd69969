#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# new.sh: makes the folder DRIVER with a driver to start from, its tests, and the files that build and run them. KIND
# says what the driver maps: pages (the default), frames or pci. The files are made from those in scripts/new, except
# for the driver that maps pages, which is made from src/examples/page.rs.

. "$(dirname "$0")/../lib/base.sh"

kind=${KIND:-pages}
[ -n "${DRIVER:-}" ] || die "\"make new\" needs DRIVER" "Name a folder to make: make new DRIVER=<folder> [KIND=pages|frames|pci]"
case $kind in
pages) source=$top/src/examples/page.rs device=simple_page pages=1 ;;
frames | pci) source=$top/scripts/new/$kind.rs device=new_driver pages=16 ;;
*) die "KIND=$kind is not known" "Known kinds: pages, each mapped with a reference to it; frames, contiguous memory; pci, \
a device's registers" ;;
esac

name=$(basename "$DRIVER")
[[ $name =~ ^[a-z][a-z0-9_]*$ && ${#name} -le 40 ]] || die "DRIVER=$DRIVER: a driver cannot be called \"$name\"" \
	"The folder's name is the module's: at most 40 small letters, digits and _, the first one a letter."
[[ ! -e $DRIVER || -d $DRIVER ]] || die "DRIVER=$DRIVER is not a folder"
[[ ! -d $DRIVER || -z $(ls -A "$DRIVER") ]] || die "DRIVER=$DRIVER is there, and not empty" \
	"A new driver is made in a new or an empty folder."
plain "$top" || die "the path of this checkout has a character that a Kbuild cannot name: $top" \
	"Move the checkout."
mkdir -p "$DRIVER/tests" 2>/dev/null || true
[ -w "$DRIVER/tests" ] || die "cannot write to $DRIVER"
folder=$(realpath "$DRIVER")

# The name of the device node. A PCI driver numbers the nodes of its devices; this is the first.
node=$name
[ "$kind" != pci ] || node=${name}0

# made TO FROM...: writes the file TO of the new driver from the parts FROM. Only the first part keeps its license line.
made() {
	local to=$1
	shift
	awk 'FNR == 1 && NR > 1 { next } { print }' "$@" |
		sed -e "s/new_pages/$pages/; s|new_device|$node|g; s/new_driver\|$device/$name/g" -e "s|@checkout@|$top|g" \
			>"$folder/$to"
}

parts=$top/scripts/new
c_test=("$parts/tests/map.c" "$parts/tests/$kind.c") rust_test=threads
[ "$kind" != pci ] || c_test=("$parts/tests/pci.c") rust_test=registers
made driver.rs "$source"
for file in Kbuild Makefile README.md; do
	made "$file" "$parts/$file"
done
made tests/mapping.c "${c_test[@]}"
made "tests/$rust_test.rs" "$parts/tests/map.rs" "$parts/tests/$rust_test.rs"
printf '%s\n' /build/ /rust-project.json >"$folder/.gitignore"

say "made $folder/driver.rs, its tests, and what builds them"
say "next: make run DRIVER=$(quote "$DRIVER")boots a guest with /dev/$node, and runs the tests; in that folder, \"make run\" does the same"
