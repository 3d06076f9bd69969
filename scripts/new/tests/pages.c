// SPDX-License-Identifier: GPL-2.0

TEST_F(mapping, is_zero_at_first)
{
	for (size_t i = 0; i < self->size; i++)
		ASSERT_EQ(self->addr[i], 0);
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
