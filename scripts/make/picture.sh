#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# picture.sh: boots a guest with QEMU's standard VGA card, on which a program draws a picture
# through /dev/simpler, and saves what the screen shows: build/picture/mapped.png, drawn by mapped
# stores, and pixels.png and rows.png, drawn with lseek and write.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/programs.sh
. "$top/scripts/lib/programs.sh"

only_own picture

build_tests picture
rm -rf "$top/build/picture"
say "booting the guest, and drawing in it (20 to 40 seconds, emulated)"

# QEMU and its client run in this folder and use relative paths of their sockets, as the path of a
# socket has at most 107 characters.
dir=$(mktemp -d "$top/build/picture.XXXXXX")
client=
trap '[ -z "$client" ] || kill "$client" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"

exec {ready}< <(exec "$top/scripts/kernel/in-root.sh" python3 "$top/scripts/guest/qmp.py")
client=$!
read -r -u "$ready" _ || die "scripts/guest/qmp.py did not start"

# The serial line "line" is the guest's fourth, after the three that scripts/guest/initramfs/init uses.
QEMU_ARGS="$target_display -serial unix:line -qmp unix:qmp" ICOUNT=1 SMP='' FILES='' TRACE=no \
	MODPARAMS="physical=1 ${MODPARAMS:-}" \
	"$top/scripts/guest/boot.sh" run "$tests_out/picture" "/dev/${target_lines[3]}"

mkdir -p "$top/build/picture"
mv ./*.png "$top/build/picture"
say "the pictures are in build/picture: mapped.png, pixels.png and rows.png"
