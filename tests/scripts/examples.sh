#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests the examples in the documentation of the abstractions: they compile and run, and each public item is named in
# one.

. "$(dirname "$0")/../lib/tap.sh"

out=$top/build/examples
mkdir -p "$out"

examples() {
	"$top/scripts/kernel/in-root.sh" python3 "$top/scripts/rust/doc_examples.py" "$@"
}

build() {
	"$top/scripts/kernel/build-modules.sh" --guest M="$top/tests/examples" MO="$out" 2>&1 |
		examples where "$out/examples.rs"
}

set -o pipefail
unset KDIR

run examples unnamed
expect "an example names each public item" 0

# Remove the module of an earlier run, so that it is not taken for one that does not compile now.
rm -f "$out/doc_examples.ko"
examples make "$out/examples.rs"
run build
[[ $output != *warning:* ]] || status="$status, and warnings"
expect "the examples compile" 0

cat >"$scratch/load" <<'END_OF_SCRIPT'
#!/bin/sh
insmod ./doc_examples.ko && rmmod doc_examples
status=$?
dmesg | grep doc_example
exit $status
END_OF_SCRIPT
run env FILES="'$out/doc_examples.ko'" GUEST_MODULE=none TRACE=no "$top/scripts/guest/boot.sh" run "$scratch/load"
mapfile -t names < <(sed -n 's/^ *("\(.*\)", .*::run),$/\1/p' "$out/examples.rs")
[ ${#names[@]} -gt 0 ] || status="no examples"
expect "all ${#names[@]} examples run" 0 "${names[@]/#/doc_examples: doc example }"

done_testing
