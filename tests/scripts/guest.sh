#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests make run PROG=... and make shell: what a program gets, what comes back from it, and which settings are refused.

. "$(dirname "$0")/../lib/tap.sh"

# program NAME: makes a script from stdin.
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
guest PROG="$scratch/asks" ARGS="'two words' \${x?}" FILES="$scratch/data.txt $scratch/mapper" \
	MEM=512M SMP=1 MODPARAMS="pages=16 trace=2"
expect "a program gets its arguments, files and settings, and its status is reported" 2 \
	"arguments: 2, first: two words, second: \${x?}" "file: from the host" "processors: 1" \
	"memory: less than 512M" "to stderr" /dev/simplen "asks ended with status 3"

program crash <<<'echo c >/proc/sysrq-trigger'
guest PROG="$scratch/crash"
expect "a kernel that panics is reported" 2 "Kernel panic" "the guest's kernel reported trouble"

program nothing <<<'true'
guest PROG="$scratch/nothing" KERNEL_ARGS="rdinit=/nothing"
expect "a kernel that does not boot is booted again, and reported" 2 "booting it again" "Kernel panic"

program hang <<<'sleep 1000'
guest PROG="$scratch/hang" TIMEOUT=3
expect "a guest that hangs is ended" 2 "printed nothing for 3 seconds"

program slow <<<'for _ in 1 2 3 4 5 6 7 8; do sleep 5; echo still here; done'
guest PROG="$scratch/slow" TIMEOUT=30
expect "a program that prints again and again can take longer than TIMEOUT" 0 "still here"

# ends TARGET [VARIABLE=VALUE...]: the guest that make TARGET has booted ends when make is terminated. The argument
# marker=PID of the guest's kernel tells its QEMU from those of other guests.
ends() {
	KERNEL_ARGS="marker=$$" make -C "$top" "$@" >"$scratch/run" 2>&1 &
	for _ in {1..600}; do
		! pgrep -f "[m]arker=$$" >/dev/null || break
		sleep 0.2
	done
	run pgrep -f "[m]arker=$$"
	expect "make $1 has started a guest" 0
	kill -TERM "$!"
	wait "$!" 2>/dev/null
	for _ in {1..300}; do
		pgrep -f "[m]arker=$$" >/dev/null || break
		sleep 0.2
	done
	run pgrep -f "[m]arker=$$"
	expect "the guest ends when make $1 is terminated" 1
}

program wait <<<'echo started; sleep 1000'
ends run PROG="$scratch/wait"
ends test TEST=lifetime

guest PROG="$scratch/nothing" MODPARAMS="pages=0"
expect "parameters that the module refuses are reported" 2 "parameter pages is 0" "the module was not loaded"

guest PROG="$scratch/nothing" MODPARAMS="pages=4 page=16"
expect "a parameter that the module does not have is refused" 2 "simple has no parameter page" \
	"It has: pages order huge trace physical"

guest PROG="$scratch/absent"
expect "a PROG that does not exist is refused" 2 "PROG=$scratch/absent: there is no such file"

printf '#!/bin/bash\n' >"$scratch/bash-script"
guest PROG="$scratch/bash-script"
expect "a script for another shell is refused" 2 "#!/bin/bash" "start the script with #!/bin/sh"

program windows <<<$'echo hello\r'
sed -i '1s/$/\r/' "$scratch/windows"
guest PROG="$scratch/windows"
expect "a script with the line ends of Windows is refused" 2 "the lines of $scratch/windows end with CR LF" "sed -i 's/\\r\$//' '$scratch/windows'"

echo text >"$scratch/text"
guest PROG="$scratch/text"
expect "a PROG that is no program is refused" 2 "neither an executable nor a #!/bin/sh script"

# Make one of two copies a program of the other architecture: ELF's e_machine is in two bytes at offset 18.
own=$scratch/own other=$scratch/other
cp "$(type -P bash)" "$own"
cp "$own" "$other"
case ${ARCH:-}/${FLAVOUR:-} in
arm64/* | */arm64*) printf '\267\0' | dd of="$own" bs=1 seek=18 conv=notrunc status=none ;;
*) printf '\267\0' | dd of="$other" bs=1 seek=18 conv=notrunc status=none ;;
esac
guest PROG="$own"
expect "a program with shared libraries is refused" 2 "needs shared libraries" "Link it statically"
guest PROG="$other"
expect "a program for another architecture is refused" 2 "is for another machine than the guest" "with ARCH"

guest PROG="$scratch/nothing" FILES="$scratch/missing"
expect "a file in FILES that does not exist is refused" 2 "FILES: there is no $scratch/missing"

run env KDIR= make -C "$top" shell <<<"echo a shell with \$(ls /dev/simple? | wc -l) devices"
expect "a shell takes commands from a pipe, and ends with them" 0 "a shell with 2 devices"

run env KDIR= make -C "$top" shell <<<"exit 3"
expect "a shell ends with the status of the last command" 2 "the shell ended with status 3"

guest PROG="$scratch/nothing" MEM=lots
expect "a MEM that is no size is refused" 2 "MEM=lots is no size of memory"
guest PROG="$scratch/nothing" MEM=64M
expect "a MEM that is too small is refused" 2 "MEM=64M is too little"
guest PROG="$scratch/nothing" SMP=zero
expect "an SMP that is no number is refused" 2 "SMP=zero is no number"
guest PROG="$scratch/nothing" SMP=999
expect "an SMP that QEMU refuses is reported, and no boot is tried again" 2 "QEMU ended with status 1" "what MEM, SMP"
guest PROG="$scratch/nothing" TIMEOUT=abc
expect "a TIMEOUT that is no number is refused" 2 "TIMEOUT=abc is no number"
guest PROG="$scratch/nothing" ARGS="it's"
expect "ARGS with a quote that is not closed are refused" 2 "ARGS=it's: these are no words" "not closed"

mkdir "$scratch/two words"
program "two words/a program" <<<'cat "some data"'
echo "with spaces" >"$scratch/two words/some data"
guest PROG="$scratch/two words/a program" FILES="'$scratch/two words/some data'" MEM=256M MODPARAMS=pages=16
expect "the paths of PROG and FILES can have spaces" 0 "with spaces"

odd="$scratch/two words, it's 100% & \$more"
mkdir "$odd"
tar -C "$top" --exclude=./build --exclude=./.git -c . | tar -C "$odd" -x
program hello <<<'ls /dev/simplen'
run env KDIR= PROG="$scratch/hello" MODPARAMS=pages=16 make -C "$odd" run
expect "make run works in a checkout whose path has spaces, quotes and other signs" 0 /dev/simplen
run make -f "$odd/Makefile" help
expect "make -f with a path that has a space is refused" 2 "call it with -C"

guest MODPARAMS="physical=1"
expect "the demonstration refuses physical=1, and says what it needs" 2 "and physical=0"
guest MODPARAMS=pages=2
expect "the demonstration refuses pages=2, and says what it needs" 2 "the demonstration takes pages=8 or more"

guest PROG="$scratch/nothing" ICOUNT=1 SMP=2
expect "ICOUNT=1 with SMP=2 is refused" 2 "Leave SMP out"

done_testing
