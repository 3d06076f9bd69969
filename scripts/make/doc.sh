#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# doc.sh: makes the documentation of the abstractions, and of the drivers in src or of DRIVER, in build/doc.
# A link in it that leads to nothing is an error.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/driver.sh
. "$top/scripts/lib/driver.sh"

objects=$folder/build/doc-objects
doc=$folder/build/doc
export DOC_DIR=$folder_in_root/build/doc
rm -rf "$objects" "$doc"
mkdir -p "$objects" "$doc"
"$top/scripts/kernel/build-modules.sh" --guest CLIPPY=1 CLIPPY_DRIVER="$top/scripts/rust/rustdoc-driver.sh" \
	MO="$folder_in_root/build/doc-objects" >/dev/null

# A link to srctree/FILE leads to that file of the kernel's source, as in the kernel's own "make rustdoc". A link to
# an item of the kernel's crates or of core becomes plain text, as these crates have no pages here: rustdoc shows it
# as [Item], or leaves the path of the item, or of a page of std, in it. On the page of a type alias, rustdoc takes
# the type's own methods for those of a trait. In the scripts a quote is \".
srctree=$(<"$objects/srctree")
find "$doc" \( -name '*.html' -o -path "$doc/*.impl/*.js" \) -exec sed -Ei \
	-e 's%<a href=(\\?")srctree/%<a href=\1'"$srctree"'/%g' \
	-e 's%\[(<code>[^<]*</code>)\]%\1%g' \
	-e 's%<a href=\\?"([^"./#]*|(\.\./)+std/[^"]*|#tymethod\.__pin_data\\?)"%<a%g' \
	-e 's%((struct|enum|union)\.[^"]*#)ty(method\.)%\1\3%g' {} +

# Kernels in the cache are seen in the build root, and that of KDIR is not.
python=("$top/scripts/kernel/in-root.sh" python3)
[ -z "${KDIR:-}" ] || python=(python3)
"${python[@]}" "$top/scripts/rust/doc_links.py" "$DOC_DIR" || die "these links in build/doc lead to nothing"
say "the documentation starts at ${driver:+$driver/}build/doc/simple_mmap/index.html"
