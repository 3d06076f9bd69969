// SPDX-License-Identifier: GPL-2.0
/*
 * physical=1: device memory can be mapped, here that of a graphics card, and RAM cannot.
 *
 * On arm64 device memory takes aligned accesses only, so the C library's functions,
 * which make accesses of any kind, are not used on it.
 */

#include "suite.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/ptrace.h>

FIXTURE(physical)
{
	size_t page;
	int fd;
	__u64 card; /* the physical address of the card's memory */
	__u64 registers; /* and of its registers */
	__u64 ram; /* the first and the last byte of some RAM */
	__u64 ram_end;
	__u64 reserved; /* 64 KiB in the midst of RAM that were reserved at boot */
	__u64 limit; /* the first byte past the physical addresses */
};

FIXTURE_SETUP(physical)
{
	self->page = page_size();
	ASSERT_EQ(reload_module("pages=16 physical=1"), 0);
	clear_log();
	self->fd = open("/dev/simpler", O_RDWR);
	ASSERT_GE(self->fd, 0);
	find_card(&self->card, &self->registers);
	ASSERT_NE(self->card, 0);
	ASSERT_NE(self->registers, 0);
	find_memory(&self->ram, &self->ram_end, &self->reserved);
	ASSERT_NE(self->ram, 0);
	ASSERT_NE(self->reserved, 0);
	self->limit = lseek(self->fd, 0, SEEK_END);
	ASSERT_GT(self->limit, self->ram_end);
}

FIXTURE_TEARDOWN_PARENT(physical)
{
	EXPECT_EQ(counter("simpler", "vmas"), 0);
	EXPECT_EQ(unload_module(), 0);
}

static char *map_card(int fd, size_t len, __u64 phys)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, phys);
}

/* Copies from or to device memory, a byte at a time. */
static void copy_bytes(char *to, const char *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		__atomic_store_n(to + i, __atomic_load_n(from + i, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}

/* put_text() for device memory. */
static void put_device_text(char *at, const char *text)
{
	copy_bytes(at, text, strlen(text) + 1);
}

/* Whether device memory holds these bytes. */
static bool device_holds(const char *at, const char *bytes, size_t len)
{
	char *copy = malloc(len);
	bool same;

	copy_bytes(copy, at, len);
	same = !memcmp(copy, bytes, len);
	free(copy);
	return same;
}

static bool device_has_text(const char *at, const char *text)
{
	return device_holds(at, text, strlen(text) + 1);
}

/* The start of the first range in /proc/iomem whose line has this name; 0 if there is none. */
static __u64 find_resource(const char *name)
{
	FILE *iomem = fopen("/proc/iomem", "r");
	unsigned long long start = 0;
	char line[256];

	while (!start && fgets(line, sizeof(line), iomem))
		if (strstr(line, name))
			sscanf(line, "%llx", &start);
	fclose(iomem);
	return start;
}

TEST_F(physical, card_memory_maps)
{
	char *one = map_card(self->fd, 16 * self->page, self->card);
	char *two = map_card(self->fd, self->page, self->card + 5 * self->page);

	ASSERT_NE(one, MAP_FAILED);
	ASSERT_NE(two, MAP_FAILED);
	put_device_text(one + 5 * self->page, "on the card");
	EXPECT_TRUE(device_has_text(two, "on the card"));
	EXPECT_EQ(last_in_log("VMA open, virt"), (uintptr_t)two);
	EXPECT_EQ(last_in_log(", phys "), self->card + 5 * self->page);
}

TEST_F(physical, registers_map)
{
	/* The registers need not fill a page, nor start at the start of one. */
	const size_t offset = self->registers % self->page;
	char *registers = map_card(self->fd, self->page, self->registers - offset);

	ASSERT_NE(registers, MAP_FAILED);
	/* The Bochs display's identity. */
	registers += offset + 0x500;
	EXPECT_EQ(__atomic_load_n((__u16 *)registers, __ATOMIC_RELAXED) & 0xfff0, 0xb0c0);
}

/* A range with a single page of RAM is refused. */
TEST_F(physical, ram_is_eperm)
{
	const __u64 last = self->ram_end + 1 - self->page;
	const size_t page = self->page;
	char byte = 0;
	struct iovec iov = { &byte, 1 };

	EXPECT_EQ(mmap_errno(self->fd, page, PROT_READ, MAP_SHARED, self->ram), EPERM);
	EXPECT_EQ(mmap_errno(self->fd, page, PROT_READ, MAP_PRIVATE, self->ram + 16 * page), EPERM);
	EXPECT_EQ(mmap_errno(self->fd, page, PROT_READ, MAP_SHARED, last), EPERM);
	EXPECT_EQ(mmap_errno(self->fd, 2 * page, PROT_READ, MAP_SHARED, last), EPERM);
	EXPECT_EQ(mmap_errno(self->fd, 2 * page, PROT_READ, MAP_SHARED, self->ram - page), EPERM);
	EXPECT_EQ(pread(self->fd, &byte, 1, self->ram), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_EQ(pwrite(self->fd, &byte, 1, last), -1);
	EXPECT_EQ(errno, EPERM);
	ASSERT_EQ(lseek(self->fd, self->ram, SEEK_SET), self->ram);
	EXPECT_EQ(readv(self->fd, &iov, 1), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_EQ(writev(self->fd, &iov, 1), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_EQ(lseek(self->fd, 0, SEEK_CUR), self->ram);
	/* The module's own RAM is no exception. It can be reached through simplen. */
	byte = 1;
	EXPECT_EQ(pwrite(open("/dev/simplen", O_RDWR), &byte, 1, 0), 1);
}

/* The errno of mapping the page through /dev/mem, whose rules the driver follows. */
static int dev_mem_errno(__u64 phys)
{
	int fd = open("/dev/mem", O_RDONLY | O_CLOEXEC), error;

	if (fd < 0)
		return -1;
	error = mmap_errno(fd, page_size(), PROT_READ, MAP_SHARED, phys);
	close(fd);
	return error;
}

/*
 * The address of something in /proc/iomem that the kernel or a driver has claimed:
 * an interrupt controller of a PC, or PCI's configuration space. 0 if /dev/mem does
 * not respect the claim in this kernel.
 */
static __u64 find_claimed(void)
{
	static const char *const names[] = { "IOAPIC", "Local APIC", "PCI ECAM" };
	const __u64 mask = ~((__u64)page_size() - 1);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		__u64 start = find_resource(names[i]) & mask;

		if (start && dev_mem_errno(start) == EPERM)
			return start;
	}
	return 0;
}

TEST_F(physical, claimed_by_a_driver_is_eperm)
{
	const __u64 claimed = find_claimed();

	if (!claimed)
		SKIP(return, "this kernel has /dev/mem give out what drivers have claimed");
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED, claimed), EPERM);
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ | PROT_WRITE, MAP_SHARED, claimed),
		  EPERM);
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_PRIVATE, claimed), EPERM);
}

/* A range with a claimed page at either end is refused. */
TEST_F(physical, range_with_a_claimed_page_is_eperm)
{
	const __u64 claimed = find_claimed();
	const size_t page = self->page;

	if (!claimed)
		SKIP(return, "this kernel has /dev/mem give out what drivers have claimed");
	EXPECT_EQ(mmap_errno(self->fd, 2 * page, PROT_READ, MAP_SHARED, claimed), EPERM);
	EXPECT_EQ(mmap_errno(self->fd, 2 * page, PROT_READ, MAP_SHARED, claimed - page), EPERM);
}

TEST_F(physical, claimed_by_a_driver_is_not_read_or_written)
{
	const __u64 claimed = find_claimed();
	char byte = 0;

	if (!claimed)
		SKIP(return, "this kernel has /dev/mem give out what drivers have claimed");
	EXPECT_EQ(pread(self->fd, &byte, 1, claimed), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_EQ(pwrite(self->fd, &byte, 1, claimed), -1);
	EXPECT_EQ(errno, EPERM);
}

/* As with /dev/mem, all of a PC's first MiB that is no RAM can be mapped, here the BIOS. */
TEST_F(physical, claims_do_not_count_in_the_first_mib)
{
#ifdef __x86_64__
	const __u64 bios = 0xf0000;
	char *addr = mmap(NULL, 0x10000, PROT_READ, MAP_SHARED, self->fd, bios), byte = 0;

	EXPECT_EQ(find_resource("System ROM"), bios);
	ASSERT_NE(addr, MAP_FAILED);
	/* The instruction at the reset vector is a jump. */
	EXPECT_EQ(__atomic_load_n((__u8 *)addr + 0xfff0, __ATOMIC_RELAXED), 0xea);
	EXPECT_EQ(pread(self->fd, &byte, 1, bios + 0xfff0), 1);
	EXPECT_EQ((__u8)byte, 0xea);
	EXPECT_EQ(dev_mem_errno(bios), 0);
#else
	SKIP(return, "the first MiB is special on a PC only");
#endif
}

TEST_F(physical, ram_in_the_first_mib_is_eperm)
{
#ifdef __x86_64__
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED, 0x10000), EPERM);
#else
	SKIP(return, "the first MiB is special on a PC only");
#endif
}

/*
 * A write to a private mapping makes a copy in RAM, which the kernel would map with
 * the caching of the rest of the mapping: uncached.
 */
TEST_F(physical, uncached_private_mapping_is_refused)
{
	static const int flags[] = { 0, O_SYNC, O_DSYNC };

	/* The card's memory is uncached with any flags, as it is beyond RAM. */
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int fd = open("/dev/simpler", O_RDWR | flags[i]);

		EXPECT_EQ(mmap_errno(fd, self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE,
				     self->card), EINVAL);
		/* A private mapping could be made writable later. */
		EXPECT_EQ(mmap_errno(fd, self->page, PROT_READ, MAP_PRIVATE, self->card), EINVAL);
		EXPECT_EQ(mmap_errno(fd, self->page, PROT_READ, MAP_SHARED, self->card), 0);
		close(fd);
	}
	EXPECT_EQ(counter("simpler", "opens"), ARRAY_SIZE(flags));
}

TEST_F(physical, uncached_private_mapping_of_a_read_only_file_is_refused)
{
	int fd = open("/dev/simpler", O_RDONLY | O_SYNC);

	EXPECT_EQ(mmap_errno(fd, self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->card),
		  EINVAL);
	EXPECT_EQ(mmap_errno(fd, self->page, PROT_READ, MAP_PRIVATE, self->card), EINVAL);
	close(fd);
}

/* On x86 memory in the midst of RAM is mapped cached, unless the file was opened with O_SYNC. */
TEST_F(physical, cached_private_mapping_is_allowed)
{
	int fd = open("/dev/simpler", O_RDWR | O_SYNC), expected = EINVAL;

#ifdef __x86_64__
	expected = 0;
#endif
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			     self->reserved), expected);
	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ, MAP_PRIVATE, self->reserved),
		  expected);
	EXPECT_EQ(mmap_errno(fd, self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->reserved),
		  EINVAL);
	EXPECT_EQ(mmap_errno(fd, self->page, PROT_READ, MAP_PRIVATE, self->reserved), EINVAL);
}

TEST_F(physical, private_mapping_copies_on_write)
{
	char *shared = map_card(self->fd, 2 * self->page, self->reserved);
	char *private = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd,
			     self->reserved);

#ifndef __x86_64__
	SKIP(return, "all device memory is mapped past the caches here, and so not privately");
#endif
	ASSERT_NE(shared, MAP_FAILED);
	ASSERT_NE(private, MAP_FAILED);
	put_device_text(shared, "on the device");
	EXPECT_STREQ(private, "on the device");
	put_text(private, "copied");
	EXPECT_TRUE(device_has_text(shared, "on the device"));
	put_device_text(shared + self->page, "other page");
	EXPECT_STREQ(private + self->page, "other page");
	EXPECT_STREQ(private, "copied");
}

TEST_F(physical, range_that_wraps_or_is_too_high_is_einval)
{
	const __u64 page = self->page, top = -page;

	EXPECT_EQ(mmap_errno(self->fd, page, PROT_READ, MAP_SHARED, self->limit), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, 2 * page, PROT_READ, MAP_SHARED, self->limit - page),
		  EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, page, PROT_READ, MAP_SHARED, 1ULL << 63), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, page, PROT_READ, MAP_SHARED, top), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, 16 * page, PROT_READ, MAP_SHARED, top - 15 * page), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd, page, PROT_READ, MAP_SHARED, self->card + 1), EINVAL);
}

TEST_F(physical, execution_is_refused)
{
	char *addr = map_card(self->fd, self->page, self->card);

	EXPECT_EQ(mmap_errno(self->fd, self->page, PROT_READ | PROT_EXEC, MAP_SHARED, self->card),
		  EPERM);
	EXPECT_EQ(mprotect(addr, self->page, PROT_READ | PROT_EXEC), -1);
	EXPECT_EQ(errno, EACCES);
}

TEST_F(physical, mremap_does_not_grow)
{
	char *addr = map_card(self->fd, self->page, self->card);

	EXPECT_EQ(mremap(addr, self->page, 2 * self->page, MREMAP_MAYMOVE), MAP_FAILED);
	EXPECT_EQ(errno, EFAULT);
}

/* The last page of the reserved memory is mapped, and RAM follows. */
TEST_F(physical, mapping_does_not_get_into_ram)
{
	const __u64 ram = self->reserved + 0x10000;
	const size_t page = self->page;
	char *addr = map_card(self->fd, page, ram - page), *moved;

	ASSERT_NE(addr, MAP_FAILED);
	put_device_text(addr, "the last page");
	EXPECT_EQ(mremap(addr, page, 2 * page, 0), MAP_FAILED);
	EXPECT_EQ(errno, EFAULT);
	EXPECT_EQ(mremap(addr, 0, 2 * page, MREMAP_MAYMOVE), MAP_FAILED);
	EXPECT_EQ(errno, EFAULT);
	moved = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_EQ(mremap(addr, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, moved), moved);
	EXPECT_TRUE(device_has_text(moved, "the last page"));
	EXPECT_EQ(remap_file_pages(moved, page, 0, ram / page, 0), -1);
	EXPECT_EQ(errno, EPERM);
}

/* A debugger reaches what is mapped, and nothing beyond. */
TEST_F(physical, debugger_does_not_get_into_ram)
{
	const size_t page = self->page;
	char *addr = mmap(NULL, 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char path[64], buf[16], *end = addr + page;
	struct iovec there = { addr, 8 }, here = { buf, 8 };
	int mem, status, ends[2];
	pid_t pid;

	ASSERT_EQ(munmap(end, page), 0);
	ASSERT_EQ(mmap(addr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, self->fd,
		       self->reserved + 0x10000 - page), addr);
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	sprintf(path, "/proc/%d/mem", pid);
	mem = open(path, O_RDWR);
	put_device_text(end - 16, "fifteen letters");
	EXPECT_EQ(pread(mem, buf, 16, (off_t)end - 8), 8);
	EXPECT_EQ(pwrite(mem, buf, 16, (off_t)end - 8), 8);
	EXPECT_EQ(pread(mem, buf, 16, (off_t)end), -1);
	EXPECT_EQ(errno, EIO);

	ASSERT_EQ(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	ASSERT_EQ(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(ptrace(PTRACE_POKEDATA, pid, end - sizeof(long), 5L), 0);
	EXPECT_EQ(ptrace(PTRACE_PEEKDATA, pid, end - sizeof(long), NULL), 5);
	EXPECT_EQ(ptrace(PTRACE_POKEDATA, pid, end - 4, 5L), -1);
	EXPECT_EQ(errno, EIO);
	errno = 0;
	EXPECT_EQ(ptrace(PTRACE_PEEKDATA, pid, end, NULL), -1);
	EXPECT_EQ(errno, EIO);

	/* These calls take references on pages, which device memory does not have. */
	EXPECT_EQ(process_vm_readv(pid, &here, 1, &there, 1, 0), -1);
	EXPECT_EQ(errno, EFAULT);
	EXPECT_EQ(process_vm_writev(pid, &here, 1, &there, 1, 0), -1);
	EXPECT_EQ(errno, EFAULT);
	ASSERT_EQ(pipe(ends), 0);
	EXPECT_EQ(vmsplice(ends[1], &there, 1, 0), -1);
	EXPECT_EQ(errno, EFAULT);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Reads, writes and mappings see the same memory. */
TEST_F(physical, read_and_write_reach_the_card)
{
	char *addr = map_card(self->fd, 4 * self->page, self->card), buf[3000], back[3000];
	const off_t pos = self->card + self->page - 77;

	ASSERT_NE(addr, MAP_FAILED);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = i * 13;
	/* Across pages, with neither end aligned. */
	ASSERT_EQ(pwrite(self->fd, buf, sizeof(buf), pos), sizeof(buf));
	EXPECT_TRUE(device_holds(addr + self->page - 77, buf, sizeof(buf)));
	ASSERT_EQ(pread(self->fd, back, sizeof(back), pos), sizeof(back));
	EXPECT_EQ(memcmp(back, buf, sizeof(buf)), 0);

	EXPECT_EQ(lseek(self->fd, self->card + 3, SEEK_SET), self->card + 3);
	EXPECT_EQ(write(self->fd, "seek", 4), 4);
	EXPECT_TRUE(device_holds(addr + 3, "seek", 4));
	EXPECT_EQ(lseek(self->fd, -4, SEEK_CUR), self->card + 3);
	EXPECT_EQ(read(self->fd, back, 4), 4);
	EXPECT_EQ(memcmp(back, "seek", 4), 0);
	EXPECT_EQ(pwrite(self->fd, buf, 1, self->limit), -1);
	EXPECT_EQ(errno, ENOSPC);
	EXPECT_EQ(pread(self->fd, buf, 1, self->limit), 0);
}

/*
 * The card's registers are 16 bits wide: two accesses of 8 bits do not have the
 * effect of one of 16 bits.
 */
TEST_F(physical, aligned_access_is_one_access)
{
	const off_t xres = self->registers + 0x502;
	__u16 value = 0;

	ASSERT_EQ(pread(self->fd, &value, 2, self->registers + 0x500), 2);
	EXPECT_EQ(value & 0xfff0, 0xb0c0);
	value = 800;
	ASSERT_EQ(pwrite(self->fd, &value, 2, xres), 2);
	value = 0;
	ASSERT_EQ(pread(self->fd, &value, 2, xres), 2);
	EXPECT_EQ(value, 800);
}

TEST_F(physical, dd_reads_a_register)
{
	char command[128], line[64] = "";
	FILE *dd;

	sprintf(command, "dd if=/dev/simpler bs=2 count=1 skip=%llu 2>/dev/null | %s",
		(self->registers + 0x500) / 2, "hexdump -e '1/2 \"%x\"'");
	dd = popen(command, "r");
	ASSERT_NE(fgets(line, sizeof(line), dd), NULL);
	pclose(dd);
	EXPECT_EQ(strtoul(line, NULL, 16) & 0xfff0, 0xb0c0);
}

/* Gets the type of the address in the kernel's list of memory types; empty if it is not there. */
static void memory_type(__u64 phys, char *type)
{
	FILE *list = fopen("/sys/kernel/debug/x86/pat_memtype_list", "r");
	unsigned long long start, end;
	char line[128];

	type[0] = '\0';
	while (list && fgets(line, sizeof(line), list))
		if (sscanf(line, "PAT: [mem %llx-%llx] %31s", &start, &end, type) != 3 ||
		    phys < start || phys >= end)
			type[0] = '\0';
		else
			break;
	if (list)
		fclose(list);
}

/*
 * The card is beyond RAM, so it is always mapped uncached. The reserved memory in
 * the midst of RAM is mapped uncached for a file with O_SYNC or O_DSYNC.
 */
TEST_F(physical, memory_type_follows_dev_mem)
{
	char type[32];
	char *addr;
	int fd;

	if (access("/sys/kernel/debug/x86/pat_memtype_list", F_OK))
		SKIP(return, "the list of memory types is x86's");

	memory_type(self->card, type);
	EXPECT_STREQ(type, "");
	addr = map_card(self->fd, self->page, self->card);
	ASSERT_NE(addr, MAP_FAILED);
	memory_type(self->card, type);
	EXPECT_STREQ(type, "uncached-minus");
	munmap(addr, self->page);
	memory_type(self->card, type);
	EXPECT_STREQ(type, "");

	for (int sync = 0; sync < 3; sync++) {
		static const int flags[] = { 0, O_SYNC, O_DSYNC };

		fd = open("/dev/simpler", O_RDWR | flags[sync]);
		addr = map_card(fd, self->page, self->card + 64 * self->page);
		ASSERT_NE(addr, MAP_FAILED);
		memory_type(self->card + 64 * self->page, type);
		EXPECT_STREQ(type, "uncached-minus");
		munmap(addr, self->page);

		addr = map_card(fd, self->page, self->reserved);
		ASSERT_NE(addr, MAP_FAILED);
		memory_type(self->reserved, type);
		EXPECT_STREQ(type, flags[sync] ? "uncached-minus" : "write-back");
		munmap(addr, self->page);
		close(fd);
	}
}

/* The signal from reading 8 bytes at an address that is not a multiple of 8, 0 if none. */
static int signal_of_unaligned(const char *addr)
{
#ifdef __aarch64__
	int status;
	pid_t pid = fork();

	if (!pid) {
		__u64 value;

		asm volatile("ldr %0, [%1]" : "=r"(value) : "r"(addr) : "memory");
		_exit(0);
	}
	if (waitpid(pid, &status, 0) == pid)
		return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
#endif
	return -1;
}

/* Only arm64's device memory refuses unaligned accesses, so the memory is mapped as such. */
TEST_F(physical, unaligned_access_is_sigbus)
{
	char *card = map_card(self->fd, self->page, self->card);
	char *reserved = map_card(self->fd, self->page, self->reserved);

#ifndef __aarch64__
	SKIP(return, "unaligned access to device memory is refused by arm64 only");
#endif
	EXPECT_EQ(signal_of_unaligned(card + 8), 0);
	EXPECT_EQ(signal_of_unaligned(card + 1), SIGBUS);
	EXPECT_EQ(signal_of_unaligned(reserved + 8), 0);
	EXPECT_EQ(signal_of_unaligned(reserved + 1), SIGBUS);
}

/* Reserved memory in the midst of RAM. On x86 mappings, read and write use it cached. */
TEST_F(physical, read_and_write_reach_reserved_memory)
{
	char *addr = map_card(self->fd, 2 * self->page, self->reserved), text[16];

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_EQ(pwrite(self->fd, "no system RAM", 14, self->reserved + self->page - 5), 14);
	EXPECT_TRUE(device_has_text(addr + self->page - 5, "no system RAM"));
	EXPECT_EQ(pread(self->fd, text, 14, self->reserved + self->page - 5), 14);
	EXPECT_STREQ(text, "no system RAM");
	/* RAM lies on both sides. */
	EXPECT_EQ(mmap_errno(self->fd, 2 * self->page, PROT_READ, MAP_SHARED,
			     self->reserved - self->page), EPERM);
	EXPECT_EQ(mmap_errno(self->fd, 2 * self->page, PROT_READ, MAP_SHARED,
			     self->reserved + 0x10000 - self->page), EPERM);
	/* A read stops where RAM begins. */
	EXPECT_EQ(pread(self->fd, text, 16, self->reserved + 0x10000 - 4), 4);
}

TEST_F(physical, debugger_reaches_the_card)
{
	char *addr = map_card(self->fd, 2 * self->page, self->card), text[16] = "", path[64];
	pid_t pid;
	int mem;

	ASSERT_NE(addr, MAP_FAILED);
	put_device_text(addr + 8, "for gdb");
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	sprintf(path, "/proc/%d/mem", pid);
	mem = open(path, O_RDWR);
	EXPECT_EQ(pread(mem, text, 8, (off_t)addr + 8), 8);
	EXPECT_STREQ(text, "for gdb");
	EXPECT_EQ(pwrite(mem, "from gdb", 9, (off_t)addr + self->page - 4), 9);
	EXPECT_TRUE(device_has_text(addr + self->page - 4, "from gdb"));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

struct peek {
	char *addr;
	bool done;
};

/* Reads and writes as a debugger does, to a page that is copied at the same time. */
static void *peek_all_the_time(void *arg)
{
	struct peek *peek = arg;
	int mem = open("/proc/self/mem", O_RDWR);
	char byte;

	while (!__atomic_load_n(&peek->done, __ATOMIC_RELAXED)) {
		/* The calls may fail, as the mapping is replaced all the time. */
		if (pread(mem, &byte, 1, (off_t)peek->addr) == 1)
			pwrite(mem, &byte, 1, (off_t)peek->addr);
	}
	close(mem);
	return NULL;
}

/* If the driver took the copy, which is RAM, for device memory, the kernel would warn. */
TEST_F(physical, debugger_races_copy_on_write)
{
	struct peek peek = {
		.addr = mmap(NULL, self->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	};
	pthread_t threads[2];

#ifndef __x86_64__
	SKIP(return, "all device memory is mapped past the caches here, and so not privately");
#endif
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, peek_all_the_time, &peek), 0);
	for (int i = 0; i < 500; i++) {
		ASSERT_EQ(mmap(peek.addr, self->page, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_FIXED, self->fd, self->reserved), peek.addr);
		sched_yield();
		*peek.addr = i;
		sched_yield();
	}
	__atomic_store_n(&peek.done, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

static void ignore(int signal)
{
}

/*
 * A read of slow device memory can take long: here PCI's configuration space, or if
 * that is claimed or missing, addresses without a device, which x86 allows to read.
 */
TEST_F(physical, signal_ends_a_long_read)
{
	struct sigaction action = { .sa_handler = ignore };
	const __u64 config = find_resource("PCI ECAM");
	const bool is_claimed = mmap_errno(self->fd, self->page, PROT_READ, MAP_SHARED, config);
	const off_t pos = config && !is_claimed ? config : self->limit / 2;
	const size_t size = 1 << 20;
	struct iovec parts[256];
	int status;
	pid_t pid;

#ifndef __x86_64__
	if (!config || is_claimed)
		SKIP(return, "nothing here that takes long to read may be read");
#endif
	sigaction(SIGUSR1, &action, NULL);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		char *buf = malloc(size);

		for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
			parts[i] = (struct iovec){ buf, size };
		_exit(preadv(self->fd, parts, ARRAY_SIZE(parts), pos) ==
		      (ssize_t)(ARRAY_SIZE(parts) * size));
	}
	/* A signal that comes before the read does not end it: send more. */
	do {
		usleep(10000);
		kill(pid, SIGUSR1);
	} while (!waitpid(pid, &status, WNOHANG));
	EXPECT_EQ(status, 0);
}

TEST_F(physical, fdinfo_tells_the_mode)
{
	char path[64], text[512] = "", expected[128];

	sprintf(path, "/proc/self/fdinfo/%d", self->fd);
	ASSERT_GT(read(open(path, O_RDONLY), text, sizeof(text) - 1), 0);
	sprintf(expected, "mode:\tphysical\nsize:\t%llu\npages:\t0\n", self->limit);
	EXPECT_NE(strstr(text, expected), NULL) {
		TH_LOG("%s", text);
	}
}

TEST_F(physical, simplen_keeps_its_own_pages)
{
	int fd = open("/dev/simplen", O_RDWR);
	char *addr = map_shared(fd, 16, 0);

	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_TRUE(is_zero(addr, 16 * self->page));
	put_text(addr, "RAM");
	EXPECT_STREQ(addr, "RAM");
	EXPECT_EQ(mmap_errno(fd, self->page, PROT_READ, MAP_SHARED, self->card), EINVAL);
}

/* Takes CAP_SYS_RAWIO away from this process, and keeps all other capabilities. */
static int drop_rawio(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[0].effective &= ~(1 << CAP_SYS_RAWIO);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

TEST_F(physical, open_needs_cap_sys_rawio)
{
	char byte;

	ASSERT_EQ(drop_rawio(), 0);
	EXPECT_EQ(open("/dev/simpler", O_RDWR), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_GE(open("/dev/simplen", O_RDWR), 0);
	/* A process without the capability can use a file that is open. */
	EXPECT_NE(map_card(self->fd, self->page, self->card), MAP_FAILED);
	EXPECT_EQ(pread(self->fd, &byte, 1, self->card), 1);
}

/* The root of a user namespace has the capability in that namespace only. */
TEST_F(physical, open_needs_cap_sys_rawio_in_the_initial_namespace)
{
	if (unshare(CLONE_NEWUSER))
		SKIP(return, "this kernel has no user namespaces");
	EXPECT_EQ(open("/dev/simpler", O_RDWR), -1);
	EXPECT_EQ(errno, EPERM);
}

TEST(open_without_physical_needs_no_capability)
{
	ASSERT_EQ(reload_or_clear("pages=16"), 0);
	ASSERT_EQ(drop_rawio(), 0);
	EXPECT_GE(open("/dev/simpler", O_RDWR), 0);
}

TEST(parameter_is_0_or_1)
{
	int ret = unload_module();

	need_module();
	ASSERT_TRUE(ret == 0 || ret == -ENOENT);
	clear_log();
	EXPECT_EQ(load_module("physical=2"), -EINVAL);
	EXPECT_EQ(log_count("simple: parameter physical is 2, but must be 0 to 1"), 1);
}

TEST_HARNESS_MAIN
