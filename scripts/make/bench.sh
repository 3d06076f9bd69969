#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh: measures what mapping memory costs, in instructions of a guest with the stock kernel, and
# writes tables and plots to build/bench. With TIME=1 also in nanoseconds, which needs KVM, and with
# SMP=4 also how first touch scales with threads.
#
# bench.sh counts: prints the instruction counts that tests/scripts/counts.sh looks after.
# bench.sh accept: makes them those to compare with.

# shellcheck source=scripts/lib/base.sh
. "$(dirname "$0")/../lib/base.sh"
# shellcheck source=scripts/lib/kernels.sh
. "$top/scripts/lib/kernels.sh"
# shellcheck source=scripts/lib/programs.sh
. "$top/scripts/lib/programs.sh"

only_own bench

[[ -z ${KDIR:-} && $KERNEL = stock ]] || die "the benchmark is for the stock kernels" \
	"Leave KDIR and KERNEL out. FLAVOUR chooses among them."

in_root=$top/scripts/kernel/in-root.sh
kernel=$("$top/scripts/kernel/stock.sh")
release=$(cat "$kernel/release")
results=$top/build/bench
modules=$results/$release

# guest SUITE: what bench/bench.c prints of it.
guest() {
	GUEST_MODULE=present TRACE=no MEM=2G TIMEOUT=3600 QEMU_ARGS="$target_display,vgamem_mb=256" \
		FILES="$modules/simple_c.ko $modules/bench_uio.ko $kernel/uio.ko" \
		"$top/scripts/guest/boot.sh" run "$tests_out/bench" "$1"
}

# instructions SUITE: the same in instructions.
instructions() {
	ICOUNT=1 SMP='' guest "$1"
}

# counts: a line for each figure, the instructions first.
counts() {
	instructions counts | awk -F'\t' '
		$2 == "read" { printf "%10.1f  %s: first touch of a page\n", $5 / $4, $1 }
		$2 == "mmap" { printf "%10d  %s: mmap of 4 MiB\n", $5, $1 }
		$2 == "munmap" { printf "%10.1f  %s: munmap, a page\n", $5 / $4, $1 }
		$2 == "new" { printf "%10.1f  %s: first write to 16 MiB of new memory, a page\n", $5 / $4, $1 }'
}

# report NAME UNIT HOW FILE...: tables and plots, as build/bench/NAME.md and so on.
report() {
	local name=$results/$1 unit=$2 how=$3 introduction qemu plot
	shift 3
	qemu=$("$in_root" "${target_qemu[0]}" --version | awk 'NR == 1 { print $4 }')
	introduction="Linux $release in QEMU $qemu, $how. Memory is written to before it is mapped anew and \
touched, but where it says that memory is allocated. Transparent huge pages are off but where they are named, \
and so is the trace of the module."
	"$in_root" python3 "$top/bench/report.py" "$name" "$unit" "$introduction" "$@"
	for plot in "$name"-*.gp; do
		"$in_root" gnuplot "$plot" >"${plot%.gp}.svg"
		rm "$plot"
	done
	say "written: ${name#"$top"/}.md, .csv and -*.svg"
}

# compare FILE FILE: the largest difference between the figures that both have, which may be 1 %.
compare() {
	awk -F'\t' '
		NR == FNR { first[$1, $2, $3] = $5; next }
		($1, $2, $3) in first {
			was = first[$1, $2, $3]
			difference = 100 * ($5 > was ? $5 - was : was - $5) / was
			figures++
			if (difference >= largest) {
				largest = difference
				where = sprintf("%s of %s, %d KiB: %d and %d", $2, $1, $3 / 1024, was, $5)
			}
		}
		END {
			printf "Two runs differ in %d core figures by %.2f %% at most (%s)\n", figures, largest, where
			exit !figures || largest > 1
		}' "$1" "$2"
}

# threads FILE: a table of first touch as a ratio to memfd.
threads() {
	awk -F'\t' '
		{ least[$1, $2, $3] = $5; rows[$1, $2] = $2; if ($3 > most) most = $3 }
		END {
			printf "| first touch, as a ratio to memfd |"
			for (threads = 1; threads <= most; threads *= 2)
				printf " %d thread%s |", threads, (threads > 1 ? "s" : "")
			printf "\n|---|"
			for (threads = 1; threads <= most; threads *= 2)
				printf "---:|"
			print ""
			fflush()
			for (row in rows) {
				split(row, name, SUBSEP)
				line = sprintf("| %s, %s |", name[1], name[2])
				for (threads = 1; threads <= most; threads *= 2)
					line = line sprintf(" %.2f |", least[row, threads] / least["memfd", name[2], threads])
				print line | "sort"
			}
		}' "$1"
}

mkdir -p "$modules"
build_tests bench
"$top/scripts/kernel/build-modules.sh" --guest M="$top/bench/modules" MO="$modules" >/dev/null

case ${1:-} in
counts)
	counts
	exit
	;;
accept)
	file=$top/bench/counts.$FLAVOUR
	say "booting the guest to count (20 seconds)"
	figures=$(counts)
	{
		echo "# Instructions that tests/scripts/counts.sh compares with, written by: make bench-accept"
		echo "# Linux $release"
		grep -v ' C, ' <<<"$figures"
	} >"$file"
	say "written: ${file#"$top"/}"
	exit
	;;
esac

if [ -n "${TIME:-}" ] && [ "$("$top/scripts/guest/accel.sh")" != kvm ]; then
	die "TIME=1 measures time, and no KVM works here: emulation has no time of its own" \
		"Leave TIME out to count instructions, or run it on a machine with KVM."
fi

say "measuring in two guests at once: up to 64 MiB in the one, 256 MiB and the core figures again in the \
other (about 10 minutes)"
# Each has a process group, which ends with this script.
set -m
instructions all >"$results/all.tsv" &
first=$!
{
	instructions large >"$results/large.tsv"
	instructions core >"$results/core.tsv"
} &
second=$!
set +m
trap 'kill -- "-$first" "-$second" 2>/dev/null || true' EXIT
wait "$first" || die "a guest failed, see above"
wait "$second" || die "a guest failed, see above"
report bench instructions \
	"with -icount, which counts an instruction that copies or fills once for each byte" "$results"/{all,large}.tsv
compare "$results"/{all,core}.tsv | tee -a "$results/bench.md" ||
	die "two runs have to agree to 1 %, and these do not"

if [ -n "${TIME:-}" ]; then
	say "measuring time (a few minutes)"
	ICOUNT='' SMP=1 guest all >"$results/time.tsv"
	processor=$(sed -n 's/^model name\t*: //p' /proc/cpuinfo | head -n 1)
	report time nanoseconds "with KVM on ${processor:-an unnamed processor}" "$results/time.tsv"
fi

if [ "${SMP:-1}" -gt 1 ]; then
	say "measuring with threads (a minute)"
	ICOUNT='' guest threads >"$results/threads.tsv"
	threads "$results/threads.tsv" | tee "$results/threads.md"
fi
