#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# clean.sh [cache]: removes what was built in the checkout, or in the folder of DRIVER. With "cache" also removes the cache.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/driver.sh"
. "$top/scripts/lib/tree.sh"

if [ -n "$driver" ]; then
	[ "${1:-}" != cache ] || only_own distclean
	rm -rf "$driver"/build/* "$driver/rust-project.json"
	exit
fi
rm -rf "$top/build" "$top/rust-project.json"
# The kernel's build system leaves these files if it is called here without MO=. Other object files at the top of the
# checkout are somebody else's.
rm -f "$top"/{modules.order,Module.symvers,.module-common.o,.modules.order.cmd,.Module.symvers.cmd,..module-common.o.cmd}
for name in $(modules_of "$top"); do
	rm -f "$top/$name".{ko,o,mod,mod.c,mod.o} "$top/.$name".{ko,o,mod,mod.o}.cmd
done
find "$top/src" -type f \( -name '*.o' -o -name '.*.cmd' -o -name '.*.d' -o -name '*.rmeta' \) -delete

[ "${1:-}" = cache ] && [ -d "$cache" ] || exit 0
say "removing the cache $cache"
# Remove entries that are marked as complete, or whose lock file has the project's text. All other files are somebody
# else's: SIMPLE_CACHE can be a folder that has other files in it.
for lock in "$cache"/*.lock; do
	[ -e "${lock%.lock}/.complete" ] || grep -qs "^$lock_text\$" "$lock" || continue
	remove_tree "${lock%.lock}"
	rm -f "$lock" "${lock%.lock}.log"
done
for entry in "$cache"/simple-guest.??????; do
	remove_tree "$entry"
done
rm -f "$cache"/accel-*-*-*-*-*
rmdir "$cache" 2>/dev/null || say "left, as this project did not make it: $(find "$cache" -mindepth 1 -maxdepth 1 -printf '%f ' | head -c 200)"
