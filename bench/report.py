#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""report.py NAME UNIT INTRODUCTION FILE...: tables of what bench/bench.c printed.

Writes NAME.md and NAME.csv, and for each plot NAME-<operation>.gp, which gnuplot reads. The summary
goes to the output.
"""

import csv
import sys

KIB = 1024
MIB = 1024 * KIB

# The operation, its title, and whether it is counted for each page.
OPERATIONS = {
    "mmap": ("mmap, a call", False),
    "read": ("First touch, reading in sequence, a page", True),
    "read, random": ("First touch, reading at random, a page", True),
    "write": ("First touch, writing in sequence, a page", True),
    "write, random": ("First touch, writing at random, a page", True),
    "new": ("First touch of memory that is allocated for it, writing in sequence, a page", True),
    "again": ("Second touch, reading in sequence, a page", True),
    "munmap": ("munmap of what was touched, a page", True),
    "fork": ("fork, and the child's first touch, reading in sequence, a page", True),
    "whole": ("All of mmap, first touch (reading in sequence) and munmap, a page", True),
    "lseek": ("lseek, a call", False),
    "read()": ("read, a call", False),
    "memcpy from": ("The same, copied from the mapping", False),
    "write()": ("write, a call", False),
    "memcpy to": ("The same, copied to the mapping", False),
    "open": ("open and close", False),
}
PLOTS = ["mmap", "read", "munmap", "whole"]


def is_ours(peer):
    """Whether it is one of this project's devices."""
    return peer.startswith("simple")


def is_c(peer):
    """Whether it is the C module."""
    return peer.startswith("C, ")


def in_c(peer):
    """The peer of the C module that does the same."""
    return "C, remap_pfn_range" if peer.startswith("simpler") else "C, fault"


def is_alternative(peer, other):
    """Whether a user could map the other peer instead."""
    if is_ours(other) or is_c(other):
        return False
    if "physical" in peer:
        return other == "/dev/mem"
    return other != "/dev/mem" and ("huge" in other) == ("huge" in peer)


def size_name(size):
    """A size with its unit."""
    for unit, name in (MIB, "MiB"), (KIB, "KiB"):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size} B" if size else "any"


def number(value):
    """The text of a number, with as many digits as are significant."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def ratio_text(value):
    """The text of a ratio, with as many digits as are significant."""
    return number(value) if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


class Results:
    """The measured figures: (peer, operation, size) -> (least, median, 90th percentile)."""

    def __init__(self, paths):
        self.figures = {}
        for path in paths:
            with open(path, encoding="utf-8") as file:
                for peer, operation, size, divisor, *values in csv.reader(file, delimiter="\t"):
                    self.figures[peer, operation, int(size)] = [
                        int(value) / int(divisor) for value in values
                    ]
                    pages = int(divisor)
                    if operation == "munmap":
                        self.add_whole(peer, int(size), pages)

    def add_whole(self, peer, size, pages):
        """Adds the figure of a whole use of a mapping: the sum of mmap, first touch and munmap."""
        parts = [self.figures.get((peer, part, size)) for part in ("mmap", "read", "munmap")]
        if all(parts):
            self.figures[peer, "whole", size] = [
                mmap / pages + read + munmap for mmap, read, munmap in zip(*parts)
            ]

    def peers(self, operation):
        """The peers for which the operation was measured, in the order of measuring."""
        return list(dict.fromkeys(peer for peer, this, _ in self.figures if this == operation))

    def sizes(self, operation):
        """The sizes for which the operation was measured."""
        return sorted({size for _, this, size in self.figures if this == operation})

    def get(self, peer, operation, size):
        """The least figure, or None if it was not measured."""
        return self.figures.get((peer, operation, size), [None])[0]

    def to_c(self, peer, operation, size):
        """The ratio of the cost to that in C, or None."""
        ours, theirs = (self.get(one, operation, size) for one in (peer, in_c(peer)))
        return ours / theirs if ours is not None and theirs else None

    def best(self, peer, operation, size):
        """The ratio of the cost to that of the best alternative, and its name; or None."""
        others = [
            (self.get(other, operation, size), other)
            for other in self.peers(operation)
            if is_alternative(peer, other) and self.get(other, operation, size)
        ]
        ours = self.get(peer, operation, size)
        if ours is None or not others:
            return None
        least, name = min(others)
        return ours / least, name


def row(cells):
    """A row of a table in Markdown."""
    return "| " + " | ".join(cells) + " |\n"


def head(cells):
    """The head of a table in Markdown."""
    return row(cells) + "|---" + "|---:" * (len(cells) - 1) + "|\n"


def table(results, operation, spread):
    """The table of one operation with every size."""
    sizes = results.sizes(operation)
    text = f"### {OPERATIONS[operation][0]}\n\n" + head([""] + [size_name(size) for size in sizes])
    for peer in results.peers(operation):
        cells = []
        for size in sizes:
            figure = results.figures.get((peer, operation, size))
            if figure and spread:
                cells.append(" / ".join(number(value) for value in figure))
            else:
                cells.append(number(figure[0]) if figure else "")
        text += row([peer] + cells)
    for peer in filter(is_ours, results.peers(operation)):
        ratios = [results.to_c(peer, operation, size) for size in sizes]
        if any(ratios):
            cells = [f"{ratio:.3f}" if ratio else "" for ratio in ratios]
            text += row([f"*{peer} : {in_c(peer)}*"] + cells)
        bests = [results.best(peer, operation, size) for size in sizes]
        if any(bests):
            cells = [f"{ratio_text(best[0])} ({best[1]})" if best else "" for best in bests]
            text += row([f"*{peer} : the best alternative*"] + cells)
    return text + "\n"


# The size of new memory in the summary.
NEW_SIZE = 16 * MIB


def summary(results, size):
    """The table of the core figures of one size, and the first write to new memory of another."""
    text = head([size_name(size), "mmap", "first touch, a page", "munmap, a page",
                 "all, a page", "to the best alternative",
                 f"first write to new memory ({size_name(NEW_SIZE)}), a page"])
    for peer in results.peers("munmap"):
        cells = [peer]
        for operation in "mmap", "read", "munmap", "whole":
            value, mark = results.get(peer, operation, size), ""
            if value is None and operation == "read":
                value, mark = results.get(peer, "new", size), " \\*"
            if value is None:
                cells.append("")
                continue
            ratio = results.to_c(peer, operation, size) if is_ours(peer) else None
            cells.append(number(value) + mark + (f" ({ratio_text(ratio)})" if ratio else ""))
        best = results.best(peer, "whole", size) if is_ours(peer) else None
        cells.append(f"{ratio_text(best[0])} ({best[1]})" if best else "")
        new = results.get(peer, "new", NEW_SIZE)
        cells.append(number(new) if new else "")
        text += row(cells)
    return text + "\n"


def write_csv(results, path):
    """Writes a file with all figures and their ratios."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["peer", "operation", "size in bytes", "for each", "least", "median",
                         "90th percentile", "ratio to C", "ratio to best alternative",
                         "best alternative"])
        for (peer, operation, size), values in results.figures.items():
            to_c, best = None, None
            if is_ours(peer):
                to_c = results.to_c(peer, operation, size)
                best = results.best(peer, operation, size)
            writer.writerow([peer, operation, size, "page" if OPERATIONS[operation][1] else "call",
                             *(f"{value:.1f}" for value in values),
                             f"{to_c:.4f}" if to_c else "",
                             *((f"{best[0]:.4f}", best[1]) if best else ("", ""))])


# Colours that can be told apart without telling red from green (Okabe and Ito's).
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
# Peers that are not in plots, as another peer costs the same, or as their purpose is another.
NOT_PLOTTED = ["tmpfs", "/dev/zero, private", "UIO, logical", "simpler, physical", "/dev/mem"]


def plot_style(peer, colours):
    """The devices are drawn solid, the C module black, and the alternatives dashed and thin."""
    if is_c(peer):
        return f'lc "black" lw 1.5 dt {2 if "fault" in peer else 4} pt {8 if "fault" in peer else 4}'
    number_of_kind = colours[is_ours(peer)]
    colours[is_ours(peer)] += 1
    colour = COLOURS[number_of_kind % len(COLOURS)]
    if is_ours(peer):
        return f'lc "{colour}" lw 2.5 pt {[5, 7, 9, 11, 13][number_of_kind % 5]}'
    return f'lc "{colour}" lw 1.5 dt (4,4) pt {[6, 4, 8, 10, 12, 1, 2][number_of_kind % 7]}'


def write_plot(results, operation, unit, path):
    """Writes a program for gnuplot that plots the cost against the size."""
    title, each_page = OPERATIONS[operation]
    sizes = results.sizes(operation)
    peers = [peer for peer in results.peers(operation) if peer not in NOT_PLOTTED]
    tics = ", ".join(f'"{size_name(size)}" {size}' for size in sizes)
    lines, colours = [], {True: 0, False: 0}
    with open(path, "w", encoding="utf-8") as file:
        for index, peer in enumerate(peers):
            file.write(f"$peer{index} << END\n")
            for size in sizes:
                value = results.get(peer, operation, size)
                if value is not None:
                    file.write(f"{size} {value}\n")
            file.write("END\n")
            lines.append(f'$peer{index} with linespoints title "{peer}" '
                         f"{plot_style(peer, colours)} ps 0.9")
        file.write(f'''
set terminal svg noenhanced size 900,500 font "sans-serif,13" background "white"
set title "{title.rsplit(",", 1)[0]}"
set xlabel "size of the mapping"
set ylabel "{unit} {"a page" if each_page else "a call"}"
set logscale xy
set format y "%.0s%c"
set xtics ({tics})
set xrange [{sizes[0] / 1.5}:{sizes[-1] * 1.5}]
set grid lc "#dddddd" lt 1
set key outside right center reverse Left spacing 1.2
set border 3
set tics nomirror
plot {", ".join(lines)}
''')


def main():
    """Reads the figures, and writes the tables and plots."""
    name, unit, introduction, *paths = sys.argv[1:]
    spread = unit == "nanoseconds"
    results = Results(paths)
    short = introduction + "\n\n"
    short += f"In {unit}; in parentheses the ratio to the C module in the same guest.\n\n"
    for size in 4 * MIB, 64 * MIB:
        short += summary(results, size)
    short += "\\* allocates the memory too\n"
    with open(f"{name}.md", "w", encoding="utf-8") as file:
        file.write(f"# What mapping memory costs, in {unit}\n\n{short}\n## All figures\n\n")
        if spread:
            file.write("Each is the least, the median and the 90th percentile.\n\n")
        for operation in OPERATIONS:
            if results.peers(operation):
                file.write(table(results, operation, spread))
    write_csv(results, f"{name}.csv")
    for operation in PLOTS:
        write_plot(results, operation, unit, f"{name}-{operation}.gp")
    print(short)


main()
