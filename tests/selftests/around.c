// SPDX-License-Identifier: GPL-2.0
/*
 * The pages around a fault of simplen: which ones it maps besides the one that
 * was touched.
 */

#include "simple.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* Pages of the region, and of a window in it with the default of around=. */
#define PAGES 256
#define WINDOW 16
#define THREADS 8

/* Allocates pages without mapping them; each has its number in it, counted from 1. */
static void fill(int fd, size_t first, size_t pages)
{
	for (size_t i = first + 1; i <= first + pages; i++)
		if (pwrite(fd, &i, sizeof(i), (i - 1) * page_size()) != sizeof(i))
			abort();
}

/* Maps pages of the region, the first one at an address that is the multiple of a window. */
static char *map_aligned(int fd, int prot, int flags, size_t first, size_t pages, size_t window)
{
	char *addr = reserve(pages * page_size(), window * page_size());

	return mmap(addr, pages * page_size(), prot, flags | MAP_FIXED, fd, first * page_size());
}

static size_t number_in(const char *page)
{
	return *(const size_t *)page;
}

FIXTURE(around)
{
	size_t page;
	int fd;
	char *addr;
};

/* The region mapped as a whole, aligned; nothing is allocated. */
FIXTURE_SETUP(around)
{
	self->page = page_size();
	ASSERT_EQ(reload_module("pages=256"), 0);
	self->fd = open("/dev/simplen", O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->addr = map_aligned(self->fd, PROT_READ | PROT_WRITE, MAP_SHARED, 0, PAGES, WINDOW);
	ASSERT_NE(self->addr, MAP_FAILED);
}

FIXTURE_TEARDOWN_PARENT(around)
{
	EXPECT_EQ(counter("simplen", "vmas"), 0);
	EXPECT_EQ(unload_if_module(), 0);
}

/* Of the pages of the mapping exactly these are mapped. */
#define EXPECT_MAPPED(first, count) \
	do { \
		const size_t wanted = count; \
		EXPECT_EQ(mapped_pages(self->addr + (first) * self->page, wanted), wanted); \
		EXPECT_EQ(mapped_pages(self->addr, PAGES), wanted); \
	} while (0)

TEST_F(around, fault_maps_the_window_that_it_is_in)
{
	fill(self->fd, 0, PAGES);
	EXPECT_EQ(number_in(self->addr + 21 * self->page), 22);
	EXPECT_MAPPED(16, 16);
	EXPECT_EQ(counter("simplen", "faults"), 1);
	EXPECT_EQ(faults_of_reading(self->addr + 16 * self->page, 16), 0);
	for (size_t i = 16; i < 32; i++)
		EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
	EXPECT_EQ(counter("simplen", "faults"), 1);
}

TEST_F(around, first_write_maps_it_too_and_for_writing)
{
	fill(self->fd, 0, PAGES);
	self->addr[47 * self->page + 8] = 47;
	EXPECT_MAPPED(32, 16);
	for (size_t i = 32; i < 48; i++)
		self->addr[i * self->page + 8] = i;
	EXPECT_EQ(counter("simplen", "faults"), 1);
	for (size_t i = 32; i < 48; i++) {
		char byte;

		ASSERT_EQ(pread(self->fd, &byte, 1, i * self->page + 8), 1);
		EXPECT_EQ(byte, i);
	}
}

TEST_F(around, nothing_is_allocated_for_it)
{
	for (size_t i = 0; i < PAGES; i += 7)
		EXPECT_EQ(self->addr[i * self->page], 0);
	EXPECT_EQ(counter("simplen", "pages"), (PAGES + 6) / 7);
	EXPECT_EQ(mapped_pages(self->addr, PAGES), (PAGES + 6) / 7);
	EXPECT_EQ(counter("simplen", "faults"), (PAGES + 6) / 7);
}

/* From the touched page to both sides, as far as pages follow one another. */
TEST_F(around, row_ends_where_a_page_does_not_exist)
{
	fill(self->fd, 0, 3);
	fill(self->fd, 4, 7);
	fill(self->fd, 12, 8);
	EXPECT_EQ(number_in(self->addr + 8 * self->page), 9);
	EXPECT_MAPPED(4, 7);
	EXPECT_EQ(counter("simplen", "pages"), 18);
}

/* Where memory is touched for the first time, there is nothing around it to be looked for. */
TEST_F(around, fresh_page_is_mapped_alone)
{
	fill(self->fd, 0, 5);
	fill(self->fd, 6, 4);
	EXPECT_EQ(self->addr[5 * self->page], 0);
	EXPECT_MAPPED(5, 1);
	EXPECT_EQ(counter("simplen", "pages"), 10);
}

TEST_F(around, window_is_cut_at_the_ends_of_the_vma)
{
	fill(self->fd, 0, PAGES);
	/* Pages 21 to 26 alone; the rest of the addresses belongs to others. */
	ASSERT_EQ(munmap(self->addr, 21 * self->page), 0);
	ASSERT_EQ(munmap(self->addr + 27 * self->page, (PAGES - 27) * self->page), 0);
	EXPECT_EQ(number_in(self->addr + 24 * self->page), 25);
	EXPECT_MAPPED(21, 6);
	/* And as it is when mmap makes it so. */
	self->addr = map_aligned(self->fd, PROT_READ, MAP_SHARED, 40, PAGES - 40, WINDOW);
	ASSERT_NE(self->addr, MAP_FAILED);
	ASSERT_EQ(munmap(self->addr, 3 * self->page), 0);
	EXPECT_EQ(number_in(self->addr + 3 * self->page), 44);
	EXPECT_EQ(mapped_pages(self->addr + 3 * self->page, PAGES - 43), 13);
	EXPECT_EQ(mapped_pages(self->addr + 3 * self->page, 13), 13);
}

/* The window is one of addresses; how the region lies in it does not matter. */
TEST_F(around, window_is_aligned_by_address)
{
	fill(self->fd, 0, PAGES);
	ASSERT_EQ(munmap(self->addr, PAGES * self->page), 0);
	self->addr = map_aligned(self->fd, PROT_READ, MAP_SHARED, 5, PAGES - 5, WINDOW);
	ASSERT_NE(self->addr, MAP_FAILED);
	EXPECT_EQ(number_in(self->addr + 18 * self->page), 24);
	EXPECT_MAPPED(16, 16);
	for (size_t i = 16; i < 32; i++)
		EXPECT_EQ(number_in(self->addr + i * self->page), i + 6);
}

TEST_F(around, window_is_cut_at_the_end_of_the_region)
{
	char *end;

	fill(self->fd, 0, PAGES);
	ASSERT_EQ(munmap(self->addr, PAGES * self->page), 0);
	/* The end comes eight pages into a window, and the VMA goes on. */
	self->addr = map_aligned(self->fd, PROT_READ | PROT_WRITE, MAP_SHARED, 8, PAGES - 8,
				 WINDOW);
	ASSERT_NE(self->addr, MAP_FAILED);
	self->addr = mremap(self->addr, (PAGES - 8) * self->page, (PAGES + 8) * self->page,
			    MREMAP_MAYMOVE | MREMAP_FIXED,
			    reserve((PAGES + 8) * self->page, WINDOW * self->page));
	ASSERT_NE(self->addr, MAP_FAILED);
	end = self->addr + (PAGES - 8) * self->page;
	EXPECT_EQ(number_in(end - 3 * self->page), PAGES - 2);
	EXPECT_EQ(mapped_pages(end - 8 * self->page, 8), 8);
	EXPECT_EQ(mapped_pages(self->addr, PAGES + 8), 8);
	EXPECT_EQ(signal_of_access(end, false), SIGBUS);
	EXPECT_EQ(signal_of_access(end, true), SIGBUS);
	EXPECT_EQ(signal_of_access(end + 7 * self->page, true), SIGBUS);
	EXPECT_EQ(mapped_pages(self->addr, PAGES + 8), 8);
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
}

/* What is mapped already ends the row, but never keeps the touched page from being mapped. */
TEST_F(around, mapped_neighbour_before_it)
{
	EXPECT_EQ(self->addr[3 * self->page], 0);
	fill(self->fd, 0, WINDOW);
	EXPECT_EQ(number_in(self->addr + 8 * self->page), 9);
	EXPECT_EQ(mapped_pages(self->addr, 4), 4);
	EXPECT_EQ(mapped_pages(self->addr + 4 * self->page, 4), 0);
	EXPECT_EQ(mapped_pages(self->addr + 8 * self->page, 8), 8);
	EXPECT_EQ(counter("simplen", "faults"), 2);
	EXPECT_EQ(number_in(self->addr + 4 * self->page), 5);
	EXPECT_EQ(number_in(self->addr + 3 * self->page), 4);
}

TEST_F(around, mapped_neighbour_after_it)
{
	EXPECT_EQ(self->addr[12 * self->page], 0);
	fill(self->fd, 0, WINDOW);
	EXPECT_EQ(number_in(self->addr + 8 * self->page), 9);
	EXPECT_EQ(mapped_pages(self->addr, 13), 13);
	EXPECT_EQ(mapped_pages(self->addr + 13 * self->page, 3), 0);
	EXPECT_EQ(counter("simplen", "faults"), 2);
}

TEST_F(around, mapped_neighbours_on_both_sides)
{
	EXPECT_EQ(self->addr[7 * self->page], 0);
	EXPECT_EQ(self->addr[9 * self->page], 0);
	fill(self->fd, 0, WINDOW);
	for (size_t i = 0; i < WINDOW; i++)
		EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
	EXPECT_MAPPED(0, WINDOW);
}

TEST_F(around, every_page_is_the_one_that_read_gives)
{
	char text[16];

	for (size_t i = 0; i < PAGES; i++) {
		sprintf(text, "page %zu", i);
		ASSERT_EQ(pwrite(self->fd, text, 16, i * self->page), 16);
	}
	for (size_t i = 5; i < PAGES; i += WINDOW)
		__atomic_load_n(self->addr + i * self->page, __ATOMIC_RELAXED);
	EXPECT_MAPPED(0, PAGES);
	EXPECT_EQ(counter("simplen", "faults"), PAGES / WINDOW);
	for (size_t i = 0; i < PAGES; i++) {
		sprintf(text, "page %zu", i);
		EXPECT_STREQ(self->addr + i * self->page, text);
	}
}

TEST_F(around, private_read_maps_the_window_and_a_write_copies_one_page)
{
	char *copy = map_aligned(self->fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0, PAGES, WINDOW);

	ASSERT_NE(copy, MAP_FAILED);
	fill(self->fd, 0, PAGES);
	EXPECT_EQ(number_in(copy + 4 * self->page), 5);
	EXPECT_EQ(mapped_pages(copy, PAGES), WINDOW);
	*(size_t *)(copy + 6 * self->page) = 1000;
	for (size_t i = 0; i < WINDOW; i++) {
		EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
		EXPECT_EQ(number_in(copy + i * self->page), i == 6 ? 1000 : i + 1);
		EXPECT_EQ(phys_at(copy + i * self->page) == phys_at(self->addr + i * self->page),
			  i != 6);
	}
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
}

/* Nobody asked for the others, and they could not be written to anyway. */
TEST_F(around, private_write_maps_the_copy_alone)
{
	char *copy = map_aligned(self->fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0, PAGES, WINDOW);

	ASSERT_NE(copy, MAP_FAILED);
	fill(self->fd, 0, PAGES);
	*(size_t *)(copy + 6 * self->page) = 1000;
	EXPECT_EQ(mapped_pages(copy, PAGES), 1);
	EXPECT_EQ(number_in(self->addr + 6 * self->page), 7);
	/* The copy is in the way of the row, and stays. */
	EXPECT_EQ(number_in(copy + 9 * self->page), 10);
	EXPECT_EQ(mapped_pages(copy, 7), 7);
	EXPECT_EQ(mapped_pages(copy + 9 * self->page, 7), 7);
	EXPECT_EQ(mapped_pages(copy, PAGES), 14);
	EXPECT_EQ(number_in(copy + 6 * self->page), 1000);
	/* When it is given up, the page is the region's again. */
	ASSERT_EQ(madvise(copy, WINDOW * self->page, MADV_DONTNEED), 0);
	EXPECT_EQ(number_in(copy + 6 * self->page), 7);
	EXPECT_EQ(mapped_pages(copy, PAGES), WINDOW);
}

TEST_F(around, child_of_fork_sees_and_maps_the_same)
{
	char *copy = map_aligned(self->fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0, PAGES, WINDOW);
	int status;
	pid_t pid;

	ASSERT_NE(copy, MAP_FAILED);
	fill(self->fd, 0, PAGES);
	EXPECT_EQ(number_in(self->addr), 1);
	EXPECT_EQ(number_in(copy), 1);
	pid = fork();
	if (!pid) {
		bool good = true;

		/* The first window came with the fork, the second by a fault of its own. */
		for (size_t i = 0; i < 2 * WINDOW; i++) {
			good &= number_in(self->addr + i * self->page) == i + 1;
			*(size_t *)(self->addr + i * self->page) = 2 * i;
			*(size_t *)(copy + i * self->page) = 3 * i;
		}
		_exit(!good || mapped_pages(self->addr, PAGES) != 2 * WINDOW);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	for (size_t i = 0; i < 2 * WINDOW; i++) {
		EXPECT_EQ(number_in(self->addr + i * self->page), 2 * i);
		EXPECT_EQ(number_in(copy + i * self->page), 2 * i);
	}
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
}

struct race {
	pthread_barrier_t *start;
	char *addr;
	size_t page;
	int number;
};

/* Each round another window, and each thread another page of it. */
static void *touch_windows(void *arg)
{
	struct race *race = arg;

	for (size_t i = 0; i < PAGES; i += WINDOW) {
		char *window = race->addr + i * race->page;

		pthread_barrier_wait(race->start);
		__atomic_fetch_add((int *)(window + race->number * race->page), 1,
				   __ATOMIC_RELAXED);
		for (size_t j = 0; j < WINDOW; j++)
			__atomic_fetch_add((int *)(window + j * race->page + 64), 1,
					   __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Some pages exist, others are allocated in the race: a count in two pages would be lost. */
TEST_F(around, threads_that_race_in_a_window)
{
	pthread_barrier_t start;
	pthread_t threads[THREADS];
	struct race races[THREADS];
	size_t zero = 0;

	for (size_t i = 0; i < PAGES; i += 3)
		ASSERT_EQ(pwrite(self->fd, &zero, sizeof(zero), i * self->page), sizeof(zero));
	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		races[i] = (struct race){ &start, self->addr, self->page, i };
		ASSERT_EQ(pthread_create(&threads[i], NULL, touch_windows, &races[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < PAGES; i++) {
		EXPECT_EQ(*(int *)(self->addr + i * self->page), i % WINDOW < THREADS);
		EXPECT_EQ(*(int *)(self->addr + i * self->page + 64), THREADS);
	}
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
	EXPECT_MAPPED(0, PAGES);
}

TEST_F(around, populate_and_mlock_map_everything)
{
	char *again;

	fill(self->fd, 0, PAGES);
	again = map_aligned(self->fd, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, 0, PAGES,
			    WINDOW);
	ASSERT_NE(again, MAP_FAILED);
	EXPECT_EQ(mapped_pages(again, PAGES), PAGES);
	EXPECT_EQ(counter("simplen", "faults"), PAGES / WINDOW);
	ASSERT_EQ(mlock(self->addr, PAGES * self->page), 0);
	EXPECT_MAPPED(0, PAGES);
	EXPECT_EQ(counter("simplen", "faults"), 2 * PAGES / WINDOW);
	EXPECT_EQ(munlock(self->addr, PAGES * self->page), 0);
	EXPECT_EQ(number_in(again + 77 * self->page), 78);
}

TEST_F(around, protection_holds_for_all_of_them)
{
	fill(self->fd, 0, PAGES);
	ASSERT_EQ(mprotect(self->addr, PAGES * self->page, PROT_READ), 0);
	EXPECT_EQ(number_in(self->addr + 4 * self->page), 5);
	EXPECT_MAPPED(0, WINDOW);
	for (size_t i = 0; i < WINDOW; i += 5)
		EXPECT_EQ(signal_of_access(self->addr + i * self->page, true), SIGSEGV);
	ASSERT_EQ(mprotect(self->addr, 8 * self->page, PROT_READ | PROT_WRITE), 0);
	for (size_t i = 0; i < 8; i++)
		*(size_t *)(self->addr + i * self->page) = 100 + i;
	EXPECT_EQ(signal_of_access(self->addr + 8 * self->page, true), SIGSEGV);
	for (size_t i = 0; i < 8; i++) {
		size_t number;

		ASSERT_EQ(pread(self->fd, &number, sizeof(number), i * self->page),
			  sizeof(number));
		EXPECT_EQ(number, 100 + i);
	}
}

/*
 * What stands in a page table is a page, not a mark of userfaultfd's or of a
 * guard region, for which the row would end at the touched page for ever: the
 * kernel puts no marks in a VMA of this kind.
 */
TEST_F(around, marks_are_refused)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC };
	struct uffdio_register range = {
		.range = { (uintptr_t)self->addr, PAGES * self->page },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	EXPECT_EQ(madvise(self->addr, self->page, MADV_GUARD_INSTALL), -1);
	EXPECT_EQ(errno, EINVAL);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		SKIP(return, "this kernel has no userfaultfd that write-protects any memory");
	EXPECT_EQ(ioctl(fd, UFFDIO_REGISTER, &range), -1);
	EXPECT_EQ(errno, EINVAL);
}

FIXTURE(windows)
{
	size_t page;
	int fd;
	char *addr;
};

FIXTURE_VARIANT(windows)
{
	size_t pages;
};

FIXTURE_VARIANT_ADD(windows, of_1)
{
	.pages = 1,
};

FIXTURE_VARIANT_ADD(windows, of_2)
{
	.pages = 2,
};

FIXTURE_VARIANT_ADD(windows, of_16)
{
	.pages = 16,
};

FIXTURE_VARIANT_ADD(windows, of_512)
{
	.pages = 512,
};

#define LARGE 1024

/* All of a larger region exists, and nothing is mapped. */
FIXTURE_SETUP(windows)
{
	char params[32];

	self->page = page_size();
	sprintf(params, "pages=%d around=%zu", LARGE, variant->pages);
	ASSERT_EQ(reload_or_clear(params), 0);
	self->fd = open("/dev/simplen", O_RDWR);
	ASSERT_GE(self->fd, 0);
	fill(self->fd, 0, LARGE);
	self->addr = map_aligned(self->fd, PROT_READ | PROT_WRITE, MAP_SHARED, 0, LARGE, 512);
	ASSERT_NE(self->addr, MAP_FAILED);
}

FIXTURE_TEARDOWN_PARENT(windows)
{
	EXPECT_EQ(counter("simplen", "vmas"), 0);
	EXPECT_EQ(unload_if_module(), 0);
}

TEST_F(windows, in_sequence_one_fault_each)
{
	EXPECT_EQ(faults_of_reading(self->addr, LARGE), LARGE / variant->pages);
	EXPECT_EQ(counter("simplen", "faults"), LARGE / variant->pages);
	for (size_t i = 0; i < LARGE; i++)
		EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
}

/* Pages all over the region, some of them in a window that is mapped already. */
TEST_F(windows, at_random_each_maps_its_own)
{
	const size_t window = variant->pages, touches = LARGE / 512 * 8;
	size_t faults = 0;

	for (size_t i = 0, at = 7; i < touches; i++, at = (at + 389) % LARGE) {
		char *addr = self->addr + at / window * window * self->page;

		faults += !mapped_pages(addr, window);
		EXPECT_EQ(number_in(self->addr + at * self->page), at + 1);
		EXPECT_EQ(mapped_pages(addr, window), window);
		EXPECT_EQ(mapped_pages(self->addr, LARGE), faults * window);
	}
	EXPECT_EQ(counter("simplen", "faults"), faults);
	EXPECT_EQ(counter("simplen", "pages"), LARGE);
}

TEST_HARNESS_MAIN
