#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# doc.sh: makes the documentation of the abstractions, and of the drivers in src or of DRIVER, in build/doc.
# A link in it that leads to nothing is an error.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/driver.sh"

objects=$folder/build/doc-objects
doc=$folder/build/doc
export DOC_DIR=$folder_in_root/build/doc
rm -rf "$objects" "$doc"
mkdir -p "$objects" "$doc"
"$top/scripts/kernel/build-modules.sh" --guest CLIPPY=1 CLIPPY_DRIVER="$top/scripts/rust/rustdoc-driver.sh" \
	MO="$folder_in_root/build/doc-objects" >/dev/null

# Correct links in the pages. A link to srctree/FILE is to lead to that file of the kernel's source, as in the kernel's
# own "make rustdoc". A link to an item of the kernel's crates or of core becomes plain text, as these crates have no
# pages here: rustdoc has written it as [Item], or as a link to the item's path or to a page of std. On the page of a
# type alias, rustdoc links the type's own methods as those of a trait. In the *.js files a quote is written \".
srctree=$(<"$objects/srctree")
find "$doc" \( -name '*.html' -o -path "$doc/*.impl/*.js" \) -exec sed -Ei \
	-e 's%<a href=(\\?")srctree/%<a href=\1'"$srctree"'/%g' \
	-e 's%\[(<code>[^<]*</code>)\]%\1%g' \
	-e 's%<a href=\\?"([^"./#]*|(\.\./)+std/[^"]*|#tymethod\.__pin_data\\?)"%<a%g' \
	-e 's%((struct|enum|union)\.[^"]*#)ty(method\.)%\1\3%g' {} +

# The build root sees the kernels in the cache, but not the kernel of KDIR.
python=("$in_root" python3)
[ -z "${KDIR:-}" ] || python=(python3)
"${python[@]}" "$top/scripts/rust/doc_links.py" "$DOC_DIR" || die "these links in build/doc lead to nothing"
say "the documentation starts at ${driver:+$driver/}build/doc/simple_mmap/index.html"
