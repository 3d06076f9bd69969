// SPDX-License-Identifier: GPL-2.0
/* The example simple_mirror: a ring buffer that is mapped twice in a row. */

#include "suite.h"

#include <sched.h>

#define NAME "simple_mirror"
#define PATH "/dev/simple_mirror"
#define PAGES 4

FIXTURE(mirror)
{
	size_t page;
	/* The size of the ring buffer, which is that of one half of the mapping. */
	size_t size;
	int fd;
	char *addr;
};

FIXTURE_SETUP(mirror)
{
	self->page = page_size();
	self->size = PAGES * self->page;
	ASSERT_EQ(reload_named(NAME, "pages=4"), 0);
	self->fd = open(PATH, O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->addr = map_shared(self->fd, 2 * PAGES, 0);
	ASSERT_NE(self->addr, MAP_FAILED);
}

/* When the test's process has ended, nothing holds the module. */
FIXTURE_TEARDOWN_PARENT(mirror)
{
	EXPECT_EQ(unload_named(NAME), 0);
}

TEST_F(mirror, node_is_for_root_only)
{
	struct stat st;

	ASSERT_EQ(stat(PATH, &st), 0);
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(st.st_mode & 07777, 0600);
}

TEST_F(mirror, memory_is_zero_at_first_sight)
{
	EXPECT_TRUE(is_zero(self->addr, 2 * self->size));
}

TEST_F(mirror, halves_are_the_same_memory)
{
	__u64 *low = (__u64 *)self->addr, *high = (__u64 *)(self->addr + self->size);
	size_t words = self->size / sizeof(*low);

	for (size_t i = 0; i < words; i++) {
		low[i] = i * 0x9e3779b97f4a7c15;
		ASSERT_EQ(high[i], i * 0x9e3779b97f4a7c15);
		high[i] = ~(__u64)i;
		ASSERT_EQ(low[i], ~(__u64)i);
	}
}

/* Each page of both halves is mapped when it is touched, and then stays. */
TEST_F(mirror, page_takes_one_fault)
{
	EXPECT_EQ(faults_of_reading(self->addr, 2 * PAGES), 2 * PAGES);
	EXPECT_EQ(faults_of_reading(self->addr, 2 * PAGES), 0);
}

TEST_F(mirror, first_touch_in_one_half_leaves_the_other_to_a_fault)
{
	put_text(self->addr + self->page, "in the lower half");
	EXPECT_EQ(faults_of_reading(self->addr + self->size + self->page, 1), 1);
	EXPECT_STREQ(self->addr + self->size + self->page, "in the lower half");
}

static void *count_in_both(void *arg)
{
	const size_t page = page_size();

	for (size_t i = 0; i < 2 * PAGES; i++)
		__atomic_fetch_add((int *)((char *)arg + i * page), 1, __ATOMIC_RELAXED);
	return NULL;
}

TEST_F(mirror, threads_that_race_see_the_same_page)
{
	pthread_t threads[8];

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, count_in_both, self->addr), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < 2 * PAGES; i++)
		EXPECT_EQ(*(int *)(self->addr + i * self->page), 2 * ARRAY_SIZE(threads));
}

TEST_F(mirror, mprotect_none_and_back_keeps_the_content)
{
	put_text(self->addr + self->size - 3, "across");
	ASSERT_EQ(mprotect(self->addr, 2 * self->size, PROT_NONE), 0);
	ASSERT_EQ(mprotect(self->addr, 2 * self->size, PROT_READ | PROT_WRITE), 0);
	EXPECT_STREQ(self->addr + self->size - 3, "across");
	EXPECT_STREQ(self->addr, "oss");
}

/* The kernel does not populate mappings of page frames. */
TEST_F(mirror, populate_leaves_mapping_to_faults)
{
	char *addr = mmap(NULL, 2 * self->size, PROT_READ, MAP_SHARED | MAP_POPULATE, self->fd, 0);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(faults_of_reading(addr, 2 * PAGES), 2 * PAGES);
}

/* Records of many lengths, up to that of the ring, that begin at many places. */
TEST_F(mirror, record_across_the_seam_is_contiguous)
{
	const size_t lengths[] = { 2, 100, self->page, self->page + 1, self->size - 1, self->size };
	char *record = malloc(self->size), *low = self->addr, *high = self->addr + self->size;

	for (size_t i = 0; i < self->size; i++)
		record[i] = i * 7 + i / 251;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t len = lengths[i];

		for (size_t before = 1; before < len; before = before * 3 + 1) {
			memset(low, 0, self->size);
			memcpy(high - before, record, len);
			/* The reader sees it in one piece, and the ring has it in two. */
			ASSERT_EQ(memcmp(high - before, record, len), 0);
			ASSERT_EQ(memcmp(high - before, record, before), 0);
			ASSERT_EQ(memcmp(low, record + before, len - before), 0) {
				TH_LOG("%zu bytes, %zu of them before the seam", len, before);
			}
		}
	}
	free(record);
}

static const size_t record_sizes[] = { 24, 1000, 8, 4095, 4096, 333, 12345 };

/* The value of a word of the stream. */
static __u64 word_of_stream(size_t i)
{
	return i * 0x9e3779b97f4a7c15 + 1;
}

/*
 * This is what the driver is for: one process writes records without regard to the
 * ring's end, and another reads them in the same way.
 */
TEST_F(mirror, processes_exchange_records)
{
	/* How many words were ever written and read. */
	__u64 *written = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0), *consumed = written + 8;
	const size_t ring = self->size / sizeof(__u64), total = 64 * ring;
	int status;
	pid_t pid;

	ASSERT_NE(written, MAP_FAILED);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		__u64 *words = (__u64 *)map_shared(open(PATH, O_RDWR), 2 * PAGES, 0);

		for (size_t at = 0, i = 0; at < total; i++) {
			size_t len = record_sizes[i % ARRAY_SIZE(record_sizes)] / sizeof(__u64);

			while (at + len - __atomic_load_n(consumed, __ATOMIC_ACQUIRE) > ring)
				sched_yield();
			for (size_t j = 0; j < len; j++)
				words[at % ring + j] = word_of_stream(at + j);
			at += len;
			__atomic_store_n(written, at, __ATOMIC_RELEASE);
		}
		_exit(0);
	}
	for (size_t at = 0, i = 0; at < total; i++) {
		size_t len = record_sizes[i % ARRAY_SIZE(record_sizes)] / sizeof(__u64);
		__u64 *record = (__u64 *)self->addr + at % ring;

		while (__atomic_load_n(written, __ATOMIC_ACQUIRE) < at + len)
			sched_yield();
		for (size_t j = 0; j < len; j++)
			ASSERT_EQ(record[j], word_of_stream(at + j));
		at += len;
		__atomic_store_n(consumed, at, __ATOMIC_RELEASE);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST_F(mirror, other_sizes_are_refused)
{
	for (size_t pages = 1; pages <= 4 * PAGES; pages++) {
		EXPECT_EQ(mmap_errno(self->fd, pages * self->page, PROT_READ, MAP_SHARED, 0),
			  pages == 2 * PAGES ? 0 : EINVAL) {
			TH_LOG("%zu pages", pages);
		}
	}
}

TEST_F(mirror, other_offsets_are_refused)
{
	const __u64 offsets[] = {
		self->page, self->size, 2 * self->size, 1ULL << 32, 1ULL << 63,
		-2 * (__u64)self->size,
	};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		EXPECT_EQ(mmap_errno(self->fd, 2 * self->size, PROT_READ, MAP_SHARED, offsets[i]),
			  EINVAL) {
			TH_LOG("offset %llx", (long long)offsets[i]);
		}
		EXPECT_EQ(mmap_errno(self->fd, self->size, PROT_READ, MAP_SHARED, offsets[i]),
			  EINVAL);
	}
}

TEST_F(mirror, private_is_refused)
{
	EXPECT_EQ(mmap_errno(self->fd, 2 * self->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0),
		  EINVAL);
	/* A private mapping could be made writable later. */
	EXPECT_EQ(mmap_errno(self->fd, 2 * self->size, PROT_READ, MAP_PRIVATE, 0), EINVAL);
}

TEST_F(mirror, execution_is_refused_now_and_later)
{
	EXPECT_EQ(mmap_errno(self->fd, 2 * self->size, PROT_READ | PROT_EXEC, MAP_SHARED, 0),
		  EPERM);
	EXPECT_EQ(mprotect(self->addr, self->page, PROT_READ | PROT_EXEC), -1);
	EXPECT_EQ(errno, EACCES);
}

/* A reader that must not write. */
TEST_F(mirror, read_only_file_maps_read_only)
{
	int fd = open(PATH, O_RDONLY);
	char *addr = mmap(NULL, 2 * self->size, PROT_READ, MAP_SHARED, fd, 0);

	ASSERT_NE(addr, MAP_FAILED);
	put_text(self->addr + self->size - 3, "across");
	EXPECT_STREQ(addr + self->size - 3, "across");
	EXPECT_STREQ(addr, "oss");
	EXPECT_EQ(signal_of_access(addr, true), SIGSEGV);
	EXPECT_EQ(mprotect(addr, self->page, PROT_READ | PROT_WRITE), -1);
	EXPECT_EQ(errno, EACCES);
}

/* Cuts in either half leave the other as it is, and what is left stays mirrored. */
TEST_F(mirror, parts_can_be_unmapped)
{
	char *high = self->addr + self->size;

	ASSERT_EQ(munmap(self->addr + self->page, self->page), 0);
	EXPECT_EQ(signal_of_access(self->addr + self->page, false), SIGSEGV);
	put_text(high + self->page, "in the upper half only");
	EXPECT_STREQ(high + self->page, "in the upper half only");

	/* Across the seam. */
	ASSERT_EQ(munmap(high - self->page, 2 * self->page), 0);
	put_text(self->addr + 2 * self->page, "mirrored");
	EXPECT_STREQ(high + 2 * self->page, "mirrored");

	ASSERT_EQ(mprotect(high + 2 * self->page, self->page, PROT_READ), 0);
	EXPECT_EQ(signal_of_access(high + 2 * self->page, true), SIGSEGV);
	put_text(self->addr + 2 * self->page, "still mirrored");
	EXPECT_STREQ(high + 2 * self->page, "still mirrored");
}

TEST_F(mirror, mremap_moves_and_does_not_grow)
{
	char *addr = mmap(NULL, 2 * self->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(addr, MAP_FAILED);
	put_text(self->addr + self->size - 3, "moves");
	EXPECT_EQ(mremap(self->addr, 2 * self->size, 3 * self->size, MREMAP_MAYMOVE), MAP_FAILED);
	EXPECT_EQ(errno, EFAULT);
	ASSERT_EQ(mremap(self->addr, 2 * self->size, 2 * self->size,
			 MREMAP_MAYMOVE | MREMAP_FIXED, addr), addr);
	EXPECT_STREQ(addr + self->size - 3, "moves");
	put_text(addr, "mirrored");
	EXPECT_STREQ(addr + self->size, "mirrored");
	munmap(addr, 2 * self->size);
}

TEST_F(mirror, fork_shares_the_memory)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		put_text(self->addr + self->size - 3, "from the child");
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_STREQ(self->addr + self->size - 3, "from the child");
	EXPECT_STREQ(self->addr, "m the child");
}

/* /proc/self/mem reads and writes memory as a debugger does. */
TEST_F(mirror, debugger_sees_mirrored_memory)
{
	int mem = open("/proc/self/mem", O_RDWR);
	char text[9];

	ASSERT_EQ(pwrite(mem, "debugger", 9, (uintptr_t)self->addr), 9);
	EXPECT_STREQ(self->addr + self->size, "debugger");
	ASSERT_EQ(pread(mem, text, 9, (uintptr_t)self->addr + self->size), 9);
	EXPECT_STREQ(text, "debugger");
}

TEST(parameters_out_of_range_are_refused)
{
	static const char *const params[] = { "pages=0", "pages=513", "pages=-1", "pages=x" };

	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		EXPECT_EQ(load_named(NAME, params[i]), -EINVAL) {
			TH_LOG("%s", params[i]);
		}
		EXPECT_EQ(access(PATH, F_OK), -1);
	}
}

TEST(default_and_limits)
{
	static const struct { const char *params; size_t pages; } cases[] = {
		{ "", 16 }, { "pages=1", 1 }, { "pages=3", 3 }, { "pages=512", 512 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t pages = cases[i].pages, size = pages * page_size();
		char *addr;
		int fd;

		ASSERT_EQ(load_named(NAME, cases[i].params), 0);
		fd = open(PATH, O_RDWR);
		addr = map_shared(fd, 2 * pages, 0);
		ASSERT_NE(addr, MAP_FAILED);
		put_text(addr + size - 3, "across");
		EXPECT_STREQ(addr, "oss");
		put_text(addr + 2 * size - 5, "end");
		EXPECT_STREQ(addr + size - 5, "end");
		munmap(addr, 2 * size);
		close(fd);
		ASSERT_EQ(unload_named(NAME), 0);
	}
}

TEST(module_is_held_while_mapped)
{
	const size_t page = page_size();
	char *addr;
	int fd;

	ASSERT_EQ(reload_named(NAME, "pages=2"), 0);
	fd = open(PATH, O_RDWR);
	addr = map_shared(fd, 4, 0);
	ASSERT_NE(addr, MAP_FAILED);
	close(fd);
	EXPECT_EQ(unload_named(NAME), -EWOULDBLOCK);
	/* Any part of the mapping holds the module, also one of the upper half. */
	ASSERT_EQ(munmap(addr, 3 * page), 0);
	EXPECT_EQ(unload_named(NAME), -EWOULDBLOCK);
	put_text(addr + 3 * page, "works");
	EXPECT_STREQ(addr + 3 * page, "works");
	ASSERT_EQ(munmap(addr + 3 * page, page), 0);
	EXPECT_EQ(unload_named(NAME), 0);
}

/*
 * Every VMA holds a reference on the ring buffer. If one of them were not dropped,
 * the memory would be missing after the module is unloaded.
 */
TEST(memory_is_given_back)
{
	const size_t size = 512 * page_size();
	long before = 0;

	for (int i = 0; i < 14; i++) {
		char *addr;
		int fd;

		ASSERT_EQ(reload_named(NAME, "pages=512"), 0);
		fd = open(PATH, O_RDWR);
		addr = map_shared(fd, 1024, 0);
		ASSERT_NE(addr, MAP_FAILED);
		EXPECT_EQ(mmap_errno(fd, size, PROT_READ, MAP_SHARED, 0), EINVAL);
		ASSERT_EQ(munmap(addr + size / 2, size), 0);
		ASSERT_EQ(mprotect(addr, page_size(), PROT_READ), 0);
		EXPECT_EQ(signal_of_access(addr, true), SIGSEGV);
		EXPECT_EQ(signal_of_access(addr + size - 1, false), SIGSEGV);
		ASSERT_EQ(munmap(addr, 2 * size), 0);
		close(fd);
		ASSERT_EQ(unload_named(NAME), 0);
		/* The first rounds fill the kernel's own caches. */
		if (i == 3)
			before = free_memory();
	}
	/* Each of the ten rounds allocates more than is tolerated. */
	EXPECT_LE(memory_lost(before, 1024), 1024);
}

TEST_HARNESS_MAIN
