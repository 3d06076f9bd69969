// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages of simplen, huge=1: when one entry of a PMD maps a folio, and that
 * memory is the same when it does not, or does no longer.
 */

#include "suite.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"

/* The region has so many folios, and so many pages more, in folios of 32, 4 and 1 pages. */
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

FIXTURE(huge)
{
	size_t page, huge, per_folio, pages;
	int fd;
	char *addr;
	bool warned;
};

/* The region mapped as a whole; nothing is allocated. */
FIXTURE_SETUP(huge)
{
	char params[48];

	self->huge = pmd_size();
	if (!self->huge)
		SKIP(return, "this kernel has no transparent huge pages");
	self->page = page_size();
	self->per_folio = self->huge / self->page;
	self->pages = FOLIOS * self->per_folio + TAIL;
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

/* Whatever was done to it: all is closed, all is free, and the kernel had nothing to say. */
FIXTURE_TEARDOWN_PARENT(huge)
{
	int vmas, opened, closed, allocated, freed, fields, ret;
	const char *line;
	char *log;

	/* What mlock and some advice keep at hand of single pages for a while. */
	EXPECT_TRUE(tell("/proc/sys/vm/drop_caches", "1"));
	EXPECT_EQ(has_warned(), self->warned);
	vmas = counter("simplen", "vmas");
	/* One test unloads the module itself. */
	EXPECT_LE(vmas, 0);
	ret = unload_module();
	EXPECT_TRUE(ret == 0 || vmas < 0);
	log = driver_log();
	line = strstr(log, "simple: simplen: unloaded");
	ASSERT_NE(line, NULL);
	fields = sscanf(line, "simple: simplen: unloaded; VMAs: %d opened, %d closed; "
			"pages: %d allocated, %d freed", &opened, &closed, &allocated, &freed);
	ASSERT_EQ(fields, 4);
	EXPECT_EQ(opened, closed);
	if (!ret)
		EXPECT_EQ(allocated, freed);
	free(log);
}

TEST_F(huge, one_fault_maps_a_folio)
{
	char *touched = self->addr + self->huge + self->huge / 2 + 5;

	EXPECT_EQ(*touched, 0);
	EXPECT_EQ(counter("simplen", "huge_faults"), 1);
	EXPECT_EQ(counter("simplen", "faults"), 0);
	EXPECT_EQ(counter("simplen", "pages"), self->per_folio);
	EXPECT_EQ(huge_mapped(self->addr), 1);
	EXPECT_EQ(mapped_pages(self->addr, self->pages), self->per_folio);
	EXPECT_EQ(mapped_pages(self->addr + self->huge, self->per_folio), self->per_folio);
	EXPECT_EQ(faults_of_reading(self->addr + self->huge, self->per_folio), 0);
	/* Reading came first, and writing takes no further fault. */
	*touched = 1;
	EXPECT_EQ(counter("simplen", "huge_faults"), 1);
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 0);
	/* It is physically contiguous, and aligned. */
	EXPECT_EQ(phys_at(self->addr + self->huge) % self->huge, 0);
	for (size_t i = 0; i < self->per_folio; i += 73)
		EXPECT_EQ(phys_at(self->addr + self->huge + i * self->page),
			  phys_at(self->addr + self->huge) + i * self->page);
}

TEST_F(huge, whole_region_takes_a_fault_per_folio)
{
	EXPECT_EQ(faults_of_reading(self->addr, self->pages), FOLIOS + TAIL_FOLIOS);
	EXPECT_EQ(counter("simplen", "huge_faults"), FOLIOS);
	EXPECT_EQ(counter("simplen", "faults"), TAIL_FOLIOS);
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 0);
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
}

/* The second time the kernel has the very memory to give that was full of something else. */
TEST_F(huge, memory_is_zero_at_first)
{
	char params[48];

	sprintf(params, "pages=%zu huge=1 trace=0", self->pages);
	for (int i = 0; i < 3; i++) {
		EXPECT_TRUE(is_zero(self->addr, self->pages * self->page));
		memset(self->addr, 0xff, self->pages * self->page);
		munmap(self->addr, self->pages * self->page);
		close(self->fd);
		ASSERT_EQ(reload_module(params), 0);
		self->fd = open("/dev/simplen", O_RDWR);
		self->addr = map_shared(self->fd, self->pages, 0);
		ASSERT_NE(self->addr, MAP_FAILED);
	}
	EXPECT_EQ(log_count("simplen: unloaded; "), 3);
}

TEST_F(huge, addresses_are_made_to_fit)
{
	const size_t offsets[] = { 0, 1, self->per_folio / 2, self->per_folio, 700 };

	EXPECT_EQ((uintptr_t)self->addr % self->huge, 0);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		char *addr = map_shared(self->fd, self->pages - offsets[i], offsets[i]);

		ASSERT_NE(addr, MAP_FAILED);
		EXPECT_EQ(((uintptr_t)addr - offsets[i] * self->page) % self->huge, 0);
	}
	/* A process that wants to choose still can. */
	EXPECT_EQ(mmap(reserve(2 * self->huge, self->huge) + self->page, self->huge, PROT_READ,
		       MAP_SHARED | MAP_FIXED, self->fd, 0) == MAP_FAILED, false);
}

TEST_F(huge, all_ways_see_the_same_memory)
{
	char *unaligned = reserve(self->pages * self->page + self->page, self->huge) + self->page;
	char *buf = malloc(self->huge);

	ASSERT_EQ(mmap(unaligned, self->pages * self->page, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, self->fd, 0), unaligned);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(unaligned, self->pages, 0));
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
	EXPECT_EQ(huge_mapped(unaligned), 0);
	/* No large folio has a page table to itself there, and the small ones are whole. */
	EXPECT_EQ(counter("simplen", "faults"), TAIL_FOLIOS + FOLIOS * self->per_folio +
		  TAIL_FOLIOS);
	for (size_t i = 0; i < self->pages; i += 61)
		EXPECT_EQ(phys_at(self->addr + i * self->page),
			  phys_at(unaligned + i * self->page));
	number(unaligned, self->pages, 5);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 5));
	/* Across the seam of two folios. */
	ASSERT_EQ(pread(self->fd, buf, self->huge, self->huge / 2), self->huge);
	EXPECT_TRUE(is_numbered(buf, self->per_folio, 5 + self->per_folio / 2));
	number(buf, self->per_folio, 1000);
	ASSERT_EQ(pwrite(self->fd, buf, self->huge, self->huge / 2), self->huge);
	EXPECT_TRUE(is_numbered(self->addr + self->huge / 2, self->per_folio, 1000));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
	free(buf);
}

/* A file's reader or writer comes first, and the mapping later. */
TEST_F(huge, write_allocates_the_folio_and_read_does_not)
{
	char text[8] = "first";

	ASSERT_EQ(pread(self->fd, text, 8, 100), 8);
	EXPECT_TRUE(is_zero(text, 8));
	EXPECT_EQ(counter("simplen", "pages"), 0);
	ASSERT_EQ(pwrite(self->fd, "second", 7, 3 * self->page), 7);
	EXPECT_EQ(counter("simplen", "pages"), self->per_folio);
	ASSERT_EQ(pread(self->fd, text, 8, 2 * self->page), 8);
	EXPECT_TRUE(is_zero(text, 8));
	EXPECT_STREQ(self->addr + 3 * self->page, "second");
	EXPECT_EQ(counter("simplen", "huge_faults"), 1);
	EXPECT_EQ(counter("simplen", "faults"), 0);
}

/* Only what lies in the VMA as a whole is mapped as a whole. */
TEST_F(huge, vma_without_both_ends)
{
	char *addr = self->addr, *middle = addr + self->huge / 2;

	number(addr, self->pages, 0);
	ASSERT_EQ(munmap(addr, self->pages * self->page), 0);
	addr = mmap(middle, 2 * self->huge, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		    self->fd, self->huge / 2);
	ASSERT_EQ(addr, middle);
	EXPECT_EQ(faults_in("faults", addr, self->per_folio / 2), self->per_folio / 2);
	EXPECT_EQ(faults_in("huge_faults", addr + self->huge / 2, self->per_folio), 1);
	EXPECT_EQ(faults_in("faults", addr + 3 * (self->huge / 2), self->per_folio / 2),
		  self->per_folio / 2);
	EXPECT_EQ(huge_mapped(addr), 1);
	EXPECT_TRUE(is_numbered(addr, 2 * self->per_folio, self->per_folio / 2));
	/* One page less than a folio, at either end. */
	addr = mmap(self->addr + self->page, self->huge - self->page, PROT_READ,
		    MAP_SHARED | MAP_FIXED, self->fd, self->page);
	EXPECT_EQ(faults_in("huge_faults", addr, self->per_folio - 1), 0);
	EXPECT_TRUE(is_numbered(addr, self->per_folio - 1, 1));
	addr = mmap(self->addr, self->huge - self->page, PROT_READ, MAP_SHARED | MAP_FIXED,
		    self->fd, 0);
	EXPECT_EQ(faults_in("huge_faults", addr, self->per_folio - 1), 0);
	EXPECT_TRUE(is_numbered(addr, self->per_folio - 1, 0));
}

/* Aligned addresses do not help where the folio lies otherwise in the region. */
TEST_F(huge, aligned_address_of_an_unaligned_offset)
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

TEST_F(huge, unmapping_a_part)
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
		ASSERT_EQ(munmap(addr, self->pages * self->page), 0);
	}
	/* The other mapping has nothing to do with it. */
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
}

TEST_F(huge, protecting_a_part)
{
	const size_t eighth = self->per_folio / 8;

	number(self->addr, self->pages, 0);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		char *start = self->addr + parts[i].start * eighth * self->page;
		size_t len = (parts[i].end - parts[i].start) * eighth * self->page;

		ASSERT_EQ(mprotect(start, len, PROT_READ), 0);
		EXPECT_EQ(signal_of_access(start, true), SIGSEGV);
		EXPECT_EQ(signal_of_access(start + len - 1, true), SIGSEGV);
		EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
		if (parts[i].start)
			EXPECT_EQ(signal_of_access(start - 1, true), 0);
		if (parts[i].end < 8)
			EXPECT_EQ(signal_of_access(start + len, true), 0);
		ASSERT_EQ(mprotect(start, len, PROT_READ | PROT_WRITE), 0);
		number(self->addr, self->pages, 0);
	}
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, protecting_the_whole)
{
	number(self->addr, self->pages, 0);
	ASSERT_EQ(mprotect(self->addr, 2 * self->huge, PROT_READ), 0);
	EXPECT_EQ(signal_of_access(self->addr + self->page, true), SIGSEGV);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	EXPECT_EQ(huge_mapped(self->addr), 2);
	ASSERT_EQ(mprotect(self->addr, 2 * self->huge, PROT_READ | PROT_WRITE), 0);
	number(self->addr, self->pages, 1);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 1));
	EXPECT_EQ(huge_mapped(self->addr), 2);
	/* First touched when it could not be written to. */
	ASSERT_EQ(madvise(self->addr, self->huge, MADV_DONTNEED), 0);
	ASSERT_EQ(mprotect(self->addr, self->huge, PROT_READ), 0);
	EXPECT_TRUE(is_numbered(self->addr, self->per_folio, 1));
	ASSERT_EQ(mprotect(self->addr, self->huge, PROT_READ | PROT_WRITE), 0);
	number(self->addr, self->per_folio, 0);
	EXPECT_TRUE(is_numbered(self->addr, self->per_folio, 0));
	EXPECT_EQ(mapped_pages(self->addr, self->pages), self->pages);
}

TEST_F(huge, moving)
{
	const size_t len = self->pages * self->page;
	char *space = reserve(len + self->huge, self->huge), *addr;

	number(self->addr, self->pages, 0);
	/* To aligned addresses the mappings move as they are. */
	addr = mremap(self->addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, space);
	ASSERT_EQ(addr, space);
	EXPECT_EQ(huge_mapped(addr), FOLIOS);
	EXPECT_EQ(faults_of_reading(addr, FOLIOS * self->per_folio), 0);
	EXPECT_TRUE(is_numbered(addr, self->pages, 0));
	/* To others they cannot. */
	space = reserve(len + self->huge, self->huge) + 3 * self->page;
	addr = mremap(addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, space);
	ASSERT_EQ(addr, space);
	EXPECT_EQ(huge_mapped(addr), 0);
	EXPECT_TRUE(is_numbered(addr, self->pages, 0));
	EXPECT_EQ(huge_mapped(addr), 0);
	/* And back again. */
	space = reserve(len + self->huge, self->huge);
	addr = mremap(addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, space);
	ASSERT_EQ(addr, space);
	number(addr, self->pages, 7);
	EXPECT_TRUE(is_numbered(addr, self->pages, 7));
	/* A part of a folio, and from the middle of one into the next. */
	ASSERT_EQ(madvise(addr, len, MADV_DONTNEED), 0);
	EXPECT_TRUE(is_numbered(addr, self->pages, 7));
	EXPECT_EQ(huge_mapped(addr), FOLIOS);
	space = reserve(2 * self->huge, self->huge);
	ASSERT_EQ(mremap(addr + self->huge / 2, self->huge, self->huge,
			 MREMAP_MAYMOVE | MREMAP_FIXED, space), space);
	EXPECT_TRUE(is_numbered(space, self->per_folio, 7 + self->per_folio / 2));
	EXPECT_EQ(huge_mapped(space), 0);
	EXPECT_TRUE(is_numbered(addr, self->per_folio / 2, 7));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, shrinking_and_growing)
{
	const size_t len = self->pages * self->page;
	char *space = reserve(len + 2 * self->huge, self->huge), *addr;

	number(self->addr, self->pages, 0);
	/* From the end, within a folio. */
	addr = mremap(self->addr, len, 2 * self->huge - self->page, 0);
	ASSERT_EQ(addr, self->addr);
	EXPECT_TRUE(is_numbered(addr, 2 * self->per_folio - 1, 0));
	EXPECT_EQ(huge_mapped(addr), 1);
	EXPECT_EQ(signal_of_access(addr + 2 * self->huge - self->page, false), SIGSEGV);
	/* By that page, so that the folio is whole again; what is mapped singly stays so. */
	addr = mremap(addr, 2 * self->huge - self->page, 2 * self->huge, MREMAP_MAYMOVE);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_TRUE(is_numbered(addr, 2 * self->per_folio, 0));
	/* Past the end of the region. */
	ASSERT_EQ(mremap(addr, 2 * self->huge, len + 2 * self->huge, MREMAP_MAYMOVE | MREMAP_FIXED,
			 space), space);
	EXPECT_TRUE(is_numbered(space, self->pages, 0));
	EXPECT_EQ(signal_of_access(space + len, false), SIGBUS);
	EXPECT_EQ(signal_of_access(space + len, true), SIGBUS);
	EXPECT_EQ(signal_of_access(space + 4 * self->huge, true), SIGBUS);
	EXPECT_EQ(signal_of_access(space + len + 2 * self->huge - 1, true), SIGBUS);
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, child_of_fork_shares)
{
	int status;
	pid_t pid;

	number(self->addr, self->pages, 0);
	pid = fork();
	if (!pid) {
		bool good = is_numbered(self->addr, self->pages, 0) &&
			    huge_mapped(self->addr) == FOLIOS;

		number(self->addr, self->pages, 9);
		munmap(self->addr + self->page, self->page);
		_exit(!good);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 9));
}

TEST_F(huge, private_read_then_write)
{
	char *addr = map_private(self->fd, self->pages, 0);
	const size_t written = self->per_folio + 33;

	ASSERT_NE(addr, MAP_FAILED);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(addr, self->pages, 0));
	EXPECT_EQ(huge_mapped(addr), FOLIOS);
	number(addr + written * self->page, 1, 5000);
	EXPECT_EQ(huge_mapped(addr), FOLIOS - 1);
	for (size_t i = 0; i < self->pages; i++)
		ASSERT_TRUE(is_numbered(addr + i * self->page, 1, i == written ? 5000 : i));
	EXPECT_NE(phys_at(addr + written * self->page), phys_at(self->addr + written * self->page));
	EXPECT_EQ(phys_at(addr + (written + 1) * self->page),
		  phys_at(self->addr + (written + 1) * self->page));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	/* The others still show what becomes of the region. */
	number(self->addr, self->pages, 100);
	EXPECT_TRUE(is_numbered(addr, written, 100));
	EXPECT_TRUE(is_numbered(addr + written * self->page, 1, 5000));
	/* The copy is given up. */
	ASSERT_EQ(madvise(addr, self->pages * self->page, MADV_DONTNEED), 0);
	EXPECT_TRUE(is_numbered(addr, self->pages, 100));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, private_write_first)
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

TEST_F(huge, child_of_fork_has_its_own_private_copy)
{
	char *addr = map_private(self->fd, self->pages, 0);
	int status;
	pid_t pid;

	ASSERT_NE(addr, MAP_FAILED);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(addr, self->pages, 0));
	number(addr, 4, 1000);
	pid = fork();
	if (!pid) {
		bool good = is_numbered(addr, 4, 1000) &&
			    is_numbered(addr + 4 * self->page, self->pages - 4, 4);

		number(addr, self->per_folio, 2000);
		good &= is_numbered(addr, self->per_folio, 2000);
		_exit(!good);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_TRUE(is_numbered(addr, 4, 1000));
	EXPECT_TRUE(is_numbered(addr + 4 * self->page, self->pages - 4, 4));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
}

/* Of a part of a folio and of a whole one: memory is the same afterwards. */
TEST_F(huge, advice_of_all_kinds)
{
	static const struct { int advice, error; } cases[] = {
		{ MADV_DONTNEED, 0 }, { MADV_COLD, 0 }, { MADV_PAGEOUT, 0 },
		{ MADV_POPULATE_READ, 0 }, { MADV_POPULATE_WRITE, 0 },
		{ MADV_DONTFORK, 0 }, { MADV_DOFORK, 0 }, { MADV_MERGEABLE, 0 },
		{ MADV_UNMERGEABLE, 0 }, { MADV_SEQUENTIAL, 0 }, { MADV_NORMAL, 0 },
		{ MADV_NOHUGEPAGE, 0 }, { MADV_HUGEPAGE, 0 },
		{ MADV_GUARD_INSTALL, 0 }, { MADV_GUARD_REMOVE, 0 },
		/* For memory without a file only, or for files with holes, or of the page cache. */
		{ MADV_FREE, EINVAL }, { MADV_REMOVE, ENODEV }, { MADV_COLLAPSE, EINVAL },
	};
	const struct { size_t start, len; } ranges[] = {
		{ self->huge + 3 * self->page, 5 * self->page },
		{ self->huge, self->huge },
		{ self->huge / 2, self->huge },
		{ 0, self->pages * self->page },
	};

	number(self->addr, self->pages, 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(ranges); j++) {
			const int ret = madvise(self->addr + ranges[j].start, ranges[j].len,
						cases[i].advice);

			if (ret && errno == EINVAL && !cases[i].error)
				continue; /* this kernel does not know it */
			EXPECT_EQ(ret ? errno : 0, cases[i].error) {
				TH_LOG("advice %d", cases[i].advice);
			}
			if (cases[i].advice == MADV_GUARD_INSTALL) {
				EXPECT_EQ(signal_of_access(self->addr + ranges[j].start, true),
					  SIGSEGV);
				madvise(self->addr + ranges[j].start, ranges[j].len,
					MADV_GUARD_REMOVE);
			}
			EXPECT_TRUE(is_numbered(self->addr, self->pages, 0)) {
				TH_LOG("advice %d", cases[i].advice);
			}
		}
	}
	/* Whole again, once nothing is mapped. */
	ASSERT_EQ(madvise(self->addr, self->pages * self->page, MADV_DONTNEED), 0);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, advice_against_huge_pages)
{
	ASSERT_EQ(madvise(self->addr + self->huge, self->huge, MADV_NOHUGEPAGE), 0);
	number(self->addr, self->pages, 0);
	EXPECT_EQ(counter("simplen", "huge_faults"), FOLIOS - 1);
	/* All its pages are mapped by one fault nevertheless, each by an entry of its own. */
	EXPECT_EQ(counter("simplen", "faults"), 1 + TAIL_FOLIOS);
	EXPECT_EQ(huge_mapped(self->addr + self->huge), 0);
	EXPECT_EQ(mapped_pages(self->addr + self->huge, self->per_folio), self->per_folio);
	ASSERT_EQ(madvise(self->addr + self->huge, self->huge, MADV_HUGEPAGE), 0);
	ASSERT_EQ(madvise(self->addr + self->huge, self->huge, MADV_DONTNEED), 0);
	EXPECT_EQ(faults_in("huge_faults", self->addr + self->huge, self->per_folio), 1);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
}

TEST_F(huge, locked_memory)
{
	char *addr = self->addr;

	ASSERT_EQ(mlock(addr, self->pages * self->page), 0);
	EXPECT_EQ(mapped_pages(addr, self->pages), self->pages);
	EXPECT_EQ(huge_mapped(addr), FOLIOS);
	number(addr, self->pages, 0);
	/* Splits one of the folios while it is locked. */
	ASSERT_EQ(munlock(addr + self->huge + self->page, self->page), 0);
	ASSERT_EQ(munmap(addr + self->huge + 5 * self->page, self->page), 0);
	EXPECT_TRUE(is_numbered(addr, self->per_folio + 5, 0));
	EXPECT_TRUE(is_numbered(addr + self->huge + 6 * self->page, self->per_folio - 6,
				self->per_folio + 6));
	ASSERT_EQ(munlockall(), 0);
	ASSERT_EQ(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
	addr = map_shared(self->fd, self->pages, 0);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(mapped_pages(addr, self->pages), self->pages);
	EXPECT_EQ(huge_mapped(addr), FOLIOS);
	/* Unmapped and ended while it is locked. */
	ASSERT_EQ(munmap(addr, self->huge / 2), 0);
}

/* The kernel takes references on single pages of a folio, and reaches them without mapping. */
TEST_F(huge, others_reach_into_it)
{
	const size_t at = self->huge + 5 * self->page - 4;
	int mem = open("/proc/self/mem", O_RDWR);
	char text[16] = "", from[16] = "from elsewhere";
	struct iovec local = { text, 16 }, remote = { self->addr + at, 16 };

	number(self->addr, self->pages, 0);
	local.iov_base = from;
	ASSERT_EQ(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), 16);
	EXPECT_STREQ(self->addr + at, from);
	local.iov_base = text;
	ASSERT_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), 16);
	EXPECT_STREQ(text, from);
	ASSERT_EQ(pwrite(mem, "by a debugger", 14, (uintptr_t)self->addr + at), 14);
	EXPECT_STREQ(self->addr + at, "by a debugger");
	/* Where nothing is mapped the kernel makes the fault itself. */
	ASSERT_EQ(madvise(self->addr, self->pages * self->page, MADV_DONTNEED), 0);
	ASSERT_EQ(pread(mem, text, 16, (uintptr_t)self->addr + at), 16);
	EXPECT_STREQ(text, "by a debugger");
	EXPECT_EQ(huge_mapped(self->addr), 1);
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
	close(mem);
}

/* A pipe holds one page, and so the folio; the region is gone without it. */
TEST_F(huge, pipe_holds_a_folio_after_unload)
{
	struct iovec iov = { self->addr + self->huge + 7 * self->page, 16 };
	char text[16] = "", line[128];
	int ends[2];

	ASSERT_EQ(pipe(ends), 0);
	number(self->addr, self->pages, 0);
	put_text(iov.iov_base, "held by a pipe");
	ASSERT_EQ(vmsplice(ends[1], &iov, 1, 0), 16);
	ASSERT_EQ(munmap(self->addr, self->pages * self->page), 0);
	ASSERT_EQ(close(self->fd), 0);
	ASSERT_EQ(unload_module(), 0);
	sprintf(line, "VMAs: 1 opened, 1 closed; pages: %zu allocated, %zu freed", self->pages,
		self->pages - self->per_folio);
	EXPECT_EQ(log_count(line), 1);
	/* Were it free by now, this would get and overwrite it. */
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

/* Half of them in mappings that take single pages of the same folio. */
TEST_F(huge, threads_that_race_get_one_folio)
{
	const size_t len = self->pages * self->page;
	pthread_barrier_t start;
	pthread_t threads[THREADS];
	struct race races[THREADS];

	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		char *addr = self->addr;

		if (i % 2)
			addr = mmap(reserve(len + self->page, self->huge) + self->page, len,
				    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, self->fd, 0);
		ASSERT_NE(addr, MAP_FAILED);
		races[i] = (struct race){ &start, addr, self->page, self->pages };
		ASSERT_EQ(pthread_create(&threads[i], NULL, count_all, &races[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < self->pages; i += 64)
		EXPECT_EQ(*(int *)(self->addr + i * self->page), THREADS);
	/* The last that they touch is in a folio of 32 pages. */
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
 * While one thread waits for its folio, another has the kernel put a table of
 * pages in the place of it.
 */
TEST_F(huge, guard_comes_in_between)
{
	char *guard = self->addr + self->huge - self->page;
	pthread_barrier_t start;

	if (madvise(guard, self->page, MADV_GUARD_INSTALL) ||
	    madvise(guard, self->page, MADV_GUARD_REMOVE))
		SKIP(return, "this kernel has no guard regions in files");
	pthread_barrier_init(&start, NULL, 2);
	for (int i = 0; i < FOLIOS; i++) {
		struct race race = { &start, self->addr + i * self->huge, self->page, 0 };
		pthread_t thread;

		guard = race.addr + self->huge - self->page;
		ASSERT_EQ(pthread_create(&thread, NULL, write_first, &race), 0);
		pthread_barrier_wait(&start);
		/* As soon as the fault goes for the memory. */
		usleep(200);
		EXPECT_EQ(madvise(guard, self->page, MADV_GUARD_INSTALL), 0);
		pthread_join(thread, NULL);
		EXPECT_EQ(*race.addr, 1);
		EXPECT_EQ(signal_of_access(guard, false), SIGSEGV);
	}
	EXPECT_EQ(has_warned(), self->warned);
}

/* Write protection by userfaultfd, where a folio is mapped and where nothing is. */
TEST_F(huge, userfaultfd)
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
		SKIP(return, "this kernel has no userfaultfd that write-protects any memory");
	number(self->addr, self->per_folio, 0);
	ASSERT_EQ(ioctl(fd, UFFDIO_REGISTER, &range), 0);
	ASSERT_EQ(ioctl(fd, UFFDIO_WRITEPROTECT, &marks), 0);
	EXPECT_TRUE(is_numbered(self->addr, self->per_folio, 0));
	EXPECT_TRUE(is_zero(self->addr + self->huge, self->huge));
	number(self->addr, self->pages, 3);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 3));
	close(fd);
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

/*
 * There the kernel asks for single pages, and maps the folio that it gets by one
 * entry of a PMD all the same, as it does with those of a file.
 */
TEST_F(huge, setting_of_the_whole_system)
{
	static const char *const settings[] = { "never", "madvise", "always" };

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		const long before = counter("simplen", "faults");

		ASSERT_TRUE(tell(THP "enabled", settings[i]));
		EXPECT_EQ(faults_in("huge_faults", self->addr, self->pages),
			  strcmp(settings[i], "always") ? 0 : FOLIOS);
		EXPECT_EQ(counter("simplen", "faults") - before,
			  TAIL_FOLIOS + (strcmp(settings[i], "always") ? FOLIOS : 0));
		EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
		number(self->addr, self->pages, i);
		EXPECT_TRUE(is_numbered(self->addr, self->pages, i));
		ASSERT_EQ(madvise(self->addr, self->pages * self->page, MADV_DONTNEED), 0);
	}
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

TEST_F(huge, mapping_that_asks_for_huge_pages)
{
	ASSERT_TRUE(tell(THP "enabled", "madvise"));
	ASSERT_EQ(madvise(self->addr, self->pages * self->page, MADV_HUGEPAGE), 0);
	EXPECT_EQ(faults_in("huge_faults", self->addr, self->pages), FOLIOS);
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
	ASSERT_TRUE(tell(THP "enabled", "always"));
}

TEST_F(huge, process_that_wants_no_huge_pages)
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

#define SPLIT "/sys/kernel/debug/split_huge_pages"

/* Has the kernel split what huge pages it finds in a part of the mapping, as far as it can. */
static bool split_in(char *addr, size_t len)
{
	char text[96];

	sprintf(text, "%d,0x%lx,0x%lx", getpid(), (unsigned long)addr, (unsigned long)addr + len);
	return tell(SPLIT, text);
}

/* A debugging file, that takes all huge pages for such as can be split. Ours are left alone. */
TEST_F(huge, split_of_all_huge_pages)
{
	if (access(SPLIT, F_OK))
		SKIP(return, "this kernel has no file to split huge pages with");
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(tell(SPLIT, "1"));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	EXPECT_EQ(huge_mapped(self->addr), FOLIOS);
}

TEST_F(huge, split_of_a_process)
{
	if (access(SPLIT, F_OK))
		SKIP(return, "this kernel has no file to split huge pages with");
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(split_in(self->addr, self->pages * self->page));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	/* A part of a folio, and orders that it could be split to. */
	EXPECT_TRUE(split_in(self->addr + self->huge + self->page, self->page));
	for (int order = 0; order < 9; order++) {
		char text[96];

		sprintf(text, "%d,0x%lx,0x%lx,%d", getpid(), (unsigned long)self->addr,
			(unsigned long)self->addr + self->pages * self->page, order);
		EXPECT_TRUE(tell(SPLIT, text));
	}
	number(self->addr, self->pages, 5);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 5));
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

/* Mapped by single entries, and with a process's own copies among them. */
TEST_F(huge, split_of_what_is_mapped_by_pages)
{
	char *copy = map_private(self->fd, self->pages, 0);

	if (access(SPLIT, F_OK))
		SKIP(return, "this kernel has no file to split huge pages with");
	ASSERT_NE(copy, MAP_FAILED);
	ASSERT_EQ(madvise(self->addr, self->pages * self->page, MADV_NOHUGEPAGE), 0);
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(copy, self->pages, 0));
	number(copy + 7 * self->page, 1, 5000);
	EXPECT_TRUE(tell(SPLIT, "1"));
	EXPECT_TRUE(split_in(self->addr, self->pages * self->page));
	EXPECT_TRUE(split_in(copy, self->pages * self->page));
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	EXPECT_TRUE(is_numbered(copy, 7, 0));
	EXPECT_TRUE(is_numbered(copy + 7 * self->page, 1, 5000));
	EXPECT_TRUE(is_numbered(copy + 8 * self->page, self->pages - 8, 8));
}

#define FAIL "/sys/kernel/debug/fail_page_alloc/"

/* Only allocations as large as a folio fail. Half of that can be had. */
TEST_F(huge, smaller_folios_where_no_large_one_can_be_had)
{
	char order[8];

	if (access(FAIL "probability", F_OK))
		SKIP(return, "this kernel cannot make allocations fail");
	sprintf(order, "%d", __builtin_ctzl(self->per_folio));
	ASSERT_TRUE(tell(FAIL "min-order", order));
	ASSERT_TRUE(tell(FAIL "ignore-gfp-wait", "N") && tell(FAIL "ignore-gfp-highmem", "N"));
	ASSERT_TRUE(tell(FAIL "verbose", "0") && tell(FAIL "times", "-1"));
	ASSERT_TRUE(tell(FAIL "probability", "100"));
	EXPECT_EQ(self->addr[self->huge + self->page], 0);
	EXPECT_EQ(self->addr[self->huge], 0);
	ASSERT_EQ(pwrite(self->fd, "", 1, 0), 1);
	ASSERT_TRUE(tell(FAIL "probability", "0"));
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 2);
	EXPECT_EQ(counter("simplen", "huge_faults"), 0);
	EXPECT_EQ(counter("simplen", "faults"), 1);
	EXPECT_EQ(counter("simplen", "pages"), self->per_folio);
	/* That is decided; the third folio is not asked for yet. */
	number(self->addr, self->pages, 0);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 0));
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 2);
	EXPECT_EQ(huge_mapped(self->addr), 1);
	EXPECT_EQ(counter("simplen", "pages"), self->pages);
}

/* A region that is smaller than a folio has smaller ones: of 64, 32 and 4 pages. */
TEST(small_region)
{
	char *addr;
	int fd;

	if (!pmd_size())
		SKIP(return, "this kernel has no transparent huge pages");
	ASSERT_TRUE(tell(THP "enabled", "always"));
	ASSERT_EQ(reload_module("pages=100 huge=1 trace=0"), 0);
	fd = open("/dev/simplen", O_RDWR);
	/* Where it crosses no page table. */
	addr = mmap(reserve(100 * page_size(), pmd_size()), 100 * page_size(),
		    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	ASSERT_NE(addr, MAP_FAILED);
	number(addr, 100, 0);
	EXPECT_TRUE(is_numbered(addr, 100, 0));
	EXPECT_EQ(counter("simplen", "huge_faults"), 0);
	EXPECT_EQ(counter("simplen", "faults"), 3);
	EXPECT_EQ(counter("simplen", "huge_fallbacks"), 0);
	EXPECT_EQ(counter("simplen", "pages"), 100);
	munmap(addr, 100 * page_size());
	close(fd);
	EXPECT_EQ(unload_module(), 0);
}

TEST_HARNESS_MAIN
