// SPDX-License-Identifier: GPL-2.0
/* /dev/simpler with huge=1: faults map page frames by PMD entries. */

#include "suite.h"

FIXTURE(huge_pfn)
{
	size_t page, pmd, pages;
	int fd;
};

FIXTURE_SETUP(huge_pfn)
{
	char params[64];

	self->page = page_size();
	self->pmd = pmd_size();
	if (!self->pmd)
		SKIP(return, "the kernel has no transparent huge pages");
	/* What two PMD entries map, and 5 pages more. */
	self->pages = 2 * self->pmd / self->page + 5;
	sprintf(params, "pages=%zu huge=1", self->pages);
	ASSERT_EQ(reload_module(params), 0);
	self->fd = open("/dev/simpler", O_RDWR);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(huge_pfn)
{
	EXPECT_LE(counter("simpler", "vmas"), 0);
	EXPECT_EQ(unload_module(), 0);
}

/* How many faults it takes to write a word to each page. */
static long faults_of_writing(char *addr, size_t pages)
{
	const size_t page = page_size();
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	for (size_t i = 0; i < pages; i++)
		*(size_t *)(addr + i * page) = i + 1;
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
}

/* Whether the pages of the region from `first` on have what was written. */
static bool written(int fd, const char *addr, size_t pages, size_t first)
{
	const size_t page = page_size();
	size_t word;

	for (size_t i = 0; i < pages; i++) {
		if (*(const size_t *)(addr + i * page) != first + i + 1)
			return false;
		if (pread(fd, &word, sizeof(word), (first + i) * page) != sizeof(word) ||
		    word != first + i + 1)
			return false;
	}
	return true;
}

TEST_F(huge_pfn, one_fault_maps_a_pmd_entry)
{
	char *addr = map_shared(self->fd, self->pages, 0);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ((size_t)addr % self->pmd, 0);
	EXPECT_EQ(faults_of_writing(addr, self->pages), 2 + 5);
	EXPECT_TRUE(written(self->fd, addr, self->pages, 0));
}

TEST_F(huge_pfn, unaligned_offset_shows_the_same_memory)
{
	const size_t pages = self->pmd / self->page;
	char *addr = map_shared(self->fd, self->pages, 0);
	char *part = map_shared(self->fd, pages, 1);

	ASSERT_NE(addr, MAP_FAILED);
	ASSERT_NE(part, MAP_FAILED);
	faults_of_writing(addr, self->pages);
	EXPECT_TRUE(written(self->fd, part, pages, 1));
}

TEST_F(huge_pfn, split_by_munmap_mprotect_mremap)
{
	const size_t pages = self->pmd / self->page;
	char *addr = map_shared(self->fd, self->pages, 0), *moved;

	ASSERT_NE(addr, MAP_FAILED);
	faults_of_writing(addr, self->pages);
	ASSERT_EQ(munmap(addr + 3 * self->page, self->page), 0);
	EXPECT_TRUE(written(self->fd, addr, 3, 0));
	EXPECT_TRUE(written(self->fd, addr + 4 * self->page, self->pages - 4, 4));

	ASSERT_EQ(mprotect(addr + self->pmd, self->page, PROT_READ), 0);
	EXPECT_EQ(signal_of_access(addr + self->pmd, true), SIGSEGV);
	EXPECT_EQ(signal_of_access(addr + self->pmd + self->page, true), 0);
	ASSERT_EQ(mprotect(addr + self->pmd, self->page, PROT_READ | PROT_WRITE), 0);
	*(size_t *)(addr + self->pmd + self->page) = pages + 2;

	/* Moves half of what a PMD entry maps, to an unaligned address. */
	moved = mmap(NULL, 2 * self->pmd, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(moved, MAP_FAILED);
	moved = mremap(addr + self->pmd, pages / 2 * self->page, pages / 2 * self->page,
		       MREMAP_MAYMOVE | MREMAP_FIXED, moved + self->page);
	ASSERT_NE(moved, MAP_FAILED);
	EXPECT_TRUE(written(self->fd, moved, pages / 2, pages));
	EXPECT_TRUE(written(self->fd, addr + 4 * self->page, pages - 4, 4));
}

TEST_F(huge_pfn, shared_with_a_child)
{
	char *addr = map_shared(self->fd, self->pages, 0);
	int status;
	pid_t pid;

	ASSERT_NE(addr, MAP_FAILED);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(faults_of_writing(addr, self->pages) != 2 + 5);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_TRUE(written(self->fd, addr, self->pages, 0));
}

/* Private mappings are mapped at mmap: the kernel copies only what remap_pfn_range() mapped. */
TEST_F(huge_pfn, private_mapping_copies_on_write)
{
	char *shared = map_shared(self->fd, self->pages, 0);
	char *addr = mmap(NULL, 8 * self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, 0);

	ASSERT_NE(shared, MAP_FAILED);
	ASSERT_NE(addr, MAP_FAILED);
	faults_of_writing(shared, self->pages);
	EXPECT_TRUE(written(self->fd, addr, 8, 0));
	*(size_t *)addr = 77;
	EXPECT_EQ(*(size_t *)addr, 77);
	EXPECT_EQ(*(size_t *)shared, 1);
}

TEST_F(huge_pfn, debugger_reads_and_writes_untouched_pages)
{
	char *addr = map_shared(self->fd, self->pages, 0), path[64];
	char *tail = addr + 2 * self->pmd;
	size_t word = 4711, got = 1;
	int mem;

	ASSERT_NE(addr, MAP_FAILED);
	sprintf(path, "/proc/%d/mem", getpid());
	mem = open(path, O_RDWR);
	ASSERT_EQ(pread(mem, &got, sizeof(got), (off_t)tail), sizeof(got));
	EXPECT_EQ(got, 0);
	ASSERT_EQ(pwrite(mem, &word, sizeof(word), (off_t)addr + self->page), sizeof(word));
	EXPECT_EQ(*(size_t *)(addr + self->page), 4711);
	ASSERT_EQ(pread(mem, &got, sizeof(got), (off_t)addr + self->page), sizeof(got));
	EXPECT_EQ(got, 4711);
}

/* process_vm_readv() takes references, which page frames do not have. */
TEST_F(huge_pfn, process_vm_readv_is_refused)
{
	char *addr = map_shared(self->fd, self->pages, 0), byte;
	struct iovec local = { &byte, 1 }, remote = { addr, 1 };

	ASSERT_NE(addr, MAP_FAILED);
	faults_of_writing(addr, self->pages);
	EXPECT_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), -1);
	EXPECT_EQ(errno, EFAULT);
}

TEST_HARNESS_MAIN
