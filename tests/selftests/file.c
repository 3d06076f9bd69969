// SPDX-License-Identifier: GPL-2.0
/* read, write and lseek on both devices, fdinfo, and the counters in debugfs. */

#include "suite.h"

/* Pages of a folio of simplen. */
#define FOLIO 16

FIXTURE(file)
{
	size_t page, piece, pages; /* the last two in pages */
	size_t size;
	int fd;
	char *map;
};

DEVICE_VARIANTS(file);

FIXTURE_SETUP(file)
{
	char params[32];

	self->page = page_size();
	/* simpler copies pieces of this size; the region has one of them, and a part of another. */
	self->piece = (1 << 20) / self->page;
	self->pages = self->piece + 6;
	self->size = self->pages * self->page;
	sprintf(params, "pages=%zu", self->pages);
	ASSERT_EQ(reload_module(params), 0);
	self->fd = open(variant->path, O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->map = map_shared(self->fd, self->pages, 0);
	ASSERT_NE(self->map, MAP_FAILED);
}

FIXTURE_TEARDOWN_PARENT(file)
{
	EXPECT_EQ(counter(variant->device, "vmas"), 0);
	EXPECT_EQ(unload_module(), 0);
}

TEST_F(file, lseek_knows_the_size)
{
	const off_t size = self->size;

	EXPECT_EQ(lseek(self->fd, 0, SEEK_END), size);
	EXPECT_EQ(lseek(self->fd, -10, SEEK_END), size - 10);
	EXPECT_EQ(lseek(self->fd, 5, SEEK_CUR), size - 5);
	EXPECT_EQ(lseek(self->fd, 7, SEEK_SET), 7);
	EXPECT_EQ(lseek(self->fd, 0, SEEK_CUR), 7);
	EXPECT_EQ(lseek(self->fd, size, SEEK_SET), size);
	EXPECT_EQ(lseek(self->fd, size + 1, SEEK_SET), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(lseek(self->fd, -1, SEEK_SET), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(lseek(self->fd, 1, SEEK_END), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(lseek(self->fd, 0, SEEK_CUR), size);
}

static void *seek_to_and_fro(void *arg)
{
	int fd = *(int *)arg;

	for (long i = 0; i < 20000; i++) {
		off_t pos = lseek(fd, i % 2 ? 4000 : -4000, SEEK_CUR);

		if (pos < 0 && (pos != -1 || errno != EINVAL))
			return "a negative position";
	}
	return NULL;
}

TEST_F(file, threads_that_seek_do_not_get_below_the_start)
{
	pthread_t threads[2];
	void *wrong;

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, seek_to_and_fro, &self->fd), 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &wrong);
		EXPECT_EQ(wrong, NULL);
	}
	EXPECT_GE(lseek(self->fd, 0, SEEK_CUR), 0);
}

TEST_F(file, read_and_write_move_the_position)
{
	char text[8] = "";

	EXPECT_EQ(write(self->fd, "abcdef", 6), 6);
	EXPECT_EQ(lseek(self->fd, 0, SEEK_CUR), 6);
	EXPECT_EQ(lseek(self->fd, 2, SEEK_SET), 2);
	EXPECT_EQ(read(self->fd, text, 3), 3);
	EXPECT_STREQ(text, "cde");
	EXPECT_EQ(lseek(self->fd, 0, SEEK_CUR), 5);
	/* pread and pwrite do not move the position. */
	EXPECT_EQ(pwrite(self->fd, "xy", 2, 100), 2);
	EXPECT_EQ(pread(self->fd, text, 2, 100), 2);
	EXPECT_EQ(memcmp(text, "xy", 2), 0);
	EXPECT_EQ(lseek(self->fd, 0, SEEK_CUR), 5);
}

/* At odd offsets, across pages, and in simpler from one piece into the next. */
TEST_F(file, read_and_write_share_the_memory_with_mappings)
{
	const size_t page = self->page;
	const struct { size_t page, offset, len; } cases[] = {
		{ 0, 0, 1 }, { 0, 1, page - 1 }, { 1, page - 1, 2 }, { 2, 7, 2 * page + 1808 },
		{ 3, 0, 2 * page }, { self->piece - 1, page - 6, 12 },
		{ self->piece - 2, 3, 5 * page - 480 }, { self->pages - 1, 0, page },
	};
	char *buf = malloc(5 * page), *back = malloc(5 * page);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t pos = cases[i].page * page + cases[i].offset;

		for (size_t j = 0; j < cases[i].len; j++)
			buf[j] = i + j * 7 + 1;
		ASSERT_EQ(pwrite(self->fd, buf, cases[i].len, pos), cases[i].len);
		ASSERT_EQ(memcmp(self->map + pos, buf, cases[i].len), 0);
		for (size_t j = 0; j < cases[i].len; j++)
			self->map[pos + j] ^= 0x55;
		ASSERT_EQ(pread(self->fd, back, cases[i].len, pos), cases[i].len);
		ASSERT_EQ(memcmp(self->map + pos, back, cases[i].len), 0);
		ASSERT_EQ(back[0], (char)(buf[0] ^ 0x55));
	}
}

TEST_F(file, vectors_are_filled_in_order)
{
	char one[3] = "abc", two[5] = "defgh", three[8] = "";
	struct iovec out[] = { { one, 3 }, { two, 5 } }, in[] = { { three, 1 }, { three + 1, 7 } };
	const off_t pos = 2 * self->page - 4;

	EXPECT_EQ(pwritev(self->fd, out, 2, pos), 8);
	EXPECT_EQ(memcmp(self->map + pos, "abcdefgh", 8), 0);
	EXPECT_EQ(preadv(self->fd, in, 2, pos), 8);
	EXPECT_EQ(memcmp(three, "abcdefgh", 8), 0);
	EXPECT_EQ(lseek(self->fd, pos, SEEK_SET), pos);
	EXPECT_EQ(readv(self->fd, in, 2), 8);
	EXPECT_EQ(writev(self->fd, out, 2), 8);
	EXPECT_EQ(lseek(self->fd, 0, SEEK_CUR), pos + 16);
}

TEST_F(file, ends_with_the_region)
{
	char buf[100] = "";

	EXPECT_EQ(pread(self->fd, buf, 100, self->size), 0);
	EXPECT_EQ(pread(self->fd, buf, 100, self->size + 1), 0);
	EXPECT_EQ(pread(self->fd, buf, 100, self->size - 10), 10);
	EXPECT_EQ(pwrite(self->fd, buf, 100, self->size - 10), 10);
	EXPECT_EQ(pwrite(self->fd, buf, 100, self->size), -1);
	EXPECT_EQ(errno, ENOSPC);
	EXPECT_EQ(pwrite(self->fd, buf, 1, 1LL << 62), -1);
	EXPECT_EQ(errno, ENOSPC);
	EXPECT_EQ(pwrite(self->fd, buf, 0, self->size), 0);
	EXPECT_EQ(pread(self->fd, buf, 1, -1), -1);
	EXPECT_EQ(errno, EINVAL);
	/* Sequential reads and writes end with the region, too. */
	EXPECT_EQ(lseek(self->fd, -3, SEEK_END), self->size - 3);
	EXPECT_EQ(read(self->fd, buf, 100), 3);
	EXPECT_EQ(read(self->fd, buf, 100), 0);
	EXPECT_EQ(write(self->fd, buf, 1), -1);
	EXPECT_EQ(errno, ENOSPC);
}

TEST_F(file, bad_memory_is_efault)
{
	char *buf = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(buf + self->page, self->page);
	EXPECT_EQ(pread(self->fd, buf + self->page, 10, 0), -1);
	EXPECT_EQ(errno, EFAULT);
	EXPECT_EQ(pwrite(self->fd, buf + self->page, 10, 0), -1);
	EXPECT_EQ(errno, EFAULT);
	/* Half of the buffer is mapped. */
	EXPECT_EQ(pread(self->fd, buf + self->page - 5, 10, 0), 5);
	EXPECT_EQ(pwrite(self->fd, buf + self->page - 5, 10, 0), 5);
	EXPECT_EQ(pread(self->fd, buf + self->page - 5, 10, self->page - 2), 5);
}

TEST_F(file, modes_are_obeyed)
{
	int reader = open(variant->path, O_RDONLY), writer = open(variant->path, O_WRONLY);
	char byte = 0;

	EXPECT_EQ(write(reader, &byte, 1), -1);
	EXPECT_EQ(errno, EBADF);
	EXPECT_EQ(read(writer, &byte, 1), -1);
	EXPECT_EQ(errno, EBADF);
	EXPECT_EQ(read(reader, &byte, 1), 1);
	EXPECT_EQ(write(writer, &byte, 1), 1);
}

/* The source and the destination of the copy are the device's own pages. */
TEST_F(file, copies_from_and_to_its_own_mapping)
{
	put_text(self->map, "around the corner");
	EXPECT_EQ(pwrite(self->fd, self->map, 18, 5 * self->page), 18);
	EXPECT_STREQ(self->map + 5 * self->page, "around the corner");
	EXPECT_EQ(pread(self->fd, self->map + 9 * self->page, 18, 5 * self->page), 18);
	EXPECT_STREQ(self->map + 9 * self->page, "around the corner");
}

TEST_F(file, reading_allocates_nothing)
{
	char *buf = malloc(self->size);
	long pages = variant->is_simpler ? self->pages : 0;

	memset(buf, 0xff, self->size);
	EXPECT_EQ(read(self->fd, buf, self->size), self->size);
	EXPECT_TRUE(is_zero(buf, self->size));
	EXPECT_EQ(counter(variant->device, "pages"), pages);
	/* A write allocates each folio that it reaches. */
	EXPECT_EQ(pwrite(self->fd, buf, 2, FOLIO * self->page - 1), 2);
	EXPECT_EQ(counter(variant->device, "pages"), pages ?: 2 * FOLIO);
	/* Touching a mapping allocates the folio, too. */
	self->map[0] = 1;
	self->map[2 * FOLIO * self->page] = 1;
	EXPECT_EQ(counter(variant->device, "pages"), pages ?: 3 * FOLIO);
}

TEST_F(file, counters_count_vmas_and_faults)
{
	char *more = map_shared(self->fd, 4, 0);
	long faults = counter(variant->device, "faults");

	ASSERT_NE(more, MAP_FAILED);
	EXPECT_EQ(counter(variant->device, "opens"), 2);
	EXPECT_EQ(counter(variant->device, "closes"), 0);
	EXPECT_EQ(counter(variant->device, "vmas"), 2);
	EXPECT_EQ(faults_of_reading(more, 4), variant->is_simpler ? 0 : 4);
	EXPECT_EQ(counter(variant->device, "faults") - faults, variant->is_simpler ? 0 : 4);
	munmap(more + self->page, self->page);
	EXPECT_EQ(counter(variant->device, "vmas"), 3);
	munmap(more, 4 * self->page);
	EXPECT_EQ(counter(variant->device, "vmas"), 1);
	EXPECT_EQ(counter(variant->device, "opens") - counter(variant->device, "closes"), 1);
}

TEST_F(file, fdinfo_tells_of_the_region)
{
	char path[64], text[512] = "", expected[128];
	int fd;

	self->map[0] = 1;
	sprintf(path, "/proc/self/fdinfo/%d", self->fd);
	fd = open(path, O_RDONLY);
	ASSERT_GT(read(fd, text, sizeof(text) - 1), 0);
	sprintf(expected, "mode:\t%s\nsize:\t%zu\npages:\t%zu\n",
		variant->is_simpler ? "contiguous" : "on demand", self->size,
		variant->is_simpler ? self->pages : FOLIO);
	EXPECT_NE(strstr(text, expected), NULL) {
		TH_LOG("%s", text);
	}
}

TEST_HARNESS_MAIN
