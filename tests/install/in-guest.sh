#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# in-guest.sh STAGE: runs as root on the installed Debian, one stage in each boot. The next stage finds the disk as this
# one leaves it. The output is TAP.
#
# /media has this checkout, and the packages that were made of it. Files for the host are written to the disk "given".

export APT_CONFIG=/media/apt.conf DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 MANPAGER=cat
# shellcheck source=tests/lib/tap.sh
. /media/simple/tests/lib/tap.sh

# typed HEADING: runs the commands for root that docs/install.md has under that heading. The output of the last one is
# then in $typed_output.
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

# nothing_left: passes if the system has no other files of the module than before the first installation.
nothing_left() {
	run diff /root/left-before <("$top/tests/install/left.sh")
	expect "no file of the module is left" 0
	run grep '/simple\.ko' /lib/modules/*/modules.dep
	expect "modules.dep does not list the module any more" 1
}

# as_anna COMMAND: runs COMMAND as a user of the group video.
as_anna() {
	run runuser -u anna -- "$@"
}

# loaded: sets $status to 0 if the module is loaded, and to 1 if not.
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

# This stage boots with the module loaded at boot.
boot() {
	loaded
	expect "the module is loaded at boot" 0
	run stat -c '%A %G %t:%T' /dev/simpler /dev/simplen
	expect "the devices are for the group video, with the minor numbers that were asked for" 0 \
		"crw-rw---- video a:f3" "crw-rw---- video a:f4"
	run cat /sys/kernel/debug/simple/parameters/pages
	expect "the module has the parameters that were asked for" 0 4096
	as_anna /media/map /dev/simpler 4096
	expect "a user of the group video can map /dev/simpler" 0
	as_anna /media/map /dev/simplen 4096
	expect "a user of the group video can map /dev/simplen" 0
	run runuser -u otto -- /media/map /dev/simpler 4096
	expect "another user cannot map /dev/simpler" 1 "Permission denied"
	sed -i 's/^simple$/#simple/' /etc/modules-load.d/simple.conf
}

# In this stage the module is loaded when a device is opened.
demand() {
	loaded
	expect "the module is not loaded at boot" 1
	run stat -c '%A %G %t:%T' /dev/simpler /dev/simplen
	expect "without the module, the device nodes exist, and are for the group video" 0 \
		"crw-rw---- video a:f3" "crw-rw---- video a:f4"
	as_anna /media/map /dev/simplen 4096
	expect "a user of the group video can map /dev/simplen without the module loaded" 0
	loaded
	expect "opening /dev/simplen has loaded the module" 0
	run rmmod simple
	loaded
	expect "rmmod unloads the module" 1
	as_anna /media/map /dev/simpler 4096
	expect "a user of the group video can map /dev/simpler without the module loaded" 0
	run modprobe -r simple
	run modprobe simple page=16
	expect "modprobe takes a parameter that the module does not have" 0
	run dmesg
	expect "the kernel logs a parameter that the module does not have" 0 "simple: unknown parameter 'page' ignored"

	typed "Taking it out again"
	loaded
	expect "the removal has unloaded the module" 1
	nothing_left
	run test -e /dev/simpler -o -e /dev/simplen
	expect "the removal has removed the device nodes" 1
}

# This stage installs a newer kernel, which the next one boots.
newer() {
	cd /media/packages || exit
	typed "Other kernels, and newer ones"
	output=$typed_output status=0
	expect "a kernel that the module cannot be built for is reported, with what it lacks" 0 \
		"lacks the metadata of the kernel's Rust crates" "apt install linux-source-"
	# Take the metadata that dkms.sh has rebuilt on the host, which is faster than this guest.
	cp -r /media/rebuilt/. /var/cache/simple
	run apt install /media/newer/*.deb
	expect "a newer kernel is installed" 0 "Installing /lib/modules/$(cat /media/newer/release)/updates/dkms/simple.ko"
	tar -C /boot -cf /dev/disk/by-id/virtio-given "vmlinuz-$(cat /media/newer/release)" "initrd.img-$(cat /media/newer/release)"
}

newest() {
	run uname -r
	expect "the newer kernel runs" 0 "$(cat /media/newer/release)"
	run modinfo -F filename simple
	expect "DKMS has built the module for the newer kernel" 0 updates/dkms/simple.ko
	run /media/map /dev/simplen 1024
	expect "a device can be mapped under the newer kernel" 0

	cp -r /media/simple /root/checkout
	cd /root/checkout || exit
	run modprobe -r simple
	run make install KDIR="/var/cache/simple/headers-$(uname -r)"
	expect "make install is refused if DKMS has built the module" 2 \
		"DKMS has built the module" "apt purge simple-dkms"
	typed "Without packages"
	nothing_left
}

# In this stage Secure Boot is enabled, and the key is not enrolled yet.
unsigned() {
	run mokutil --sb-state
	expect "Secure Boot is enabled" 0 "SecureBoot enabled"
	cd /media/packages || exit
	run apt install ./simple-common_*.deb ./simple-modules-*.deb
	run modprobe simple
	expect "a module without a signature is not loaded" 1 "Key was rejected by service"
	cd /media/signed || exit
	typed "Secure Boot"
	run mokutil --list-new
	expect "the key is to be enrolled at the next boot" 0 "CN=key of my modules"
	run modprobe simple
	expect "a signed module is not loaded before its key is enrolled" 1 "Key was rejected by service"
}

# In this stage the key is enrolled.
signed() {
	run modprobe simple
	expect "the module of the signed package is loaded" 0
	run /media/map /dev/simplen 16
	expect "a device of the signed module can be mapped" 0
	run apt purge simple-common
	expect "the packages can be purged" 0
}

# In this stage the key is enrolled, and "make install" is used.
installed() {
	cd /root/checkout || exit
	run make install KDIR=/root/headers
	expect "make install refuses to install a module without a signature" 2 "loads signed modules only, by module.sig_enforce"
	run make install KDIR=/root/headers MODULE_SIGN_KEY=module.key MODULE_SIGN_CERT=module.pem
	expect "make install installs a signed module" 0 "installed for"
	run modinfo -F filename simple
	expect "the module that modprobe finds is the installed one" 0 updates/simple.ko
	run modprobe simple
	expect "modprobe succeeds with the signed module" 0
	loaded
	expect "the signed module is loaded" 0
}

# The firmware can have written to this serial line: end its last line.
echo
"$1"
done_testing
