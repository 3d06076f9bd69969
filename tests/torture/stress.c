// SPDX-License-Identifier: GPL-2.0
/*
 * stress SECONDS SEED [PATH]: many processes use both devices in every way at random,
 * are killed, and the module is unloaded and loaded between and below them.
 *
 * With PATH they use that device, of which only one way to map it is found out. It
 * is there already, and stays. What it holds and what it refuses is not judged:
 * only that it can be opened at the end, that a killed process ends, and that no
 * process gets a signal for anything except touching a mapping.
 *
 * In rounds: the module is loaded with random parameters, workers run for some
 * seconds, some of them are killed and started again, all are asked to let go
 * now and then, so that the module can be unloaded meanwhile, and in the end
 * they are killed, what they wrote is compared, and the module must unload.
 *
 * The seed decides what each worker does. How they interleave is not repeatable.
 */

#include "torture.h"

#include <limits.h>
#include <sys/prctl.h>

int devices = DEVICES;
const char *paths[DEVICES] = { "/dev/simpler", "/dev/simplen" };

const char *const op_names[OPS] = {
	[OP_OPEN] = "open",
	[OP_LET_GO] = "close all",
	[OP_MMAP] = "mmap",
	[OP_MMAP_FREE] = "mmap anywhere",
	[OP_MMAP_WHOLE] = "mmap the region",
	[OP_READ_PAGE] = "read a page",
	[OP_WRITE_PAGE] = "write a page",
	[OP_COMMON] = "touch together",
	[OP_MUNMAP] = "munmap",
	[OP_MREMAP_SHRINK] = "mremap: shrink",
	[OP_MREMAP_MOVE] = "mremap: move",
	[OP_MREMAP_GROW] = "mremap: grow",
	[OP_MREMAP_COPY] = "mremap: of 0 bytes",
	[OP_MREMAP_KEEP] = "mremap: dontunmap",
	[OP_MPROTECT] = "mprotect",
	[OP_MADVISE] = "madvise",
	[OP_MLOCK] = "mlock, mlock2",
	[OP_MUNLOCK] = "munlock",
	[OP_MLOCKALL] = "mlockall",
	[OP_MSYNC] = "msync",
	[OP_MINCORE] = "mincore",
	[OP_MBIND] = "mbind",
	[OP_MOVE_PAGES] = "move_pages",
	[OP_USERFAULTFD] = "userfaultfd",
	[OP_READ] = "read",
	[OP_WRITE] = "write",
	[OP_SEEK] = "lseek",
	[OP_MEM_READ] = "read /proc/self/mem",
	[OP_MEM_WRITE] = "write /proc/self/mem",
	[OP_VM_READV] = "process_vm_readv",
	[OP_VM_WRITEV] = "process_vm_writev",
	[OP_VMSPLICE] = "vmsplice",
	[OP_SPLICE] = "splice",
	[OP_SENDFILE] = "sendfile",
	[OP_URING] = "io_uring buffers",
	[OP_URING_READ] = "io_uring read",
	[OP_URING_WRITE] = "io_uring write",
	[OP_FORK] = "fork",
	[OP_REAP] = "wait, kill",
	[OP_EXEC] = "exec",
	[OP_EXIT] = "exit",
	[OP_PROC] = "read /proc/<pid>",
	[OP_DEBUGFS] = "read debugfs",
	[OP_LOAD] = "load",
	[OP_UNLOAD] = "unload",
	[OP_KILL] = "kill a worker",
	[OP_VERIFY] = "compare a region",
};

/*
 * The parameters of a load, besides pages. In one of `often` loads a parameter has a
 * random one of its values, and in the others the first one.
 */
static const struct { const char *name; int values[5], count, often; } parameters[] = {
	{ "trace", { 0, 1, 2 }, 3, 8 },
	{ "order", { 4, 0, 1, 2, 9 }, 5, 2 },
	{ "huge", { 0, 1 }, 2, 1 },
};

static const __u32 region_sizes[] = {
	1, 2, 3, 16, 64, 100, 511, 512, 1023, 1024, 1025, 1536, 2047, 2048, 2049, MAX_PAGES,
};

struct shared *shared;
size_t page_size;
char *arenas[THREADS], *commons[DEVICES];

static pid_t main_process;
static __u64 random_state;
static __u32 incarnations;
static struct totals totals[DEVICES];
static unsigned long unloads, rounds;

__u64 mix(__u64 value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

__u64 next_random(__u64 *state)
{
	*state += 0x9e3779b97f4a7c15;
	return mix(*state);
}

static __u32 any_below(__u32 limit)
{
	return (next_random(&random_state) >> 32) % limit;
}

void count(enum op_kind op, bool ok)
{
	__atomic_fetch_add(ok ? &shared->ok[op] : &shared->refused[op], 1, __ATOMIC_RELAXED);
}

static void sleep_ms(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* Shows the kernel stacks of all processes, when one of them hangs. */
static void show_stacks(void)
{
	if (system("head -n 30 /proc/[0-9]*/task/*/stack; echo w >/proc/sysrq-trigger") ||
	    system("dmesg | tail -n 99"))
		printf("no stacks can be shown\n");
}

/* Kills a process and all its descendants, and waits until they are gone. */
static void end_group(pid_t group)
{
	const time_t limit = now() + HANG;

	if (kill(-group, SIGKILL) && errno != ESRCH)
		fail("kill: %m");
	while (waitpid(-group, NULL, WNOHANG) >= 0) {
		sleep_ms(5);
		if (now() > limit) {
			show_stacks();
			fail("a killed process does not end within %d seconds", HANG);
		}
	}
}

/* Ends the run with the failure that was noted. */
static void report_failure(void)
{
	/* The process that failed can still be writing the failure. */
	for (int i = 0; i < 500 && !__atomic_load_n(&shared->failure[0], __ATOMIC_ACQUIRE); i++)
		sleep_ms(10);
	for (int i = 0; i < WORKERS; i++)
		if (shared->workers[i])
			end_group(shared->workers[i]);
	if (shared->unknown)
		printf("torture: FAILED in round %lu: %s; SEED=%llu\n", rounds,
		       shared->failure, shared->seed);
	else
		printf("torture: FAILED in round %lu, load %u with %u pages: %s; SEED=%llu\n",
		       rounds, shared->load, shared->pages, shared->failure, shared->seed);
	printf("not ok - stress\n");
	exit(1);
}

void fail(const char *format, ...)
{
	char text[sizeof(shared->failure)];
	bool failed_before;
	va_list args;

	failed_before = __atomic_exchange_n(&shared->failed, true, __ATOMIC_SEQ_CST);
	if (!failed_before) {
		va_start(args, format);
		vsnprintf(text, sizeof(text), format, args);
		va_end(args);
		memcpy(shared->failure + 1, text + 1, sizeof(text) - 1);
		__atomic_store_n(&shared->failure[0], text[0], __ATOMIC_RELEASE);
	}
	if (getpid() == main_process)
		report_failure();
	if (failed_before)
		pause();
	_exit(1);
}

/* Starts a process in a group of its own, which its children join. */
static pid_t start(void (*run)(__u64 argument), __u64 argument)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(argument);
		_exit(1);
	}
	if (pid < 0)
		fail("fork: %m");
	setpgid(pid, pid);
	return pid;
}

static void run_worker(__u64 argument)
{
	worker(argument >> 32, argument);
}

static void start_worker(int number)
{
	__u64 argument = ((__u64)number << 32) + ++incarnations;

	__atomic_store_n(&shared->workers[number], start(run_worker, argument), __ATOMIC_RELAXED);
}

static void load(void)
{
	char text[128];
	int len, fd = open("/simple.ko", O_RDONLY | O_CLOEXEC);

	shared->pages = region_sizes[any_below(ARRAY_SIZE(region_sizes))];
	memset(shared->cells, 0, sizeof(shared->cells));
	len = sprintf(text, "pages=%u", shared->pages);
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		int value = any_below(parameters[i].often) ? 0 : any_below(parameters[i].count);

		value = parameters[i].values[value];
		len += sprintf(text + len, " %s=%d", parameters[i].name, value);
		if (!strcmp(parameters[i].name, "huge"))
			shared->huge = value;
	}
	__atomic_add_fetch(&shared->load, 1, __ATOMIC_SEQ_CST);
	if (syscall(SYS_finit_module, fd, text, 0))
		fail("loading the module with \"%s\": %m", text);
	close(fd);
	count(OP_LOAD, true);
}

/*
 * Whether pages are still pinned. The kernel ends an io_uring, and gives up its
 * pages, some time after its process is gone.
 */
static bool pages_are_pinned(void)
{
	unsigned long long value, acquired = 0, released = 0;
	int fd = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);
	FILE *vmstat = fopen("/proc/vmstat", "r");
	char line[256];

	/* Makes the kernel add up the counts of all CPUs. */
	if (fd < 0 || read(fd, line, sizeof(line)) < 0 || !vmstat)
		fail("/proc/sys/vm/stat_refresh or /proc/vmstat: %m");
	close(fd);
	while (fgets(line, sizeof(line), vmstat)) {
		if (sscanf(line, "nr_foll_pin_acquired %llu", &value) == 1)
			acquired = value;
		if (sscanf(line, "nr_foll_pin_released %llu", &value) == 1)
			released = value;
	}
	fclose(vmstat);
	return acquired != released;
}

/* Makes the kernel drop caches, and references that it drops in batches. */
static void shrink_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "3", 1) != 1)
		fail("/proc/sys/vm/drop_caches: %m");
	close(fd);
}

/* Checks that the module cannot be unloaded while a device is open. */
static void unload_in_use(void)
{
	int fd = open(paths[SIMPLEN], O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail("%s: %m", paths[SIMPLEN]);
	if (!syscall(SYS_delete_module, "simple", O_NONBLOCK) || errno != EWOULDBLOCK)
		fail("an unload with a device open was not refused with EWOULDBLOCK");
	count(OP_UNLOAD, false);
	close(fd);
}

/*
 * Whether it is time to try to unload the module. The kernel holds some pages that
 * were locked for longer; it releases them below when nothing is mapped any more.
 */
static bool is_time_to_unload(bool let_go)
{
	/* While VMAs exist, the unload is refused: try that, unless they are to be unmapped. */
	if (counter(SIMPLER, "vmas") || counter(SIMPLEN, "vmas")) {
		if (!let_go)
			unload_in_use();
		return false;
	}
	if (pages_are_pinned())
		return false;
	shrink_caches();
	return true;
}

/* Tries to unload the module, without waiting until it is unused. */
static bool unload(void)
{
	int found = syscall(SYS_delete_module, "simple", O_NONBLOCK) ? errno : 0;

	if (found && found != EWOULDBLOCK)
		fail("unloading the module: %s", strerror(found));
	count(OP_UNLOAD, !found);
	if (found)
		return false;
	unloads++;
	kmsg_read(totals);
	for (int i = 0; i < DEVICES; i++)
		if (totals[i].lines != unloads)
			fail("the kernel log has %llu lines of %s after %lu unloads",
			     totals[i].lines, paths[i], unloads);
	return true;
}

/* Checks that a second load of the module is refused. */
static void load_again(void)
{
	int found, fd = open("/simple.ko", O_RDONLY | O_CLOEXEC);

	found = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
	if (found != EEXIST)
		fail("a second load: errno %d", found);
	count(OP_LOAD, false);
	close(fd);
}

/*
 * Compares all pages, read and mapped, with each other and with what was
 * written last. Nobody else may have the devices open.
 */
static void verify(void)
{
	size_t size = shared->pages * page_size;
	/* malloc() would keep freed memory, which the check for lost memory would miss. */
	char *buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buffer == MAP_FAILED)
		fail("memory for a region: %m");
	for (int device = 0; device < DEVICES; device++) {
		int fd = open(paths[device], O_RDONLY | O_CLOEXEC);
		long allocated = counter(device, "pages");
		struct seen seen;
		char *map;

		if (fd < 0 || pread(fd, buffer, size, 0) != (ssize_t)size)
			fail("%s cannot be opened or read: %m", paths[device]);
		for (__u32 page = 0; page < shared->pages; page++) {
			before(&seen, device, page);
			check_page("after read", device, page, buffer + page * page_size, &seen);
		}
		if (counter(device, "pages") != allocated)
			fail("%s: reading all of it allocated pages", paths[device]);

		map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED)
			fail("%s cannot be mapped: %m", paths[device]);
		for (__u32 page = 0; page < shared->pages; page++)
			if (memcmp(buffer + page * page_size, map + page * page_size, page_size))
				fail("%s page %u: read and mapping differ", paths[device], page);
		munmap(map, size);
		close(fd);
		if (counter(device, "vmas") ||
		    counter(device, "opens") != counter(device, "closes") ||
		    counter(device, "pages") != shared->pages)
			fail("%s: %ld VMAs, %ld opens, %ld closes, %ld pages of %u allocated",
			     paths[device], counter(device, "vmas"), counter(device, "opens"),
			     counter(device, "closes"), counter(device, "pages"), shared->pages);
		count(OP_VERIFY, true);
	}
	munmap(buffer, size);
}

/* Replaces a worker that ended, by itself or by a kill. */
static void replace_worker(int number)
{
	end_group(shared->workers[number]);
	start_worker(number);
}

/* Checks that all workers run, and that none hangs. */
static void check_workers(time_t moved[WORKERS][THREADS], __u64 beats[WORKERS][THREADS])
{
	for (int i = 0; i < WORKERS; i++) {
		int status;

		if (waitpid(shared->workers[i], &status, WNOHANG) == shared->workers[i]) {
			if (status && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
				fail("worker %d ended with status %#x", i, status);
			replace_worker(i);
		}
		for (int j = 0; j < THREADS; j++) {
			__u64 beat = __atomic_load_n(&shared->beats[i][j], __ATOMIC_RELAXED);

			if (beat != beats[i][j]) {
				beats[i][j] = beat;
				moved[i][j] = now();
			}
			if (shared->unknown && now() - moved[i][j] > STUCK) {
				/*
				 * A call on this device may wait for an event that never comes, but
				 * the worker must end when it is killed.
				 */
				shared->stuck++;
				replace_worker(i);
				for (int k = 0; k < THREADS; k++)
					moved[i][k] = now();
			}
			if (now() - moved[i][j] > HANG) {
				show_stacks();
				fail("worker %d, thread %d has not moved on for %d seconds", i, j,
				     HANG);
			}
		}
	}
}

/* Lets the workers run for some seconds. */
static void round_of_workers(long ms)
{
	pid_t watcher;
	time_t moved[WORKERS][THREADS];
	__u64 beats[WORKERS][THREADS] = {};
	int let_go = 0;

	for (int i = 0; i < WORKERS; i++) {
		for (int j = 0; j < THREADS; j++)
			moved[i][j] = now();
		start_worker(i);
	}
	watcher = start(watch, next_random(&random_state));

	for (; ms > 0; ms -= 20) {
		sleep_ms(20);
		if (!shared->unknown)
			kmsg_read(totals);
		if (__atomic_load_n(&shared->failed, __ATOMIC_SEQ_CST))
			report_failure();
		check_workers(moved, beats);
		if (!any_below(40)) {
			replace_worker(any_below(WORKERS));
			count(OP_KILL, true);
		}
		if (!any_below(40) && !shared->unknown)
			load_again();

		/* For some ticks all workers are asked to close everything. */
		if (!let_go && !any_below(30))
			let_go = 20;
		else if (let_go)
			let_go--;
		__atomic_store_n(&shared->let_go, let_go > 0, __ATOMIC_SEQ_CST);
		if (!shared->unknown && is_time_to_unload(let_go) && unload()) {
			/* In half of these loads verify() reads the memory before any worker. */
			shared->shut = any_below(2);
			load();
			if (shared->shut)
				verify();
			__atomic_store_n(&shared->shut, false, __ATOMIC_SEQ_CST);
			let_go = 0;
		}
	}
	__atomic_store_n(&shared->let_go, false, __ATOMIC_SEQ_CST);

	for (int i = 0; i < WORKERS; i++)
		end_group(shared->workers[i]);
	end_group(watcher);
	if (shared->failed)
		report_failure();
}

/* Waits until no page is pinned: the kernel's threads give up some pins later. */
static void wait_for_pinned_pages(void)
{
	time_t limit = now() + HANG;

	for (shrink_caches(); pages_are_pinned(); sleep_ms(10))
		if (now() > limit)
			fail("pages are still pinned, with nobody left to use them");
}

/* A round: loads the module, lets the workers run, and unloads it. */
static void round_of_load(long ms)
{
	time_t limit;

	rounds++;
	load();
	if (any_below(2))
		verify();
	round_of_workers(ms);
	verify();
	wait_for_pinned_pages();
	limit = now() + HANG;
	for (; !unload(); sleep_ms(10))
		if (now() > limit)
			fail("the module is still in use, with nobody left to use it");
}

/* A round with another driver's device. The kernel may release its files a little later. */
static void round_of_device(long ms)
{
	time_t limit;
	int fd;

	rounds++;
	round_of_workers(ms);
	wait_for_pinned_pages();
	limit = now() + HANG;
	while ((fd = open_somehow(paths[0], O_NONBLOCK)) < 0) {
		if (now() > limit)
			fail("%s cannot be opened any more: %m", paths[0]);
		sleep_ms(10);
	}
	close(fd);
}

/*
 * Returns how much memory is free, in KiB. Pages in the lists of single processors
 * count as free, and so does memory that /proc/meminfo has in one of these accounts.
 * Memory that was lost is in none of them.
 */
static long free_memory(void)
{
	static const char *const accounts[] = {
		"MemFree:", "Buffers:", "Cached:", "Slab:", "KernelStack:", "PageTables:",
		"VmallocUsed:", "Percpu:",
	};
	FILE *files[] = { fopen("/proc/meminfo", "r"), fopen("/proc/zoneinfo", "r") };
	long free = 0, value;
	char line[256];

	for (int i = 0; i < 2; i++) {
		while (fgets(line, sizeof(line), files[i])) {
			for (size_t j = 0; !i && j < ARRAY_SIZE(accounts); j++)
				if (!strncmp(line, accounts[j], strlen(accounts[j])))
					free += atol(line + strlen(accounts[j]));
			if (i && sscanf(line, " count: %ld", &value) == 1)
				free += value * (page_size / 1024);
		}
		fclose(files[i]);
	}
	return free;
}

/*
 * Has the kernel shrink its caches, and returns the most that free_memory() returned
 * after that. As some memory is freed later, this is done up to "tries" times, or
 * until at least "wanted" KiB are free.
 */
static long settled_memory(long wanted, int tries)
{
	long most = 0, free;

	while (tries-- && most < wanted) {
		shrink_caches();
		sleep_ms(100);
		free = free_memory();
		if (free > most)
			most = free;
	}
	return most;
}

/* Reserves addresses, and a page behind them, so that no VMA can grow past their end in place. */
static char *reserved(size_t pages)
{
	char *addr = mmap(NULL, (pages + 1) * page_size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (addr == MAP_FAILED)
		fail("reserving addresses: %m");
	return addr;
}

/* Whether /proc/self/mem can read pages that the process itself cannot. */
static bool is_forced(void)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char byte;
	bool forced = pread(fd, &byte, 1, (off_t)arenas[0]) == 1;

	close(fd);
	return forced;
}

static __u64 show_operations(void)
{
	__u64 operations = 0;

	printf("%-26s %12s %12s\n", "operation", "ok", "refused");
	for (int op = 0; op < OPS; op++) {
		printf("%-26s %12llu %12llu\n", op_names[op],
		       shared->ok[op], shared->refused[op]);
		operations += shared->ok[op] + shared->refused[op];
	}
	return operations;
}

/* Shows the sums of all loads, which kmsg_read() has checked. Returns whether no memory is lost. */
static bool check_leaks(long before)
{
	unsigned long long pages = 0;
	long tolerated, after;
	bool ok;

	for (int i = 0; i < DEVICES; i++) {
		const struct totals *t = &totals[i];

		printf("%s, %llu loads: VMAs: %llu opened, %llu closed; ", paths[i], t->lines,
		       t->opened, t->closed);
		printf("pages: %llu allocated, %llu freed; references left: %llu\n", t->allocated,
		       t->freed, t->allocated - t->freed);
		pages += t->allocated;
	}
	/*
	 * The kernel has some more that is in no account, as the stacks that a debug kernel
	 * records. Beyond that one lost page of a hundred shows.
	 */
	tolerated = 8192 + pages / 100 * (page_size / 1024);
	after = settled_memory(before - tolerated / 4, 100);
	ok = before - after <= tolerated;
	printf("free and accounted memory: %ld KiB before, %ld after, %ld less, of %ld tolerated\n",
	       before, after, before - after, tolerated);
	return ok;
}

/* A run on the device of another driver. */
static void stress_device(const char *path, time_t end)
{
	const struct shape *shape = &shared->shape;
	const char *reason;
	__u64 operations;

	devices = 1;
	paths[0] = path;
	shared->unknown = true;
	reason = probe(path, &shared->shape);
	if (reason)
		fail("%s", reason);
	shared->pages = (shape->size + page_size - 1) / page_size;
	if (shared->pages > MAX_PAGES)
		shared->pages = MAX_PAGES;
	if (shared->pages < shape->first + shape->pages)
		shared->pages = shape->first + shape->pages;
	printf("torture: %s of %zu bytes, mapped %s, %s, %zu pages from %zu on\n", path,
	       shape->size, shape->flags & MAP_SHARED ? "shared" : "private",
	       shape->prot & PROT_WRITE ? "writable" : "read-only", shape->pages, shape->first);
	while (now() < end)
		round_of_device(500 + any_below(4000));
	operations = show_operations();
	printf("%llu workers were stuck and killed\n", shared->stuck);
	printf("ok - stress\ntorture: %llu operations on %s, SEED=%llu, clean\n", operations,
	       path, shared->seed);
}

int main(int argc, char **argv)
{
	__u64 operations;
	long free_before;
	time_t end;
	bool ok;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: stress SECONDS SEED [PATH]\n");
		return 2;
	}
	page_size = sysconf(_SC_PAGESIZE);
	main_process = getpid();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	shared->seed = strtoull(argv[2], NULL, 0);
	random_state = shared->seed;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("torture: stress for %s seconds, SEED=%s\n", argv[1], argv[2]);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < THREADS; i++)
		arenas[i] = reserved(ARENA);
	for (int i = 0; i < DEVICES; i++)
		commons[i] = reserved(COMMON_ROOM);

	shared->forced = is_forced();
	end = now() + atol(argv[1]);
	if (argc == 4) {
		stress_device(argv[3], end);
		return 0;
	}

	shared->shape.prot = PROT_READ | PROT_WRITE;
	shared->shape.flags = MAP_SHARED;
	kmsg_open();
	/* The first round fills the kernel's own caches. */
	round_of_load(2000);
	free_before = settled_memory(LONG_MAX, 20);
	while (now() < end)
		round_of_load(500 + any_below(4000));

	operations = show_operations();
	ok = check_leaks(free_before);
	printf("ok - stress\n%s - leaks\n", ok ? "ok" : "not ok");
	if (ok)
		printf("torture: %llu operations, SEED=%s, clean\n", operations,
		       argv[2]);
	return !ok;
}
