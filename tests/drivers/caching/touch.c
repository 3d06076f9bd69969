// SPDX-License-Identifier: GPL-2.0
/* touch DEVICE: maps the first page of a device, and reads there. */
#include <err.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;
	void *at;

	if (fd < 0)
		err(1, "touch DEVICE");
	at = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		err(1, "mmap");
	return __atomic_load_n((unsigned int *)at, __ATOMIC_RELAXED) == 0x010000ed ? 0 : 1;
}
