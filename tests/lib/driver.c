// SPDX-License-Identifier: GPL-2.0
/* Loads and unloads the module, tells whether the driver is built in, and reads its counters. */

#include "simple.h"

int load_named(const char *name, const char *params)
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

int unload_named(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

int reload_named(const char *name, const char *params)
{
	int ret = unload_named(name);

	if (ret && ret != -ENOENT)
		return ret;
	return load_named(name, params);
}

bool built_in(void)
{
	return access("/simple.ko", F_OK) && !access("/dev/simplen", F_OK);
}

bool booted_with(const char *params)
{
	FILE *cmdline = fopen("/proc/cmdline", "r");
	char word[256], booted[256] = "";

	while (fscanf(cmdline, "%255s", word) == 1)
		if (!strncmp(word, "simple.", 7))
			strcat(strcat(booted, *booted ? " " : ""), word + 7);
	fclose(cmdline);
	return !strcmp(booted, params);
}

/* Uses read() and write(), as reading through a mapping would allocate pages. */
static int write_zeros(const char *path)
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

int reload_or_zero(const char *params)
{
	if (!built_in())
		return reload_named("simple", params);
	return write_zeros("/dev/simpler") ?: write_zeros("/dev/simplen");
}

long counter(const char *device, const char *name)
{
	char path[64];

	sprintf(path, "/sys/kernel/debug/simple/%s/%s", device, name);
	return number_of(path);
}
