// SPDX-License-Identifier: GPL-2.0
/* What a program that maps /dev/new_device sees. */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

/* How many pages of the device can be mapped. */
#define PAGES new_pages

FIXTURE(mapping)
{
	size_t size;
	int fd;
	char *addr;
};

FIXTURE_SETUP(mapping)
{
	self->size = PAGES * sysconf(_SC_PAGESIZE);
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

TEST_F(mapping, is_shared_by_a_child)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		memcpy(self->addr + self->size - 100, "from the child", sizeof("from the child"));
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_STREQ(self->addr + self->size - 100, "from the child");
}
