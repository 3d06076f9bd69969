#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# intree.sh: places the driver in the kernel source tree KSRC, builds a kernel with the driver built in, and the driver
# as a module, boots that kernel, and runs the tests. The output is TAP; the last line has the numbers of results.
#
# Without KSRC the tree is a copy of the stock kernel's source, made of hard links: the source itself is
# shared, and stays as Debian made it. The object files of the kernel are written to the cache, not to the tree.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/programs.sh"

only_own intree
. "$top/scripts/lib/kernel-config.sh"

[[ -z ${KDIR:-} && $KERNEL = stock ]] || die "\"make intree\" builds a kernel of its own" \
	"Leave KDIR and KERNEL out. KSRC names the source."
fragments=("$top/scripts/kernel/config/guest.config" "$top/scripts/kernel/config/guest-$target_arch.config")
[ -f "${fragments[1]}" ] || die "there is no configuration of a guest for ARCH=$target_deb_arch" \
	"Leave ARCH and FLAVOUR out."

what="kernel with the driver in it"
lines=1950
out=$top/build/intree

# check_clean: exits with an error if something was built in the tree itself: the kernel's make then refuses O=.
check_clean() {
	local left
	for left in "$tree"/{.config,include/config,"arch/$target_arch/include/generated"}; do
		[ ! -e "$left" ] || die "a kernel was configured or built in KSRC=$tree itself: there is ${left#"$tree/"}" \
			"To build elsewhere the source has to be clean: make -C $tree mrproper" \
			"Or name a clean copy: git -C $tree worktree add <directory>"
	done
}

# prepare DIR: fills DIR, the new entry of the cache.
prepare() {
	mkdir "$1/build"
	[ -n "${KSRC:-}" ] || cp -al "$cache/$source_name" "$1/source"
}

# build VALUE TARGET: configures the kernel with the driver as VALUE, y or m, and makes the target.
build() {
	cat "${fragments[@]}" - >"$dir/fragment" <<-END
		CONFIG_SIMPLE_MMAP=$1
		CONFIG_SIMPLE_MMAP_EXAMPLES=m
	END
	"${kernel_build[@]}" KCONFIG_ALLCONFIG="$dir/fragment" allnoconfig >>"$log" 2>&1 || failed configure
	check_config "$dir/fragment" "$dir/build/.config"
	"${kernel_build[@]}" -j"$(nproc)" "$2" |& keep_log || failed build
}

if [ -n "${KSRC:-}" ]; then
	"$top/scripts/kernel/place-in-tree.sh" check "$KSRC"
	tree=$(realpath "$KSRC")
	export KSRC=$tree
	check_clean
	source_name=$tree
else
	source_name=$(basename "$(readlink "$("$top/scripts/kernel/stock.sh")/source")")
fi
root=$("$top/scripts/kernel/build-root.sh")
name=intree-$target_arch-$(key_of "$source_name" "${root##*/}")
cache_entry "$name" prepare
dir=$cache/$name log=$cache/$name.log
tree=${tree:-$dir/source}
kernel_build=(kernel_make -C "$tree" O="$dir/build" LOCALVERSION=-intree)

exec {lock}<"$dir/build"
take_lock "$lock" "builds in $dir"
rm -f "$log"
say "placing the driver in $tree/drivers/misc/simple_mmap, and naming it in the Kconfig and Makefile above"
"$top/scripts/kernel/place-in-tree.sh" place "$tree"
[ -z "${KSRC:-}" ] || say "to remove the driver from the tree again: make intree-undo KSRC=$tree"
"${kernel_build[@]}" rustavailable >>"$log" 2>&1 || failed "use the compilers of the build root for the"
say "building a kernel with the driver in it (the first time, several minutes)"
build y all
rm -rf "$out"
mkdir -p "$out/module"
cp "$dir/build/$("${kernel_build[@]}" -s image_name)" "$out/vmlinuz"
cp "$dir"/build/drivers/misc/simple_mmap/simple_*.ko "$out"
say "building the driver as a module"
build m modules
cp "$dir/build/drivers/misc/simple_mmap/simple.ko" "$out/module"
exec {lock}<&-
say "built: ${out#"$top/"}/vmlinuz and ${out#"$top/"}/module/simple.ko"

KDIR=$tree build_tests selftests rust-user
mapfile -t programs < <(tests_in_guest)
# Many cases need regions of 16 pages, and are skipped with any other size.
say "booting it with simple.pages=16 for the tests (1 to 3 minutes)"
{
	GUEST_MODULE=$out/vmlinuz KERNEL_ARGS=simple.pages=16 run_tests "${programs[@]}" || printf '### end %s\n' "$?"
} | judged "${programs[@]}"
