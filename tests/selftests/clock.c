// SPDX-License-Identifier: GPL-2.0
/* The example simple_clock: a page that shows the time, mapped read-only. */

#include "suite.h"

#include <sys/ptrace.h>
#include <time.h>

#define NAME "simple_clock"
#define PATH "/dev/simple_clock"
#define MSEC 1000000LL
#define SEC 1000000000LL

/* The page, as src/examples/clock.rs describes it. */
struct clock_page {
	__u64 sequence;
	__s64 monotonic;
	__s64 realtime;
};

/* Reads a consistent set of the words, as a reader of a seqlock does. */
static struct clock_page snapshot(const struct clock_page *page)
{
	struct clock_page seen;

	do {
		seen.sequence = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);
		seen.monotonic = __atomic_load_n(&page->monotonic, __ATOMIC_RELAXED);
		seen.realtime = __atomic_load_n(&page->realtime, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (seen.sequence & 1 ||
		 seen.sequence != __atomic_load_n(&page->sequence, __ATOMIC_RELAXED));
	return seen;
}

/* Waits for another update; false if none comes for a long time. */
static bool await_update(const struct clock_page *page)
{
	__u64 before = snapshot(page).sequence;

	for (int i = 0; i < 5000; i++) {
		if (snapshot(page).sequence != before)
			return true;
		usleep(1000);
	}
	return false;
}

static __s64 time_now(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * SEC + now.tv_nsec;
}

static const struct clock_page *map_clock(int fd)
{
	return mmap(NULL, page_size(), PROT_READ, MAP_SHARED, fd, 0);
}

FIXTURE(clock)
{
	size_t page;
	int fd;
	const struct clock_page *clock;
};

FIXTURE_SETUP(clock)
{
	self->page = page_size();
	ASSERT_EQ(reload_named(NAME, "period_ms=1"), 0);
	self->fd = open(PATH, O_RDONLY);
	ASSERT_GE(self->fd, 0);
	self->clock = map_clock(self->fd);
	ASSERT_NE(self->clock, MAP_FAILED);
}

FIXTURE_TEARDOWN_PARENT(clock)
{
	EXPECT_EQ(unload_named(NAME), 0);
}

TEST_F(clock, node_is_for_all_to_read)
{
	struct stat st;

	ASSERT_EQ(stat(PATH, &st), 0);
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(st.st_mode & 07777, 0444);
}

TEST_F(clock, anybody_can_read_and_nobody_write)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		int fd;

		if (setgid(1000) || setuid(1000) || open(PATH, O_RDWR) >= 0 || errno != EACCES)
			_exit(1);
		fd = open(PATH, O_RDONLY);
		_exit(map_clock(fd) == MAP_FAILED || !map_clock(fd)->sequence ? 2 : 0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* After two updates, the page shows a time that is later than before them. */
TEST_F(clock, shows_the_time)
{
	for (int i = 0; i < 20; i++) {
		__s64 before = time_now(CLOCK_MONOTONIC), after;
		struct clock_page seen;

		ASSERT_TRUE(await_update(self->clock));
		ASSERT_TRUE(await_update(self->clock));
		seen = snapshot(self->clock);
		after = time_now(CLOCK_MONOTONIC);
		/* The second update began after the first. */
		EXPECT_GE(seen.monotonic, before);
		EXPECT_LE(seen.monotonic, after);
	}
}

TEST_F(clock, shows_both_clocks_of_the_same_moment)
{
	__s64 offset = time_now(CLOCK_REALTIME) - time_now(CLOCK_MONOTONIC);
	struct clock_page seen = snapshot(self->clock);

	/* A large tolerance, as a guest can be stopped for a while at any point. */
	EXPECT_LT(llabs(seen.realtime - seen.monotonic - offset), SEC / 4);
}

TEST_F(clock, keeps_the_period)
{
	struct clock_page first = snapshot(self->clock), last;
	__s64 updates, elapsed;

	for (int i = 0; i < 10; i++)
		ASSERT_TRUE(await_update(self->clock));
	last = snapshot(self->clock);
	updates = (last.sequence - first.sequence) / 2;
	elapsed = last.monotonic - first.monotonic;
	/* Missed updates are not made up for, so there are at most as many as periods. */
	EXPECT_LE(updates, elapsed / MSEC + 2);
	EXPECT_GE(updates, 10);
}

/*
 * Several threads read while the page is updated. The same sequence number always
 * comes with the same times, and a higher one with later times.
 */
static void *read_through_updates(void *page)
{
	struct clock_page last = snapshot(page), seen;
	long bad = 0, updates = 0;

	while (updates < 100) {
		seen = snapshot(page);
		if (seen.sequence == last.sequence) {
			bad += seen.monotonic != last.monotonic || seen.realtime != last.realtime;
		} else {
			bad += seen.sequence < last.sequence || seen.monotonic <= last.monotonic;
			updates++;
		}
		last = seen;
	}
	return (void *)bad;
}

TEST_F(clock, snapshots_are_consistent_and_monotonic)
{
	pthread_t threads[3];
	void *bad;

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, read_through_updates,
					 (void *)self->clock), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		ASSERT_EQ(pthread_join(threads[i], &bad), 0);
		EXPECT_EQ(bad, NULL);
	}
}

/*
 * Each of many processes maps the page, and notes the time that it sees with each
 * sequence number. All that see a number see the same time with it.
 */
TEST_F(clock, many_processes_see_the_same_times)
{
	enum { PROCESSES = 16, COUNTS = 2048 };
	__s64 (*notes)[COUNTS] = mmap(NULL, PROCESSES * sizeof(*notes), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	__u64 first = snapshot(self->clock).sequence / 2;
	pid_t pids[PROCESSES];
	int status, common = 0;

	ASSERT_NE(notes, MAP_FAILED);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		ASSERT_GE(pids[i], 0);
		if (!pids[i]) {
			const struct clock_page *own = map_clock(open(PATH, O_RDONLY));
			__s64 end = time_now(CLOCK_MONOTONIC) + SEC / 2;
			struct clock_page seen;

			do {
				seen = snapshot(own);
				if (seen.sequence / 2 - first < COUNTS)
					notes[i][seen.sequence / 2 - first] = seen.monotonic;
			} while (seen.monotonic < end);
			_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		ASSERT_EQ(waitpid(pids[i], &status, 0), pids[i]);
		EXPECT_EQ(status, 0);
	}
	for (int count = 0; count < COUNTS; count++) {
		__s64 noted = 0;

		for (int i = 0; i < PROCESSES; i++) {
			if (noted && notes[i][count]) {
				ASSERT_EQ(notes[i][count], noted);
				common++;
			}
			noted = notes[i][count] ?: noted;
		}
	}
	EXPECT_GT(common, 0);
}

/* A mapping from before a fork is updated in the child, too. */
TEST_F(clock, child_inherits_the_mapping)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(await_update(self->clock) ? 0 : 1);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* It is refused for root, too, who can open the file for writing whatever its mode. */
TEST_F(clock, writable_mapping_is_refused)
{
	const int prots[] = { PROT_WRITE, PROT_READ | PROT_WRITE };
	int fd = open(PATH, O_RDWR);

	ASSERT_GE(fd, 0);
	for (size_t i = 0; i < ARRAY_SIZE(prots); i++) {
		EXPECT_EQ(mmap_errno(fd, self->page, prots[i], MAP_SHARED, 0), EPERM);
		EXPECT_EQ(mmap_errno(fd, self->page, prots[i], MAP_PRIVATE, 0), EPERM);
		EXPECT_EQ(mmap_errno(self->fd, self->page, prots[i], MAP_PRIVATE, 0), EPERM);
		/* The kernel itself refuses this, as the file is not open for writing. */
		EXPECT_EQ(mmap_errno(self->fd, self->page, prots[i], MAP_SHARED, 0), EACCES);
	}
}

TEST_F(clock, mprotect_to_writable_is_refused)
{
	const int fds[] = { self->fd, open(PATH, O_RDWR) };
	const int flags[] = { MAP_SHARED, MAP_PRIVATE };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(flags); j++) {
			char *addr = mmap(NULL, self->page, PROT_READ, flags[j], fds[i], 0);

			ASSERT_NE(addr, MAP_FAILED);
			EXPECT_EQ(mprotect(addr, self->page, PROT_READ | PROT_WRITE), -1);
			EXPECT_EQ(errno, EACCES);
			EXPECT_EQ(mprotect(addr, self->page, PROT_WRITE), -1);
			EXPECT_EQ(errno, EACCES);
			/* It is also refused after PROT_NONE. */
			EXPECT_EQ(mprotect(addr, self->page, PROT_NONE), 0);
			EXPECT_EQ(mprotect(addr, self->page, PROT_READ | PROT_WRITE), -1);
			EXPECT_EQ(errno, EACCES);
			EXPECT_EQ(mprotect(addr, self->page, PROT_READ), 0);
			EXPECT_EQ(signal_of_access(addr, true), SIGSEGV);
			EXPECT_TRUE(await_update((struct clock_page *)addr));
		}
	}
}

TEST_F(clock, execution_is_refused_now_and_later)
{
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ | PROT_EXEC, MAP_SHARED, 0), EPERM);
	EXPECT_EQ(mprotect((void *)self->clock, self->page, PROT_READ | PROT_EXEC), -1);
	EXPECT_EQ(errno, EACCES);
}

/* Writes that do not use the page tables, which reach other read-only mappings. */
TEST_F(clock, kernel_does_not_write_the_page_for_a_process)
{
	int mem = open("/proc/self/mem", O_RDWR), fds[2];
	uintptr_t addr = (uintptr_t)&self->clock->monotonic;
	struct clock_page before = snapshot(self->clock);
	__s64 value = 0;
	struct iovec from = { &value, sizeof(value) }, to = { (void *)addr, sizeof(value) };

	/* A debugger can read the page ... */
	ASSERT_EQ(pread(mem, &value, sizeof(value), addr), sizeof(value));
	EXPECT_GE(value, before.monotonic);
	/* ... but not write to it. */
	value = 0;
	EXPECT_EQ(pwrite(mem, &value, sizeof(value), addr), -1);
	EXPECT_EQ(process_vm_writev(getpid(), &from, 1, &to, 1, 0), -1);
	/* A system call does not write to it, either. */
	ASSERT_EQ(pipe(fds), 0);
	ASSERT_EQ(write(fds[1], &value, sizeof(value)), sizeof(value));
	EXPECT_EQ(read(fds[0], (void *)addr, sizeof(value)), -1);
	EXPECT_EQ(errno, EFAULT);
	EXPECT_GE(snapshot(self->clock).monotonic, before.monotonic);
}

TEST_F(clock, ptrace_does_not_write_the_page)
{
	uintptr_t addr = (uintptr_t)&self->clock->realtime;
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFSTOPPED(status));
	errno = 0;
	EXPECT_NE(ptrace(PTRACE_PEEKDATA, pid, addr, NULL), 0);
	EXPECT_EQ(errno, 0);
	EXPECT_EQ(ptrace(PTRACE_POKEDATA, pid, addr, 0L), -1);
	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_GT(snapshot(self->clock).realtime, 0);
}

TEST_F(clock, more_than_one_page_is_refused)
{
	EXPECT_EQ(mmap_errno(self->fd, 2 * self->page, PROT_READ, MAP_SHARED, 0), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED, self->page), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED, 1ULL << 63), EINVAL);
	EXPECT_EQ(mremap((void *)self->clock, self->page, 2 * self->page, MREMAP_MAYMOVE),
		  MAP_FAILED);
	EXPECT_EQ(errno, EFAULT);
}

/* The page shows nothing of the kernel's memory besides the time. */
TEST_F(clock, rest_of_the_page_is_zero)
{
	EXPECT_TRUE(is_zero((const char *)(self->clock + 1), self->page - sizeof(*self->clock)));
}

TEST_F(clock, module_is_held_while_mapped)
{
	close(self->fd);
	EXPECT_EQ(unload_named(NAME), -EWOULDBLOCK);
	/* A refused unload changes nothing. */
	EXPECT_TRUE(await_update(self->clock));
	munmap((void *)self->clock, self->page);
	EXPECT_EQ(unload_named(NAME), 0);
	EXPECT_EQ(access(PATH, F_OK), -1);
	/* The teardown unloads it. */
	EXPECT_EQ(load_named(NAME, ""), 0);
}

TEST(parameters_out_of_range_are_refused)
{
	static const char *const params[] = {
		"period_ms=0", "period_ms=1001", "period_ms=4294967295", "period_ms=-1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		EXPECT_EQ(load_named(NAME, params[i]), -EINVAL) {
			TH_LOG("%s", params[i]);
		}
		EXPECT_EQ(access(PATH, F_OK), -1);
	}
}

/* The page has the time of the load before the first update, which comes after a second here. */
TEST(shows_a_time_at_once)
{
	__s64 before = time_now(CLOCK_MONOTONIC);
	struct clock_page seen;

	ASSERT_EQ(reload_named(NAME, "period_ms=1000"), 0);
	seen = snapshot(map_clock(open(PATH, O_RDONLY)));
	EXPECT_GE(seen.sequence, 2);
	EXPECT_GE(seen.monotonic, before);
	EXPECT_LE(seen.monotonic, time_now(CLOCK_MONOTONIC));
}

/*
 * The timer is stopped before its code and its page are freed. If it were not, the
 * kernel would soon call into freed memory.
 */
TEST(unload_stops_the_timer)
{
	for (int i = 0; i < 50; i++) {
		ASSERT_EQ(reload_named(NAME, "period_ms=1"), 0);
		usleep(i * 100);
		ASSERT_EQ(unload_named(NAME), 0);
	}
	usleep(100000);
}

TEST(starts_anew_after_reload)
{
	const struct clock_page *clock;
	__s64 last = 0;

	for (int i = 0; i < 5; i++) {
		int fd;

		ASSERT_EQ(reload_named(NAME, ""), 0);
		fd = open(PATH, O_RDONLY);
		clock = map_clock(fd);
		ASSERT_NE(clock, MAP_FAILED);
		EXPECT_TRUE(await_update(clock));
		EXPECT_GT(snapshot(clock).monotonic, last);
		last = snapshot(clock).monotonic;
		munmap((void *)clock, page_size());
		close(fd);
	}
	EXPECT_EQ(unload_named(NAME), 0);
}

TEST_HARNESS_MAIN
