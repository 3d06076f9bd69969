#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests that an entry of the cache is complete or absent, whatever happens while it is made, that errors name what prevents
# it, that the cache can be moved, and that "make distclean" removes the project's files only.

. "$(dirname "$0")/../lib/tap.sh"

# Mount the cache at another path, and hide it at its own: a build must work, and fetch nothing.
unset KDIR
kernel=$("$top/scripts/kernel/stock.sh")
mkdir "$scratch/moved"
rm -rf "$top/build/moved"
mkdir -p "$top/build/moved"
run bwrap --dev-bind / / --bind "${kernel%/*}" "$scratch/moved" --tmpfs "${kernel%/*}" \
	env SIMPLE_CACHE="$scratch/moved" "$top/scripts/kernel/build-modules.sh" --guest M="$top/tests/drivers/caching" MO="$top/build/moved"
[[ $output != *"(once"* ]] || status="$status, and something is made anew"
expect "a module is built with a cache that was moved" 0 "LD [M]  caching.ko"

export SIMPLE_CACHE=$scratch/cache
cp -r "$top/scripts" "$scratch"

# make_entry SECONDS: makes an entry, slowly; every start leaves a line in $scratch/starts.
cat >"$scratch/make_entry" <<END
#!/usr/bin/env bash
. "$scratch/scripts/lib/base.sh"
fill() {
	echo started >>"$scratch/starts"
	[ ! -e "$scratch/large" ] || head -c 16M /dev/zero >"\$2/content"
	echo half >"\$2/content"
	sleep "\$1"
	[ ! -e "$scratch/fail" ] || exit 1
	echo whole >"\$2/content"
}
cache_entry "\${ENTRY:-entry}" fill "\$1"
cat "\$cache/\${ENTRY:-entry}/content"
END
chmod +x "$scratch/make_entry"

# Kill the run, with all of its processes, while it makes the entry.
setsid "$scratch/make_entry" 60 &
until grep -qs half "$SIMPLE_CACHE/entry/content"; do sleep 0.01; done
kill -KILL -- "-$!"
wait "$!" 2>/dev/null
run cat "$SIMPLE_CACHE/entry/content"
expect "an interrupted run leaves half an entry" 0 half
run "$scratch/make_entry" 0
expect "the next run makes the interrupted entry anew" 0 whole

run "$scratch/make_entry" 0
expect "a complete entry is used as it is" 0 whole
run grep -c started "$scratch/starts"
expect "a complete entry is not made again" 0 2

rm -rf "$SIMPLE_CACHE" "$scratch/starts"
touch "$scratch/fail"
run "$scratch/make_entry" 0
expect "a run fails if its command fails" 1
rm "$scratch/fail"
run "$scratch/make_entry" 0
expect "an entry whose command failed is made anew" 0 whole

rm -rf "$SIMPLE_CACHE" "$scratch/starts"
"$scratch/make_entry" 5 >"$scratch/first" 2>&1 &
"$scratch/make_entry" 5 >"$scratch/second" 2>&1
wait
run cat "$scratch/first" "$scratch/second"
expect "one of two runs at once waits for the other" 0 "another run is preparing entry, waiting for it"
run grep -c whole "$scratch/first" "$scratch/second"
expect "two runs at once get the complete entry" 0 first:1 second:1
run grep -c started "$scratch/starts"
expect "two runs at once make the entry once" 0 1

run env SIMPLE_CACHE=/proc/none "$scratch/make_entry" 0
expect "an error names a cache that cannot be written to" 1 "cannot write to the cache /proc/none" SIMPLE_CACHE
run bwrap --dev-bind / / --ro-bind "$SIMPLE_CACHE" "$SIMPLE_CACHE" "$scratch/make_entry" 0
expect "an error names a cache that is read-only" 1 "$SIMPLE_CACHE is read-only" "Set SIMPLE_CACHE"
run env SIMPLE_CACHE="$scratch/my cache" "$scratch/make_entry" 0
expect "an error names a cache whose path the kernel's make does not take" 1 "path of the cache: $scratch/my cache" "Set SIMPLE_CACHE"

# To an ordinary user, /usr belongs to somebody else.
user=()
[ "$(id -u)" != 0 ] || user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
chmod 777 "$scratch"
run "${user[@]}" env SIMPLE_CACHE=/usr "$scratch/make_entry" 0
expect "an error names a cache that belongs to another user" 1 "/usr belongs to root, and you are" "Set SIMPLE_CACHE" "sudo chown -R"
"${user[@]}" mkdir "$scratch/theirs"
ln -s /usr "$scratch/theirs/entry"
run "${user[@]}" env SIMPLE_CACHE="$scratch/theirs" "$scratch/make_entry" 0
expect "an error names an entry that belongs to another user" 1 "$scratch/theirs/entry belongs to root, and you are" "sudo chown -R"

# small COMMAND...: runs it with a file system of 8 MiB in place of the cache.
small() {
	# shellcheck disable=SC2016 # it is for the shell there
	run unshare --map-root-user --mount sh -ec 'mount -t tmpfs -o size=8M small "$SIMPLE_CACHE"; exec "$@"' - "$@"
}

small env ENTRY=linux-source-1 "$scratch/make_entry" 0
expect "an entry that needs more room than there is is not begun" 1 "$SIMPLE_CACHE has 8 MiB free, and linux-source-1 takes" \
	"Make room, or set SIMPLE_CACHE"
touch "$scratch/large"
small "$scratch/make_entry" 0
expect "an error says that the disk has become full" 1 "the cache $SIMPLE_CACHE is full"
rm "$scratch/large"

# SIMPLE_CACHE can be somebody's home: add files, and a folder that happens to have a file named like a lock.
mkdir -p "$SIMPLE_CACHE/mine" "$SIMPLE_CACHE/foo" "$SIMPLE_CACHE/guest.backup"
touch "$SIMPLE_CACHE/mine/letter" "$SIMPLE_CACHE/foo.lock" "$SIMPLE_CACHE/notes.o"
# Clean a copy of the checkout, as clean.sh also removes what is built there.
mkdir -p "$scratch/checkout/src"
cp -r "$top/scripts" "$top/Kbuild" "$scratch/checkout"
touch "$scratch/checkout/"{mine.ko,mine.o,simple_mine.ko,simple_mine.o,simple.ko,simple.o,src/simple.o}
run "$scratch/checkout/scripts/make/clean.sh" cache
expect "distclean names the files that it leaves in the folder of the cache" 0 "left, as this project did not make it"
run find "$SIMPLE_CACHE" -mindepth 1 -printf '%P\n'
expect "distclean leaves somebody else's files in the folder of the cache" 0 mine/letter foo.lock notes.o guest.backup
run test -e "$SIMPLE_CACHE/entry" -o -e "$SIMPLE_CACHE/entry.lock"
expect "distclean removes the entries of the cache and their locks" 1
run ls "$scratch/checkout" "$scratch/checkout/src"
expect "distclean leaves somebody else's object files in the checkout" 0 mine.ko mine.o simple_mine.ko simple_mine.o
run ls "$scratch/checkout/"{simple.ko,simple.o,src/simple.o}
expect "distclean removes the module's object files in the checkout" 2 \
	"simple.ko': No such file" "/simple.o': No such file" "src/simple.o': No such file"

done_testing
