# SPDX-License-Identifier: GPL-2.0
"""The links in the documentation that rustdoc has made.

doc_links.py DIR: prints each link in DIR that leads to no file, or to no anchor in its file, and fails if
    there are any. Links to the web are not followed.

Rustdoc writes the implementations that other crates have into scripts in trait.impl and type.impl, from
which a page gets them when it is shown. The links in these scripts are checked, too.
"""

import os
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

# The schemes of links that lead to no file.
ELSEWHERE = ("http", "https", "mailto", "javascript")


class Page(HTMLParser):
    """The links in a page, with their line numbers, and its anchors. Links are relative to the folder."""

    def __init__(self, folder, html):
        super().__init__()
        self.folder, self.links, self.anchors = folder, [], set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "href" or (tag, name) == ("img", "src"):
                self.links.append((self.getpos()[0], value or ""))
            elif name == "id":
                self.anchors.add(value)


def read_pages(top):
    """The pages in a folder, by their paths."""
    pages = {}
    for folder, _, files in os.walk(top):
        has_scripts = os.path.relpath(folder, top).split(os.sep)[0] in ("trait.impl", "type.impl")
        for file in files:
            path = os.path.join(folder, file)
            if file.endswith(".html") or has_scripts and file.endswith(".js"):
                # A script has HTML in strings, which is relative to the top, whatever page loads the script.
                with open(path, encoding="utf-8") as f:
                    pages[path] = Page(top if has_scripts else folder, f.read().replace('\\"', '"'))
    return pages


def has_anchor(page, fragment):
    """Whether a page has that anchor. In a page of source FIRST-LAST is a range of lines, each an anchor."""
    if fragment in page.anchors or unquote(fragment) in page.anchors:
        return True
    first, _, last = fragment.partition("-")
    return first.isdecimal() and last.isdecimal() and page.anchors.issuperset((first, last))


def fault_of(link, path, pages):
    """What is wrong with a link in the page of that path; None if it is right."""
    url = urlsplit(link)
    if url.scheme in ELSEWHERE:
        return None
    target = path
    if url.path:
        target = os.path.normpath(os.path.join(pages[path].folder, unquote(url.path)))
    if url.scheme or url.netloc or not os.path.isfile(target):
        return "leads to no file"
    if url.fragment and not (target in pages and has_anchor(pages[target], url.fragment)):
        return "leads to no anchor"
    return None


def main(top):
    pages = read_pages(os.path.normpath(top))
    if not pages:
        sys.exit(f"there is no page in {top}")
    faults = [
        f"{path}:{line}: {link} {fault}"
        for path, page in sorted(pages.items())
        for line, link in page.links
        if (fault := fault_of(link, path, pages))
    ]
    # A line of a page can have the same link often.
    for fault in dict.fromkeys(faults):
        print(fault)
    return not faults


if len(sys.argv) != 2:
    sys.exit(__doc__)
if not main(sys.argv[1]):
    sys.exit(1)
