# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the names are for the scripts that source this file; top is from base.sh
#
# Sourced after base.sh: the folder of the driver that a command is for. That is DRIVER, or this checkout
# with the project's own module.

driver=             # the folder, if it is not this checkout
folder=$top
module_name=simple  # the module is this, with .ko
folder_in_root=$top # where the build root has the folder: the kernel's make takes no path with a space

if [ -n "${DRIVER:-}" ]; then
	[ -d "$DRIVER" ] || die "DRIVER=$DRIVER: there is no such folder" \
		"Make it, with a driver to start from: make new DRIVER='$DRIVER'"
	driver=$(realpath "$DRIVER")
	[ -f "$driver/Kbuild" ] || die "DRIVER=$DRIVER has no Kbuild" \
		"In an empty folder \"make new\" makes one."
	folder=$driver
	module_name=${driver##*/}
	folder_in_root=$driver
	[[ $driver != *[[:space:]:%]* ]] || folder_in_root=/run/driver/$module_name
	mkdir -p "$driver/build" 2>/dev/null || true
	[ -w "$driver/build" ] || die "cannot write to $driver/build" \
		"All that is built of a driver goes there. Make that folder, and writable for you."
	# Its Kbuild takes the abstractions from here.
	export SIMPLE_MMAP=$top DRIVER=$driver
fi

# only_own TARGET: ends with the reason if DRIVER is set.
only_own() {
	[ -z "$driver" ] || die "\"make $1\" is for this project's own module" "Leave DRIVER out."
}
