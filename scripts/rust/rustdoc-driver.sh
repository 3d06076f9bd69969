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
	--emit=* | -C*) ;;        # what the compiler makes, and how
	*) args+=("$arg") ;;
	esac
done

rustdoc "${args[@]}" -Dwarnings --out-dir "$DOC_DIR"
exec rustc "$@"
