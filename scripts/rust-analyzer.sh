#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# rust-analyzer.sh: writes rust-project.json, where rust-analyzer looks for it. It describes the crates of
# the kernel that plain "make" builds for and those of the module, which is built for what is generated.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/target.sh
. "$top/scripts/target.sh"

module=$("$top/scripts/build.sh" rust-analyzer)
project=${module%/*}/rust-project.json

# make_sysroot DIR: the toolchain of the build root for programs outside of it, which cannot start those in
# it: rust-analyzer asks the compiler for its settings, and expands macros with the third one.
make_sysroot() {
	local program
	for program in bin/rustc bin/cargo libexec/rust-analyzer-proc-macro-srv; do
		mkdir -p "$1/${program%/*}"
		cat >"$1/$program" <<-END
			#!/bin/sh
			cd '$top' || exit
			export ARCH=$target_deb_arch SERIES=$SERIES SIMPLE_CACHE='$cache'
			exec scripts/in-root.sh /usr/$program "\$@"
		END
		chmod +x "$1/$program"
	done
	ln -sfn "$("$top/scripts/build-root.sh")/usr/lib" "$1/lib"
}

# Kernels in the cache were built in the build root.
python=(python3) sysroot=
if grep -qF "\"OBJTREE\": \"$(realpath "$cache")/" "$project"; then
	sysroot=$top/build/sysroot-$target_deb_arch-$SERIES
	make_sysroot "$sysroot"
	python=("$top/scripts/in-root.sh" python3)
fi
"${python[@]}" "$top/scripts/rust_project.py" "$project" "$top" "$top" "$sysroot" >"$project.whole"
mv "$project.whole" "$top/rust-project.json"
say "rust-project.json is there for ${project%/*}"
