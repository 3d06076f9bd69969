// SPDX-License-Identifier: GPL-2.0
/* mmap of both devices: ranges, protection, every flag, and who sees what. */

#include "suite.h"

#define PAGES 16

FIXTURE(mmap)
{
	size_t page;
	int fd;
};

DEVICE_VARIANTS(mmap);

FIXTURE_SETUP(mmap)
{
	self->page = page_size();
	ASSERT_EQ(reload_or_clear("pages=16"), 0);
	self->fd = open(variant->path, O_RDWR);
	ASSERT_GE(self->fd, 0);
}

/*
 * When the test's process has ended, all VMAs are closed, and nothing holds the
 * module.
 */
FIXTURE_TEARDOWN_PARENT(mmap)
{
	EXPECT_EQ(counter(variant->device, "vmas"), 0);
	EXPECT_EQ(unload_if_module(), 0);
}

TEST_F(mmap, node_is_for_root_only)
{
	struct stat st;

	ASSERT_EQ(stat(variant->path, &st), 0);
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(st.st_mode & 07777, 0600);
	EXPECT_EQ(st.st_uid, 0);
}

TEST_F(mmap, memory_is_zero_at_first_sight)
{
	char *addr = map_shared(self->fd, PAGES, 0);

	need_module();
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_TRUE(is_zero(addr, PAGES * self->page));
}

TEST_F(mmap, whole_region_keeps_what_is_written)
{
	__u64 *addr = (__u64 *)map_shared(self->fd, PAGES, 0);
	size_t words = PAGES * self->page / sizeof(*addr);

	ASSERT_NE(addr, MAP_FAILED);
	for (size_t i = 0; i < words; i++)
		addr[i] = i * 0x9e3779b97f4a7c15;
	ASSERT_EQ(munmap(addr, PAGES * self->page), 0);

	addr = (__u64 *)map_shared(self->fd, PAGES, 0);
	ASSERT_NE(addr, MAP_FAILED);
	for (size_t i = 0; i < words; i++)
		ASSERT_EQ(addr[i], i * 0x9e3779b97f4a7c15);
}

/* Every range in the region maps, every other is refused. */
TEST_F(mmap, range_ends_with_the_region)
{
	for (size_t first = 0; first <= PAGES + 1; first++) {
		for (size_t pages = 1; pages <= PAGES + 2; pages++) {
			int expected = first + pages <= PAGES ? 0 : EINVAL;

			ASSERT_EQ(mmap_errno(self->fd, pages * self->page, PROT_READ, MAP_SHARED,
					     first * self->page), expected) {
				TH_LOG("%zu pages from page %zu", pages, first);
			}
		}
	}
}

TEST_F(mmap, length_need_not_be_whole_pages)
{
	char *addr = mmap(NULL, self->page + 1, PROT_READ, MAP_SHARED, self->fd, 0);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(addr[2 * self->page - 1], 0);
	EXPECT_EQ(munmap(addr, self->page + 1), 0);
	EXPECT_EQ(mmap_errno(self->fd, PAGES * self->page + 1, PROT_READ, MAP_SHARED, 0), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, 0, PROT_READ, MAP_SHARED, 0), EINVAL);
}

/* The kernel itself refuses an offset if the end exceeds 2^64 bytes, and the driver others. */
TEST_F(mmap, offset_that_overflows_is_refused)
{
	const __u64 top = -(__u64)self->page;
	const __u64 offsets[] = {
		1ULL << 31, 1ULL << 32, 1ULL << 44, 1ULL << 62, 1ULL << 63,
		(1ULL << 63) - self->page, top, top - self->page,
		top - (PAGES - 1) * self->page, top - PAGES * self->page,
	};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (size_t pages = 1; pages <= PAGES; pages++) {
			__u64 len = pages * self->page;
			bool wraps = offsets[i] + len - 1 < offsets[i];

			ASSERT_EQ(mmap_errno(self->fd, len, PROT_READ, MAP_SHARED, offsets[i]),
				  wraps ? EOVERFLOW : EINVAL) {
				TH_LOG("%zu pages at %llx", pages, (long long)offsets[i]);
			}
		}
	}
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED, 1), EINVAL);
}

TEST_F(mmap, execution_is_refused_now_and_later)
{
	char *addr;

	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ | PROT_EXEC, MAP_SHARED, 0), EPERM);
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_EXEC, MAP_PRIVATE, 0), EPERM);

	addr = map_shared(self->fd, 2, 0);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(mprotect(addr, self->page, PROT_READ | PROT_EXEC), -1);
	EXPECT_EQ(errno, EACCES);
	EXPECT_EQ(mprotect(addr, self->page, PROT_READ), 0);
	EXPECT_EQ(mprotect(addr, self->page, PROT_EXEC), -1);
	EXPECT_EQ(errno, EACCES);
}

TEST_F(mmap, protection_is_obeyed)
{
	int fd = open(variant->path, O_RDONLY);
	char *addr;

	EXPECT_EQ(mmap_errno(fd, self->page, PROT_READ | PROT_WRITE, MAP_SHARED, 0), EACCES);
	EXPECT_EQ(mmap_errno(fd, self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0), 0);
	addr = mmap(NULL, self->page, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(signal_of_access(addr, false), 0);
	EXPECT_EQ(signal_of_access(addr, true), SIGSEGV);
	EXPECT_EQ(mprotect(addr, self->page, PROT_READ | PROT_WRITE), -1);
	EXPECT_EQ(errno, EACCES);
	close(fd);
}

TEST_F(mmap, mprotect_none_and_back_keeps_the_content)
{
	char *addr = map_shared(self->fd, 3, 0);

	ASSERT_NE(addr, MAP_FAILED);
	memset(addr, 'a', 3 * self->page);
	ASSERT_EQ(mprotect(addr + self->page, self->page, PROT_NONE), 0);
	EXPECT_EQ(signal_of_access(addr + self->page, false), SIGSEGV);
	EXPECT_EQ(signal_of_access(addr, true), 0);
	ASSERT_EQ(mprotect(addr + self->page, self->page, PROT_READ | PROT_WRITE), 0);
	EXPECT_EQ(addr[self->page], 'a');
}

TEST_F(mmap, mappings_share_the_memory)
{
	char *one = map_shared(self->fd, PAGES, 0), *two = map_shared(self->fd, PAGES, 0);

	ASSERT_NE(one, MAP_FAILED);
	ASSERT_NE(two, MAP_FAILED);
	for (size_t i = 0; i < PAGES; i++) {
		one[i * self->page + i] = i + 1;
		EXPECT_EQ(two[i * self->page + i], (char)(i + 1));
		two[i * self->page + 2 * i + 1] = i + 100;
		EXPECT_EQ(one[i * self->page + 2 * i + 1], (char)(i + 100));
		EXPECT_EQ(phys_at(one + i * self->page), phys_at(two + i * self->page));
	}
}

TEST_F(mmap, mappings_of_different_offsets_share_the_memory)
{
	char *whole = map_shared(self->fd, PAGES, 0);

	ASSERT_NE(whole, MAP_FAILED);
	for (size_t first = 0; first < PAGES; first++) {
		char *part = map_shared(self->fd, PAGES - first, first);

		ASSERT_NE(part, MAP_FAILED);
		put_text(whole + first * self->page, "to the part");
		EXPECT_STREQ(part, "to the part");
		put_text(part + 100, "to the whole");
		EXPECT_STREQ(whole + first * self->page + 100, "to the whole");
	}
}

TEST_F(mmap, processes_share_the_memory)
{
	char *addr = map_shared(self->fd, 2, 3);
	int status;
	pid_t pid;

	ASSERT_NE(addr, MAP_FAILED);
	put_text(addr, "to the child");
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		/* The child uses a mapping of a file of its own, and the one that it inherits. */
		int fd = open(variant->path, O_RDWR);
		char *own = map_shared(fd, 2, 3);
		bool ok = own != MAP_FAILED && !strcmp(own, "to the child") &&
			  !strcmp(addr, "to the child");

		put_text(own + self->page, "to the parent");
		put_text(addr + self->page + 100, "to the parent too");
		_exit(ok ? 0 : 1);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_STREQ(addr + self->page, "to the parent");
	EXPECT_STREQ(addr + self->page + 100, "to the parent too");
}

TEST_F(mmap, flag_shared_validate)
{
	const int unknown = 1 << 23;
	char *addr = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE, self->fd,
			  0);

	ASSERT_NE(addr, MAP_FAILED);
	put_text(addr, "shared");
	EXPECT_STREQ(map_shared(self->fd, 1, 0), "shared");
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED_VALIDATE | unknown, 0),
		  EOPNOTSUPP);
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, 0),
		  EOPNOTSUPP);
	/* Plain MAP_SHARED ignores flags that it does not know. */
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED | unknown, 0), 0);
}

TEST_F(mmap, flag_private_copies_on_write)
{
	char *shared = map_shared(self->fd, 3, 2);
	char *private = map_private(self->fd, 3, 2);

	ASSERT_NE(shared, MAP_FAILED);
	ASSERT_NE(private, MAP_FAILED);
	put_text(shared, "before");
	EXPECT_STREQ(private, "before");
	/* The write copies that page and no other. */
	put_text(private + 100, "mine");
	EXPECT_EQ(shared[100], 0);
	put_text(shared, "after");
	EXPECT_STREQ(private, "before");
	put_text(shared + self->page, "other page");
	EXPECT_STREQ(private + self->page, "other page");
	/* Neither fork nor mprotect changes what is copied. */
	EXPECT_EQ(signal_of_access(private + self->page, true), 0);
	EXPECT_STREQ(shared + self->page, "other page");
	ASSERT_EQ(mprotect(private, 3 * self->page, PROT_READ), 0);
	ASSERT_EQ(mprotect(private, 3 * self->page, PROT_READ | PROT_WRITE), 0);
	EXPECT_STREQ(private + 100, "mine");
	/* A page that was never touched can be written at once. */
	put_text(private + 2 * self->page, "mine too");
	EXPECT_EQ(shared[2 * self->page], 0);
	ASSERT_EQ(munmap(private + self->page, self->page), 0);
	EXPECT_STREQ(private + 2 * self->page, "mine too");
}

TEST_F(mmap, flag_fixed_replaces)
{
	char *addr = mmap(NULL, 4 * self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	char *fixed;

	ASSERT_NE(addr, MAP_FAILED);
	memset(addr, 'a', 4 * self->page);
	fixed = mmap(addr + self->page, 2 * self->page, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED, self->fd, 0);
	ASSERT_EQ(fixed, addr + self->page);
	EXPECT_EQ(fixed[0], 0);
	EXPECT_EQ(addr[0], 'a');
	EXPECT_EQ(addr[3 * self->page], 'a');
	/* It also replaces a mapping of the device itself, in part. */
	put_text(fixed, "page 0");
	fixed = mmap(addr + 2 * self->page, self->page, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED, self->fd, 0);
	ASSERT_EQ(fixed, addr + 2 * self->page);
	EXPECT_STREQ(fixed, "page 0");
	EXPECT_EQ(mmap(addr + 1, self->page, PROT_READ, MAP_SHARED | MAP_FIXED, self->fd, 0),
		  MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
}

TEST_F(mmap, flag_fixed_noreplace)
{
	char *addr = map_shared(self->fd, 2, 0), *other;

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(mmap(addr + self->page, self->page, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE,
		       self->fd, 0), MAP_FAILED);
	EXPECT_EQ(errno, EEXIST);
	ASSERT_EQ(munmap(addr + self->page, self->page), 0);
	other = mmap(addr + self->page, self->page, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE,
		     self->fd, 0);
	EXPECT_EQ(other, addr + self->page);
}

TEST_F(mmap, flag_populate_and_nonblock)
{
	char *plain = mmap(NULL, PAGES * self->page, PROT_READ, MAP_SHARED, self->fd, 0);
	char *nonblock = mmap(NULL, PAGES * self->page, PROT_READ,
			      MAP_SHARED | MAP_POPULATE | MAP_NONBLOCK, self->fd, 0);
	char *populated = mmap(NULL, PAGES * self->page, PROT_READ, MAP_SHARED | MAP_POPULATE,
			       self->fd, 0);
	/* simpler maps all pages at mmap. */
	bool faults = !variant->is_simpler;

	ASSERT_NE(plain, MAP_FAILED);
	ASSERT_NE(nonblock, MAP_FAILED);
	ASSERT_NE(populated, MAP_FAILED);
	EXPECT_EQ(faults_of_reading(populated, PAGES), 0);
	EXPECT_EQ(faults_of_reading(nonblock, PAGES) > 0, faults);
	EXPECT_EQ(faults_of_reading(plain, PAGES) > 0, faults);
	EXPECT_EQ(faults_of_reading(plain, PAGES), 0);
}

TEST_F(mmap, flag_locked)
{
	char *addr = mmap(NULL, PAGES * self->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_LOCKED,
			  self->fd, 0);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(faults_of_reading(addr, PAGES), 0);
	put_text(addr, "locked");
	EXPECT_EQ(mlock(addr, self->page), 0);
	EXPECT_EQ(munlock(addr, PAGES * self->page), 0);
	EXPECT_STREQ(addr, "locked");
}

TEST_F(mmap, flag_noreserve)
{
	char *addr = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
			  self->fd, 0);

	ASSERT_NE(addr, MAP_FAILED);
	put_text(addr, "copied");
	EXPECT_STREQ(addr, "copied");
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED | MAP_NORESERVE, 0), 0);
}

TEST_F(mmap, flag_32bit)
{
#ifdef MAP_32BIT
	char *addr = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_32BIT,
			  self->fd, 0);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_LT((uintptr_t)addr, 1UL << 31);
	put_text(addr, "low");
	EXPECT_STREQ(map_shared(self->fd, 1, 0), "low");
#else
	SKIP(return, "MAP_32BIT is x86's");
#endif
}

/* MAP_GROWSDOWN is for stacks, which are anonymous memory. */
TEST_F(mmap, flag_growsdown)
{
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED | MAP_GROWSDOWN, 0),
		  EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_PRIVATE | MAP_GROWSDOWN, 0),
		  EINVAL);
}

/* A device has no storage that msync could write to: it succeeds, and does nothing. */
TEST_F(mmap, msync_has_nothing_to_do)
{
	static const int flags[] = { MS_ASYNC, MS_SYNC, MS_SYNC | MS_INVALIDATE, 0 };
	char *addr = map_shared(self->fd, 4, 2);

	ASSERT_NE(addr, MAP_FAILED);
	put_text(addr + self->page, "written");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		EXPECT_EQ(msync(addr, 4 * self->page, flags[i]), 0);
		EXPECT_EQ(msync(addr + self->page, self->page, flags[i]), 0);
	}
	EXPECT_STREQ(addr + self->page, "written");
}

TEST_F(mmap, msync_of_other_mappings)
{
	char *private = map_private(self->fd, 2, 0);
	int fd = open(variant->path, O_RDONLY);
	char *read_only = mmap(NULL, self->page, PROT_READ, MAP_SHARED, fd, 0);

	ASSERT_NE(private, MAP_FAILED);
	ASSERT_NE(read_only, MAP_FAILED);
	put_text(private, "mine");
	EXPECT_EQ(msync(private, 2 * self->page, MS_SYNC), 0);
	EXPECT_EQ(msync(read_only, self->page, MS_SYNC), 0);
	EXPECT_EQ(read_only[0], 0);
}

/* How much memory of this process is locked, in KiB. */
static long locked_kib(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[128];
	long kib = -1;

	while (fgets(line, sizeof(line), status))
		sscanf(line, "VmLck: %ld", &kib);
	fclose(status);
	return kib;
}

/* The kernel does not count page frames, which are simpler's, as locked. */
TEST_F(mmap, locked_pages_are_counted)
{
	const long kib = variant->is_simpler ? 0 : 4 * self->page / 1024;
	char *addr = map_shared(self->fd, 4, 0);

	ASSERT_NE(addr, MAP_FAILED);
	ASSERT_EQ(locked_kib(), 0);
	ASSERT_EQ(mlock(addr, 4 * self->page), 0);
	EXPECT_EQ(locked_kib(), kib);
	EXPECT_EQ(faults_of_reading(addr, 4), 0);
	ASSERT_EQ(munlock(addr, 4 * self->page), 0);
	EXPECT_EQ(locked_kib(), 0);
	addr = mmap(NULL, 4 * self->page, PROT_READ, MAP_SHARED | MAP_LOCKED, self->fd, 0);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(locked_kib(), kib);
	munmap(addr, 4 * self->page);
	EXPECT_EQ(locked_kib(), 0);
}

TEST_F(mmap, mlockall_populates_later_mappings)
{
	char *addr;

	ASSERT_EQ(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
	addr = map_shared(self->fd, PAGES, 0);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(faults_of_reading(addr, PAGES), 0);
	put_text(addr + 9 * self->page, "locked");
	ASSERT_EQ(munlockall(), 0);
	EXPECT_STREQ(addr + 9 * self->page, "locked");
}

TEST_F(mmap, mlock_onfault_leaves_mapping_to_faults)
{
	char *addr = map_shared(self->fd, PAGES, 0);

	ASSERT_NE(addr, MAP_FAILED);
	ASSERT_EQ(mlock2(addr, PAGES * self->page, MLOCK_ONFAULT), 0);
	EXPECT_EQ(faults_of_reading(addr, PAGES) > 0, !variant->is_simpler);
	EXPECT_EQ(faults_of_reading(addr, PAGES), 0);
}

/* Maps two consecutive parts of the region, at consecutive addresses. */
static char *map_neighbours(int fd, int second_fd)
{
	const size_t len = 8 * page_size();
	char *addr = reserve(3 * len, page_size());

	if (mmap(addr, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != addr ||
	    mmap(addr + len, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, second_fd,
		 len) != addr + len)
		return MAP_FAILED;
	return addr;
}

/*
 * The kernel extends an ordinary VMA instead of making another one, but not a VMA of
 * page frames, which are simpler's.
 */
TEST_F(mmap, neighbours_of_a_file_are_merged)
{
	const long opens = counter(variant->device, "opens");
	char *addr = map_neighbours(self->fd, self->fd);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(counter(variant->device, "opens") - opens, variant->is_simpler ? 2 : 1);
	EXPECT_EQ(counter(variant->device, "vmas"), variant->is_simpler ? 2 : 1);
	for (size_t i = 0; i < 16; i++)
		addr[i * self->page] = i;
	for (size_t i = 0; i < 16; i++)
		EXPECT_EQ(map_shared(self->fd, 1, i)[0], (char)i);
}

TEST_F(mmap, neighbours_of_two_files_are_not_merged)
{
	const long opens = counter(variant->device, "opens");
	char *addr = map_neighbours(self->fd, open(variant->path, O_RDWR));

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(counter(variant->device, "opens") - opens, 2);
	put_text(addr + 8 * self->page - 3, "across");
	EXPECT_STREQ(addr + 8 * self->page, "oss");
}

/* The driver also checks the range of a mapping that would extend another one. */
TEST_F(mmap, neighbour_past_the_end_of_the_region_is_refused)
{
	char *addr = map_neighbours(self->fd, self->fd);
	long opens = counter(variant->device, "opens");

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(mmap(addr + PAGES * self->page, self->page, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, self->fd, PAGES * self->page), MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(counter(variant->device, "opens"), opens);
	put_text(addr + (PAGES - 1) * self->page, "works");
	EXPECT_STREQ(addr + (PAGES - 1) * self->page, "works");
}

TEST_F(mmap, merged_mapping_is_split_again)
{
	char *addr = map_neighbours(self->fd, self->fd);

	ASSERT_NE(addr, MAP_FAILED);
	for (size_t i = 0; i < 16; i++)
		addr[i * self->page] = i + 1;
	/* Unmap pages on both sides of the border of the two mappings. */
	ASSERT_EQ(munmap(addr + 6 * self->page, 4 * self->page), 0);
	for (size_t i = 0; i < 16; i++) {
		const bool gone = i >= 6 && i < 10;

		EXPECT_EQ(signal_of_access(addr + i * self->page, false), gone ? SIGSEGV : 0);
		if (!gone)
			EXPECT_EQ(addr[i * self->page], i + 1);
	}
	EXPECT_EQ(counter(variant->device, "vmas"), 2);
	/* The gap is mapped again, which extends the VMA before it. */
	ASSERT_EQ(mmap(addr + 6 * self->page, 4 * self->page, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, self->fd, 6 * self->page), addr + 6 * self->page);
	for (size_t i = 0; i < 16; i++)
		EXPECT_EQ(addr[i * self->page], i + 1);
}

TEST_HARNESS_MAIN
