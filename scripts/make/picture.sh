#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# picture.sh: boots a guest with QEMU's standard VGA card, on which a program draws a picture
# through /dev/simpler, and saves what the screen shows: build/picture/mapped.png, drawn by mapped
# stores, and pixels.png and rows.png, drawn with lseek and write.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/programs.sh"

only_own picture

build_tests picture
say "booting the guest, and drawing in it (20 to 40 seconds)"

# QEMU saves the pictures in the folder in which it is started.
rm -rf "$top/build/picture"
mkdir -p "$top/build/picture"
cd "$top/build/picture"
QEMU_ARGS=$target_display QMP=yes ICOUNT=1 FILES='' TRACE=no \
	MODPARAMS="physical=1 ${MODPARAMS:-}" \
	"$top/scripts/guest/boot.sh" run "$tests_out/picture" "/dev/${target_lines[3]}"
say "the pictures are in build/picture: mapped.png, pixels.png and rows.png"
