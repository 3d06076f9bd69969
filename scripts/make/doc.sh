#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# doc.sh: makes the documentation of the abstractions, and of DRIVER, in build/doc.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/driver.sh
. "$top/scripts/lib/driver.sh"

objects=$folder/build/doc-objects
export DOC_DIR=$folder_in_root/build/doc
rm -rf "$objects" "$folder/build/doc"
mkdir -p "$objects" "$folder/build/doc"
"$top/scripts/kernel/build-modules.sh" --guest CLIPPY=1 CLIPPY_DRIVER="$top/scripts/rust/rustdoc-driver.sh" \
	MO="$folder_in_root/build/doc-objects" >/dev/null
say "the documentation starts at ${driver:+$driver/}build/doc/simple_mmap/index.html"
