#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# in-guest.sh STAGE: runs as root on the installed Debian, once in each boot. What it does with the machine stays for
# the next one. The output is TAP.
#
# /media has this checkout, and the packages that were made of it. The disk "given" is for what the host shall have.

export APT_CONFIG=/media/apt.conf DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 MANPAGER=cat
# shellcheck source=tests/lib/tap.sh
. /media/simple/tests/lib/tap.sh

# typed HEADING: types what the document says there, as root. The last output is then in $typed_output.
typed() {
	local command count=0
	while read -r command <&3; do
		count=$((count + 1))
		run bash -c "$command" <<<$'password\npassword'
		expect "# $command" 0
		typed_output=$output
	done 3< <("$top/tests/install/commands.sh" '#' "$1")
	run test "$count" -gt 0
	expect "the document has something to type under \"$1\"" 0
}

# nothing_left: passes if all is as it was before the first installation.
nothing_left() {
	run diff /root/left-before <("$top/tests/install/left.sh")
	expect "nothing is left" 0
	run grep '/simple\.ko' /lib/modules/*/modules.dep
	expect "nor in the list of modules" 1
}

# as_anna COMMAND: runs it as a user of the group video.
as_anna() {
	run runuser -u anna -- "$@"
}

# loaded: whether the module is.
loaded() {
	run test -d /sys/module/simple
}

packages() {
	useradd -m -G video anna
	useradd -m otto
	"$top/tests/install/left.sh" >/root/left-before
	cd /media/packages || exit
	typed "Packages"
	typed "Parameters, and who may use the devices"
	output=$typed_output status=0
	expect "the parameters are those that were asked for" 0 "pages:4096" "minor:243" "trace:1"
	typed "When the module is loaded"
}

# The module is loaded at boot.
boot() {
	loaded
	expect "the module is loaded at boot" 0
	run stat -c '%A %G %t:%T' /dev/simpler /dev/simplen
	expect "the devices are for the group" 0 "crw-rw---- video a:f3" "crw-rw---- video a:f4"
	run cat /sys/kernel/debug/simple/parameters/pages
	expect "with the parameters" 0 4096
	as_anna /media/map /dev/simpler 4096
	expect "a user of that group maps /dev/simpler" 0
	as_anna /media/map /dev/simplen 4096
	expect "and /dev/simplen" 0
	run runuser -u otto -- /media/map /dev/simpler 4096
	expect "another user does not" 1 "Permission denied"
	sed -i 's/^simple$/#simple/' /etc/modules-load.d/simple.conf
}

# It is loaded when it is needed.
demand() {
	loaded
	expect "the module is not loaded at boot" 1
	run stat -c '%A %G %t:%T' /dev/simpler /dev/simplen
	expect "the nodes are there, and for the group" 0 "crw-rw---- video a:f3" "crw-rw---- video a:f4"
	as_anna /media/map /dev/simplen 4096
	expect "a user of the group maps /dev/simplen, which loads the module" 0
	loaded
	expect "it is loaded" 0
	run rmmod simple
	loaded
	expect "it is unloaded" 1
	as_anna /media/map /dev/simpler 4096
	expect "the same with /dev/simpler, after it was unloaded" 0
	run modprobe -r simple
	run modprobe simple page=16
	expect "modprobe takes a parameter that the module does not have" 0
	run dmesg
	expect "and the kernel says so" 0 "simple: unknown parameter 'page' ignored"

	typed "Taking it out again"
	loaded
	expect "the module is gone" 1
	nothing_left
	run test -e /dev/simpler -o -e /dev/simplen
	expect "not even the nodes" 1
}

# A newer kernel.
newer() {
	cd /media/packages || exit
	typed "Other kernels, and newer ones"
	output=$typed_output status=0
	expect "a kernel that cannot be served is told of, and what it lacks" 0 \
		"lacks the metadata of the kernel's Rust crates" "apt install linux-source-"
	# As it was rebuilt on a machine that is faster.
	cp -r /media/rebuilt/. /var/cache/simple
	run apt install /media/newer/*.deb
	expect "a newer kernel is installed" 0 "Installing /lib/modules/$(cat /media/newer/release)/updates/dkms/simple.ko"
	tar -C /boot -cf /dev/disk/by-id/virtio-given "vmlinuz-$(cat /media/newer/release)" "initrd.img-$(cat /media/newer/release)"
}

newest() {
	run uname -r
	expect "the newer kernel runs" 0 "$(cat /media/newer/release)"
	run modinfo -F filename simple
	expect "it has modules by DKMS" 0 updates/dkms/simple.ko
	run /media/map /dev/simplen 1024
	expect "a mapping loads the module" 0

	cp -r /media/simple /root/checkout
	cd /root/checkout || exit
	run modprobe -r simple
	run make install KDIR="/var/cache/simple/headers-$(uname -r)"
	expect "nothing is installed beside DKMS's" 2 "DKMS has built the module" "apt purge simple-dkms"
	typed "Without packages"
	nothing_left
}

# A machine with Secure Boot, that does not know the key yet.
unsigned() {
	run mokutil --sb-state
	expect "Secure Boot is enabled" 0 "SecureBoot enabled"
	cd /media/packages || exit
	run apt install ./simple-common_*.deb ./simple-modules-*.deb
	run modprobe simple
	expect "a module without a signature is not loaded" 1 "Operation not permitted"
	cd /media/signed || exit
	typed "Secure Boot"
	run mokutil --list-new
	expect "the key is to be enrolled at the next boot" 0 "CN=key of my modules"
	run modprobe simple
	expect "until then the module of the package that is signed is not loaded either" 1 "Operation not permitted"
}

# The same machine, after the key was enrolled.
signed() {
	run modprobe simple
	expect "the module of the package that is signed is loaded" 0
	run /media/map /dev/simplen 16
	expect "and its device is mapped" 0
	run apt purge simple-common
	expect "it is purged" 0
}

# The same, with what make installs.
installed() {
	cd /root/checkout || exit
	run make install KDIR=/root/headers
	expect "a module without a signature is not installed" 2 "loads signed modules only, by lockdown"
	run make install KDIR=/root/headers MODULE_SIGN_KEY=module.key MODULE_SIGN_CERT=module.pem
	expect "one that is signed is" 0 "installed for"
	run modinfo -F filename simple
	expect "it is the one" 0 updates/simple.ko
	run modprobe simple
	expect "and loaded" 0
	loaded
	expect "it is there" 0
}

# The firmware can have left this line half full.
echo
"$1"
done_testing
