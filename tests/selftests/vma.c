// SPDX-License-Identifier: GPL-2.0
/* What happens to a VMA after mmap: fork, split, mremap, munmap, close, exit. */

#include "suite.h"

#define PAGES 16

FIXTURE(vma)
{
	size_t page;
	int fd;
	char *addr;
	long opens, closes; /* the counters before the set-up maps anything */
};

DEVICE_VARIANTS(vma);

/* Maps eight pages, and writes its number to each. */
FIXTURE_SETUP(vma)
{
	self->page = page_size();
	ASSERT_EQ(reload_or_clear("pages=16"), 0);
	self->fd = open(variant->path, O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->opens = counter(variant->device, "opens");
	self->closes = counter(variant->device, "closes");
	self->addr = map_shared(self->fd, 8, 0);
	ASSERT_NE(self->addr, MAP_FAILED);
	for (size_t i = 0; i < 8; i++)
		self->addr[i * self->page] = i;
}

FIXTURE_TEARDOWN_PARENT(vma)
{
	EXPECT_EQ(counter(variant->device, "vmas"), 0);
	EXPECT_EQ(unload_if_module(), 0);
}

/* How often a VMA was opened, the first time in the set-up. */
#define OPENS() (counter(variant->device, "opens") - self->opens)

#define EXPECT_EVENTS(open_count, close_count) \
	do { \
		EXPECT_EQ(OPENS(), (open_count)); \
		EXPECT_EQ(counter(variant->device, "closes") - self->closes, (close_count)); \
	} while (0)

TEST_F(vma, mmap_opens_and_munmap_closes)
{
	EXPECT_EVENTS(1, 0);
	ASSERT_EQ(munmap(self->addr, 8 * self->page), 0);
	EXPECT_EVENTS(1, 1);
	EXPECT_EQ(signal_of_access(self->addr, false), SIGSEGV);
}

TEST_F(vma, refused_mmap_opens_nothing)
{
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED, PAGES * self->page),
		  EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_EXEC, MAP_SHARED, 0), EPERM);
	EXPECT_EVENTS(1, 0);
}

TEST_F(vma, mapping_outlives_the_file)
{
	char *again;

	ASSERT_EQ(close(self->fd), 0);
	EXPECT_EVENTS(1, 0);
	for (size_t i = 0; i < 8; i++)
		EXPECT_EQ(self->addr[i * self->page], (char)i);
	put_text(self->addr + 5 * self->page, "still here");
	self->fd = open(variant->path, O_RDWR);
	again = map_shared(self->fd, 1, 5);
	ASSERT_NE(again, MAP_FAILED);
	EXPECT_STREQ(again, "still here");
}

TEST_F(vma, munmap_at_the_start_and_the_end)
{
	ASSERT_EQ(munmap(self->addr, 2 * self->page), 0);
	ASSERT_EQ(munmap(self->addr + 6 * self->page, 2 * self->page), 0);
	/* Each cut splits: a copy is opened and the part cut off is closed. */
	EXPECT_EVENTS(3, 2);
	EXPECT_EQ(self->addr[2 * self->page], 2);
	EXPECT_EQ(self->addr[5 * self->page], 5);
	for (size_t i = 0; i < 8; i++) {
		bool left = i >= 2 && i < 6;

		EXPECT_EQ(signal_of_access(self->addr + i * self->page, false), left ? 0 : SIGSEGV);
	}
}

TEST_F(vma, munmap_in_the_middle)
{
	ASSERT_EQ(munmap(self->addr + 3 * self->page, 2 * self->page), 0);
	EXPECT_EVENTS(3, 1);
	EXPECT_EQ(self->addr[2 * self->page], 2);
	EXPECT_EQ(signal_of_access(self->addr + 3 * self->page, false), SIGSEGV);
	EXPECT_EQ(signal_of_access(self->addr + 4 * self->page, false), SIGSEGV);
	EXPECT_EQ(self->addr[5 * self->page], 5);
}

/* Page by page, in an order in which every kind of cut occurs. */
TEST_F(vma, munmap_of_every_page)
{
	static const int order[] = { 3, 0, 7, 5, 1, 6, 2, 4 };

	for (size_t i = 0; i < 8; i++) {
		ASSERT_EQ(munmap(self->addr + order[i] * self->page, self->page), 0);
		for (size_t j = i + 1; j < 8; j++)
			EXPECT_EQ(self->addr[order[j] * self->page], (char)order[j]);
	}
	EXPECT_EQ(counter(variant->device, "vmas"), 0);
}

TEST_F(vma, mprotect_in_part_splits)
{
	ASSERT_EQ(mprotect(self->addr + 3 * self->page, self->page, PROT_READ), 0);
	EXPECT_EVENTS(3, 0);
	EXPECT_EQ(signal_of_access(self->addr + 3 * self->page, true), SIGSEGV);
	EXPECT_EQ(self->addr[3 * self->page], 3);
}

TEST_F(vma, mremap_shrinks)
{
	ASSERT_EQ(mremap(self->addr, 8 * self->page, 3 * self->page, 0), self->addr);
	EXPECT_EVENTS(2, 1);
	EXPECT_EQ(self->addr[2 * self->page], 2);
	EXPECT_EQ(signal_of_access(self->addr + 3 * self->page, false), SIGSEGV);
}

TEST_F(vma, mremap_moves)
{
	char *target = mmap(NULL, 8 * self->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u64 phys = phys_at(self->addr + 7 * self->page);

	ASSERT_NE(target, MAP_FAILED);
	ASSERT_EQ(mremap(self->addr, 8 * self->page, 8 * self->page, MREMAP_MAYMOVE | MREMAP_FIXED,
			 target), target);
	EXPECT_EVENTS(2, 1);
	EXPECT_EQ(signal_of_access(self->addr, false), SIGSEGV);
	for (size_t i = 0; i < 8; i++)
		EXPECT_EQ(target[i * self->page], (char)i);
	EXPECT_EQ(phys_at(target + 7 * self->page), phys);
	munmap(target, 8 * self->page);
}

/* A part of the VMA to somewhere else: split, copy, and close of the original. */
TEST_F(vma, mremap_moves_in_part)
{
	char *target = mmap(NULL, 2 * self->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(target, MAP_FAILED);
	ASSERT_EQ(mremap(self->addr + 3 * self->page, 2 * self->page, 2 * self->page,
			 MREMAP_MAYMOVE | MREMAP_FIXED, target), target);
	EXPECT_EQ(target[0], 3);
	EXPECT_EQ(target[self->page], 4);
	EXPECT_EQ(self->addr[2 * self->page], 2);
	EXPECT_EQ(self->addr[5 * self->page], 5);
	EXPECT_EQ(signal_of_access(self->addr + 3 * self->page, false), SIGSEGV);
	munmap(target, 2 * self->page);
}

TEST_F(vma, mremap_grows)
{
	char *addr = mremap(self->addr, 8 * self->page, 20 * self->page, MREMAP_MAYMOVE);

	if (variant->is_simpler) {
		/* simpler maps at mmap only, so nothing would map what is added. */
		EXPECT_EQ(addr, MAP_FAILED);
		EXPECT_EQ(errno, EFAULT);
		EXPECT_EVENTS(1, 0);
		EXPECT_EQ(self->addr[7 * self->page], 7);
		return;
	}
	ASSERT_NE(addr, MAP_FAILED);
	for (size_t i = 0; i < 8; i++)
		EXPECT_EQ(addr[i * self->page], (char)i);
	put_text(addr + 15 * self->page, "the region's last page");
	EXPECT_STREQ(map_shared(self->fd, 1, 15), "the region's last page");
	for (size_t i = PAGES; i < 20; i++) {
		EXPECT_EQ(signal_of_access(addr + i * self->page, false), SIGBUS);
		EXPECT_EQ(signal_of_access(addr + i * self->page, true), SIGBUS);
	}
	/* A system call that touches such a page fails with EFAULT. */
	EXPECT_EQ(write(open("/dev/null", O_WRONLY), addr, 1), 1);
	EXPECT_EQ(read(open("/dev/zero", O_RDONLY), addr + PAGES * self->page, 1), -1);
	EXPECT_EQ(errno, EFAULT);
	munmap(addr, 20 * self->page);
}

/* If the addresses behind it are free, the kernel extends the VMA in place, and opens none. */
TEST_F(vma, mremap_grows_in_place)
{
	char *space = mmap(NULL, 20 * self->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(space, MAP_FAILED);
	ASSERT_EQ(mmap(space, 8 * self->page, PROT_READ, MAP_SHARED | MAP_FIXED, self->fd, 0),
		  space);
	ASSERT_EQ(munmap(space + 8 * self->page, 8 * self->page), 0);
	if (variant->is_simpler) {
		EXPECT_EQ(mremap(space, 8 * self->page, 16 * self->page, MREMAP_MAYMOVE),
			  MAP_FAILED);
		EXPECT_EQ(errno, EFAULT);
	} else {
		ASSERT_EQ(mremap(space, 8 * self->page, 16 * self->page, 0), space);
		put_text(map_shared(self->fd, 1, 15), "the region's last page");
		EXPECT_STREQ(space + 15 * self->page, "the region's last page");
		EXPECT_EVENTS(3, 0);
	}
	EXPECT_EQ(space[7 * self->page], 7);
	munmap(space, 20 * self->page);
}

/* mremap with an old length of 0 makes a second mapping of the same pages. */
TEST_F(vma, mremap_duplicates)
{
	char *addr = mremap(self->addr, 0, 4 * self->page, MREMAP_MAYMOVE);

	if (addr == MAP_FAILED) {
		/* An old length of 0 is refused for VMAs with VM_DONTEXPAND, as simpler's are. */
		EXPECT_TRUE(variant->is_simpler);
		return;
	}
	EXPECT_EQ(addr[3 * self->page], 3);
	put_text(addr, "both");
	EXPECT_STREQ(self->addr, "both");
	EXPECT_EVENTS(2, 0);
	munmap(addr, 4 * self->page);
}

/* The page table entries move, and the old mapping is left for faults to fill again. */
TEST_F(vma, mremap_dontunmap)
{
	char *target = mmap(NULL, 8 * self->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *addr;

	ASSERT_NE(target, MAP_FAILED);
	addr = mremap(self->addr, 8 * self->page, 8 * self->page,
		      MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, target);
	EXPECT_EQ(self->addr[5 * self->page], 5);
	if (variant->is_simpler) {
		/* simpler has no faults that would fill it. */
		EXPECT_EQ(addr, MAP_FAILED);
		EXPECT_EQ(errno, EINVAL);
		EXPECT_EVENTS(1, 0);
		return;
	}
	ASSERT_EQ(addr, target);
	EXPECT_EVENTS(2, 0);
	EXPECT_EQ(addr[5 * self->page], 5);
	put_text(addr + 6 * self->page, "both");
	EXPECT_STREQ(self->addr + 6 * self->page, "both");
	munmap(addr, 8 * self->page);
}

TEST_F(vma, fork_opens_and_exit_closes)
{
	int status, go[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(pipe(go), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		close(go[1]);
		byte = read(go[0], &byte, 1);
		_exit(self->addr[3 * self->page]);
	}
	EXPECT_EVENTS(2, 0);
	close(go[1]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(WEXITSTATUS(status), 3);
	EXPECT_EVENTS(2, 1);
}

TEST_F(vma, fork_without_dontfork_mapping)
{
	ASSERT_EQ(madvise(self->addr, 4 * self->page, MADV_DONTFORK), 0);
	EXPECT_EQ(signal_of_access(self->addr, false), SIGSEGV);
	EXPECT_EQ(signal_of_access(self->addr + 4 * self->page, false), 0);
	/* The split for the advice, and one half inherited by each child. */
	EXPECT_EVENTS(4, 2);
}

/* The kernel refuses MADV_DOFORK for page frames, which are simpler's. */
TEST_F(vma, dofork_of_a_part)
{
	int status;
	pid_t pid;

	ASSERT_EQ(madvise(self->addr, 8 * self->page, MADV_DONTFORK), 0);
	if (variant->is_simpler) {
		EXPECT_EQ(madvise(self->addr + 2 * self->page, 3 * self->page, MADV_DOFORK), -1);
		EXPECT_EQ(errno, EINVAL);
		EXPECT_EQ(signal_of_access(self->addr + 2 * self->page, false), SIGSEGV);
		return;
	}
	ASSERT_EQ(madvise(self->addr + 2 * self->page, 3 * self->page, MADV_DOFORK), 0);
	for (size_t i = 0; i < 8; i++)
		EXPECT_EQ(signal_of_access(self->addr + i * self->page, false),
			  i >= 2 && i < 5 ? 0 : SIGSEGV);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		for (size_t i = 2; i < 5; i++)
			if (self->addr[i * self->page] != (char)i)
				_exit(1);
		put_text(self->addr + 3 * self->page + 8, "from the child");
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_STREQ(self->addr + 3 * self->page + 8, "from the child");
	for (size_t i = 0; i < 8; i++)
		EXPECT_EQ(self->addr[i * self->page], (char)i);
}

TEST_F(vma, dofork_of_all_again)
{
	ASSERT_EQ(madvise(self->addr, 8 * self->page, MADV_DONTFORK), 0);
	if (variant->is_simpler) {
		EXPECT_EQ(madvise(self->addr, 8 * self->page, MADV_DOFORK), -1);
		EXPECT_EQ(errno, EINVAL);
		return;
	}
	ASSERT_EQ(madvise(self->addr, 8 * self->page, MADV_DOFORK), 0);
	for (size_t i = 0; i < 8; i++)
		EXPECT_EQ(signal_of_access(self->addr + i * self->page, true), 0);
	EXPECT_EQ(counter(variant->device, "vmas"), 1);
}

/* A guard region is a mark in the page table, for which the VMA is not split. */
TEST_F(vma, guard_region)
{
	char *guard = self->addr + 3 * self->page;

	if (variant->is_simpler) {
		EXPECT_EQ(madvise(guard, 2 * self->page, MADV_GUARD_INSTALL), -1);
		EXPECT_EQ(errno, EINVAL);
		return;
	}
	ASSERT_EQ(madvise(guard, 2 * self->page, MADV_GUARD_INSTALL), 0);
	EXPECT_EVENTS(1, 0);
	for (size_t i = 0; i < 8; i++) {
		EXPECT_EQ(signal_of_access(self->addr + i * self->page + 8, true),
			  i == 3 || i == 4 ? SIGSEGV : 0);
	}
	/* Another mapping has no guards. */
	EXPECT_EQ(map_shared(self->fd, 1, 3)[0], 3);
	ASSERT_EQ(madvise(guard, 2 * self->page, MADV_GUARD_REMOVE), 0);
	for (size_t i = 0; i < 8; i++)
		EXPECT_EQ(self->addr[i * self->page], (char)i);
}

TEST_F(vma, killed_process_closes)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		map_shared(self->fd, 4, 4);
		pause();
		_exit(0);
	}
	while (OPENS() < 3)
		usleep(1000);
	ASSERT_EQ(kill(pid, SIGKILL), 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EVENTS(3, 2);
}

TEST_F(vma, exec_closes)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		execl("/bin/busybox", "true", NULL);
		_exit(1);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EVENTS(2, 1);
}

/* Children and grandchildren that split their VMAs in different ways, and end. */
TEST_F(vma, tree_of_processes_balances)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		for (int i = 0; i < 3; i++) {
			fork();
			munmap(self->addr + 2 * i * self->page, self->page);
			mprotect(self->addr + (2 * i + 1) * self->page, self->page, PROT_READ);
		}
		while (wait(&status) > 0)
			;
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(munmap(self->addr, 8 * self->page), 0);
	EXPECT_EQ(counter(variant->device, "vmas"), 0);
	EXPECT_GT(OPENS(), 8);
}

TEST_HARNESS_MAIN
