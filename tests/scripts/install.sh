#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make install and make uninstall, below DESTDIR: what is put in is taken out, and what was changed is left.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
unset KDIR

dest=$scratch/root
export DESTDIR=$dest
install() {
	run make -C "$top" install KERNEL=stock
}

install
expect "it installs" 0 "installed for 7."
run find "$dest" -type f -printf '/%P\n'
expect "the modules, a udev rule and configuration" 0 "/updates/simple.ko" "/updates/simple_page.ko" \
	"/etc/udev/rules.d/60-simple.rules" "/etc/modprobe.d/simple.conf" "/etc/modules-load.d/simple.conf" \
	"/etc/tmpfiles.d/simple.conf" "/usr/local/share/man/man4/simple.4"
run "$top/scripts/kernel/in-root.sh" sh -c "cat >/tmp/simple.ko; modinfo -F version /tmp/simple.ko" \
	< <(cat "$dest"/lib/modules/*/updates/simple.ko)
version=$output
run test -n "$version"
expect "the module has a version" 0
run make -C "$top" help
expect "which make help tells, too" 0 "This is simple $version"

echo "options simple pages=4096" >>"$dest/etc/modprobe.d/simple.conf"
install
expect "what was changed is left when it is installed again" 0 "left as it is: /etc/modprobe.d/simple.conf"
run make -C "$top" uninstall
expect "and when it is uninstalled" 0 "left as it is: /etc/modprobe.d/simple.conf" "uninstalled"
run find "$dest" -type f -printf '/%P\n'
expect "all else is gone" 0
run test "$output" = /etc/modprobe.d/simple.conf
expect "that is: nothing else is there" 0
run make -C "$top" uninstall
expect "there is nothing to uninstall then" 2 "nothing was installed"

if [ "$(uname -r)" != "$(cat "$("$top/scripts/kernel/stock.sh")/release")" ]; then
	reason="the running kernel is"
	[ "$(id -u)" = 0 ] || reason="only root can install"
	DESTDIR='' install
	expect "what the running kernel would refuse is not installed on the machine itself" 2 "$reason"
fi

run make -C "$top" uninstall
release=$(cat "$("$top/scripts/kernel/stock.sh")/release")
updates=$dest/lib/modules/$release/updates
mkdir -p "$updates/dkms"
echo foreign >"$updates/simple_page.ko"
install
expect "a module that is somebody else's is not replaced" 2 "simple_page.ko is there already" "dpkg -S"
run cat "$updates/simple_page.ko"
expect "nor changed" 0 foreign
run ls "$updates/simple.ko"
expect "and nothing else is installed" 2
rm "$updates/simple_page.ko"
touch "$updates/dkms/simple.ko"
install
expect "nor is anything beside what DKMS has built" 2 "DKMS has built the module" "apt purge simple-dkms"
rm -r "$updates/dkms"

install
echo old >"$updates/simple_old.ko"
printf '%s  %s\n' "$(sha256sum <"$updates/simple_old.ko" | cut -d ' ' -f 1)" "${updates#"$dest"}/simple_old.ko" \
	>>"$dest/var/lib/simple/installed"
# As if the run had been interrupted after it had listed a file, and before it had replaced it.
printf '%064d  %s\n' 0 "${updates#"$dest"}/simple.ko" >>"$dest/var/lib/simple/installed"
install
expect "it is installed over an older version, and after an interrupted run" 0 "installed for"
run ls "$updates/simple_old.ko"
expect "what only the older one had is gone" 2
run make -C "$top" uninstall
expect "all of it is uninstalled" 0 uninstalled
run find "$dest" -type f -not -name simple.conf
[ -z "$output" ] || status="files are left"
expect "nothing is left" 0

mkdir -p "$dest/etc/modprobe.d"
cp "$top/scripts/package/etc/modprobe.d/simple.conf" "$dest/etc/modprobe.d"
install
run make -C "$top" uninstall
expect "it is uninstalled" 0 uninstalled
run ls "$dest/etc/modprobe.d/simple.conf"
expect "what somebody else has put there is left, though it is the same" 0

keys=$top/build/keys
mkdir -p "$keys"
(cd "$keys" && "$top/scripts/kernel/in-root.sh" openssl req -new -x509 -newkey rsa:2048 -nodes -subj /CN=somebody \
	-keyout module.key -out module.pem 2>/dev/null)
export MODULE_SIGN_KEY=$keys/module.key
install
expect "a key without its certificate is refused" 2 "MODULE_SIGN_CERT is not set"
MODULE_SIGN_CERT=$keys/none.pem install
expect "so is a file that is not there" 2 "none.pem: there is no such file"
MODULE_SIGN_CERT=$keys/module.pem install
expect "with both, it installs" 0 "installed for 7."
run "$top/scripts/kernel/in-root.sh" sh -c "cat >/tmp/simple.ko; modinfo -F signer /tmp/simple.ko" \
	< <(cat "$dest"/lib/modules/*/updates/simple.ko)
expect "what is signed" 0 somebody

done_testing
