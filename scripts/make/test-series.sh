#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# test-series.sh: tests the patches that "make series" writes. It applies them one after the other to a copy of the
# kernel's source, made of hard links, and checks and builds each. It builds the whole with the checkers of the debug
# kernel, boots that, and there runs the kernel's doctests, the selftests that the series adds, and programs of
# "make torture". The output is TAP; the last line has the numbers of results.
#
# test-series.sh build: applies and checks each patch, builds the whole once, and boots nothing.

. "$(dirname "$0")/../lib/base.sh"
mode=${1:-all} given=${SERIES:-}
. "$top/scripts/lib/programs.sh"
. "$top/scripts/lib/kernel-config.sh"

only_own test-series

[[ -z ${KDIR:-} && $KERNEL = stock && $target_arch = x86 ]] || die "\"make test-series\" builds kernels of its own" \
	"Leave KDIR, KERNEL, ARCH and FLAVOUR out. KSRC names the source."

export SERIES=${given:-${target_series[-1]}}
out=$top/build/test-series
series=$top/build/series
what="kernel with the series"
lines=2100
checks=0
exec {progress}>&2

# check NAME COMMAND...: passes if COMMAND succeeds. What COMMAND says of its progress goes to the descriptor $progress.
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

# rustfmt_patch PATCH: runs rustfmt on the files that the patch changes.
rustfmt_patch() {
	local files
	mapfile -t files < <(sed -n 's,^+++ b/\(.*\.rs\)$,\1,p' "$1")
	[ ${#files[@]} -eq 0 ] ||
		"$in_root" env -C "$tree" rustfmt --check --edition 2021 --config-path "$tree/.rustfmt.toml" "${files[@]}"
}

# test_vma: runs the tests of VMAs that the kernel has for user space.
test_vma() {
	"$in_root" env -C "$tree/tools/testing/vma" sh -c 'make --no-print-directory ARCH=x86 && ./vma'
}

# make_for CONFIG ARG...: calls the kernel's make for one of these configurations:
#   x86    with gcc and clippy, with TRANSPARENT_HUGEPAGE, COMPAT, the samples and binder
#   debug  for a guest, with clang, the checkers of the debug kernel, the samples and binder
#   arm64  with clang, and without TRANSPARENT_HUGEPAGE and COMPAT
#   nommu  for riscv with clang, and without MMU
# A warning of the Rust compiler is an error.
make_for() {
	local config=$1 settings=(ARCH=x86 LLVM=-19)
	shift
	case $config in
	x86) settings=(ARCH=x86 CROSS_COMPILE="$target_triplet-" "$target_toolchain" CLIPPY=1) ;;
	arm64) settings=(ARCH=arm64 LLVM=-19) ;;
	nommu) settings=(ARCH=riscv LLVM=-19) ;;
	esac
	"$in_root" make --no-print-directory -C "$tree" O="$dir/$config" LOCALVERSION=-series KRUSTFLAGS=-Dwarnings \
		"${settings[@]}" "$@"
}

# configuration CONFIG: prints the options of the kernel. Some of the kernel's own doctests have timers on the stack
# without telling the debug objects, which report that.
configuration() {
	local fragments=("series-$1")
	case $1 in
	x86) fragments=(series series-x86) ;;
	debug) fragments=(guest guest-x86 debug debug-x86 series) ;;
	esac
	(cd "$top/scripts/kernel/config" && cat "${fragments[@]/%/.config}") |
		sed 's/^\(CONFIG_DEBUG_OBJECTS_TIMERS\)=y/# \1 is not set/'
}

# build CONFIG TARGET...: configures the kernel, and builds these targets of its make.
build() {
	local config=$1 log=$dir/$1.log
	shift
	configuration "$config" >"$dir/$config.config"
	make_for "$config" KCONFIG_ALLCONFIG="$dir/$config.config" allnoconfig >>"$log" 2>&1 || failed configure
	# Before the patches that add the samples, there are no options for them.
	check_config <(grep -v '^CONFIG_SAMPLE_RUST_.*MMAP' "$dir/$config.config") "$dir/$config/.config"
	make_for "$config" -j"$(nproc)" "$@" |& keep_log 2>&"$progress" || failed build
}

# build_whole CONFIG: builds the whole kernel with all options, and has it ready for the guest.
build_whole() {
	build "$1" all
	check_config "$dir/$1.config" "$dir/$1/.config"
	cp "$dir/$1/$(make_for "$1" -s image_name)" "$out/vmlinuz"
	cp "$dir/$1"/samples/rust/{rust_mmap,rust_driver_pci_mmap}.ko "$out"
}

# build_program FILE: builds a program that uses the kernel's harness for selftests.
build_program() {
	local name=${1##*/}
	"$in_root" "$target_triplet-$target_cc" -O2 -Wall -Werror -static -I "$tree/tools/testing/selftests" \
		-o "$out/${name%.c}" "$1"
}

# prepare DIR: fills DIR, the new entry of the cache.
prepare() {
	mkdir "$1"/{x86,debug,arm64,nommu}
}

rm -rf "$out"
mkdir -p "$out"
patches=("$top"/series/[0-9][0-9]-*.patch)
"$top/scripts/make/series.sh"
if [ -n "${KSRC:-}" ]; then
	source=$(realpath "$KSRC")
else
	source=$(realpath "$("$top/scripts/kernel/stock.sh")/source")
fi
root=$("$top/scripts/kernel/build-root.sh")
name=series-$(key_of "$source" "${root##*/}")
cache_entry "$name" prepare
dir=$cache/$name
tree=$dir/source
written=("$series"/0*-*.patch)
unset "written[0]" # the cover letter

exec {lock}<"$dir"
take_lock "$lock" "builds in $dir"
rm -f "$dir"/*.log
remove_tree "$tree"
cp -al "$source" "$tree" 2>/dev/null || {
	remove_tree "$tree"
	cp -a "$source" "$tree"
}
# Write the files that the patches change anew, as they are before the first patch: what an earlier run built from them
# is then older than they are.
git -C "$series/git" ls-tree -r --name-only "series~${#patches[@]}" | (cd "$tree" && xargs -d '\n' rm)
git -C "$series/git" archive "series~${#patches[@]}" | tar -C "$tree" --touch -x
suites=(doctests.sh sample.sh bar.sh rust_binder_mmap torture.sh)
[ "$mode" = all ] || suites=()
{
	echo "### start series"
	check "a file that the kernel has already is refused" refuses_a_file
	check "a change that does not apply is refused" refuses_a_change
	check "SIGNOFF=1 without a name in git is refused" refuses_to_sign
	"$top/scripts/make/series.sh"
	for patch in "${written[@]}"; do
		number=${patch##*/}
		number="patch ${number%%-*}"
		check "$number applies: ${patch##*/????-}" apply "$patch"
		check "$number passes checkpatch --strict" checkpatch "$patch"
		check "$number has a maintainer" maintained "$patch"
		check "$number passes rustfmt" rustfmt_patch "$patch"
		[ "$mode" = all ] || continue
		! grep -q '^+++ b/tools/testing/vma/' "$patch" || check "$number passes tools/testing/vma" test_vma
		say "building $number for three configurations (the first about 6 minutes, each other about 2)"
		check "$number builds with clippy" build x86 rust/ samples/rust/ drivers/android/
		check "$number builds for arm64, with clang, without huge pages and COMPAT" build arm64 rust/ samples/rust/
		check "$number builds without MMU" build nommu rust/
		check "$number builds the documentation" build x86 rustdoc
	done
	check "the new files are those of the module" same_files
	whole=debug
	[ "$mode" = all ] || whole=x86
	say "building the whole kernel (6 to 10 minutes)"
	check "the whole builds" build_whole "$whole"
	for program in "$tree"/tools/testing/selftests/rust/*.c; do
		check "the program ${program##*/} builds" build_program "$program"
	done
	echo "1..$checks"
	echo "### end 0"
	if [[ $mode = all && -f $out/vmlinuz ]]; then
		build_tests stress fuzz
		say "booting it for ${suites[*]} (2 to 15 minutes)"
		files=("$out"/rust_{mmap,pci_mmap,binder_mmap} "$tests_out"/{stress,fuzz} "$top"/tests/series/*.sh)
		KERNEL=debug GUEST_MODULE=$out/vmlinuz TRACE=no QEMU_ARGS="-device pci-testdev" FILES=$(quote "${files[@]}") \
			"$top/scripts/guest/boot.sh" run "$top/tests/run-in-guest.sh" "${suites[*]}" || printf '### end %s\n' "$?"
	fi
} | judged series "${suites[@]}"
