// SPDX-License-Identifier: GPL-2.0
/*
 * The peers that are measured: the devices with each of their settings, the same in C, and what a
 * program could map instead.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define MIB ((size_t)1024 * 1024)

#define HUGE_PAGES "/sys/kernel/mm/transparent_hugepage"

/* The parameters of the module besides the number of pages. */
#define SIMPLE "trace=0 "

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", path);
	close(fd);
}

static int open_path(const struct peer *peer, size_t size, off_t *offset)
{
	return open(peer->path, O_RDWR | O_CLOEXEC);
}

static int open_memfd(const struct peer *peer, size_t size, off_t *offset)
{
	int fd = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && ftruncate(fd, size))
		err(1, "ftruncate");
	return fd;
}

static int open_tmpfs(const struct peer *peer, size_t size, off_t *offset)
{
	int fd = open(peer->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd >= 0 && ftruncate(fd, size))
		err(1, "ftruncate");
	return fd;
}

static int open_udmabuf(const struct peer *peer, size_t size, off_t *offset)
{
	struct udmabuf_create create = { .size = size };
	int device = open(peer->path, O_RDWR | O_CLOEXEC);
	int fd;

	if (device < 0)
		return -1;
	/* By default udmabuf refuses more than 64 MiB. */
	write_file("/sys/module/udmabuf/parameters/size_limit_mb", "1024");
	create.memfd = open_memfd(peer, size, offset);
	if (fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		err(1, "F_ADD_SEALS");
	fd = ioctl(device, UDMABUF_CREATE, &create);
	if (fd < 0)
		err(1, "UDMABUF_CREATE");
	close(create.memfd);
	close(device);
	return fd;
}

/* The size and the address of a PCI display card's video memory, 0 if there is none. */
static size_t video_memory(off_t *address)
{
	static const char devices[] = "/sys/bus/pci/devices";
	unsigned long long start, end;
	struct dirent *entry;
	size_t size = 0;
	char path[300];
	DIR *dir = opendir(devices);
	FILE *file;

	while (dir && !size && (entry = readdir(dir))) {
		unsigned int class = 0;

		snprintf(path, sizeof(path), "%s/%s/class", devices, entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%x", &class) != 1)
			class = 0;
		fclose(file);
		if (class >> 16 != 3)
			continue;
		/* Enables the card, as its driver would. Not all firmware does that. */
		snprintf(path, sizeof(path), "%s/%s/enable", devices, entry->d_name);
		file = fopen(path, "w");
		if (file) {
			fputs("1", file);
			fclose(file);
		}
		snprintf(path, sizeof(path), "%s/%s/resource", devices, entry->d_name);
		file = fopen(path, "r");
		if (file && fscanf(file, "%llx %llx", &start, &end) == 2) {
			*address = start;
			size = end - start + 1;
		}
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
	return size;
}

static int open_physical(const struct peer *peer, size_t size, off_t *offset)
{
	if (video_memory(offset) < size) {
		errno = ENODEV;
		return -1;
	}
	return open(peer->path, O_RDWR | O_CLOEXEC);
}

const struct peer peers[] = {
	/* One line for each setting. */
#define SIMPLER(label, settings, ...) { \
		.name = label, .module = "simple", .params = SIMPLE settings, \
		.path = "/dev/simpler", .open = open_path, \
		.read_write = true, .counted = true, __VA_ARGS__ \
	}
#define SIMPLEN(label, settings, ...) { \
		.name = label, .module = "simple", .params = SIMPLE settings, \
		.path = "/dev/simplen", .open = open_path, \
		.renew = true, .read_write = true, .counted = true, .threads = true, \
		__VA_ARGS__ \
	}
	SIMPLER("simpler", ""),
	SIMPLER("simpler, huge=1", "huge=1", .huge = true),
	SIMPLEN("simplen", ""),
	SIMPLEN("simplen, order=0", "order=0"),
	SIMPLEN("simplen, order=9", "order=9"),
	SIMPLEN("simplen, huge=1", "huge=1", .huge = true),
	{
		.name = "C, remap_pfn_range", .module = "simple_c",
		.path = "/dev/simpler_c", .open = open_path, .counted = true,
	},
	{
		.name = "C, fault", .module = "simple_c",
		.path = "/dev/simplen_c", .open = open_path, .counted = true, .threads = true,
	},
	{ .name = "anonymous", .private = true, .fresh = true },
	{ .name = "anonymous, huge pages", .private = true, .fresh = true, .huge = true },
	{
		.name = "memfd", .open = open_memfd,
		.renew = true, .read_write = true, .threads = true,
	},
	{
		.name = "memfd, huge pages", .open = open_memfd, .huge = true,
		.renew = true, .read_write = true,
	},
	{
		.name = "tmpfs", .path = "/tmp/bench", .open = open_tmpfs,
		.renew = true, .read_write = true,
	},
	{
		.name = "/dev/zero, shared", .path = "/dev/zero", .open = open_path, .fresh = true,
	},
	{
		.name = "/dev/zero, private", .path = "/dev/zero", .open = open_path,
		.private = true, .fresh = true,
	},
	{
		.name = "UIO, logical", .needs = "uio", .module = "bench_uio",
		.path = "/dev/uio0", .open = open_path, .max_size = 4 * MIB,
	},
	{
		.name = "UIO, virtual", .needs = "uio", .module = "bench_uio", .params = "virt=1",
		.path = "/dev/uio0", .open = open_path,
	},
	{ .name = "udmabuf", .path = "/dev/udmabuf", .open = open_udmabuf },
	{
		.name = "simpler, physical", .module = "simple", .params = SIMPLE "physical=1",
		.path = "/dev/simpler", .open = open_physical,
	},
	{ .name = "/dev/mem", .path = "/dev/mem", .open = open_physical },
};

const size_t nr_peers = ARRAY_SIZE(peers);

/* Loads a module. Returns 0 or a negative errno. */
static int load(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, params, 0) ? -errno : 0;
	close(fd);
	return ret;
}

/* Loads a module from the program's folder or the guest's root, unless it is loaded. */
static void load_module(const char *name, const char *params)
{
	static const char * const folders[] = { "", "/" };
	char path[64];
	size_t i;
	int ret;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s%s.ko", folders[i], name);
		ret = load(path, params);
		if (ret != -ENOENT)
			break;
	}
	if (ret && ret != -EEXIST)
		errx(1, "%s.ko %s: %s", name, params, strerror(-ret));
}

/*
 * khugepaged registers a process at its first memory that huge pages can be used for. Until then
 * every mmap checks for such memory, so the cost of mmap would depend on which peer comes first.
 */
static void meet_khugepaged(void)
{
	const size_t size = 128 * MIB;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		err(1, "mmap");
	write_pages(at, page_size());
	munmap(at, size);
}

bool peer_prepare(const struct peer *peer, size_t size)
{
	const bool has_huge_pages = !access(HUGE_PAGES, F_OK);
	const char *huge = peer->huge ? "always" : "never";
	static const char *loaded;
	char params[128];
	off_t offset;

	if (peer->max_size && size > peer->max_size)
		return false;
	if (peer->open == open_physical && video_memory(&offset) < size)
		return false;
	if (peer->huge && !has_huge_pages)
		return false;
	/* The kernel can be configured without this device. A module's device must exist. */
	if (!peer->module && peer->path && !strncmp(peer->path, "/dev/", 5) &&
	    access(peer->path, F_OK))
		return false;

	if (loaded && syscall(SYS_delete_module, loaded, O_NONBLOCK))
		err(1, "unloading %s", loaded);
	loaded = peer->module;
	if (peer->needs)
		load_module(peer->needs, "");
	if (loaded) {
		snprintf(params, sizeof(params), "pages=%zu %s", size / page_size(),
			 peer->params ? peer->params : "");
		load_module(loaded, params);
	}
	if (has_huge_pages) {
		write_file(HUGE_PAGES "/enabled", huge);
		write_file(HUGE_PAGES "/shmem_enabled", huge);
		if (peer->huge)
			meet_khugepaged();
	}
	return true;
}

char *peer_map(const struct peer *peer, int fd, off_t offset, size_t size)
{
	int flags = (peer->private ? MAP_PRIVATE : MAP_SHARED) | (peer->open ? 0 : MAP_ANONYMOUS);
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset);

	if (at == MAP_FAILED)
		err(1, "%s: mmap of %zu bytes", peer->name, size);
	return at;
}
