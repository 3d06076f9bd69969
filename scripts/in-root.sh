#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# in-root.sh COMMAND [ARG...]: runs COMMAND in the build root, in the current directory.
# The checkout and the cache are where they are outside, and so is KSRC, which cannot be written to; the
# rest of the host is not visible.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

root=$("$top/scripts/build-root.sh")

# Cargo keeps its downloads in the cache, and asks where the user's own configuration tells it to.
mkdir -p "$cache/cargo"
args=(
	--bind "$root" / --dev /dev --proc /proc --tmpfs /tmp --tmpfs /run
	--dev-bind-try /dev/kvm /dev/kvm
	--ro-bind-try /etc/resolv.conf /etc/resolv.conf
	--ro-bind-try /etc/hosts /etc/hosts
	--ro-bind-try /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
	--bind "$top" "$top" --bind "$cache" "$cache"
	--ro-bind-try "${CARGO_HOME:-$HOME/.cargo}/config.toml" "$cache/cargo/config.toml"
	--setenv PATH /usr/sbin:/usr/bin --setenv HOME /tmp --setenv LC_ALL C.UTF-8
	--setenv CARGO_HOME "$cache/cargo"
	--unshare-pid --die-with-parent
)
# A tree of the user's that a kernel is built from.
[ -z "${KSRC:-}" ] || args+=(--ro-bind "$KSRC" "$KSRC")
[ "$(id -u)" = 0 ] || args+=(--unshare-user --uid 0 --gid 0)

# Settings of the user's shell that are meant for the user's own toolchain.
for name in MAKEFLAGS MFLAGS MAKELEVEL RUSTFLAGS RUSTC RUSTUP_TOOLCHAIN CFLAGS LDFLAGS CC LLVM ARCH CROSS_COMPILE; do
	args+=(--unsetenv "$name")
done

exec bwrap "${args[@]}" --chdir "$PWD" "$@"
