#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# all.sh [ARG...]: builds the modules; the arguments go to the kernel's make. Links at the top of the checkout lead to the
# project's modules, which are in a folder with the name of their kernel's release. The module of DRIVER stays in that
# folder's "build".

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/driver.sh"

module=$("$top/scripts/kernel/build-modules.sh" "$@")
if [ -n "$driver" ]; then
	say "the module is $module"
else
	ln -sfr "${module%/*}"/simple*.ko "$top"
	release=$(basename "${module%/*}")
	if [ "$release" = "$(uname -r)" ]; then
		say "simple.ko is for the running kernel, $release"
	else
		say "simple.ko is for $release, and not for the running kernel, $(uname -r)"
	fi
fi
