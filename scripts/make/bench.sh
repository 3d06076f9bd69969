#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh: measures how many instructions it takes to map memory in a guest with the stock kernel, and
# writes tables and plots to build/bench. With TIME=1 it measures nanoseconds, too, which needs KVM, and with
# SMP=4 how the first touch of pages scales with threads.
#
# bench.sh counts: prints the instruction counts that tests/scripts/counts.sh checks.
# bench.sh accept: writes these counts to bench/counts.FLAVOUR, with which tests/scripts/counts.sh compares later ones.

. "$(dirname "$0")/../lib/base.sh"
. "$top/scripts/lib/programs.sh"

only_own bench

[[ -z ${KDIR:-} && $KERNEL = stock ]] || die "the benchmark is for the stock kernels" \
	"Leave KDIR and KERNEL out. FLAVOUR chooses a stock kernel."

kernel=$("$top/scripts/kernel/stock.sh")
release=$(cat "$kernel/release")
results=$top/build/bench
modules=$results/$release

# guest SUITE: runs that suite of bench/bench.c in a guest, and prints its figures.
guest() {
	GUEST_MODULE=present TRACE=no MEM=${MEM:-2G} TIMEOUT=${TIMEOUT:-3600} QEMU_ARGS="$target_display,vgamem_mb=256" \
		FILES=$(quote "$modules"/{simple_c,bench_uio}.ko "$kernel/uio.ko") \
		"$top/scripts/guest/boot.sh" run "$tests_out/bench" "$1"
}

# instructions SUITE: does the same in a guest whose clock counts instructions.
instructions() {
	ICOUNT=1 SMP='' guest "$1"
}

# counts: prints a line for each figure: the number of instructions, and what they do.
counts() {
	instructions counts | awk -F'\t' '
		$2 == "read" { printf "%10.1f  %s: first touch of a page\n", $5 / $4, $1 }
		$2 == "mmap" { printf "%10d  %s: mmap of 4 MiB\n", $5, $1 }
		$2 == "munmap" { printf "%10.1f  %s: munmap, a page\n", $5 / $4, $1 }
		$2 == "new" { printf "%10.1f  %s: first write to 16 MiB of new memory, a page\n", $5 / $4, $1 }'
}

# report NAME UNIT HOW FILE...: writes tables and plots of the figures in the files to build/bench/NAME.md and so on. HOW
# tells the reader how they were measured.
report() {
	local name=$results/$1 unit=$2 how=$3 introduction qemu plot
	shift 3
	qemu=$("$in_root" "${target_qemu[0]}" --version | awk 'NR == 1 { print $4 }')
	introduction="Linux $release in QEMU $qemu, $how. Memory is written to before it is mapped anew and \
touched, except where a row says that memory is allocated. Transparent huge pages are off except where a row names \
them. The trace of the module is off."
	"$in_root" python3 "$top/bench/report.py" "$name" "$unit" "$introduction" "$@"
	for plot in "$name"-*.gp; do
		"$in_root" gnuplot "$plot" >"${plot%.gp}.svg"
		rm "$plot"
	done
	say "written: ${name#"$top"/}.md, .csv and -*.svg"
}

# compare FILE FILE: prints the largest difference between figures that both files have. Fails if it is more than 1 %.
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

# threads FILE: prints a table with the cost of the first touch as a ratio to that of memfd.
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
	die "TIME=1 needs KVM, which does not work here: the time that an emulated guest takes means nothing" \
		"Leave TIME out to count instructions, or run it on a machine with KVM."
fi

say "measuring in two guests at once: up to 64 MiB in the first, 256 MiB and once more the core figures in the \
second (about 10 minutes)"
# Each guest has a process group, which is killed when this script ends.
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
	die "the core figures of the two runs differ by more than 1 %"

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
