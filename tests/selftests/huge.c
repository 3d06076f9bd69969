// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages of simplen, huge=1. Tests when a PMD entry maps a folio, and that the memory
 * keeps its content when pages are mapped singly, also after a PMD entry was split.
 */

#include "suite.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"

/* The region has FOLIOS large folios, and TAIL pages more, in folios of 32, 4 and 1 pages. */
#define FOLIOS 3
#define TAIL 37
#define TAIL_FOLIOS 3

/* Whether the kernel has warned since it booted. */
static bool has_warned(void)
{
	return number_of("/proc/sys/kernel/tainted") & 1 << 9;
}

/* How many huge pages are mapped in the VMA that the address is in. */
static size_t huge_mapped(const void *addr)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned long start, end, kib, total = 0;
	bool is_it = false;
	char line[512];

	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			is_it = start <= (uintptr_t)addr && (uintptr_t)addr < end;
		else if (is_it && sscanf(line, "FilePmdMapped: %lu", &kib) == 1)
			total = kib;
	}
	fclose(smaps);
	return total * 1024 / pmd_size();
}

/* How often the counter goes up when each of the pages is read from. */
static long faults_in(const char *counter_name, char *addr, size_t pages)
{
	long before = counter("simplen", counter_name);

	for (size_t i = 0; i < pages; i++)
		__atomic_load_n(addr + i * page_size(), __ATOMIC_RELAXED);
	return counter("simplen", counter_name) - before;
}

/* The wait status of a child that has ended, -1 if there is none. */
static int status_of(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

FIXTURE(huge)
{
	size_t page, huge, per_folio, pages, len;
	int fd;
	char *addr;
	bool warned;
};

/* The type of *self, for functions that are given it. */
#define DATA FIXTURE_DATA(huge)

/* Maps the whole region. Nothing is allocated yet. */
FIXTURE_SETUP(huge)
{
	char params[48];

	self->huge = pmd_size();
	if (!self->huge)
		SKIP(return, "this kernel has no transparent huge pages");
	self->page = page_size();
	self->per_folio = self->huge / self->page;
	self->pages = FOLIOS * self->per_folio + TAIL;
	self->len = self->pages * self->page;
	ASSERT_TRUE(tell(THP "enabled", "always"));
	sprintf(params, "pages=%zu huge=1 trace=0", self->pages);
	ASSERT_EQ(reload_module(params), 0);
	clear_log();
	self->warned = has_warned();
	self->fd = open("/dev/simplen", O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->addr = map_shared(self->fd, self->pages, 0);
	ASSERT_NE(self->addr, MAP_FAILED);
}

/* After each test, all VMAs are closed, all pages are freed, and the kernel has not warned. */
FIXTURE_TEARDOWN_PARENT(huge)
{
	/* Drains the kernel's batches, in which mlock and some advice keep pages for a while. */
	EXPECT_TRUE(tell("/proc/sys/vm/drop_caches", "1"));
	EXPECT_EQ(has_warned(), self->warned);
	/* One test unloads the module itself, and checks the sums. */
	if (access("/dev/simplen", F_OK))
		return;
	EXPECT_EQ(counter("simplen", "vmas"), 0);
	EXPECT_EQ(unload_module(), 0);
	EXPECT_GT(balanced_sums(), 0) {
		TH_LOG("in the log: %s", driver_log());
	}
}

TEST_F(huge, fault_allocates_one_folio)
{
	EXPECT_EQ(self->addr[self->huge + self->huge / 2 + 5], 0);
	EXPECT_EQ(counter("simplen", "huge_faults"), 1);
	EXPECT_EQ(counter("simplen", "faults"), 0);
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 0);
	EXPECT_EQ(counter("simplen", "pages"), self->per_folio);
}

TEST_F(huge, fault_maps_all_of_the_folio)
{
	char *folio = self->addr + self->huge;

	EXPECT_EQ(folio[self->huge / 2 + 5], 0);
	EXPECT_EQ(huge_mapped(self->addr), 1);
	EXPECT_EQ(mapped_pages(self->addr, self->pages), self->per_folio);
	EXPECT_EQ(mapped_pages(folio, self->per_folio), self->per_folio);
	EXPECT_EQ(faults_of_reading(folio, self->per_folio), 0);
}

TEST_F(huge, write_after_a_read_takes_no_fault)
{
	EXPECT_EQ(self->addr[self->huge + 5], 0);
	self->addr[self->huge + 5] = 1;
	EXPECT_EQ(counter("simplen", "huge_faults"), 1);
	EXPECT_EQ(counter("simplen", "faults"), 0);
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 0);
}

TEST_F(huge, folio_is_contiguous_and_aligned)
{
	char *folio = self->addr + self->huge;

	*folio = 1;
	EXPECT_EQ(phys_at(folio) % self->huge, 0);
	for (size_t i = 0; i < self->per_folio; i += 73)
		EXPECT_EQ(phys_at(folio + i * self->page), phys_at(folio) + i * self->page);
}

TEST_F(huge, whole_region_takes_a_fault_per_folio)
{
	EXPECT_EQ(faults_of_reading(self->addr, self->pages), FOLIOS + TAIL_FOLIOS);
	EXPECT_EQ(counter("simplen", "huge_faults"), FOLIOS);
	EXPECT_EQ(counter("simplen", "faults"), TAIL_FOLIOS);
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 0);
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
}

TEST_F(huge, whole_region_keeps_what_is_written)
{
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
}

/* From the second round on, the kernel can give the memory that was filled in the round before. */
TEST_F(huge, memory_is_zero_at_first)
{
	char params[48];

	sprintf(params, "pages=%zu huge=1 trace=0", self->pages);
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(is_zero(self->addr, self->len));
		memset(self->addr, 0xff, self->len);
		munmap(self->addr, self->len);
		close(self->fd);
		ASSERT_EQ(reload_module(params), 0);
		self->fd = open("/dev/simplen", O_RDWR);
		self->addr = map_shared(self->fd, self->pages, 0);
		ASSERT_NE(self->addr, MAP_FAILED);
	}
	EXPECT_EQ(log_count("simplen: unloaded; "), 3);
}

TEST_F(huge, kernel_chooses_aligned_addresses)
{
	const size_t offsets[] = { 0, 1, self->per_folio / 2, self->per_folio, 700 };

	EXPECT_EQ((uintptr_t)self->addr % self->huge, 0);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		char *addr = map_shared(self->fd, self->pages - offsets[i], offsets[i]);

		ASSERT_NE(addr, MAP_FAILED);
		EXPECT_EQ(((uintptr_t)addr - offsets[i] * self->page) % self->huge, 0);
	}
}

/* Maps the whole region at an address one page after a multiple of the PMD size. */
static char *map_unaligned(int fd, size_t pages)
{
	const size_t len = pages * page_size();
	char *addr = reserve(len + page_size(), pmd_size()) + page_size();

	return mmap(addr, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
}

TEST_F(huge, process_can_choose_an_unaligned_address)
{
	EXPECT_EQ((uintptr_t)map_unaligned(self->fd, self->pages) % self->huge, self->page);
}

TEST_F(huge, unaligned_mapping_shows_the_same_memory)
{
	char *unaligned = map_unaligned(self->fd, self->pages);

	ASSERT_NE(unaligned, MAP_FAILED);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(unaligned, self->pages, 0));
	for (size_t i = 0; i < self->pages; i += 61)
		EXPECT_EQ(phys_at(self->addr + i * self->page),
			  phys_at(unaligned + i * self->page));
	number(unaligned, self->pages, 5);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 5));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, unaligned_mapping_is_mapped_by_pages)
{
	char *unaligned = map_unaligned(self->fd, self->pages);

	ASSERT_NE(unaligned, MAP_FAILED);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(unaligned, self->pages, 0));
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
	EXPECT_EQ(huge_mapped(unaligned), 0);
	/* There the large folios cross page tables and take a fault per page, but no small one. */
	EXPECT_EQ(counter("simplen", "faults"), TAIL_FOLIOS + FOLIOS * self->per_folio +
		  TAIL_FOLIOS);
}

TEST_F(huge, read_crosses_from_folio_to_folio)
{
	char *buf = malloc(self->huge);

	number(self->addr, self->pages, 5);
	ASSERT_EQ(pread(self->fd, buf, self->huge, self->huge / 2), self->huge);
	EXPECT_TRUE(is_numbered(buf, self->per_folio, 5 + self->per_folio / 2));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
	free(buf);
}

TEST_F(huge, write_crosses_from_folio_to_folio)
{
	char *buf = malloc(self->huge);

	number(self->addr, self->pages, 5);
	number(buf, self->per_folio, 1000);
	ASSERT_EQ(pwrite(self->fd, buf, self->huge, self->huge / 2), self->huge);
	EXPECT_TRUE(is_numbered(self->addr + self->huge / 2, self->per_folio, 1000));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
	free(buf);
}

TEST_F(huge, read_allocates_nothing)
{
	char text[8] = "first";

	ASSERT_EQ(pread(self->fd, text, 8, 100), 8);
	EXPECT_TRUE(is_zero(text, 8));
	EXPECT_EQ(counter("simplen", "pages"), 0);
}

TEST_F(huge, write_allocates_the_folio)
{
	char text[8] = "first";

	ASSERT_EQ(pwrite(self->fd, "second", 7, 3 * self->page), 7);
	EXPECT_EQ(counter("simplen", "pages"), self->per_folio);
	ASSERT_EQ(pread(self->fd, text, 8, 2 * self->page), 8);
	EXPECT_TRUE(is_zero(text, 8));
}

TEST_F(huge, folio_of_a_write_is_mapped_as_a_whole)
{
	ASSERT_EQ(pwrite(self->fd, "second", 7, 3 * self->page), 7);
	EXPECT_STREQ(self->addr + 3 * self->page, "second");
	EXPECT_EQ(counter("simplen", "huge_faults"), 1);
	EXPECT_EQ(counter("simplen", "faults"), 0);
}

/* Numbers the region, unmaps it, and maps a part of it at the address that it had. */
static char *map_part(DATA *self, size_t start, size_t len)
{
	number(self->addr, self->pages, 0);
	munmap(self->addr, self->len);
	return mmap(self->addr + start, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		    self->fd, start);
}

TEST_F(huge, vma_with_half_folios_maps_them_by_pages)
{
	const size_t half = self->per_folio / 2;
	char *addr = map_part(self, self->huge / 2, 2 * self->huge);

	ASSERT_EQ(addr, self->addr + self->huge / 2);
	EXPECT_EQ(faults_in("faults", addr, half), half);
	EXPECT_EQ(faults_in("faults", addr + 3 * (self->huge / 2), half), half);
	EXPECT_EQ(huge_mapped(addr), 0);
	EXPECT_TRUE(is_numbered(addr, 2 * self->per_folio, half));
}

TEST_F(huge, vma_with_half_folios_maps_a_whole_one_as_a_whole)
{
	char *addr = map_part(self, self->huge / 2, 2 * self->huge);

	ASSERT_EQ(addr, self->addr + self->huge / 2);
	EXPECT_EQ(faults_in("huge_faults", addr + self->huge / 2, self->per_folio), 1);
	EXPECT_EQ(huge_mapped(addr), 1);
	EXPECT_TRUE(is_numbered(addr, 2 * self->per_folio, self->per_folio / 2));
}

TEST_F(huge, vma_without_the_first_page_of_a_folio_maps_pages)
{
	char *addr = map_part(self, self->page, self->huge - self->page);

	EXPECT_EQ(faults_in("huge_faults", addr, self->per_folio - 1), 0);
	EXPECT_TRUE(is_numbered(addr, self->per_folio - 1, 1));
}

TEST_F(huge, vma_without_the_last_page_of_a_folio_maps_pages)
{
	char *addr = map_part(self, 0, self->huge - self->page);

	EXPECT_EQ(faults_in("huge_faults", addr, self->per_folio - 1), 0);
	EXPECT_TRUE(is_numbered(addr, self->per_folio - 1, 0));
}

/* At an aligned address with an unaligned offset, no folio is at an aligned address. */
TEST_F(huge, aligned_address_with_an_unaligned_offset_maps_pages)
{
	char *addr = reserve(self->huge, self->huge);

	number(self->addr, self->pages, 0);
	ASSERT_EQ(mmap(addr, self->huge, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, self->fd,
		       self->page), addr);
	EXPECT_EQ(faults_in("huge_faults", addr, self->per_folio), 0);
	EXPECT_EQ(huge_mapped(addr), 0);
	EXPECT_TRUE(is_numbered(addr, self->per_folio, 1));
}

/* Parts of a folio, in eighths. */
static const struct { size_t start, end; } parts[] = {
	{ 0, 1 }, { 3, 4 }, { 7, 8 }, { 0, 7 }, { 1, 8 },
};

TEST_F(huge, unmapping_a_part_leaves_the_rest)
{
	const size_t eighth = self->per_folio / 8;

	number(self->addr, self->pages, 0);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		char *addr = map_shared(self->fd, self->pages, 0), *second = addr + self->huge;
		char *start = second + parts[i].start * eighth * self->page;
		size_t pages = (parts[i].end - parts[i].start) * eighth;

		ASSERT_NE(addr, MAP_FAILED);
		EXPECT_EQ(faults_in("huge_faults", addr, self->pages), FOLIOS);
		ASSERT_EQ(munmap(start, pages * self->page), 0);
		EXPECT_EQ(mapped_pages(start, pages), 0);
		for (char *at = second; at < second + self->huge; at += eighth * self->page) {
			if (at >= start && at < start + pages * self->page)
				continue;
			EXPECT_TRUE(is_numbered(at, eighth, (at - addr) / self->page));
		}
		EXPECT_TRUE(is_numbered(addr, self->per_folio, 0));
		EXPECT_TRUE(is_numbered(second + self->huge, self->per_folio + TAIL,
					2 * self->per_folio));
		ASSERT_EQ(munmap(addr, self->len), 0);
	}
}

TEST_F(huge, unmapping_a_part_leaves_other_mappings_whole)
{
	char *addr = map_shared(self->fd, self->pages, 0);

	ASSERT_NE(addr, MAP_FAILED);
	number(self->addr, self->pages, 0);
	EXPECT_EQ(faults_in("huge_faults", addr, self->pages), FOLIOS);
	ASSERT_EQ(munmap(addr + self->huge + self->page, self->page), 0);
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
}

TEST_F(huge, protecting_a_part_stops_writes_to_nothing_else)
{
	const size_t eighth = self->huge / 8;

	number(self->addr, self->pages, 0);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		char *start = self->addr + parts[i].start * eighth;
		size_t len = (parts[i].end - parts[i].start) * eighth;

		ASSERT_EQ(mprotect(start, len, PROT_READ), 0);
		EXPECT_EQ(signal_of_access(start, true), SIGSEGV);
		EXPECT_EQ(signal_of_access(start + len - 1, true), SIGSEGV);
		if (parts[i].start)
			EXPECT_EQ(signal_of_access(start - 1, true), 0);
		if (parts[i].end < 8)
			EXPECT_EQ(signal_of_access(start + len, true), 0);
		ASSERT_EQ(mprotect(start, len, PROT_READ | PROT_WRITE), 0);
		number(self->addr, self->pages, 0);
	}
}

TEST_F(huge, protecting_a_part_keeps_the_memory)
{
	const size_t eighth = self->huge / 8;

	number(self->addr, self->pages, 0);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		char *start = self->addr + parts[i].start * eighth;
		size_t len = (parts[i].end - parts[i].start) * eighth;

		ASSERT_EQ(mprotect(start, len, PROT_READ), 0);
		EXPECT_TRUE(is_numbered(self->addr, self->pages, i));
		ASSERT_EQ(mprotect(start, len, PROT_READ | PROT_WRITE), 0);
		number(self->addr, self->pages, i + 1);
	}
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, protected_folio_stays_whole)
{
	number(self->addr, self->pages, 0);
	ASSERT_EQ(mprotect(self->addr, 2 * self->huge, PROT_READ), 0);
	EXPECT_EQ(signal_of_access(self->addr + self->page, true), SIGSEGV);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	EXPECT_EQ(huge_mapped(self->addr), 2);
}

TEST_F(huge, folio_is_whole_when_writes_are_allowed_again)
{
	number(self->addr, self->pages, 0);
	ASSERT_EQ(mprotect(self->addr, 2 * self->huge, PROT_READ), 0);
	ASSERT_EQ(mprotect(self->addr, 2 * self->huge, PROT_READ | PROT_WRITE), 0);
	number(self->addr, self->pages, 1);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 1));
	EXPECT_EQ(huge_mapped(self->addr), 2);
}

TEST_F(huge, folio_mapped_while_protected_is_written_later)
{
	number(self->addr, self->pages, 1);
	ASSERT_EQ(madvise(self->addr, self->huge, MADV_DONTNEED), 0);
	ASSERT_EQ(mprotect(self->addr, self->huge, PROT_READ), 0);
	EXPECT_TRUE(is_numbered(self->addr, self->per_folio, 1));
	ASSERT_EQ(mprotect(self->addr, self->huge, PROT_READ | PROT_WRITE), 0);
	number(self->addr, self->per_folio, 0);
	EXPECT_TRUE(is_numbered(self->addr, self->per_folio, 0));
	EXPECT_EQ(mapped_pages(self->addr, self->pages), self->pages);
}

/* Moves all of the numbered region to other addresses. */
static char *move(DATA *self, char *to)
{
	number(self->addr, self->pages, 0);
	return mremap(self->addr, self->len, self->len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
}

TEST_F(huge, moved_to_aligned_addresses_folios_stay_whole)
{
	char *space = reserve(self->len, self->huge);

	ASSERT_EQ(move(self, space), space);
	EXPECT_EQ(huge_mapped(space), FOLIOS);
	EXPECT_EQ(faults_of_reading(space, FOLIOS * self->per_folio), 0);
	EXPECT_TRUE(is_numbered(space, self->pages, 0));
}

TEST_F(huge, moved_to_other_addresses_folios_are_mapped_by_pages)
{
	char *space = reserve(self->len + self->huge, self->huge) + 3 * self->page;

	ASSERT_EQ(move(self, space), space);
	EXPECT_EQ(huge_mapped(space), 0);
	EXPECT_TRUE(is_numbered(space, self->pages, 0));
	EXPECT_EQ(huge_mapped(space), 0);
}

TEST_F(huge, moved_back_folios_are_whole_when_mapped_anew)
{
	char *space = reserve(self->len + self->huge, self->huge) + 3 * self->page;

	ASSERT_EQ(move(self, space), space);
	ASSERT_EQ(mremap(space, self->len, self->len, MREMAP_MAYMOVE | MREMAP_FIXED, self->addr),
		  self->addr);
	number(self->addr, self->pages, 7);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 7));
	ASSERT_EQ(madvise(self->addr, self->len, MADV_DONTNEED), 0);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 7));
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
}

TEST_F(huge, halves_of_two_folios_move)
{
	char *space = reserve(self->huge, self->huge);

	number(self->addr, self->pages, 7);
	ASSERT_EQ(mremap(self->addr + self->huge / 2, self->huge, self->huge,
			 MREMAP_MAYMOVE | MREMAP_FIXED, space), space);
	EXPECT_TRUE(is_numbered(space, self->per_folio, 7 + self->per_folio / 2));
	EXPECT_EQ(huge_mapped(space), 0);
	EXPECT_TRUE(is_numbered(self->addr, self->per_folio / 2, 7));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, shrinking_splits_the_folio_at_the_end)
{
	const size_t len = 2 * self->huge - self->page;

	number(self->addr, self->pages, 0);
	ASSERT_EQ(mremap(self->addr, self->len, len, 0), self->addr);
	EXPECT_TRUE(is_numbered(self->addr, 2 * self->per_folio - 1, 0));
	EXPECT_EQ(huge_mapped(self->addr), 1);
	EXPECT_EQ(signal_of_access(self->addr + len, false), SIGSEGV);
}

TEST_F(huge, growing_again_completes_the_folio)
{
	const size_t len = 2 * self->huge - self->page;
	char *addr;

	number(self->addr, self->pages, 0);
	ASSERT_EQ(mremap(self->addr, self->len, len, 0), self->addr);
	addr = mremap(self->addr, len, 2 * self->huge, MREMAP_MAYMOVE);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_TRUE(is_numbered(addr, 2 * self->per_folio, 0));
}

TEST_F(huge, growing_past_the_end_is_sigbus_there)
{
	const size_t len = self->len + 2 * self->huge;
	char *space = reserve(len, self->huge);

	number(self->addr, self->pages, 0);
	ASSERT_EQ(mremap(self->addr, self->len, 2 * self->huge, 0), self->addr);
	ASSERT_EQ(mremap(self->addr, 2 * self->huge, len, MREMAP_MAYMOVE | MREMAP_FIXED, space),
		  space);
	EXPECT_TRUE(is_numbered(space, self->pages, 0));
	EXPECT_EQ(signal_of_access(space + self->len, false), SIGBUS);
	EXPECT_EQ(signal_of_access(space + self->len, true), SIGBUS);
	EXPECT_EQ(signal_of_access(space + 4 * self->huge, true), SIGBUS);
	EXPECT_EQ(signal_of_access(space + len - 1, true), SIGBUS);
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, child_of_fork_maps_folios_as_a_whole)
{
	pid_t pid;

	number(self->addr, self->pages, 0);
	pid = fork();
	if (!pid)
		_exit(!is_numbered(self->addr, self->pages, 0) ||
		      huge_mapped(self->addr) != FOLIOS);
	EXPECT_EQ(status_of(pid), 0);
}

TEST_F(huge, parent_sees_what_a_child_writes)
{
	pid_t pid;

	number(self->addr, self->pages, 0);
	pid = fork();
	if (!pid) {
		number(self->addr, self->pages, 9);
		_exit(0);
	}
	EXPECT_EQ(status_of(pid), 0);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 9));
}

TEST_F(huge, folios_stay_whole_when_a_child_unmaps_a_part)
{
	pid_t pid;

	number(self->addr, self->pages, 0);
	pid = fork();
	if (!pid)
		_exit(!is_numbered(self->addr, self->pages, 0) ||
		      munmap(self->addr + self->page, self->page));
	EXPECT_EQ(status_of(pid), 0);
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
}

TEST_F(huge, private_mapping_maps_folios_as_a_whole)
{
	char *addr = map_private(self->fd, self->pages, 0);

	ASSERT_NE(addr, MAP_FAILED);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(addr, self->pages, 0));
	EXPECT_EQ(huge_mapped(addr), FOLIOS);
}

/* Makes a private mapping of the numbered region, reads all of it, and writes to one page. */
static char *map_and_copy(struct __test_metadata *_metadata, DATA *self, size_t copied)
{
	char *addr = map_private(self->fd, self->pages, 0);

	ASSERT_NE(addr, MAP_FAILED);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(addr, self->pages, 0));
	number(addr + copied * self->page, 1, 5000);
	return addr;
}

TEST_F(huge, private_write_copies_that_page_only)
{
	const size_t copied = self->per_folio + 33;
	char *addr = map_and_copy(_metadata, self, copied);

	EXPECT_EQ(huge_mapped(addr), FOLIOS - 1);
	for (size_t i = 0; i < self->pages; i++)
		ASSERT_TRUE(is_numbered(addr + i * self->page, 1, i == copied ? 5000 : i));
	EXPECT_NE(phys_at(addr + copied * self->page), phys_at(self->addr + copied * self->page));
	EXPECT_EQ(phys_at(addr + (copied + 1) * self->page),
		  phys_at(self->addr + (copied + 1) * self->page));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
}

TEST_F(huge, private_mapping_shows_later_writes_except_in_copies)
{
	const size_t copied = self->per_folio + 33;
	char *addr = map_and_copy(_metadata, self, copied);

	number(self->addr, self->pages, 100);
	EXPECT_TRUE(is_numbered(addr, copied, 100));
	EXPECT_TRUE(is_numbered(addr + copied * self->page, 1, 5000));
}

TEST_F(huge, discarding_gives_up_private_copies)
{
	char *addr = map_and_copy(_metadata, self, self->per_folio + 33);

	number(self->addr, self->pages, 100);
	ASSERT_EQ(madvise(addr, self->len, MADV_DONTNEED), 0);
	EXPECT_TRUE(is_numbered(addr, self->pages, 100));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, private_write_to_an_unmapped_folio_maps_one_page)
{
	char *addr = map_private(self->fd, self->pages, 0);

	ASSERT_NE(addr, MAP_FAILED);
	number(self->addr, self->pages, 0);
	number(addr + 5 * self->page, 1, 5000);
	EXPECT_EQ(mapped_pages(addr, self->pages), 1);
	for (size_t i = 0; i < self->pages; i++)
		ASSERT_TRUE(is_numbered(addr + i * self->page, 1, i == 5 ? 5000 : i));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
}

TEST_F(huge, child_of_fork_inherits_private_copies)
{
	char *addr = map_and_copy(_metadata, self, 0);
	pid_t pid = fork();

	if (!pid)
		_exit(!is_numbered(addr, 1, 5000) ||
		      !is_numbered(addr + self->page, self->pages - 1, 1));
	EXPECT_EQ(status_of(pid), 0);
}

TEST_F(huge, private_writes_of_a_child_are_its_own)
{
	char *addr = map_and_copy(_metadata, self, 0);
	pid_t pid = fork();

	if (!pid) {
		number(addr, self->per_folio, 2000);
		_exit(!is_numbered(addr, self->per_folio, 2000));
	}
	EXPECT_EQ(status_of(pid), 0);
	EXPECT_TRUE(is_numbered(addr, 1, 5000));
	EXPECT_TRUE(is_numbered(addr + self->page, self->pages - 1, 1));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
}

#define RANGES 4

/* Some pages of a folio, a whole one, halves of two, and all of the region. */
static struct iovec range(const DATA *self, int i)
{
	const struct iovec ranges[RANGES] = {
		{ self->addr + self->huge + 3 * self->page, 5 * self->page },
		{ self->addr + self->huge, self->huge },
		{ self->addr + self->huge / 2, self->huge },
		{ self->addr, self->len },
	};

	return ranges[i];
}

TEST_F(huge, advice_keeps_the_memory)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE,
		MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_SEQUENTIAL,
		MADV_NORMAL, MADV_NOHUGEPAGE, MADV_HUGEPAGE, MADV_GUARD_REMOVE, MADV_DONTNEED,
	};

	number(self->addr, self->pages, 0);
	for (size_t i = 0; i < ARRAY_SIZE(advice); i++) {
		for (int j = 0; j < RANGES; j++) {
			const struct iovec part = range(self, j);
			const int ret = madvise(part.iov_base, part.iov_len, advice[i]);

			/* EINVAL: this kernel does not know the advice. */
			EXPECT_TRUE(!ret || errno == EINVAL) {
				TH_LOG("advice %d", advice[i]);
			}
			EXPECT_TRUE(is_numbered(self->addr, self->pages, 0)) {
				TH_LOG("advice %d", advice[i]);
			}
		}
	}
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

/* These kinds of advice are for anonymous memory, for files with holes, and for the page cache. */
TEST_F(huge, advice_for_other_memory_is_refused)
{
	static const struct { int advice, error; } cases[] = {
		{ MADV_FREE, EINVAL }, { MADV_REMOVE, ENODEV }, { MADV_COLLAPSE, EINVAL },
	};

	number(self->addr, self->pages, 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int j = 0; j < RANGES; j++) {
			const struct iovec part = range(self, j);

			EXPECT_EQ(madvise(part.iov_base, part.iov_len, cases[i].advice), -1);
			EXPECT_EQ(errno, cases[i].error);
			EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
		}
	}
}

TEST_F(huge, guard_region_stops_access_and_keeps_the_memory)
{
	number(self->addr, self->pages, 0);
	for (int i = 0; i < RANGES; i++) {
		const struct iovec part = range(self, i);

		ASSERT_EQ(madvise(part.iov_base, part.iov_len, MADV_GUARD_INSTALL), 0);
		EXPECT_EQ(signal_of_access(part.iov_base, true), SIGSEGV);
		ASSERT_EQ(madvise(part.iov_base, part.iov_len, MADV_GUARD_REMOVE), 0);
		EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	}
}

TEST_F(huge, advice_against_huge_pages_maps_pages)
{
	char *folio = self->addr + self->huge;

	ASSERT_EQ(madvise(folio, self->huge, MADV_NOHUGEPAGE), 0);
	number(self->addr, self->pages, 0);
	EXPECT_EQ(counter("simplen", "huge_faults"), FOLIOS - 1);
	/* One fault maps all pages of the folio nevertheless, each by an entry of its own. */
	EXPECT_EQ(counter("simplen", "faults"), 1 + TAIL_FOLIOS);
	EXPECT_EQ(huge_mapped(folio), 0);
	EXPECT_EQ(mapped_pages(folio, self->per_folio), self->per_folio);
}

TEST_F(huge, advice_against_huge_pages_can_be_taken_back)
{
	char *folio = self->addr + self->huge;

	ASSERT_EQ(madvise(folio, self->huge, MADV_NOHUGEPAGE), 0);
	number(self->addr, self->pages, 0);
	ASSERT_EQ(madvise(folio, self->huge, MADV_HUGEPAGE), 0);
	ASSERT_EQ(madvise(folio, self->huge, MADV_DONTNEED), 0);
	EXPECT_EQ(faults_in("huge_faults", folio, self->per_folio), 1);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
}

TEST_F(huge, mlock_maps_folios_as_a_whole)
{
	ASSERT_EQ(mlock(self->addr, self->len), 0);
	EXPECT_EQ(mapped_pages(self->addr, self->pages), self->pages);
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
}

TEST_F(huge, locked_folio_is_split)
{
	char *folio = self->addr + self->huge;

	ASSERT_EQ(mlock(self->addr, self->len), 0);
	number(self->addr, self->pages, 0);
	ASSERT_EQ(munlock(folio + self->page, self->page), 0);
	ASSERT_EQ(munmap(folio + 5 * self->page, self->page), 0);
	EXPECT_TRUE(is_numbered(self->addr, self->per_folio + 5, 0));
	EXPECT_TRUE(is_numbered(folio + 6 * self->page, self->per_folio - 6, self->per_folio + 6));
	ASSERT_EQ(munlockall(), 0);
}

TEST_F(huge, mlockall_maps_later_mappings_as_a_whole)
{
	char *addr;

	ASSERT_EQ(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
	addr = map_shared(self->fd, self->pages, 0);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(mapped_pages(addr, self->pages), self->pages);
	EXPECT_EQ(huge_mapped(addr), FOLIOS);
}

/* munmap() unmaps a part, and the end of the process the rest. */
TEST_F(huge, locked_folio_is_unmapped)
{
	ASSERT_EQ(mlock(self->addr, self->len), 0);
	EXPECT_EQ(munmap(self->addr, self->huge / 2), 0);
}

/* An offset shortly before the end of a page, in the midst of a folio. */
static size_t seam_of_pages(const DATA *self)
{
	return self->huge + 5 * self->page - 4;
}

/* These system calls take references on single pages of a folio. */
TEST_F(huge, process_vm_readv_and_writev_reach_a_folio)
{
	char *at = self->addr + seam_of_pages(self), text[16] = "", from[16] = "from elsewhere";
	struct iovec local = { from, 16 }, remote = { at, 16 };

	number(self->addr, self->pages, 0);
	ASSERT_EQ(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), 16);
	EXPECT_STREQ(at, from);
	local.iov_base = text;
	ASSERT_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), 16);
	EXPECT_STREQ(text, from);
}

TEST_F(huge, debugger_writes_to_a_folio)
{
	char *at = self->addr + seam_of_pages(self);
	int mem = open("/proc/self/mem", O_RDWR);

	number(self->addr, self->pages, 0);
	ASSERT_EQ(pwrite(mem, "by a debugger", 14, (uintptr_t)at), 14);
	EXPECT_STREQ(at, "by a debugger");
	close(mem);
}

/* The read makes the kernel fault in the folio. */
TEST_F(huge, debugger_reads_where_nothing_is_mapped)
{
	char *at = self->addr + seam_of_pages(self), text[16] = "";
	int mem = open("/proc/self/mem", O_RDWR);

	number(self->addr, self->pages, 0);
	put_text(at, "for a debugger");
	ASSERT_EQ(madvise(self->addr, self->len, MADV_DONTNEED), 0);
	ASSERT_EQ(pread(mem, text, 16, (uintptr_t)at), 16);
	EXPECT_STREQ(text, "for a debugger");
	EXPECT_EQ(huge_mapped(self->addr), 1);
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
	close(mem);
}

/* A pipe that holds one page keeps its folio. The rest of the region is freed. */
TEST_F(huge, pipe_holds_a_folio_after_unload)
{
	struct iovec iov = { self->addr + self->huge + 7 * self->page, 16 };
	char text[16] = "", line[128];
	int ends[2];

	ASSERT_EQ(pipe(ends), 0);
	number(self->addr, self->pages, 0);
	put_text(iov.iov_base, "held by a pipe");
	ASSERT_EQ(vmsplice(ends[1], &iov, 1, 0), 16);
	ASSERT_EQ(munmap(self->addr, self->len), 0);
	ASSERT_EQ(close(self->fd), 0);
	ASSERT_EQ(unload_module(), 0);
	sprintf(line, "VMAs: 1 opened, 1 closed; pages: %zu allocated, %zu freed", self->pages,
		self->pages - self->per_folio);
	EXPECT_EQ(log_count(line), 1);
	/* If the folio were free, this would get and overwrite it. */
	ASSERT_NE(mmap(NULL, 32 * self->huge, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0), MAP_FAILED);
	ASSERT_EQ(read(ends[0], text, 16), 16);
	EXPECT_STREQ(text, "held by a pipe");
}

struct race {
	pthread_barrier_t *start;
	char *addr;
	size_t page, pages;
};

static void *count_all(void *arg)
{
	struct race *race = arg;

	for (size_t i = 0; i < race->pages; i += 64) {
		pthread_barrier_wait(race->start);
		__atomic_fetch_add((int *)(race->addr + i * race->page), 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

#define THREADS 4

/* Half of the threads use mappings that map single pages of the same folio. */
TEST_F(huge, threads_that_race_get_one_folio)
{
	pthread_barrier_t start;
	pthread_t threads[THREADS];
	struct race races[THREADS];

	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		char *addr = i % 2 ? map_unaligned(self->fd, self->pages) : self->addr;

		ASSERT_NE(addr, MAP_FAILED);
		races[i] = (struct race){ &start, addr, self->page, self->pages };
		ASSERT_EQ(pthread_create(&threads[i], NULL, count_all, &races[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < self->pages; i += 64)
		EXPECT_EQ(*(int *)(self->addr + i * self->page), THREADS);
	/* The last page that they touch is in a folio of 32 pages. */
	EXPECT_EQ(counter("simplen", "pages"), FOLIOS * self->per_folio + 32);
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
}

static void *write_first(void *arg)
{
	struct race *race = arg;

	pthread_barrier_wait(race->start);
	__atomic_store_n(race->addr, 1, __ATOMIC_RELAXED);
	return NULL;
}

/*
 * While a fault allocates its folio, another thread has the kernel put a page table
 * where the folio's PMD entry would be.
 */
TEST_F(huge, guard_region_is_installed_during_a_fault)
{
	pthread_barrier_t start;
	char *guard;

	pthread_barrier_init(&start, NULL, 2);
	for (int i = 0; i < FOLIOS; i++) {
		struct race race = { &start, self->addr + i * self->huge, self->page, 0 };
		pthread_t thread;

		guard = race.addr + self->huge - self->page;
		ASSERT_EQ(pthread_create(&thread, NULL, write_first, &race), 0);
		pthread_barrier_wait(&start);
		/* Until then the fault has begun to allocate the folio. */
		usleep(200);
		EXPECT_EQ(madvise(guard, self->page, MADV_GUARD_INSTALL), 0);
		pthread_join(thread, NULL);
		EXPECT_EQ(*race.addr, 1);
		EXPECT_EQ(signal_of_access(guard, false), SIGSEGV);
	}
}

/* Write-protects two folios by userfaultfd, which allows a write itself when it occurs. */
static bool write_protect(struct __test_metadata *_metadata, DATA *self)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC };
	struct uffdio_register range = {
		.range = { (uintptr_t)self->addr, 2 * self->huge },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect marks = {
		.range = range.range,
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		SKIP(return false, "this kernel has no userfaultfd that write-protects any memory");
	ASSERT_EQ(ioctl(fd, UFFDIO_REGISTER, &range), 0);
	ASSERT_EQ(ioctl(fd, UFFDIO_WRITEPROTECT, &marks), 0);
	return true;
}

TEST_F(huge, userfaultfd_protects_a_mapped_folio)
{
	number(self->addr, self->per_folio, 0);
	if (!write_protect(_metadata, self))
		return;
	EXPECT_TRUE(is_numbered(self->addr, self->per_folio, 0));
	number(self->addr, self->pages, 3);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 3));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, userfaultfd_protects_what_is_not_mapped)
{
	if (!write_protect(_metadata, self))
		return;
	EXPECT_TRUE(is_zero(self->addr + self->huge, self->huge));
	number(self->addr, self->pages, 3);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 3));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

/* With this setting of the system, folios are mapped as a whole, so many of them by huge faults. */
static void expect_whole(struct __test_metadata *_metadata, DATA *self, const char *setting,
			 long huge_faults)
{
	ASSERT_TRUE(tell(THP "enabled", setting));
	EXPECT_EQ(faults_in("huge_faults", self->addr, self->pages), huge_faults);
	EXPECT_EQ(counter("simplen", "faults"), FOLIOS + TAIL_FOLIOS - huge_faults);
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, setting_always_maps_folios_by_huge_faults)
{
	expect_whole(_metadata, self, "always", FOLIOS);
}

/*
 * The kernel calls fault instead of huge_fault, and maps the folio of the page that
 * it gets by a PMD entry all the same, as it does with folios of the page cache.
 */
TEST_F(huge, setting_never_maps_folios_by_ordinary_faults)
{
	expect_whole(_metadata, self, "never", 0);
}

TEST_F(huge, setting_madvise_maps_folios_by_ordinary_faults)
{
	expect_whole(_metadata, self, "madvise", 0);
}

TEST_F(huge, setting_madvise_maps_advised_folios_by_huge_faults)
{
	ASSERT_EQ(madvise(self->addr, self->len, MADV_HUGEPAGE), 0);
	expect_whole(_metadata, self, "madvise", FOLIOS);
}

TEST_F(huge, process_without_huge_pages_maps_pages)
{
	ASSERT_EQ(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
	EXPECT_EQ(faults_in("huge_faults", self->addr, self->pages), 0);
	EXPECT_EQ(counter("simplen", "faults"), FOLIOS + TAIL_FOLIOS);
	EXPECT_EQ(huge_mapped(self->addr), 0);
	EXPECT_EQ(mapped_pages(self->addr, self->pages), self->pages);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

/* A debugging file that has the kernel split huge pages. It must not split simplen's. */
#define SPLIT "/sys/kernel/debug/split_huge_pages"

/* Has the kernel split the huge pages in this range of addresses, as far as it can. */
static bool split_in(char *addr, size_t len, int order)
{
	char text[96];

	sprintf(text, "%d,0x%lx,0x%lx,%d", getpid(), (unsigned long)addr,
		(unsigned long)addr + len, order);
	return tell(SPLIT, text);
}

TEST_F(huge, split_of_all_huge_pages_leaves_ours)
{
	if (access(SPLIT, F_OK))
		SKIP(return, "this kernel has no file to split huge pages with");
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(tell(SPLIT, "1"));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
}

TEST_F(huge, split_of_a_process_keeps_the_memory)
{
	if (access(SPLIT, F_OK))
		SKIP(return, "this kernel has no file to split huge pages with");
	number(self->addr, self->pages, 0);
	for (int order = 0; order < 9; order++)
		EXPECT_TRUE(split_in(self->addr, self->len, order));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	number(self->addr, self->pages, 5);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 5));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, split_of_a_part_of_a_folio_keeps_the_memory)
{
	if (access(SPLIT, F_OK))
		SKIP(return, "this kernel has no file to split huge pages with");
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(split_in(self->addr + self->huge + self->page, self->page, 0));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
}

TEST_F(huge, split_of_folios_mapped_by_pages_keeps_the_memory)
{
	if (access(SPLIT, F_OK))
		SKIP(return, "this kernel has no file to split huge pages with");
	ASSERT_EQ(madvise(self->addr, self->len, MADV_NOHUGEPAGE), 0);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(tell(SPLIT, "1"));
	EXPECT_TRUE(split_in(self->addr, self->len, 0));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
}

TEST_F(huge, split_keeps_private_copies)
{
	char *addr;

	if (access(SPLIT, F_OK))
		SKIP(return, "this kernel has no file to split huge pages with");
	ASSERT_EQ(madvise(self->addr, self->len, MADV_NOHUGEPAGE), 0);
	addr = map_and_copy(_metadata, self, 7);
	EXPECT_TRUE(tell(SPLIT, "1"));
	EXPECT_TRUE(split_in(addr, self->len, 0));
	EXPECT_TRUE(is_numbered(addr, 7, 0));
	EXPECT_TRUE(is_numbered(addr + 7 * self->page, 1, 5000));
	EXPECT_TRUE(is_numbered(addr + 8 * self->page, self->pages - 8, 8));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
}

/* Touches two folios while allocations of large ones fail. */
static bool use_smaller_folios(struct __test_metadata *_metadata, DATA *self)
{
	if (access(FAIL_PAGE_ALLOC, F_OK))
		SKIP(return false, "this kernel cannot make allocations fail");
	ASSERT_TRUE(fail_page_alloc(pmd_order(), true));
	EXPECT_EQ(self->addr[self->huge + self->page], 0);
	EXPECT_EQ(self->addr[self->huge], 0);
	EXPECT_EQ(pwrite(self->fd, "", 1, 0), 1);
	ASSERT_TRUE(fail_page_alloc(pmd_order(), false));
	return true;
}

TEST_F(huge, smaller_folios_if_no_large_one_can_be_allocated)
{
	if (!use_smaller_folios(_metadata, self))
		return;
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 2);
	EXPECT_EQ(counter("simplen", "huge_faults"), 0);
	EXPECT_EQ(counter("simplen", "faults"), 1);
	EXPECT_EQ(counter("simplen", "pages"), self->per_folio);
}

/* The first two stay small, and the third is allocated later, as a large one. */
TEST_F(huge, large_folio_beside_smaller_ones)
{
	if (!use_smaller_folios(_metadata, self))
		return;
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 2);
	EXPECT_EQ(huge_mapped(self->addr), 1);
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

/* A region that is smaller than a large folio has folios of 64, 32 and 4 pages. */
TEST(small_region)
{
	const size_t len = 100 * page_size();
	char *addr;
	int fd;

	if (!pmd_size())
		SKIP(return, "this kernel has no transparent huge pages");
	ASSERT_TRUE(tell(THP "enabled", "always"));
	ASSERT_EQ(reload_module("pages=100 huge=1 trace=0"), 0);
	fd = open("/dev/simplen", O_RDWR);
	/* At an aligned address, the mapping crosses no page table. */
	addr = mmap(reserve(len, pmd_size()), len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		    fd, 0);
	ASSERT_NE(addr, MAP_FAILED);
	number(addr, 100, 0);
	EXPECT_TRUE(is_numbered(addr, 100, 0));
	EXPECT_EQ(counter("simplen", "huge_faults"), 0);
	EXPECT_EQ(counter("simplen", "faults"), 3);
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 0);
	EXPECT_EQ(counter("simplen", "pages"), 100);
	munmap(addr, len);
	close(fd);
	EXPECT_EQ(unload_module(), 0);
}

TEST_HARNESS_MAIN
