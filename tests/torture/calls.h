/* SPDX-License-Identifier: GPL-2.0 */
/* What fuzz.c and calls.c share: the fuzzer's processes make the calls, its parent counts them. */
#ifndef _SIMPLE_CALLS_H
#define _SIMPLE_CALLS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "probe.h"

/* More than there are kinds of calls, and than there are bursts at a time. */
#define MAX_CALLS 160
#define MAX_SLOTS 8

/* Pages of the card's memory that the fuzzer may do anything to. */
#define WINDOW_PAGES 256

/* The devices that the calls are made on. */
struct target {
	const char *path;	/* of another driver's device; NULL for both of ours */
	struct shape shape;	/* and how that can be mapped */
	bool physical;
	size_t huge_pages;	/* huge: the pages that a huge one has */
	__u64 size;	/* of each device's region, in bytes */
	__u64 card;	/* physical: where the graphics card's memory begins */
	__u64 ram;	/* physical: where some RAM begins, which must not be reached */
};

/* The memory that all processes of the fuzzer share. */
struct report {
	struct { __u64 ok, failed; } counts[MAX_CALLS];
	__u64 progress[MAX_SLOTS];	/* of each slot: grows with every call */
	char failure[200];		/* the first thing that should not have happened */
};

/* The name of the kind of call with this number, NULL if there are fewer kinds. */
const char *call_name(unsigned int number);

/* Makes the calls of one burst, in a process of its own that ends with it. */
void run_burst(const struct target *target, struct report *report, int slot, __u64 seed);

#endif
