#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh: installs the modules for the running kernel, or that of KDIR, with a udev rule and configuration, below
# DESTDIR if that is set.
#
# install.sh uninstall: takes out again what was installed. A file of the configuration that was changed
# since is left.
#
# What was installed stands in /var/lib/simple/installed, with checksums.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/driver.sh
. "$top/scripts/driver.sh"
# shellcheck source=scripts/tree.sh
. "$top/scripts/tree.sh"
# shellcheck source=scripts/sign.sh
. "$top/scripts/sign.sh"

only_own install
dest=${DESTDIR:-}
list=/var/lib/simple/installed

[[ -n $dest || $(id -u) = 0 ]] || die "only root can install" \
	"sudo make install, or name a folder with DESTDIR=<dir>."

# refused_by_running RELEASE: ends with the reason if the running kernel would not load the module.
refused_by_running() {
	[ "$1" = "$(uname -r)" ] || die "the module was built for $1, and the running kernel is $(uname -r)" \
		"Name its build tree: KDIR=<tree>. \"make check\" tells what it has to have." \
		"Or boot $1, or install below DESTDIR."
	[ -z "$(running_enforces)" ] || [ -n "${MODULE_SIGN_KEY:-}" ] ||
		die "the running kernel loads signed modules only, by $(running_enforces)" \
			"Sign them with a key that it trusts: MODULE_SIGN_KEY=<file> MODULE_SIGN_CERT=<file>" \
			"docs/install.md tells how to make one. Or switch Secure Boot off."
}

# sign_all DIR RELEASE: signs the modules in DIR, if they are to be signed.
sign_all() {
	local tree=${KDIR:-/lib/modules/$2/build} command file
	[ -n "${MODULE_SIGN_KEY:-}" ] || return 0
	[ -x "$tree/scripts/sign-file" ] || tree=$("$top/scripts/kernel.sh")/build
	command=$(sign_command "$tree")
	[[ $tree != "$cache"/* ]] || command="$(quote "$top/scripts/in-root.sh") $command"
	for file in "$1"/*; do
		eval "$command $(quote "$file")" || die "could not sign ${file##*/}" \
			"See what the kernel's sign-file says above, of MODULE_SIGN_KEY and MODULE_SIGN_CERT."
	done
}

# put FILE PATH: installs FILE as PATH, unless it is configuration that somebody has changed, or that somebody else
# has put there, as a package does.
put() {
	local path=$dest$2
	if [[ $2 == /etc/* && -e $path ]] && ! is_ours "$2"; then
		cmp -s "$1" "$path" || say "left as it is: $2, which was changed"
		grep -s "  $2\$" "$dest$list" >>"$dest$list.new" || true
		return
	fi
	install -D -m 644 "$1" "$path"
	printf '%s  %s\n' "$(sha256sum <"$path" | cut -d ' ' -f 1)" "$2" >>"$dest$list.new"
}

# is_ours PATH: whether it is as it was installed.
is_ours() {
	[ -f "$dest$list" ] &&
		grep -qxF "$(sha256sum <"$dest$1" | cut -d ' ' -f 1)  $1" "$dest$list"
}

# reload RELEASE...: tells the system of what has changed.
reload() {
	local release
	[ -z "$dest" ] || return 0
	for release in "$@"; do
		depmod "$release"
	done
	! type -P udevadm >/dev/null || udevadm control --reload || true
}

install_all() {
	local module release file
	check_signing
	module=$("$top/scripts/build.sh")
	release=$(basename "${module%/*}")
	[ -n "$dest" ] || refused_by_running "$release"
	install -d "$dest${list%/*}"
	# Those of other releases, which stay.
	grep -s '  /lib/modules/' "$dest$list" | grep -v "/lib/modules/$release/" >"$dest$list.new" || true
	rm -rf "$top/build/install"
	mkdir -p "$top/build/install"
	cp "${module%/*}"/simple*.ko "$top/build/install"
	sign_all "$top/build/install" "$release"
	for file in "$top"/build/install/*; do
		put "$file" "/lib/modules/$release/updates/${file##*/}"
	done
	# What is there lies as below /etc.
	for file in "$top"/scripts/install/*/{,*/}*.*; do
		[ ! -f "$file" ] || put "$file" "/etc/${file#"$top/scripts/install/"}"
	done
	put "$top/docs/simple.4" /usr/local/share/man/man4/simple.4
	mv "$dest$list.new" "$dest$list"
	reload "$release"
	say "installed for $release: load it with \"modprobe simple\"; /etc/modprobe.d/simple.conf has its parameters"
}

uninstall_all() {
	local sum path releases=()
	[ -f "$dest$list" ] || die "there is no $dest$list, so nothing was installed by \"make install\""
	while read -r sum path; do
		[ -e "$dest$path" ] || continue
		if [ "$(sha256sum <"$dest$path" | cut -d ' ' -f 1)" != "$sum" ]; then
			say "left as it is: $path, which was changed"
			continue
		fi
		rm "$dest$path"
		[[ $path != /lib/modules/* ]] || releases+=("$(cut -d / -f 4 <<<"$path")")
		rmdir --ignore-fail-on-non-empty "$dest${path%/*}"
	done <"$dest$list"
	rm "$dest$list"
	rmdir --ignore-fail-on-non-empty "$dest${list%/*}"
	mapfile -t releases < <(printf '%s\n' "${releases[@]}" | sort -u)
	reload "${releases[@]}"
	say "uninstalled"
}

if [ "${1:-}" = uninstall ]; then
	uninstall_all
else
	install_all
fi
