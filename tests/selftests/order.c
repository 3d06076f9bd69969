// SPDX-License-Identifier: GPL-2.0
/*
 * The folios of simplen, order=: how much of a folio a fault maps, and that the
 * memory is the same however it is mapped.
 */

#include "suite.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

/* The numbers of pages of the region, and of a folio with the default of order=. */
#define PAGES 256
#define FOLIO 16
#define THREADS 8

/* Allocates pages without mapping them, and writes its number to each, counted from 1. */
static void fill(int fd, size_t pages)
{
	for (size_t i = 1; i <= pages; i++)
		if (pwrite(fd, &i, sizeof(i), (i - 1) * page_size()) != sizeof(i))
			abort();
}

/* How many bytes a page table maps. A folio across two page tables is mapped page by page. */
static size_t table_size(void)
{
	return page_size() << pmd_order();
}

/*
 * Maps pages of the region, the first of them `at` pages behind an address where a
 * page table starts.
 */
static char *map_at(size_t at, int fd, int prot, int flags, size_t first, size_t pages)
{
	const size_t page = page_size();
	char *addr = reserve((at + pages) * page, table_size()) + at * page;

	return mmap(addr, pages * page, prot, flags | MAP_FIXED, fd, first * page);
}

static char *map_aligned(int fd, int flags)
{
	return map_at(0, fd, PROT_READ | PROT_WRITE, flags, 0, PAGES);
}

static size_t number_in(const char *page)
{
	return *(const size_t *)page;
}

FIXTURE(order)
{
	size_t page;
	int fd;
	char *addr;
};

/* Maps the whole region, aligned. Each page has its number in it, and no page is touched. */
FIXTURE_SETUP(order)
{
	self->page = page_size();
	ASSERT_EQ(reload_module("pages=256"), 0);
	self->fd = open("/dev/simplen", O_RDWR);
	ASSERT_GE(self->fd, 0);
	fill(self->fd, PAGES);
	self->addr = map_aligned(self->fd, MAP_SHARED);
	ASSERT_NE(self->addr, MAP_FAILED);
}

FIXTURE_TEARDOWN_PARENT(order)
{
	EXPECT_EQ(counter("simplen", "vmas"), 0);
	EXPECT_EQ(unload_module(), 0);
}

/* Of these pages, exactly `count` pages from `first` on are mapped. */
static void expect_mapped(struct __test_metadata *_metadata, const char *addr, size_t pages,
			  size_t first, size_t count)
{
	EXPECT_EQ(mapped_pages(addr + first * page_size(), count), count);
	EXPECT_EQ(mapped_pages(addr, pages), count);
}

/* The same of the fixture's mapping. */
#define EXPECT_MAPPED(first, count) \
	expect_mapped(_metadata, self->addr, PAGES, first, count)

TEST_F(order, fault_maps_the_folio_that_it_is_in)
{
	EXPECT_EQ(number_in(self->addr + 21 * self->page), 22);
	EXPECT_MAPPED(16, FOLIO);
	EXPECT_EQ(counter("simplen", "faults"), 1);
}

TEST_F(order, other_pages_of_the_folio_take_no_fault)
{
	EXPECT_EQ(number_in(self->addr + 31 * self->page), 32);
	EXPECT_EQ(faults_of_reading(self->addr + 16 * self->page, FOLIO), 0);
	for (size_t i = 16; i < 32; i++)
		EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
	EXPECT_EQ(counter("simplen", "faults"), 1);
}

TEST_F(order, write_after_a_read_takes_no_fault)
{
	EXPECT_EQ(number_in(self->addr + 40 * self->page), 41);
	for (size_t i = 32; i < 48; i++)
		self->addr[i * self->page + 8] = i;
	EXPECT_EQ(counter("simplen", "faults"), 1);
}

TEST_F(order, first_write_maps_the_folio_writable)
{
	self->addr[47 * self->page + 8] = 47;
	EXPECT_MAPPED(32, FOLIO);
	for (size_t i = 32; i < 48; i++)
		self->addr[i * self->page + 8] = i;
	EXPECT_EQ(counter("simplen", "faults"), 1);
	for (size_t i = 32; i < 48; i++) {
		char byte;

		ASSERT_EQ(pread(self->fd, &byte, 1, i * self->page + 8), 1);
		EXPECT_EQ(byte, i);
	}
}

TEST_F(order, folio_is_contiguous_and_aligned_memory)
{
	for (size_t i = 0; i < PAGES; i++) {
		const __u64 phys = phys_at(self->addr + i / FOLIO * FOLIO * self->page);

		EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
		if (phys)
			EXPECT_EQ(phys_at(self->addr + i * self->page),
				  phys + i % FOLIO * self->page);
		EXPECT_EQ(phys % (FOLIO * self->page), 0);
	}
}

TEST_F(order, mapping_shows_what_was_written_by_write)
{
	char text[16];

	for (size_t i = 0; i < PAGES; i++) {
		sprintf(text, "page %zu", i);
		ASSERT_EQ(pwrite(self->fd, text, 16, i * self->page), 16);
	}
	for (size_t i = 5; i < PAGES; i += FOLIO)
		__atomic_load_n(self->addr + i * self->page, __ATOMIC_RELAXED);
	EXPECT_MAPPED(0, PAGES);
	EXPECT_EQ(counter("simplen", "faults"), PAGES / FOLIO);
	for (size_t i = 0; i < PAGES; i++) {
		sprintf(text, "page %zu", i);
		EXPECT_STREQ(self->addr + i * self->page, text);
	}
}

/*
 * If a folio does not lie in the VMA as a whole, the kernel maps only the page that
 * is touched.
 */
TEST_F(order, folio_is_cut_by_the_start_of_the_vma)
{
	ASSERT_EQ(munmap(self->addr, 21 * self->page), 0);
	EXPECT_EQ(number_in(self->addr + 24 * self->page), 25);
	EXPECT_MAPPED(24, 1);
	EXPECT_EQ(number_in(self->addr + 21 * self->page), 22);
	EXPECT_EQ(mapped_pages(self->addr, PAGES), 2);
	/* The next folio is mapped as a whole. */
	EXPECT_EQ(number_in(self->addr + 33 * self->page), 34);
	EXPECT_EQ(mapped_pages(self->addr + 32 * self->page, FOLIO), FOLIO);
	EXPECT_EQ(mapped_pages(self->addr, PAGES), 2 + FOLIO);
}

TEST_F(order, folio_is_cut_by_the_end_of_the_vma)
{
	ASSERT_EQ(munmap(self->addr + 27 * self->page, (PAGES - 27) * self->page), 0);
	EXPECT_EQ(number_in(self->addr + 26 * self->page), 27);
	EXPECT_MAPPED(26, 1);
	EXPECT_EQ(number_in(self->addr + 16 * self->page), 17);
	EXPECT_EQ(mapped_pages(self->addr, PAGES), 2);
	/* The folio before is mapped as a whole. */
	EXPECT_EQ(number_in(self->addr + 15 * self->page), 16);
	EXPECT_EQ(mapped_pages(self->addr, FOLIO), FOLIO);
}

TEST_F(order, folio_is_cut_where_mmap_starts_in_it)
{
	char *addr = map_at(5, self->fd, PROT_READ, MAP_SHARED, 5, 30);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(number_in(addr + 3 * self->page), 9);
	expect_mapped(_metadata, addr, 30, 3, 1);
	EXPECT_EQ(number_in(addr + 20 * self->page), 26);
	EXPECT_EQ(mapped_pages(addr + 11 * self->page, FOLIO), FOLIO);
	EXPECT_EQ(number_in(addr + 29 * self->page), 35);
	EXPECT_EQ(mapped_pages(addr, 30), 1 + FOLIO + 1);
}

/* The VMA lacks the first or the last page of the folio. */
TEST_F(order, vma_without_one_page_of_a_folio_maps_pages)
{
	char *addr = map_at(1, self->fd, PROT_READ, MAP_SHARED, 1, FOLIO - 1);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(number_in(addr), 2);
	expect_mapped(_metadata, addr, FOLIO - 1, 0, 1);
	addr = map_at(0, self->fd, PROT_READ, MAP_SHARED, 0, FOLIO - 1);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(number_in(addr + (FOLIO - 2) * self->page), FOLIO - 1);
	expect_mapped(_metadata, addr, FOLIO - 1, FOLIO - 2, 1);
}

TEST_F(order, vma_of_exactly_one_folio_maps_it_as_a_whole)
{
	char *addr = map_at(0, self->fd, PROT_READ, MAP_SHARED, 3 * FOLIO, FOLIO);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(number_in(addr + 7 * self->page), 3 * FOLIO + 8);
	EXPECT_EQ(mapped_pages(addr, FOLIO), FOLIO);
}

/* Folios are aligned in the region; their addresses need not be. */
TEST_F(order, address_need_not_be_aligned)
{
	char *addr = map_at(3, self->fd, PROT_READ, MAP_SHARED, 0, PAGES);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(number_in(addr + 20 * self->page), 21);
	expect_mapped(_metadata, addr, PAGES, 16, FOLIO);
	for (size_t i = 0; i < PAGES; i++)
		EXPECT_EQ(number_in(addr + i * self->page), i + 1);
	EXPECT_EQ(counter("simplen", "faults"), PAGES / FOLIO);
}

/* One page table maps half of the folio, and the next one the other half. */
TEST_F(order, folio_across_two_page_tables_is_mapped_by_pages)
{
	const size_t at = (1 << pmd_order()) - FOLIO / 2;
	char *addr = map_at(at, self->fd, PROT_READ, MAP_SHARED, 0, PAGES);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(number_in(addr + 3 * self->page), 4);
	expect_mapped(_metadata, addr, PAGES, 3, 1);
	EXPECT_EQ(number_in(addr + 12 * self->page), 13);
	EXPECT_EQ(mapped_pages(addr, PAGES), 2);
	EXPECT_EQ(number_in(addr + 20 * self->page), 21);
	EXPECT_EQ(mapped_pages(addr, PAGES), 2 + FOLIO);
	for (size_t i = 0; i < PAGES; i++)
		EXPECT_EQ(number_in(addr + i * self->page), i + 1);
	EXPECT_EQ(counter("simplen", "faults"), FOLIO + PAGES / FOLIO - 1);
}

/* A page that is mapped already stays, and the others are mapped page by page. */
TEST_F(order, folio_with_a_mapped_page_is_mapped_by_pages)
{
	char *addr = map_at(0, self->fd, PROT_READ, MAP_SHARED, 0, 4);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(number_in(addr + 3 * self->page), 4);
	addr = mremap(addr, 4 * self->page, PAGES * self->page, MREMAP_MAYMOVE | MREMAP_FIXED,
		      reserve(PAGES * self->page, table_size()));
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(mapped_pages(addr, PAGES), 1);
	EXPECT_EQ(number_in(addr + 8 * self->page), 9);
	EXPECT_EQ(mapped_pages(addr, PAGES), 2);
	for (size_t i = 0; i < FOLIO; i++)
		EXPECT_EQ(number_in(addr + i * self->page), i + 1);
	expect_mapped(_metadata, addr, PAGES, 0, FOLIO);
}

TEST_F(order, fault_past_the_end_of_the_region_allocates_and_maps_nothing)
{
	const size_t pages = PAGES + 8;
	char *end;

	self->addr = mremap(self->addr, PAGES * self->page, pages * self->page,
			    MREMAP_MAYMOVE | MREMAP_FIXED,
			    reserve(pages * self->page, table_size()));
	ASSERT_NE(self->addr, MAP_FAILED);
	end = self->addr + PAGES * self->page;
	EXPECT_EQ(number_in(end - 3 * self->page), PAGES - 2);
	EXPECT_EQ(signal_of_access(end, false), SIGBUS);
	EXPECT_EQ(signal_of_access(end, true), SIGBUS);
	EXPECT_EQ(signal_of_access(end + 7 * self->page, true), SIGBUS);
	expect_mapped(_metadata, self->addr, pages, PAGES - FOLIO, FOLIO);
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
}

TEST_F(order, private_read_maps_the_folio)
{
	char *copy = map_aligned(self->fd, MAP_PRIVATE);

	ASSERT_NE(copy, MAP_FAILED);
	EXPECT_EQ(number_in(copy + 4 * self->page), 5);
	expect_mapped(_metadata, copy, PAGES, 0, FOLIO);
	EXPECT_EQ(counter("simplen", "faults"), 1);
	for (size_t i = 0; i < FOLIO; i++)
		EXPECT_EQ(number_in(copy + i * self->page), i + 1);
}

TEST_F(order, private_write_after_a_read_copies_one_page)
{
	char *copy = map_aligned(self->fd, MAP_PRIVATE);

	ASSERT_NE(copy, MAP_FAILED);
	EXPECT_EQ(number_in(copy + 4 * self->page), 5);
	*(size_t *)(copy + 6 * self->page) = 1000;
	expect_mapped(_metadata, copy, PAGES, 0, FOLIO);
	for (size_t i = 0; i < FOLIO; i++) {
		EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
		EXPECT_EQ(number_in(copy + i * self->page), i == 6 ? 1000 : i + 1);
		EXPECT_EQ(phys_at(copy + i * self->page) == phys_at(self->addr + i * self->page),
			  i != 6);
	}
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
}

/* A private write copies one page, and maps no other. */
TEST_F(order, private_write_first_maps_the_copy_alone)
{
	char *copy = map_aligned(self->fd, MAP_PRIVATE);

	ASSERT_NE(copy, MAP_FAILED);
	*(size_t *)(copy + 6 * self->page) = 1000;
	expect_mapped(_metadata, copy, PAGES, 6, 1);
	EXPECT_EQ(number_in(self->addr + 6 * self->page), 7);
	EXPECT_EQ(number_in(copy + 6 * self->page), 1000);
}

TEST_F(order, private_copy_stays_when_its_neighbours_are_mapped)
{
	char *copy = map_aligned(self->fd, MAP_PRIVATE);

	ASSERT_NE(copy, MAP_FAILED);
	*(size_t *)(copy + 6 * self->page) = 1000;
	EXPECT_EQ(number_in(copy + 9 * self->page), 10);
	EXPECT_EQ(mapped_pages(copy, PAGES), 2);
	for (size_t i = 0; i < FOLIO; i++)
		EXPECT_EQ(number_in(copy + i * self->page), i == 6 ? 1000 : i + 1);
}

TEST_F(order, madv_dontneed_drops_private_copies)
{
	char *copy = map_aligned(self->fd, MAP_PRIVATE);

	ASSERT_NE(copy, MAP_FAILED);
	*(size_t *)(copy + 6 * self->page) = 1000;
	ASSERT_EQ(madvise(copy, FOLIO * self->page, MADV_DONTNEED), 0);
	EXPECT_EQ(number_in(copy + 6 * self->page), 7);
	expect_mapped(_metadata, copy, PAGES, 0, FOLIO);
}

/* The copy has the content of the very page that was touched, not of another one of the folio. */
TEST_F(order, private_write_copies_the_page_that_was_touched)
{
	char *copy = map_aligned(self->fd, MAP_PRIVATE);

	ASSERT_NE(copy, MAP_FAILED);
	for (size_t i = 0; i < PAGES; i++) {
		*(size_t *)(copy + i * self->page + 8) = 1000 + i;
		EXPECT_EQ(number_in(copy + i * self->page), i + 1);
	}
	for (size_t i = 0; i < PAGES; i++) {
		EXPECT_EQ(number_in(self->addr + i * self->page + 8), 0);
		EXPECT_EQ(number_in(copy + i * self->page + 8), 1000 + i);
	}
}

TEST_F(order, child_of_fork_maps_the_folio_by_a_fault_of_its_own)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		for (size_t i = 0; i < 2 * FOLIO; i++)
			if (number_in(self->addr + i * self->page) != i + 1)
				_exit(1);
		_exit(mapped_pages(self->addr, PAGES) != 2 * FOLIO);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(counter("simplen", "faults"), 2);
	EXPECT_EQ(mapped_pages(self->addr, PAGES), 0);
}

TEST_F(order, child_of_fork_shares_the_folio_and_not_the_copies)
{
	char *copy = map_aligned(self->fd, MAP_PRIVATE);
	int status;
	pid_t pid;

	ASSERT_NE(copy, MAP_FAILED);
	EXPECT_EQ(number_in(self->addr), 1);
	EXPECT_EQ(number_in(copy), 1);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		for (size_t i = 0; i < 2 * FOLIO; i++) {
			*(size_t *)(self->addr + i * self->page) = 2 * i;
			*(size_t *)(copy + i * self->page) = 3 * i;
		}
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	for (size_t i = 0; i < 2 * FOLIO; i++) {
		EXPECT_EQ(number_in(self->addr + i * self->page), 2 * i);
		EXPECT_EQ(number_in(copy + i * self->page), 2 * i);
	}
}

TEST_F(order, populate_maps_everything_with_a_fault_per_folio)
{
	char *again = map_aligned(self->fd, MAP_SHARED | MAP_POPULATE);

	ASSERT_NE(again, MAP_FAILED);
	EXPECT_EQ(mapped_pages(again, PAGES), PAGES);
	EXPECT_EQ(counter("simplen", "faults"), PAGES / FOLIO);
	EXPECT_EQ(number_in(again + 77 * self->page), 78);
}

TEST_F(order, mlock_maps_everything_with_a_fault_per_folio)
{
	ASSERT_EQ(mlock(self->addr, PAGES * self->page), 0);
	EXPECT_MAPPED(0, PAGES);
	EXPECT_EQ(counter("simplen", "faults"), PAGES / FOLIO);
	EXPECT_EQ(munlock(self->addr, PAGES * self->page), 0);
}

/* mlock and munlock split the VMA in the midst of a folio. */
TEST_F(order, mlock_of_a_part_of_a_folio)
{
	ASSERT_EQ(mlock(self->addr + 20 * self->page, 4 * self->page), 0);
	EXPECT_EQ(mapped_pages(self->addr + 20 * self->page, 4), 4);
	ASSERT_EQ(munlock(self->addr + 21 * self->page, self->page), 0);
	ASSERT_EQ(munmap(self->addr + 22 * self->page, self->page), 0);
	for (size_t i = 0; i < PAGES; i++)
		if (i != 22)
			EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
}

TEST_F(order, protection_holds_for_all_pages_of_the_folio)
{
	ASSERT_EQ(mprotect(self->addr, PAGES * self->page, PROT_READ), 0);
	EXPECT_EQ(number_in(self->addr + 4 * self->page), 5);
	EXPECT_MAPPED(0, FOLIO);
	for (size_t i = 0; i < FOLIO; i += 5)
		EXPECT_EQ(signal_of_access(self->addr + i * self->page, true), SIGSEGV);
}

TEST_F(order, part_of_a_folio_can_be_protected)
{
	EXPECT_EQ(number_in(self->addr + 4 * self->page), 5);
	ASSERT_EQ(mprotect(self->addr + 8 * self->page, 3 * self->page, PROT_READ), 0);
	for (size_t i = 0; i < FOLIO; i++) {
		EXPECT_EQ(signal_of_access(self->addr + i * self->page + 8, true),
			  i >= 8 && i < 11 ? SIGSEGV : 0);
		EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
	}
}

TEST_F(order, part_of_a_folio_can_be_made_writable)
{
	ASSERT_EQ(mprotect(self->addr, PAGES * self->page, PROT_READ), 0);
	EXPECT_EQ(number_in(self->addr + 4 * self->page), 5);
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

TEST_F(order, unmapping_a_part_of_a_folio_keeps_the_rest)
{
	EXPECT_EQ(number_in(self->addr + 20 * self->page), 21);
	ASSERT_EQ(munmap(self->addr + 18 * self->page, 5 * self->page), 0);
	EXPECT_EQ(mapped_pages(self->addr, PAGES), FOLIO - 5);
	for (size_t i = 16; i < 32; i++)
		if (i < 18 || i >= 23)
			EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
	/* The unmapped pages are still in the region. */
	EXPECT_EQ(number_in(map_shared(self->fd, 1, 20)), 21);
}

TEST_F(order, moving_a_part_of_a_folio_keeps_all_pages)
{
	char *target = reserve(5 * self->page, self->page);

	EXPECT_EQ(number_in(self->addr + 20 * self->page), 21);
	ASSERT_EQ(mremap(self->addr + 18 * self->page, 5 * self->page, 5 * self->page,
			 MREMAP_MAYMOVE | MREMAP_FIXED, target), target);
	/* The entries of the page table move, and no fault is taken. */
	EXPECT_EQ(mapped_pages(target, 5), 5);
	for (size_t i = 0; i < 5; i++)
		EXPECT_EQ(number_in(target + i * self->page), 19 + i);
	for (size_t i = 0; i < PAGES; i++)
		if (i < 18 || i >= 23)
			EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
	put_text(target + 2 * self->page, "moved");
	EXPECT_STREQ(map_shared(self->fd, 1, 20), "moved");
}

TEST_F(order, moving_a_folio_across_page_tables_keeps_all_pages)
{
	const size_t at = (1 << pmd_order()) - 20;
	char *target = reserve((at + PAGES) * self->page, table_size()) + at * self->page;

	EXPECT_EQ(number_in(self->addr + 20 * self->page), 21);
	ASSERT_EQ(mremap(self->addr, PAGES * self->page, PAGES * self->page,
			 MREMAP_MAYMOVE | MREMAP_FIXED, target), target);
	expect_mapped(_metadata, target, PAGES, 16, FOLIO);
	for (size_t i = 0; i < PAGES; i++)
		EXPECT_EQ(number_in(target + i * self->page), i + 1);
}

TEST_F(order, madv_dontneed_of_a_part_of_a_folio)
{
	EXPECT_EQ(number_in(self->addr + 20 * self->page), 21);
	ASSERT_EQ(madvise(self->addr + 18 * self->page, 5 * self->page, MADV_DONTNEED), 0);
	EXPECT_EQ(mapped_pages(self->addr, PAGES), FOLIO - 5);
	for (size_t i = 16; i < 32; i++)
		EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
	/* The pages that are still mapped keep the folio from being mapped as a whole. */
	EXPECT_EQ(counter("simplen", "faults"), 1 + 5);
}

TEST_F(order, madv_dontneed_of_a_whole_folio)
{
	EXPECT_EQ(number_in(self->addr + 20 * self->page), 21);
	ASSERT_EQ(madvise(self->addr + 16 * self->page, FOLIO * self->page, MADV_DONTNEED), 0);
	EXPECT_EQ(mapped_pages(self->addr, PAGES), 0);
	EXPECT_EQ(number_in(self->addr + 31 * self->page), 32);
	EXPECT_MAPPED(16, FOLIO);
	EXPECT_EQ(counter("simplen", "faults"), 2);
}

/* The VMA grows by the page that the folio lacked. */
TEST_F(order, growing_in_place_completes_the_folio)
{
	const size_t had = 2 * FOLIO - 1;

	ASSERT_EQ(munmap(self->addr + had * self->page, (PAGES - had) * self->page), 0);
	EXPECT_EQ(number_in(self->addr + 20 * self->page), 21);
	EXPECT_MAPPED(20, 1);
	ASSERT_EQ(madvise(self->addr, had * self->page, MADV_DONTNEED), 0);
	ASSERT_EQ(mremap(self->addr, had * self->page, (had + 1) * self->page, 0), self->addr);
	EXPECT_EQ(number_in(self->addr + 20 * self->page), 21);
	EXPECT_MAPPED(16, FOLIO);
}

TEST_F(order, debugger_maps_the_folio_for_the_process)
{
	int mem = open("/proc/self/mem", O_RDWR);
	size_t number = 0;

	ASSERT_EQ(pread(mem, &number, sizeof(number), (off_t)self->addr + 20 * self->page),
		  sizeof(number));
	EXPECT_EQ(number, 21);
	EXPECT_MAPPED(16, FOLIO);
	number = 1000;
	ASSERT_EQ(pwrite(mem, &number, sizeof(number), (off_t)self->addr + 21 * self->page),
		  sizeof(number));
	EXPECT_EQ(number_in(self->addr + 21 * self->page), 1000);
	EXPECT_EQ(counter("simplen", "faults"), 1);
}

TEST_F(order, guard_region_in_an_unmapped_folio)
{
	char *guard = self->addr + 20 * self->page;

	ASSERT_EQ(madvise(guard, self->page, MADV_GUARD_INSTALL), 0);
	EXPECT_EQ(signal_of_access(guard, false), SIGSEGV);
	for (size_t i = 16; i < 32; i++)
		if (i != 20)
			EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
	/* The guard's mark keeps the folio from being mapped as a whole. */
	EXPECT_EQ(mapped_pages(self->addr, PAGES), FOLIO - 1);
	EXPECT_EQ(signal_of_access(guard, true), SIGSEGV);
	ASSERT_EQ(madvise(guard, self->page, MADV_GUARD_REMOVE), 0);
	EXPECT_EQ(number_in(guard), 21);
}

TEST_F(order, guard_region_in_a_mapped_folio)
{
	char *guard = self->addr + 20 * self->page;

	EXPECT_EQ(number_in(guard), 21);
	ASSERT_EQ(madvise(guard, 2 * self->page, MADV_GUARD_INSTALL), 0);
	EXPECT_EQ(mapped_pages(self->addr, PAGES), FOLIO - 2);
	EXPECT_EQ(signal_of_access(guard, false), SIGSEGV);
	EXPECT_EQ(signal_of_access(guard + 2 * self->page, true), 0);
	ASSERT_EQ(madvise(guard, 2 * self->page, MADV_GUARD_REMOVE), 0);
	EXPECT_EQ(number_in(guard), 21);
}

/* userfaultfd has to see the first touch of each page. */
TEST_F(order, userfaultfd_maps_folios_by_pages)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC };
	struct uffdio_register range = {
		.range = { (uintptr_t)self->addr, PAGES * self->page },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		SKIP(return, "this kernel has no userfaultfd that write-protects any memory");
	ASSERT_EQ(ioctl(fd, UFFDIO_REGISTER, &range), 0);
	EXPECT_EQ(number_in(self->addr + 20 * self->page), 21);
	EXPECT_MAPPED(20, 1);
	for (size_t i = 0; i < PAGES; i++)
		EXPECT_EQ(number_in(self->addr + i * self->page), i + 1);
	EXPECT_EQ(counter("simplen", "faults"), PAGES);
	/* When the userfaultfd is closed, folios are mapped as a whole again. */
	close(fd);
	ASSERT_EQ(madvise(self->addr, PAGES * self->page, MADV_DONTNEED), 0);
	EXPECT_EQ(number_in(self->addr + 20 * self->page), 21);
	EXPECT_MAPPED(16, FOLIO);
}

/* A driver's memory supports no other mode than asynchronous write protection. */
TEST_F(order, userfaultfd_of_other_kinds_is_refused)
{
	static const __u64 modes[] = {
		UFFDIO_REGISTER_MODE_MISSING, UFFDIO_REGISTER_MODE_MINOR, UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		SKIP(return, "this kernel has no userfaultfd");
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct uffdio_register range = {
			.range = { (uintptr_t)self->addr, PAGES * self->page },
			.mode = modes[i],
		};

		EXPECT_EQ(ioctl(fd, UFFDIO_REGISTER, &range), -1);
		EXPECT_EQ(errno, EINVAL);
	}
}

FIXTURE(unused)
{
	size_t page;
	int fd;
	char *addr;
};

/* Maps the whole region, aligned. Nothing is allocated yet. */
FIXTURE_SETUP(unused)
{
	self->page = page_size();
	ASSERT_EQ(reload_module("pages=256"), 0);
	self->fd = open("/dev/simplen", O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->addr = map_aligned(self->fd, MAP_SHARED);
	ASSERT_NE(self->addr, MAP_FAILED);
}

FIXTURE_TEARDOWN_PARENT(unused)
{
	EXPECT_EQ(counter("simplen", "vmas"), 0);
	EXPECT_EQ(unload_module(), 0);
}

TEST_F(unused, touch_allocates_the_folio)
{
	EXPECT_EQ(self->addr[21 * self->page], 0);
	EXPECT_EQ(counter("simplen", "pages"), FOLIO);
	EXPECT_MAPPED(16, FOLIO);
	EXPECT_TRUE(is_zero(self->addr + 16 * self->page, FOLIO * self->page));
	EXPECT_EQ(counter("simplen", "faults"), 1);
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 0);
}

TEST_F(unused, write_allocates_the_folio)
{
	ASSERT_EQ(pwrite(self->fd, "second", 7, 3 * self->page), 7);
	EXPECT_EQ(counter("simplen", "pages"), FOLIO);
	/* Write across the border of two folios, the first of which is allocated already. */
	ASSERT_EQ(pwrite(self->fd, "across", 7, FOLIO * self->page - 3), 7);
	EXPECT_EQ(counter("simplen", "pages"), 2 * FOLIO);
	EXPECT_STREQ(self->addr + 3 * self->page, "second");
	EXPECT_STREQ(self->addr + FOLIO * self->page - 3, "across");
	EXPECT_EQ(counter("simplen", "faults"), 2);
}

TEST_F(unused, read_allocates_nothing)
{
	char *buf = malloc(PAGES * self->page);

	ASSERT_EQ(pread(self->fd, buf, PAGES * self->page, 0), PAGES * self->page);
	EXPECT_TRUE(is_zero(buf, PAGES * self->page));
	EXPECT_EQ(counter("simplen", "pages"), 0);
	free(buf);
}

/* The whole folio is allocated, though one page of it is mapped, or copied. */
TEST_F(unused, folio_is_allocated_for_a_single_page)
{
	char *part = map_at(0, self->fd, PROT_READ, MAP_SHARED, 20, 1);
	char *copy = map_aligned(self->fd, MAP_PRIVATE);

	ASSERT_NE(part, MAP_FAILED);
	ASSERT_NE(copy, MAP_FAILED);
	EXPECT_EQ(*part, 0);
	EXPECT_EQ(counter("simplen", "pages"), FOLIO);
	copy[40 * self->page] = 1;
	EXPECT_EQ(counter("simplen", "pages"), 2 * FOLIO);
	EXPECT_EQ(self->addr[40 * self->page], 0);
	EXPECT_EQ(counter("simplen", "pages"), 2 * FOLIO);
}

struct race {
	pthread_barrier_t *start;
	char *addr;
	size_t page;
	int number;
};

/* Touches one folio after the other, each thread another page first. */
static void *touch_folios(void *arg)
{
	struct race *race = arg;

	for (size_t i = 0; i < PAGES; i += FOLIO) {
		char *folio = race->addr + i * race->page;

		pthread_barrier_wait(race->start);
		__atomic_fetch_add((int *)(folio + race->number * race->page), 1,
				   __ATOMIC_RELAXED);
		for (size_t j = 0; j < FOLIO; j++)
			__atomic_fetch_add((int *)(folio + j * race->page + 64), 1,
					   __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Has threads touch the folios in their mappings. With two pages for one, a count would be lost. */
static void race_for_folios(struct __test_metadata *_metadata, char *addr[THREADS], size_t page)
{
	pthread_barrier_t start;
	pthread_t threads[THREADS];
	struct race races[THREADS];

	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		ASSERT_NE(addr[i], MAP_FAILED);
		races[i] = (struct race){ &start, addr[i], page, i };
		ASSERT_EQ(pthread_create(&threads[i], NULL, touch_folios, &races[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < PAGES; i++) {
		EXPECT_EQ(*(int *)(addr[0] + i * page), i % FOLIO < THREADS);
		EXPECT_EQ(*(int *)(addr[0] + i * page + 64), THREADS);
	}
}

TEST_F(unused, threads_that_race_in_a_mapping_get_one_folio)
{
	char *addr[THREADS];

	for (int i = 0; i < THREADS; i++)
		addr[i] = self->addr;
	race_for_folios(_metadata, addr, self->page);
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
	EXPECT_MAPPED(0, PAGES);
}

/* Half of the mappings map folios as a whole, and the others some by pages. */
TEST_F(unused, threads_that_race_in_several_mappings_get_one_folio)
{
	char *addr[THREADS];

	for (int i = 0; i < THREADS; i++)
		addr[i] = map_at(i % 2 ? (1 << pmd_order()) - 8 * i : 0, self->fd,
				 PROT_READ | PROT_WRITE, MAP_SHARED, 0, PAGES);
	race_for_folios(_metadata, addr, self->page);
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
}

static void *write_folios(void *arg)
{
	struct race *race = arg;

	for (size_t i = 0; i < PAGES; i += FOLIO) {
		const off_t at = (i + race->number) * race->page;

		pthread_barrier_wait(race->start);
		if (pwrite((int)(long)race->addr, "w", 1, at) != 1)
			return "a write failed";
	}
	return NULL;
}

TEST_F(unused, writes_that_race_get_one_folio)
{
	pthread_barrier_t start;
	pthread_t threads[THREADS];
	struct race races[THREADS];
	void *wrong;

	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		races[i] = (struct race){ &start, (char *)(long)self->fd, self->page, i };
		ASSERT_EQ(pthread_create(&threads[i], NULL, write_folios, &races[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &wrong);
		EXPECT_EQ(wrong, NULL);
	}
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
	for (size_t i = 0; i < PAGES; i++)
		EXPECT_EQ(self->addr[i * self->page], i % FOLIO < THREADS ? 'w' : 0);
}

TEST_F(unused, single_pages_if_no_folio_can_be_allocated)
{
	if (access(FAIL_PAGE_ALLOC, F_OK))
		SKIP(return, "this kernel cannot make allocations fail");
	ASSERT_TRUE(fail_page_alloc(1, true));
	self->addr[21 * self->page] = 1;
	self->addr[23 * self->page] = 2;
	ASSERT_TRUE(fail_page_alloc(1, false));
	EXPECT_EQ(counter("simplen", "pages"), 2);
	EXPECT_EQ(mapped_pages(self->addr, PAGES), 2);
	EXPECT_GT(counter("simplen", "huge_fallbacks"), 0);
}

/* The rest around single pages is allocated later, and no page twice. */
TEST_F(unused, folios_and_pages_side_by_side)
{
	if (access(FAIL_PAGE_ALLOC, F_OK))
		SKIP(return, "this kernel cannot make allocations fail");
	ASSERT_TRUE(fail_page_alloc(1, true));
	self->addr[21 * self->page] = 21;
	self->addr[23 * self->page] = 23;
	ASSERT_TRUE(fail_page_alloc(1, false));
	for (size_t i = 0; i < PAGES; i++) {
		EXPECT_EQ(self->addr[i * self->page], i == 21 || i == 23 ? i : 0);
		put_text(self->addr + i * self->page + 8, "written");
	}
	EXPECT_EQ(counter("simplen", "pages"), PAGES);
	EXPECT_MAPPED(0, PAGES);
}

FIXTURE(orders)
{
	size_t page, pages, large;
	int fd, order;
	char *addr;
};

FIXTURE_VARIANT(orders)
{
	int order; /* -1 is the largest */
};

FIXTURE_VARIANT_ADD(orders, of_0)
{
	.order = 0,
};

FIXTURE_VARIANT_ADD(orders, of_1)
{
	.order = 1,
};

FIXTURE_VARIANT_ADD(orders, of_4)
{
	.order = 4,
};

FIXTURE_VARIANT_ADD(orders, of_a_page_table)
{
	.order = -1,
};

#define TAIL 37

/* Maps a region of two of the largest folios, and TAIL pages more. Nothing is touched. */
FIXTURE_SETUP(orders)
{
	char params[32];

	self->page = page_size();
	self->order = variant->order < 0 ? pmd_order() : variant->order;
	self->large = 2 << pmd_order();
	self->pages = self->large + TAIL;
	sprintf(params, "pages=%zu order=%d trace=0", self->pages, self->order);
	ASSERT_EQ(reload_module(params), 0);
	self->fd = open("/dev/simplen", O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->addr = map_at(0, self->fd, PROT_READ | PROT_WRITE, MAP_SHARED, 0, self->pages);
	ASSERT_NE(self->addr, MAP_FAILED);
}

FIXTURE_TEARDOWN_PARENT(orders)
{
	EXPECT_EQ(counter("simplen", "vmas"), 0);
	EXPECT_EQ(unload_module(), 0);
}

/* Faults of all folios. The largest ones can be mapped by PMD entries, which count separately. */
static long folio_faults(void)
{
	return counter("simplen", "faults") + counter("simplen", "huge_faults");
}

TEST_F(orders, sequential_reads_take_one_fault_per_folio)
{
	EXPECT_EQ(faults_of_reading(self->addr, self->large), self->large >> self->order);
	EXPECT_EQ(folio_faults(), self->large >> self->order);
	EXPECT_EQ(mapped_pages(self->addr, self->pages), self->large);
}

/* The end of the region has the largest folios that fit: of 32, 4 and 1 pages. */
TEST_F(orders, end_of_the_region_has_smaller_folios)
{
	const size_t left = TAIL & ((1 << self->order) - 1);
	const long folios = (TAIL >> self->order) + __builtin_popcountl(left);
	char *tail = self->addr + self->large * self->page;

	EXPECT_EQ(faults_of_reading(tail, TAIL), folios);
	EXPECT_EQ(folio_faults(), folios);
	EXPECT_EQ(mapped_pages(self->addr, self->pages), TAIL);
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 0);
}

TEST_F(orders, end_of_the_region_touched_from_the_last_page)
{
	char *tail = self->addr + self->large * self->page;

	EXPECT_EQ(tail[(TAIL - 1) * self->page], 0);
	EXPECT_EQ(counter("simplen", "pages"), 1);
	EXPECT_EQ(mapped_pages(self->addr, self->pages), 1);
	EXPECT_EQ(tail[34 * self->page], 0);
	EXPECT_EQ(counter("simplen", "pages"), 1 + (self->order < 2 ? 1 << self->order : 4));
}

TEST_F(orders, touching_all_allocates_no_more_than_the_region)
{
	for (size_t i = 0; i < self->pages; i++)
		*(size_t *)(self->addr + i * self->page) = i + 1;
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
	for (size_t i = 0; i < self->pages; i++)
		ASSERT_EQ(number_in(self->addr + i * self->page), i + 1);
}

/* Pages all over the region, some of them in a folio that is mapped already. */
TEST_F(orders, random_reads_map_their_own_folios)
{
	const size_t folio = 1 << self->order;
	size_t faults = 0;

	fill(self->fd, self->pages);
	for (size_t i = 0, at = 7; i < 16; i++, at = (at + 389) % self->large) {
		char *addr = self->addr + at / folio * folio * self->page;

		faults += !mapped_pages(addr, folio);
		EXPECT_EQ(number_in(self->addr + at * self->page), at + 1);
		EXPECT_EQ(mapped_pages(addr, folio), folio);
		EXPECT_EQ(mapped_pages(self->addr, self->pages), faults * folio);
	}
	EXPECT_EQ(folio_faults(), faults);
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

/* At these addresses and offsets, many folios cross page tables or the ends of the VMA. */
TEST_F(orders, any_address_and_offset_shows_the_same_memory)
{
	static const struct { size_t at, first; } cases[] = {
		{ 1, 0 }, { 0, 1 }, { 7, 3 }, { 500, 20 }, { 5, 515 },
	};

	fill(self->fd, self->pages);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const size_t first = cases[i].first, pages = self->pages - first;
		char *addr = map_at(cases[i].at, self->fd, PROT_READ, MAP_SHARED, first, pages);

		ASSERT_NE(addr, MAP_FAILED);
		for (size_t j = 0; j < pages; j++)
			ASSERT_EQ(number_in(addr + j * self->page), first + j + 1);
		ASSERT_EQ(munmap(addr, pages * self->page), 0);
	}
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(orders, private_writes_copy_single_pages)
{
	char *copy = map_at(0, self->fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0, self->pages);

	ASSERT_NE(copy, MAP_FAILED);
	fill(self->fd, self->pages);
	for (size_t i = 0; i < self->pages; i += 41)
		*(size_t *)(copy + i * self->page) = 5000 + i;
	for (size_t i = 0; i < self->pages; i++) {
		ASSERT_EQ(number_in(copy + i * self->page), i % 41 ? i + 1 : 5000 + i);
		ASSERT_EQ(number_in(self->addr + i * self->page), i + 1);
	}
}

TEST_HARNESS_MAIN
