#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make picture: that the screen shows, pixel by pixel, the picture in the README, whichever way it
# was drawn. After a change of the picture: cp build/picture/mapped.png docs/picture.png

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

picture=$top/docs/picture.png

# compare NAME: NAME.png of the last "make picture" with the picture in the README.
compare() {
	run "$top/scripts/kernel/in-root.sh" python3 "$top/tests/scripts/picture_compare.py" "$picture" \
		"$top/build/picture/$1.png"
}

# cost WAY: what a pixel costs, from the output.
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
expect "the screen shows the picture, drawn by mapped stores" 0 "all 307200 pixels are the same"
compare pixels
expect "the screen shows the picture, drawn by a write for each pixel" 0 \
	"all 307200 pixels are the same"
compare rows
expect "the screen shows the picture, drawn by a write for each row" 0 \
	"all 307200 pixels are the same"

# The last byte of the pixels is the last pixel's blue, less a guess that stays the same.
"$top/scripts/kernel/in-root.sh" python3 - "$picture" "$top/build/picture/spoilt.png" <<'END_OF_PYTHON'
import struct, sys, zlib

data = open(sys.argv[1], "rb").read()
first = data.index(b"IDAT") - 4
packed, at = b"", first
while data[at + 4 : at + 8] == b"IDAT":
    length = struct.unpack(">I", data[at : at + 4])[0]
    packed += data[at + 8 : at + 8 + length]
    at += length + 12
rows = bytearray(zlib.decompress(packed))
rows[-1] ^= 1
body = b"IDAT" + zlib.compress(rows)
chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
open(sys.argv[2], "wb").write(data[:first] + chunk + data[at:])
END_OF_PYTHON
compare spoilt
expect "a single pixel that differs is noticed" 1 \
	"1 of 307200 pixels differ, the first at column 639 of row 479"

done_testing
