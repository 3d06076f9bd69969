// SPDX-License-Identifier: GPL-2.0
/*
 * unplug LINE BUS: has an edu device plugged into a PCI bus, maps its registers, and has it
 * unplugged while they are mapped. It asks QEMU for that on the serial line LINE. Prints TAP.
 */
#include "hotplug.h"
#include "qmp.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define NODE "/dev/simple_edu0"
#define BAR_SIZE 0x100000
#define IDENTIFICATION 0x010000ed

/* Waits until the device node exists, or does not exist any more. */
static void wait_for_node(bool wanted)
{
	while (!access(NODE, F_OK) != wanted)
		usleep(10000);
}

static void *wait_for_interrupt(void *fd)
{
	unsigned int count;

	return (void *)(long)(pread((long)fd, &count, 4, BAR_SIZE) < 0 ? errno : 0);
}

static int load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return syscall(SYS_finit_module, fd, "", 0);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_NODEFER };
	unsigned int *registers, word;
	int fd, unused;
	pthread_t thread;
	void *result;

	if (argc != 3)
		errx(1, "usage: unplug LINE BUS");
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGBUS, &action, NULL);
	if (load("/simple_edu.ko"))
		err(1, "/simple_edu.ko");
	qmp_open(argv[1]);

	for (int round = 0; round < 2; round++) {
		qmp_execute("device_add", "'driver': 'edu', 'id': 'edu', 'bus': '%s'", argv[2]);
		wait_for_node(true);
		fd = open(NODE, O_RDWR);
		unused = open(NODE, O_RDWR);
		registers = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (registers == MAP_FAILED)
			err(1, NODE);
		check(*registers == IDENTIFICATION,
		      "the registers of a device that is plugged in are mapped");
		pthread_create(&thread, NULL, wait_for_interrupt, (void *)(long)fd);
		usleep(200000);

		/* QEMU asks the kernel to release the device, and unplugs it when this is done. */
		qmp_execute("device_del", "'id': 'edu'");
		wait_for_node(false);
		pthread_join(thread, &result);
		check((long)result == ENODEV, "who waited is told");
		/* The node is removed before the mapping is revoked: read until that is done. */
		while (!signal_of_reading(registers))
			usleep(10000);
		check(signal_of_reading(registers) == SIGBUS, "a touch of the mapping is a SIGBUS");
		check(pread(unused, &word, 4, 0) < 0 && errno == ENODEV,
		      "a read fails with ENODEV");
		check(!munmap(registers, BAR_SIZE) && !close(fd) && !close(unused),
		      "munmap and close work");
		qmp_wait("\"DEVICE_DELETED\"");
	}
	check(!syscall(SYS_delete_module, "simple_edu", O_NONBLOCK), "the module can be unloaded");
	printf("1..%d\n", tests);
	return failed != 0;
}
