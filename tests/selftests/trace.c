// SPDX-License-Identifier: GPL-2.0
/*
 * The trace in the kernel log, read as dmesg reads it, line by line against what
 * this program did.
 */

#include "suite.h"

#include <sys/prctl.h>

#define LINE 192

FIXTURE(trace)
{
	size_t page;
	char expected[64 * LINE];
};

DEVICE_VARIANTS(trace);

FIXTURE_SETUP(trace)
{
	self->page = page_size();
	self->expected[0] = '\0';
}

FIXTURE_TEARDOWN_PARENT(trace)
{
	EXPECT_EQ(unload_if_module(), 0);
}

/* Loads the module at a trace level, and opens the device; -1 if that fails. */
static int start(struct __test_metadata *_metadata, const char *params, const char *path)
{
	if (reload_or_clear(params))
		return -1;
	clear_log();
	return open(path, O_RDWR);
}

/* Appends the next line to what is expected; `who` is what it ends with. */
static void expect_vma_by(char *expected, const char *device, const char *event, const void *addr,
			  __u64 phys, size_t len, const char *who)
{
	sprintf(expected + strlen(expected), "simple: %s: VMA %s, virt %lx, phys %llx, len %zx%s\n",
		device, event, (unsigned long)addr, (unsigned long long)phys, len, who);
}

static void expect_vma(char *expected, const char *device, const char *event, const void *addr,
		       __u64 phys, size_t len)
{
	expect_vma_by(expected, device, event, addr, phys, len, "");
}

/* What lines about this process end with at level 2. */
static const char *done_by(const char *name, pid_t pid)
{
	static char text[64];

	sprintf(text, ", by %s (pid %d)", name, pid);
	return text;
}

/*
 * What the log must have as "phys" of the first page. For simplen that is the offset
 * in bytes. For simpler it is what the log has, if the memory at that physical
 * address has the text that is mapped, and -1 if not.
 */
static __u64 first_phys(bool is_simpler, const char *addr, size_t pgoff)
{
	__u64 phys = last_in_log(", phys ");
	char text[32] = "";

	if (!is_simpler)
		return pgoff * page_size();
	if (!read_phys(phys, text, sizeof(text)) || !*text || strcmp(text, addr))
		return -1;
	return phys;
}

TEST_F(trace, level_0_tells_nothing)
{
	int fd = start(_metadata, "pages=16 trace=0", variant->path);
	char *addr = map_shared(fd, 4, 0);

	ASSERT_NE(addr, MAP_FAILED);
	put_text(addr, "untold");
	munmap(addr, 4 * self->page);
	close(fd);
	EXPECT_STREQ(driver_log(), "");
}

TEST_F(trace, level_1_tells_open_and_close)
{
	int fd = start(_metadata, "pages=16", variant->path), status;
	char *addr = map_shared(fd, 4, 2);
	const __u64 page = self->page;
	__u64 phys;
	pid_t pid;

	ASSERT_NE(addr, MAP_FAILED);
	put_text(addr, "this very memory");
	phys = first_phys(variant->is_simpler, addr, 2);
	expect_vma(self->expected, variant->device, "open", addr, phys, 4 * page);
	EXPECT_STREQ(driver_log(), self->expected);

	/* fork and exit */
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	expect_vma(self->expected, variant->device, "open", addr, phys, 4 * page);
	expect_vma(self->expected, variant->device, "close", addr, phys, 4 * page);
	EXPECT_STREQ(driver_log(), self->expected);

	/* split: a copy of the VMA stays, and the original is closed */
	ASSERT_EQ(munmap(addr + page, 3 * page), 0);
	expect_vma(self->expected, variant->device, "open", addr, phys, page);
	expect_vma(self->expected, variant->device, "close", addr + page, phys + page, 3 * page);
	EXPECT_STREQ(driver_log(), self->expected);

	ASSERT_EQ(munmap(addr, page), 0);
	expect_vma(self->expected, variant->device, "close", addr, phys, page);
	EXPECT_STREQ(driver_log(), self->expected);
	close(fd);
}

TEST_F(trace, private_mapping_has_the_same_addresses)
{
	int fd = start(_metadata, "pages=16", variant->path);
	const __u64 page = self->page;
	char *shared = map_shared(fd, 1, 3), *addr;
	__u64 phys;

	ASSERT_NE(shared, MAP_FAILED);
	put_text(shared, "this very memory");
	munmap(shared, page);
	clear_log();
	addr = mmap(NULL, 4 * page, PROT_READ, MAP_PRIVATE, fd, 3 * page);
	ASSERT_NE(addr, MAP_FAILED);
	phys = first_phys(variant->is_simpler, addr, 3);
	expect_vma(self->expected, variant->device, "open", addr, phys, 4 * page);
	ASSERT_EQ(munmap(addr, 2 * page), 0);
	expect_vma(self->expected, variant->device, "open", addr + 2 * page, phys + 2 * page,
		   2 * page);
	expect_vma(self->expected, variant->device, "close", addr, phys, 2 * page);
	ASSERT_EQ(munmap(addr + 2 * page, 2 * page), 0);
	expect_vma(self->expected, variant->device, "close", addr + 2 * page, phys + 2 * page,
		   2 * page);
	EXPECT_STREQ(driver_log(), self->expected);
	close(fd);
}

TEST_F(trace, level_2_tells_faults_too)
{
	static const size_t touched[] = { 3, 0, 2 };
	int fd = start(_metadata, "pages=16 trace=2", variant->path);
	char *addr = map_shared(fd, 4, 1);
	const __u64 page = self->page;

	ASSERT_NE(addr, MAP_FAILED);
	expect_vma_by(self->expected, variant->device, "open", addr,
		      variant->is_simpler ? last_in_log(", phys ") : page, 4 * page,
		      done_by("trace", getpid()));
	for (size_t i = 0; i < ARRAY_SIZE(touched); i++) {
		char *at = addr + touched[i] * page;

		at[123] = 1;
		at[124] = 1;
		/* simpler takes no faults: mmap has mapped all of it. */
		if (!variant->is_simpler)
			sprintf(self->expected + strlen(self->expected),
				"simple: simplen: fault, virt %lx, pgoff %zx, phys %llx%s\n",
				(unsigned long)at, touched[i] + 1,
				(unsigned long long)phys_at(at), done_by("trace", getpid()));
	}
	EXPECT_STREQ(driver_log(), self->expected);
	munmap(addr, 4 * page);
	close(fd);
}

/* The parent opens the child's VMA, in fork(), and the child closes it, when it ends. */
TEST_F(trace, level_2_tells_who_did_it)
{
	int fd = start(_metadata, "pages=16 trace=2", variant->path), status, go[2];
	const __u64 page = self->page;
	char *addr = map_shared(fd, 4, 1), byte;
	const pid_t parent = getpid();
	__u64 phys;
	pid_t pid;

	ASSERT_NE(addr, MAP_FAILED);
	phys = last_in_log(", phys ");
	ASSERT_EQ(pipe(go), 0);
	clear_log();
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		prctl(PR_SET_NAME, "another name, cut");
		byte = read(go[0], &byte, 1);
		_exit(0);
	}
	expect_vma_by(self->expected, variant->device, "open", addr, phys, 4 * page,
		      done_by("trace", parent));
	EXPECT_STREQ(driver_log(), self->expected);
	ASSERT_EQ(write(go[1], "", 1), 1);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	expect_vma_by(self->expected, variant->device, "close", addr, phys, 4 * page,
		      done_by("another name, c", pid));
	EXPECT_STREQ(driver_log(), self->expected);
	munmap(addr, 4 * page);
	expect_vma_by(self->expected, variant->device, "close", addr, phys, 4 * page,
		      done_by("trace", parent));
	EXPECT_STREQ(driver_log(), self->expected);
}

/* A thread has a number and a name of its own. */
static void *touch_by_name(void *arg)
{
	prctl(PR_SET_NAME, "toucher");
	*(char *)arg = 1;
	return (void *)syscall(SYS_gettid);
}

TEST_F(trace, level_2_tells_which_thread_took_a_fault)
{
	int fd = start(_metadata, "pages=16 trace=2", variant->path);
	char *addr = map_shared(fd, 4, 1);
	pthread_t thread;
	void *tid;

	ASSERT_NE(addr, MAP_FAILED);
	ASSERT_EQ(pthread_create(&thread, NULL, touch_by_name, addr), 0);
	pthread_join(thread, &tid);
	/* simpler takes no faults: mmap has mapped all of it. */
	EXPECT_EQ(log_count(done_by("toucher", (pid_t)(long)tid)), variant->is_simpler ? 0 : 1) {
		TH_LOG("%s", driver_log());
	}
}

TEST_F(trace, level_2_tells_one_fault_for_a_folio)
{
	int fd = start(_metadata, "pages=16 trace=2", variant->path);
	char *addr = mmap(reserve(16 * self->page, 16 * self->page), 16 * self->page,
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);

	ASSERT_NE(addr, MAP_FAILED);
	for (size_t i = 16; i--;)
		addr[i * self->page] = 1;
	EXPECT_EQ(log_count("fault, virt "), variant->is_simpler ? 0 : 1);
	EXPECT_EQ(log_count(", pgoff f, "), variant->is_simpler ? 0 : 1);
}

TEST_F(trace, refused_mapping_is_not_told)
{
	int fd = start(_metadata, "pages=16 trace=2", variant->path);

	EXPECT_EQ(mmap_errno(fd, 17 * self->page, PROT_READ, MAP_SHARED, 0), EINVAL);
	EXPECT_EQ(mmap_errno(fd, self->page, PROT_EXEC, MAP_SHARED, 0), EPERM);
	EXPECT_STREQ(driver_log(), "");
}

TEST_F(trace, sums_at_unload)
{
	int fd = start(_metadata, "pages=16 trace=0", variant->path);
	char *addr = map_shared(fd, 4, 1), *log;

	ASSERT_NE(addr, MAP_FAILED);
	/* Two pages of one folio. */
	addr[0] = 1;
	addr[2 * self->page] = 1;
	/* Splits the VMA at both ends of the page, and closes the middle one of the three. */
	munmap(addr + self->page, self->page);
	munmap(addr, 4 * self->page);
	close(fd);
	ASSERT_EQ(unload_module(), 0);
	sprintf(self->expected,
		"simple: %s: unloaded; VMAs: 3 opened, 3 closed; pages: %d allocated, %d freed\n",
		variant->device, 16, 16);
	log = driver_log();
	EXPECT_NE(strstr(log, self->expected), NULL) {
		TH_LOG("in the log: %s", log);
	}
	free(log);
	ASSERT_EQ(load_module("pages=16"), 0);
}

TEST_HARNESS_MAIN
