// SPDX-License-Identifier: GPL-2.0
/* What a program that maps /dev/new_device sees. */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

FIXTURE(mapping)
{
	size_t size;
	int fd;
	char *addr;
};

FIXTURE_SETUP(mapping)
{
	self->size = sysconf(_SC_PAGESIZE);
	self->fd = open("/dev/new_device", O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->addr = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(self->addr, MAP_FAILED);
}

FIXTURE_TEARDOWN(mapping)
{
	munmap(self->addr, self->size);
	close(self->fd);
}

TEST_F(mapping, is_zero_at_first)
{
	for (size_t i = 0; i < self->size; i++)
		ASSERT_EQ(self->addr[i], 0);
}

TEST_F(mapping, is_shared_by_a_child)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		memcpy(self->addr, "from the child", sizeof("from the child"));
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_STREQ(self->addr, "from the child");
}

TEST_F(mapping, each_open_file_has_its_own_page)
{
	int fd = open("/dev/new_device", O_RDWR);
	char *addr = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ASSERT_NE(addr, MAP_FAILED);
	memcpy(self->addr, "one", sizeof("one"));
	EXPECT_EQ(addr[0], 0);
}

/* The driver has one page for each open file. */
TEST_F(mapping, touching_a_second_page_is_a_sigbus)
{
	char *addr = mmap(NULL, self->size, PROT_READ, MAP_SHARED, self->fd, self->size);
	int status;
	pid_t pid = fork();

	ASSERT_NE(addr, MAP_FAILED);
	if (!pid)
		_exit(__atomic_load_n(addr, __ATOMIC_RELAXED));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(WTERMSIG(status), SIGBUS);
}

TEST_HARNESS_MAIN
