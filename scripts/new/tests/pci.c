// SPDX-License-Identifier: GPL-2.0
/* What a program that maps the registers of QEMU's edu device by /dev/new_device sees. */

#include <fcntl.h>
#include <linux/types.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#define BAR_SIZE 0x100000

/* Registers, by their offset in words of 32 bits. */
#define IDENTIFICATION	(0x00 / 4)
#define LIVENESS	(0x04 / 4)

/* One access, which the compiler neither leaves out nor repeats. */
static __u32 read_register(const __u32 *at)
{
	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

FIXTURE(registers)
{
	int fd;
	__u32 *addr;
};

FIXTURE_SETUP(registers)
{
	self->fd = open("/dev/new_device", O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->addr = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(self->addr, MAP_FAILED);
}

FIXTURE_TEARDOWN(registers)
{
	munmap(self->addr, BAR_SIZE);
	close(self->fd);
}

TEST_F(registers, identify_the_device)
{
	EXPECT_EQ(read_register(self->addr + IDENTIFICATION), 0x010000ed);
}

/* The device gives back the complement of what is written there. */
TEST_F(registers, take_what_is_written)
{
	__atomic_store_n(self->addr + LIVENESS, 0x12345678, __ATOMIC_RELAXED);
	EXPECT_EQ(read_register(self->addr + LIVENESS), ~0x12345678);
}

TEST_F(registers, are_not_mapped_private)
{
	EXPECT_EQ(mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, 0),
		  MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
}

TEST_HARNESS_MAIN
