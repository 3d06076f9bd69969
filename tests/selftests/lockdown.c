// SPDX-License-Identifier: GPL-2.0
/*
 * physical=1 under kernel lockdown. Lockdown cannot be undone, and a locked down
 * kernel loads no unsigned module, so this has to be the last test.
 */

#include "suite.h"

/* Locks the kernel down, until it is rebooted. False if this kernel has no lockdown. */
static bool lock_down(void)
{
	int fd;
	bool done;

	mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL);
	fd = open("/sys/kernel/security/lockdown", O_WRONLY);
	done = write(fd, "integrity", 9) == 9;
	close(fd);
	return done;
}

TEST(locked_down_kernel_refuses_to_open)
{
	__u64 card, registers;
	int before;
	char byte;

	find_card(&card, &registers);
	ASSERT_NE(card, 0);
	ASSERT_EQ(reload_module("pages=16 physical=1"), 0);
	before = open("/dev/simpler", O_RDWR);
	ASSERT_GE(before, 0);
	if (!lock_down())
		SKIP(return, "this kernel has no lockdown");

	EXPECT_EQ(open("/dev/simpler", O_RDWR), -1);
	EXPECT_EQ(errno, EPERM);
	/* As with /dev/mem, a file that was opened before can still be used. */
	EXPECT_EQ(mmap_errno(before, page_size(), PROT_READ, MAP_SHARED, card), 0);
	EXPECT_EQ(pread(before, &byte, 1, card), 1);
	/* simplen has RAM of the module's own only, so it can be opened. */
	EXPECT_GE(open("/dev/simplen", O_RDWR), 0);
}

TEST(locked_down_kernel_refuses_to_load)
{
	need_module();
	EXPECT_EQ(unload_module(), 0);
	/* The kernel refuses the unsigned module before it calls it. */
	EXPECT_EQ(load_module("pages=16 physical=1"), -EPERM);
	EXPECT_EQ(access("/dev/simpler", F_OK), -1);
}

TEST_HARNESS_MAIN
