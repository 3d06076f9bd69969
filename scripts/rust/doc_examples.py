# SPDX-License-Identifier: GPL-2.0
"""The examples in the documentation of the abstractions.

doc_examples.py make FILE: writes a module with all of them into FILE, which runs them when it is loaded.
doc_examples.py where FILE: copies the compiler's messages about FILE from stdin to stdout. Lines of FILE are
    replaced by the file and the line of the example that they were made from.
doc_examples.py unnamed: prints the public items that no example names, and fails if there are any.
"""

import collections
import os
import re
import sys

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
folder = "src/abstractions"

Example = collections.namedtuple("Example", "file number lines")
Item = collections.namedtuple("Item", "file number owner name")

HEAD = """\
// SPDX-License-Identifier: GPL-2.0
// Made by scripts/rust/doc_examples.py.

//! The examples in the documentation of the abstractions.

use ::kernel::prelude::*;

simple_mmap::prelude::module_devices! {{
    type: Examples,
    name: "doc_examples",
    authors: ["The simple developers"],
    description: "The examples in the documentation of the abstractions",
    license: "GPL v2",
}}

struct Examples;

// Most files in src/abstractions/mm are also files of the kernel's crate, and their examples name
// them as such.
mod kernel {{
    pub(crate) use ::kernel::*;
    pub(crate) use simple_mmap::mm;
}}

impl simple_mmap::prelude::DeviceModule for Examples {{
    fn init(_devices: &mut simple_mmap::prelude::Devices) -> Result<Self> {{
        let examples: &[(&str, fn() -> Result)] = &[
{table}
        ];
        for (name, run) in examples {{
            run().inspect_err(|error| pr_err!("doc example {{name}} fails: {{error:?}}\\n"))?;
            pr_info!("doc example {{name}}\\n");
        }}
        Ok(Self)
    }}
}}
"""

EXAMPLE = """
#[allow(dead_code, unused_imports)] // some examples only show what they define
mod {module} {{
    use crate::kernel;
    use kernel::prelude::*;
    use simple_mmap::prelude::*;

    pub(crate) fn run() -> Result {{
        {head}
        // {file}:{number}
{lines}
        // end
        {tail}
    }}
}}
"""


def public_files(module="simple_mmap"):
    """The files of a module and of all public modules in it."""
    path = f"{folder}/{module}.rs"
    yield path
    with open(f"{top}/{path}") as f:
        for name in re.findall(r"^pub mod (\w+);", f.read(), re.M):
            name = f"{os.path.dirname(module)}/{name}".lstrip("/")
            is_folder = os.path.isdir(f"{top}/{folder}/{name}")
            yield from public_files(f"{name}/mod" if is_folder else name)


def examples_of(path):
    """The examples in a file."""
    found = fence = None
    with open(f"{top}/{path}") as f:
        for number, line in enumerate(f, 1):
            comment = re.match(r"\s*//[/!] ?(.*)", line)
            if not comment:
                found = None
            elif not comment[1].startswith("```"):
                if found:
                    found.lines.append(comment[1])
            elif found:
                if fence == "```":
                    yield found
                found = None
            else:
                fence = comment[1]
                found = Example(path, number + 1, [])


def all_examples():
    return [example for path in public_files() for example in examples_of(path)]


def name_of(example):
    return f"{example.file.removeprefix(folder + '/')}:{example.number}"


def make(file):
    table, modules = [], []
    for example in all_examples():
        module = re.sub(r"\W", "_", name_of(example).replace(".rs", ""))
        # Lines that begin with "# " are hidden by rustdoc, and meant for the compiler.
        lines = [re.sub(r"^# ?(?!\[)", "", line) for line in example.lines]
        is_fallible = lines[-1] == "Ok::<(), Error>(())"
        table.append(f'            ("{name_of(example)}", {module}::run),')
        modules.append(EXAMPLE.format(
            module=module,
            file=example.file,
            number=example.number,
            head="let result = {" if is_fallible else "let () = {",
            lines="\n".join(lines),
            tail="}; result" if is_fallible else "}; Ok(())",
        ))
    with open(file, "w") as f:
        f.write(HEAD.format(table="\n".join(table)))
        f.writelines(modules)


def where(file):
    with open(file) as f:
        lines = f.read().split("\n")

    def translated(match):
        """The place of a line in an example, counted from the mark above it."""
        number = int(match[1])
        for above in range(number - 1, 0, -1):
            mark = re.fullmatch(r" {8}// (?:end|(\S+):(\d+))", lines[above - 1])
            if mark:
                return f"{mark[1]}:{int(mark[2]) + number - above - 1}" if mark[1] else match[0]
        return match[0]

    for line in sys.stdin:
        sys.stdout.write(re.sub(rf"\S*{re.escape(os.path.basename(file))}:(\d+)", translated, line))


def items_of(path):
    """The public items in a file, each with the type whose item it is, if any."""
    owner, hidden = None, False
    with open(f"{top}/{path}") as f:
        lines = f.read().split("\n")
    for number, line in enumerate(lines, 1):
        if line.startswith("impl"):
            # The first name after the generics. A > that is part of -> does not end these.
            owner = re.match(r"impl(?:<.*?(?<!-)>)? (\w+)", line)[1]
        elif re.match(r"mod \w+ {", line):
            owner = "private"
        elif line == "}":
            owner = None
        item = re.match(
            r"( *)pub (?:const |unsafe )*(?:fn|struct|trait|enum|type|static) (\w+)"
            r"|(macro_rules)! (\w+)", line)
        if item and not hidden and owner != "private":
            yield Item(path, number, owner if item[1] else None, item[2] or item[4])
        if not re.match(r"\s*(#\[|//)", line):
            hidden = False
        elif "doc(hidden)" in line:
            hidden = True


def unnamed():
    """Prints the public items that no example names. An example names an item of a type if it names both."""
    visible = [
        "\n".join(line for line in example.lines if not re.match(r"#( |$)", line))
        for example in all_examples()
    ]
    missing = []
    for path in public_files():
        for item in items_of(path):
            names = [name for name in (item.owner, item.name) if name]
            if not any(all(re.search(rf"\b{name}\b", code) for name in names) for code in visible):
                missing.append(f"{item.file}:{item.number}: {'::'.join(names)}")
    print("\n".join(missing))
    return not missing


actions = {"make": make, "where": where, "unnamed": unnamed}
if len(sys.argv) < 2 or sys.argv[1] not in actions:
    sys.exit(__doc__)
if actions[sys.argv[1]](*sys.argv[2:]) is False:
    sys.exit(1)
