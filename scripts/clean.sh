#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# clean.sh [cache]: removes what the build made in the checkout, or in the folder of DRIVER, and the cache too.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/driver.sh
. "$top/scripts/driver.sh"

if [ -n "$driver" ]; then
	[ "${1:-}" != cache ] || only_own distclean
	rm -rf "$driver"/build/* "$driver/rust-project.json"
	exit
fi
rm -rf "$top/build" "$top"/simple*.ko "$top/rust-project.json"
# What the kernel's build system leaves if it is called here without MO=.
rm -f "$top"/{modules.order,Module.symvers,.module-common.o}
find "$top" "$top/src" -maxdepth 2 -type f \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o \
	-name '*.mod.c' -o -name '.*.cmd' -o -name '.*.d' -o -name '*.rmeta' \) -delete
if [ "${1:-}" = cache ]; then
	say "removing the cache $cache"
	remove_tree "$cache"
fi
