# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # top is from base.sh
#
# Sourced after base.sh: signatures on modules, if MODULE_SIGN_KEY and MODULE_SIGN_CERT name a key and its
# certificate.

# check_signing: ends with the reason if only one of them is set, or is no file that can be read.
check_signing() {
	local name
	[ -n "${MODULE_SIGN_KEY:-}${MODULE_SIGN_CERT:-}" ] || return 0
	for name in MODULE_SIGN_KEY MODULE_SIGN_CERT; do
		[ -n "${!name:-}" ] || die "a signature takes MODULE_SIGN_KEY and MODULE_SIGN_CERT, and $name is not set" \
			"The one names a file with a private key, in PEM, and the other its X.509 certificate."
		[ -r "${!name}" ] || die "$name=${!name}: there is no such file, or it cannot be read"
	done
	MODULE_SIGN_KEY=$(realpath "$MODULE_SIGN_KEY") MODULE_SIGN_CERT=$(realpath "$MODULE_SIGN_CERT")
	export MODULE_SIGN_KEY MODULE_SIGN_CERT
}

# sign_command TREE: prints what signs a file that is named after it, for the kernel with that build tree; nothing
# if the modules are not to be signed. KBUILD_SIGN_PIN is the key's passphrase.
sign_command() {
	[ -n "${MODULE_SIGN_KEY:-}" ] || return 0
	[ -x "$1/scripts/sign-file" ] || die "$1 has no scripts/sign-file, which signs modules" \
		"The kernel is configured without CONFIG_MODULE_SIG, or its tree is not whole."
	quote "$1/scripts/sign-file" "$(config_of "$1" MODULE_SIG_HASH)" "$MODULE_SIGN_KEY" "$MODULE_SIGN_CERT"
}
