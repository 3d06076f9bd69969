#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests make install and make uninstall, below DESTDIR: the latter removes the installed files, except changed ones.

. "$(dirname "$0")/../lib/tap.sh"
unset KDIR

dest=$scratch/root
export DESTDIR=$dest
install() {
	run make -C "$top" install KERNEL=stock
}

install
expect "make install succeeds" 0 "installed for 7."
run find "$dest" -type f -printf '/%P\n'
expect "make install installs the modules, a udev rule, configuration and the manual page" 0 \
	"/updates/simple.ko" "/updates/simple_page.ko" \
	"/etc/udev/rules.d/60-simple.rules" "/etc/modprobe.d/simple.conf" "/etc/modules-load.d/simple.conf" \
	"/etc/tmpfiles.d/simple.conf" "/usr/local/share/man/man4/simple.4"
run "$top/scripts/kernel/in-root.sh" sh -c "cat >/tmp/simple.ko; modinfo -F version /tmp/simple.ko" \
	< <(cat "$dest"/lib/modules/*/updates/simple.ko)
version=$output
run test -n "$version"
expect "the installed module has a version" 0
run make -C "$top" help
expect "make help tells the version of the module" 0 "This is simple $version"

echo "options simple pages=4096" >>"$dest/etc/modprobe.d/simple.conf"
install
expect "make install leaves a changed file" 0 "left as it is: /etc/modprobe.d/simple.conf"
run make -C "$top" uninstall
expect "make uninstall leaves a changed file" 0 "left as it is: /etc/modprobe.d/simple.conf" "uninstalled"
run find "$dest" -type f -printf '/%P\n'
expect "the files that make uninstall left can be listed" 0
run test "$output" = /etc/modprobe.d/simple.conf
expect "make uninstall leaves no other file" 0
run make -C "$top" uninstall
expect "make uninstall without an installation is refused" 2 "nothing was installed"

if [ "$(uname -r)" != "$(cat "$("$top/scripts/kernel/stock.sh")/release")" ]; then
	reason="the running kernel is"
	[ "$(id -u)" = 0 ] || reason="only root can install"
	DESTDIR='' install
	expect "make install without DESTDIR is refused without root, or if another kernel runs" 2 "$reason"
fi

run make -C "$top" uninstall
release=$(cat "$("$top/scripts/kernel/stock.sh")/release")
updates=$dest/lib/modules/$release/updates
mkdir -p "$updates/dkms"
echo foreign >"$updates/simple_page.ko"
install
expect "a module that is somebody else's is not replaced" 2 "simple_page.ko is there already" "dpkg -S"
run cat "$updates/simple_page.ko"
expect "a refused make install does not change somebody else's module" 0 foreign
run ls "$updates/simple.ko"
expect "a refused make install installs no module" 2
rm "$updates/simple_page.ko"
touch "$updates/dkms/simple.ko"
install
expect "make install is refused if DKMS has built the module" 2 "DKMS has built the module" "apt purge simple-dkms"
rm -r "$updates/dkms"

install
echo old >"$updates/simple_old.ko"
printf '%s  %s\n' "$(sha256sum <"$updates/simple_old.ko" | cut -d ' ' -f 1)" "${updates#"$dest"}/simple_old.ko" \
	>>"$dest/var/lib/simple/installed"
# As if the run had been interrupted after it had listed a file, and before it had replaced it.
printf '%064d  %s\n' 0 "${updates#"$dest"}/simple.ko" >>"$dest/var/lib/simple/installed"
install
expect "make install succeeds over an older version, and after an interrupted run" 0 "installed for"
run ls "$updates/simple_old.ko"
expect "make install removes a module that only the older version had" 2
run make -C "$top" uninstall
expect "make uninstall succeeds after an interrupted run" 0 uninstalled
run find "$dest" -type f -not -name simple.conf
[ -z "$output" ] || status="files are left"
expect "make uninstall leaves nothing of an older version or an interrupted run" 0

mkdir -p "$dest/etc/modprobe.d"
cp "$top/scripts/package/etc/modprobe.d/simple.conf" "$dest/etc/modprobe.d"
install
run make -C "$top" uninstall
expect "make uninstall succeeds with somebody else's file in place of one of ours" 0 uninstalled
run ls "$dest/etc/modprobe.d/simple.conf"
expect "make uninstall leaves somebody else's file, though its content is the same" 0

keys=$top/build/keys
mkdir -p "$keys"
(cd "$keys" && "$top/scripts/kernel/in-root.sh" openssl req -new -x509 -newkey rsa:2048 -nodes -subj /CN=somebody \
	-keyout module.key -out module.pem 2>/dev/null)
export MODULE_SIGN_KEY=$keys/module.key
install
expect "a key without its certificate is refused" 2 "MODULE_SIGN_CERT is not set"
MODULE_SIGN_CERT=$keys/none.pem install
expect "a certificate that does not exist is refused" 2 "none.pem: there is no such file"
MODULE_SIGN_CERT=$keys/module.pem install
expect "make install succeeds with a key and its certificate" 0 "installed for 7."
run "$top/scripts/kernel/in-root.sh" sh -c "cat >/tmp/simple.ko; modinfo -F signer /tmp/simple.ko" \
	< <(cat "$dest"/lib/modules/*/updates/simple.ko)
expect "the installed module is signed with the key" 0 somebody

done_testing
