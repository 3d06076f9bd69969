/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests share: the module, the devices, the kernel log, and memory as
 * the kernel sees it.
 */
#ifndef _SIMPLE_TEST_H
#define _SIMPLE_TEST_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/elf.h>
#include <linux/types.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

/* Seconds after which a test has hung: half a minute is little for a debug kernel. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

static inline size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* What one entry of a PMD maps, in bytes; 0 if the kernel has no huge pages. */
static inline size_t pmd_size(void)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "r");
	size_t size = 0;

	if (file) {
		if (fscanf(file, "%zu", &size) != 1)
			size = 0;
		fclose(file);
	}
	return size;
}

/*
 * How many pages that is, as a power of two; also where the kernel has none. An
 * entry of a page table has 8 bytes.
 */
static inline int pmd_order(void)
{
	return __builtin_ctzl(page_size() / 8);
}

/* Writes a text to a file of the kernel's; whether it took it. */
static inline bool tell(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return done;
}

/* Loads the module of this name; 0 or a negative errno. */
static inline int load_named(const char *name, const char *params)
{
	char path[64];
	int fd, ret;

	snprintf(path, sizeof(path), "/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, params, 0) ? -errno : 0;
	close(fd);
	return ret;
}

/* Unloads the module of this name, without waiting; 0 or a negative errno. */
static inline int unload_named(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

/* Loads the module of this name anew, whatever an earlier test left behind. */
static inline int reload_named(const char *name, const char *params)
{
	int ret = unload_named(name);

	if (ret && ret != -ENOENT)
		return ret;
	return load_named(name, params);
}

/* The same for the module that most tests are about. */
static inline int load_module(const char *params)
{
	return load_named("simple", params);
}

static inline int unload_module(void)
{
	return unload_named("simple");
}

/* Shared and writable, as most programs want it. */
static inline char *map_shared(int fd, size_t pages, size_t first_page)
{
	return mmap(NULL, pages * page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    first_page * page_size());
}

/*
 * The errno of an mmap that has to fail, 0 if it did not. The offset goes to
 * the kernel as it is, all 64 bits of it.
 */
static inline int mmap_errno(int fd, size_t len, int prot, int flags, __u64 offset)
{
	void *addr = mmap(NULL, len, prot, flags, fd, (off_t)offset);

	if (addr == MAP_FAILED)
		return errno;
	munmap(addr, len);
	return 0;
}

/* Leaves a text in memory, to be found there later. */
static inline void put_text(char *at, const char *text)
{
	memcpy(at, text, strlen(text) + 1);
}

/* Whether nothing but zeros is there. */
static inline bool is_zero(const char *addr, size_t len)
{
	return !addr[0] && !memcmp(addr, addr + 1, len - 1);
}

/* The signal that a child gets from reading or writing there, 0 if none. */
static inline int signal_of_access(char *addr, bool write)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (write)
			__atomic_store_n(addr, 1, __ATOMIC_RELAXED);
		else
			__atomic_load_n(addr, __ATOMIC_RELAXED);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* How many page faults it takes to read from each of the pages. */
static inline long faults_of_reading(char *addr, size_t pages)
{
	const size_t step = page_size();
	struct rusage before, after;

	/* The first round reads our own stack, so that all of this code is in memory. */
	for (int round = 0; round < 2; round++) {
		char *at = round ? addr : (char *)&before;

		getrusage(RUSAGE_SELF, &before);
		for (size_t i = 0; i < (round ? pages : 1); i++)
			__atomic_load_n(at + i * step, __ATOMIC_RELAXED);
		getrusage(RUSAGE_SELF, &after);
	}
	return after.ru_minflt - before.ru_minflt;
}

/*
 * The physical address that is mapped there, 0 if none is. The kernel tells it
 * of every page that it counts references on, which are all but simpler's.
 */
static inline __u64 phys_at(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry = 0;

	if (pread(fd, &entry, sizeof(entry), (uintptr_t)addr / page_size() * sizeof(entry)) !=
	    sizeof(entry))
		entry = 0;
	close(fd);
	return entry >> 63 ? (entry & ((1ULL << 55) - 1)) * page_size() : 0;
}

/* How many of the pages are mapped there. */
static inline size_t mapped_pages(const void *addr, size_t pages)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 *entries = calloc(pages, sizeof(*entries));
	size_t mapped = 0;

	if (pread(fd, entries, pages * sizeof(*entries),
		  (uintptr_t)addr / page_size() * sizeof(*entries)) > 0)
		for (size_t i = 0; i < pages; i++)
			mapped += entries[i] >> 63;
	free(entries);
	close(fd);
	return mapped;
}

/*
 * Addresses where nothing can come in between, the first one a multiple of
 * align, which is a power of two: for MAP_FIXED.
 */
static inline char *reserve(size_t len, size_t align)
{
	uintptr_t addr = (uintptr_t)mmap(NULL, len + align, PROT_NONE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return (char *)((addr + align - 1) & ~(align - 1));
}

/* Reads RAM by its physical address, out of the kernel's own mapping of it. */
static inline bool read_phys(__u64 phys, void *buf, size_t len)
{
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	bool done = false;
	struct elf64_hdr elf;
	struct elf64_phdr part;

	if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf))
		elf.e_phnum = 0;
	for (int i = 0; i < elf.e_phnum && !done; i++) {
		if (pread(fd, &part, sizeof(part), elf.e_phoff + i * sizeof(part)) != sizeof(part))
			break;
		if (part.p_type == PT_LOAD && part.p_paddr != ~0ULL &&
		    phys >= part.p_paddr && phys - part.p_paddr + len <= part.p_memsz)
			done = pread(fd, buf, len, part.p_offset + phys - part.p_paddr) ==
			       (ssize_t)len;
	}
	close(fd);
	return done;
}

/*
 * Free memory in KiB, with the pages that each processor keeps at hand, which
 * MemFree leaves out.
 */
static inline long free_memory(void)
{
	FILE *meminfo = fopen("/proc/meminfo", "r"), *zoneinfo = fopen("/proc/zoneinfo", "r");
	long free = 0, value;
	char line[256];

	while (fgets(line, sizeof(line), meminfo))
		if (sscanf(line, "MemFree: %ld", &value) == 1)
			free += value;
	while (fgets(line, sizeof(line), zoneinfo))
		if (sscanf(line, " count: %ld", &value) == 1)
			free += value * page_size() / 1024;
	fclose(meminfo);
	fclose(zoneinfo);
	return free;
}

/*
 * How much less memory is free than there was before, in KiB. The kernel gives
 * back some of what it used a little later; what is lost does not come back.
 * A debug kernel keeps records of what was freed, and is let have 8 MiB for it.
 */
static inline long memory_lost(long before, long tolerated)
{
	long records = access("/sys/kernel/debug/kmemleak", F_OK) ? 0 : 8192;
	long lost = before - records - free_memory();

	for (int i = 0; i < 100 && lost > tolerated; i++) {
		usleep(50000);
		lost = before - records - free_memory();
	}
	return lost;
}

/*
 * The physical addresses of BAR 0 and BAR 2 of the first display, enabled, as
 * its driver would do it; firmware does it on some machines only.
 */
static inline void find_card(__u64 *memory, __u64 *registers)
{
	FILE *list = popen("grep -l ^0x0300 /sys/bus/pci/devices/*/class", "r");
	char path[256] = "", line[256];
	unsigned long long start[3] = {};
	FILE *resource;
	int enable;

	if (fgets(path, sizeof(path) - 16, list)) {
		memcpy(strrchr(path, '/'), "/enable", sizeof("/enable"));
		enable = open(path, O_WRONLY);
		write(enable, "1", 1);
		close(enable);
		memcpy(strrchr(path, '/'), "/resource", sizeof("/resource"));
		resource = fopen(path, "r");
		for (int i = 0; i < 3 && fgets(line, sizeof(line), resource); i++)
			start[i] = strtoull(line, NULL, 16);
		fclose(resource);
	}
	pclose(list);
	*memory = start[0];
	*registers = start[2];
}

/* The largest piece of System RAM, and the 64 KiB that were reserved at boot. */
static inline void find_memory(__u64 *first, __u64 *last, __u64 *reserved)
{
	FILE *iomem = fopen("/proc/iomem", "r");
	unsigned long long start, end;
	char line[256];

	*first = *last = *reserved = 0;
	while (fgets(line, sizeof(line), iomem)) {
		if (sscanf(line, "%llx-%llx", &start, &end) != 2)
			continue;
		if (strstr(line, "System RAM") && end - start > *last - *first) {
			*first = start;
			*last = end;
		}
		if (strcasestr(line, "reserved") && end - start == 0xffff && *last)
			*reserved = start;
	}
	fclose(iomem);
}

/* The counters that only grow, and what they were before the test. */
static struct {
	const char *device, *name;
	long before;
} growing_counters[] = {
	{ "simpler", "opens", 0 }, { "simpler", "closes", 0 }, { "simpler", "faults", 0 },
	{ "simplen", "opens", 0 }, { "simplen", "closes", 0 }, { "simplen", "faults", 0 },
	{ "simplen", "huge_faults", 0 }, { "simplen", "huge_fallbacks", 0 },
};

/* One of the device's counters in debugfs; one that grows counts from reload_or_clear() on. */
static inline long counter(const char *device, const char *name)
{
	char path[64], text[32] = "-1";
	long before = 0;
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(growing_counters); i++)
		if (!strcmp(growing_counters[i].device, device) &&
		    !strcmp(growing_counters[i].name, name))
			before = growing_counters[i].before;
	sprintf(path, "/sys/kernel/debug/simple/%s/%s", device, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '-';
	close(fd);
	return atol(text) - before;
}

/*
 * Whether the driver is a part of the kernel; the guest has no module then. It
 * has the parameters that the kernel was booted with, and its memory lives as
 * long as the guest. A test that this does not suit is skipped, with a reason by
 * which scripts/boots.awk tells which boot would.
 */
static inline bool built_in(void)
{
	return access("/simple.ko", F_OK) && !access("/dev/simplen", F_OK);
}

/* How the driver came to be as the test has it. */
static struct {
	char params[64];
	bool used; /* by an earlier test */
} driver;

static inline void skip_built_in(struct __test_metadata *_metadata, const char *needs,
				 const char *params)
{
	/* A skip must not hide that something was wrong before it. */
	if (_metadata->exit_code)
		abort();
	SKIP(_exit(KSFT_SKIP), "built in: needs %s%s", needs, params);
}

/* For a test that loads the module anew in its course, or unloads it. */
#define need_module() \
	do { \
		if (built_in()) \
			skip_built_in(_metadata, "a module", ""); \
	} while (0)

/* For a test of what happens when memory is used for the first time. */
#define need_unused_memory() \
	do { \
		if (driver.used) \
			skip_built_in(_metadata, "a boot of its own with ", driver.params); \
	} while (0)

/* Whether the kernel was booted with these parameters of the driver, and no others. */
static inline bool booted_with(const char *params)
{
	FILE *cmdline = fopen("/proc/cmdline", "r");
	char word[256], booted[256] = "";

	while (fscanf(cmdline, "%255s", word) == 1)
		if (!strncmp(word, "simple.", 7))
			strcat(strcat(booted, *booted ? " " : ""), word + 7);
	fclose(cmdline);
	return !strcmp(booted, params);
}

/* Makes all of a device's memory zero again, and allocates none; 0 or a negative errno. */
static inline int clear_memory(const char *path)
{
	const size_t page = page_size();
	int fd = open(path, O_RDWR | O_CLOEXEC), ret = fd < 0 ? -errno : 0;
	char *buf = malloc(page);

	for (off_t at = 0; !ret && pread(fd, buf, page, at) > 0; at += page) {
		if (is_zero(buf, page))
			continue;
		memset(buf, 0, page);
		if (pwrite(fd, buf, page, at) != (ssize_t)page)
			ret = -EIO;
	}
	free(buf);
	close(fd);
	return ret;
}

static inline int __reload_or_clear(struct __test_metadata *_metadata, const char *params)
{
	static const char used[] = "/tmp/driver-was-used";
	int ret = 0;

	if (!built_in())
		return reload_named("simple", params);
	if (!booted_with(params))
		skip_built_in(_metadata, "a boot with ", params);
	snprintf(driver.params, sizeof(driver.params), "%s", params);
	driver.used = !access(used, F_OK);
	close(open(used, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	/* With physical=1 simpler has no memory of its own. */
	if (!strstr(params, "physical=1"))
		ret = clear_memory("/dev/simpler");
	if (!ret)
		ret = clear_memory("/dev/simplen");
	for (size_t i = 0; i < ARRAY_SIZE(growing_counters); i++) {
		growing_counters[i].before = 0;
		growing_counters[i].before = counter(growing_counters[i].device,
						     growing_counters[i].name);
	}
	return ret;
}

/*
 * Loads the module anew, whatever an earlier test left behind. Where it is built
 * in, its memory is made zero instead, and stays allocated.
 */
#define reload_or_clear(params) __reload_or_clear(_metadata, params)

/* The same for tests that no memory may be allocated for before. */
#define reload_module(params) \
	({ \
		int __ret = reload_or_clear(params); \
		need_unused_memory(); \
		__ret; \
	})

/* At the end of a test: whether nothing holds the module any more; 0 or a negative errno. */
static inline int unload_if_module(void)
{
	return built_in() ? 0 : unload_module();
}

/* Forgets what the kernel log holds so far, as dmesg -C does. */
static inline void clear_log(void)
{
	klogctl(5, NULL, 0); /* SYSLOG_ACTION_CLEAR */
}

/*
 * The driver's lines in the kernel log, without their timestamps, in a string
 * that the caller frees.
 */
static inline char *driver_log(void)
{
	int size = klogctl(10, NULL, 0); /* SYSLOG_ACTION_SIZE_BUFFER */
	char *log = malloc(size + 1), *lines = calloc(1, size + 1), *line, *next, *text;
	int len = klogctl(3, log, size); /* SYSLOG_ACTION_READ_ALL */

	log[len < 0 ? 0 : len] = '\0';
	for (line = log; *line; line = next) {
		next = strchrnul(line, '\n');
		if (*next)
			*next++ = '\0';
		text = strstr(line, "simple: ");
		if (text && !strstr(text, "taint")) {
			strcat(lines, text);
			strcat(lines, "\n");
		}
	}
	free(log);
	return lines;
}

/* How many of the driver's lines in the kernel log have the text. */
static inline int log_count(const char *text)
{
	char *log = driver_log(), *at = log;
	int count = 0;

	while ((at = strstr(at, text))) {
		count++;
		at += strlen(text);
	}
	free(log);
	return count;
}

/* The number in hex that follows the text in the driver's last line with it. */
static inline __u64 last_in_log(const char *text)
{
	char *log = driver_log(), *at = log, *last = NULL;
	__u64 value;

	while ((at = strstr(at, text))) {
		at += strlen(text);
		last = at;
	}
	value = last ? strtoull(last, NULL, 16) : 0;
	free(log);
	return value;
}

#endif
