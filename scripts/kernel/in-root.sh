#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# in-root.sh COMMAND [ARG...]: runs COMMAND in the build root, in the current directory.
# The checkout, the cache and the folder of DRIVER have the same paths in the build root as outside, and so has KSRC,
# which is read-only there. The rest of the host is not visible. If the kernel's make does not take the path of the
# checkout, the build root has the checkout at another path too, which replaces the first one in COMMAND and in the
# current directory.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/driver.sh"

root=$("$top/scripts/kernel/build-root.sh")

# Cargo keeps its downloads in the cache, and follows the user's own configuration, which can name a mirror.
if [ ! -e "$cache/cargo" ]; then
	[ -e "$cache/cargo.lock" ] || echo "$lock_text" >"$cache/cargo.lock"
	mkdir -p "$cache/cargo"
fi
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
set -- --chdir "$PWD" "$@"
if [ "$top_in_root" != "$top" ]; then
	args+=(--bind "$top" "$top_in_root" --setenv SIMPLE_MMAP "$top_in_root")
	set -- "${@//"$top/"/"$top_in_root/"}"
	set -- "${@/%"$top"/"$top_in_root"}"
fi
# The folder of DRIVER, and if its path has a space, the same folder under a path without one.
if [ -n "$driver" ]; then
	args+=(--bind "$driver" "$driver")
	[ "$folder_in_root" = "$driver" ] || args+=(--bind "$driver" "$folder_in_root")
fi
# The user's kernel source tree, which "make intree" builds.
[ -z "${KSRC:-}" ] || args+=(--ro-bind "$KSRC" "$KSRC")
# The key and the certificate for signing modules.
for file in ${MODULE_SIGN_KEY:+"$MODULE_SIGN_KEY"} ${MODULE_SIGN_CERT:+"$MODULE_SIGN_CERT"}; do
	args+=(--ro-bind-try "$file" "$file")
done
[ "$(id -u)" = 0 ] || args+=(--unshare-user --uid 0 --gid 0)

# These variables of the user's shell are meant for the host's toolchain, not for that of the build root.
for name in MAKEFLAGS MFLAGS MAKELEVEL RUSTFLAGS RUSTC RUSTUP_TOOLCHAIN CFLAGS LDFLAGS CC LLVM ARCH CROSS_COMPILE; do
	args+=(--unsetenv "$name")
done

exec bwrap "${args[@]}" "$@"
