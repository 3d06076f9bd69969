// SPDX-License-Identifier: GPL-2.0
/*
 * hotplug LINE: maps unused physical addresses, has QEMU add memory there, which it asks for on the
 * serial line LINE, and tests that this memory is taken out of the mappings. Prints TAP.
 */
#include "hotplug.h"
#include "qmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Where the machine puts its first memory device: behind all RAM, at a multiple of 1 GiB. */
#define ADDRESS 0x100000000ULL

#define MEMORY "/sys/devices/system/memory"

static char *map(int fd)
{
	return mmap(NULL, 2 * getpagesize(), PROT_READ, MAP_SHARED, fd, ADDRESS);
}

/* The errno of mapping the memory, or 0. */
static int errno_of_mapping(int fd)
{
	char *at = map(fd);

	if (at == MAP_FAILED)
		return errno;
	munmap(at, 2 * getpagesize());
	return 0;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", path);
	close(fd);
}

/* The name of the file that says whether the first block of the added memory is online. */
static const char *state_file(void)
{
	static char path[64];
	unsigned long long size;
	FILE *file = fopen(MEMORY "/block_size_bytes", "r");

	if (!file || fscanf(file, "%llx", &size) != 1)
		errx(1, "%s has no block_size_bytes", MEMORY);
	fclose(file);
	snprintf(path, sizeof(path), MEMORY "/memory%llu/state", ADDRESS / size);
	return path;
}

/* Has the memory added, and waits until the kernel has it in sysfs. */
static void add_memory(const char *path)
{
	qmp_open(path);
	qmp_execute("object-add", "'qom-type': 'memory-backend-ram', 'id': 'added', 'size': %d",
		    256 << 20);
	qmp_execute("device_add", "'driver': 'pc-dimm', 'id': 'dimm', 'memdev': 'added'");
	while (access(state_file(), F_OK))
		usleep(10000);
}

int main(int argc, char **argv)
{
	int fd, pipes[2], status;
	char *shared, byte;
	pid_t child;

	if (argc != 2)
		errx(2, "usage: hotplug LINE");
	signal(SIGBUS, on_signal);
	fd = open("/dev/simpler", O_RDWR | O_SYNC);
	if (fd < 0)
		err(1, "/dev/simpler");

	shared = map(fd);
	check(shared != MAP_FAILED && !signal_of_reading(shared), "an empty range can be mapped");

	/*
	 * Do not map the memory while it is added: on x86 remap_pfn_range() can look for the
	 * struct page of its pages before they are there, in lookup_memtype(), and oops.
	 */
	add_memory(argv[1]);
	check(errno_of_mapping(fd) == EPERM, "memory that was added is not mapped any more");
	check(pread(fd, &byte, 1, ADDRESS) == -1 && errno == EPERM, "nor read");
	check(!signal_of_reading(shared), "until it goes online, old mappings stay");

	if (pipe(pipes))
		err(1, "pipe");
	child = fork();
	if (!child) {
		/* The child copies the mapping before the memory goes online, and reads it then. */
		if (read(pipes[0], &byte, 1) != 1)
			_exit(1);
		_exit(signal_of_reading(shared) != SIGBUS);
	}
	write_file(state_file(), "online");
	check(signal_of_reading(shared) == SIGBUS, "memory that is online is in no old mapping");
	check(signal_of_reading(shared + getpagesize()) == SIGBUS, "nor are its other pages");
	if (write(pipes[1], "+", 1) != 1)
		err(1, "pipe");
	check(waitpid(child, &status, 0) == child && !status, "nor in that of a child");
	check(errno_of_mapping(fd) == EPERM, "and it is refused as RAM");
	check(!munmap(shared, 2 * getpagesize()), "the old mapping can be unmapped");
	printf("1..%d\n", tests);
	return failed != 0;
}
