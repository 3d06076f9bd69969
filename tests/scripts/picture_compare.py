# SPDX-License-Identifier: GPL-2.0
"""compare.py A B: compares the pixels of two PNG files, and fails unless all are the same.

Two files with the same pixels may differ, as libpng's versions and settings compress in different
ways. It reads what QEMU writes: 8 bits each of red, green and blue, not interlaced.
"""

import struct
import sys
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# bits per colour, colours are RGB, compression, filter method, not interlaced
FORMAT = (8, 2, 0, 0, 0)
PIXEL = 3


def chunks(data):
    at = len(SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        yield kind, data[at + 8 : at + 8 + length]
        at += length + 12  # with the length and the name before it, and the checksum behind


def predict(kind, left, up, corner):
    """What the filter of a row expects of a byte, from the bytes a pixel left, a row up, and both."""
    if kind == 0:
        return 0
    if kind == 1:
        return left
    if kind == 2:
        return up
    if kind == 3:
        return (left + up) // 2
    guess = left + up - corner
    return min((left, up, corner), key=lambda byte: abs(guess - byte))


def decode(path):
    """The width, and the bytes of all pixels row by row."""
    with open(path, "rb") as file:
        data = file.read()
    if not data.startswith(SIGNATURE):
        sys.exit(f"{path} is not a PNG file")
    parts = list(chunks(data))
    width, _, *form = struct.unpack(">IIBBBBB", dict(parts)[b"IHDR"])
    if tuple(form) != FORMAT:
        sys.exit(f"{path} has another format than QEMU's screendumps")
    packed = zlib.decompress(b"".join(body for kind, body in parts if kind == b"IDAT"))

    size = width * PIXEL
    pixels = bytearray()
    above = bytes(PIXEL + size)
    for start in range(0, len(packed), 1 + size):
        # Left of the first pixel are zeros.
        row = bytearray(PIXEL)
        for i, byte in enumerate(packed[start + 1 : start + 1 + size]):
            guess = predict(packed[start], row[i], above[i + PIXEL], above[i])
            row.append((byte + guess) & 255)
        pixels += row[PIXEL:]
        above = row
    return width, pixels


(width, a), (other_width, b) = (decode(path) for path in sys.argv[1:3])
if (width, len(a)) != (other_width, len(b)):
    sys.exit("the pictures differ in size")
count = len(a) // PIXEL
differ = [i for i in range(count) if a[i * PIXEL : (i + 1) * PIXEL] != b[i * PIXEL : (i + 1) * PIXEL]]
if differ:
    y, x = divmod(differ[0], width)
    sys.exit(f"{len(differ)} of {count} pixels differ, the first at column {x} of row {y}")
print(f"all {count} pixels are the same")
