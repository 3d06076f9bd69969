# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the names are for the scripts that source this file; top is from base.sh
#
# Sourced after base.sh: the one place that knows which kernels there are, what each needs, and how its make is called.

KERNEL=${KERNEL:-stock}

# The kernels that the tests run on, as a series of Debian's kernels and a flavour of it. A flavour's name has that of its
# architecture in it. The first series is the default, and the first flavour of each architecture is that one's default.
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
target_cc=gcc-14                # what Debian built these series with

# A flavour of one architecture alone tells the architecture, too.
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
	target_programs='X86-64|80386'  # readelf's names of the programs that it runs
	target_packages=(qemu-system-x86 busybox-static ovmf python3-virt-firmware)
	target_qemu=(qemu-system-x86_64)
	target_cpu=max                  # the guest's
	# The serial lines of scripts/guest/initramfs/init, and where QEMU has the second and the third.
	target_lines=(ttyS0 ttyS1 ttyS2 ttyS3)
	target_serial=(-serial chardev:out -serial chardev:control)
	target_display="-device VGA"    # QEMU's standard VGA card, as words of its command line
	# A timer that is emulated on a busy machine can seem not to work.
	target_args=no_timer_check
	target_icount_args=tsc=reliable # for the kernel to take its time from the counted instructions
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
	# The machine has two lines of its own.
	target_lines=(ttyAMA0 ttyS0 ttyS1 ttyAMA1)
	target_serial=(-device "pci-serial-2x,chardev1=out,chardev2=control")
	target_display="-device VGA,romfile=" # there is no firmware that would run the ROM's program
	target_args=
	target_icount_args=norandmaps   # counts depend on where a mapping begins
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
	target_toolchain=CC=$target_triplet-$target_cc # what builds modules for it, for its make
	target_mem=1G                   # the guest's memory, and the seconds that it may be silent, and take until it is up
	target_timeout=120 target_boot_timeout=90
	# A huge page has 32 MiB there, and the tests use many.
	[ "$FLAVOUR" != arm64-16k ] || target_mem=2G
	;;
debug)
	[ "$target_arch" = x86 ] || die "there is no debug kernel for ARCH=$target_deb_arch" \
		"Leave KERNEL=debug out, or ARCH and FLAVOUR."
	target_toolchain=LLVM=-19       # Rust has KASAN with clang only
	# With five levels of page tables, KASAN takes good memory for wild if an interrupt comes while
	# the kernel finds out what the processor can.
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

# kernel_make ARG...: the kernel's make, with the toolchain of the build root, for the target's architecture.
target_make=(make --no-print-directory ARCH="$target_arch" CROSS_COMPILE="$target_triplet-" "$target_toolchain")
kernel_make() {
	"$top/scripts/kernel/in-root.sh" "${target_make[@]}" "$@"
}
