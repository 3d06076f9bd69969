#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# test-install.sh: makes the packages, and installs them on a Debian with systemd and udev: first in its file system,
# under the host's kernel, where DKMS rebuilds the metadata of Rust crates; then in a guest that boots from a disk. The
# output is TAP; the last line has the numbers of results.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/programs.sh"
only_own test-install

[[ "$KERNEL $SERIES $FLAVOUR ${KDIR:-}" = "stock ${target_series[0]} amd64 " ]] ||
	die "\"make test-install\" is for the kernel that is the default" "Leave KERNEL, KDIR, ARCH, FLAVOUR and SERIES out."

debian=$("$top/scripts/guest/debian-disk.sh")
mkdir -p "$cache" "$top/build"
dir=$(mktemp -d "$cache/simple-guest.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
checkout=$dir/folder/simple media=$dir/folder
log=$top/build/test-install.log
rm -f "$log"

# typed HEADING: runs the commands for an ordinary user that docs/install.md has under that heading, in the checkout.
# openssl runs in the build root, as the host need not have it.
typed() {
	local command
	while read -r command <&3; do
		say "typing: $command"
		[[ $command != openssl* ]] || command="$(quote "$in_root") $command"
		(cd "$checkout" && quietly bash -c "$command")
	done 3< <("$top/tests/install/commands.sh" '$' "$1")
}

# make_media: fills the folder that the guest mounts with the packages, and with other files that the guest needs.
make_media() {
	mkdir -p "$checkout" "$media"/{packages,signed}
	tar -C "$top" --exclude=./build --exclude=./.git --exclude='*.ko' --exclude='./*.key' --exclude='./*.pem' \
		--exclude='./*.der' -c . | tar -C "$checkout" -x
	typed "Packages"
	mv "$checkout"/build/*.deb "$media/packages"
	typed "Secure Boot"
	mv "$checkout"/build/*.deb "$media/signed"
	cp "$checkout/module.der" "$media/signed"
	rm -rf "$checkout/build"
	mkdir "$media/newer"
	cp "$debian"/newer/* "$media/newer"
	rm "$media"/newer/linux-source-*
	echo 'APT::Get::Assume-Yes "true";' >"$media/apt.conf"
	quietly "$in_root" gcc -static -Wall -o "$media/map" "$top/tests/install/map.c"
}

# make_machine: makes the guest's three disks: "disk" with its system, "media" with the folder above, and "given", to
# which the guest writes files for the host. Makes the variables of a firmware with Secure Boot, which trusts the
# certificate in the stock kernel's signature.
make_machine() {
	cp --sparse=always "$debian/disk" "$dir/disk"
	cp "$debian"/tree/boot/{vmlinuz,initrd.img}-* "$dir"
	first=$(basename "$dir"/vmlinuz-*)
	first=${first#vmlinuz-}
	(cd "$dir" && quietly "$in_root" sh -ec 'truncate -s 2G media given
		mke2fs -q -t ext4 -d folder media
		pe-listsigs -x vmlinuz-*
		virt-fw-vars -i /usr/share/OVMF/OVMF_VARS_4M.fd -o variables --enroll-generate firmware --no-microsoft \
			--add-db 00000000-0000-0000-0000-000000000001 Debian*.pem --sb')
}

# enroll: changes the firmware's variables as MokManager and the shim do at a boot: the keys that mokutil asked to enroll
# (MokNew) become those that the kernel reads and trusts (MokListRT).
enroll() {
	(cd "$dir" && quietly "$in_root" sh -ec 'virt-fw-vars -i variables --output-json variables.json
		sed -i "s/\"MokNew\"/\"MokListRT\"/" variables.json
		virt-fw-vars -i variables -o enrolled --delete MokNew --set-json variables.json
		mv enrolled variables')
}

# stage NAME RELEASE [secure]: boots the guest from its disk with that kernel, and with Secure Boot if the third argument
# is given. When the system is up, its systemd runs that stage of tests/install/in-guest.sh.
stage() {
	local unit name disks=() qemu=("${target_qemu[0]}" -cpu "$target_cpu" -m 2G -smp 2 -accel "$("$top/scripts/guest/accel.sh")"
		-nodefaults -no-user-config -no-reboot -display none)
	unit="[Unit]
After=multi-user.target
RequiresMountsFor=/media
[Service]
Type=oneshot
Environment=HOME=/root
ExecStart=/bin/bash /media/simple/tests/install/in-guest.sh $1
ExecStopPost=/bin/sh -c 'echo \"### end \$EXIT_STATUS\"; systemctl --no-block poweroff'
StandardOutput=file:/dev/ttyS1
StandardError=inherit"
	for name in disk media given; do
		disks+=(-drive "file=$dir/$name,id=$name,if=none,format=raw,cache=unsafe"
			-device "virtio-blk-pci,drive=$name,serial=$name")
	done
	echo "### start $1"
	# Only the firmware's own code, in system management mode, may write its variables.
	[ -z "${3:-}" ] || qemu+=(-machine "q35,smm=on" -global "driver=cfi.pflash01,property=secure,value=on"
		-drive "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
		-drive "if=pflash,format=raw,file=$dir/variables")
	"$in_root" timeout 3600 "${qemu[@]}" -kernel "$dir/vmlinuz-$2" -initrd "$dir/initrd.img-$2" \
		-append "root=/dev/disk/by-id/virtio-disk rw console=ttyS0 oops=panic panic=-1 $target_args systemd.wants=simple-test.service \
systemd.mount-extra=/dev/disk/by-id/virtio-media:/media:ext4:ro" \
		-smbios "type=11,value=io.systemd.credential.binary:systemd.extra-unit.simple-test.service=$(base64 -w 0 <<<"$unit")" \
		"${disks[@]}" \
		-serial "file:$dir/console" -serial stdio </dev/null | sed -u 's/\r$//' || echo "### end 125"
	cat "$dir/console" >>"$log"
}

say "making the packages, and what a guest needs to install them (2 minutes)"
make_media
{
	newest=$(cat "$debian/newer/release")
	suite dkms "$top/tests/install/dkms.sh" "$debian/tree" "$media" "$newest"
	make_machine
	say "booting a Debian from a disk, eight times (8 to 20 minutes without KVM)"
	for name in packages boot demand newer; do
		stage "$name" "$first"
	done
	tar -C "$dir" -xf "$dir/given" || true
	stage newest "$newest"
	stage unsigned "$first" secure
	enroll
	stage signed "$first" secure
	stage installed "$newest" secure
} | judged dkms packages boot demand newer newest unsigned signed installed
