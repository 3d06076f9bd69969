# SPDX-License-Identifier: GPL-2.0
"""rust_project.py FILE CHECKOUT SYSROOT: prints a rust-project.json with the module's own crates.

FILE was made by the kernel's build in the module's output directory. Of an external module, the
kernel's script finds the crates beside its Kbuild only. If SYSROOT is not empty, the toolchain is that
in there, and not the one that FILE names.
"""

import json
import os
import re
import sys

file, checkout, sysroot = sys.argv[1:]
out = os.path.dirname(file)

with open(file) as f:
    project = json.load(f)
crates = project["crates"]

if sysroot:
    library = project["sysroot"] + "/lib/"
    for crate in crates:
        if crate["root_module"].startswith(library):
            path = crate["root_module"].removeprefix(library)
            crate["root_module"] = os.path.realpath(f"{sysroot}/lib/{path}")
    project["sysroot"] = sysroot

# A driver of a test that has a Kbuild beside it, of whose settings nothing is known here.
while crates[-1]["root_module"].startswith(f"{checkout}/"):
    crates.pop()

# The crates that the kernel's build gives to each driver.
numbers = {crate["display_name"]: number for number, crate in enumerate(crates)}
deps = [
    {"crate": numbers[name], "name": name}
    for name in ("core", "kernel", "pin_init", "zerocopy", "zerocopy_derive")
]
kernel = crates[numbers["kernel"]]

with open(f"{checkout}/Kbuild") as f:
    objects = re.findall(r"\b(src/\S+)\.o\b", f.read())
for path in dict.fromkeys(objects):
    root_module = f"{checkout}/{path}.rs"
    if os.path.exists(f"{checkout}/{path}.c") or not os.path.exists(root_module):
        continue
    # What the build set for this crate, besides the kernel's configuration.
    directory, name = os.path.split(path)
    with open(f"{out}/{directory}/.{name}.o.cmd") as f:
        cfg = re.findall(r"--cfg (\w+)", f.read())
    crates.append({
        "display_name": name,
        "root_module": root_module,
        "is_workspace_member": True,
        "deps": deps,
        "cfg": kernel["cfg"] + cfg,
        "edition": kernel["edition"],
        "env": {
            **kernel["env"],
            "SIMPLE_MMAP_HELPERS_RS": f"{out}/src/abstractions/compat/helpers_generated.rs",
        },
        "source": {
            "include_dirs": [f"{checkout}/src", f"{out}/src/abstractions/compat"],
            "exclude_dirs": [],
        },
    })

json.dump(project, sys.stdout, sort_keys=True, indent=4)
