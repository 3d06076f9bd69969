/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the benchmark share.
 */
#ifndef _SIMPLE_BENCH_H
#define _SIMPLE_BENCH_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Something that can be mapped. */
struct peer {
	const char *name;	/* in the tables */
	const char *needs;	/* a module that it needs, and that stays loaded */
	const char *module;	/* to load for each size, with that many pages */
	const char *params;	/* further parameters of the module */
	const char *path;	/* the file that @open opens */

	/* Opens @size bytes of it, from *@offset on, if it is more than anonymous memory. */
	int (*open)(const struct peer *peer, size_t size, off_t *offset);

	bool private;		/* is mapped with MAP_PRIVATE */
	bool huge;		/* needs transparent huge pages */
	bool fresh;		/* every mapping has new memory */
	bool renew;		/* preparing and opening it again gives new memory */
	bool read_write;	/* has read(), write() and lseek() */
	bool counted;		/* is in the test of instruction counts */
	bool threads;		/* is measured with threads */
	size_t max_size;	/* the largest size that it can have, 0 without limit */
};

extern const struct peer peers[];
extern const size_t nr_peers;

/* Prepares memory of this size, so that it can be opened. False if this kernel has none. */
bool peer_prepare(const struct peer *peer, size_t size);

/* Maps all of it, for reading and writing. */
char *peer_map(const struct peer *peer, int fd, off_t offset, size_t size);

size_t page_size(void);

/* The time in nanoseconds; with QEMU's -icount, the number of instructions executed so far. */
__u64 now(void);

/* Reads or writes one byte of each page of @size bytes. */
void read_pages(const char *at, size_t size);
void write_pages(char *at, size_t size);

/* How first touch scales with threads. */
void measure_threads(const struct peer *peer);

/* Several measurements of one figure. */
#define MAX_SAMPLES 64
struct samples {
	int count;
	__u64 value[MAX_SAMPLES];
};

void add_sample(struct samples *samples, __u64 start, __u64 end);

/*
 * A line of output: the peer, the operation, the size in bytes, what to divide by for one page or
 * one call, and the least, the median and the 90th percentile of the samples.
 */
void print_samples(const struct peer *peer, const char *operation, size_t size, size_t divisor,
		   struct samples *samples);

#endif
