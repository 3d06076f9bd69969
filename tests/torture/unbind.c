// SPDX-License-Identifier: GPL-2.0
/*
 * unbind ROUNDS SEED: unbinds a PCI device from its driver and binds it again, ROUNDS times, while
 * threads of several processes use its mapped registers in every way. After each unbind, a register
 * of the device, which keeps the value written last, shows whether somebody still writes to it. A
 * second device stays bound.
 */
#include "simple.h"

#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>

#define PROCESSES 4
#define THREADS 8	/* in each of them */
#define STEPS 20	/* that a thread does with a mapping */
#define LOOKS 20	/* reads of the register after an unbind */

#define BAR_SIZE 0x100000
#define LIVENESS 0x04	/* reads back inverted */
#define MAPPED 16	/* pages, at most */

#define PCI "/sys/bus/pci/devices/"
#define DRIVER "/sys/bus/pci/drivers/simple_edu/"

/* The memory that all processes share. */
static struct shared {
	bool stop;
	long touches, sigbus, gone, wrong;
} *shared;

static void count(long *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void wrong(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("unbind: FAILED: %s\n", text);
	fflush(stdout);
	count(&shared->wrong);
}

static __thread sigjmp_buf back;

static void on_sigbus(int signal)
{
	siglongjmp(back, 1);
}

/* Writes to or reads from a register. Returns whether it is mapped. */
static bool touch(char *at, bool write)
{
	if (sigsetjmp(back, 1)) {
		count(&shared->sigbus);
		return false;
	}
	if (write)
		__atomic_store_n((__u32 *)at, 0x5eed, __ATOMIC_RELAXED);
	else
		__atomic_load_n((__u32 *)at, __ATOMIC_RELAXED);
	count(&shared->touches);
	return true;
}

/* Makes a call on a file whose device may be unbound. */
static void expect_done_or_gone(const char *call, bool done)
{
	if (done)
		return;
	if (errno == ENODEV)
		count(&shared->gone);
	else
		wrong("%s: %s", call, strerror(errno));
}

static void use_file(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	__u32 word = 0x5eed;

	expect_done_or_gone("pread", pread(fd, &word, 4, LIVENESS) == 4);
	expect_done_or_gone("pwrite", pwrite(fd, &word, 4, LIVENESS) == 4);
	expect_done_or_gone("lseek", lseek(fd, 0, SEEK_END) >= 0);
	if (poll(&pollfd, 1, 0) < 0 || (pollfd.revents & ~(POLLERR | POLLHUP)))
		wrong("poll tells %#x", pollfd.revents);
	expect_done_or_gone("a read of an interrupt",
			    pread(fd, &word, 4, BAR_SIZE) == 4 || errno == EAGAIN);
}

static void fork_and_touch(char *at)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		__atomic_store_n((__u32 *)at, 0x5eed, __ATOMIC_RELAXED);
		_exit(0);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status &&
	    !(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS))
		wrong("a child ended with status %#x", status);
}

/* Maps a part of the device, and changes and uses the mapping at random. */
static void use_device(int number, unsigned int *seed)
{
	const size_t page = page_size();
	size_t len = (1 + rand_r(seed) % MAPPED) * page;
	size_t first = rand_r(seed) % 2 ? 0 : rand_r(seed) % (BAR_SIZE / page - MAPPED);
	char path[32], *at, *to;
	int fd;

	sprintf(path, "/dev/simple_edu%d", number);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		/* There is no node while it is not bound. */
		if (errno != ENOENT && errno != ENODEV && errno != ENXIO)
			wrong("open: %s", strerror(errno));
		sched_yield();
		return;
	}
	at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, first * page);
	if (at == MAP_FAILED) {
		expect_done_or_gone("mmap", false);
		close(fd);
		return;
	}
	for (int step = 0; step < STEPS; step++) {
		switch (rand_r(seed) % 10) {
		case 0:
			fork_and_touch(at + LIVENESS);
			break;
		case 1:
			to = reserve(len, page);
			if (mremap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to)
				at = to;
			else
				wrong("mremap: %s", strerror(errno));
			break;
		case 2:
			if (len > page && mremap(at, len, len - page, 0) == at)
				len -= page;
			break;
		case 3:
			if (len > page && !munmap(at, page)) {
				at += page;
				len -= page;
			}
			break;
		case 4:
			if (mprotect(at, page, PROT_READ) ||
			    mprotect(at, page, PROT_READ | PROT_WRITE))
				wrong("mprotect: %s", strerror(errno));
			break;
		case 5:
			use_file(fd);
			break;
		default:
			if (!touch(at + rand_r(seed) % (len / page) * page + LIVENESS,
				   rand_r(seed) % 2) && number)
				wrong("a SIGBUS of the device that stays");
		}
	}
	munmap(at, len);
	close(fd);
}

static void *work(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		/* One in eight uses the device that stays. */
		use_device((uintptr_t)arg % THREADS == 0, &seed);
		/* Pauses, so that the thread that unbinds gets the CPU. */
		usleep(rand_r(&seed) % 100000);
	}
	return NULL;
}

static void run_threads(int process, unsigned int seed)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work,
				   (void *)(uintptr_t)((seed + process) * THREADS + i)))
			wrong("there is no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

/* Checks that the register keeps the value written here, until the device is bound again. */
static void watch(const char *bus_name, __u32 word)
{
	char path[64];
	char *at;
	int fd;

	sprintf(path, PCI "%s/resource0", bus_name);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	at = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at == MAP_FAILED) {
		wrong("%s: %s", path, strerror(errno));
		return;
	}
	__atomic_store_n((__u32 *)(at + LIVENESS), word, __ATOMIC_RELAXED);
	for (int i = 0; i < LOOKS; i++) {
		__u32 seen = ~__atomic_load_n((__u32 *)(at + LIVENESS), __ATOMIC_RELAXED);

		if (seen != word) {
			wrong("somebody wrote %#x after the unbind", seen);
			break;
		}
		sched_yield();
	}
	munmap(at, page_size());
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_sigbus, .sa_flags = SA_NODEFER };
	char target[256], *bus_name;
	pid_t pids[PROCESSES];
	unsigned int seed;
	int rounds, status;
	ssize_t len;

	if (argc != 3)
		return 2;
	rounds = atoi(argv[1]);
	seed = strtoul(argv[2], NULL, 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGBUS, &action, NULL);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (reload_named("simple_edu", ""))
		return 1;
	len = readlink("/sys/class/misc/simple_edu0/device", target, sizeof(target) - 1);
	if (len < 0 || access("/dev/simple_edu1", F_OK)) {
		printf("unbind: FAILED: this machine has no two edu devices\n");
		return 1;
	}
	target[len] = 0;
	bus_name = strrchr(target, '/') + 1;

	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (!pids[i])
			run_threads(i, seed);
	}
	/* A higher priority, so that this process need not wait for all others each time. */
	setpriority(PRIO_PROCESS, 0, -20);
	for (int round = 1; round <= rounds && !shared->wrong; round++) {
		long touched = shared->touches + round % 4;

		/* Unbind at once in some rounds, and after up to three more touches in others. */
		while (__atomic_load_n(&shared->touches, __ATOMIC_RELAXED) < touched)
			usleep(500);
		if (!tell(DRIVER "unbind", bus_name))
			wrong("unbind: %s", strerror(errno));
		watch(bus_name, 0xbead0000 + round);
		if (!tell(DRIVER "bind", bus_name))
			wrong("bind: %s", strerror(errno));
	}
	__atomic_store_n(&shared->stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < PROCESSES; i++)
		if (waitpid(pids[i], &status, 0) != pids[i] || status)
			wrong("a process ended with status %#x", status);
	status = unload_named("simple_edu");
	if (status)
		wrong("the module cannot be unloaded: %s", strerror(-status));
	if (!shared->touches || !shared->sigbus || !shared->gone)
		wrong("nothing was touched in time");
	printf("unbind: %d rounds, %ld touches, %ld times SIGBUS, %ld times ENODEV, SEED=%u, %s\n",
	       rounds, shared->touches, shared->sigbus, shared->gone, seed,
	       shared->wrong ? "not clean" : "clean");
	return shared->wrong != 0;
}
