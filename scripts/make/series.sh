#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# series.sh: writes the patches that offer the abstractions to the kernel, with a cover letter, to build/series.
#
# They are made for the source tree KSRC, or for the source of the newest series of stock kernels. That tree is only
# read: the patches are made in a git repository of their own, in build/series/git, of the files that they change.
#
# Each file series/NN-*.patch makes one patch. Up to the line "---" it is the commit's message. Then each line
# "copy: FILE PATH" copies a file of this checkout to a path in the kernel, and a diff changes files of the kernel.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/driver.sh
. "$top/scripts/lib/driver.sh"

only_own series
given=${SERIES:-}
# shellcheck source=scripts/lib/kernels.sh
. "$top/scripts/lib/kernels.sh"

out=$top/build/series
repository=$out/git
patches=("$top"/series/[0-9][0-9]-*.patch)
type -P git >/dev/null || die "there is no git on this system" "Install it: the patches are commits."
name=$(git config user.name) || name=
email=$(git config user.email) || email=
if [ -n "${SIGNOFF:-}" ]; then
	[[ -n $name && -n $email ]] || die "SIGNOFF=1 needs to know who signs the patches off" \
		"git config --global user.name \"Your Name\"; git config --global user.email you@example.org" \
		"What that says is in the kernel's Documentation/process/submitting-patches.rst."
fi

# in_repository ARG...: calls git there, without the user's own configuration, and without the
# GIT_* variables that git sets for a hook.
in_repository() {
	env -u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null \
		git -C "$repository" \
		-c "user.name=${name:-unnamed}" -c "user.email=${email:-unnamed@localhost}" "$@"
}

# message PATCH, copies PATCH, diff_of PATCH: print the three parts of a file in series.
message() {
	sed '/^---$/,$d' "$1"
}

copies() {
	sed -n '/^---$/,/^diff /s/^copy: //p' "$1"
}

diff_of() {
	sed -n '/^diff /,$p' "$1"
}

# changed_files: prints the paths of all files of the kernel that the patches change, without those that an earlier patch
# adds.
changed_files() {
	local patch
	for patch in "${patches[@]}"; do
		diff_of "$patch"
	done | awk '
		# A new file is "new file mode" after its diff line.
		/^diff --git / { file = substr($4, 3) }
		/^new file mode / { new[file] = 1 }
		/^--- a\// && !new[file] { print file }' | LC_ALL=C sort -u
}

# commit PATCH: makes a commit of it.
commit() {
	local patch=$1 from to refused
	while read -r from to; do
		[ ! -e "$tree/$to" ] || die "series/${patch##*/} adds $to, which the kernel in $tree has already" \
			"Compare that file with $from, and see docs/series.md, \"A new kernel\"."
		install -D -m 644 "$top/$from" "$repository/$to"
	done < <(copies "$patch")
	if [ -n "$(diff_of "$patch")" ]; then
		refused=$(diff_of "$patch" | in_repository apply --whitespace=error - 2>&1) || {
			refused=$(sed -n 's/^error: patch failed: //p; s/^error: \(.*: No such file\)/\1/p' <<<"$refused" | head -n 1)
			die "series/${patch##*/} does not apply to ${refused:-the kernel} in $tree" \
				"Make that change by hand in the kernel's source, and replace the diff in series/${patch##*/}." \
				"docs/series.md, \"A new kernel\", has the commands."
		}
	fi
	in_repository add --all --force .
	message "$patch" | in_repository commit --quiet --file=-
}

if [ -n "${KSRC:-}" ]; then
	[ -f "$KSRC/rust/kernel/mm.rs" ] || die "KSRC=$KSRC is not the source of a kernel with Rust" \
		"Name a kernel source tree, or leave KSRC out to use that of a stock kernel."
	tree=$(realpath "$KSRC")
	version=$(make --no-print-directory -s -C "$tree" kernelversion 2>/dev/null) || version=$tree
else
	export SERIES=${given:-${target_series[-1]}}
	tree=$(realpath "$("$top/scripts/kernel/stock.sh")/source")
	version=${tree##*linux-source-}
fi

rm -rf "$out"
mkdir -p "$repository"
in_repository init --quiet --initial-branch=series
while read -r file; do
	[ -f "$tree/$file" ] || die "the kernel in $tree has no $file, which the patches in series change" \
		"See docs/series.md, \"A new kernel\"."
	install -D -m "$(stat -c %a "$tree/$file")" "$tree/$file" "$repository/$file"
done < <(changed_files)
in_repository add --all --force .
in_repository commit --quiet --message="Linux $version"
for patch in "${patches[@]}"; do
	commit "$patch"
done
in_repository config branch.series.description "$(<"$top/series/cover-letter")"
in_repository format-patch --quiet --cover-letter --cover-from-description=subject --no-numbered-files \
	${SIGNOFF:+--signoff} --output-directory "$out" "-${#patches[@]}"
say "wrote ${#patches[@]} patches for Linux $version and a cover letter to build/series"
[ -n "${SIGNOFF:-}" ] || say "they have no Signed-off-by: whoever sends them adds it with SIGNOFF=1"
