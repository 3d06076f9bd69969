// SPDX-License-Identifier: GPL-2.0
/* misc FIRST SECOND PLAIN: tests the devices of driver.rs, whose nodes these are. */
#define _GNU_SOURCE
#include "misc.h"
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void put(char *at, const char *text)
{
	memcpy(at, text, strlen(text) + 1);
}

static void check(int holds, const char *what)
{
	if (!holds)
		errx(1, "not so: %s (errno %d)", what, errno);
	printf("%s\n", what);
}

static int open_device(const char *path)
{
	int fd = open(path, O_RDWR);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static unsigned int minor_of(const char *path)
{
	struct stat stat_buf;

	if (stat(path, &stat_buf))
		err(1, "%s", path);
	return minor(stat_buf.st_rdev);
}

static struct misc_counts counts_of(int fd)
{
	struct misc_counts counts;

	if (ioctl(fd, MISC_COUNTS, &counts))
		err(1, "MISC_COUNTS");
	return counts;
}

static void test_ioctls(int fd)
{
	struct misc_words words = { .halves = { 0xffffffff, 7 } };

	check(ioctl(fd, MISC_WORDS, &words) == 0, "ioctl: a structure is copied in");
	check(words.halves[0] == 7 && words.halves[1] == 0xffffffff && words.sum == 0x100000006,
	      "ioctl: a structure is copied out");
	check(ioctl(fd, MISC_WORDS, NULL) == -1 && errno == EFAULT,
	      "ioctl: a null pointer is EFAULT");
	check(ioctl(fd, MISC_WORDS + 100) == -1 && errno == ENOTTY,
	      "ioctl: an unknown command is ENOTTY");
	check(ioctl(fd, MISC_IS_COMPAT) == 0, "ioctl: compat_ioctl is not called");
}

#ifdef __x86_64__
/* Calls ioctl as a 32-bit process does: by int $0x80, with an address below 4 GiB. */
static int ioctl_32(int fd, unsigned int cmd, void *arg)
{
	long result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(54L), "b"((long)fd), "c"((long)cmd), "d"(arg)
		     : "memory", "r8", "r9", "r10", "r11");
	errno = (int)result < 0 ? -(int)result : 0;
	return (int)result < 0 ? -1 : (int)result;
}
#endif

static void test_compat(int fd, int plain)
{
#ifdef __x86_64__
	struct misc_words *words = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (words == MAP_FAILED)
		err(1, "mmap");
	check(ioctl_32(fd, MISC_IS_COMPAT, NULL) == 1, "compat: compat_ioctl is called");
	check(ioctl_32(plain, MISC_IS_COMPAT, NULL) == 0,
	      "compat: ioctl is called if there is no compat_ioctl");
	words->halves[0] = 1;
	check(ioctl_32(fd, MISC_WORDS, words) == 0 && words->halves[1] == 1,
	      "compat: compat_ioctl copies a structure in and out");
	check(ioctl_32(plain, MISC_WORDS, words) == 0 && words->halves[0] == 1,
	      "compat: ioctl copies a structure in and out");
	check(ioctl_32(fd, MISC_IS_COMPAT + 100, NULL) == -1 && errno == ENOTTY,
	      "compat: an unknown command is ENOTTY");
#endif
}

static void test_release(const char *path, int fd)
{
	struct misc_counts before = counts_of(fd), now;
	int file = open_device(path), copy = dup(file), installed = ioctl(file, MISC_DUP);
	char *at;

	check(installed > 0, "ioctl: a file can be given another descriptor");
	at = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, installed, 0);
	if (at == MAP_FAILED)
		err(1, "mmap");
	close(file);
	close(copy);
	check(counts_of(installed).released == before.released,
	      "release: not called while a descriptor is open");
	close(installed);
	now = counts_of(fd);
	check(now.opened == before.opened + 1 && now.released == before.released,
	      "release: not called while the file is mapped");
	put(at, "still there");
	munmap(at, getpagesize());
	check(counts_of(fd).released == before.released + 1,
	      "release: called once, after the last use of the file");
}

static void test_credentials(const char *path, int fd)
{
	int file;

	if (seteuid(1234))
		err(1, "seteuid");
	file = open_device(path);
	if (seteuid(0))
		err(1, "seteuid");
	check(counts_of(fd).euid == 1234, "open: the driver knows who opens the file");
	close(file);
}

/* The wait status of a child that reads from the address. */
static int touch_in_child(char *at)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(__atomic_load_n(at, __ATOMIC_RELAXED) != 1);
	if (child < 0 || waitpid(child, &status, 0) != child)
		err(1, "fork");
	return status;
}

static void test_dontcopy(int fd)
{
	int page = getpagesize(), deny, failed;
	char *at;

	for (deny = 0; deny <= (MISC_DENY_COPY | MISC_DENY_EXPAND); deny++) {
		if (ioctl(fd, MISC_DENY, deny))
			err(1, "MISC_DENY");
		at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (at == MAP_FAILED)
			err(1, "mmap");
		*at = 1;
		if (!(deny & MISC_DENY_COPY)) {
			check(touch_in_child(at) == 0, "fork: a child has the mapping");
		} else {
			check(WTERMSIG(touch_in_child(at)) == SIGSEGV,
			      "fork: a child does not get a mapping with deny_copy()");
			check(*at == 1, "fork: the parent keeps a mapping with deny_copy()");
			failed = madvise(at, page, MADV_DOFORK);
			if (deny & MISC_DENY_EXPAND)
				check(failed && errno == EINVAL && touch_in_child(at) != 0,
				      "fork: MADV_DOFORK fails with deny_copy() and deny_expand()");
			else
				check(!failed && touch_in_child(at) == 0,
				      "fork: MADV_DOFORK undoes deny_copy()");
		}
		munmap(at, page);
	}
}

static int events_of(int fd, int timeout)
{
	struct pollfd poll_fd = {
		.fd = fd,
		.events = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLPRI,
	};

	if (poll(&poll_fd, 1, timeout) < 0)
		err(1, "poll");
	return poll_fd.revents;
}

static void test_polls(int fd)
{
	static const struct {
		int bits;
		int events;
		const char *what;
	} all[] = {
		{ 0, 0, "poll: no event" },
		{ MISC_IS_READABLE, POLLIN | POLLRDNORM, "poll: readable" },
		{ MISC_IS_WRITABLE, POLLOUT | POLLWRNORM, "poll: writable" },
		{ MISC_IS_PRIORITY, POLLPRI, "poll: priority" },
		{ MISC_IS_ERROR, POLLERR, "poll: error" },
		{ MISC_IS_HANGUP, POLLHUP, "poll: hangup" },
		{ MISC_IS_READABLE | MISC_IS_HANGUP, POLLIN | POLLRDNORM | POLLHUP,
		  "poll: two events at once" },
		{ MISC_FAILS, POLLERR | POLLHUP, "poll: an error of the driver's" },
	};
	unsigned int i;
	pid_t child;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		ioctl(fd, MISC_EVENTS, all[i].bits);
		check(events_of(fd, 0) == all[i].events, all[i].what);
	}
	ioctl(fd, MISC_EVENTS, 0);
	child = fork();
	if (child == 0) {
		usleep(100000);
		_exit(ioctl(fd, MISC_EVENTS, MISC_IS_PRIORITY) != 0);
	}
	check(events_of(fd, 10000) == POLLPRI, "poll: a waiting process is woken");
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	int first, second, plain;

	setbuf(stdout, NULL);
	if (argc != 4)
		errx(1, "misc FIRST SECOND PLAIN");
	first = open_device(argv[1]);
	second = open_device(argv[2]);
	plain = open_device(argv[3]);
	check(minor_of(argv[1]) == 19, "minors: the first device has the one that was asked for");
	check(minor_of(argv[2]) > 255, "minors: the kernel chose that of the second device");

	test_ioctls(first);
	test_compat(first, plain);
	test_release(argv[1], first);
	check(counts_of(second).opened == 1 && counts_of(second).released == 0,
	      "devices: the second has counts of its own");
	test_credentials(argv[2], second);
	test_dontcopy(first);
	test_polls(first);
	check(events_of(second, 0) == 0, "devices: the second has no events of the first");
	return 0;
}
