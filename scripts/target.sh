# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # the names are for the scripts that source this file
#
# Sourced after lib.sh: the one place that knows which kernels there are, and what each needs.

KERNEL=${KERNEL:-stock}
SERIES=${SERIES:-7.2}
FLAVOUR=${FLAVOUR:-amd64}

case $SERIES in
7.2)
	target_suite=trixie             # the Debian release of the build root
	target_kernel_suite=$target_suite-backports
	target_cc=gcc-14                # what Debian built this series with
	;;
*)
	die "SERIES=$SERIES is not known" "Known series: 7.2"
	;;
esac

case $FLAVOUR in
amd64 | cloud-amd64 | rt-amd64)
	target_arch=x86                 # the kernel's name of the architecture
	target_deb_arch=amd64           # Debian's name of it
	target_triplet=x86_64-linux-gnu
	target_qemu=qemu-system-x86_64
	;;
*)
	die "FLAVOUR=$FLAVOUR is not known" "Known flavours: amd64, cloud-amd64, rt-amd64"
	;;
esac

# The names of the header packages of this series and flavour, as a regular expression.
target_headers="^linux-headers-${SERIES//./[.]}[^0-9-][^-]*-$FLAVOUR\$"

case $KERNEL in
stock)
	target_toolchain=CC=$target_triplet-$target_cc # what builds modules for it, for its make
	target_cpu=max                  # the guest's
	target_mem=1G                   # the guest's memory, and the seconds that it may take
	target_timeout=120
	;;
debug)
	target_toolchain=LLVM=-19       # Rust has KASAN with clang only
	# With five levels of page tables, KASAN takes good memory for wild if an interrupt comes while
	# the kernel finds out what the processor can.
	target_cpu=max,la57=off
	target_mem=2G
	target_timeout=600
	;;
*)
	die "KERNEL=$KERNEL is not known" "Known kernels: stock, debug"
	;;
esac
[ "$KERNEL" = stock ] || [ -z "${KDIR:-}" ] || die "KDIR and KERNEL=$KERNEL name two kernels" \
	"Leave one of them out."
