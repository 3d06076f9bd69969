#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh: tells whether the module can be built for the kernel of KDIR, or else the running one, and
# loaded by it: what there is, a line each, and the verdict. Fails if it cannot.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/driver.sh
. "$top/scripts/lib/driver.sh"
# shellcheck source=scripts/lib/tree.sh
. "$top/scripts/lib/tree.sh"

# fact NAME TEXT: one line of what there is.
fact() {
	printf '%-28s %s\n' "$1" "$2"
}

# option NAME WITHOUT: an option of the kernel, and what it means if it is not set.
option() {
	if [ "$(config_of "$tree" "$1")" = y ]; then
		fact "CONFIG_$1" y
	else
		fact "CONFIG_$1" "n: $2"
	fi
}

# tool NAME KERNEL HERE: what built the kernel, and what this system has.
tool() {
	local here=$3
	# The same compiler can go by different names.
	[[ -z $3 || ${2#* } != "${3#* }" ]] || here="the same"
	fact "$1" "${2:-none}; here: ${here:-none}"
}

# version COMMAND: the first line that it says of its version; nothing if there is no such command.
version() {
	"$1" --version 2>/dev/null | sed -n 1p || true
}

# c_compiler: what the kernel's make takes on this system.
c_compiler() {
	case ${LLVM:-} in
	'') echo "${CC:-${CROSS_COMPILE:-}gcc}" ;;
	*/) echo "${LLVM}clang" ;;
	-*) echo "clang$LLVM" ;;
	*) echo clang ;;
	esac
}

# tested SERIES: whether it is one of those that the tests are run on.
tested() (
	unset KERNEL ARCH FLAVOUR
	SERIES=$1
	# shellcheck source=scripts/lib/kernels.sh
	. "$top/scripts/lib/kernels.sh"
) 2>/dev/null

# signatures: whether the kernel loads a module that nobody has signed.
signatures() {
	if [ "$(config_of "$tree" MODULE_SIG_FORCE)" = y ]; then
		echo "enforced, by CONFIG_MODULE_SIG_FORCE"
	elif [ "$release" != "$(uname -r)" ]; then
		echo "not enforced by its configuration"
	elif [ -n "$(running_enforces)" ]; then
		echo "enforced, by $(running_enforces)"
	else
		echo "not enforced"
	fi
}

# no REASON [REMEDY...]: ends with that verdict.
no() {
	echo "verdict: no, $1"
	shift
	[ $# -eq 0 ] || printf '       %s\n' "$@"
	exit 1
}

tree=${KDIR:-} whose=
if [ -z "$tree" ]; then
	tree=/lib/modules/$(uname -r)/build
	whose=", the running kernel's; KDIR=<build tree> names another"
	[ -d "$tree" ] || no "the running kernel $(uname -r) has no build tree, $tree" \
		"Install its headers (linux-headers-$(uname -r), linux-headers, kernel-devel or the like)," \
		"or use \"make\" and \"make run\" as they are, with a stock Debian kernel in a guest."
fi
reason=$(check_tree "$tree" 2>&1) && reason=
# What die says is the verdict, and what to do.
reason=${reason#simple: error: }

fact tree "$tree$whose"
[ -f "$tree/include/config/auto.conf" ] || no "$reason"

release=$(release_of "$tree" 2>/dev/null) || release=unknown
series=$(grep -Eo '^[0-9]+\.[0-9]+' <<<"$release") || series=unknown
untested=
tested "$series" || untested=", which the tests are not run on"
fact kernel "$release, of series $series$untested"
shift=$(config_of "$tree" PAGE_SHIFT)
size=unknown
[ -z "$shift" ] || size=$((1 << shift))
fact architecture "$(arch_of "$tree"), page size $size"
option RUST "the kernel has no Rust in it"
fact "Rust metadata" "$(find "$tree/rust/" -maxdepth 1 -name '*.rmeta' 2>/dev/null | wc -l) crates in rust/"
tool rustc "$(config_of "$tree" RUSTC_VERSION_TEXT)" "$(version "${RUSTC:-rustc}")"
tool bindgen "$(config_of "$tree" BINDGEN_VERSION_TEXT)" "$(version "${BINDGEN:-bindgen}")"
tool "C compiler" "$(config_of "$tree" CC_VERSION_TEXT)" "$(version "$(c_compiler)")"
option MODVERSIONS "symbols are compared by name only"
option TRANSPARENT_HUGEPAGE "huge=1 maps page by page"
option JUMP_LABEL "each event tests a variable"
signatures=$(signatures)
fact signatures "$signatures"
[ -z "$reason" ] || no "$reason"

[[ $signatures != enforced* ]] || no "the kernel loads signed modules only" \
	"Let it load others, or build with make KDIR=$tree and sign the modules with scripts/sign-file of the" \
	"kernel and a key that the kernel trusts."

# The best answer is a build, which also finds what the kernel does not export.
out=$folder/build/check
rm -rf "$out"
mkdir -p "$out"
say "building the module for it (10 to 20 seconds)"
if ! KDIR=$tree "$top/scripts/kernel/build-modules.sh" MO="$out" >"$out/log" 2>&1; then
	grep -Ei 'error|not found|\*\*\*' "$out/log" | sed -n '1,5s/^/       /p' || true
	no "the module does not build for it" "The whole log is in $out/log"
fi
echo "verdict: yes, the module builds for it, and it exports all that the module uses\
${untested:+; but it is of a series$untested}"
