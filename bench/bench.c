// SPDX-License-Identifier: GPL-2.0
/*
 * Measures what mapping memory costs, for the devices and for what a program could map instead.
 *
 *	bench all|large|core|counts|threads
 *
 * "all" measures everything except the largest size, which "large" measures. "core" measures only
 * mapping allocated memory, reading it in sequence and unmapping it. "counts" does the same with
 * 4 MiB of the devices and of the C module. "threads" measures how the first touch scales.
 *
 * Unless the text says otherwise, the memory was written to before through another mapping, so that
 * the first touch of a new mapping does not allocate.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

/* What is measured. */
static const struct suite {
	const char *name;
	bool core;	/* measure the core operations only */
	bool counts;	/* measure the peers in the test of instruction counts only */
	size_t sizes[5];
	size_t new_size; /* of memory that is allocated when it is touched, if that is measured */
} suites[] = {
	{ .name = "all", .sizes = { 64 * KIB, MIB, 4 * MIB, 64 * MIB }, .new_size = 16 * MIB },
	{ .name = "large", .sizes = { 256 * MIB } },
	{ .name = "core", .core = true, .sizes = { 4 * MIB, 64 * MIB } },
	{
		.name = "counts", .core = true, .counts = true, .sizes = { 4 * MIB },
		.new_size = 16 * MIB,
	},
};

#define MAX_SIZE (256 * MIB)

/* The sizes that are given to read() and write(). */
#define MAX_PIECE MIB
static const size_t pieces[] = { 64, 4 * KIB, MAX_PIECE };

/* How often something is measured: fewer times for large sizes. */
#define ROUNDS 30
#define FEWEST_ROUNDS 3
#define BUDGET 200000000

/* The cost of a call of now() itself. */
static __u64 clock_cost;

/* Numbers of pages in a random order, the same in every run. */
static __u32 *shuffled;

/* The buffer that read() and write() copy to and from. */
static char *buf;

size_t page_size(void)
{
	static size_t size;

	if (!size)
		size = sysconf(_SC_PAGESIZE);
	return size;
}

__u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void measure_clock(void)
{
	int i;

	clock_cost = UINT64_MAX;
	for (i = 0; i < 100; i++) {
		__u64 start = now(), cost = now() - start;

		if (cost < clock_cost)
			clock_cost = cost;
	}
}

void add_sample(struct samples *samples, __u64 start, __u64 end)
{
	__u64 value = end - start;

	samples->value[samples->count++] = value > clock_cost ? value - clock_cost : 0;
}

/* A round with the largest size takes so long that interrupts and the like do not matter. */
static bool one_more(int done, __u64 begun, size_t size)
{
	if (done < (size == MAX_SIZE ? 1 : FEWEST_ROUNDS))
		return true;
	return done < ROUNDS && now() - begun < BUDGET;
}

static int compare(const void *a, const void *b)
{
	__u64 left = *(const __u64 *)a, right = *(const __u64 *)b;

	return (left > right) - (left < right);
}

void print_samples(const struct peer *peer, const char *operation, size_t size, size_t divisor,
		   struct samples *samples)
{
	int count = samples->count;
	__u64 *value = samples->value;

	qsort(value, count, sizeof(*value), compare);
	printf("%s\t%s\t%zu\t%zu\t%llu\t%llu\t%llu\n", peer->name, operation, size, divisor,
	       value[0], value[count / 2], value[count * 9 / 10]);
	fflush(stdout);
	samples->count = 0;
}

void read_pages(const char *at, size_t size)
{
	const size_t step = page_size();
	const char *end = at + size;

	for (; at != end; at += step)
		__atomic_load_n(at, __ATOMIC_RELAXED);
}

void write_pages(char *at, size_t size)
{
	const size_t step = page_size();
	char *end = at + size;

	for (; at != end; at += step)
		__atomic_store_n(at, 1, __ATOMIC_RELAXED);
}

/* Does the same in the random order. */
static void read_shuffled(const char *at, size_t size)
{
	const size_t step = page_size();
	size_t i;

	for (i = 0; i < size / step; i++)
		__atomic_load_n(at + shuffled[i] * step, __ATOMIC_RELAXED);
}

static void write_shuffled(char *at, size_t size)
{
	const size_t step = page_size();
	size_t i;

	for (i = 0; i < size / step; i++)
		__atomic_store_n(at + shuffled[i] * step, 1, __ATOMIC_RELAXED);
}

/* Fisher and Yates's shuffle, of the pages of @size bytes. */
static void shuffle(size_t size)
{
	size_t pages = size / page_size(), i;

	srandom(1);
	for (i = 0; i < pages; i++) {
		size_t other = random() % (i + 1);

		shuffled[i] = shuffled[other];
		shuffled[other] = i;
	}
}

static void unmap(char *at, size_t size)
{
	if (munmap(at, size))
		err(1, "munmap");
}

/* Opens the peer, and writes to its memory if that outlives a mapping. */
static int open_filled(const struct peer *peer, size_t size, off_t *offset)
{
	char *at;
	int fd;

	*offset = 0;
	if (!peer->open)
		return -1;
	fd = peer->open(peer, size, offset);
	if (fd < 0)
		err(1, "%s", peer->name);
	if (!peer->fresh) {
		at = peer_map(peer, fd, *offset, size);
		write_pages(at, size);
		unmap(at, size);
	}
	return fd;
}

static void measure_map(const struct peer *peer, int fd, off_t offset, size_t size)
{
	struct samples map = { 0 };
	__u64 start, begun = now();
	char *at;

	while (one_more(map.count, begun, size)) {
		start = now();
		at = peer_map(peer, fd, offset, size);
		add_sample(&map, start, now());
		unmap(at, size);
	}
	print_samples(peer, "mmap", size, 1, &map);
}

/* Measures the first touch in one of four ways, the second touch, and munmap. */
static void measure_touch(const struct peer *peer, int fd, off_t offset, size_t size,
			  const char *name, void (*read)(const char *at, size_t size),
			  void (*write)(char *at, size_t size), bool only_touch)
{
	struct samples touch = { 0 }, again = { 0 }, munmap = { 0 };
	const size_t pages = size / page_size();
	__u64 start, begun = now();
	char *at;

	while (one_more(touch.count, begun, size)) {
		at = peer_map(peer, fd, offset, size);
		start = now();
		if (read)
			read(at, size);
		else
			write(at, size);
		add_sample(&touch, start, now());

		start = now();
		read_pages(at, size);
		add_sample(&again, start, now());

		start = now();
		unmap(at, size);
		add_sample(&munmap, start, now());
	}
	print_samples(peer, name, size, pages, &touch);
	if (only_touch)
		return;
	print_samples(peer, "again", size, pages, &again);
	print_samples(peer, "munmap", size, pages, &munmap);
}

/* Measures the first touch of new memory, for peers that give it to each open file. */
static void measure_renewed(const struct peer *peer, size_t size)
{
	struct samples touch = { 0 };
	__u64 start, begun = now();
	off_t offset = 0;
	char *at;
	int fd;

	while (one_more(touch.count, begun, size)) {
		peer_prepare(peer, size);
		fd = peer->open(peer, size, &offset);
		if (fd < 0)
			err(1, "%s", peer->name);
		at = peer_map(peer, fd, offset, size);
		start = now();
		write_pages(at, size);
		add_sample(&touch, start, now());
		unmap(at, size);
		close(fd);
	}
	print_samples(peer, "new", size, size / page_size(), &touch);
}

/* Measures the first touch of new memory, for all peers that can be made to give new memory. */
static void measure_new(const struct peer *peer, size_t size)
{
	off_t offset;
	int fd;

	if (!peer_prepare(peer, size))
		return;
	if (peer->renew) {
		measure_renewed(peer, size);
	} else if (peer->fresh) {
		fd = open_filled(peer, size, &offset);
		measure_touch(peer, fd, offset, size, "new", NULL, write_pages, true);
		if (fd >= 0)
			close(fd);
	}
}

/* Measures fork by a process that has touched every page, and the child's touch of all of them. */
static void measure_fork(const struct peer *peer, int fd, off_t offset, size_t size)
{
	struct samples samples = { 0 };
	char *at = peer_map(peer, fd, offset, size);
	__u64 start, *end, begun = now();
	int status;
	pid_t pid;

	end = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (end == MAP_FAILED)
		err(1, "mmap");
	write_pages(at, size);
	while (one_more(samples.count, begun, size)) {
		start = now();
		pid = fork();
		if (!pid) {
			read_pages(at, size);
			*end = now();
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			err(1, "fork");
		add_sample(&samples, start, *end);
	}
	print_samples(peer, "fork", size, size / page_size(), &samples);
	munmap(end, page_size());
	unmap(at, size);
}

static void seek_to_start(int fd)
{
	if (lseek(fd, 0, SEEK_SET))
		err(1, "lseek");
}

/* Measures read(), write() and lseek(), and memcpy() from and to a mapping. */
static void measure_read_write(const struct peer *peer, int fd, off_t offset, size_t size)
{
	char *at = peer_map(peer, fd, offset, size);
	size_t i;

	memset(buf, 1, MAX_PIECE);
	write_pages(at, size);
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct samples seek = { 0 }, get = { 0 }, put = { 0 }, load = { 0 }, store = { 0 };
		ssize_t piece = pieces[i];
		int rounds = ROUNDS;
		__u64 start;

		while (rounds--) {
			start = now();
			seek_to_start(fd);
			add_sample(&seek, start, now());

			start = now();
			if (read(fd, buf, piece) != piece)
				err(1, "%s: read", peer->name);
			add_sample(&get, start, now());

			seek_to_start(fd);
			start = now();
			if (write(fd, buf, piece) != piece)
				err(1, "%s: write", peer->name);
			add_sample(&put, start, now());

			start = now();
			memcpy(buf, at, piece);
			/* Keeps the compiler from leaving out the copy, which nobody reads. */
			asm("" : : "r"(buf) : "memory");
			add_sample(&load, start, now());

			start = now();
			memcpy(at, buf, piece);
			asm("" : : "r"(at) : "memory");
			add_sample(&store, start, now());
		}
		print_samples(peer, "lseek", piece, 1, &seek);
		print_samples(peer, "read()", piece, 1, &get);
		print_samples(peer, "write()", piece, 1, &put);
		print_samples(peer, "memcpy from", piece, 1, &load);
		print_samples(peer, "memcpy to", piece, 1, &store);
	}
	unmap(at, size);
}

static void measure_open(const struct peer *peer)
{
	struct samples samples = { 0 };
	int rounds = ROUNDS, fd;
	off_t offset;
	__u64 start;

	while (rounds--) {
		start = now();
		fd = peer->open(peer, page_size(), &offset);
		if (fd < 0)
			err(1, "%s", peer->name);
		close(fd);
		add_sample(&samples, start, now());
	}
	print_samples(peer, "open", 0, 1, &samples);
}

/* Measures everything of one peer with one size. */
static void measure(const struct peer *peer, size_t size, bool core)
{
	off_t offset;
	int fd;

	if (!peer_prepare(peer, size))
		return;
	if (peer->renew && !core)
		measure_renewed(peer, size);
	fd = open_filled(peer, size, &offset);
	measure_map(peer, fd, offset, size);
	if (peer->fresh) {
		/* Reading would map the shared zero page. */
		measure_touch(peer, fd, offset, size, "new", NULL, write_pages, false);
	} else {
		measure_touch(peer, fd, offset, size, "read", read_pages, NULL, false);
		if (!core) {
			measure_touch(peer, fd, offset, size, "write", NULL, write_pages,
				      true);
			shuffle(size);
			measure_touch(peer, fd, offset, size, "read, random",
				      read_shuffled, NULL, true);
			measure_touch(peer, fd, offset, size, "write, random",
				      NULL, write_shuffled, true);
		}
	}
	if (!core) {
		measure_fork(peer, fd, offset, size);
		if (size == 4 * MIB && peer->read_write)
			measure_read_write(peer, fd, offset, size);
		if (size == 4 * MIB && peer->open)
			measure_open(peer);
	}
	if (fd >= 0)
		close(fd);
}

/* Allocates memory that fork does not copy, so that it adds nothing to the cost of fork. */
static void *own_memory(size_t size)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || madvise(at, size, MADV_DONTFORK))
		err(1, "mmap");
	write_pages(at, size);
	return at;
}

static void run_suite(const struct suite *suite)
{
	const struct peer *peer;
	const size_t *size;

	shuffled = own_memory(MAX_SIZE / page_size() * sizeof(*shuffled));
	buf = own_memory(MAX_PIECE);

	for (peer = peers; peer < peers + nr_peers; peer++) {
		if ((suite->counts && !peer->counted) || (suite->core && peer->fresh))
			continue;
		if (suite->new_size)
			measure_new(peer, suite->new_size);
		for (size = suite->sizes; *size; size++)
			measure(peer, *size, suite->core);
	}
}

int main(int argc, char **argv)
{
	const char *name = argc == 2 ? argv[1] : "";
	size_t i;

	measure_clock();
	if (!strcmp(name, "threads")) {
		for (i = 0; i < nr_peers; i++)
			if (peers[i].threads)
				measure_threads(&peers[i]);
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		if (!strcmp(name, suites[i].name)) {
			run_suite(&suites[i]);
			return 0;
		}
	}
	errx(2, "usage: bench all|large|core|counts|threads");
}
