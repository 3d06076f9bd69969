// SPDX-License-Identifier: GPL-2.0
/* Faults of single pages of simplen; the contiguous memory of simpler. */

#include "suite.h"

#define PAGES 256
#define THREADS 8

FIXTURE(fault)
{
	size_t page;
	int fd;
	char *addr;
};

FIXTURE_SETUP(fault)
{
	self->page = page_size();
	ASSERT_EQ(reload_module("pages=256 order=0"), 0);
	self->fd = open("/dev/simplen", O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->addr = map_shared(self->fd, PAGES, 0);
	ASSERT_NE(self->addr, MAP_FAILED);
}

FIXTURE_TEARDOWN_PARENT(fault)
{
	EXPECT_EQ(counter("simplen", "vmas"), 0);
	EXPECT_EQ(unload_module(), 0);
}

TEST_F(fault, page_comes_when_touched)
{
	for (size_t i = 0; i < PAGES; i++)
		ASSERT_EQ(phys_at(self->addr + i * self->page), 0);
	EXPECT_EQ(self->addr[7 * self->page], 0);
	self->addr[9 * self->page] = 1;
	for (size_t i = 0; i < PAGES; i++)
		ASSERT_EQ(phys_at(self->addr + i * self->page) != 0, i == 7 || i == 9);
	EXPECT_EQ(counter("simplen", "faults"), 2);
	EXPECT_EQ(counter("simplen", "pages"), 2);
}

TEST(region_takes_memory_only_for_touched_pages)
{
	const size_t page = page_size();
	long before, after;
	char *addr;
	int fd;

	/* The load allocates all of simpler's region, and nothing of simplen's. */
	ASSERT_EQ(reload_module("pages=16384 trace=0"), 0);
	before = free_memory();
	fd = open("/dev/simplen", O_RDWR);
	addr = map_shared(fd, 16384, 0);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_LT(memory_lost(before, 1023), 1024);
	for (size_t i = 0; i < 16384; i++)
		ASSERT_EQ(addr[i * page], 0);
	after = free_memory();
	EXPECT_GE(before - after, (long)(16384 * page / 1024 * 9 / 10));
	/* The pages stay allocated when they are unmapped. */
	munmap(addr, 16384 * page);
	EXPECT_LT(free_memory() - after, 4096);
	close(fd);
	EXPECT_EQ(unload_module(), 0);
}

struct race {
	pthread_barrier_t *start;
	char *addr;
	size_t page;
	int number;
};

static void *touch_all(void *arg)
{
	struct race *race = arg;

	for (size_t i = 0; i < PAGES; i++) {
		pthread_barrier_wait(race->start);
		__atomic_fetch_add((int *)(race->addr + i * race->page), 1, __ATOMIC_RELAXED);
		race->addr[i * race->page + 64 + race->number] = 1;
	}
	return NULL;
}

/* All threads touch the same page at once. If two pages resulted, a count would be lost. */
TEST_F(fault, threads_that_race_get_one_page)
{
	pthread_barrier_t start;
	pthread_t threads[THREADS];
	struct race races[THREADS];

	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		/* Every other thread uses a mapping of its own. */
		char *addr = i % 2 ? map_shared(self->fd, PAGES, 0) : self->addr;

		ASSERT_NE(addr, MAP_FAILED);
		races[i] = (struct race){ &start, addr, self->page, i };
		ASSERT_EQ(pthread_create(&threads[i], NULL, touch_all, &races[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < PAGES; i++) {
		ASSERT_EQ(*(int *)(self->addr + i * self->page), THREADS);
		for (int j = 0; j < THREADS; j++)
			ASSERT_EQ(self->addr[i * self->page + 64 + j], 1);
	}
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
}

TEST_F(fault, processes_that_race_get_one_page)
{
	pthread_barrier_t *start = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t shared;
	int status;

	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(start, &shared, THREADS);
	for (int i = 0; i < THREADS; i++) {
		pid_t pid = fork();

		ASSERT_GE(pid, 0);
		if (!pid) {
			struct race race = { start, self->addr, self->page, i };

			touch_all(&race);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		EXPECT_EQ(status, 0);
	for (size_t i = 0; i < PAGES; i++)
		ASSERT_EQ(*(int *)(self->addr + i * self->page), THREADS);
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
}

TEST_F(fault, past_the_end_is_sigbus)
{
	char *grown = mremap(self->addr, PAGES * self->page, (PAGES + 4) * self->page,
			     MREMAP_MAYMOVE);

	ASSERT_NE(grown, MAP_FAILED);
	EXPECT_EQ(signal_of_access(grown + (PAGES - 1) * self->page, true), 0);
	EXPECT_EQ(signal_of_access(grown + PAGES * self->page, true), SIGBUS);
	EXPECT_EQ(signal_of_access(grown + (PAGES + 3) * self->page, false), SIGBUS);
	munmap(grown, (PAGES + 4) * self->page);
}

/* After MADV_DONTNEED, a fault maps the same page again. */
TEST_F(fault, dontneed_keeps_the_page)
{
	__u64 phys;

	put_text(self->addr, "kept");
	phys = phys_at(self->addr);
	ASSERT_EQ(madvise(self->addr, self->page, MADV_DONTNEED), 0);
	EXPECT_EQ(phys_at(self->addr), 0);
	EXPECT_STREQ(self->addr, "kept");
	EXPECT_EQ(phys_at(self->addr), phys);
}

/* More pages than the page allocator gives at once. */
#define REGION (2 * 2048 + 52)

FIXTURE(contiguous)
{
	size_t page;
	int fd;
	char *whole;
};

/* Maps the whole region, and writes its number to each page, counted from 1. */
FIXTURE_SETUP(contiguous)
{
	char params[32];

	self->page = page_size();
	sprintf(params, "pages=%d", REGION);
	ASSERT_EQ(reload_module(params), 0);
	clear_log();
	self->fd = open("/dev/simpler", O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->whole = map_shared(self->fd, REGION, 0);
	ASSERT_NE(self->whole, MAP_FAILED);
	for (size_t i = 0; i < REGION; i++)
		*(size_t *)(self->whole + i * self->page) = i + 1;
}

FIXTURE_TEARDOWN_PARENT(contiguous)
{
	EXPECT_EQ(counter("simpler", "vmas"), 0);
	EXPECT_EQ(unload_module(), 0);
}

static size_t number_in(const char *page)
{
	return *(const size_t *)page;
}

TEST_F(contiguous, region_maps_as_one)
{
	for (size_t i = 0; i < REGION; i++)
		ASSERT_EQ(number_in(self->whole + i * self->page), i + 1);
	EXPECT_EQ(mmap_errno(self->fd, (REGION + 1) * self->page, PROT_READ, MAP_SHARED, 0),
		  EINVAL);
}

TEST_F(contiguous, region_is_one_range_of_physical_memory)
{
	const __u64 phys = last_in_log(", phys ");
	__u64 word;

	for (size_t i = 0; i < REGION; i++) {
		ASSERT_TRUE(read_phys(phys + i * self->page, &word, sizeof(word)));
		ASSERT_EQ(word, i + 1);
	}
}

TEST_F(contiguous, trace_tells_where_a_part_of_it_is)
{
	const __u64 phys = last_in_log(", phys ");

	ASSERT_NE(map_shared(self->fd, 3, 1000), MAP_FAILED);
	EXPECT_EQ(last_in_log(", phys "), phys + 1000 * self->page);
	ASSERT_NE(map_shared(self->fd, 1, REGION - 1), MAP_FAILED);
	EXPECT_EQ(last_in_log(", phys "), phys + (REGION - 1) * self->page);
}

/* Ranges of pages, among them unaligned ones, and ones that are larger than a huge page. */
static const struct { size_t first, pages; } ranges[] = {
	{ 0, 1 }, { 0, REGION }, { 1, REGION - 1 }, { 511, 2 }, { 512, 512 }, { 1021, 1030 },
	{ 1023, 1 }, { 1023, 2 }, { 1024, 1024 }, { 2047, 2 }, { 2048, 2048 }, { 4095, 53 },
	{ REGION - 1, 1 },
};

TEST_F(contiguous, shared_mapping_anywhere_in_it)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		char *part = map_shared(self->fd, ranges[i].pages, ranges[i].first);

		ASSERT_NE(part, MAP_FAILED);
		for (size_t j = 0; j < ranges[i].pages; j++)
			ASSERT_EQ(number_in(part + j * self->page), ranges[i].first + j + 1);
		munmap(part, ranges[i].pages * self->page);
	}
}

/* The kernel allows private mappings of page frames only if these are contiguous. */
TEST_F(contiguous, private_mapping_anywhere_in_it)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		const size_t pages = ranges[i].pages, first = ranges[i].first;
		char *part = map_private(self->fd, pages, first);

		ASSERT_NE(part, MAP_FAILED);
		for (size_t j = 0; j < pages; j++) {
			ASSERT_EQ(number_in(part + j * self->page), first + j + 1);
			if (j % 3 == 0)
				*(size_t *)(part + j * self->page) = 5000 + j;
		}
		for (size_t j = 0; j < pages; j++)
			ASSERT_EQ(number_in(part + j * self->page),
				  j % 3 ? first + j + 1 : 5000 + j);
		munmap(part, pages * self->page);
	}
	for (size_t i = 0; i < REGION; i++)
		ASSERT_EQ(number_in(self->whole + i * self->page), i + 1);
}

TEST_F(contiguous, private_mapping_that_is_split_and_moved)
{
	char *target = reserve(10 * self->page, self->page), *addr;

	addr = map_private(self->fd, 40, 2040);
	ASSERT_NE(addr, MAP_FAILED);
	*(size_t *)(addr + 12 * self->page) = 5000;
	ASSERT_EQ(munmap(addr + 3 * self->page, self->page), 0);
	ASSERT_EQ(mremap(addr + 10 * self->page, 10 * self->page, 10 * self->page,
			 MREMAP_MAYMOVE | MREMAP_FIXED, target), target);
	EXPECT_EQ(number_in(target), 2051);
	EXPECT_EQ(number_in(target + 2 * self->page), 5000);
	/* A write after the split and the move copies the page. */
	*(size_t *)(target + 9 * self->page + 8) = 1;
	EXPECT_EQ(number_in(target + 9 * self->page), 2060);
	EXPECT_EQ(number_in(self->whole + 2059 * self->page + 8), 0);
	EXPECT_EQ(number_in(addr + 39 * self->page), 2080);
}

TEST_F(contiguous, private_mapping_past_its_end_is_refused)
{
	const int prot = PROT_READ | PROT_WRITE;

	EXPECT_EQ(mmap_errno(self->fd, 2 * self->page, prot, MAP_PRIVATE,
			     (REGION - 1) * self->page), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, (REGION + 1) * self->page, prot, MAP_PRIVATE, 0), EINVAL);
	EXPECT_EQ(counter("simpler", "vmas"), 1);
}

TEST_HARNESS_MAIN
