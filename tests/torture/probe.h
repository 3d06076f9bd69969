/* SPDX-License-Identifier: GPL-2.0 */
/* Finds out how a device of another driver can be mapped. */
#ifndef _SIMPLE_PROBE_H
#define _SIMPLE_PROBE_H

#include <stddef.h>

/* The largest mapping that is tried, and the largest offset, in pages. */
#define PROBE_PAGES 64

struct shape {
	size_t size;		/* in bytes, as SEEK_END has it; 0 if it has none */
	size_t first, pages;	/* what can be mapped of it */
	int prot, flags;	/* and how */
};

/* Opens it for reading and writing, or for one of them; -1 if neither is possible. */
int open_somehow(const char *path, int flags);

/* Finds a way to map it. Returns NULL, or the reason why there is none. */
const char *probe(const char *path, struct shape *shape);

#endif
