# SPDX-License-Identifier: GPL-2.0
"""The links in the documentation that rustdoc has made.

doc_links.py DIR: prints each link in DIR that leads to no file, or to no anchor in its file, and fails if
    there are any. Links to the web are not followed.

Rustdoc writes the implementations that other crates have into scripts in trait.impl and type.impl, from
which a page gets them when it is shown. The links in these scripts are checked, too. In a script, HTML
stands in strings, with \\" for a quote, and is relative to the top, whatever page loads the script. A page has
a script, too, in which a link with a $ is a template.
"""

import os
import re
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

# The schemes of links that lead to no file.
ELSEWHERE = ("http", "https", "mailto", "javascript")


def has_anchor(path, fragment):
    """Whether a page has that anchor. In a page of source FIRST-LAST is a range of lines, each an anchor."""
    anchors = anchors_of.get(path, set())
    lines = re.fullmatch(r"(\d+)-(\d+)", fragment)
    return fragment in anchors or unquote(fragment) in anchors or lines and anchors.issuperset(lines.groups())


def fault_of(link, path):
    """What is wrong with a link in the page of that path; None if it is right."""
    url = urlsplit(link)
    if url.scheme in ELSEWHERE:
        return None
    folder = top if path.suffix == ".js" else path.parent
    target = Path(os.path.normpath(folder / unquote(url.path))) if url.path else path
    if url.scheme or url.netloc or not target.is_file():
        return "leads to no file"
    if url.fragment and not has_anchor(target, url.fragment):
        return "leads to no anchor"
    return None


if len(sys.argv) != 2:
    sys.exit(__doc__)
top = Path(sys.argv[1])
paths = sorted([*top.rglob("*.html"), *top.glob("*.impl/**/*.js")])
if not paths:
    sys.exit(f"there is no page in {top}")
pages = {path: path.read_text(encoding="utf-8").replace('\\"', '"') for path in paths}
anchors_of = {path: set(map(unescape, re.findall(r' id="([^"]*)"', page))) for path, page in pages.items()}
faults = [
    f"{path}:{number}: {link} {fault}"
    for path, page in pages.items()
    for number, line in enumerate(page.split("\n"), 1)
    for link in map(unescape, re.findall(r'(?: href|<img [^>]*src)="([^"$]*)"', line))
    if (fault := fault_of(link, path))
]
# A line of a page can have the same link often.
for fault in dict.fromkeys(faults):
    print(fault)
sys.exit(1 if faults else 0)
