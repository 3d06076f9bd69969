#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make run PROG=... and make shell: what reaches the program, what comes back, and what is refused.

# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"

# program NAME: makes a script of what comes in.
program() {
	{ echo '#!/bin/sh'; cat; } >"$scratch/$1"
}

guest() {
	run env KDIR= "$@" make -C "$top" run
}

program asks <<'END'
echo "arguments: $#, first: $1, second: $2"
echo "file: $(cat data.txt)"
echo "processors: $(nproc)"
[ "$(awk '/MemTotal/ { print $2 }' /proc/meminfo)" -lt 524288 ] && echo "memory: less than 512M"
echo "to stderr" >&2
./mapper 3
END
echo "from the host" >"$scratch/data.txt"
cat >"$scratch/mapper" <<'END'
#!/bin/sh
ls /dev/simpler /dev/simplen && exit "$1"
END
chmod +x "$scratch/mapper"
guest PROG="$scratch/asks" ARGS="'two words' second" FILES="$scratch/data.txt $scratch/mapper" \
	MEM=512M SMP=1 MODPARAMS="pages=16 trace=2"
expect "the program gets what it is given, and its status counts" 2 \
	"arguments: 2, first: two words, second: second" "file: from the host" "processors: 1" \
	"memory: less than 512M" "to stderr" /dev/simplen "asks ended with status 3"

program crash <<<'echo c >/proc/sysrq-trigger'
guest PROG="$scratch/crash"
expect "a kernel that panics is reported" 2 "Kernel panic" "the guest's kernel reported trouble"

program nothing <<<'true'
guest PROG="$scratch/nothing" KERNEL_ARGS="rdinit=/nothing"
expect "a kernel that does not come up is booted again, and reported" 2 "booting it again" "Kernel panic"

program hang <<<'sleep 1000'
guest PROG="$scratch/hang" TIMEOUT=3
expect "a guest that hangs is ended" 2 "printed nothing for 3 seconds"

# The guest is known by an argument that its kernel has and no other's.
program wait <<<'echo started; sleep 1000'
make -C "$top" run PROG="$scratch/wait" KERNEL_ARGS="marker=$$" >"$scratch/run" 2>&1 &
for _ in {1..600}; do
	! grep -q started "$scratch/run" || break
	sleep 0.2
done
run grep -c started "$scratch/run"
expect "a program runs" 0
kill -TERM "$!"
wait "$!" 2>/dev/null
for _ in {1..50}; do
	pgrep -f "[m]arker=$$" >/dev/null || break
	sleep 0.2
done
run pgrep -f "[m]arker=$$"
expect "and when make is terminated the guest ends" 1

guest PROG="$scratch/nothing" MODPARAMS="pages=0"
expect "parameters that the module refuses are reported" 2 "parameter pages is 0" "the module was not loaded"

guest PROG="$scratch/nothing" MODPARAMS="pages=4 page=16"
expect "a parameter that the module does not have is refused" 2 "simple has no parameter page" \
	"It has: pages order huge trace physical"

guest PROG="$scratch/absent"
expect "no such program" 2 "PROG=$scratch/absent: there is no such file"

printf '#!/bin/bash\n' >"$scratch/bash-script"
guest PROG="$scratch/bash-script"
expect "a script for another shell" 2 "#!/bin/bash" "start the script with #!/bin/sh"

echo text >"$scratch/text"
guest PROG="$scratch/text"
expect "no program at all" 2 "neither an executable nor a #!/bin/sh script"

# As if it were of the other architecture: the machine stands at offset 18, in two bytes.
own=$scratch/own other=$scratch/other
cp "$(type -P bash)" "$own"
cp "$own" "$other"
case ${ARCH:-}/${FLAVOUR:-} in
arm64/* | */arm64*) printf '\267\0' | dd of="$own" bs=1 seek=18 conv=notrunc status=none ;;
*) printf '\267\0' | dd of="$other" bs=1 seek=18 conv=notrunc status=none ;;
esac
guest PROG="$own"
expect "a program with shared libraries" 2 "needs shared libraries" "Link it statically"
guest PROG="$other"
expect "a program for another architecture" 2 "is for another machine than the guest" "with ARCH"

guest PROG="$scratch/nothing" FILES="$scratch/missing"
expect "a file that is not there" 2 "FILES: there is no $scratch/missing"

run env KDIR= make -C "$top" shell <<<"echo a shell with \$(ls /dev/simple? | wc -l) devices"
expect "a shell takes commands from a pipe, and ends with them" 0 "a shell with 2 devices"

run env KDIR= make -C "$top" shell <<<"exit 3"
expect "and with the status of the last one" 2 "the shell ended with status 3"

guest PROG="$scratch/nothing" MEM=lots
expect "memory is a size" 2 "MEM=lots is no size of memory"
guest PROG="$scratch/nothing" MEM=64M
expect "that is enough" 2 "MEM=64M is too little"
guest PROG="$scratch/nothing" SMP=zero
expect "processors are a number" 2 "SMP=zero is no number"
guest PROG="$scratch/nothing" TIMEOUT=abc
expect "so are seconds" 2 "TIMEOUT=abc is no number"
guest PROG="$scratch/nothing" ARGS="it's"
expect "a quote has to be closed" 2 "ARGS=it's: these are no words" "not closed"

mkdir "$scratch/two words"
program "two words/a program" <<<'cat "some data"'
echo "with spaces" >"$scratch/two words/some data"
guest PROG="$scratch/two words/a program" FILES="'$scratch/two words/some data'" MEM=256M MODPARAMS=pages=16
expect "paths can have spaces" 0 "with spaces"

guest MODPARAMS=pages=2
expect "the demonstration says what it needs" 2 "the demonstration takes pages=8 or more"

guest PROG="$scratch/nothing" ICOUNT=1 SMP=2
expect "instructions are counted on one CPU" 2 "Leave SMP out"

done_testing
