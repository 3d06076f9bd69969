// SPDX-License-Identifier: GPL-2.0
/*
 * Measures how the first touch scales with threads, in one mapping for all and in one for each.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define SIZE ((size_t)32 * 1024 * 1024)
#define MAX_THREADS 4
#define ROUNDS 9

/* What one thread does. */
struct part {
	pthread_t thread;
	char *at;
	size_t size;
	__u64 start, end;
};

static pthread_barrier_t together;

static void *touch(void *arg)
{
	struct part *part = arg;

	pthread_barrier_wait(&together);
	part->start = now();
	read_pages(part->at, part->size);
	part->end = now();
	return NULL;
}

/* Measures the time from the start of the first thread to the end of the last one. */
static void run(struct part *part, int threads, struct samples *samples)
{
	__u64 start, end;
	int i;

	pthread_barrier_init(&together, NULL, threads);
	for (i = 0; i < threads; i++)
		if (pthread_create(&part[i].thread, NULL, touch, &part[i]))
			errx(1, "pthread_create");
	for (i = 0; i < threads; i++)
		pthread_join(part[i].thread, NULL);
	pthread_barrier_destroy(&together);

	start = part[0].start;
	end = part[0].end;
	for (i = 1; i < threads; i++) {
		if (part[i].start < start)
			start = part[i].start;
		if (part[i].end > end)
			end = part[i].end;
	}
	add_sample(samples, start, end);
}

/* Every thread touches its own part of the memory, which was written to before. */
static void measure_with(const struct peer *peer, int fd, off_t offset, int threads, bool separate)
{
	struct samples samples = { 0 };
	struct part part[MAX_THREADS];
	const size_t size = SIZE / threads;
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		char *at = separate ? NULL : peer_map(peer, fd, offset, SIZE);

		for (i = 0; i < threads; i++) {
			part[i].size = size;
			part[i].at = separate ? peer_map(peer, fd, offset + i * size, size) :
						at + i * size;
		}
		run(part, threads, &samples);
		for (i = 0; i < threads; i++)
			munmap(part[i].at, size);
	}
	print_samples(peer, separate ? "separate VMAs" : "one VMA", threads, SIZE / page_size(),
		      &samples);
}

void measure_threads(const struct peer *peer)
{
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);
	off_t offset = 0;
	int threads, fd;
	char *at;

	if (!peer_prepare(peer, SIZE))
		return;
	fd = peer->open(peer, SIZE, &offset);
	if (fd < 0)
		err(1, "%s", peer->name);
	at = peer_map(peer, fd, offset, SIZE);
	write_pages(at, SIZE);
	munmap(at, SIZE);
	for (threads = 1; threads <= MAX_THREADS && threads <= processors; threads *= 2) {
		measure_with(peer, fd, offset, threads, false);
		measure_with(peer, fd, offset, threads, true);
	}
	close(fd);
}
