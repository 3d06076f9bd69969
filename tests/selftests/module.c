// SPDX-License-Identifier: GPL-2.0
/* The module: its parameters, loading, unloading, and what prevents unloading. */

#include "suite.h"

#include <sys/sysmacros.h>

FIXTURE(module)
{
	size_t page;
};

FIXTURE_SETUP(module)
{
	int ret = unload_module();

	need_module();
	self->page = page_size();
	ASSERT_TRUE(ret == 0 || ret == -ENOENT);
	clear_log();
}

FIXTURE_TEARDOWN_PARENT(module)
{
	int ret = unload_module();

	EXPECT_TRUE(ret == 0 || ret == -ENOENT);
}

/* The last line of the driver, without its newline. */
static char *last_line(void)
{
	char *log = driver_log(), *end = log + strlen(log), *line;

	if (end > log)
		*--end = '\0';
	line = strrchr(log, '\n');
	return line ? line + 1 : log;
}

TEST_F(module, parameters_out_of_range_are_refused)
{
	char too_large[32], too_large_line[96];
	const struct { const char *params, *line; } cases[] = {
		{ "pages=0", "simple: parameter pages is 0, but must be 1 to 134217728" },
		{ "pages=134217729",
		  "simple: parameter pages is 134217729, but must be 1 to 134217728" },
		{ "pages=18446744073709551615",
		  "simple: parameter pages is 18446744073709551615, but must be 1 to 134217728" },
		{ "trace=3", "simple: parameter trace is 3, but must be 0 to 2" },
		{ "pages=16 trace=255", "simple: parameter trace is 255, but must be 0 to 2" },
		{ too_large, too_large_line },
		{ "huge=2", "simple: parameter huge is 2, but must be 0 to 1" },
		{ "minor=242", "simple: parameter minor is 242, but must be 243 to 253" },
		{ "minor=254", "simple: parameter minor is 254, but must be 243 to 253" },
		/* These messages are the kernel's. */
		{ "pages=-1", "simple: `-1' invalid for parameter `pages'" },
		{ "pages=many", "simple: `many' invalid for parameter `pages'" },
		{ "pages=", "simple: `' invalid for parameter `pages'" },
		{ "order=-1", "simple: `-1' invalid for parameter `order'" },
		{ "order=", "simple: `' invalid for parameter `order'" },
		{ "trace=256", "simple: `256' invalid for parameter `trace'" },
		{ "huge=yes", "simple: `yes' invalid for parameter `huge'" },
	};

	sprintf(too_large, "order=%d", pmd_order() + 1);
	sprintf(too_large_line, "simple: parameter order is %d, but must be 0 to %d",
		pmd_order() + 1, pmd_order());
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int lines = log_count("simple: ");

		EXPECT_EQ(load_module(cases[i].params), -EINVAL) {
			TH_LOG("%s", cases[i].params);
		}
		EXPECT_STREQ(last_line(), cases[i].line);
		EXPECT_EQ(log_count("simple: "), lines + 1);
		EXPECT_EQ(access("/dev/simpler", F_OK), -1);
	}
}

TEST_F(module, parameters_at_the_limits_are_taken)
{
	char largest[32];
	const char *const params[] = {
		"pages=1", "trace=0", "trace=2", "pages=1023 trace=1", "order=0", largest,
		"huge=0", "huge=1", "pages=1 order=9 huge=1",
	};

	sprintf(largest, "order=%d", pmd_order());
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		EXPECT_EQ(load_module(params[i]), 0) {
			TH_LOG("%s", params[i]);
		}
		EXPECT_EQ(unload_module(), 0);
	}
}

TEST_F(module, unknown_parameter_is_logged_and_ignored)
{
	EXPECT_EQ(load_module("pages=16 around=16"), 0);
	EXPECT_EQ(log_count("simple: unknown parameter 'around' ignored"), 1);
	EXPECT_EQ(unload_module(), 0);
}

/* debugfs has the values that the driver uses, defaults included. */
TEST_F(module, parameters_can_be_read_back)
{
	ASSERT_EQ(reload_module("pages=7 order=2 trace=0"), 0);
	EXPECT_EQ(counter("parameters", "pages"), 7);
	EXPECT_EQ(counter("parameters", "order"), 2);
	EXPECT_EQ(counter("parameters", "huge"), 0);
	EXPECT_EQ(counter("parameters", "trace"), 0);
	EXPECT_EQ(counter("parameters", "physical"), 0);
	EXPECT_EQ(counter("parameters", "minor"), 0);
	ASSERT_EQ(reload_module("huge=1 minor=250"), 0);
	EXPECT_EQ(counter("parameters", "minor"), 250);
	EXPECT_EQ(counter("parameters", "pages"), 1024);
	/* huge=1 makes the order the largest. */
	EXPECT_EQ(counter("parameters", "order"), pmd_order());
	EXPECT_EQ(counter("parameters", "trace"), 1);
}

/* With known numbers, a node can exist before the module is loaded, and load it. */
TEST_F(module, minor_numbers_can_be_chosen)
{
	struct stat stat_simpler, stat_simplen;

	ASSERT_EQ(load_module("minor=253"), 0);
	ASSERT_EQ(stat("/dev/simpler", &stat_simpler), 0);
	ASSERT_EQ(stat("/dev/simplen", &stat_simplen), 0);
	EXPECT_EQ(stat_simpler.st_rdev, makedev(10, 253));
	EXPECT_EQ(stat_simplen.st_rdev, makedev(10, 254));
}

TEST_F(module, default_is_folios_of_16_pages)
{
	int fd;

	ASSERT_EQ(load_module("pages=64"), 0);
	fd = open("/dev/simplen", O_RDWR);
	ASSERT_EQ(pwrite(fd, "", 1, 20 * self->page), 1);
	EXPECT_EQ(counter("simplen", "pages"), 16);
	close(fd);
}

TEST_F(module, huge_is_the_largest_order)
{
	char params[32];
	int fd;

	sprintf(params, "pages=%d huge=1 order=0", 2 << pmd_order());
	ASSERT_EQ(load_module(params), 0);
	fd = open("/dev/simplen", O_RDWR);
	ASSERT_EQ(pwrite(fd, "", 1, 20 * self->page), 1);
	EXPECT_EQ(counter("simplen", "pages"), 1 << pmd_order());
	close(fd);
}

TEST(default_is_1024_pages)
{
	static const char *const paths[] = { "/dev/simpler", "/dev/simplen" };
	const size_t page = page_size();

	ASSERT_EQ(reload_module(""), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int fd = open(paths[i], O_RDWR);

		EXPECT_EQ(mmap_errno(fd, 1024 * page, PROT_READ, MAP_SHARED, 0), 0);
		EXPECT_EQ(mmap_errno(fd, 1025 * page, PROT_READ, MAP_SHARED, 0), EINVAL);
		close(fd);
	}
	EXPECT_EQ(unload_module(), 0);
}

/* A region larger than the memory is refused, and all that was allocated is freed. */
TEST_F(module, load_fails_without_enough_memory)
{
	long before = free_memory();

	EXPECT_EQ(load_module("pages=134217728"), -ENOMEM);
	EXPECT_EQ(access("/dev/simpler", F_OK), -1);
	/* If the failed load logged the sums of a device, these say that it had no pages. */
	EXPECT_EQ(log_count("pages: 0 allocated, 0 freed"), log_count("unloaded; "));
	EXPECT_LE(memory_lost(before, 1024), 1024);
	EXPECT_EQ(load_module("pages=16"), 0);
}

/* The number after a name that a line of a file starts with, or 0. */
static long number_after(const char *path, const char *name)
{
	FILE *file = fopen(path, "r");
	const size_t len = strlen(name);
	char line[128];
	long value = 0;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, len))
			value = atol(line + len);
	if (file)
		fclose(file);
	return value;
}

/* Starts a process that touches that much memory, and then waits to be killed. */
static pid_t start_bystander(size_t size)
{
	int pipes[2];
	char byte;
	pid_t pid;

	if (pipe(pipes))
		abort();
	pid = fork();
	if (!pid) {
		char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);

		/* Huge pages take fewer faults, each of which is slow in a debug kernel. */
		madvise(at, size, MADV_HUGEPAGE);
		memset(at, 1, size);
		if (write(pipes[1], "+", 1) == 1)
			pause();
		_exit(1);
	}
	if (read(pipes[0], &byte, 1) != 1)
		abort();
	close(pipes[0]);
	close(pipes[1]);
	return pid;
}

/* The machine has the memory that the load asks for, but another process uses it. */
TEST_F(module, failing_load_kills_no_process)
{
	const size_t available = number_after("/proc/meminfo", "MemAvailable:") * 1024;
	const long killed = number_after("/proc/vmstat", "oom_kill ");
	const pid_t bystander = start_bystander(available / 5 * 3);
	char region[40], table[60];

	ASSERT_GT(bystander, 0);
	sprintf(region, "pages=%zu", available / 5 * 3 / page_size());
	EXPECT_EQ(load_module(region), -ENOMEM);
	sprintf(table, "physical=1 pages=%zu", available / 5 * 3 / sizeof(void *));
	EXPECT_EQ(load_module(table), -ENOMEM);
	EXPECT_EQ(waitpid(bystander, NULL, WNOHANG), 0);
	EXPECT_EQ(number_after("/proc/vmstat", "oom_kill "), killed);
	kill(bystander, SIGKILL);
	EXPECT_EQ(waitpid(bystander, NULL, 0), bystander);
	EXPECT_EQ(load_module("pages=16"), 0);
}

/* Whether the kernel has a function of this name. */
static bool has_symbol(const char *name)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[256], symbol[128];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*s %*s %127s", symbol) == 1 && !strcmp(symbol, name);
	if (file)
		fclose(file);
	return found;
}

/*
 * More than the page allocator gives at once, and no power of two. How much contiguous memory
 * there is depends on the tests before, so several sizes are tried.
 */
TEST_F(module, large_region_is_contiguous)
{
	static const size_t sizes[] = { 96 << 20, 72 << 20, 40 << 20 };
	char params[40], *addr;
	int fd, ret = -ENOMEM;
	size_t size = 0;

	if (!has_symbol("alloc_contig_range_noprof"))
		SKIP(return, "this kernel is built without CONFIG_CONTIG_ALLOC");
	for (size_t i = 0; i < ARRAY_SIZE(sizes) && ret == -ENOMEM; i++) {
		size = sizes[i];
		sprintf(params, "pages=%zu trace=0", size / page_size());
		ret = load_module(params);
	}
	ASSERT_EQ(ret, 0);
	fd = open("/dev/simpler", O_RDWR);
	addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_TRUE(is_zero(addr + size / 2, 1 << 20));
	munmap(addr, size);
	/* A private mapping can be anywhere in the region. */
	addr = mmap(NULL, size / 2, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, size / 4);
	EXPECT_NE(addr, MAP_FAILED);
	munmap(addr, size / 2);
	close(fd);
}

TEST_F(module, second_load_is_refused)
{
	ASSERT_EQ(load_module("pages=16"), 0);
	EXPECT_EQ(load_module("pages=16"), -EEXIST);
	EXPECT_EQ(access("/dev/simpler", F_OK), 0);
}

TEST_F(module, devices_come_and_go)
{
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(load_module("pages=16"), 0);
		EXPECT_EQ(access("/dev/simpler", F_OK), 0);
		EXPECT_EQ(access("/dev/simplen", F_OK), 0);
		ASSERT_EQ(unload_module(), 0);
		EXPECT_EQ(access("/dev/simpler", F_OK), -1);
		EXPECT_EQ(access("/dev/simplen", F_OK), -1);
	}
}

/* An open counter does not hold the module; reading it after the unload fails. */
TEST_F(module, unloads_while_a_counter_is_open)
{
	char text[8];
	int fd;

	ASSERT_EQ(load_module("pages=16"), 0);
	fd = open("/sys/kernel/debug/simple/simpler/opens", O_RDONLY);
	ASSERT_GE(fd, 0);
	EXPECT_GT(read(fd, text, sizeof(text)), 0);
	ASSERT_EQ(unload_module(), 0);
	EXPECT_EQ(pread(fd, text, sizeof(text), 0), -1);
	EXPECT_EQ(close(fd), 0);
	EXPECT_EQ(access("/sys/kernel/debug/simple", F_OK), -1);
}

FIXTURE(held)
{
	size_t page;
	int fd;
};

DEVICE_VARIANTS(held);

FIXTURE_SETUP(held)
{
	self->page = page_size();
	ASSERT_EQ(reload_module("pages=16"), 0);
	clear_log();
	self->fd = open(variant->path, O_RDWR);
	ASSERT_GE(self->fd, 0);
}

/* Each test unloads the module itself, unless it fails. */
FIXTURE_TEARDOWN_PARENT(held)
{
	EXPECT_EQ(unload_module(), -ENOENT);
}

TEST_F(held, by_an_open_file)
{
	EXPECT_EQ(unload_module(), -EWOULDBLOCK);
	/* A refused unload changes nothing. */
	EXPECT_EQ(access(variant->path, F_OK), 0);
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED, 0), 0);
	close(self->fd);
	EXPECT_EQ(unload_module(), 0);
}

TEST_F(held, by_a_mapping)
{
	char *addr = map_shared(self->fd, 4, 0);

	ASSERT_NE(addr, MAP_FAILED);
	close(self->fd);
	EXPECT_EQ(unload_module(), -EWOULDBLOCK);
	put_text(addr + 3 * self->page, "works");
	/* Any part of the mapping holds the module. */
	ASSERT_EQ(munmap(addr, 3 * self->page), 0);
	EXPECT_EQ(unload_module(), -EWOULDBLOCK);
	EXPECT_STREQ(addr + 3 * self->page, "works");
	ASSERT_EQ(munmap(addr + 3 * self->page, self->page), 0);
	EXPECT_EQ(unload_module(), 0);
}

TEST_F(held, by_a_mapping_in_a_child)
{
	char *addr = map_shared(self->fd, 4, 0);
	int status;
	pid_t pid;

	ASSERT_NE(addr, MAP_FAILED);
	pid = fork();
	if (!pid) {
		close(self->fd);
		pause();
		_exit(0);
	}
	munmap(addr, 4 * self->page);
	close(self->fd);
	EXPECT_EQ(unload_module(), -EWOULDBLOCK);
	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(unload_module(), 0);
}

TEST_F(held, by_a_duplicated_descriptor)
{
	int fd = dup(self->fd);

	close(self->fd);
	EXPECT_EQ(unload_module(), -EWOULDBLOCK);
	close(fd);
	EXPECT_EQ(unload_module(), 0);
}

TEST_F(held, not_by_a_refused_mapping)
{
	EXPECT_EQ(mmap_errno(self->fd, 17 * self->page, PROT_READ, MAP_SHARED, 0), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_EXEC, MAP_SHARED, 0), EPERM);
	close(self->fd);
	EXPECT_EQ(unload_module(), 0);
}

/* As much memory is free after loading, using and unloading the module many times as before. */
TEST(memory_is_given_back_at_unload)
{
	const size_t page = page_size(), pages = 1536;
	/* Ten rounds allocate the pages of both devices; a leak of one page in a hundred shows. */
	const long tolerated = 10 * 2 * pages * page / 1024 / 100;
	long before = 0;

	for (int i = 0; i < 14; i++) {
		int fds[2];

		ASSERT_EQ(reload_module("pages=1536 trace=0"), 0);
		fds[0] = open("/dev/simpler", O_RDWR);
		fds[1] = open("/dev/simplen", O_RDWR);
		for (int j = 0; j < 2; j++) {
			char *addr = mmap(NULL, pages * page, PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_POPULATE, fds[j], 0);

			ASSERT_NE(addr, MAP_FAILED);
			ASSERT_EQ(munmap(addr, pages * page), 0);
			close(fds[j]);
		}
		ASSERT_EQ(unload_module(), 0);
		/* The first rounds fill the kernel's own caches. */
		if (i == 3)
			before = free_memory();
	}
	EXPECT_LE(memory_lost(before, tolerated), tolerated);
}

TEST_HARNESS_MAIN
