# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # top is from base.sh
#
# Sourced after base.sh and tree.sh: signs modules, if MODULE_SIGN_KEY and MODULE_SIGN_CERT name a key and its
# certificate.

# check_signing: exits with an error if only one of the two is set, or if one names no readable file.
check_signing() {
	local name
	[ -n "${MODULE_SIGN_KEY:-}${MODULE_SIGN_CERT:-}" ] || return 0
	for name in MODULE_SIGN_KEY MODULE_SIGN_CERT; do
		[ -n "${!name:-}" ] || die "signing needs MODULE_SIGN_KEY and MODULE_SIGN_CERT, and $name is not set" \
			"MODULE_SIGN_KEY names a file with a private key in PEM, and MODULE_SIGN_CERT one with its X.509 certificate."
		[ -r "${!name}" ] || die "$name=${!name}: there is no such file, or it cannot be read"
	done
	MODULE_SIGN_KEY=$(realpath "$MODULE_SIGN_KEY") MODULE_SIGN_CERT=$(realpath "$MODULE_SIGN_CERT")
	export MODULE_SIGN_KEY MODULE_SIGN_CERT
}

# sign_command TREE: prints the command that signs a module for the kernel with that build tree; the caller appends the
# module's file name. Prints nothing if modules are not to be signed. KBUILD_SIGN_PIN is the key's passphrase.
sign_command() {
	[ -n "${MODULE_SIGN_KEY:-}" ] || return 0
	[ -x "$1/scripts/sign-file" ] || die "$1 has no scripts/sign-file, which signs modules" \
		"The kernel is configured without CONFIG_MODULE_SIG, or its tree is incomplete."
	quote "$1/scripts/sign-file" "$(config_of "$1" MODULE_SIG_HASH)" "$MODULE_SIGN_KEY" "$MODULE_SIGN_CERT"
}
