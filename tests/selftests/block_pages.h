/* SPDX-License-Identifier: GPL-2.0 */
/* How large the blocks are that the region of simpler is made of. */
#ifndef _BLOCK_PAGES_H
#define _BLOCK_PAGES_H

#include <stdio.h>

/*
 * How many pages a whole block has: as many as the page allocator gives at
 * once. /proc/buddyinfo has a column for each power of two up to that.
 */
static inline size_t block_pages(void)
{
	FILE *file = fopen("/proc/buddyinfo", "r");
	int orders = 0;
	long free;

	fscanf(file, "Node %*d, zone %*s");
	while (fscanf(file, "%ld", &free) == 1)
		orders++;
	fclose(file);
	return (size_t)1 << (orders - 1);
}

#endif
