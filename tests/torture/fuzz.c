// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz SECONDS SEED region|huge|physical|PATH [FIRST]: a system-call fuzzer for both devices, or
 * for the one of another driver at PATH.
 *
 * It loads the module and makes bursts of calls, each in a process of its own, which a call may
 * kill. Burst i depends on SEED and i only, so with FIRST it begins with the burst that found
 * something. Now and then it waits until no burst runs, and checks that the devices work and that
 * nothing is mapped. At the end the module must unload. calls.c says what a burst does.
 *
 * With PATH the device exists already, and its module stays loaded. It must be possible to open it
 * again after the bursts; the content of its memory is not checked.
 */
#include "simple.h"
#include "calls.h"

#include <sys/param.h>
#include <sys/prctl.h>

#define SLOTS 4		/* bursts at a time */
#define ROUND 100	/* bursts between looks at the devices */

/* Far more than the slowest call takes, even in a guest that is emulated. */
#define STUCK 20	/* seconds without a call, before it is killed */
#define UNKILLABLE 120	/* seconds that a killed process may need to end */

struct burst {
	pid_t pid;
	__u64 number, progress;
	time_t since;	/* when it made its last call, or was killed */
	bool killed;
};

static struct target target;
static struct report *report;
static struct burst bursts[SLOTS];
static size_t region_pages = 1100;	/* more than the page allocator gives at once */
static int running;
static __u64 seed, first, next_burst;
static __u64 exits, stuck, deaths[NSIG];
static const char *mode;
static struct stat path_stat;	/* the rights that the device of another driver has */

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static void show_file(pid_t pid, const char *name)
{
	char command[96];

	snprintf(command, sizeof(command), "for i in /proc/%d/task/*; do echo $i; cat $i/%s; done",
		 pid, name);
	if (system(command))
		printf("%s of %d is not there\n", name, pid);
}

static void failed(const char *reason)
{
	printf("fuzz: FAILED before burst %llu and after burst %llu, %s, SEED=%llu: %s\n",
	       next_burst, MAX(first, next_burst - MIN(next_burst, ROUND)), mode, seed, reason);
	exit(1);
}

static void failed_burst(const struct burst *burst, const char *reason)
{
	printf("fuzz: FAILED in burst %llu, %s, SEED=%llu: %s\n", burst->number, mode, seed,
	       reason);
	exit(1);
}

static void failed_unkillable(const struct burst *burst)
{
	fflush(stdout);
	show_file(burst->pid, "status");
	show_file(burst->pid, "wchan");
	show_file(burst->pid, "stack");
	failed_burst(burst, "unkillable task, see above");
}

static void start(int slot)
{
	struct burst *burst = &bursts[slot];
	pid_t parent = getpid(), pid;

	fflush(stdout);
	*burst = (struct burst){
		.number = next_burst++,
		.progress = report->progress[slot],
		.since = now(),
	};
	pid = fork();
	if (pid < 0)
		failed("no process for a burst");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		setpgid(0, 0);
		run_burst(&target, report, slot, (seed + 1) * 0xd1342543de82ef95ULL ^
			  burst->number * 0xaef17502108ef2d9ULL);
	}
	setpgid(pid, pid);
	burst->pid = pid;
	running++;
}

static void ended(struct burst *burst, int status)
{
	/* Kill the processes that it has forked, too. */
	kill(-burst->pid, SIGKILL);
	burst->pid = 0;
	running--;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		failed_burst(burst, report->failure);
	if (burst->killed)
		stuck++;
	else if (WIFSIGNALED(status))
		deaths[WTERMSIG(status)]++;
	else
		exits++;
}

/* Reaps bursts that have ended, and kills those that have made no call for long. */
static void look_after_bursts(void)
{
	const struct timespec a_while = { .tv_nsec = 200000000 };
	sigset_t set;
	int status;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigtimedwait(&set, NULL, &a_while);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < SLOTS; i++)
			if (bursts[i].pid == pid)
				ended(&bursts[i], status);
	for (int i = 0; i < SLOTS; i++) {
		struct burst *burst = &bursts[i];

		if (!burst->pid)
			continue;
		if (burst->killed) {
			if (now() - burst->since > UNKILLABLE)
				failed_unkillable(burst);
		} else if (burst->progress != report->progress[i]) {
			burst->progress = report->progress[i];
			burst->since = now();
		} else if (now() - burst->since > STUCK) {
			kill(-burst->pid, SIGKILL);
			burst->killed = true;
			burst->since = now();
		}
	}
}

static void drain(void)
{
	time_t since;

	while (running)
		look_after_bursts();
	/* A process can have been killed before it ended with the failure that it reported. */
	if (report->failure[0])
		failed(report->failure);
	/* The processes that the bursts started were killed too, and are ours to wait for. */
	since = now();
	while (waitpid(-1, NULL, WNOHANG) >= 0) {
		usleep(10000);
		if (now() - since > UNKILLABLE)
			failed("a process that a burst started cannot be killed");
	}
}

/*
 * Waits until nothing is mapped. What an io_uring has held, or a process that reads another one's
 * memory, is released a little later.
 */
static void check_counters(const char *device)
{
	char reason[160];
	time_t since = now();

	while (counter(device, "vmas") || counter(device, "opens") != counter(device, "closes")) {
		if (now() - since > UNKILLABLE) {
			snprintf(reason, sizeof(reason), "%s: %ld VMAs, %ld opens, %ld closes",
				 device, counter(device, "vmas"), counter(device, "opens"),
				 counter(device, "closes"));
			failed(reason);
		}
		usleep(50000);
	}
}

/* Whether the first pages can be written by a mapping, and read by another one and by read(). */
static void check_device(const char *path, __u64 offset, size_t pages)
{
	const size_t len = pages * page_size();
	char reason[160], *one, *two, *copy = malloc(len);
	const char *what = NULL;
	int fd;

	/* The fuzzer may have changed the node's mode and owner. */
	chmod(path, 0600);
	chown(path, 0, 0);
	fd = open(path, O_RDWR);
	one = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	two = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, offset);
	if (fd < 0 || one == MAP_FAILED || two == MAP_FAILED) {
		snprintf(reason, sizeof(reason), "%s cannot be mapped: %s", path, strerror(errno));
		failed(reason);
	}
	for (size_t i = 0; i < len; i += sizeof(__u64))
		*(__u64 *)(one + i) = (next_burst << 32) + i;
	if (pread(fd, copy, len, offset) != (ssize_t)len)
		what = "cannot be read";
	for (size_t i = 0; i < len && !what; i += sizeof(__u64)) {
		if (*(__u64 *)(two + i) != (next_burst << 32) + i)
			what = "has other content in another mapping";
		else if (*(__u64 *)(copy + i) != (next_burst << 32) + i)
			what = "has other content in the file";
	}
	if (what) {
		snprintf(reason, sizeof(reason), "%s %s", path, what);
		failed(reason);
	}
	munmap(one, len);
	munmap(two, len);
	close(fd);
	free(copy);
}

/* Whether the device can be opened. The kernel releases files that were open a little later. */
static void check_path(void)
{
	char reason[160];
	time_t since = now();
	int fd;

	/* The fuzzer may have changed the node's mode and owner. */
	chmod(target.path, path_stat.st_mode & 07777);
	chown(target.path, path_stat.st_uid, path_stat.st_gid);
	while ((fd = open_somehow(target.path, O_NONBLOCK)) < 0) {
		if (now() - since > UNKILLABLE) {
			snprintf(reason, sizeof(reason), "%s cannot be opened any more: %s",
				 target.path, strerror(errno));
			failed(reason);
		}
		usleep(50000);
	}
	close(fd);
}

static void check_devices(void)
{
	drain();
	if (target.path) {
		check_path();
		return;
	}
	check_counters("simpler");
	check_counters("simplen");
	if (target.physical)
		check_device("/dev/simpler", target.card, 16);
	else
		check_device("/dev/simpler", 0, region_pages);
	check_device("/dev/simplen", 0, region_pages);
}

/* Unloads the module. The kernel releases files that it still holds a little later. */
static void unload_at_last(void)
{
	time_t since = now();
	int ret;

	while ((ret = unload_module())) {
		if (ret != -EWOULDBLOCK || now() - since > UNKILLABLE) {
			printf("fuzz: rmmod: %s\n", strerror(-ret));
			failed("the module cannot be unloaded");
		}
		usleep(50000);
	}
}

/*
 * Two huge pages, and an odd rest. A kernel without them has the module map the same page by page:
 * as much as a full page table does.
 */
static void find_huge_pages(void)
{
	target.huge_pages = 1 << pmd_order();
	region_pages = 2 * target.huge_pages + 76;
}

static void load_for_mode(void)
{
	char params[64];
	int ret;

	snprintf(params, sizeof(params), "pages=%zu trace=0 huge=%d physical=%d", region_pages,
		 target.huge_pages > 0, target.physical);
	ret = reload_named("simple", params);
	if (ret) {
		printf("fuzz: cannot load the module: %s\n", strerror(-ret));
		exit(1);
	}
	target.size = region_pages * page_size();
}

static void probe_path(void)
{
	const char *reason = probe(target.path, &target.shape);

	if (reason || stat(target.path, &path_stat)) {
		printf("fuzz: FAILED: %s\n", reason ?: strerror(errno));
		exit(1);
	}
	/* Offsets are chosen below this size: at least four pages, even if the device has none. */
	target.size = MAX(roundup(target.shape.size, page_size()), 4 * page_size());
}

static __u64 total_calls(void)
{
	__u64 total = 0;

	for (int i = 0; call_name(i); i++)
		total += report->counts[i].ok + report->counts[i].failed;
	return total;
}

/* A call that is in the table several times is counted once. */
static void print_calls(void)
{
	int column = 0;

	printf("fuzz: calls that succeeded + calls that failed:\n");
	for (int i = 0; call_name(i); i++) {
		__u64 ok = report->counts[i].ok, bad = report->counts[i].failed;
		int j = 0;

		while (strcmp(call_name(j), call_name(i)))
			j++;
		if (j < i)
			continue;
		for (j = i + 1; call_name(j); j++) {
			if (!strcmp(call_name(j), call_name(i))) {
				ok += report->counts[j].ok;
				bad += report->counts[j].failed;
			}
		}
		printf("  %-24s %7llu + %-7llu%s", call_name(i), ok, bad,
		       ++column % 2 ? "" : "\n");
	}
	printf("%s", column % 2 ? "\n" : "");
}

static void print_deaths(void)
{
	printf("fuzz: processes: %llu ended, %llu were stuck and killed", exits, stuck);
	for (int i = 1; i < NSIG; i++)
		if (deaths[i])
			printf(", %llu died of SIG%s", deaths[i], sigabbrev_np(i));
	printf("\n");
}

static void protect_from_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	if (fd >= 0 && write(fd, "-1000", 5) == 5)
		close(fd);
}

int main(int argc, char **argv)
{
	const int seconds = argc > 3 ? atoi(argv[1]) : 0;
	__u64 last;
	sigset_t set;
	time_t end, told;

	if (seconds < 1 || argc > 5 ||
	    (strcmp(argv[3], "region") && strcmp(argv[3], "huge") &&
	     strcmp(argv[3], "physical") && argv[3][0] != '/')) {
		fprintf(stderr, "usage: fuzz SECONDS SEED region|huge|physical|PATH [FIRST]\n");
		return 2;
	}
	seed = strtoull(argv[2], NULL, 0);
	mode = argv[3];
	first = argc > 4 ? strtoull(argv[4], NULL, 0) : 0;
	next_burst = first;
	if (!strcmp(mode, "huge"))
		find_huge_pages();
	target.physical = !strcmp(mode, "physical");
	if (target.physical) {
		find_card(&target.card, &last);
		find_memory(&target.ram, &last, &last);
		if (!target.card || !target.ram) {
			printf("fuzz: found no graphics card, or no RAM in /proc/iomem\n");
			return 1;
		}
	}
	if (mode[0] == '/') {
		target.path = mode;
		probe_path();
	} else {
		load_for_mode();
	}
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (report == MAP_FAILED)
		failed("no memory");
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	protect_from_oom();
	check_devices();

	printf("fuzz: %s, SEED=%llu, for %d seconds\n", mode, seed, seconds);
	end = now() + seconds;
	told = now();
	while (now() < end) {
		for (int i = 0; i < SLOTS; i++) {
			if (bursts[i].pid)
				continue;
			start(i);
			if (next_burst % ROUND == 0)
				check_devices();
		}
		look_after_bursts();
		if (now() - told >= 15) {
			told = now();
			printf("fuzz: %llu calls, at burst %llu\n", total_calls(), next_burst);
			fflush(stdout);
		}
	}
	check_devices();
	if (!target.path)
		unload_at_last();
	print_calls();
	print_deaths();
	if (!total_calls())
		failed("no call was made");
	printf("fuzz: %llu calls in %llu bursts, %s, SEED=%llu, clean\n", total_calls(),
	       next_burst - first, mode, seed);
	return 0;
}
