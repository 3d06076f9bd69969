#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests docs/your-driver.md: runs its commands in order, and puts its pieces of code where it says. Every command must
# succeed.

. "$(dirname "$0")/../lib/tap.sh"
wants_new
. "$top/scripts/lib/base.sh"
unset KDIR
. "$top/scripts/lib/kernels.sh"

# The document does not depend on the kernel.
if [ "$SERIES $FLAVOUR" != "${target_series[0]} amd64" ]; then
	echo "1..0 # SKIP the document is tested with the default kernel only"
	exit
fi

doc=$top/docs/your-driver.md
ln -s "$top" "$scratch/simple"
cd "$scratch" || exit

# Cut the document's blocks of code into the files pieces/NUMBER.LANGUAGE, in order. The last file that the text before
# a block names in `...` is in pieces/NUMBER.LANGUAGE.name.
mkdir pieces
awk '
	/^```$/ && piece { close(piece); piece = ""; next }
	piece { print >piece; next }
	/^```./ { piece = sprintf("pieces/%02d.%s", ++number, substr($0, 4)); print name >(piece ".name"); next }
	/`tests\/[a-z.]*`:$/ { name = $0; sub(/^.*`tests/, "tests", name); sub(/`:$/, "", name) }
' "$doc"

# put_piece FILE: puts the items of a piece of Rust into the driver, each in the place of the one that begins
# with the same words, or at the end.
put_piece() {
	local before after
	before=$(cat "$folder/driver.rs") after=$(cat "$1")
	# The Python is that of the build root, which does not see this folder: it gets the texts as arguments.
	after=$(cd "$top" && scripts/kernel/in-root.sh python3 -c '
import re, sys
HEAD = r"(?:#\[vtable\]\n)?(impl\b[^{]*|(?:struct|const|static|fn) \w+|use [^;]*)"
def items(text):
    """The items of a file, each with the comment before it, and what it begins with."""
    for item in re.split(r"\n\n(?=\S)", text.strip()):
        code = re.sub(r"^(//.*\n)+", "", item)
        head = re.match(HEAD, code)
        yield (head[1].strip() if head else None), item
driver = list(items(sys.argv[1]))
for head, item in items(sys.argv[2]):
    places = [i for i, (other, _) in enumerate(driver) if head and other == head]
    if places:
        driver[places[0]] = head, item
    else:
        driver.append((head, item))
print("\n\n".join(item for _, item in driver))
' "$before" "$after") || return
	printf '%s\n' "$after" >"$folder/driver.rs"
}

folder=
for piece in pieces/??.*; do
	case $piece in
	*.name) ;;
	*.console)
		while read -r _ command; do
			[[ ! $command =~ DRIVER=\$PWD/([a-z_]*) ]] || folder=${BASH_REMATCH[1]}
			run timeout 900 bash -c "$command"
			expect "$command" 0
		done <"$piece"
		;;
	*.rust)
		run put_piece "$piece"
		expect "${piece##*/} is put into $folder/driver.rs" 0
		;;
	*)
		cp "$piece" "$folder/$(cat "$piece.name")"
		;;
	esac
done

# Check the drivers that the document ends with.
run grep -c "^impl MiscDevice for\|^    fn ioctl\|^    fn read_iter" counter/driver.rs edu_device/driver.rs
expect "the drivers that the document describes are there" 0 "counter/driver.rs:2" "edu_device/driver.rs:2"
run make -C counter lint
expect "the linters find nothing in the driver counter" 0 ", 0 failed"

done_testing
