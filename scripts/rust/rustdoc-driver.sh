#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# rustdoc-driver.sh ARG...: stands in for the compiler in the kernel's build (as its CLIPPY_DRIVER), so
# that rustdoc gets the flags that the compiler gets. It documents into $DOC_DIR, and then compiles, as
# the build wants its object file. Any warning of rustdoc's is an error.

set -euo pipefail

args=()
skip=
for arg in "$@"; do
	if [ -n "$skip" ]; then
		skip=
		continue
	fi
	case $arg in
	--out-dir) skip=yes ;;    # and its value
	--emit=* | -C*) ;;        # these are about the object file
	*) args+=("$arg") ;;
	esac
done

# document [ARG...]: makes the pages of the crate, and tells doc.sh in a file where the kernel's source is.
document() {
	rustdoc "${args[@]}" -Dwarnings --enable-index-page --out-dir "$DOC_DIR" "$@"
	# shellcheck disable=SC2154 # srctree is exported by the kernel's Makefile
	echo "$srctree" >srctree
}

# The abstractions are compiled once for each module, and documented once: for the module that is built first.
if [[ " $* " == *" --crate-name simple_mmap "* ]]; then
	if mkdir "$DOC_DIR/simple_mmap" 2>/dev/null; then
		document
	fi
	exec rustc "$@"
fi

# A driver's crate has the name of its file. In the documentation the crate that declares the module has the name
# of the module instead. Private items are documented, as a driver has hardly a public one.
source=${!#}
crate=$(basename "$source" .rs)
! grep -Eq '\bmodule(_[a-z]+)*! *\{' "$source" || crate=${RUST_MODFILE##*/}
crate=${crate//-/_}
document --crate-name "$crate" --document-private-items
exec rustc "$@"
