# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the names are for the scripts that source this file; top is from base.sh
#
# Sourced after base.sh: sets $folder to the folder of the driver that a command works on. That is DRIVER if it is set,
# and otherwise this checkout with the project's own module.

driver=             # the folder DRIVER; empty for this checkout
folder=$top
module_name=simple  # the module's file name without .ko
top_in_root=$top    # the path of the checkout in the build root, which is one that the kernel's make takes
plain "$top" || top_in_root=/run/simple
folder_in_root=$top_in_root # the path of the folder there

if [ -n "${DRIVER:-}" ]; then
	[ -d "$DRIVER" ] || die "DRIVER=$DRIVER: there is no such folder" \
		"Make it, with a driver to start from: make new DRIVER='$DRIVER'"
	driver=$(realpath "$DRIVER")
	[ -f "$driver/Kbuild" ] || die "DRIVER=$DRIVER has no Kbuild" \
		"\"make new\" creates a driver in an empty folder."
	folder=$driver
	module_name=${driver##*/}
	folder_in_root=$driver
	plain "$driver" || folder_in_root=/run/driver/$module_name
	mkdir -p "$driver/build" 2>/dev/null || true
	[ -w "$driver/build" ] || die "cannot write to $driver/build" \
		"The build of a driver writes there. Create that folder, and make it writable for you."
	# The driver's Kbuild includes the abstractions' Makefile from SIMPLE_MMAP.
	export SIMPLE_MMAP=$top DRIVER=$driver
fi

# only_own TARGET: exits with an error if DRIVER is set, as "make TARGET" works on the project's own module only.
only_own() {
	[ -z "$driver" ] || die "\"make $1\" is for this project's own module" "Leave DRIVER out."
}
