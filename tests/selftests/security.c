// SPDX-License-Identifier: GPL-2.0
/* Who can open and use the devices, and that nothing shows kernel addresses. */

#include "suite.h"

#include <ctype.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>

FIXTURE(security)
{
	size_t page;
};

DEVICE_VARIANTS(security);

FIXTURE_SETUP(security)
{
	self->page = page_size();
	ASSERT_EQ(reload_or_clear("pages=16"), 0);
}

FIXTURE_TEARDOWN_PARENT(security)
{
	EXPECT_EQ(unload_if_module(), 0);
}

/* Makes this process run as a user without any rights. */
static int become_nobody(void)
{
	return setgroups(0, NULL) || setgid(65534) || setuid(65534) ? -errno : 0;
}

static int open_errno(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

TEST_F(security, only_root_can_open_the_device)
{
	static const int flags[] = {
		O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_SYNC, O_RDONLY | O_NONBLOCK,
	};
	char path[64];

	ASSERT_EQ(become_nobody(), 0);
	for (int own_namespace = 0; own_namespace < 2; own_namespace++) {
		for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
			EXPECT_EQ(open_errno(variant->path, flags[i]), EACCES);
		EXPECT_EQ(chmod(variant->path, 0666), -1);
		EXPECT_EQ(errno, EPERM);
		sprintf(path, "/sys/kernel/debug/simple/%s/opens", variant->device);
		EXPECT_EQ(open_errno(path, O_RDONLY), EACCES);
		/* Being root of a user namespace changes nothing. */
		if (unshare(CLONE_NEWUSER))
			break;
	}
}

/* Any user can use an open file for what it was opened for. */
TEST_F(security, any_user_can_use_a_file_that_was_passed_on)
{
	int reader = open(variant->path, O_RDONLY), both = open(variant->path, O_RDWR);
	char byte = 'x', path[64];
	char *addr;

	ASSERT_EQ(become_nobody(), 0);
	addr = map_shared(both, 1, 0);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(pwrite(both, &byte, 1, 0), 1);
	EXPECT_EQ(addr[0], 'x');
	addr[1] = 'y';
	EXPECT_EQ(pread(reader, &byte, 1, 1), 1);
	EXPECT_EQ(byte, 'y');
	EXPECT_EQ(pwrite(reader, &byte, 1, 0), -1);
	EXPECT_EQ(errno, EBADF);
	EXPECT_EQ(mmap_errno(reader, self->page, PROT_READ, MAP_SHARED, 0), 0);
	EXPECT_EQ(mmap_errno(reader, self->page, PROT_READ | PROT_WRITE, MAP_SHARED, 0), EACCES);
	/* Opening /proc/self/fd opens the device anew, which is refused. */
	sprintf(path, "/proc/self/fd/%d", reader);
	EXPECT_EQ(open_errno(path, O_RDWR), EACCES);
	EXPECT_EQ(open_errno(path, O_RDONLY), EACCES);
}

/* Whether the text has a number, in hex or decimal, in the kernel's half of the addresses. */
static bool has_kernel_address(const char *text, size_t len)
{
	char digits[24];
	size_t count = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && isxdigit(text[i])) {
			if (count < sizeof(digits) - 1)
				digits[count] = text[i];
			count++;
			continue;
		}
		digits[count < sizeof(digits) ? count : 0] = '\0';
		for (int base = 10; base <= 16; base += 6) {
			char *end;
			unsigned long long value = strtoull(digits, &end, base);

			/* strtoull() returns ULLONG_MAX for a number that is too large. */
			if (!*end && value != ULLONG_MAX && value > ULLONG_MAX / 2)
				return true;
		}
		count = 0;
	}
	return false;
}

static int files, files_with_addresses;
static char last_address[256]; /* the last of these files, and its content */

/* For nftw(): counts the files that can be read, and those with kernel addresses in them. */
static int look_into(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	static char buf[1 << 16];
	ssize_t len;
	int fd;

	if (type != FTW_F)
		return 0;
	fd = open(path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return 0;
	len = read(fd, buf, sizeof(buf));
	close(fd);
	if (len < 0)
		return 0;
	files++;
	if (has_kernel_address(buf, len)) {
		files_with_addresses++;
		snprintf(last_address, sizeof(last_address), "%s: %.*s", path, (int)len, buf);
	}
	return 0;
}

/* How many files at or below the path have kernel addresses in them; -1 if none can be read. */
static int telling(const char *path)
{
	files = 0;
	files_with_addresses = 0;
	nftw(path, look_into, 8, FTW_PHYS);
	return files ? files_with_addresses : -1;
}

static void expect_no_address(struct __test_metadata *_metadata, const char *path)
{
	EXPECT_EQ(telling(path), 0) {
		TH_LOG("%s", last_address);
	}
}

/*
 * Uses both devices in every way, so that the trace has all of its lines. These may
 * have the process's own addresses, and physical ones.
 */
static void use_the_devices(void)
{
	static const char *const paths[] = { "/dev/simpler", "/dev/simplen" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int fd = open(paths[i], O_RDWR);
		char *addr = map_shared(fd, 4, 0), byte;

		if (addr != MAP_FAILED) {
			memset(addr, 1, 2 * page_size());
			munmap(addr + page_size(), page_size());
			signal_of_access(addr, true);
		}
		read(fd, &byte, 1);
	}
}

TEST(nothing_shows_kernel_addresses)
{
	static const char *const params[] = { "pages=16 trace=2", "pages=16 trace=2 physical=1" };
	char *log;

	clear_log();
	/* The check finds addresses where they are: root can see the module's address. */
	ASSERT_EQ(reload_module("pages=16"), 0);
	ASSERT_EQ(telling("/proc/modules"), 1);
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		pid_t pid;
		int status;

		ASSERT_EQ(reload_module(params[i]), 0);
		pid = fork();
		ASSERT_GE(pid, 0);
		if (!pid) {
			/* The files stay open, for fdinfo. */
			use_the_devices();
			expect_no_address(_metadata, "/proc/self/fdinfo");
			expect_no_address(_metadata, "/proc/self/maps");
			expect_no_address(_metadata, "/sys/kernel/debug/simple");
			EXPECT_EQ(become_nobody(), 0);
			expect_no_address(_metadata, "/sys/module/simple");
			expect_no_address(_metadata, "/proc/modules");
			_exit(0);
		}
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		EXPECT_EQ(status, 0);
	}
	EXPECT_EQ(unload_module(), 0);
	log = driver_log();
	EXPECT_NE(strstr(log, "fault, virt"), NULL);
	EXPECT_FALSE(has_kernel_address(log, strlen(log))) {
		TH_LOG("%s", log);
	}
	free(log);
}

TEST_HARNESS_MAIN
