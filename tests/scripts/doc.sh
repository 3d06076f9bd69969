#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests make doc: the pages of the checkout's crates, and of a driver in a folder, and that a link that leads to nothing
# makes it fail.

# shellcheck disable=SC2016 # the `...` are those of the comments
. "$(dirname "$0")/../lib/tap.sh"
. "$top/scripts/lib/base.sh"
unset KDIR
. "$top/scripts/lib/kernels.sh"
. "$top/scripts/lib/tree.sh"

# The documentation does not depend on the kernel.
if [ "$SERIES $FLAVOUR" != "${target_series[0]} amd64" ]; then
	echo "1..0 # SKIP the documentation is tested with the default kernel only"
	exit
fi

# check_links: looks for links that lead to nothing in the documentation in $doc.
check_links() {
	run "$top/scripts/kernel/in-root.sh" python3 "$top/scripts/rust/doc_links.py" "$doc"
}

run make -C "$top" doc
expect "the documentation is made" 0 "the documentation starts at build/doc/simple_mmap/index.html"

# Parts of this copy are removed below. It is in the checkout, as the build root does not see other folders.
doc=$(mktemp -d "$top/build/doc.XXXXXX")
trap 'rm -rf "$scratch" "$doc"' EXIT
cp -r "$top/build/doc/." "$doc"

mapfile -t crates < <({ echo simple_mmap && modules_of "$top"; } | LC_ALL=C sort)
run cat "$doc/crates.js"
expect "the sidebar lists the abstractions and all modules" 0 "= [$(printf '"%s"\n' "${crates[@]}" | paste -sd,)];"
cd "$doc" || exit
run ls "${crates[@]/%//index.html}"
expect "each crate in the sidebar has a page" 0
run ls simple/simplen/struct.Simplen.html simple_page/struct.Page.html
expect "private items of drivers have pages" 0
run ls src/simple/simplen.rs.html src/simple_page/page.rs.html src/simple_mmap/mm/desc.rs.html
expect "source files have pages" 0
run grep -rF '[<code>' --include=*.html .
expect "no name of an item is left in brackets" 1
check_links
expect "each link leads to a file or an anchor" 0

rm simple_clock/struct.Clock.html
check_links
expect "a link to a missing page is reported" 1 simple_clock/index.html: "struct.Clock.html leads to no file"
expect "a link in a *.js file to a missing page is reported" 1 \
	trait.MiscDevice.js: "simple_clock/struct.Clock.html leads to no file"
sed -i 's/ id="method.pgoff"//' simple_mmap/mm/fault/struct.VmFault.html
check_links
expect "a link to a missing anchor is reported" 1 "struct.VmFault.html#method.pgoff leads to no anchor"
last=$(grep -c '' "$top/src/examples/page.rs")
sed -i "s/ id=\"$last\"//" src/simple_page/page.rs.html
check_links
expect "a link to a missing line of source is reported" 1 "page.rs.html#3-$last leads to no anchor"
cd "$top" || exit

# A driver with a second crate, and with links in its comments.
driver=$scratch/drivers/linked
page=linked/constant._LINKED.html
run make -C "$top" new DRIVER="$driver"
sed -i 's/^linked-y := .*/& part.o/' "$driver/Kbuild"
printf '//! Another part.\n' >"$driver/part.rs"
cp "$driver/driver.rs" "$scratch/driver.rs"

# document_with COMMENT: documents the driver with an item that has this comment.
document_with() {
	printf '\n/// %s\nconst _LINKED: usize = 0;\n' "$1" | cat "$scratch/driver.rs" - >"$driver/driver.rs"
	run make -C "$top" doc DRIVER="$driver"
}

document_with 'A [page](SharedPage) in [`Arc`], see [`Page`](kernel::page::Page), [`mm.h`](srctree/include/linux/mm.h).'
expect "make doc documents a driver" 0 "the documentation starts at $driver/build/doc/simple_mmap/index.html"
run cat "$driver/build/doc/crates.js"
expect "a driver's crate has the name of the module, and a second crate that of its file" 0 \
	'= ["linked","part","simple_mmap"];'
run cat "$driver/build/doc/$page"
expect "the name of an item of the abstractions becomes a link" 0 \
	'A <a href="../simple_mmap/mm/page/struct.SharedPage.html"'
expect "the name of an item of the kernel's crates becomes plain text" 0 \
	'</a> in <code>Arc</code>, see <a><code>Page</code></a>'
expect "the name of a file of the kernel's source becomes a link" 0 '/include/linux/mm.h"><code>mm.h</code></a>'
document_with '[a](index.html#no-anchor) [b](no-page.html) [c](srctree/include/linux/no-header.h)'
expect "make doc fails for links that lead to nothing" 2 "$page:" "index.html#no-anchor leads to no anchor" \
	"no-page.html leads to no file" "no-header.h leads to no file"
document_with '[`Nothing`]'
expect "make doc fails if rustdoc warns" 2 'unresolved link to `Nothing`'

done_testing
