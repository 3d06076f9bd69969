# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the names are for the scripts that source this file; top is from base.sh
#
# Sourced after base.sh: all that the scripts know about the supported kernels: their names, what each needs to be built
# for and booted, and how its make is called.

KERNEL=${KERNEL:-stock}

# The kernels that the tests run on, each as a series and a flavour of Debian's kernels. A flavour's name contains Debian's
# name of its architecture. The first series is the default, and so is the first flavour of each architecture.
target_kernels=(
	"7.2 amd64"
	"7.2 cloud-amd64"
	"7.2 rt-amd64"
	"7.2 arm64"
	"7.2 arm64-16k"
	"7.3 amd64"
)

mapfile -t target_series < <(printf '%s\n' "${target_kernels[@]% *}" | uniq)
SERIES=${SERIES:-${target_series[0]}}
[[ " ${target_series[*]} " == *" $SERIES "* ]] || die "SERIES=$SERIES is not known" \
	"Known series: $(printf '%s, ' "${target_series[@]}" | sed 's/, $//')"

target_suite=trixie             # the Debian release of the build root
target_kernel_suite=$target_suite-backports
target_cc=gcc-14                # the compiler that Debian built these series with

# FLAVOUR=arm64... without ARCH implies ARCH=arm64.
case ${FLAVOUR:-} in
arm64*) ARCH=${ARCH:-arm64} ;;
esac

case ${ARCH:-amd64} in
amd64 | x86 | x86_64)
	target_arch=x86                 # the kernel's name of the architecture
	target_deb_arch=amd64           # Debian's name of it
	target_root_archs=amd64         # the architectures whose packages the build root may hold
	target_triplet=x86_64-linux-gnu
	target_rust=x86_64-unknown-linux-gnu # Rust's name of it, for programs
	target_image=bzImage            # the kernel's name of its image
	target_programs='X86-64|80386'  # readelf's names of the machines whose programs it runs
	target_packages=(qemu-system-x86 busybox-static ovmf python3-virt-firmware)
	target_qemu=(qemu-system-x86_64)
	target_cpu=max                  # QEMU's model of the guest's CPU
	# The guest's names of its four serial lines, and QEMU's options for the second and the third. What the first three
	# are for stands in scripts/guest/initramfs/init.
	target_lines=(ttyS0 ttyS1 ttyS2 ttyS3)
	target_serial=(-serial chardev:out -serial chardev:control)
	target_display="-device VGA"    # QEMU's standard VGA card, as words of its command line
	# On a busy host the kernel's check of the timer can fail, as QEMU emulates the timer too late.
	target_args=no_timer_check
	target_icount_args=tsc=reliable # the kernel takes the time from the TSC, which counts instructions with -icount
	;;
arm64)
	target_arch=arm64
	target_deb_arch=arm64
	target_root_archs=amd64,arm64
	target_triplet=aarch64-linux-gnu
	target_rust=aarch64-unknown-linux-gnu
	target_image=Image
	target_programs=AArch64
	target_packages=(
		"$target_cc-$target_triplet" libc6-dev-arm64-cross libstd-rust-dev:arm64
		qemu-system-arm busybox-static:arm64 device-tree-compiler
	)
	target_qemu=(qemu-system-aarch64 -M "virt,gic-version=3")
	target_cpu=max,pauth-impdef=on
	# QEMU's virt machine has two serial ports, ttyAMA0 and ttyAMA1. The PCI card adds ttyS0 and ttyS1.
	target_lines=(ttyAMA0 ttyS0 ttyS1 ttyAMA1)
	target_serial=(-device "pci-serial-2x,chardev1=out,chardev2=control")
	target_display="-device VGA,romfile=" # the guest has no firmware that would run the program in the card's ROM
	target_args=
	target_icount_args=norandmaps   # the number of instructions depends on the address of a mapping
	;;
*)
	die "ARCH=$ARCH is not known" "Known architectures: amd64, arm64"
	;;
esac
mapfile -t target_flavours < <(printf '%s\n' "${target_kernels[@]#* }" | grep -w "$target_deb_arch" | awk '!seen[$0]++')
FLAVOUR=${FLAVOUR:-${target_flavours[0]}}
[[ " ${target_flavours[*]} " == *" $FLAVOUR "* ]] ||
	die "FLAVOUR=$FLAVOUR is not known for ARCH=$target_deb_arch" \
		"Known flavours: $(printf '%s, ' "${target_flavours[@]}" | sed 's/, $//')"

case $KERNEL in
stock)
	target_toolchain=CC=$target_triplet-$target_cc # the argument of the kernel's make that names the compiler
	target_mem=1G                   # the guest's memory; next, how many seconds it may print nothing, and take to boot
	target_timeout=120 target_boot_timeout=90
	# A huge page of this flavour has 32 MiB, and the tests use many.
	[ "$FLAVOUR" != arm64-16k ] || target_mem=2G
	;;
debug)
	[ "$target_arch" = x86 ] || die "there is no debug kernel for ARCH=$target_deb_arch" \
		"Leave KERNEL=debug out, or ARCH and FLAVOUR."
	target_toolchain=LLVM=-19       # CONFIG_RUST with KASAN needs clang
	# With five levels of page tables, KASAN reports good memory accesses as wild ones if an interrupt comes while the
	# kernel detects the processor's features.
	target_cpu=max,la57=off
	target_mem=2G
	target_timeout=800 target_boot_timeout=300
	;;
*)
	die "KERNEL=$KERNEL is not known" "Known kernels: stock, debug"
	;;
esac
[ "$KERNEL" = stock ] || [ -z "${KDIR:-}" ] || die "KDIR and KERNEL=$KERNEL name two kernels" \
	"Leave one of them out."

# kernel_make ARG...: calls the kernel's make with the toolchain of the build root, for the target's architecture.
target_make=(make --no-print-directory ARCH="$target_arch" CROSS_COMPILE="$target_triplet-" "$target_toolchain")
kernel_make() {
	"$in_root" "${target_make[@]}" "$@"
}
