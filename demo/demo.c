// SPDX-License-Identifier: GPL-2.0
/*
 * The program of "make run": maps both devices, and shows what can be done with the
 * mappings. It prints what it does, and the driver's trace has the resulting events.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 4
#define TEXT "written here"

static size_t page_size;

/* Prints this process's lines of /proc/self/maps that name the device. */
static void show_maps(const char *device)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[256];

	if (!maps)
		err(1, "/proc/self/maps");
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, device))
			printf("    %s", line);
	fclose(maps);
}

static char *map(const char *device, off_t offset)
{
	int fd = open(device, O_RDWR);
	char *addr;

	if (fd < 0)
		err(1, "open %s", device);
	addr = mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (addr == MAP_FAILED)
		err(1, "mmap %s", device);
	/* The mapping keeps the file open. */
	close(fd);
	return addr;
}

/* Another process maps the device anew and reads there what we wrote. */
static void read_in_other_process(const char *device, size_t page)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		char *addr = map(device, page * page_size);

		printf("  another process maps it from page %zu on, and reads \"%s\"\n", page,
		       addr);
		exit(strcmp(addr, TEXT) != 0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "the other process did not read what was written");
}

static void demonstrate(const char *device)
{
	char *addr = map(device, 0);
	char *last = addr + 3 * page_size;
	char *grown;
	size_t pages = 2;

	printf("%s: %d pages mapped\n", device, PAGES);
	show_maps(device);

	memcpy(addr + page_size, TEXT, sizeof(TEXT));
	printf("  wrote \"%s\" to page 1\n", TEXT);
	read_in_other_process(device, 1);

	if (munmap(addr + 2 * page_size, page_size))
		err(1, "munmap");
	printf("  unmapped page 2, which splits the mapping\n");
	show_maps(device);

	grown = mremap(addr, 2 * page_size, 2 * PAGES * page_size, MREMAP_MAYMOVE);
	if (grown == MAP_FAILED) {
		printf("  growing its first part is refused: %m\n");
	} else {
		addr = grown;
		pages = 2 * PAGES;
		printf("  grew its first part to %d pages; page 1 still reads \"%s\"\n", 2 * PAGES,
		       addr + page_size);
	}
	show_maps(device);

	if (munmap(addr, pages * page_size) || munmap(last, page_size))
		err(1, "munmap");
	printf("  unmapped the rest\n\n");
}

/* The value of a parameter of the module, from debugfs. */
static long parameter(const char *name)
{
	char path[80];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/debug/simple/parameters/%s", name);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%ld", &value) != 1)
		err(1, "%s", path);
	fclose(file);
	return value;
}

int main(void)
{
	if (parameter("pages") < 8 || parameter("physical"))
		errx(1, "the demonstration takes pages=8 or more, and physical=0");
	page_size = sysconf(_SC_PAGESIZE);
	demonstrate("/dev/simpler");
	demonstrate("/dev/simplen");
	return 0;
}
