#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that the rust-project.json of make rust-analyzer names the module's crates and the kernel's, with paths that
# an editor outside of the build root can open.

. "$(dirname "$0")/../lib/tap.sh"

# Keep the user's own rust-project.json, which can be for another kernel.
project=$top/rust-project.json
[ ! -e "$project" ] || cp -p "$project" "$scratch/users"
run env KDIR= KERNEL=stock make -C "$top" rust-analyzer
expect "rust-project.json is made for the stock kernel" 0 "rust-project.json"
mv "$project" "$scratch/project"
[ ! -e "$scratch/users" ] || mv "$scratch/users" "$project"

# Writes a line "dep ROOT NAME ROOT" for each dependency of each crate, and "path PATH" for each path. The first path is
# the sysroot.
"$top/scripts/kernel/in-root.sh" python3 -c '
import json, sys
project = json.load(sys.stdin)
crates = project["crates"]
print("path", project["sysroot"])
for crate in crates:
    root = crate["root_module"]
    for dep in crate["deps"]:
        print("dep", root, dep["name"], crates[dep["crate"]]["root_module"])
    env = crate["env"]
    for path in [
        root,
        *crate.get("source", {}).get("include_dirs", []),
        *[crate[key] for key in ("proc_macro_dylib_path",) if key in crate],
        *[env[key] for key in ("OBJTREE", "SIMPLE_MMAP_HELPERS_RS") if key in env],
    ]:
        print("path", path)
' <"$scratch/project" >"$scratch/facts"

for root in simple examples/page examples/mirror examples/clock examples/edu; do
	run grep "^dep $top/src/$root.rs kernel " "$scratch/facts"
	expect "src/$root.rs is the root of a crate that uses the kernel's" 0 "/rust/kernel/lib.rs"
done
run test "$(grep -c "^dep $top/.* kernel " "$scratch/facts")" = 6
expect "apart from the abstractions, no other file of the checkout is the root of a crate" 0
run grep "^dep /.*/rust/kernel/lib.rs core " "$scratch/facts"
expect "the kernel's crate uses the compiler's core" 0 "/library/core/src/lib.rs"

# missing: lists the paths that do not exist on this system, outside of the build root.
missing() {
	local path
	sed -n 's/^path //p' "$scratch/facts" | sort -u | while IFS= read -r path; do
		[ -e "$path" ] || echo "there is no $path"
	done
}
run missing
expect "the paths are looked for" 0
run test -z "$output"
expect "all paths exist" 0
run grep -c '^path ' "$scratch/facts"
expect "rust-project.json has paths" 0

# rust-analyzer starts these, from any directory.
sysroot=$(sed -n 's/^path //p;q' "$scratch/facts")
run env -C / "$sysroot/bin/rustc" --print sysroot
expect "the sysroot's compiler starts" 0 /usr
macros=$(sed -n 's/^path \(.*libmacros[.]so\)$/\1/p' "$scratch/facts")
run env -C / RUST_ANALYZER_INTERNALS_DO_NOT_USE=yes "$sysroot/libexec/rust-analyzer-proc-macro-srv" \
	<<<"{\"ListMacros\":{\"dylib_path\":\"$macros\"}}"
expect "the sysroot's server of macros starts, and loads the kernel's macros" 0 '"module"' '"vtable"'

done_testing
