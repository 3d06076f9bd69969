#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# accel.sh: prints how QEMU is to run a guest here, "kvm" or "tcg".
#
# On nested and paravirtual hosts /dev/kvm can exist without being able to run a kernel, so this
# boots a kernel to find out. The answer is kept until this machine is rebooted.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/kernels.sh"

if [ -n "${ACCEL:-}" ]; then # set by the probe below
	echo "$ACCEL"
	exit
fi

# KVM runs guests of this machine's own architecture only.
if [ "$(uname -m)" != "${target_triplet%%-*}" ]; then
	say "the guest is emulated, as it is of another architecture"
	echo tcg
	exit
fi

known=$cache/accel-$(cat /proc/sys/kernel/random/boot_id)
if [ ! -e "$known" ]; then
	answer=tcg
	if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
		say "trying whether KVM works here (once, at most 20 seconds)"
		probe=$(mktemp -d)
		trap 'rm -rf "$probe"' EXIT
		printf '#!/bin/sh\n' >"$probe/probe"
		if KDIR='' KERNEL=stock GUEST_MODULE=none TRACE=no ICOUNT='' ACCEL=kvm \
			timeout 20 "$top/scripts/guest/boot.sh" run "$probe/probe" >/dev/null 2>&1; then
			answer=kvm
		fi
	fi
	rm -f "$cache"/accel-*
	echo "$answer" >"$known.$$"
	mv "$known.$$" "$known"
fi
answer=$(cat "$known")
[ "$answer" = kvm ] || say "KVM does not work here, so the guest is emulated"
echo "$answer"
