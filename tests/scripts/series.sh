#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that a series that Debian does not offer, or not with all packages, is refused with a list of those that it
# offers.

. "$(dirname "$0")/../lib/tap.sh"
. "$top/scripts/lib/base.sh"
. "$top/scripts/lib/kernels.sh"

# Use the build root with a package archive of the test's own, and a cache of its own.
root=$("$top/scripts/kernel/build-root.sh")
export SIMPLE_CACHE=$scratch/cache
mkdir -p "$SIMPLE_CACHE/apt/lists/partial"
ln -s "$root" "$SIMPLE_CACHE/${root##*/}"
export APT_CONFIG=$SIMPLE_CACHE/apt/apt.conf
cat >"$APT_CONFIG" <<END
Dir::Etc::SourceList "$SIMPLE_CACHE/apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$SIMPLE_CACHE/apt/lists";
Dir::Cache "$SIMPLE_CACHE/apt/cache";
END
echo "deb [trusted=yes] file:$SIMPLE_CACHE/apt ./" >"$SIMPLE_CACHE/apt/sources.list"

# offer PACKAGE...: makes the archive offer these packages, in version 1.
offer() {
	printf "Package: %s\nVersion: 1\nArchitecture: $target_deb_arch\nDescription: a kernel\nFilename: none\n\n" "$@" \
		>"$SIMPLE_CACHE/apt/Packages"
}

# whole SERIES: prints the names of all packages of a kernel.
whole() {
	printf '%s\n' "linux-source-$1" "linux-"{headers,modules,binary-unsigned}"-$1.1+test-$FLAVOUR"
}

wanted() {
	run env SERIES="$1" "$top/scripts/kernel/stock.sh"
}

# shellcheck disable=SC2046 # a package each
offer $(whole 7.2)
wanted 7.3
expect "a series that is not offered is refused" 1 "has no kernel 7.3 of flavour $FLAVOUR now" "It offers: SERIES=7.2"

# shellcheck disable=SC2046
offer $(whole 7.2 | grep -v binary) $(whole 7.3)
wanted 7.2
expect "a series without its image is refused" 1 "has no kernel 7.2 of flavour $FLAVOUR now" "It offers: SERIES=7.3"

# shellcheck disable=SC2046
offer $(whole 6.12)
wanted 7.2
expect "the error tells that no known series is offered" 1 "It offers: no known series of this flavour"

done_testing
