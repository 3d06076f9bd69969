// SPDX-License-Identifier: GPL-2.0
/* door DEVICE: tests mappings of a character device that has a page for each open file. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf bus;

static void on_bus(int sig)
{
	siglongjmp(bus, 1);
}

static void put(char *at, const char *text)
{
	memcpy(at, text, strlen(text) + 1);
}

static void check(int holds, const char *what)
{
	if (!holds)
		errx(1, "not so: %s", what);
	printf("%s\n", what);
}

static char *map(int fd, int pages, int flags)
{
	char *at = mmap(NULL, pages * getpagesize(), PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED)
		err(1, "mmap");
	return at;
}

static int remove_module(void)
{
	return syscall(SYS_delete_module, "door", O_NONBLOCK);
}

int main(int argc, char **argv)
{
	int page = getpagesize(), fd, other, status;
	char *a, *b, *c, *d;
	pid_t child;

	setbuf(stdout, NULL);
	if (argc != 2)
		errx(1, "door DEVICE");
	fd = open(argv[1], O_RDWR);
	other = open(argv[1], O_RDWR);
	if (fd < 0 || other < 0)
		err(1, "%s", argv[1]);

	a = map(fd, 2, MAP_SHARED);
	b = map(fd, 1, MAP_SHARED);
	d = map(other, 1, MAP_SHARED);
	put(a, "written");
	check(strcmp(b, "written") == 0, "two mappings of a file show the same page");
	check(d[0] == 0, "another file has another page");

	signal(SIGBUS, on_bus);
	if (sigsetjmp(bus, 1) == 0) {
		a[page] = 1;
		errx(1, "touching a second page is no SIGBUS");
	}
	check(1, "touching a second page is a SIGBUS");
	c = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	check(c == MAP_FAILED && errno == EPERM, "an executable mapping is refused");

	child = fork();
	if (child == 0) {
		put(b, "by the child");
		_exit(munmap(a, 2 * page) != 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		err(1, "fork");
	check(status == 0 && strcmp(a, "by the child") == 0, "a child writes to the same page");

	if (munmap(b, page))
		err(1, "munmap");
	check(strcmp(a, "by the child") == 0, "after one munmap, the other mapping keeps the page");

	b = map(fd, 1, MAP_PRIVATE);
	put(b, "privately");
	check(strcmp(a, "by the child") == 0, "a write to a private mapping goes to a copy");

	close(fd);
	close(other);
	check(remove_module() == -1 && errno == EWOULDBLOCK,
	      "rmmod is refused while a mapping exists");
	check(strcmp(a, "by the child") == 0, "the refused rmmod leaves the mapping");
	if (munmap(a, 2 * page) || munmap(b, page) || munmap(d, page))
		err(1, "munmap");
	check(remove_module() == 0, "rmmod succeeds when all is unmapped");
	return 0;
}
