#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# doc.sh: makes the documentation of the abstractions, in build/doc.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

objects=$top/build/doc-objects
export DOC_DIR=$top/build/doc
rm -rf "$objects" "$DOC_DIR"
mkdir -p "$objects" "$DOC_DIR"
"$top/scripts/build.sh" --guest CLIPPY=1 CLIPPY_DRIVER="$top/scripts/rustdoc-driver.sh" \
	MO="$objects" >/dev/null
say "the documentation starts at build/doc/simple_mmap/index.html"
