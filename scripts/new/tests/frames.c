// SPDX-License-Identifier: GPL-2.0

TEST_F(mapping, all_open_files_share_the_memory)
{
	int fd = open("/dev/new_device", O_RDWR);
	char *addr = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ASSERT_NE(addr, MAP_FAILED);
	memcpy(self->addr, "to the other", sizeof("to the other"));
	EXPECT_STREQ(addr, "to the other");
}

TEST_F(mapping, beyond_the_end_is_refused)
{
	EXPECT_EQ(mmap(NULL, 2 * self->size, PROT_READ, MAP_SHARED, self->fd, 0), MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(mmap(NULL, self->size, PROT_READ, MAP_SHARED, self->fd, self->size), MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
}

TEST_HARNESS_MAIN
