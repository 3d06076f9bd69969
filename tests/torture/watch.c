// SPDX-License-Identifier: GPL-2.0
/* A process that reads the files of /proc and debugfs about the workers and the driver. */

#include "torture.h"

#include <dirent.h>

static char text[1 << 16];

/* Reads all of a file. The file may be missing, or be removed meanwhile. */
static void read_all(enum op_kind op, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd;

	while (fd >= 0 && (len = read(fd, text, sizeof(text))) > 0)
		;
	if (len < 0 && errno != ENOENT && errno != ESRCH && errno != EIO && errno != EINVAL)
		fail("%s: %s", path, strerror(errno));
	count(op, len >= 0);
	if (fd >= 0)
		close(fd);
}

/* The page table entries of where the workers map. */
static void read_pagemap(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < THREADS && fd >= 0; i++) {
		off_t offset = (uintptr_t)arenas[i] / page_size * sizeof(__u64);
		ssize_t len = pread(fd, text, ARENA * sizeof(__u64), offset);

		if (len < 0 && errno != ESRCH)
			fail("%s: %m", path);
		count(OP_PROC, len >= 0);
	}
	if (fd >= 0)
		close(fd);
}

static void read_fdinfo(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	char file[512];

	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		read_all(OP_PROC, file);
	}
	if (directory)
		closedir(directory);
}

/* One of the counters, -1 if it is not there. */
long counter(enum device device, const char *name)
{
	char path[80], value[32];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/simple/%s/%s", paths[device] + 5, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, value, sizeof(value) - 1);
	close(fd);
	if (len <= 0)
		return -1;
	value[len] = '\0';
	return atol(value);
}

void watch(__u64 random)
{
	static const char *const files[] = {
		"smaps", "maps", "numa_maps", "smaps_rollup", "stat", "pagemap", "fdinfo",
	};
	static const char *const counters[] = { "opens", "closes", "vmas", "faults", "pages" };

	for (;;) {
		int worker = next_random(&random) % WORKERS;
		const char *file = files[next_random(&random) % ARRAY_SIZE(files)];
		enum device device = next_random(&random) % DEVICES;
		const char *name = counters[next_random(&random) % ARRAY_SIZE(counters)];
		pid_t pid = __atomic_load_n(&shared->workers[worker], __ATOMIC_RELAXED);
		char path[64];
		long value;

		snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
		if (!strcmp(file, "pagemap"))
			read_pagemap(path);
		else if (!strcmp(file, "fdinfo"))
			read_fdinfo(path);
		else
			read_all(OP_PROC, path);

		usleep(2000);
		if (shared->unknown)
			continue;
		value = counter(device, name);
		if (value < -1 || (!strcmp(name, "pages") && value > MAX_PAGES))
			fail("debugfs: %s of %s is %ld", name, paths[device], value);
		count(OP_DEBUGFS, value >= 0);
	}
}
