// SPDX-License-Identifier: GPL-2.0
/*
 * Finds a way to map a device of which nothing is known: the smallest number of pages, at the
 * smallest offset, writable and shared if it can be. Nothing is touched.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

int open_somehow(const char *path, int flags)
{
	static const int ways[] = { O_RDWR, O_RDONLY, O_WRONLY };
	int fd = -1;

	for (size_t i = 0; i < ARRAY_SIZE(ways) && fd < 0; i++)
		fd = open(path, ways[i] | flags | O_CLOEXEC);
	return fd;
}

/* Whether it can be mapped so, in any way. */
static bool can_map(int fd, struct shape *shape)
{
	static const struct { int prot, flags; } ways[] = {
		{ PROT_READ | PROT_WRITE, MAP_SHARED },
		{ PROT_READ | PROT_WRITE, MAP_PRIVATE },
		{ PROT_READ, MAP_SHARED },
		{ PROT_READ, MAP_PRIVATE },
	};
	const size_t page = sysconf(_SC_PAGESIZE);
	void *addr = MAP_FAILED;

	for (size_t i = 0; i < ARRAY_SIZE(ways) && addr == MAP_FAILED; i++) {
		shape->prot = ways[i].prot;
		shape->flags = ways[i].flags;
		addr = mmap(NULL, shape->pages * page, shape->prot, shape->flags, fd,
			    shape->first * page);
	}
	if (addr == MAP_FAILED)
		return false;
	munmap(addr, shape->pages * page);
	return true;
}

const char *probe(const char *path, struct shape *shape)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	int fd = open_somehow(path, 0), first_errno = 0;
	static char reason[200];
	off_t end;

	*shape = (struct shape){};
	if (fd < 0) {
		snprintf(reason, sizeof(reason), "%s cannot be opened: %s", path, strerror(errno));
		return reason;
	}
	end = lseek(fd, 0, SEEK_END);
	if (end > 0)
		shape->size = end;
	for (shape->first = 0; shape->first <= PROBE_PAGES; shape->first++) {
		for (shape->pages = 1; shape->pages <= PROBE_PAGES; shape->pages++) {
			if (can_map(fd, shape))
				goto found;
			if (!first_errno)
				first_errno = errno;
		}
		/* If the device has more pages than that, try a mapping of all of it. */
		shape->pages = (shape->size + page - 1) / page;
		if (shape->pages > PROBE_PAGES && can_map(fd, shape))
			goto found;
	}
	close(fd);
	snprintf(reason, sizeof(reason),
		 "no mmap of %s succeeded: one page of it cannot be mapped (%s), and neither can 2 to %d, from any of its first pages on",
		 path, strerror(first_errno), PROBE_PAGES);
	return reason;

found:
	close(fd);
	return NULL;
}
