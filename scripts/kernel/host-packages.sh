#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# host-packages.sh: makes sure that the host has the programs that make and enter the build root.
# As root on a Debian system it installs the missing packages; otherwise it exits with an error that names them. Exits
# with an error, too, on a machine that cannot run the build root.

. "$(dirname "$0")/../lib/base.sh"

missing=()

# need COMMAND PACKAGE: notes PACKAGE as missing if there is no COMMAND.
need() {
	PATH=$PATH:/usr/sbin:/sbin type -P "$1" >/dev/null || missing+=("$2")
}

[ "$(uname -m)" = x86_64 ] || die "this machine is $(uname -m), and the build root is for amd64" \
	"Use an amd64 machine, or build for a kernel of your own with this system's toolchain: make KDIR=<build tree>"

need mmdebstrap mmdebstrap
need bwrap bubblewrap
need flock util-linux
need tar tar
[ "$(id -u)" = 0 ] || need newuidmap uidmap

[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && type -P apt-get >/dev/null; then
	say "installing ${missing[*]} on this system (a few seconds)"
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	export DEBIAN_FRONTEND=noninteractive
	{ apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || {
		tail -n 5 "$log" >&2
		die "could not install ${missing[*]}" "Repair apt, or install them by hand, and run this again."
	}
else
	die "this system lacks ${missing[*]}" \
		"Install with: sudo apt-get install ${missing[*]}" \
		"(on other distributions the packages have the same or similar names)"
fi
