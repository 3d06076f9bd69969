#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# intree.sh: places the driver in the kernel source tree KSRC, builds it into a kernel and as a module
# there, boots the former, and runs the tests. The output is TAP; the last line counts.
#
# Without KSRC the tree is a copy of the stock kernel's source, made of links to it: that itself is
# shared, and stays as Debian made it. Either tree is built somewhere else, in the cache.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/programs.sh
. "$top/scripts/lib/programs.sh"

only_own intree
# shellcheck source=scripts/lib/kernel-config.sh
. "$top/scripts/lib/kernel-config.sh"

[[ -z ${KDIR:-} && $KERNEL = stock ]] || die "this builds a kernel of its own" \
	"Leave KDIR and KERNEL out. KSRC names the source."
fragments=("$top/scripts/kernel/config/guest.config" "$top/scripts/guest-$target_arch.config")
[ -f "${fragments[1]}" ] || die "there is no configuration of a guest for ARCH=$target_deb_arch" \
	"Leave ARCH and FLAVOUR out."

in_root=$top/scripts/kernel/in-root.sh
what="kernel with the driver in it"
lines=1950
out=$top/build/intree

# check_clean: the kernel's make builds outside of a tree only if nothing was built in it.
check_clean() {
	local left
	for left in "$tree"/{.config,include/config,"arch/$target_arch/include/generated"}; do
		[ ! -e "$left" ] || die "a kernel was configured or built in KSRC=$tree itself: there is ${left#"$tree/"}" \
			"To build elsewhere the source has to be clean: make -C $tree mrproper" \
			"Or name a clean copy: git -C $tree worktree add <directory>"
	done
}

# prepare DIR: fills the cache's entry.
prepare() {
	mkdir "$1/build"
	[ -n "${KSRC:-}" ] || cp -al "$cache/$source_name" "$1/source"
}

# kernel_make TARGET...: make in the build tree.
kernel_make() {
	"$in_root" make -C "$tree" O="$dir/build" ARCH="$target_arch" CROSS_COMPILE="$target_triplet-" \
		"$target_toolchain" LOCALVERSION=-intree "$@"
}

# build VALUE TARGET: configures the driver as y or m, and makes the target.
build() {
	cat "${fragments[@]}" - >"$dir/fragment" <<-END
		CONFIG_SIMPLE_MMAP=$1
		CONFIG_SIMPLE_MMAP_EXAMPLES=m
	END
	kernel_make KCONFIG_ALLCONFIG="$dir/fragment" allnoconfig >>"$log" 2>&1 || failed configure
	check_config "$dir/fragment" "$dir/build/.config"
	kernel_make -j"$(nproc)" "$2" |& keep_log || failed build
}

# boot PARAMETERS TEST...: boots the kernel with these parameters of the driver's; what the tests
# print goes to $boots.
boots=$out/boots
boot() {
	local words=$1 printed
	shift
	[ -z "$words" ] || words="simple.${words// / simple.}"
	printed=$(IMAGE=$out/vmlinuz KERNEL_ARGS=$words run_tests "$@" || printf '### end %s\n' "$?")
	printf '%s\n' "$printed" >>"$boots"
	tally=$(awk '/^ok .*# SKIP/ { skipped++; next } /^ok / { passed++ } /^not ok/ { failed++ }
		END { printf "%d passed, %d failed, %d skipped", passed, failed, skipped }' <<<"$printed")
}

# wanted KIND: of the cases that were skipped for want of another boot, those that can share one, or
# want their own: the parameters, the program, and the case.
wanted() {
	awk -f "$top/scripts/boots.awk" -v output=wanted "$boots" | sed -n "s/^$1\t//p"
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

exec {lock}<"$dir/build"
flock --nonblock "$lock" || {
	say "another run builds in $dir, waiting for it"
	flock "$lock"
}
rm -f "$log"
say "placing the driver in $tree/drivers/misc/simple_mmap, and naming it in the Kconfig and Makefile above"
"$top/scripts/kernel/place-in-tree.sh" place "$tree"
[ -z "${KSRC:-}" ] || say "this takes it out again: make intree-undo KSRC=$tree"
kernel_make rustavailable >>"$log" 2>&1 || failed "use the compilers of the build root for the"
say "building a kernel with the driver in it (the first time, several minutes)"
build y all
rm -rf "$out"
mkdir -p "$out/module"
cp "$dir/build/$(kernel_make -s image_name)" "$out/vmlinuz"
cp "$dir"/build/drivers/misc/simple_mmap/simple_*.ko "$out"
say "building the driver as a module"
build m modules
cp "$dir/build/drivers/misc/simple_mmap/simple.ko" "$out/module"
exec {lock}<&-
say "built: ${out#"$top/"}/vmlinuz and ${out#"$top/"}/module/simple.ko"

KDIR=$tree build_tests selftests rust-user
ACCEL=$("$top/scripts/guest/accel.sh") # asked once for all boots
export ACCEL
mapfile -t programs < <(tests_in_guest)
say "booting it without parameters"
boot "" "${programs[@]}"
say "$tally"
# Each parameter set that tests want, with the programs that they are in, in the order of before.
wanted shared | cut -f 1,2 | awk '!seen[$0]++' | sort -s -t $'\t' -k 1,1 | awk -F '\t' '
	$1 != last { printf "%s%s\t", separator, $1; last = $1; separator = "\n" }
	{ printf "%s ", $2 }
	END { if (NR) print "" }' >"$out/shared"
while IFS=$'\t' read -r parameters words; do
	read -ra programs_of_it <<<"$words"
	say "booting it with $parameters: ${words% }"
	boot "$parameters" "${programs_of_it[@]}"
	say "$tally"
done <"$out/shared"
wanted own >"$out/own"
count=0 all=$(wc -l <"$out/own")
say "booting it for each of $all tests that want unused memory (a few seconds each)"
while IFS=$'\t' read -r parameters program name; do
	boot "$parameters" "$program -r $name"
	count=$((count + 1))
	[ $((count % 10)) != 0 ] || say "test $count of $all"
done <"$out/own"

awk -f "$top/scripts/boots.awk" -v output=result "$boots" |
	"$in_root" perl "$top/tests/judge.pl" "${programs[@]}"
