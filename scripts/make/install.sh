#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh: installs the modules for the running kernel, or that of KDIR, with a udev rule and configuration, below
# DESTDIR if that is set.
#
# install.sh uninstall: removes the installed files, except those that were changed since.
#
# /var/lib/simple/installed lists the installed files, one a line, with a checksum. A file that has another checksum is
# not ours. A file is listed before it is written, so that an interrupted run leaves no file that is not listed.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/driver.sh"
. "$top/scripts/lib/tree.sh"
. "$top/scripts/lib/sign.sh"

only_own install
dest=${DESTDIR:-}
list=$dest/var/lib/simple/installed

[[ -n $dest || $(id -u) = 0 ]] || die "only root can install" \
	"sudo make install, or name a folder with DESTDIR=<dir>."

# as_user COMMAND...: runs COMMAND as the user who called sudo, so that built and fetched files belong to that user.
as_user() {
	local home
	if [[ $(id -u) = 0 && -n ${SUDO_USER:-} && $SUDO_USER != root ]]; then
		home=$(getent passwd "$SUDO_USER" | cut -d : -f 6)
		runuser -u "$SUDO_USER" -- env -u XDG_CACHE_HOME HOME="$home" "$@"
	else
		"$@"
	fi
}

# refused_unsigned: exits with an error if the running kernel refuses modules without a signature, and no key is given.
refused_unsigned() {
	[ -z "$(running_enforces)" ] || [ -n "${MODULE_SIGN_KEY:-}" ] ||
		die "the running kernel loads signed modules only, by $(running_enforces)" \
			"Sign them with a key that it trusts: MODULE_SIGN_KEY=<file> MODULE_SIGN_CERT=<file>" \
			"docs/install.md tells how to make one. Or switch Secure Boot off."
}

# refused_beside_dkms RELEASE: exits with an error if DKMS has built the module for that kernel.
refused_beside_dkms() {
	local path
	for path in "$dest/lib/modules/$1/updates/dkms"/simple.ko*; do
		[ ! -e "$path" ] || die "DKMS has built the module for $1" "Take that out first: apt purge simple-dkms"
	done
}

# sum_of FILE: prints its checksum.
sum_of() {
	sha256sum <"$1" | cut -d ' ' -f 1
}

# is_ours PATH: whether this script has installed the file there, and nobody has changed it since.
is_ours() {
	grep -sqxF "$(sum_of "$dest$1")  $1" "$list"
}

# sign_all DIR RELEASE: signs the modules in DIR for that kernel, if MODULE_SIGN_KEY is set.
sign_all() {
	local tree=${KDIR:-/lib/modules/$2/build} prefix='' file
	[ -n "${MODULE_SIGN_KEY:-}" ] || return 0
	if [ ! -x "$tree/scripts/sign-file" ]; then
		tree=$(as_user "$top/scripts/kernel/chosen.sh")/build
		prefix=$(quote "$in_root")
	fi
	for file in "$1"/*; do
		eval "as_user $prefix $(sign_command "$tree") $(quote "$file")" || die "could not sign ${file##*/}" \
			"See what the kernel's sign-file says above, of MODULE_SIGN_KEY and MODULE_SIGN_CERT."
	done
}

# add FILE PATH: notes that FILE is to be installed as PATH. If PATH exists and is not ours, a file below /etc is left
# as it is; for any other file, which can be a package's, the script exits with an error before anything is written.
add() {
	if [[ -e $dest$2 ]] && ! is_ours "$2"; then
		[[ $2 == /etc/* ]] || die "$2 is there already, and \"make install\" did not install it" \
			"If it is a package's, \"dpkg -S $2\" names the package. Remove that first."
		cmp -s "$1" "$dest$2" || say "left as it is: $2, which was changed"
		return
	fi
	files+=("$1") paths+=("$2")
}

# remove PATH: removes a file that was installed, unless it was changed.
remove() {
	[ -e "$dest$1" ] || return 0
	if ! is_ours "$1"; then
		say "left as it is: $1, which was changed"
		return
	fi
	rm "$dest$1"
	# Remove the folder, too, if it was there for our files only.
	case $1 in
	*/updates/* | */man4/*) rmdir --ignore-fail-on-non-empty "$dest${1%/*}" ;;
	esac
}

# reload RELEASE...: updates the lists of modules of these kernels, and has udev read its rules again.
reload() {
	local release
	[ -z "$dest" ] || return 0
	for release in "$@"; do
		[ ! -e "/lib/modules/$release/modules.order" ] || depmod "$release"
	done
	! type -P udevadm >/dev/null || udevadm control --reload || true
}

# lock: waits until no other run is installing below the same DESTDIR, and keeps others waiting until this one ends.
lock() {
	mkdir -p "${list%/*}"
	exec {locked}<"${list%/*}"
	flock "$locked"
}

install_all() {
	local module release name work path i files=() paths=()
	check_signing
	# Check before the build what can be checked then.
	if [ -z "$dest" ]; then
		refused_unsigned
		refused_beside_dkms "$(uname -r)"
	fi
	module=$(as_user "$top/scripts/kernel/build-modules.sh")
	release=$(basename "${module%/*}")
	[[ -n $dest || $release = "$(uname -r)" ]] ||
		die "the module was built for $release, and the running kernel is $(uname -r)" \
			"Name its build tree: KDIR=<tree>. \"make check\" tells what it has to have." \
			"Or boot $release, or install below DESTDIR."
	refused_beside_dkms "$release"
	lock
	work=$(as_user mktemp -d "$top/build/install.XXXXXX")
	# shellcheck disable=SC2064 # the folder is known now
	trap "rm -rf $(quote "$work")" EXIT
	for name in $(modules_of "$top"); do
		as_user cp "${module%/*}/$name.ko" "$work"
	done
	sign_all "$work" "$release"
	for path in "$work"/*; do
		add "$path" "/lib/modules/$release/updates/${path##*/}"
	done
	# scripts/package/etc has the same folders as /etc.
	for path in "$top"/scripts/package/etc/*/{,*/}*.*; do
		[ ! -f "$path" ] || add "$path" "/etc/${path#"$top/scripts/package/etc/"}"
	done
	add "$top/docs/simple.4" /usr/local/share/man/man4/simple.4

	for i in "${!files[@]}"; do
		path=$dest${paths[i]}
		printf '%s  %s\n' "$(sum_of "${files[i]}")" "${paths[i]}" >>"$list"
		install -D -m 644 "${files[i]}" "$path.simple-new"
		mv "$path.simple-new" "$path"
	done
	# Remove files that only an older version installed for this kernel. Of the other files, the list keeps the last sum.
	while read -r _ path; do
		[[ " ${paths[*]} " == *" $path "* || $path == /etc/* || ($path == /lib/modules/* && $path != *"/$release/"*) ]] ||
			remove "$path"
	done < <(sort -uk 2 "$list")
	while read -r sum path; do
		[ ! -e "$dest$path" ] || printf '%s  %s\n' "$sum" "$path"
	done < <(tac "$list" | awk '!seen[$2]++') >"$list.new"
	mv "$list.new" "$list"
	reload "$release"
	say "installed for $release: load it with \"modprobe simple\"; /etc/modprobe.d/simple.conf has its parameters"
}

uninstall_all() {
	local path releases=()
	[ -f "$list" ] || die "there is no $list, so nothing was installed by \"make install\""
	lock
	mapfile -t releases < <(sed -n 's|.*  /lib/modules/\([^/]*\)/.*|\1|p' "$list" | sort -u)
	while read -r _ path; do
		remove "$path"
	done < <(sort -uk 2 "$list")
	reload "${releases[@]}"
	rm "$list"
	rmdir --ignore-fail-on-non-empty "${list%/*}"
	say "uninstalled"
}

if [ "${1:-}" = uninstall ]; then
	uninstall_all
else
	install_all
fi
