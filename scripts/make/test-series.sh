#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# test-series.sh: tests the patches that "make series" writes. It applies them to a copy of the kernel's source, made of
# hard links, checks and builds the whole, boots the kernel, and there runs the kernel's doctests and the samples'
# selftests. The output is TAP; the last line has the numbers of results.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/driver.sh
. "$top/scripts/lib/driver.sh"

only_own test-series
given=${SERIES:-}
# shellcheck source=scripts/lib/kernels.sh
. "$top/scripts/lib/kernels.sh"
# shellcheck source=scripts/lib/kernel-config.sh
. "$top/scripts/lib/kernel-config.sh"

export SERIES=${given:-${target_series[-1]}}
in_root=$top/scripts/kernel/in-root.sh
out=$top/build/test-series
series=$top/build/series
fragments=("$top"/scripts/kernel/config/{guest,"guest-$target_arch",series}.config)
selftests=(rust_mmap rust_pci_mmap)
in_guest=(doctests.sh sample.sh bar.sh)
what="kernel with the series"
lines=1950
checks=0

# check NAME COMMAND...: passes if COMMAND succeeds.
check() {
	local name=$1 output verdict=ok
	shift
	output=$("$@" 2>&1) || verdict="not ok"
	[ "$verdict" = ok ] || echo "# ${output//$'\n'/$'\n'# }"
	checks=$((checks + 1))
	echo "$verdict $checks - $name"
}

# refuses TEXT...: whether "make series" fails for the tree $out/refused, with each TEXT in its message.
refuses() {
	local text output
	! output=$(KSRC=$out/refused "$top/scripts/make/series.sh" 2>&1) || return
	for text in "$@"; do
		[[ $output == *"$text"* ]] || {
			echo "$output"
			return 1
		}
	done
}

# refuses_a_file, refuses_a_change, refuses_to_sign: the three reasons for which no series is made.
refuses_a_file() {
	rm -rf "$out/refused"
	mkdir -p "$out/refused/rust/kernel/mm"
	git -C "$series/git" archive "series~${#patches[@]}" | tar -x -C "$out/refused"
	touch "$out/refused/rust/kernel/mm/pgoff.rs"
	refuses "types.patch adds rust/kernel/mm/pgoff.rs"
}

refuses_a_change() {
	rm "$out/refused/rust/kernel/mm/pgoff.rs"
	sed -i '/pub const fn into_raw</d' "$out/refused/rust/kernel/miscdevice.rs"
	refuses "miscdevice.patch does not apply to rust/kernel/miscdevice.rs" "docs/series.md"
}

refuses_to_sign() {
	SIGNOFF=1 GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_DIR=/nonexistent refuses \
		"needs to know who signs"
}

# apply PATCH: applies it to $tree. A parent of the cache can be a git repository, which is not meant.
apply() {
	GIT_CEILING_DIRECTORIES=$cache git -C "$tree" apply --whitespace=error "$1"
}

# same_files: whether each file that the patches add is that of this checkout, byte for byte.
same_files() {
	local from to count=0
	while read -r from to; do
		cmp "$top/$from" "$tree/$to" || return
		count=$((count + 1))
	done < <(sed -n '/^---$/,/^diff /s/^copy: //p' "$top"/series/[0-9][0-9]-*.patch)
	[ "$count" -gt 0 ]
}

# checkpatch PATCH: a Signed-off-by is left to the sender, MAINTAINERS names the folders of the new files, and the tree
# has no history to look commits up in.
checkpatch() {
	"$in_root" env -C "$tree" scripts/checkpatch.pl --strict --terse --no-summary --quiet \
		--ignore MISSING_SIGN_OFF,NO_AUTHOR_SIGN_OFF,FILE_PATH_CHANGES,UNKNOWN_COMMIT_ID - <"$1"
}

# maintained PATCH: whether get_maintainer.pl names a maintainer and a mailing list.
maintained() {
	local names
	names=$("$in_root" env -C "$tree" scripts/get_maintainer.pl --no-git --no-git-fallback "$1") || return
	[[ $names == *maintainer* && $names == *list* ]] || {
		echo "$names"
		return 1
	}
}

rustfmt_series() {
	local files
	mapfile -t files < <(sed -n 's,^+++ b/\(.*\.rs\)$,\1,p' "${written[@]}" | LC_ALL=C sort -u)
	"$in_root" env -C "$tree" rustfmt --check --edition 2021 --config-path "$tree/.rustfmt.toml" "${files[@]}"
}

# build: builds the kernel and the samples. A warning of the Rust compiler is an error.
build() {
	cat "${fragments[@]}" >"$dir/fragment"
	"${kernel_build[@]}" KCONFIG_ALLCONFIG="$dir/fragment" allnoconfig >>"$log" 2>&1 || failed configure
	check_config "$dir/fragment" "$dir/build/.config"
	say "building a kernel with the series (the first time, several minutes)"
	"${kernel_build[@]}" -j"$(nproc)" KRUSTFLAGS=-Dwarnings all |& keep_log || failed build
	cp "$dir/build/$("${kernel_build[@]}" -s image_name)" "$out/vmlinuz"
	cp "$dir"/build/samples/rust/{rust_mmap,rust_driver_pci_mmap}.ko "$out"
}

build_selftest() {
	"$in_root" "$target_triplet-$target_cc" -O2 -Wall -Werror -static -I "$tree/tools/testing/selftests" \
		-o "$out/$1" "$tree/tools/testing/selftests/rust/$1.c"
}

# prepare DIR: fills DIR, the new entry of the cache.
prepare() {
	mkdir "$1/build"
}

mkdir -p "$out"
patches=("$top"/series/[0-9][0-9]-*.patch)
"$top/scripts/make/series.sh"
if [ -n "${KSRC:-}" ]; then
	source=$(realpath "$KSRC")
else
	source=$(realpath "$("$top/scripts/kernel/stock.sh")/source")
fi
root=$("$top/scripts/kernel/build-root.sh")
name=series-$target_arch-$(key_of "$source" "${root##*/}")
cache_entry "$name" prepare
dir=$cache/$name log=$cache/$name.log
tree=$dir/source
written=("$series"/0*-*.patch)
unset "written[0]" # the cover letter
kernel_build=(kernel_make -C "$tree" O="$dir/build" LOCALVERSION=-series)

exec {lock}<"$dir/build"
flock --nonblock "$lock" || {
	say "another run builds in $dir, waiting for it"
	flock "$lock"
}
rm -f "$log" "$out/vmlinuz" "$out"/*.ko "${selftests[@]/#/$out/}"
remove_tree "$tree"
cp -al "$source" "$tree" 2>/dev/null || {
	remove_tree "$tree"
	cp -a "$source" "$tree"
}
{
	echo "### start series"
	check "a file that the kernel has already is refused" refuses_a_file
	check "a change that does not apply is refused" refuses_a_change
	check "nobody is made up who signs off" refuses_to_sign
	"$top/scripts/make/series.sh"
	for patch in "${written[@]}"; do
		check "${patch##*/} applies" apply "$patch"
		check "${patch##*/} passes checkpatch --strict" checkpatch "$patch"
		check "${patch##*/} has a maintainer" maintained "$patch"
	done
	check "the new files are those of the module" same_files
	check "rustfmt on the new and the changed files" rustfmt_series
	check "the whole builds without a warning" build
	for selftest in "${selftests[@]}"; do
		check "the selftest $selftest builds" build_selftest "$selftest"
	done
	echo "1..$checks"
	echo "### end 0"
	if [[ -f $out/vmlinuz && -f $out/${selftests[-1]} ]]; then
		say "booting it for the doctests and the selftests (1 to 3 minutes, emulated)"
		programs=$(quote "${selftests[@]/#/$out/}" "${in_guest[@]/#/$top/tests/series/}")
		GUEST_MODULE=$out/vmlinuz FILES=$programs TRACE=no QEMU_ARGS="-device pci-testdev" \
			"$top/scripts/guest/boot.sh" run "$top/tests/run-in-guest.sh" "${in_guest[*]}" ||
			printf '### end %s\n' "$?"
	fi
} | "$in_root" perl "$top/tests/judge.pl" series "${in_guest[@]}"
