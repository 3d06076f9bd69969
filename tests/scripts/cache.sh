#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# An entry of the cache is whole or absent, whatever happens while it is made.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

export SIMPLE_CACHE=$scratch/cache

# make_entry SECONDS: makes an entry, slowly; every start leaves a line in $scratch/starts.
cat >"$scratch/make_entry" <<END
#!/usr/bin/env bash
. "$top/scripts/lib/base.sh"
fill() {
	echo started >>"$scratch/starts"
	echo half >"\$2/content"
	sleep "\$1"
	[ ! -e "$scratch/fail" ] || exit 1
	echo whole >"\$2/content"
}
cache_entry entry fill "\$1"
cat "\$cache/entry/content"
END
chmod +x "$scratch/make_entry"

# Killed half-way, with all of its processes.
setsid "$scratch/make_entry" 60 &
until [ -e "$SIMPLE_CACHE/entry/content" ]; do sleep 0.01; done
kill -KILL -- "-$!"
wait "$!" 2>/dev/null
run cat "$SIMPLE_CACHE/entry/content"
expect "an interrupted run left half of it" 0 half
run "$scratch/make_entry" 0
expect "the next run makes it anew" 0 whole

run "$scratch/make_entry" 0
expect "a whole entry is used as it is" 0 whole
run grep -c started "$scratch/starts"
expect "and not made again" 0 2

rm -rf "$SIMPLE_CACHE" "$scratch/starts"
touch "$scratch/fail"
run "$scratch/make_entry" 0
expect "a failure is passed on" 1
rm "$scratch/fail"
run "$scratch/make_entry" 0
expect "and not taken for a result" 0 whole

rm -rf "$SIMPLE_CACHE" "$scratch/starts"
"$scratch/make_entry" 1 >"$scratch/first" 2>&1 &
"$scratch/make_entry" 1 >"$scratch/second" 2>&1
wait
run cat "$scratch/first" "$scratch/second"
expect "of two runs at once one waits" 0 "another run is preparing entry, waiting for it"
run grep -c whole "$scratch/first" "$scratch/second"
expect "both get it whole" 0 first:1 second:1
run grep -c started "$scratch/starts"
expect "it is made once" 0 1

run env SIMPLE_CACHE=/proc/none "$scratch/make_entry" 0
expect "a cache that cannot be written to is named" 1 "cannot write to the cache /proc/none" SIMPLE_CACHE

# As if it were somebody's home, with a folder that happens to have a lock.
mkdir -p "$SIMPLE_CACHE/mine" "$SIMPLE_CACHE/foo"
touch "$SIMPLE_CACHE/mine/letter" "$SIMPLE_CACHE/foo.lock" "$SIMPLE_CACHE/notes.o"
# In a copy of the checkout, as it removes what is built there, too.
mkdir -p "$scratch/checkout/src"
cp -r "$top/scripts" "$scratch/checkout"
touch "$scratch/checkout/"{mine.ko,mine.o,simple.ko,simple.o,src/simple.o}
run "$scratch/checkout/scripts/make/clean.sh" cache
expect "distclean removes the cache, and names what it leaves" 0 "left, as this project did not make it"
run find "$SIMPLE_CACHE" -mindepth 1 -printf '%P\n'
expect "what is not ours is left" 0 mine/letter foo.lock notes.o
run test -e "$SIMPLE_CACHE/entry" -o -e "$SIMPLE_CACHE/entry.lock"
expect "what is ours is gone" 1
run ls "$scratch/checkout" "$scratch/checkout/src"
expect "in the checkout, objects of somebody else are left" 0 mine.ko mine.o
run ls "$scratch/checkout/"{simple.ko,simple.o,src/simple.o}
expect "and ours are gone" 2 "simple.ko': No such file" "/simple.o': No such file" "src/simple.o': No such file"

done_testing
