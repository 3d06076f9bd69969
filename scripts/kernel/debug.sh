#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# debug.sh: prints the path of the debug kernel in the cache. Makes it on first use:
#   release  its release string
#   vmlinuz  the kernel image
#   source   a link to its source tree, which is that of the stock kernel
#   build    its build tree, without the kernel's own object files
#
# config/debug.config lists its checkers.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
KERNEL=debug
# shellcheck source=scripts/lib/kernels.sh
. "$top/scripts/lib/kernels.sh"
# shellcheck source=scripts/lib/kernel-config.sh
. "$top/scripts/lib/kernel-config.sh"

root=$("$top/scripts/kernel/build-root.sh")
fragments=("$top"/scripts/kernel/config/{guest,"guest-$target_arch",debug,"debug-$target_arch"}.config)
source_name=$(basename "$(readlink "$("$top/scripts/kernel/stock.sh")/source")")
name=linux-$SERIES-debug-$target_arch-$(key_of "$0" "${fragments[@]}" "$source_name" "${root##*/}")

what="debug kernel"
lines=2000

# make_kernel DIR: builds the kernel in DIR.
make_kernel() {
	local dir=$1 build=(kernel_make -C "$cache/$source_name" O="$1/build" LOCALVERSION=-debug)
	log=$cache/$name.log
	rm -f "$log"
	mkdir "$dir/build"
	ln -s "../$source_name" "$dir/source"

	cat "${fragments[@]}" >"$dir/fragment"
	"${build[@]}" KCONFIG_ALLCONFIG="$dir/fragment" allnoconfig >>"$log" 2>&1 || failed configure
	check_config "$dir/fragment" "$dir/build/.config"
	say "building a debug kernel of ${source_name#linux-source-} (once, 7 minutes on two processors)"
	"${build[@]}" -j"$(nproc)" all |& keep_log || failed build

	cp "$dir/build/$("${build[@]}" -s image_name)" "$dir/vmlinuz"
	cp "$dir/build/include/config/kernel.release" "$dir/release"
	movable "$dir"
	# Building modules does not need the object files.
	find "$dir/build" -name '*.o' -delete
	rm -f "$log"
}

cache_entry "$name" make_kernel
echo "$cache/$name"
