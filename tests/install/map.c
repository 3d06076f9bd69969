// SPDX-License-Identifier: GPL-2.0
/* map FILE PAGES: maps that many pages of FILE, and writes to the first and to the last. */

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t page = sysconf(_SC_PAGESIZE), len;
	char *memory;
	int fd;

	if (argc != 3)
		errx(2, "map FILE PAGES");
	len = strtoul(argv[2], NULL, 0) * page;
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		err(1, "open %s", argv[1]);
	memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap %s", argv[1]);
	memory[0] = 1;
	memory[len - 1] = 1;
	return 0;
}
