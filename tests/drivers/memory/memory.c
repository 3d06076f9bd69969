// SPDX-License-Identifier: GPL-2.0
/*
 * Tests the devices of tests/drivers/memory/driver.rs: commands make the kernel use
 * the memory, at offsets of our choice, while we have it mapped.
 */

#include "suite.h"

#define NAME "memory"
#define LARGE_PAGES 130
#define MAX_DATA 4096

enum op { CHECK, WRITE, FILL, CLEAR, COPY, ADD, ADD_LAST, FILL_INNER, STORE_BYTE };

/* Sends a command to the driver. Returns 0 or a negative errno. */
static int command(int fd, enum op op, __u64 value, __u64 offset, __u64 len, const void *data,
		   size_t data_len)
{
	const __u64 words[4] = { op, value, offset, len };
	const struct iovec iov[2] = {
		{ (void *)words, sizeof(words) }, { (void *)data, data_len },
	};
	const ssize_t total = sizeof(words) + data_len;
	ssize_t done = writev(fd, iov, 2);

	return done == total ? 0 : done < 0 ? -errno : -EIO;
}

static int with_data(int fd, enum op op, __u64 offset, const void *data, size_t len)
{
	return command(fd, op, 0, offset, len, data, len);
}

static int with_value(int fd, enum op op, __u64 value, __u64 offset, __u64 len)
{
	return command(fd, op, value, offset, len, NULL, 0);
}

/* Makes bytes that differ from their neighbours, and pages that differ from each other. */
static void make_pattern(unsigned char *at, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		at[i] = 1 + (i * 7 + i / 251 + seed) % 255;
}

static bool all_are(const char *at, size_t len, unsigned char byte)
{
	return (unsigned char)at[0] == byte && (len == 1 || !memcmp(at, at + 1, len - 1));
}

FIXTURE(memory)
{
	int fd;
	size_t size;
	char *addr;
};

FIXTURE_VARIANT(memory)
{
	const char *path;
	size_t pages;
	bool has_references;
};

FIXTURE_VARIANT_ADD(memory, page) {
	.path = "/dev/memory_page", .pages = 1, .has_references = true,
};

FIXTURE_VARIANT_ADD(memory, contig) {
	.path = "/dev/memory_contig", .pages = LARGE_PAGES,
};

FIXTURE_VARIANT_ADD(memory, vmalloc) {
	.path = "/dev/memory_vmalloc", .pages = LARGE_PAGES, .has_references = true,
};

FIXTURE_SETUP(memory)
{
	ASSERT_EQ(reload_named(NAME, ""), 0);
	self->fd = open(variant->path, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->fd, 0);
	self->size = variant->pages * page_size();
	self->addr = map_shared(self->fd, variant->pages, 0);
	ASSERT_NE(self->addr, MAP_FAILED);
}

/* When the test's process has ended, nothing holds the module. */
FIXTURE_TEARDOWN_PARENT(memory)
{
	EXPECT_EQ(unload_named(NAME), 0);
}

TEST_F(memory, is_zero_at_first_sight)
{
	EXPECT_TRUE(is_zero(self->addr, self->size));
}

/* Offsets at which mistakes are likely: around the first page, in the middle, and at the end. */
static size_t places(size_t size, size_t len, __u64 *offset)
{
	const __u64 all[] = {
		0, 1, page_size() - len, page_size() - len / 2, page_size(), size / 2 + 3,
		size - page_size() + 5, size - len,
	};
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i] + len <= size)
			offset[count++] = all[i];
	return count;
}

TEST_F(memory, each_side_sees_what_the_other_writes)
{
	static const size_t lens[] = { 0, 1, 7, 8, 100, 4096 };
	unsigned char data[MAX_DATA], back[MAX_DATA];
	__u64 offset[8];

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		const size_t len = lens[i], count = places(self->size, len, offset);

		for (size_t k = 0; k < count; k++) {
			char *at = self->addr + offset[k];

			/* Write to the mapping. Read by SharedBytes::read() and copy_to_iter(). */
			make_pattern(data, len, 8 * i + k);
			memcpy(at, data, len);
			EXPECT_EQ(with_data(self->fd, CHECK, offset[k], data, len), 0);
			memset(back, 0, sizeof(back));
			EXPECT_EQ(pread(self->fd, back, len, offset[k]), len);
			EXPECT_EQ(memcmp(back, data, len), 0);
			/* Write by SharedBytes::write() and copy_from_iter(). Read the mapping. */
			make_pattern(data, len, 8 * i + k + 100);
			EXPECT_EQ(with_data(self->fd, WRITE, offset[k], data, len), 0);
			EXPECT_EQ(memcmp(at, data, len), 0);
			make_pattern(data, len, 8 * i + k + 200);
			EXPECT_EQ(with_data(self->fd, COPY, offset[k], data, len), 0);
			EXPECT_EQ(memcmp(at, data, len), 0);
		}
	}
	data[0]++;
	EXPECT_EQ(with_data(self->fd, CHECK, offset[0], data, 100), -EIO);
}

TEST_F(memory, fill_and_clear_keep_to_their_range)
{
	__u64 offset[8];
	const size_t len = 100, count = places(self->size, len, offset);

	for (size_t k = 0; k < count; k++) {
		char *at = self->addr + offset[k];
		size_t after = self->size - len - offset[k];

		EXPECT_EQ(with_value(self->fd, FILL, 0x11, 0, self->size), 0);
		EXPECT_TRUE(all_are(self->addr, self->size, 0x11));
		EXPECT_EQ(with_value(self->fd, FILL, 0xa5, offset[k], len), 0);
		EXPECT_TRUE(all_are(at, len, 0xa5));
		EXPECT_EQ(with_value(self->fd, FILL_INNER, 0xfe, offset[k], len), 0);
		EXPECT_TRUE(all_are(at, 1, 0xa5));
		EXPECT_TRUE(all_are(at + 1, len - 2, 0xfe));
		EXPECT_TRUE(all_are(at + len - 1, 1, 0xa5));
		EXPECT_EQ(with_value(self->fd, CLEAR, 0, offset[k], len), 0);
		EXPECT_TRUE(all_are(at, len, 0));
		EXPECT_TRUE(!offset[k] || all_are(self->addr, offset[k], 0x11));
		EXPECT_TRUE(!after || all_are(at + len, after, 0x11));
	}
}

TEST_F(memory, atomics_are_at_their_offsets)
{
	const __u64 last = self->size - 8;
	__u32 *u32s = (__u32 *)self->addr;
	__u64 *u64s = (__u64 *)self->addr;

	u32s[3] = 40;
	EXPECT_EQ(with_value(self->fd, ADD, 2, 12, 4), 0);
	EXPECT_EQ(u32s[3], 42);
	/* An overflow does not change the next word. */
	u32s[3] = ~0;
	EXPECT_EQ(with_value(self->fd, ADD, 1, 12, 4), 0);
	EXPECT_EQ(u32s[3], 0);
	EXPECT_EQ(u32s[4], 0);
	u64s[last / 8] = 1ULL << 40;
	EXPECT_EQ(with_value(self->fd, ADD, 5, last, 8), 0);
	EXPECT_EQ(u64s[last / 8], (1ULL << 40) + 5);
	EXPECT_EQ(with_value(self->fd, ADD, -5, last, 8), 0);
	EXPECT_EQ(u64s[last / 8], 1ULL << 40);
	u64s[page_size() / 8 - 1] = 7;
	EXPECT_EQ(with_value(self->fd, ADD_LAST, 1ULL << 50, 0, 0), 0);
	EXPECT_EQ(u64s[page_size() / 8 - 1], (1ULL << 50) + 7);
	EXPECT_EQ(with_value(self->fd, STORE_BYTE, 0x7e, 101, 0), 0);
	EXPECT_EQ(self->addr[101], 0x7e);
	EXPECT_EQ(self->addr[100], 0);
	EXPECT_EQ(self->addr[102], 0);
}

TEST_F(memory, ranges_outside_of_the_memory_are_refused)
{
	const struct {
		__u64 offset, len;
	} outside[] = {
		{ self->size - 3, 4 }, { self->size, 1 }, { self->size + 1, 0 }, { ~0ULL, 0 },
		{ ~0ULL, 1 }, { ~0ULL - 3, 8 }, { 1ULL << 63, 8 },
	};
	const __u64 no_atomic[] = {
		1, 2, 4, 7, self->size - 4, self->size, self->size + 8, ~7ULL, 1ULL << 63,
	};
	unsigned char data[8] = "12345678", back[8];

	memset(self->addr, 0x5a, self->size);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		const __u64 offset = outside[i].offset, len = outside[i].len;

		EXPECT_EQ(with_data(self->fd, CHECK, offset, data, len), -EINVAL);
		EXPECT_EQ(with_data(self->fd, WRITE, offset, data, len), -EINVAL);
		EXPECT_EQ(with_data(self->fd, COPY, offset, data, len), -EINVAL);
		EXPECT_EQ(with_value(self->fd, FILL, 0, offset, len), -EINVAL);
		EXPECT_EQ(with_value(self->fd, CLEAR, 0, offset, len), -EINVAL);
		EXPECT_EQ(with_value(self->fd, FILL_INNER, 0, offset, len), -ENXIO);
		if ((off_t)offset >= 0) {
			EXPECT_EQ(pread(self->fd, back, len, offset), -1);
			EXPECT_EQ(errno, EINVAL);
		}
	}
	/* A range whose end is before its start. */
	EXPECT_EQ(with_value(self->fd, FILL, 0, 8, ~0ULL), -EINVAL);
	EXPECT_EQ(with_value(self->fd, FILL_INNER, 0, 8, ~0ULL), -ENXIO);
	EXPECT_EQ(with_value(self->fd, COPY, 0, 8, ~0ULL), -EINVAL);
	/* FILL_INNER leaves out the first and the last byte, and fails if there are not two. */
	EXPECT_EQ(with_value(self->fd, FILL_INNER, 0, 8, 0), -ENXIO);
	EXPECT_EQ(with_value(self->fd, FILL_INNER, 0, 8, 1), -ENXIO);
	EXPECT_EQ(with_value(self->fd, FILL_INNER, 0, 8, 2), 0);
	for (size_t i = 0; i < ARRAY_SIZE(no_atomic); i++)
		EXPECT_EQ(with_value(self->fd, ADD, 1, no_atomic[i], 8), -ENXIO);
	EXPECT_EQ(with_value(self->fd, ADD, 1, 2, 4), -ENXIO);
	EXPECT_EQ(with_value(self->fd, ADD, 1, self->size, 4), -ENXIO);
	EXPECT_EQ(with_value(self->fd, STORE_BYTE, 1, self->size, 0), -ENXIO);
	EXPECT_EQ(with_value(self->fd, STORE_BYTE, 1, ~0ULL, 0), -ENXIO);
	EXPECT_TRUE(all_are(self->addr, self->size, 0x5a));
	/* An empty range at the end is in the memory. */
	EXPECT_EQ(with_value(self->fd, CLEAR, 0, self->size, 0), 0);
	EXPECT_EQ(with_data(self->fd, CHECK, self->size, data, 0), 0);
}

/* Copies from and to addresses where user space has nothing mapped. */
TEST_F(memory, copies_end_where_user_space_has_no_memory)
{
	const size_t page = page_size();
	char *hole = map_shared(self->fd, 1, 0);
	char *anon = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	ASSERT_EQ(munmap(hole, page), 0);
	ASSERT_EQ(munmap(anon + page, page), 0);
	memset(self->addr, 0x5a, page);
	EXPECT_EQ(with_data(self->fd, COPY, 0, hole, 100), -EFAULT);
	EXPECT_TRUE(all_are(self->addr, page, 0x5a));
	EXPECT_EQ(pread(self->fd, anon + page - 10, 100, 0), 10);
	EXPECT_TRUE(all_are(anon + page - 10, 10, 0x5a));
	/* The source and the destination are the same memory, at different addresses. */
	EXPECT_EQ(with_data(self->fd, COPY, 0, self->addr, 100), 0);
	EXPECT_TRUE(all_are(self->addr, page, 0x5a));
}

/* A thread that writes where the kernel writes at the same time. */
struct racer {
	char *addr;
	size_t size;
	bool stop;
};

static void *race(void *arg)
{
	struct racer *racer = arg;

	for (unsigned int round = 0; !__atomic_load_n(&racer->stop, __ATOMIC_RELAXED); round++)
		/* All but the first 64 bytes. */
		memset(racer->addr + 64, round, racer->size - 64);
	return NULL;
}

TEST_F(memory, kernel_works_beside_a_racing_writer)
{
	struct racer racer = { self->addr, self->size, false };
	unsigned char data[MAX_DATA], back[MAX_DATA];
	pthread_t thread;
	int ret;

	memset(self->addr, 0, 64);
	memset(data, 0xee, sizeof(data));
	ASSERT_EQ(pthread_create(&thread, NULL, race, &racer), 0);
	for (int i = 0; i < 2000; i++) {
		const __u64 offset = 64 + (i * 1237) % (self->size - 64 - 512);

		ASSERT_EQ(with_data(self->fd, WRITE, offset, data, 512), 0);
		ret = with_data(self->fd, CHECK, offset, data, 512);
		ASSERT_TRUE(ret == 0 || ret == -EIO);
		ASSERT_EQ(with_data(self->fd, COPY, offset, data, 512), 0);
		ASSERT_EQ(with_value(self->fd, FILL, i, offset, 512), 0);
		ASSERT_EQ(with_value(self->fd, CLEAR, 0, offset, 512), 0);
		ASSERT_EQ(with_value(self->fd, ADD, i, offset & ~7ULL, 8), 0);
		ASSERT_EQ(pread(self->fd, back, 512, offset), 512);
	}
	__atomic_store_n(&racer.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	/* The bytes that nobody wrote to are unchanged, and the commands work as before. */
	EXPECT_TRUE(is_zero(self->addr, 64));
	EXPECT_EQ(with_value(self->fd, FILL, 0x33, 0, self->size), 0);
	EXPECT_TRUE(all_are(self->addr, self->size, 0x33));
}

#define ADDS 20000

static void *add(void *arg)
{
	for (int i = 0; i < ADDS; i++) {
		__atomic_fetch_add((__u64 *)arg, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add((__u32 *)arg + 2, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* No addition of the kernel's or of the thread's is lost. */
TEST_F(memory, atomics_of_both_sides_add_up)
{
	const __u64 offset = self->size - 16;
	char *at = self->addr + offset;
	pthread_t thread;

	ASSERT_EQ(pthread_create(&thread, NULL, add, at), 0);
	for (int i = 0; i < ADDS; i++) {
		ASSERT_EQ(with_value(self->fd, ADD, 1, offset, 8), 0);
		ASSERT_EQ(with_value(self->fd, ADD, 1, offset + 8, 4), 0);
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(*(__u64 *)at, 2 * ADDS);
	EXPECT_EQ(*(__u32 *)(at + 8), 2 * ADDS);
}

TEST_F(memory, offsets_lead_to_the_right_pages)
{
	const size_t page = page_size(), numbers[] = { 0, variant->pages / 2, variant->pages - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const __u64 offset = numbers[i] * page;
		char *one = map_shared(self->fd, 1, numbers[i]);

		ASSERT_NE(one, MAP_FAILED);
		EXPECT_EQ(with_value(self->fd, FILL, 0x40 + i, offset, page), 0);
		EXPECT_TRUE(all_are(one, page, 0x40 + i));
		EXPECT_TRUE(all_are(self->addr + offset, page, 0x40 + i));
		if (variant->has_references) {
			EXPECT_NE(phys_at(one), 0);
			EXPECT_EQ(phys_at(one), phys_at(self->addr + offset));
		}
	}
	EXPECT_EQ(signal_of_access(map_shared(self->fd, variant->pages + 1, 0) + self->size, false),
		  SIGBUS);
	EXPECT_EQ(signal_of_access(map_shared(self->fd, 1, variant->pages), true), SIGBUS);
}

TEST_F(memory, survives_fork_and_munmap)
{
	const __u64 last = self->size - 8;
	int status;
	pid_t pid;

	put_text(self->addr + last, "parent");
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		bool same = !strcmp(self->addr + last, "parent");

		put_text(self->addr + last, "child");
		same &= with_value(self->fd, FILL, 'c', 0, 8) == 0;
		same &= all_are(self->addr, 8, 'c');
		_exit(!same);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_STREQ(self->addr + last, "child");
	EXPECT_TRUE(all_are(self->addr, 8, 'c'));
	ASSERT_EQ(munmap(self->addr, self->size), 0);
	EXPECT_EQ(with_data(self->fd, CHECK, last, "child", 6), 0);
	self->addr = map_shared(self->fd, variant->pages, 0);
	EXPECT_STREQ(self->addr + last, "child");
}

TEST_F(memory, private_mapping_copies_on_write)
{
	char *copy = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, 0);

	if (!variant->has_references) {
		EXPECT_EQ(copy, MAP_FAILED);
		return;
	}
	ASSERT_NE(copy, MAP_FAILED);
	copy[self->size - 1] = 1;
	EXPECT_EQ(self->addr[self->size - 1], 0);
	EXPECT_EQ(with_value(self->fd, FILL, 2, self->size - 2, 2), 0);
	EXPECT_EQ(copy[self->size - 1], 1);
	EXPECT_EQ(self->addr[self->size - 1], 2);
}

/* A page that a pipe holds stays when the rest of the memory is freed. */
TEST_F(memory, pipe_keeps_a_page)
{
	const size_t page = page_size(), numbers[] = { 0, variant->pages / 2, variant->pages - 1 };
	char text[16] = "";
	int ends[2];

	ASSERT_EQ(pipe(ends), 0);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		char *at = self->addr + numbers[i] * page;
		struct iovec iov = { at, 16 };

		EXPECT_EQ(with_data(self->fd, WRITE, numbers[i] * page, "held by a pipe", 15), 0);
		if (!variant->has_references) {
			EXPECT_EQ(vmsplice(ends[1], &iov, 1, 0), -1);
			continue;
		}
		ASSERT_EQ(vmsplice(ends[1], &iov, 1, 0), 16);
	}
	munmap(self->addr, self->size);
	close(self->fd);
	EXPECT_EQ(unload_named(NAME), 0);
	/* If a page of them were free, one of these would get and overwrite it. */
	memset(mmap(NULL, 2000 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	       0xa5, 2000 * page);
	for (size_t i = 0; variant->has_references && i < ARRAY_SIZE(numbers); i++) {
		ASSERT_EQ(read(ends[0], text, 16), 16);
		EXPECT_STREQ(text, "held by a pipe");
	}
	/* The teardown unloads it. */
	EXPECT_EQ(load_named(NAME, ""), 0);
}

/* If a page were not freed, that memory would be missing. */
TEST(all_memory_is_freed)
{
	const int rounds = 20;
	const long used = 2 * LARGE_PAGES * page_size() / 1024;
	long before = 0;

	for (int i = 0; i < 2 * rounds; i++) {
		int fd;
		char *addr;

		ASSERT_EQ(reload_named(NAME, ""), 0);
		fd = open("/dev/memory_vmalloc", O_RDWR);
		addr = map_shared(fd, LARGE_PAGES, 0);
		memset(addr, 1, LARGE_PAGES * page_size());
		munmap(addr, LARGE_PAGES * page_size());
		close(fd);
		/* The first ones fill the kernel's own caches. */
		if (i == rounds)
			before = free_memory();
	}
	EXPECT_LE(memory_lost(before, rounds / 4 * used), rounds / 4 * used);
	EXPECT_EQ(unload_named(NAME), 0);
}

TEST_HARNESS_MAIN
