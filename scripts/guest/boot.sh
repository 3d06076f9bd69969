#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# boot.sh run PROG [ARGS] | shell: boots a guest and runs the program, or a shell, in it.
#
# ARGS is one string of words, which can be quoted as for a shell. Settings in the environment:
#   KDIR, or KERNEL, ARCH and FLAVOUR choose the kernel, and DRIVER the driver.
#   FILES, words like ARGS, are more files for the guest's working folder.
#   TRACE=no: the driver's lines in the kernel log are not shown in the end.
#   RESERVE=yes: the guest's kernel does not use 64 KiB in the midst of RAM.
#   QMP=yes: the guest's fourth serial line leads to QEMU's monitor, which speaks QMP there.
#   QEMU_ARGS and KERNEL_ARGS are more arguments of QEMU and of the guest's kernel.
#   docs/reference.md describes MODPARAMS, MEM, SMP, ICOUNT and TIMEOUT.
#
# GUEST_MODULE says how the guest gets the module:
#   loaded   the module is loaded before the program starts; this is the default
#   present  the module and the examples are in the guest's root folder, and the program loads what it needs
#   none     the guest has no module
#   a file   boots this kernel image, which has the driver built in; the examples are in the same folder as the image
#
# Exits with the program's status, or with 125 if the guest or its kernel failed.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/driver.sh"
. "$top/scripts/lib/kernels.sh"
. "$top/scripts/lib/tree.sh"

mode=$1 prog=${2:-} args=${3:-}
ICOUNT=${ICOUNT:-} SMP=${SMP:-} TIMEOUT=${TIMEOUT:-$target_timeout} TRACE=${TRACE:-yes} GUEST_MODULE=${GUEST_MODULE:-loaded}

# check_settings: exits with an error if a setting has a value that is not valid.
check_settings() {
	local mem=${MEM:-$target_mem} size
	[[ $mem =~ ^([0-9]+)([MG])(,.*)?$ ]] || die "MEM=$mem is no size of memory" "Give it in MiB or GiB: MEM=512M, MEM=2G"
	size=${BASH_REMATCH[1]}
	[ "${BASH_REMATCH[2]}" = M ] || size=$((size * 1024))
	[ "$size" -ge 256 ] || die "MEM=$mem is too little for the guest" "The guest needs 256M or more."
	[[ ${SMP:-1} =~ ^[1-9][0-9]{0,2}$ ]] || die "SMP=$SMP is no number of processors" "For example: SMP=4"
	[[ $TIMEOUT =~ ^[1-9][0-9]*$ ]] || die "TIMEOUT=$TIMEOUT is no number of seconds" "For example: TIMEOUT=600"
	xargs true <<<"$args" 2>/dev/null || die "ARGS=$args: these are no words" "Is there a quote that is not closed?"
	xargs true <<<"${FILES:-}" 2>/dev/null || die "FILES=$FILES: these are no words" \
		"Is there a quote that is not closed? A name with a space must be quoted within FILES: FILES=\"'a b' c\""
}

# check_prog FILE: exits with an error unless the guest can run FILE.
check_prog() {
	local machine
	[ -f "$1" ] || die "PROG=$1: there is no such file"
	case $(head -c 4 "$1" | tr -d '\0') in
	'#!'*)
		! head -n 1 "$1" | grep -q $'\r$' || die "the lines of $1 end with CR LF, which the guest's shell does not take" \
			"Let them end with LF: sed -i 's/\r\$//' $(quote "$1")"
		head -n 1 "$1" | grep -Eq '^#! ?/bin/(sh|busybox)' || die "$1 asks for an interpreter that \
the guest does not have: $(head -n 1 "$1")" "The guest has busybox: start the script with #!/bin/sh"
		;;
	$'\177'ELF)
		machine=$("$in_root" readelf -hW /dev/stdin <"$1" 2>/dev/null | sed -n 's/^ *Machine: *//p')
		grep -Eq "$target_programs" <<<"$machine" || die \
			"$1 is for another machine than the guest, which is $target_deb_arch: $machine" \
			"Build it for $target_triplet, or choose another guest with ARCH."
		! "$in_root" readelf -lW /dev/stdin <"$1" 2>/dev/null | grep -q INTERP || die \
			"$1 needs shared libraries, and the guest has none" \
			"Link it statically: gcc -static, or for Rust -C target-feature=+crt-static"
		;;
	*)
		die "PROG=$1 is neither an executable nor a #!/bin/sh script"
		;;
	esac
}

# check_params: exits with an error if MODPARAMS has a parameter that the module does not have. The kernel would only
# log such a parameter, and load the module.
check_params() {
	local known word
	known=$("$in_root" modinfo -F parm "$module" | sed 's/:.*//' | tac | tr '\n' ' ')
	for word in ${MODPARAMS:-}; do
		[[ " $known" == *" ${word%%=*} "* ]] ||
			die "MODPARAMS: $module_name has no parameter ${word%%=*}" "It has: ${known:-none}"
	done
}

# find_image: sets $image to the kernel to boot.
find_image() {
	local kernel release
	if [ -z "${KDIR:-}" ]; then
		kernel=$("$top/scripts/kernel/chosen.sh")
		image=$kernel/vmlinuz
		return
	fi
	check_tree "$KDIR"
	release=$(release_of "$KDIR")
	for image in "$KDIR/arch/$target_arch/boot/$target_image" "/lib/modules/$release/vmlinuz" \
		"/boot/vmlinuz-$release"; do
		[ ! -r "$image" ] || return 0
	done
	die "found no readable kernel image of $release to boot" \
		"Build it in $KDIR (make), or make /boot/vmlinuz-$release readable."
}

# make_initramfs: makes the guest's initramfs, $dir/initramfs.cpio.
make_initramfs() {
	local root=$dir/initramfs files file size words
	mapfile -d '' -t words < <(xargs -r printf '%s\0' <<<"$args")
	mapfile -t files < <(xargs printf '%s\n' <<<"$(quote "$prog") ${FILES:-}")
	mkdir -p "$root"/{bin,proc,sys,dev,home}
	cp "$("$top/scripts/kernel/build-root.sh")/usr/bin/busybox" "$root/bin"
	ln -s busybox "$root/bin/sh"
	cp "$top"/scripts/guest/initramfs/* "$root"
	[ -z "$module" ] || cp "${module%/*}"/*.ko "$root"
	for file in "${files[@]}"; do
		[ -n "$file" ] || continue
		[ -e "$file" ] || die "FILES: there is no $file"
		[ ! -e "$root/home/${file##*/}" ] || die "two files are called ${file##*/}" \
			"They all go to the guest's one working folder. Rename one."
		cp -r "$file" "$root/home"
	done
	[ -z "$prog" ] || chmod +x "$root/home/${prog##*/}"
	size=$({ stty size </dev/tty; } 2>/dev/null) || size=
	[ "${size%% *}" -gt 0 ] 2>/dev/null || size='24 80'
	cat >"$root/guest.conf" <<-END
		out=/dev/${target_lines[1]} control=/dev/${target_lines[2]}
		load=$([ "$GUEST_MODULE" != loaded ] || echo yes)
		module=$module_name
		modparams=$(quote "${MODPARAMS:-}")
		shell=$([ "$mode" != shell ] || echo yes)
		term=$(quote "${TERM:-vt100}")
		rows=${size% *} cols=${size#* }
		settle=$([ -z "$ICOUNT" ] && echo 0 || echo 3)
		prog=$(quote "${prog##*/}")
		args=$(quote "$([ ${#words[@]} -eq 0 ] || quote "${words[@]}")")
		trace=$([ "$TRACE" = no ] || quote "$trace")
	END
	(cd "$root" && find . | "$in_root" cpio --quiet -o -H newc -R 0:0) >"$dir/initramfs.cpio"
}

# reserve_memory: has the guest's kernel leave 64 KiB of RAM alone: on x86 by a kernel parameter in $append, and
# elsewhere by a reservation in the device tree, which $qemu is given.
reserve_memory() {
	if [ "$target_arch" = x86 ]; then
		append+=" memmap=64K\$0x30000000"
		return
	fi
	local tree=$dir/machine.dtb node=/reserved-memory/test@60000000
	"$in_root" "${qemu[@]}" -machine "dumpdtb=$tree" </dev/null 2>"$dir/dumpdtb" ||
		die "QEMU did not describe its machine: $(cat "$dir/dumpdtb")"
	"$in_root" sh -e -c "fdtput -p -c '$tree' $node
		fdtput -t x '$tree' /reserved-memory '#address-cells' 2
		fdtput -t x '$tree' /reserved-memory '#size-cells' 2
		fdtput '$tree' /reserved-memory ranges
		fdtput -t x '$tree' $node reg 0 60000000 0 10000
		fdtput '$tree' $node no-map"
	qemu+=(-dtb "$tree")
}

# boot: runs QEMU. The output of the guest's program goes to stdout.
boot() {
	local append="console=${target_lines[0]} loglevel=5 panic=-1 oops=panic log_buf_len=16M $target_args ${KERNEL_ARGS:-}"
	local qemu=("${target_qemu[@]}" -cpu "$target_cpu" -m "${MEM:-$target_mem}"
		-nodefaults -no-user-config -no-reboot -display none
		-kernel "$image" -initrd "$dir/initramfs.cpio"
		-chardev "file,id=control,path=$dir/control" -serial "file:$dir/console" "${target_serial[@]}")

	# QEMU connects to its own socket. In the build root, /tmp is a file system of this QEMU's own.
	[ -z "${QMP:-}" ] || qemu+=(-chardev "socket,id=qmp,path=/tmp/qmp,server=on,wait=off" -mon "chardev=qmp,mode=control"
		-chardev "socket,id=line,path=/tmp/qmp" -serial chardev:line)
	# shellcheck disable=SC2206 # words
	qemu+=(${QEMU_ARGS:-})
	# Devices that a PCI driver in DRIVER can bind to.
	[ -z "$driver" ] || qemu+=(-device edu -device edu)
	if [ -n "$ICOUNT" ]; then
		[ "${SMP:-1}" = 1 ] || die "ICOUNT=1 counts the instructions of one CPU" "Leave SMP out."
		qemu+=(-accel tcg -icount "shift=0,sleep=off" -smp 1)
		append+=" $target_icount_args"
	else
		accel=$("$top/scripts/guest/accel.sh")
		qemu+=(-accel "$accel" -smp "${SMP:-2}")
	fi
	if [ "$mode" = shell ]; then
		qemu+=(-chardev "stdio,id=out,signal=off")
	else
		qemu+=(-chardev "stdio,id=out,logfile=$dir/out")
	fi
	[ -z "${RESERVE:-}" ] || reserve_memory
	if [[ $mode = shell && -t 0 ]]; then
		"$in_root" "${qemu[@]}" -append "$append"
		return
	fi
	local input=/dev/null
	if [ "$mode" = shell ]; then
		input=$dir/input
		mkfifo "$input"
		typed <&0 >"$input" &
		typist=$!
	fi
	for try in 1 2 3; do
		"$in_root" "${qemu[@]}" -append "$append" <"$input" &
		machine=$!
		[ "$try" = 3 ] || comes_up && break
		# If QEMU has ended by itself, its status is 0 after the guest's kernel has panicked.
		if kill "$machine" 2>/dev/null; then
			wait "$machine" || true
		else
			wait "$machine" || die "QEMU ended with status $? before the guest's kernel had booted, see above" \
				"Has this machine what MEM, SMP and QEMU_ARGS ask for?"
		fi
		say "the guest's kernel did not boot, which happens now and then under emulation; booting it again"
	done
	if [ "$mode" = run ]; then
		limit_silence >/dev/null 2>&1 &
		watch=$!
	fi
	wait "$machine"
}

# limit_silence: kills QEMU when the guest has printed nothing on any of its lines for TIMEOUT seconds, or when the caller
# of the scripts has ended.
limit_silence() {
	local size last='' since=$SECONDS
	while sleep 1; do
		if ! kill -0 "$SIMPLE_CALLER"; then
			kill "$machine"
			return
		fi
		size=$(stat -c %s "$dir"/{out,console,control} 2>/dev/null) || true
		if [ "$size" != "$last" ]; then
			last=$size since=$SECONDS
		elif [ $((SECONDS - since)) -ge "$TIMEOUT" ]; then
			touch "$dir/silent"
			kill "$machine"
			return
		fi
	done
}

# comes_up: waits until the guest's first process runs. Fails if it does not within a time that is far more than a boot
# takes. The module is not the reason then, as it is loaded later: with several processors, QEMU sometimes mishandles
# the breakpoint that the kernel puts into code that it patches, and the kernel panics or hangs.
comes_up() {
	local deadline=$((SECONDS + target_boot_timeout))
	while ! grep -qs '^booted' "$dir/control"; do
		kill -0 "$SIMPLE_CALLER" || exit 143
		kill -0 "$machine" 2>/dev/null && [ "$SECONDS" -lt "$deadline" ] || return
		sleep 0.2
	done
}

# typed: copies stdin to stdout for the guest's shell, as if somebody typed it: not before the shell is ready, as input
# would be lost then, and with the terminal's end-of-file character in the end.
typed() {
	local reader
	while ! grep -qs '^ready' "$dir/control"; do
		[ -d "$dir" ] || return
		sleep 0.2
	done
	cat <&0 &
	reader=$!
	trap 'kill "$reader"; exit' TERM
	wait "$reader"
	trap - TERM
	echo
	while printf '\004'; do sleep 1; done
}

# A pattern of reports of trouble in the kernel log.
trouble='\b(BUG|WARNING)\b|Internal error|INFO: (task|rcu|trying|lockdep)|Oops|Kernel panic|general protection|'
trouble+='Unable to handle|UBSAN|bad: scheduling|unregister_netdevice|unreferenced object|'
# These lines say that a checker has given up, and would find nothing any more.
trouble+='kmemleak: (Cannot allocate a kmemleak_object|.* disabled)|ODEBUG'

module=
machine=
typist=
watch=
# The pattern of the driver's lines in the kernel log, which are shown when the program has ended.
trace='simple: simple[rn]: '
[ -z "$driver" ] || trace="\\b$module_name: "
check_settings
if [ "$mode" = run ]; then
	check_prog "$prog"
fi
case $GUEST_MODULE in
loaded | present | none)
	[ "$GUEST_MODULE" = none ] || module=$("$top/scripts/kernel/build-modules.sh" --guest)
	[ "$GUEST_MODULE" != loaded ] || check_params
	find_image
	;;
*)
	module=$GUEST_MODULE image=$GUEST_MODULE
	;;
esac

mkdir -p "$cache"
dir=$(mktemp -d "$cache/simple-guest.XXXXXX")
trap 'kill $typist $watch $machine 2>/dev/null || true; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
make_initramfs

status=0
boot || status=$?
if grep -Eq "$trouble" "$dir/console" "$dir/control" 2>/dev/null; then
	grep -Ehm 40 -A 30 "$trouble" "$dir/console" "$dir/control" | tr -d '\r' | awk 'NR <= 60' >&2
	say "error: the guest's kernel reported trouble${driver:+ while $module_name was tried}, see above"
	exit 125
fi
if [ -e "$dir/silent" ]; then
	tail -n 20 "$dir/console" | tr -d '\r' >&2
	say "error: the guest printed nothing for $TIMEOUT seconds, and was ended (set TIMEOUT for more)"
	exit 125
fi
result=$(sed -n '/^exit /{s/^exit \([0-9]*\)\r*$/\1/p;q}' "$dir/control")
if [ -z "$result" ]; then
	tail -n 20 "$dir/console" | tr -d '\r' >&2
	say "error: the guest ended without a result (QEMU's status: $status)"
	exit 125
fi
! grep -q '^refused' "$dir/control" || die "the module was not loaded, for the reason above" "MODPARAMS=${MODPARAMS:-}"
# The status of an interactive shell is that of its last command, and says nothing about success.
[ "$mode" = run ] || [ ! -t 0 ] || exit 0
name=${prog##*/}
[ "$result" = 0 ] || say "${name:-the shell} ended with status $result"
exit "$result"
