// SPDX-License-Identifier: GPL-2.0
/*
 * PAGEMAP_SCAN, with userfaultfd's write protection, tells which pages of simplen a
 * process has written to. Programs that checkpoint a process use it.
 */

#include "suite.h"

#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#define TAIL 5

FIXTURE(pagemap)
{
	size_t page, pages;
	int fd, userfault, pagemap;
	char *addr;
};

FIXTURE_VARIANT(pagemap)
{
	const char *params;
};

FIXTURE_VARIANT_ADD(pagemap, order_0)
{
	.params = "order=0",
};

FIXTURE_VARIANT_ADD(pagemap, order_4)
{
	.params = "order=4",
};

FIXTURE_VARIANT_ADD(pagemap, huge)
{
	.params = "huge=1",
};

/* Maps a region of two page tables and TAIL pages, aligned so that PMD entries can map it. */
FIXTURE_SETUP(pagemap)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED,
	};
	char params[48];

	self->page = page_size();
	self->pages = (2 << pmd_order()) + TAIL;
	sprintf(params, "pages=%zu trace=0 %s", self->pages, variant->params);
	ASSERT_EQ(reload_module(params), 0);
	self->userfault = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (self->userfault < 0 || ioctl(self->userfault, UFFDIO_API, &api))
		SKIP(return, "this kernel has no userfaultfd that write-protects any memory");
	self->pagemap = open("/proc/self/pagemap", O_RDONLY);
	ASSERT_GE(self->pagemap, 0);
	self->fd = open("/dev/simplen", O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->addr = mmap(reserve(self->pages * self->page, self->page << pmd_order()),
			  self->pages * self->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			  self->fd, 0);
	ASSERT_NE(self->addr, MAP_FAILED);
}

FIXTURE_TEARDOWN_PARENT(pagemap)
{
	EXPECT_EQ(counter("simplen", "vmas"), 0);
	EXPECT_EQ(unload_module(), 0);
}

/* Has the kernel record the writes to the mapping from now on. */
static int start_noting(int userfault, char *addr, size_t len)
{
	struct uffdio_register range = {
		.range = { (uintptr_t)addr, len },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	return ioctl(userfault, UFFDIO_REGISTER, &range) ? -errno : 0;
}

/*
 * Finds the pages that were written to since the last call. Returns a text of their
 * numbers and ranges.
 */
static const char *written(int pagemap, const char *addr, size_t pages)
{
	static char text[512];
	struct page_region found[32];
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
		.start = (uintptr_t)addr,
		.end = (uintptr_t)addr + pages * page_size(),
		.vec = (uintptr_t)found,
		.vec_len = ARRAY_SIZE(found),
		.category_mask = PAGE_IS_WRITTEN,
		.return_mask = PAGE_IS_WRITTEN,
	};
	int count = ioctl(pagemap, PAGEMAP_SCAN, &scan);

	text[0] = '\0';
	if (count < 0)
		sprintf(text, "error %d", errno);
	for (int i = 0; i < count; i++) {
		size_t first = (found[i].start - (uintptr_t)addr) / page_size();
		size_t last = (found[i].end - (uintptr_t)addr) / page_size() - 1;

		sprintf(text + strlen(text), first == last ? "%s%zu" : "%s%zu-%zu", i ? " " : "",
			first, last);
	}
	return text;
}

#define WRITTEN() written(self->pagemap, self->addr, self->pages)

static void write_to(char *addr, size_t page, char value)
{
	__atomic_store_n(addr + page * page_size(), value, __ATOMIC_RELAXED);
}

/* Reads from each of the pages. */
static void read_all(char *addr, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		__atomic_load_n(addr + i * page_size(), __ATOMIC_RELAXED);
}

/* Writes to two pages, of one folio if it is large, and checks that exactly these are found. */
static void expect_two_written(struct __test_metadata *_metadata, int pagemap, char *addr,
			       size_t pages)
{
	EXPECT_STREQ(written(pagemap, addr, pages), "");
	write_to(addr, 3, 1);
	write_to(addr, 200, 2);
	EXPECT_STREQ(written(pagemap, addr, pages), "3 200");
	EXPECT_STREQ(written(pagemap, addr, pages), "");
	EXPECT_EQ(addr[3 * page_size()], 1);
	EXPECT_EQ(addr[200 * page_size()], 2);
}

/* Nothing is mapped when the recording starts. */
TEST_F(pagemap, writes_to_untouched_pages_are_found)
{
	ASSERT_EQ(start_noting(self->userfault, self->addr, self->pages * self->page), 0);
	WRITTEN();
	expect_two_written(_metadata, self->pagemap, self->addr, self->pages);
}

TEST_F(pagemap, writes_to_pages_read_after_the_start_are_found)
{
	ASSERT_EQ(start_noting(self->userfault, self->addr, self->pages * self->page), 0);
	read_all(self->addr, self->pages);
	WRITTEN();
	expect_two_written(_metadata, self->pagemap, self->addr, self->pages);
}

/* Whether a page is among those in a text of written(). */
static bool is_among(const char *text, size_t page)
{
	size_t first, last;
	int len;

	for (; sscanf(text, "%zu%n", &first, &len) == 1; text += len + (text[len] == ' ')) {
		last = first;
		if (text[len] == '-') {
			text += len + 1;
			if (sscanf(text, "%zu%n", &last, &len) != 1)
				return false;
		}
		if (first <= page && page <= last)
			return true;
	}
	return false;
}

/*
 * Folios are mapped as a whole when the recording starts. If a PMD entry maps one, the first write
 * removes the entry, and the marks of all its pages: more pages are found than were written to, as
 * with a memfd in huge pages, but none is missed.
 */
TEST_F(pagemap, writes_to_pages_mapped_before_the_start_are_found)
{
	const char *text;

	read_all(self->addr, self->pages);
	ASSERT_EQ(start_noting(self->userfault, self->addr, self->pages * self->page), 0);
	WRITTEN();
	EXPECT_STREQ(WRITTEN(), "");
	write_to(self->addr, 3, 1);
	write_to(self->addr, 200, 2);
	text = WRITTEN();
	EXPECT_TRUE(is_among(text, 3));
	EXPECT_TRUE(is_among(text, 200));
	if (strcmp(variant->params, "huge=1"))
		EXPECT_STREQ(text, "3 200");
	EXPECT_EQ(self->addr[3 * self->page], 1);
	EXPECT_EQ(self->addr[200 * self->page], 2);
}

TEST_F(pagemap, reads_are_not_found)
{
	ASSERT_EQ(start_noting(self->userfault, self->addr, self->pages * self->page), 0);
	WRITTEN();
	read_all(self->addr, self->pages);
	EXPECT_STREQ(WRITTEN(), "");
}

TEST_F(pagemap, writes_to_neighbours_of_a_read_page_are_found)
{
	ASSERT_EQ(start_noting(self->userfault, self->addr, self->pages * self->page), 0);
	WRITTEN();
	__atomic_load_n(self->addr + 5 * self->page, __ATOMIC_RELAXED);
	write_to(self->addr, 4, 1);
	write_to(self->addr, 6, 1);
	EXPECT_STREQ(WRITTEN(), "4 6");
}

TEST_F(pagemap, each_scan_finds_the_writes_since_the_last)
{
	ASSERT_EQ(start_noting(self->userfault, self->addr, self->pages * self->page), 0);
	WRITTEN();
	for (size_t i = 0; i < 20; i++) {
		char expected[32];

		write_to(self->addr, 7 * i, i);
		write_to(self->addr, 7 * i + 300, i);
		sprintf(expected, "%zu %zu", 7 * i, 7 * i + 300);
		EXPECT_STREQ(WRITTEN(), expected);
	}
}

TEST_F(pagemap, writes_to_the_last_pages_are_found)
{
	char expected[32];

	ASSERT_EQ(start_noting(self->userfault, self->addr, self->pages * self->page), 0);
	read_all(self->addr, self->pages);
	WRITTEN();
	write_to(self->addr, self->pages - 4, 1);
	write_to(self->addr, self->pages - 1, 1);
	sprintf(expected, "%zu %zu", self->pages - 4, self->pages - 1);
	EXPECT_STREQ(WRITTEN(), expected);
}

TEST_F(pagemap, writes_by_other_mappings_are_not_found)
{
	char *other = map_shared(self->fd, self->pages, 0);

	ASSERT_NE(other, MAP_FAILED);
	ASSERT_EQ(start_noting(self->userfault, self->addr, self->pages * self->page), 0);
	read_all(self->addr, self->pages);
	WRITTEN();
	write_to(other, 3, 1);
	ASSERT_EQ(pwrite(self->fd, "", 1, 9 * self->page), 1);
	EXPECT_STREQ(WRITTEN(), "");
}

/* Writes by a debugger, and by a system call. */
TEST_F(pagemap, writes_by_the_kernel_are_found)
{
	int mem = open("/proc/self/mem", O_RDWR), zero = open("/dev/zero", O_RDONLY);

	ASSERT_EQ(start_noting(self->userfault, self->addr, self->pages * self->page), 0);
	read_all(self->addr, self->pages);
	WRITTEN();
	ASSERT_EQ(pwrite(mem, "by mem", 7, (off_t)self->addr + 3 * self->page), 7);
	ASSERT_EQ(read(zero, self->addr + 200 * self->page, 10), 10);
	EXPECT_STREQ(WRITTEN(), "3 200");
	EXPECT_STREQ(self->addr + 3 * self->page, "by mem");
}

TEST_F(pagemap, writes_to_a_private_mapping_are_found)
{
	char *copy = mmap(reserve(self->pages * self->page, self->page << pmd_order()),
			  self->pages * self->page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_FIXED, self->fd, 0);

	ASSERT_NE(copy, MAP_FAILED);
	ASSERT_EQ(start_noting(self->userfault, copy, self->pages * self->page), 0);
	read_all(copy, self->pages);
	written(self->pagemap, copy, self->pages);
	expect_two_written(_metadata, self->pagemap, copy, self->pages);
	EXPECT_EQ(self->addr[3 * self->page], 0);
}

static bool touchers_stop;

static void *touch_all(void *arg)
{
	while (!__atomic_load_n(&touchers_stop, __ATOMIC_RELAXED))
		read_all(arg, 1 << pmd_order());
	return NULL;
}

/* How many KiB of files the process has mapped by PMD entries. */
static long pmd_mapped(void)
{
	FILE *smaps = fopen("/proc/self/smaps_rollup", "r");
	long kib, sum = 0;
	char line[256];

	while (fgets(line, sizeof(line), smaps))
		if (sscanf(line, "FilePmdMapped: %ld", &kib) == 1)
			sum += kib;
	fclose(smaps);
	return sum;
}

/* MADV_DONTNEED frees page tables that a fault in another thread may just have found. */
TEST_F(pagemap, madv_dontneed_races_with_faults)
{
	pthread_t threads[3];

	ASSERT_EQ(start_noting(self->userfault, self->addr, self->pages * self->page), 0);
	for (int i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, touch_all, self->addr), 0);
	for (int i = 0; i < 400; i++) {
		ASSERT_EQ(madvise(self->addr, self->page << pmd_order(), MADV_DONTNEED), 0);
		EXPECT_EQ(pmd_mapped(), 0);
	}
	__atomic_store_n(&touchers_stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
}

TEST_HARNESS_MAIN
