#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh: tells whether the module can be built for the kernel of KDIR, or else the running kernel, and
# loaded by it. Prints facts about the kernel, one a line, and the verdict. Fails if the verdict is no.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/driver.sh"
. "$top/scripts/lib/tree.sh"

# fact NAME TEXT: prints the line of one fact.
fact() {
	printf '%-28s %s\n' "$1" "$2"
}

# option NAME WITHOUT: prints whether the kernel has CONFIG_NAME set, and if not, what that means.
option() {
	if [ "$(config_of "$tree" "$1")" = y ]; then
		fact "CONFIG_$1" y
	else
		fact "CONFIG_$1" "n: $2"
	fi
}

# tool NAME KERNEL HERE: prints which version of the tool built the kernel, and which one this system has.
tool() {
	local here=$3
	# The same compiler can go by different names.
	[[ -z $3 || ${2#* } != "${3#* }" ]] || here="the same"
	fact "$1" "${2:-none}; here: ${here:-none}"
}

# version COMMAND: prints the first line of what COMMAND --version prints; nothing if there is no such command.
version() {
	"$1" --version 2>/dev/null | sed -n 1p || true
}

# c_compiler: prints the name of the C compiler that the kernel's make calls on this system.
c_compiler() {
	case ${LLVM:-} in
	'') echo "${CC:-${CROSS_COMPILE:-}gcc}" ;;
	*/) echo "${LLVM}clang" ;;
	-*) echo "clang$LLVM" ;;
	*) echo clang ;;
	esac
}

# tested SERIES: whether the tests are run on kernels of that series.
tested() (
	unset KERNEL ARCH FLAVOUR
	SERIES=$1
	. "$top/scripts/lib/kernels.sh"
) 2>/dev/null

# signatures: prints whether the kernel enforces that modules are signed.
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

# no REASON [REMEDY...]: prints the verdict "no" with the reason and the remedies, and exits with status 1.
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
# The message of die in check_tree is the reason for the verdict "no", with its remedies.
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
option JUMP_LABEL "each event that can be traced tests a variable"
signatures=$(signatures)
fact signatures "$signatures"
[ -z "$reason" ] || no "$reason"

[[ $signatures != enforced* ]] || no "the kernel loads signed modules only" \
	"Make it load unsigned ones, or build with make KDIR=$tree and sign the modules with scripts/sign-file of the" \
	"kernel and a key that the kernel trusts."

# Build the module: that also finds out whether the kernel exports all symbols that the module uses.
out=$folder/build/check
rm -rf "$out"
mkdir -p "$out"
say "building the module for it (10 to 20 seconds)"
if ! KDIR=$tree "$top/scripts/kernel/build-modules.sh" MO="$out" >"$out/log" 2>&1; then
	grep -Ei 'error|not found|\*\*\*' "$out/log" | sed -n '1,5s/^/       /p' || true
	no "the module does not build for it" "The whole log is in $out/log"
fi
echo "verdict: yes, the module builds for this kernel, which exports all symbols that the module uses\
${untested:+; but it is of a series$untested}"
