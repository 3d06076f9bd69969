#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that after make picture the screen shows, pixel by pixel, the picture in the README, in whichever
# way it was drawn. After a change of the picture: cp build/picture/mapped.png docs/picture.png

. "$(dirname "$0")/../lib/tap.sh"

picture=$top/docs/picture.png

# pixels FILE: prints the PNG file as a PPM file, which has the plain pixels.
pixels() {
	"$top/scripts/kernel/in-root.sh" pngtopnm "$1"
}

# compare NAME: compares the pixels of NAME.png of the last "make picture" with those of the picture in the README. Files
# with the same pixels can differ, as versions and settings of libpng compress in different ways.
compare() {
	pixels "$top/build/picture/$1.png" >"$scratch/$1.ppm"
	run cmp "$scratch/picture.ppm" "$scratch/$1.ppm"
}

pixels "$picture" >"$scratch/picture.ppm"

# cost WAY: prints how many instructions a pixel takes that is drawn in that way, from the output.
cost() {
	sed -n "s/^  $1  *\([0-9.]*\),.*/\1/p" <<<"$output" | tr -d '\r'
}

run env KDIR= make -C "$top" picture
expect "a program draws a picture through the device" 0 "VGA card with id 0xb0c5" \
	"/proc/iomem:" "/proc/self/maps:" /dev/simpler "instructions for a pixel:"

mapped=$(cost "a store to the mapping for each pixel")
pixels=$(cost "lseek and write for each pixel")
rows=$(cost "lseek and write for each row")
run awk -v mapped="$mapped" -v pixels="$pixels" -v rows="$rows" \
	'BEGIN { print mapped, rows, pixels; exit !(0 < mapped && mapped < rows && rows < pixels) }'
expect "mapped stores cost least, and a write for each pixel costs most" 0

compare mapped
expect "the screen shows the picture, drawn by mapped stores" 0
compare pixels
expect "the screen shows the picture, drawn by a write for each pixel" 0
compare rows
expect "the screen shows the picture, drawn by a write for each row" 0

# The last byte is the last pixel's blue.
{
	head -c -1 "$scratch/picture.ppm"
	printf '\0'
} | "$top/scripts/kernel/in-root.sh" pnmtopng >"$top/build/picture/spoilt.png" 2>/dev/null
compare spoilt
expect "the comparison notices a single pixel that differs" 1 "differ: byte 921615"

done_testing
