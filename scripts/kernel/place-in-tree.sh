#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# place-in-tree.sh place TREE: places the driver in a kernel's source tree as drivers/misc/simple_mmap, and
# hooks it into the Kconfig and the Makefile of drivers/misc. Files that are up to date are not touched,
# so that make does not build them again.
#
# place-in-tree.sh check TREE: only checks that the driver can be placed there.
#
# place-in-tree.sh undo TREE: removes the driver's files, and its lines in the Kconfig and the Makefile.
#
# drivers/misc/simple_mmap/.placed lists the placed files with their checksums. If one of them was changed since, the
# script exits with an error and changes nothing.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/kernels.sh"

mode=$1 tree=$2
[ -n "$tree" ] || die "KSRC is not set" "Name a kernel source tree: KSRC=<tree>."
misc=$tree/drivers/misc
driver=$misc/simple_mmap
kconfig_line='source "drivers/misc/simple_mmap/Kconfig"'
makefile_line='obj-y += simple_mmap/'

# check_source: exits with the reason and a remedy unless TREE is a kernel's source tree that can be written to.
check_source() {
	[ -d "$tree" ] || die "KSRC=$tree: there is no such directory" \
		"Name a kernel source tree, or leave KSRC out to use that of the stock Debian kernel."
	[[ -f $tree/Kconfig && -f $tree/Makefile && -f $misc/Kconfig && -f $misc/Makefile ]] ||
		die "KSRC=$tree is not a kernel source tree" \
			"A build tree, or the headers of a distribution, are not enough: name the source."
	[[ -w $misc && -w $misc/Kconfig && -w $misc/Makefile ]] || die "cannot write to $misc"
}

# check_kernel: exits with the reason unless the driver supports the kernel in TREE.
check_kernel() {
	local series
	[ -f "$tree/rust/kernel/lib.rs" ] || die "the kernel in KSRC=$tree has no Rust"
	series=$(awk '/^VERSION = / { version = $3 } /^PATCHLEVEL = / { level = $3 }
		END { print version "." level }' "$tree/Makefile")
	[[ " ${target_series[*]} " == *" $series "* ]] || die "KSRC=$tree is Linux $series" \
		"Known series: $(printf '%s, ' "${target_series[@]}" | sed 's/, $//')"
	[ "$(grep -cx endmenu "$misc/Kconfig")" = 1 ] ||
		die "found no place for the driver in $misc/Kconfig" "It must have exactly one line \"endmenu\"."
}

# check_driver: exits with the reason if somebody has changed a placed file: it has neither the checksum that is listed
# nor, as an interrupted run of this script can leave it, the content of the checkout's file.
check_driver() {
	local sum file
	[ -e "$driver" ] || return 0
	[ -f "$driver/.placed" ] || [ -z "$(find "$driver" -type f ! -name '.placed*')" ] ||
		die "$driver exists, and \"make intree\" did not place it" "Move it away."
	[ -f "$driver/.placed" ] || return 0
	while read -r sum file; do
		[ ! -e "$driver/$file" ] || cmp -s "$top/$file" "$driver/$file" ||
			sha256sum --status --check <<<"$sum  $driver/$file" ||
			die "$driver/$file was changed since it was placed" \
				"Take the change to $top/$file, and remove the placed file."
	done <"$driver/.placed"
}

# sources: prints the names of the driver's files that the kernel's build needs.
sources() {
	printf '%s\n' Kbuild Kconfig
	find src -name '*.rs' -o -name '*.[ch]' -o -name Makefile.driver | LC_ALL=C sort
}

# put FILE: replaces the file by stdin at once, so that an interrupted run leaves no half of it.
put() {
	cat >"$1.new"
	mv "$1.new" "$1"
}

place() {
	local file
	cd "$top"
	mkdir -p "$driver"
	# List the files before they are there, so that after an interrupted run the next one knows who placed them.
	[ -f "$driver/.placed" ] || sources | xargs -d '\n' sha256sum | put "$driver/.placed"
	sources | while read -r file; do
		cmp -s "$file" "$driver/$file" && continue
		mkdir -p "$(dirname "$driver/$file")"
		put "$driver/$file" <"$file"
	done
	# Remove placed files that the driver no longer has.
	while read -r _ file; do
		[ -e "$file" ] || rm -f "$driver/$file"
	done <"$driver/.placed"
	sources | xargs -d '\n' sha256sum | put "$driver/.placed"
	grep -qxF "$makefile_line" "$misc/Makefile" || sed -i "\$a $makefile_line" "$misc/Makefile"
	grep -qxF "$kconfig_line" "$misc/Kconfig" || sed -i "/^endmenu\$/i $kconfig_line" "$misc/Kconfig"
}

undo() {
	local file
	sed -i "\\|^$kconfig_line\$|d" "$misc/Kconfig"
	sed -i "\\|^$makefile_line\$|d" "$misc/Makefile"
	[ -f "$driver/.placed" ] || return 0
	while read -r _ file; do
		rm -f "$driver/$file"
	done <"$driver/.placed"
	rm "$driver/.placed"
	find "$driver" -depth -type d -empty -delete
	[ ! -e "$driver" ] || say "left: $driver, as it has files that \"make intree\" did not place there"
}

check_source
[ "$mode" = undo ] || check_kernel
check_driver
[ "$mode" = check ] || "$mode"
