# SPDX-License-Identifier: GPL-2.0
"""rust_project.py FILE FOLDER CHECKOUT SYSROOT: prints a rust-project.json with the crates of the modules
in FOLDER.

FILE is the rust-project.json that the kernel's script made in the module's output directory. In an external
module, that script finds only the crates in the folder of the Kbuild, so this adds all of them. If SYSROOT is
not empty, the toolchain there replaces the one that FILE names.
"""

import glob
import json
import os
import re
import sys

file, folder, checkout, sysroot = sys.argv[1:]
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

# Drop the crates that the kernel's script found in the folder of the Kbuild: it does not know their settings.
while crates[-1]["root_module"].startswith(f"{folder}/"):
    crates.pop()

# The crates that the kernel's build gives to each driver.
numbers = {crate["display_name"]: number for number, crate in enumerate(crates)}
deps = [
    {"crate": numbers[name], "name": name}
    for name in ("core", "kernel", "pin_init", "zerocopy", "zerocopy_derive")
]
kernel = crates[numbers["kernel"]]


def add_crate(root_module, object_name, deps, env, include_dirs):
    """Adds a crate of the module's, with the kernel's configuration and the --cfg options of its build."""
    directory, name = os.path.split(object_name)
    with open(f"{out}/{directory}/.{name}.cmd") as f:
        cfg = re.findall(r"--cfg (\w+)", f.read())
    crates.append({
        "display_name": os.path.splitext(os.path.basename(root_module))[0],
        "root_module": root_module,
        "is_workspace_member": True,
        "deps": deps,
        "cfg": kernel["cfg"] + cfg,
        "edition": kernel["edition"],
        "env": {**kernel["env"], **env},
        "source": {"include_dirs": include_dirs, "exclude_dirs": []},
    })


# The abstractions are built once for each module; the project has one crate for all.
abstractions = f"{checkout}/src/abstractions"
of_modules = sorted(glob.glob(f"{out}/mmap-*"))
add_crate(
    f"{abstractions}/simple_mmap.rs",
    f"{os.path.basename(of_modules[0])}/simple_mmap.o",
    deps,
    {"SIMPLE_MMAP_HELPERS_RS": f"{of_modules[0]}/helpers.rs", "SIMPLE_MMAP_MODULE": "driver"},
    [abstractions, of_modules[0]],
)
of_driver = deps + [{"crate": len(crates) - 1, "name": "simple_mmap"}]

for directory, _, files in os.walk(out):
    for name in re.findall(r"^\.(\w+)\.o\.cmd$", "\n".join(files), re.M):
        object_name = os.path.relpath(f"{directory}/{name}.o", out)
        root_module = f"{folder}/{object_name.removesuffix('.o')}.rs"
        if os.path.exists(root_module):
            add_crate(root_module, object_name, of_driver, {}, [os.path.dirname(root_module)])

json.dump(project, sys.stdout, sort_keys=True, indent=4)
