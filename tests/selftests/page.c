// SPDX-License-Identifier: GPL-2.0
/* The example simple_page: a page for each open file. */

#include "suite.h"

#define NAME "simple_page"
#define PATH "/dev/simple_page"

FIXTURE(page)
{
	size_t page;
	int fd;
	char *addr;
};

FIXTURE_SETUP(page)
{
	self->page = page_size();
	ASSERT_EQ(reload_named(NAME, ""), 0);
	self->fd = open(PATH, O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->addr = map_shared(self->fd, 1, 0);
	ASSERT_NE(self->addr, MAP_FAILED);
}

/* When the test's process has ended, nothing holds the module. */
FIXTURE_TEARDOWN_PARENT(page)
{
	EXPECT_EQ(unload_named(NAME), 0);
}

TEST_F(page, node_is_for_root_only)
{
	struct stat st;

	ASSERT_EQ(stat(PATH, &st), 0);
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(st.st_mode & 07777, 0600);
}

TEST_F(page, memory_is_zero_at_first_sight)
{
	EXPECT_TRUE(is_zero(self->addr, self->page));
}

/* The kernel can give the memory that was filled in the round before. */
TEST_F(page, page_of_each_new_file_is_zero)
{
	for (int i = 0; i < 100; i++) {
		int fd = open(PATH, O_RDWR);
		char *addr = map_shared(fd, 1, 0);

		ASSERT_NE(addr, MAP_FAILED);
		EXPECT_TRUE(is_zero(addr, self->page));
		memset(addr, 0xa5, self->page);
		munmap(addr, self->page);
		close(fd);
	}
}

TEST_F(page, mappings_of_a_file_share_it)
{
	char *other = map_shared(self->fd, 1, 0);

	ASSERT_NE(other, MAP_FAILED);
	put_text(self->addr, "to the other");
	EXPECT_STREQ(other, "to the other");
	put_text(other + 100, "and back");
	EXPECT_STREQ(self->addr + 100, "and back");
	EXPECT_EQ(phys_at(self->addr), phys_at(other));
}

TEST_F(page, descriptors_of_a_file_share_it)
{
	char *other = map_shared(dup(self->fd), 1, 0);

	ASSERT_NE(other, MAP_FAILED);
	put_text(self->addr, "duplicated");
	EXPECT_STREQ(other, "duplicated");
}

TEST_F(page, fork_shares_it)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		/* The child uses the mapping and the file that it inherits. */
		put_text(self->addr, "from the child");
		put_text(map_shared(self->fd, 1, 0) + 100, "by its own mapping");
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_STREQ(self->addr, "from the child");
	EXPECT_STREQ(self->addr + 100, "by its own mapping");
}

TEST_F(page, files_have_different_ones)
{
	char *other = map_shared(open(PATH, O_RDWR), 1, 0);

	ASSERT_NE(other, MAP_FAILED);
	put_text(self->addr, "one");
	put_text(other, "another");
	EXPECT_STREQ(self->addr, "one");
	EXPECT_STREQ(other, "another");
	EXPECT_NE(phys_at(self->addr), phys_at(other));
}

TEST_F(page, private_mapping_copies_on_write)
{
	char *copy = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, 0);

	ASSERT_NE(copy, MAP_FAILED);
	put_text(self->addr, "shared");
	EXPECT_STREQ(copy, "shared");
	put_text(copy, "copied");
	EXPECT_STREQ(self->addr, "shared");
	EXPECT_STREQ(copy, "copied");
}

TEST_F(page, stays_when_the_file_is_closed)
{
	put_text(self->addr, "still here");
	ASSERT_EQ(close(self->fd), 0);
	EXPECT_STREQ(self->addr, "still here");
	/* The page stays also while no page table entry maps it. */
	ASSERT_EQ(madvise(self->addr, self->page, MADV_DONTNEED), 0);
	EXPECT_STREQ(self->addr, "still here");
	/* A new file gets another page. */
	EXPECT_TRUE(is_zero(map_shared(open(PATH, O_RDWR), 1, 0), self->page));
}

TEST_F(page, stays_when_it_was_never_touched_and_the_file_is_closed)
{
	ASSERT_EQ(close(self->fd), 0);
	EXPECT_TRUE(is_zero(self->addr, self->page));
	put_text(self->addr, "works");
	EXPECT_STREQ(self->addr, "works");
}

TEST_F(page, copies_of_the_mapping_keep_it)
{
	char *target = reserve(self->page, self->page), *two = map_shared(self->fd, 2, 0);

	put_text(self->addr, "kept");
	ASSERT_EQ(close(self->fd), 0);
	/* One mapping is moved, the other one is split, and its second half is unmapped. */
	ASSERT_EQ(mremap(self->addr, self->page, self->page, MREMAP_MAYMOVE | MREMAP_FIXED, target),
		  target);
	EXPECT_STREQ(target, "kept");
	ASSERT_EQ(munmap(two + self->page, self->page), 0);
	EXPECT_STREQ(two, "kept");
	ASSERT_EQ(munmap(target, self->page), 0);
	EXPECT_STREQ(two, "kept");
}

TEST_F(page, pipe_keeps_it)
{
	struct iovec iov = { self->addr, 16 };
	char text[16] = "";
	int ends[2];

	ASSERT_EQ(pipe(ends), 0);
	put_text(self->addr, "held by a pipe");
	ASSERT_EQ(vmsplice(ends[1], &iov, 1, 0), 16);
	munmap(self->addr, self->page);
	close(self->fd);
	EXPECT_EQ(unload_named(NAME), 0);
	/* If the page were free, one of these would get and overwrite it. */
	memset(mmap(NULL, 1000 * self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0), 0xa5, 1000 * self->page);
	ASSERT_EQ(read(ends[0], text, 16), 16);
	EXPECT_STREQ(text, "held by a pipe");
	/* The teardown unloads it. */
	EXPECT_EQ(load_named(NAME, ""), 0);
}

TEST_F(page, beyond_it_is_sigbus)
{
	char *addr = map_shared(self->fd, 3, 0);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(signal_of_access(addr, true), 0);
	EXPECT_EQ(signal_of_access(addr + self->page - 1, true), 0);
	EXPECT_EQ(signal_of_access(addr + self->page, false), SIGBUS);
	EXPECT_EQ(signal_of_access(addr + self->page, true), SIGBUS);
	EXPECT_EQ(signal_of_access(addr + 3 * self->page - 1, true), SIGBUS);
}

TEST_F(page, other_offsets_are_sigbus)
{
	const __u64 offsets[] = { self->page, 1 << 30, 1ULL << 40, 1ULL << 63 };

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		char *addr = mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
				  offsets[i]);

		ASSERT_NE(addr, MAP_FAILED);
		EXPECT_EQ(signal_of_access(addr, false), SIGBUS);
		EXPECT_EQ(signal_of_access(addr, true), SIGBUS);
	}
}

TEST_F(page, private_write_beyond_it_is_sigbus)
{
	char *addr = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, 0);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(signal_of_access(addr + self->page, true), SIGBUS);
	EXPECT_EQ(signal_of_access(addr, true), 0);
}

/* The mapping grows past the only page. */
TEST_F(page, mremap_that_grows_is_sigbus_beyond_it)
{
	char *addr = mremap(self->addr, self->page, 2 * self->page, MREMAP_MAYMOVE);

	ASSERT_NE(addr, MAP_FAILED);
	put_text(addr, "grown");
	EXPECT_STREQ(map_shared(self->fd, 1, 0), "grown");
	EXPECT_EQ(signal_of_access(addr + self->page, false), SIGBUS);
}

TEST_F(page, read_and_write_are_refused)
{
	char byte = 1;

	EXPECT_EQ(read(self->fd, &byte, 1), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(write(self->fd, &byte, 1), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(self->addr[0], 0);
}

TEST_F(page, module_is_held_while_mapped)
{
	EXPECT_EQ(unload_named(NAME), -EWOULDBLOCK);
	close(self->fd);
	EXPECT_EQ(unload_named(NAME), -EWOULDBLOCK);
	/* A refused unload changes nothing. */
	put_text(self->addr, "works");
	EXPECT_STREQ(self->addr, "works");
	EXPECT_EQ(access(PATH, F_OK), 0);
	munmap(self->addr, self->page);
	EXPECT_EQ(unload_named(NAME), 0);
	EXPECT_EQ(access(PATH, F_OK), -1);
	/* The teardown unloads it. */
	EXPECT_EQ(load_named(NAME, ""), 0);
}

TEST_F(page, module_is_held_while_open)
{
	munmap(self->addr, self->page);
	EXPECT_EQ(unload_named(NAME), -EWOULDBLOCK);
	close(self->fd);
	EXPECT_EQ(unload_named(NAME), 0);
	EXPECT_EQ(load_named(NAME, ""), 0);
}

#define OPENS 2000

/*
 * Opens and closes the device many times. If the page of a file were not freed, "used" KiB of
 * memory would be missing after OPENS times.
 */
TEST(memory_is_given_back)
{
	const long used = OPENS * page_size() / 1024;
	long before = 0;

	ASSERT_EQ(reload_named(NAME, ""), 0);
	for (int i = 0; i < 2 * OPENS; i++) {
		int fd = open(PATH, O_RDWR);
		char *addr = map_shared(fd, 1, 0);

		ASSERT_NE(addr, MAP_FAILED);
		addr[0] = 1;
		close(fd);
		munmap(addr, page_size());
		/* The first ones fill the kernel's own caches. */
		if (i == OPENS)
			before = free_memory();
	}
	EXPECT_LE(memory_lost(before, used / 4), used / 4);
	EXPECT_EQ(unload_named(NAME), 0);
}

TEST_HARNESS_MAIN
