#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# rust-analyzer.sh: writes rust-project.json into the checkout, or into the folder of DRIVER, where rust-analyzer
# looks for it. It describes the crates of the kernel that plain "make" builds for, and those of the module. The module
# is built first, as the build generates some of its sources.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/driver.sh"
. "$top/scripts/lib/kernels.sh"

module=$("$top/scripts/kernel/build-modules.sh" rust-analyzer)
project=${module%/*}/rust-project.json

# in_root PATH: prints what the build root calls PATH, which is in the folder.
in_root() {
	printf '%s' "${1/#"$folder"/"$folder_in_root"}"
}

# make_sysroot DIR: fills DIR with scripts that run the build root's toolchain, as programs outside of the build root
# cannot start it directly. rust-analyzer asks rustc and cargo for settings, and expands macros with the third program.
make_sysroot() {
	local program
	for program in bin/rustc bin/cargo libexec/rust-analyzer-proc-macro-srv; do
		mkdir -p "$1/${program%/*}"
		cat >"$1/$program" <<-END
			#!/bin/sh
			cd $(quote "$top")|| exit
			export ARCH=$target_deb_arch SERIES=$SERIES SIMPLE_CACHE='$cache'
			exec scripts/kernel/in-root.sh /usr/$program "\$@"
		END
		chmod +x "$1/$program"
	done
	ln -sfn "$("$top/scripts/kernel/build-root.sh")/usr/lib" "$1/lib"
}

# rust-analyzer needs the toolchain that built the kernel: for kernels in the cache, that of the build root.
python=(python3) sysroot=
if grep -qF "\"OBJTREE\": \"$(realpath "$cache")/" "$project"; then
	sysroot=$folder/build/sysroot-$target_deb_arch-$SERIES
	make_sysroot "$sysroot"
	python=("$in_root" python3)
fi
[ -w "$folder" ] || die "cannot write to $folder" "rust-analyzer looks for rust-project.json there."
# In the build root the folder and the checkout can have other paths: replace them.
text=$("${python[@]}" "$top/scripts/rust/rust_project.py" "$(in_root "$project")" "$folder_in_root" "$top" "$(in_root "$sysroot")")
text=${text//"$folder_in_root/"/"$folder/"}
printf '%s\n' "${text//"$top_in_root/"/"$top/"}" >"$project.whole"
mv "$project.whole" "$folder/rust-project.json"
say "wrote rust-project.json for ${project%/*}"
