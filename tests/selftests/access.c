// SPDX-License-Identifier: GPL-2.0
/* A debugger reads and writes the memory of a process that has mapped a device. */

#include "suite.h"

#include <sys/ptrace.h>

FIXTURE(access)
{
	size_t page;
	int fd;
};

DEVICE_VARIANTS(access);

FIXTURE_SETUP(access)
{
	self->page = page_size();
	ASSERT_EQ(reload_or_clear("pages=16"), 0);
	self->fd = open(variant->path, O_RDWR);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN_PARENT(access)
{
	EXPECT_EQ(unload_if_module(), 0);
}

/* Makes a child that inherits our mappings and waits. mem is a descriptor of its memory. */
static pid_t debuggee(int *mem)
{
	char path[64];
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	sprintf(path, "/proc/%d/mem", pid);
	*mem = open(path, O_RDWR | O_CLOEXEC);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(access, shared_mapping_by_proc_mem)
{
	char *addr = map_shared(self->fd, 4, 2), text[32] = "";
	int mem;
	pid_t pid;

	ASSERT_NE(addr, MAP_FAILED);
	put_text(addr + 100, "for the debugger");
	pid = debuggee(&mem);
	ASSERT_EQ(pread(mem, text, 17, (off_t)addr + 100), 17);
	EXPECT_STREQ(text, "for the debugger");
	ASSERT_EQ(pwrite(mem, "from the debugger", 18, (off_t)addr + 200), 18);
	EXPECT_STREQ(addr + 200, "from the debugger");
	end(pid);
}

/* More than a page at once, over a border of pages, up to the mapping's end. */
TEST_F(access, whole_mapping_by_proc_mem)
{
	char *addr = map_shared(self->fd, 4, 0), *buf = malloc(5 * self->page);
	int mem;
	pid_t pid;

	ASSERT_NE(addr, MAP_FAILED);
	for (size_t i = 0; i < 4 * self->page; i++)
		addr[i] = i * 11;
	pid = debuggee(&mem);
	ASSERT_EQ(pread(mem, buf, 4 * self->page, (off_t)addr), 4 * self->page);
	EXPECT_EQ(memcmp(buf, addr, 4 * self->page), 0);
	memset(buf, 'x', 4 * self->page);
	ASSERT_EQ(pwrite(mem, buf, 2 * self->page, (off_t)addr + 100), 2 * self->page);
	EXPECT_EQ(addr[99], (char)(99 * 11));
	EXPECT_TRUE(!memcmp(addr + 100, buf, 2 * self->page));
	EXPECT_EQ(addr[100 + 2 * self->page], (char)((100 + 2 * self->page) * 11));
	end(pid);
}

TEST_F(access, shared_mapping_by_ptrace)
{
	long *addr = (long *)map_shared(self->fd, 1, 5);
	int mem, status;
	pid_t pid;

	ASSERT_NE(addr, MAP_FAILED);
	addr[7] = 0x1234567;
	pid = debuggee(&mem);
	ASSERT_EQ(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	ASSERT_EQ(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(ptrace(PTRACE_PEEKDATA, pid, addr + 7, NULL), 0x1234567);
	EXPECT_EQ(ptrace(PTRACE_POKEDATA, pid, addr + 8, 0x7654321L), 0);
	EXPECT_EQ(addr[8], 0x7654321);
	end(pid);
}

/* The debugger sees the process's copies of pages that it wrote to, and the device elsewhere. */
TEST_F(access, private_mapping)
{
	char *shared = map_shared(self->fd, 2, 0);
	char *private = map_private(self->fd, 2, 0);
	char text[16] = "";
	int mem;
	pid_t pid;

	ASSERT_NE(shared, MAP_FAILED);
	ASSERT_NE(private, MAP_FAILED);
	put_text(shared, "device 0");
	put_text(shared + self->page, "device 1");
	put_text(private, "copy 0");
	pid = debuggee(&mem);
	EXPECT_EQ(pread(mem, text, 16, (off_t)private), 16);
	EXPECT_STREQ(text, "copy 0");
	EXPECT_EQ(pread(mem, text, 16, (off_t)private + self->page), 16);
	EXPECT_STREQ(text, "device 1");
	/* A debugger's write through a private mapping does not reach the device. */
	if (variant->is_simpler) {
		EXPECT_EQ(pwrite(mem, "debugger", 8, (off_t)private + self->page), -1);
		EXPECT_EQ(errno, EIO);
	} else {
		EXPECT_EQ(pwrite(mem, "debugger", 8, (off_t)private + self->page), 8);
	}
	EXPECT_STREQ(shared + self->page, "device 1");
	end(pid);
}

TEST_F(access, read_only_mapping_is_not_written)
{
	int fd = open(variant->path, O_RDONLY), mem;
	char *addr = mmap(NULL, self->page, PROT_READ, MAP_SHARED, fd, 0);
	pid_t pid;

	ASSERT_NE(addr, MAP_FAILED);
	pid = debuggee(&mem);
	EXPECT_EQ(pwrite(mem, "no", 2, (off_t)addr), -1);
	EXPECT_EQ(errno, EIO);
	EXPECT_EQ(addr[0], 0);
	end(pid);
}

/* Pages that the process itself never touched. */
TEST_F(access, untouched_pages)
{
	char *addr = map_shared(self->fd, 16, 0), text[8] = "unread";
	int mem;
	pid_t pid = -1;

	need_module();
	ASSERT_NE(addr, MAP_FAILED);
	pid = debuggee(&mem);
	EXPECT_EQ(pread(mem, text, 8, (off_t)addr + 9 * self->page), 8);
	EXPECT_STREQ(text, "");
	EXPECT_EQ(pwrite(mem, "set", 4, (off_t)addr + 11 * self->page), 4);
	EXPECT_STREQ(addr + 11 * self->page, "set");
	end(pid);
}

TEST_HARNESS_MAIN
