// SPDX-License-Identifier: GPL-2.0
/*
 * load: measures the devices under load. It loads the module itself, takes each figure up to the
 * limits of the kernel or the guest's memory, prints it, and fails if a counter differs from what
 * was done.
 *
 * load MODULE PATH [PARAMETERS]: unloads and loads another driver's module many times. It must be
 * loaded, and unused. Its device must exist at PATH each time, and no memory may be lost.
 */
#include "simple.h"
#include "probe.h"

#include <sys/param.h>
#include <sys/prctl.h>

#define VMA_PAGES 1024	/* that are mapped many times */
#define PROCESSES 200
#define PROCESS_MAPPINGS 5	/* of each device */
#define PROCESS_PAGES 16
#define SHARERS 4	/* processes that map the largest region */
#define MAX_REGION 65536	/* pages */
#define THREADS 64
#define PLACES 512
#define DRIVER_LOADS 100	/* of another driver's module */
#define PATIENCE 60	/* seconds until a device exists, or a module can be unloaded */

static const char *const devices[] = { "simpler", "simplen" };

static void fail(const char *format, ...)
{
	va_list args;

	printf("load: FAILED: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(1);
}

static void load_region(size_t pages)
{
	char params[64];
	int ret;

	snprintf(params, sizeof(params), "pages=%zu trace=0", pages);
	ret = reload_named("simple", params);
	if (ret)
		fail("cannot load the module with %s: %s", params, strerror(-ret));
}

static void drop_region(void)
{
	int ret = unload_module();

	if (ret)
		fail("cannot unload the module: %s", strerror(-ret));
}

static int open_device(const char *device)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", device);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	return fd;
}

static char *map_device(const char *device, size_t pages)
{
	int fd = open_device(device);
	char *addr = map_shared(fd, pages, 0);

	if (addr == MAP_FAILED)
		fail("%s: cannot map %zu pages: %s", device, pages, strerror(errno));
	close(fd);
	return addr;
}

static void expect(const char *device, const char *name, long wanted)
{
	long value = counter(device, name);

	if (value != wanted)
		fail("%s: %s is %ld instead of %ld", device, name, value, wanted);
}

static void expect_nothing_mapped(const char *device)
{
	expect(device, "vmas", 0);
	expect(device, "closes", counter(device, "opens"));
}

/* Reads a number from a file of /proc. */
static long number_in(const char *path, const char *format)
{
	FILE *file = fopen(path, "r");
	char line[256];
	long value = -1;

	while (file && value < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, format, &value) != 1)
			value = -1;
	if (file)
		fclose(file);
	if (value < 0)
		fail("%s does not tell \"%s\"", path, format);
	return value;
}

/* How many VMAs this process has, all in all and of the device. */
static void count_vmas(const char *device, long *all, long *of_device)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];

	*all = *of_device = 0;
	while (fgets(line, sizeof(line), maps)) {
		/* Every process has this one in the list, and it does not count for the limit. */
		*all += !strstr(line, "[vsyscall]");
		*of_device += !!strstr(line, device);
	}
	fclose(maps);
}

/*
 * Maps pages at consecutive addresses until the process may have no more mappings. The offsets
 * descend, so that the kernel merges no two of them.
 */
static void most_vmas(const char *device)
{
	const long limit = number_in("/proc/sys/vm/max_map_count", "%ld");
	const size_t page = page_size();
	int fd = open_device(device);
	long all, mapped, done;
	char *arena;

	arena = mmap(NULL, (limit + 2) * page, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED)
		fail("no address space for %ld pages", limit);
	for (done = 0; done <= limit; done++) {
		const __u64 index = VMA_PAGES - 1 - done % VMA_PAGES;
		char *addr = arena + done * page;

		if (mmap(addr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			 index * page) != addr)
			break;
		/* Later mappings show what the first ones of the same pages have written. */
		if (done < VMA_PAGES)
			*(__u64 *)addr = index;
		else if (done % 64 == 0 && *(__u64 *)addr != index)
			fail("%s: mapping %ld shows another page", device, done);
	}
	if (done > limit || errno != ENOMEM)
		fail("%s: after %ld mappings: %s", device, done, strerror(errno));
	count_vmas(device, &all, &mapped);
	if (mapped != done || counter(device, "vmas") != done)
		fail("%s: %ld mappings are %ld VMAs, and counted as %ld", device, done, mapped,
		     counter(device, "vmas"));
	if (all < limit)
		fail("%s: a process got %ld VMAs only, and may have %ld", device, all, limit);
	if (munmap(arena, (limit + 2) * page))
		fail("%s: munmap: %s", device, strerror(errno));
	close(fd);
	expect_nothing_mapped(device);
	printf("load: %s: %ld VMAs in one process, %ld with others (vm.max_map_count %ld)\n",
	       device, done, all, limit);
}

static void vmas_in_one_process(void)
{
	load_region(VMA_PAGES);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		most_vmas(devices[i]);
	drop_region();
}

/* Starts a process that runs @work, says so, and waits to be killed. */
static pid_t start(void (*work)(size_t pages), size_t pages, int ready)
{
	pid_t parent = getpid(), pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent) {
		work(pages);
		if (write(ready, "", 1) == 1)
			pause();
	}
	_exit(1);
}

static void wait_for(int ready, int processes)
{
	char byte;

	for (int i = 0; i < processes; i++)
		if (read(ready, &byte, 1) != 1)
			fail("a process has ended too soon");
}

static void kill_all(const pid_t *pids, int processes)
{
	for (int i = 0; i < processes; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < processes; i++)
		if (waitpid(pids[i], NULL, 0) != pids[i])
			fail("process %d is not there any more", i);
}

static void map_some(size_t pages)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		for (int j = 0; j < PROCESS_MAPPINGS; j++)
			memset(map_device(devices[i], pages), j, pages * page_size());
}

static void many_processes(void)
{
	pid_t pids[PROCESSES];
	int ready[2];

	load_region(PROCESS_PAGES);
	if (pipe(ready))
		fail("pipe: %s", strerror(errno));
	for (int i = 0; i < PROCESSES; i++)
		pids[i] = start(map_some, PROCESS_PAGES, ready[1]);
	close(ready[1]);
	wait_for(ready[0], PROCESSES);
	close(ready[0]);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		expect(devices[i], "vmas", PROCESSES * PROCESS_MAPPINGS);
		expect(devices[i], "pages", PROCESS_PAGES);
	}
	kill_all(pids, PROCESSES);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		expect_nothing_mapped(devices[i]);
	drop_region();
	printf("load: %d processes with %d VMAs of each device at once, all killed at once\n",
	       PROCESSES, PROCESS_MAPPINGS);
}

/* KiB of the mapping at this address that are in memory, as smaps has it. */
static long rss_of(const char *addr)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	char line[512], start[32];
	bool found = false;
	long rss = -1;

	snprintf(start, sizeof(start), "%lx-", (unsigned long)addr);
	while (rss < 0 && fgets(line, sizeof(line), smaps)) {
		found = found || !strncmp(line, start, strlen(start));
		if (!found || sscanf(line, "Rss: %ld kB", &rss) != 1)
			rss = -1;
	}
	fclose(smaps);
	return rss;
}

/* Writes its number to each page, and checks that every process finds it there. */
static void map_all(size_t pages)
{
	const size_t page = page_size();
	long rss;

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		char *addr = map_device(devices[i], pages);

		for (size_t j = 0; j < pages; j++) {
			__u64 old = __atomic_exchange_n((__u64 *)(addr + j * page), j + 1,
							__ATOMIC_RELAXED);

			if (old && old != j + 1)
				fail("%s: page %zu has the content of page %llu", devices[i], j,
				     old - 1);
		}
		/* The kernel does not count simpler's page frames in Rss. */
		rss = rss_of(addr);
		if (!strcmp(devices[i], "simplen") && rss != (long)(pages * page / 1024))
			fail("simplen: %ld KiB are in memory, of %zu", rss, pages * page / 1024);
	}
}

static void many_pages(void)
{
	const size_t page = page_size();
	const long available = number_in("/proc/meminfo", "MemAvailable: %ld kB");
	/* Both regions, and a quarter for the page tables and all others. */
	const size_t pages = MIN(MAX_REGION, available * 1024ULL * 3 / 4 / page / 2);
	pid_t pids[SHARERS];
	int ready[2];

	load_region(pages);
	if (pipe(ready))
		fail("pipe: %s", strerror(errno));
	for (int i = 0; i < SHARERS; i++)
		pids[i] = start(map_all, pages, ready[1]);
	close(ready[1]);
	wait_for(ready[0], SHARERS);
	close(ready[0]);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		expect(devices[i], "pages", pages);
		expect(devices[i], "vmas", SHARERS);
	}
	kill_all(pids, SHARERS);
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		expect_nothing_mapped(devices[i]);
	drop_region();
	printf("load: %zu pages (%zu MiB) of each device mapped at once, in %d processes\n",
	       pages, pages * page >> 20, SHARERS);
}

static struct {
	pthread_barrier_t barrier;
	char *addr;
	size_t page;
} race;

/* All threads increment words of the same page, which none has touched before. */
static void *count_everywhere(void *arg)
{
	for (int i = 0; i < PLACES; i++) {
		pthread_barrier_wait(&race.barrier);
		__atomic_fetch_add((__u64 *)(race.addr + i * race.page), 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void many_threads(void)
{
	pthread_t threads[THREADS];
	pthread_attr_t attr;

	load_region(PLACES);
	race.page = page_size();
	race.addr = map_device("simplen", PLACES);
	pthread_barrier_init(&race.barrier, NULL, THREADS);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16 * race.page);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], &attr, count_everywhere, NULL))
			fail("no thread %d", i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < PLACES; i++) {
		__u64 counted = *(__u64 *)(race.addr + i * race.page);

		if (counted != THREADS)
			fail("simplen: page %d was counted in %llu times, by %d threads", i,
			     counted, THREADS);
	}
	expect("simplen", "pages", PLACES);
	munmap(race.addr, PLACES * race.page);
	expect_nothing_mapped("simplen");
	drop_region();
	printf("load: %d threads fault on a page at once, %d times: %d pages, no write lost\n",
	       THREADS, PLACES, PLACES);
}

static void load_and_unload(int cycle)
{
	load_region(64);
	if (cycle % 50 == 0)
		for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
			char *addr = map_device(devices[i], 64);

			if (!is_zero(addr, 64 * page_size()))
				fail("%s: the memory is not zero after load %d", devices[i], cycle);
			memset(addr, 0xff, 64 * page_size());
			munmap(addr, 64 * page_size());
		}
	drop_region();
}

/* The name, device node and parameters of a driver other than simple. */
static const char *module, *path, *params = "";

/* Unloads the module. The kernel releases files that were open a little later. */
static void unload_driver(void)
{
	int ret;

	for (int i = 0; (ret = unload_named(module)); i++) {
		if ((ret != -EWOULDBLOCK && ret != -EBUSY) || i == 20 * PATIENCE)
			fail("%s cannot be unloaded: %s", module, strerror(-ret));
		usleep(50000);
	}
}

static void load_and_unload_driver(int cycle)
{
	int fd, ret = load_named(module, params);

	if (ret)
		fail("/%s.ko cannot be loaded: %s", module, strerror(-ret));
	for (int i = 0; (fd = open_somehow(path, O_NONBLOCK)) < 0; i++) {
		if (i == 20 * PATIENCE)
			fail("%s cannot be opened after load %d: %s", path, cycle, strerror(errno));
		usleep(50000);
	}
	close(fd);
	unload_driver();
}

/*
 * Loads and unloads a module many times, and checks that no memory is lost. Per cycle, the free
 * memory of an idle guest varies by less than a quarter of a page, or by less than half a page if
 * there are few cycles, so a page that is lost in every cycle shows.
 */
static void many_loads(void (*load_and_unload)(int cycle), int cycles, long tolerated)
{
	const int warm_up = cycles / 10;
	long before = 0, lost;

	for (int i = 0; i < warm_up + cycles; i++) {
		/* The first cycles fill the kernel's own caches. */
		if (i == warm_up)
			before = free_memory();
		load_and_unload(i);
		if (i % 250 == 249) {
			printf("load: ... loaded and unloaded %d times\n", i + 1);
			fflush(stdout);
		}
	}
	lost = memory_lost(before, tolerated);
	if (lost > tolerated)
		fail("%ld KiB are gone after %d loads and unloads, of %ld", lost, cycles, before);
	printf("load: %d loads and unloads: %ld KiB free before, %ld after (%+ld, limit %+ld)\n",
	       cycles, before, before - lost, -lost, -tolerated);
}

int main(int argc, char **argv)
{
	const bool is_debug = !access("/sys/kernel/debug/kmemleak", F_OK);
	/* A debug kernel takes ten times as long for each. */
	const int loads = is_debug ? 100 : 1000;
	const long page = page_size() / 1024;
	/*
	 * It also keeps what was freed, up to a 32nd of its memory, until it has
	 * enough of that; what leaks there, kmemleak tells.
	 */
	const long driver_limit = is_debug ? 65536 : DRIVER_LOADS * page / 2;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 || argc == 4) {
		module = argv[1];
		path = argv[2];
		params = argc == 4 ? argv[3] : "";
		unload_driver();
		many_loads(load_and_unload_driver, DRIVER_LOADS, driver_limit);
		return 0;
	}
	if (argc != 1) {
		fprintf(stderr, "usage: load [MODULE PATH [PARAMETERS]]\n");
		return 2;
	}
	vmas_in_one_process();
	many_processes();
	many_pages();
	many_threads();
	many_loads(load_and_unload, loads, loads * page / 4);
	return 0;
}
