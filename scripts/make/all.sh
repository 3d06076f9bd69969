#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# all.sh [ARG...]: builds the modules, with further arguments for the kernel's make. Those of the project are
# then in the checkout, and that of DRIVER stays in its folder "build".

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/driver.sh
. "$top/scripts/lib/driver.sh"

module=$("$top/scripts/kernel/build-modules.sh" "$@")
if [ -n "$driver" ]; then
	say "the module is $module"
else
	cp "${module%/*}"/simple*.ko "$top"
	release=$(basename "${module%/*}")
	if [ "$release" = "$(uname -r)" ]; then
		say "simple.ko is for the running kernel, $release"
	else
		say "simple.ko is for $release, and not for the running kernel, $(uname -r)"
	fi
fi
