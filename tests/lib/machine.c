// SPDX-License-Identifier: GPL-2.0
/* What the kernel's files tell of the machine, and what can be set there. */

#include "simple.h"

#include <linux/elf.h>

bool tell(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return done;
}

long number_of(const char *path)
{
	FILE *file = fopen(path, "re");
	long number;

	if (!file || fscanf(file, "%ld", &number) != 1)
		number = -1;
	if (file)
		fclose(file);
	return number;
}

bool fail_page_alloc(int order, bool fail)
{
	char text[8];

	sprintf(text, "%d", order);
	return tell(FAIL_PAGE_ALLOC "min-order", text) &&
	       tell(FAIL_PAGE_ALLOC "ignore-gfp-wait", "N") &&
	       tell(FAIL_PAGE_ALLOC "ignore-gfp-highmem", "N") &&
	       tell(FAIL_PAGE_ALLOC "verbose", "0") && tell(FAIL_PAGE_ALLOC "times", "-1") &&
	       tell(FAIL_PAGE_ALLOC "probability", fail ? "100" : "0");
}

bool read_phys(__u64 phys, void *buf, size_t len)
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

/* All from one file: pages move all the time between the free lists and those of each processor. */
long free_memory(void)
{
	FILE *zoneinfo = fopen("/proc/zoneinfo", "r");
	int refresh = open("/proc/sys/vm/stat_refresh", O_RDONLY);
	long pages = 0, value;
	char line[256];

	/* Has the kernel add up the counts that it keeps for each processor. */
	read(refresh, line, sizeof(line));
	close(refresh);
	while (fgets(line, sizeof(line), zoneinfo))
		if (sscanf(line, " pages free %ld", &value) == 1 ||
		    sscanf(line, " count: %ld", &value) == 1)
			pages += value;
	fclose(zoneinfo);
	return pages * page_size() / 1024;
}

long memory_lost(long before, long tolerated)
{
	long records = access("/sys/kernel/debug/kmemleak", F_OK) ? 0 : 8192;
	long lost;

	for (int i = 0; (lost = before - records - free_memory()) > tolerated && i < 100; i++)
		usleep(50000);
	return lost;
}

void find_card(__u64 *memory, __u64 *registers)
{
	FILE *list = popen("grep -l ^0x0300 /sys/bus/pci/devices/*/class", "r");
	char path[256] = "", line[256];
	unsigned long long start[3] = {};
	FILE *resource;

	if (fgets(path, sizeof(path) - 16, list)) {
		memcpy(strrchr(path, '/'), "/enable", sizeof("/enable"));
		tell(path, "1");
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

void find_memory(__u64 *first, __u64 *last, __u64 *reserved)
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
