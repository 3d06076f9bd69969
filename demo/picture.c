// SPDX-License-Identifier: GPL-2.0
/*
 * picture LINE: draws a picture on QEMU's standard VGA card, and drives the card itself: it maps
 * its registers and its video memory through /dev/simpler, whose mmap offset is a physical address.
 * It draws by stores to the mapping and, to compare, with lseek and write. On the serial line LINE
 * it asks QEMU for screendumps.
 *
 * It prints what was mapped, and what each way costs for a pixel. The clock counts nanoseconds,
 * and under ICOUNT=1 each of them is an instruction of the guest.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "qmp.h"
#include "scene.h"

#define WIDTH 640
#define HEIGHT 480
#define ROW_BYTES (WIDTH * sizeof(__u32))
#define FRAME_BYTES (HEIGHT * ROW_BYTES)

/* The card's PCI resources, by their number. */
#define VIDEO_MEMORY 0
#define REGISTERS 2

/* The registers of Bochs's display interface: 16 bits each, from this offset on. */
#define BOCHS_REGISTERS 0x500
#define BOCHS_ID 0
#define BOCHS_XRES 1
#define BOCHS_YRES 2
#define BOCHS_BPP 3
#define BOCHS_ENABLE 4
#define BOCHS_REGISTERS_SIZE (5 * sizeof(__u16))

#define BOCHS_ID_MASK 0xfff0	/* the rest is a version */
#define BOCHS_ID_VALUE 0xb0c0
#define BOCHS_ENABLED 0x01
#define BOCHS_LINEAR 0x40	/* all video memory is at its PCI resource, without banks */

/* VGA's registers, a byte each. The one of I/O port 0x3c0 is at this offset, and so on. */
#define VGA_REGISTERS 0x400
#define VGA_ATTRIBUTE 0x00	/* takes an index and a value, in turn */
#define VGA_MISC 0x02
#define VGA_STATUS 0x1a		/* after a read, VGA_ATTRIBUTE takes an index next */

#define VGA_ATTRIBUTE_SHOW 0x20	/* an index with this bit turns the screen on */
#define VGA_MISC_COLOR 0x01	/* VGA_STATUS is at the offset above */

static const char device[] = "/dev/simpler";
static __u32 frame[HEIGHT][WIDTH];

/* Reads the line at @path, without its end, into @line. */
static void read_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "r");

	if (!file || !fgets(line, size, file))
		err(1, "%s", path);
	fclose(file);
	line[strcspn(line, "\n")] = '\0';
}

/* The display card's PCI address, as sysfs writes it. */
static const char *find_card(void)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	char path[300], class[16];

	if (!dir)
		err(1, "/sys/bus/pci/devices");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class", entry->d_name);
		read_line(path, class, sizeof(class));
		/* 03 is a display, 00 of those is compatible with VGA. */
		if (!strncmp(class, "0x0300", 6)) {
			const char *card = strdup(entry->d_name);

			closedir(dir);
			return card;
		}
	}
	errx(1, "there is no VGA card (QEMU: -device VGA)");
}

/* Enables the card's resources, as its driver would; firmware does that on some machines only. */
static void enable_card(const char *card)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable", card);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "1", 1) != 1)
		err(1, "%s", path);
	close(fd);
}

/* The physical address of a resource of the card, which has to be of @size bytes at least. */
static __u64 find_resource(const char *card, int number, __u64 size)
{
	unsigned long long start = 0, end = 0;
	char path[300], line[80];
	FILE *file;
	int i;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", card);
	file = fopen(path, "r");
	if (!file)
		err(1, "%s", path);
	for (i = 0; i <= number; i++)
		if (!fgets(line, sizeof(line), file))
			errx(1, "%s ends before resource %d", path, number);
	fclose(file);
	if (sscanf(line, "%llx %llx", &start, &end) != 2 || !start || end - start + 1 < size)
		errx(1, "%s: resource %d is \"%s\"", path, number, line);
	return start;
}

static void *map(__u64 address, size_t size)
{
	int fd = open(device, O_RDWR);
	void *mapped;

	if (fd < 0)
		err(1, "%s", device);
	mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, address);
	if (mapped == MAP_FAILED)
		err(1, "%s: mmap of %#llx", device, (unsigned long long)address);
	/* The mapping keeps the file open. */
	close(fd);
	return mapped;
}

static void unmap(void *mapped, size_t size)
{
	if (munmap(mapped, size))
		err(1, "munmap");
}

/* The compiler may neither leave out an access to a register nor split it. */
static __u16 get_register(const __u16 *registers, int index)
{
	return __atomic_load_n(&registers[index], __ATOMIC_RELAXED);
}

static void set_register(__u16 *registers, int index, __u16 value)
{
	__atomic_store_n(&registers[index], value, __ATOMIC_RELAXED);
}

/* Sets the mode, for which the card clears its video memory. */
static void set_mode(__u16 *registers)
{
	set_register(registers, BOCHS_ENABLE, 0);
	set_register(registers, BOCHS_XRES, WIDTH);
	set_register(registers, BOCHS_YRES, HEIGHT);
	set_register(registers, BOCHS_BPP, 32);
	set_register(registers, BOCHS_ENABLE, BOCHS_ENABLED | BOCHS_LINEAR);
	if (get_register(registers, BOCHS_XRES) != WIDTH)
		errx(1, "the card did not take the mode");
}

/* Turns the screen on, as a driver does; firmware does that on some machines only. */
static void light_screen(__u8 *vga)
{
	__atomic_store_n(&vga[VGA_MISC], VGA_MISC_COLOR, __ATOMIC_RELAXED);
	__atomic_load_n(&vga[VGA_STATUS], __ATOMIC_RELAXED);
	__atomic_store_n(&vga[VGA_ATTRIBUTE], VGA_ATTRIBUTE_SHOW, __ATOMIC_RELAXED);
}

/* Prints the lines of a file of /proc that contain @text. */
static void show_lines(const char *path, const char *text)
{
	FILE *file = fopen(path, "r");
	char line[256];

	if (!file)
		err(1, "%s", path);
	printf("%s:\n", path);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, text))
			printf("  %s", line + strspn(line, " "));
	fclose(file);
}

/* Makes one store for each pixel, which the compiler may not merge into larger ones. */
static void draw_mapped(__u64 video_memory, int every)
{
	__u32 *screen = map(video_memory, FRAME_BYTES);
	int x, y;

	for (y = 0; y < HEIGHT; y += every)
		for (x = 0; x < WIDTH; x++)
			__atomic_store_n(&screen[y * WIDTH + x], frame[y][x], __ATOMIC_RELAXED);
	unmap(screen, FRAME_BYTES);
}

/* Clears one in @every rows. memset() makes accesses that not all device memory supports. */
static void blank(__u64 video_memory, int every)
{
	__u32 *screen = map(video_memory, FRAME_BYTES);
	int x, y;

	for (y = 0; y < HEIGHT; y += every)
		for (x = 0; x < WIDTH; x++)
			__atomic_store_n(&screen[y * WIDTH + x], 0, __ATOMIC_RELAXED);
	unmap(screen, FRAME_BYTES);
}

/* Writes rows in pieces of @size bytes, each with an lseek and a write of its own. */
static void draw_written(__u64 video_memory, int every, size_t size)
{
	int fd = open(device, O_RDWR);
	size_t offset;

	if (fd < 0)
		err(1, "%s", device);
	for (offset = 0; offset < FRAME_BYTES; offset += size) {
		/* At the end of a row, go on with the next one that is drawn. */
		if (offset % (every * ROW_BYTES) == ROW_BYTES)
			offset += (every - 1) * ROW_BYTES;
		if (offset >= FRAME_BYTES)
			break;

		__u64 address = video_memory + offset;
		ssize_t written;

		if (lseek(fd, address, SEEK_SET) != (off_t)address)
			err(1, "%s: lseek to %#llx", device, (unsigned long long)address);
		written = write(fd, (char *)frame + offset, size);
		if (written < 0)
			err(1, "%s: write to %#llx", device, (unsigned long long)address);
		if (written != size)
			errx(1, "%s: wrote %zd bytes of %zu", device, written, size);
	}
	close(fd);
}

/* Writes single pixels, as a program that draws anywhere does, and as the stores do. */
static void draw_pixels(__u64 video_memory, int every)
{
	draw_written(video_memory, every, sizeof(__u32));
}

/* Writes whole rows. This is the best case for write: a finished picture as wide as the screen. */
static void draw_rows(__u64 video_memory, int every)
{
	draw_written(video_memory, every, ROW_BYTES);
}

#define WAYS 3

static const struct way {
	const char *name;	/* of the screendump */
	const char *description;
	void (*draw)(__u64 video_memory, int every);
	int every;		/* draws one in so many rows, over what was drawn before */
} ways[WAYS] = {
	{ "mapped", "a store to the mapping for each pixel", draw_mapped, 1 },
	{ "rows", "lseek and write for each row", draw_rows, 1 },
	/* Drawing all rows would take a minute, emulated. */
	{ "pixels", "lseek and write for each pixel", draw_pixels, 16 },
};

static __u64 nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

int main(int argc, char **argv)
{
	double cost[WAYS];
	__u64 video_memory, registers_at;
	__u16 *registers;
	const char *card = find_card();
	void *mapped, *screen;
	size_t page_size = sysconf(_SC_PAGESIZE), in_page;
	int i;

	if (argc != 2)
		errx(1, "usage: picture LINE");
	qmp_open(argv[1]);
	enable_card(card);

	video_memory = find_resource(card, VIDEO_MEMORY, FRAME_BYTES);
	registers_at = find_resource(card, REGISTERS, BOCHS_REGISTERS + BOCHS_REGISTERS_SIZE);
	/* The resource can be smaller than a page, and start within one. */
	in_page = registers_at % page_size;
	mapped = map(registers_at - in_page, page_size);
	registers = (__u16 *)((char *)mapped + in_page + BOCHS_REGISTERS);
	if ((get_register(registers, BOCHS_ID) & BOCHS_ID_MASK) != BOCHS_ID_VALUE)
		errx(1, "%s is not QEMU's standard VGA: its id is %#x", card,
		     get_register(registers, BOCHS_ID));
	set_mode(registers);
	light_screen((__u8 *)mapped + in_page + VGA_REGISTERS);

	printf("%s: VGA card with id %#x, set to %dx%d\n", card, get_register(registers, BOCHS_ID),
	       WIDTH, HEIGHT);
	show_lines("/proc/iomem", card);
	screen = map(video_memory, FRAME_BYTES);
	show_lines("/proc/self/maps", device);
	unmap(screen, FRAME_BYTES);

	/* Compute the picture first, as the time for that is not measured. */
	render(frame[0], WIDTH, HEIGHT);

	printf("instructions for a pixel:\n");
	for (i = 0; i < WAYS; i++) {
		int every = ways[i].every;
		__u64 start;

		if (every == 1)
			set_mode(registers);
		else
			blank(video_memory, every);
		start = nanoseconds();
		ways[i].draw(video_memory, every);
		cost[i] = (double)(nanoseconds() - start) / (WIDTH * HEIGHT / every);
		qmp_execute("screendump", "'filename': '%s.png', 'format': 'png'", ways[i].name);
		printf("  %-38s %8.1f, %5.0f times the first\n", ways[i].description, cost[i],
		       cost[i] / cost[0]);
	}
	unmap(mapped, page_size);
	return 0;
}
