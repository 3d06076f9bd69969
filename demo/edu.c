// SPDX-License-Identifier: GPL-2.0
/*
 * The program of "make run DEMO=edu": drives two PCI devices by their mapped registers, and waits
 * for their interrupts. The devices are QEMU's edu, which compute factorials.
 *
 * The clock counts nanoseconds, and under ICOUNT=1 each of them is an instruction of the guest.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MODULE "/simple_edu.ko"
#define DEVICES 2
#define BAR_SIZE 0x100000 /* of BAR 0, and the offset at which read() waits for interrupts */

/* QEMU, docs/specs/edu.rst. */
#define IDENTIFICATION 0x00
#define LIVENESS 0x04
#define FACTORIAL 0x08
#define STATUS 0x20
#define STATUS_INTERRUPT 0x80 /* when a factorial is computed */

struct device {
	char path[32];
	int fd;
	unsigned int *registers;
};

static unsigned int get(const struct device *device, size_t offset)
{
	return __atomic_load_n(&device->registers[offset / 4], __ATOMIC_RELAXED);
}

static void set(const struct device *device, size_t offset, unsigned int value)
{
	__atomic_store_n(&device->registers[offset / 4], value, __ATOMIC_RELAXED);
}

static void open_device(struct device *device, int number)
{
	sprintf(device->path, "/dev/simple_edu%d", number);
	device->fd = open(device->path, O_RDWR);
	if (device->fd < 0)
		err(1, "%s", device->path);
	device->registers = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd, 0);
	if (device->registers == MAP_FAILED)
		err(1, "mmap %s", device->path);
	printf("%s: identification %#010x\n", device->path, get(device, IDENTIFICATION));
}

/* Waits for an interrupt of the device since the last call. */
static unsigned int wait_for_interrupt(const struct device *device)
{
	unsigned int count;

	if (pread(device->fd, &count, sizeof(count), BAR_SIZE) != sizeof(count))
		err(1, "%s: waiting for an interrupt", device->path);
	return count;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

#define ACCESSES 1000

static void show_costs(const struct device *device)
{
	double start, mapped, by_call;
	unsigned int word;

	start = now();
	for (int i = 0; i < ACCESSES; i++)
		get(device, LIVENESS);
	mapped = (now() - start) / ACCESSES;
	start = now();
	for (int i = 0; i < ACCESSES; i++)
		if (pread(device->fd, &word, sizeof(word), LIVENESS) != sizeof(word))
			err(1, "pread");
	by_call = (now() - start) / ACCESSES;
	printf("instructions to read a register:\n");
	printf("  a load from the mapping %8.1f\n", mapped);
	printf("  pread                   %8.1f, %.0f times the first\n", by_call,
	       by_call / mapped);
}

static sigjmp_buf back;

static void on_sigbus(int signal)
{
	siglongjmp(back, signal);
}

/* Unbinds the device from its driver. */
static void show_unbind(const struct device *device)
{
	static const char unbind[] = "/sys/bus/pci/drivers/simple_edu/unbind";
	char link[64], target[256];
	const char *name;
	ssize_t len;
	int fd;

	snprintf(link, sizeof(link), "/sys/class/misc/%s/device", strrchr(device->path, '/') + 1);
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		err(1, "%s", link);
	target[len] = 0;
	name = strrchr(target, '/') + 1;
	fd = open(unbind, O_WRONLY);
	if (write(fd, name, strlen(name)) < 0)
		err(1, "%s", unbind);
	close(fd);
	printf("%s is unbound from its driver\n", name);
	signal(SIGBUS, on_sigbus);
	if (sigsetjmp(back, 1)) {
		printf("  a touch of the mapping is a SIGBUS\n");
		return;
	}
	get(device, IDENTIFICATION);
	errx(1, "the registers are still there");
}

int main(void)
{
	struct device devices[DEVICES];
	int fd = open(MODULE, O_RDONLY);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		err(1, MODULE);
	for (int i = 0; i < DEVICES; i++)
		open_device(&devices[i], i);

	printf("both compute factorials at once, and interrupt when they are done\n");
	for (int i = 0; i < DEVICES; i++)
		set(&devices[i], STATUS, STATUS_INTERRUPT);
	for (int n = 10; n <= 12; n++) {
		for (int i = 0; i < DEVICES; i++)
			set(&devices[i], FACTORIAL, n - i);
		for (int i = 0; i < DEVICES; i++) {
			unsigned int count = wait_for_interrupt(&devices[i]);

			printf("  %s: interrupt %u, %d! = %u\n", devices[i].path, count, n - i,
			       get(&devices[i], FACTORIAL));
		}
	}
	show_costs(&devices[0]);
	show_unbind(&devices[0]);
	printf("%s still says %#010x\n", devices[1].path, get(&devices[1], IDENTIFICATION));
	return 0;
}
