// SPDX-License-Identifier: GPL-2.0
/*
 * A page of simplen lives as long as anybody holds a reference on it, also without
 * the mapping, the file and the module. A mapping of either device works after its
 * file is closed. A page is zero when it is seen first, whoever used the memory
 * before.
 *
 * The kernel must be booted with "init_on_alloc=0": if it zeroes all memory itself,
 * the tests of the last point cannot fail.
 */

#include "suite.h"

#include <linux/io_uring.h>
#include <linux/kernel-page-flags.h>
#include <sched.h>

#define HELD 64 /* pages that are held */
#define NEXT 500 /* pages of the region of the next load */

/* The word that fills the page with this number. */
static __u64 word_of(size_t number)
{
	return 0x5a5a0000a5a50000ULL + number;
}

static void fill(char *addr, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		for (size_t at = 0; at < page_size(); at += sizeof(__u64))
			*(__u64 *)(addr + i * page_size() + at) = word_of(i);
}

static bool is_filled(const char *addr, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		for (size_t at = 0; at < page_size(); at += sizeof(__u64))
			if (*(__u64 *)(addr + i * page_size() + at) != word_of(i))
				return false;
	return true;
}

/* Reads that many bytes. False if there are fewer. */
static bool read_whole(int fd, char *buf, size_t len)
{
	ssize_t done;

	for (; len; buf += done, len -= done) {
		done = read(fd, buf, len);
		if (done <= 0)
			return false;
	}
	return true;
}

/* Freed pages go to a list of the CPU, and allocations on the same CPU get them again. */
static int stay_on_one_processor(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	return sched_setaffinity(0, sizeof(one), &one);
}

/* What holds the pages: a pipe, or an io_uring. */
struct holder {
	int pipe[2];
	int copy[2];
	int ring;
	char *queues;
	struct io_uring_sqe *sqe;
	struct io_uring_params params;
	char *addr;
};

static int make_pipe(int ends[2])
{
	if (pipe(ends) || fcntl(ends[1], F_SETPIPE_SZ, HELD * page_size()) < 0)
		return -errno;
	return 0;
}

/* Puts the pages into a pipe without a copy. Returns 0 or a negative errno. */
static int pipe_holds(struct holder *holder, char *addr)
{
	struct iovec iov = { addr, HELD * page_size() };

	if (make_pipe(holder->pipe) || make_pipe(holder->copy))
		return -errno;
	return vmsplice(holder->pipe[1], &iov, 1, 0) == (ssize_t)iov.iov_len ? 0 : -EIO;
}

/* Does the same in a child, which then ends. */
static int dead_process_pipe_holds(struct holder *holder, char *addr)
{
	struct iovec iov = { addr, HELD * page_size() };
	int status;
	pid_t pid;

	if (make_pipe(holder->pipe) || make_pipe(holder->copy))
		return -errno;
	pid = fork();
	if (!pid)
		_exit(vmsplice(holder->pipe[1], &iov, 1, 0) != (ssize_t)iov.iov_len);
	return waitpid(pid, &status, 0) == pid && !status ? 0 : -EIO;
}

/* Reads what the pipe holds, and leaves it there: tee() puts the pages into another pipe, too. */
static bool see_by_pipe(struct holder *holder, char *buf)
{
	const size_t len = HELD * page_size();

	return tee(holder->pipe[0], holder->copy[1], len, 0) == (ssize_t)len &&
	       read_whole(holder->copy[0], buf, len);
}

static void release_pipe(struct holder *holder)
{
	for (int i = 0; i < 2; i++) {
		close(holder->pipe[i]);
		close(holder->copy[i]);
	}
}

/* Pins the pages, as the fixed buffer of an io_uring. */
static int pin_holds(struct holder *holder, char *addr)
{
	struct io_uring_params *params = &holder->params;
	struct iovec iov = { addr, HELD * page_size() };

	if (make_pipe(holder->pipe))
		return -errno;
	holder->addr = addr;
	holder->ring = syscall(SYS_io_uring_setup, 1, params);
	if (holder->ring < 0)
		return -errno;
	holder->queues = mmap(NULL, params->cq_off.cqes + params->cq_entries *
			      sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED,
			      holder->ring, IORING_OFF_SQ_RING);
	holder->sqe = mmap(NULL, sizeof(*holder->sqe), PROT_READ | PROT_WRITE, MAP_SHARED,
			   holder->ring, IORING_OFF_SQES);
	if (holder->queues == MAP_FAILED || holder->sqe == MAP_FAILED ||
	    syscall(SYS_io_uring_register, holder->ring, IORING_REGISTER_BUFFERS, &iov, 1))
		return -errno;
	return 0;
}

/* Has the ring write its buffer into a pipe, which copies it. */
static bool see_by_pin(struct holder *holder, char *buf)
{
	const size_t len = HELD * page_size();
	struct io_uring_params *params = &holder->params;
	unsigned int *tail = (unsigned int *)(holder->queues + params->sq_off.tail);
	unsigned int *array = (unsigned int *)(holder->queues + params->sq_off.array);
	struct io_uring_cqe *cqes = (struct io_uring_cqe *)(holder->queues + params->cq_off.cqes);
	unsigned int *head = (unsigned int *)(holder->queues + params->cq_off.head);
	unsigned int mask = params->cq_entries - 1;

	*holder->sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_WRITE_FIXED,
		.fd = holder->pipe[1],
		.addr = (uintptr_t)holder->addr,
		.len = len,
	};
	array[0] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, holder->ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1 ||
	    cqes[*head & mask].res != (int)len)
		return false;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return read_whole(holder->pipe[0], buf, len);
}

static void release_pin(struct holder *holder)
{
	syscall(SYS_io_uring_register, holder->ring, IORING_UNREGISTER_BUFFERS, NULL, 0);
	close(holder->ring);
	close(holder->pipe[0]);
	close(holder->pipe[1]);
}

FIXTURE(held)
{
	size_t page;
	struct holder holder;
};

FIXTURE_VARIANT(held)
{
	int (*hold)(struct holder *holder, char *addr);
	bool (*see)(struct holder *holder, char *buf);
	void (*release)(struct holder *holder);
};

FIXTURE_VARIANT_ADD(held, by_a_pipe)
{
	.hold = pipe_holds,
	.see = see_by_pipe,
	.release = release_pipe,
};

FIXTURE_VARIANT_ADD(held, by_the_pipe_of_a_dead_process)
{
	.hold = dead_process_pipe_holds,
	.see = see_by_pipe,
	.release = release_pipe,
};

FIXTURE_VARIANT_ADD(held, by_a_pin)
{
	.hold = pin_holds,
	.see = see_by_pin,
	.release = release_pin,
};

FIXTURE_SETUP(held)
{
	self->page = page_size();
	ASSERT_EQ(reload_module("pages=64"), 0);
	clear_log();
	ASSERT_EQ(stay_on_one_processor(), 0);
}

FIXTURE_TEARDOWN_PARENT(held)
{
	EXPECT_EQ(unload_module(), 0);
}

static int compare_phys(const void *a, const void *b)
{
	__u64 left = *(__u64 *)a, right = *(__u64 *)b;

	return left < right ? -1 : left > right;
}

/* How many of these pages are among the held ones. */
static size_t count_again(const __u64 *pages, size_t count, const __u64 *held)
{
	size_t again = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < HELD; j++)
			again += pages[i] == held[j];
	return again;
}

/* How many of the held pages are dirty. munmap() marks them so, and they stay so until freed. */
static size_t count_dirty(const __u64 *held, size_t page)
{
	int fd = open("/proc/kpageflags", O_RDONLY);
	size_t count = 0;
	__u64 flags;

	for (size_t i = 0; i < HELD; i++)
		count += pread(fd, &flags, sizeof(flags), held[i] / page * sizeof(flags)) ==
			 sizeof(flags) && flags & 1 << KPF_DIRTY;
	close(fd);
	return count;
}

/*
 * The pages keep their content when the mapping, the file and the module are
 * gone, and the next region gets others. When the holder releases them, each is
 * freed once: a page that was freed twice would be allocated twice in the region.
 */
TEST_F(held, outlives_mapping_file_and_module)
{
	const size_t len = HELD * self->page;
	int fd = open("/dev/simplen", O_RDWR);
	char *addr = map_shared(fd, HELD, 0), *buf = malloc(len);
	__u64 held[HELD], next[NEXT];
	size_t i;

	if (variant->hold == pin_holds && access("/proc/sys/kernel/io_uring_disabled", F_OK))
		SKIP(return, "this kernel has no io_uring");
	ASSERT_NE(addr, MAP_FAILED);
	fill(addr, HELD);
	for (i = 0; i < HELD; i++) {
		held[i] = phys_at(addr + i * self->page);
		ASSERT_NE(held[i], 0);
	}
	ASSERT_EQ(variant->hold(&self->holder, addr), 0);

	ASSERT_EQ(munmap(addr, len), 0);
	EXPECT_TRUE(variant->see(&self->holder, buf) && is_filled(buf, HELD));
	ASSERT_EQ(close(fd), 0);
	EXPECT_TRUE(variant->see(&self->holder, buf) && is_filled(buf, HELD));
	ASSERT_EQ(unload_module(), 0);
	EXPECT_EQ(log_count("pages: 64 allocated, 0 freed"), 1);
	EXPECT_TRUE(variant->see(&self->holder, buf) && is_filled(buf, HELD));

	ASSERT_EQ(load_module("pages=500"), 0);
	fd = open("/dev/simplen", O_RDWR);
	addr = map_shared(fd, NEXT, 0);
	ASSERT_NE(addr, MAP_FAILED);
	memset(addr, 0xff, NEXT / 2 * self->page);
	for (i = 0; i < NEXT / 2; i++)
		next[i] = phys_at(addr + i * self->page);
	EXPECT_EQ(count_again(next, NEXT / 2, held), 0);
	EXPECT_EQ(count_dirty(held, self->page), HELD);
	memset(buf, 0, len);
	EXPECT_TRUE(variant->see(&self->holder, buf) && is_filled(buf, HELD));

	variant->release(&self->holder);
	EXPECT_EQ(count_dirty(held, self->page), 0);
	for (; i < NEXT; i++) {
		EXPECT_EQ(addr[i * self->page], 0);
		next[i] = phys_at(addr + i * self->page);
	}
	qsort(next, NEXT, sizeof(*next), compare_phys);
	for (i = 1; i < NEXT; i++)
		ASSERT_NE(next[i], next[i - 1]);
}

/* A reference on a page is one on its folio, so that a held page keeps all 16 pages of it. */
TEST(page_that_is_held_holds_its_folio)
{
	const size_t page = page_size();
	int ends[2], fd;
	char *addr, text[16] = "";
	struct iovec iov;

	ASSERT_EQ(reload_module("pages=64"), 0);
	clear_log();
	ASSERT_EQ(pipe(ends), 0);
	fd = open("/dev/simplen", O_RDWR);
	addr = map_shared(fd, 64, 0);
	ASSERT_NE(addr, MAP_FAILED);
	fill(addr, 64);
	iov = (struct iovec){ addr + 21 * page, 16 };
	put_text(iov.iov_base, "held by a pipe");
	ASSERT_EQ(vmsplice(ends[1], &iov, 1, 0), 16);
	munmap(addr, 64 * page);
	close(fd);
	ASSERT_EQ(unload_module(), 0);
	EXPECT_EQ(log_count("pages: 64 allocated, 48 freed"), 1);
	ASSERT_EQ(read(ends[0], text, 16), 16);
	EXPECT_STREQ(text, "held by a pipe");
}

FIXTURE(closed)
{
	size_t page, pages;
	char *addr;
};

FIXTURE_VARIANT(closed)
{
	const char *device, *path;
	bool is_huge, is_simpler;
};

FIXTURE_VARIANT_ADD(closed, simpler) {
	.device = "simpler", .path = "/dev/simpler", .is_simpler = true,
};

FIXTURE_VARIANT_ADD(closed, simplen) {
	.device = "simplen", .path = "/dev/simplen",
};

FIXTURE_VARIANT_ADD(closed, simpler_huge) {
	.device = "simpler", .path = "/dev/simpler", .is_simpler = true, .is_huge = true,
};

FIXTURE_VARIANT_ADD(closed, simplen_huge) {
	.device = "simplen", .path = "/dev/simplen", .is_huge = true,
};

/* Makes a mapping and closes its file. The first half of the pages are touched. */
FIXTURE_SETUP(closed)
{
	char params[48];
	int fd;

	self->page = page_size();
	self->pages = variant->is_huge ? 1 << pmd_order() : 64;
	sprintf(params, "pages=%zu huge=%d", self->pages, variant->is_huge);
	ASSERT_EQ(reload_module(params), 0);
	clear_log();
	fd = open(variant->path, O_RDWR);
	ASSERT_GE(fd, 0);
	self->addr = map_shared(fd, self->pages, 0);
	ASSERT_NE(self->addr, MAP_FAILED);
	number(self->addr, self->pages / 2, 0);
	ASSERT_EQ(close(fd), 0);
	EXPECT_EQ(unload_module(), -EWOULDBLOCK);
}

/* When the process has ended, nothing holds the module, and its sums balance. */
FIXTURE_TEARDOWN_PARENT(closed)
{
	int ret = unload_module();

	EXPECT_TRUE(ret == 0 || ret == -ENOENT);
	EXPECT_EQ(balanced_sums(), 2) {
		TH_LOG("in the log: %s", driver_log());
	}
}

/* Unmaps the last mapping. The module can be unloaded after that, and not before. */
static void end_of(struct __test_metadata *_metadata, char *addr, size_t len)
{
	EXPECT_EQ(unload_module(), -EWOULDBLOCK);
	ASSERT_EQ(munmap(addr, len), 0);
	EXPECT_EQ(unload_module(), 0);
}

TEST_F(closed, mapping_can_be_used)
{
	EXPECT_TRUE(is_numbered(self->addr, self->pages / 2, 0));
	/* Pages that were never touched can be used, too. */
	number(self->addr, self->pages, 5);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 5));
	EXPECT_TRUE(is_numbered(map_shared(open(variant->path, O_RDWR), self->pages, 0),
				self->pages, 5));
}

TEST_F(closed, mapping_alone_holds_the_module)
{
	end_of(_metadata, self->addr, self->pages * self->page);
}

TEST_F(closed, child_ends_with_the_mapping)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		number(self->addr, self->pages, 7);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(counter(variant->device, "vmas"), 1);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 7));
	end_of(_metadata, self->addr, self->pages * self->page);
}

TEST_F(closed, child_is_killed_with_the_mapping)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid)
		for (;;)
			number(self->addr, self->pages, 0);
	ASSERT_EQ(kill(pid, SIGKILL), 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(counter(variant->device, "vmas"), 1);
	end_of(_metadata, self->addr, self->pages * self->page);
}

TEST_F(closed, child_keeps_what_its_parent_unmaps)
{
	int status, go[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(pipe(go), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (read(go[0], &byte, 1) != 1 || !is_numbered(self->addr, self->pages / 2, 0))
			_exit(1);
		number(self->addr, self->pages, 9);
		_exit(!is_numbered(self->addr, self->pages, 9));
	}
	ASSERT_EQ(munmap(self->addr, self->pages * self->page), 0);
	EXPECT_EQ(unload_module(), -EWOULDBLOCK);
	ASSERT_EQ(write(go[1], "", 1), 1);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(unload_module(), 0);
}

TEST_F(closed, mapping_is_split)
{
	const size_t middle = self->pages / 2 - 3;

	ASSERT_EQ(munmap(self->addr + middle * self->page, 6 * self->page), 0);
	EXPECT_EQ(unload_module(), -EWOULDBLOCK);
	EXPECT_TRUE(is_numbered(self->addr, middle, 0));
	number(self->addr + (middle + 6) * self->page, self->pages - middle - 6, middle + 6);
	ASSERT_EQ(munmap(self->addr, middle * self->page), 0);
	EXPECT_EQ(unload_module(), -EWOULDBLOCK);
	EXPECT_TRUE(is_numbered(self->addr + (middle + 6) * self->page, self->pages - middle - 6,
				middle + 6));
	end_of(_metadata, self->addr + (middle + 6) * self->page,
	       (self->pages - middle - 6) * self->page);
}

TEST_F(closed, mapping_is_cut_page_by_page)
{
	for (size_t i = 0; i < self->pages; i++) {
		/* From both ends to the middle. */
		size_t page = i % 2 ? self->pages - 1 - i / 2 : i / 2;

		EXPECT_EQ(unload_module(), -EWOULDBLOCK);
		if (page < self->pages / 2)
			EXPECT_TRUE(is_numbered(self->addr + page * self->page, 1, page));
		ASSERT_EQ(munmap(self->addr + page * self->page, self->page), 0);
	}
	EXPECT_EQ(unload_module(), 0);
}

TEST_F(closed, mapping_is_protected_in_part)
{
	ASSERT_EQ(mprotect(self->addr + 3 * self->page, 4 * self->page, PROT_READ), 0);
	EXPECT_TRUE(is_numbered(self->addr, self->pages / 2, 0));
	ASSERT_EQ(mprotect(self->addr, self->pages * self->page, PROT_READ | PROT_WRITE), 0);
	number(self->addr, self->pages, 3);
	EXPECT_TRUE(is_numbered(self->addr, self->pages, 3));
	end_of(_metadata, self->addr, self->pages * self->page);
}

TEST_F(closed, mapping_moves)
{
	const size_t len = self->pages * self->page;
	char *target = reserve(len, self->page);

	ASSERT_EQ(mremap(self->addr, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, target), target);
	EXPECT_TRUE(is_numbered(target, self->pages / 2, 0));
	number(target, self->pages, 4);
	EXPECT_TRUE(is_numbered(target, self->pages, 4));
	end_of(_metadata, target, len);
}

TEST_F(closed, part_of_the_mapping_moves_and_the_rest_is_unmapped)
{
	const size_t len = 5 * self->page;
	char *target = reserve(len, self->page);

	ASSERT_EQ(mremap(self->addr + 7 * self->page, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
			 target), target);
	ASSERT_EQ(munmap(self->addr, self->pages * self->page), 0);
	EXPECT_TRUE(is_numbered(target, 5, 7));
	end_of(_metadata, target, len);
}

TEST_F(closed, mapping_grows)
{
	const size_t half = self->pages / 2 * self->page, len = self->pages * self->page;
	char *addr;

	ASSERT_EQ(munmap(self->addr + half, half), 0);
	addr = mremap(self->addr, half, len, MREMAP_MAYMOVE);
	if (variant->is_simpler) {
		EXPECT_EQ(addr, MAP_FAILED);
		end_of(_metadata, self->addr, half);
		return;
	}
	ASSERT_NE(addr, MAP_FAILED);
	EXPECT_TRUE(is_numbered(addr, self->pages / 2, 0));
	number(addr, self->pages, 6);
	EXPECT_TRUE(is_numbered(addr, self->pages, 6));
	end_of(_metadata, addr, len);
}

TEST_F(closed, mapping_was_merged_with_its_neighbour)
{
	const size_t half = self->pages / 2 * self->page;
	char *addr = reserve(2 * half, self->page);
	int fd = open(variant->path, O_RDWR);

	ASSERT_EQ(mmap(addr, half, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0), addr);
	ASSERT_EQ(mmap(addr + half, half, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, half),
		  addr + half);
	ASSERT_EQ(close(fd), 0);
	ASSERT_EQ(munmap(self->addr, 2 * half), 0);
	EXPECT_EQ(counter(variant->device, "vmas"), variant->is_simpler ? 2 : 1);
	EXPECT_TRUE(is_numbered(addr, self->pages / 2, 0));
	number(addr + half, self->pages / 2, 8);
	ASSERT_EQ(munmap(addr, half), 0);
	EXPECT_TRUE(is_numbered(addr + half, self->pages / 2, 8));
	end_of(_metadata, addr + half, half);
}

TEST_F(closed, mapping_is_private)
{
	int fd = open(variant->path, O_RDWR);
	char *addr = map_private(fd, self->pages, 0);

	ASSERT_NE(addr, MAP_FAILED);
	ASSERT_EQ(close(fd), 0);
	number(addr, 5, 1000);
	ASSERT_EQ(munmap(self->addr, self->pages * self->page), 0);
	EXPECT_TRUE(is_numbered(addr, 5, 1000));
	EXPECT_TRUE(is_numbered(addr + 5 * self->page, self->pages / 2 - 5, 5));
	number(addr, self->pages, 2000);
	EXPECT_TRUE(is_numbered(addr, self->pages, 2000));
	end_of(_metadata, addr, self->pages * self->page);
}

TEST_F(closed, debugger_reads_and_writes_the_mapping)
{
	int mem = open("/proc/self/mem", O_RDWR);
	size_t seen = 0, last = self->pages - 1;

	ASSERT_EQ(pread(mem, &seen, sizeof(seen), (off_t)self->addr + 3 * self->page),
		  sizeof(seen));
	EXPECT_EQ(seen, 3);
	ASSERT_EQ(pwrite(mem, &last, sizeof(last), (off_t)self->addr + last * self->page),
		  sizeof(last));
	EXPECT_TRUE(is_numbered(self->addr + last * self->page, 1, last));
	close(mem);
	end_of(_metadata, self->addr, self->pages * self->page);
}

struct toucher {
	char *addr;
	size_t pages;
	bool good;
};

static void *touch_all(void *arg)
{
	struct toucher *toucher = arg;

	number(toucher->addr, toucher->pages, 1);
	toucher->good = is_numbered(toucher->addr, toucher->pages, 1);
	return NULL;
}

/* Each round closes the file of a mapping that another thread is the first to touch. */
TEST_F(closed, thread_touches_the_mapping_meanwhile)
{
	for (int i = 0; i < 30; i++) {
		int fd = open(variant->path, O_RDWR);
		struct toucher toucher = { map_shared(fd, self->pages, 0), self->pages, false };
		pthread_t thread;

		ASSERT_NE(toucher.addr, MAP_FAILED);
		ASSERT_EQ(pthread_create(&thread, NULL, touch_all, &toucher), 0);
		close(fd);
		pthread_join(thread, NULL);
		EXPECT_TRUE(toucher.good);
		munmap(toucher.addr, self->pages * self->page);
	}
}

/* The mapping that a child inherited outlives the process that made it, and its file. */
TEST(second_process_holds_pages)
{
	const size_t page = page_size();
	int go[2], done[2], fd, status;
	char *addr, byte = 0;
	pid_t first;

	ASSERT_EQ(reload_module("pages=64"), 0);
	clear_log();
	ASSERT_EQ(pipe(go), 0);
	ASSERT_EQ(pipe(done), 0);
	first = fork();
	ASSERT_GE(first, 0);
	if (!first) {
		fd = open("/dev/simplen", O_RDWR);
		addr = map_shared(fd, HELD, 0);
		fill(addr, HELD);
		close(fd);
		if (fork())
			_exit(0);
		/* The second process. */
		if (read(go[0], &byte, 1) == 1)
			byte = is_filled(addr, HELD);
		munmap(addr, HELD * page);
		write(done[1], &byte, 1);
		_exit(0);
	}
	ASSERT_EQ(waitpid(first, &status, 0), first);
	EXPECT_EQ(counter("simplen", "vmas"), 1);
	EXPECT_EQ(unload_module(), -EWOULDBLOCK);
	ASSERT_EQ(write(go[1], "", 1), 1);
	ASSERT_EQ(read(done[0], &byte, 1), 1);
	EXPECT_EQ(byte, 1);
	EXPECT_EQ(counter("simplen", "vmas"), 0);
	EXPECT_EQ(unload_module(), 0);
	EXPECT_EQ(log_count("VMAs: 2 opened, 2 closed; pages: 64 allocated, 64 freed"), 1);
}

#define FRESH 512 /* pages that are looked at for the first time */

FIXTURE(fresh)
{
	size_t page;
	int fd;
	char *buf; /* what was read */
	size_t order[FRESH]; /* in which the pages are read */
};

FIXTURE_VARIANT(fresh)
{
	const char *path, *params;
	bool is_simpler;
};

FIXTURE_VARIANT_ADD(fresh, simpler)
{
	.path = "/dev/simpler",
	.params = "pages=512 trace=0",
	.is_simpler = true,
};

FIXTURE_VARIANT_ADD(fresh, simplen)
{
	.path = "/dev/simplen",
	.params = "pages=512 trace=0",
};

/* FRESH pages of 4 KiB are a huge page. Of larger pages they are too few for one. */
FIXTURE_VARIANT_ADD(fresh, simplen_huge)
{
	.path = "/dev/simplen",
	.params = "pages=512 trace=0 huge=1",
};

/* Fills memory with non-zero bytes, and frees it. */
static void dirty_free_memory(void)
{
	const size_t len = 2 * FRESH * page_size();
	char *addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(addr, 0xa5, len);
	munmap(addr, len);
}

FIXTURE_SETUP(fresh)
{
	unsigned int seed = 1;

	self->page = page_size();
	self->buf = malloc(FRESH * self->page);
	memset(self->buf, 0xff, FRESH * self->page);
	for (size_t i = 0; i < FRESH; i++) {
		size_t j = rand_r(&seed) % (i + 1);

		self->order[i] = self->order[j];
		self->order[j] = i;
	}
	ASSERT_EQ(stay_on_one_processor(), 0);
	dirty_free_memory();
	ASSERT_EQ(reload_module(variant->params), 0);
	self->fd = open(variant->path, O_RDWR);
	ASSERT_GE(self->fd, 0);
}

/* Fills the whole region with non-zero bytes, for the next test to get as free memory. */
FIXTURE_TEARDOWN_PARENT(fresh)
{
	int fd = open(variant->path, O_RDWR);
	char *addr = map_shared(fd, FRESH, 0);

	EXPECT_EQ(stay_on_one_processor(), 0);
	EXPECT_NE(addr, MAP_FAILED);
	memset(addr, 0xa5, FRESH * self->page);
	munmap(addr, FRESH * self->page);
	close(fd);
	EXPECT_EQ(unload_module(), 0);
}

#define EXPECT_ALL_ZERO() EXPECT_TRUE(is_zero(self->buf, FRESH * self->page))

TEST_F(fresh, shared_mapping)
{
	char *addr = map_shared(self->fd, FRESH, 0);

	ASSERT_NE(addr, MAP_FAILED);
	for (size_t i = 0; i < FRESH; i++) {
		size_t at = self->order[i] * self->page;

		/* The first touch of every other page is a write. */
		if (i % 2)
			addr[at + 100] = 0;
		memcpy(self->buf + at, addr + at, self->page);
	}
	EXPECT_ALL_ZERO();
}

TEST_F(fresh, private_mapping)
{
	char *addr = map_private(self->fd, FRESH, 0);

	ASSERT_NE(addr, MAP_FAILED);
	for (size_t i = 0; i < FRESH; i++) {
		size_t at = self->order[i] * self->page;

		if (i % 2)
			addr[at + 100] = 0;
		memcpy(self->buf + at, addr + at, self->page);
	}
	EXPECT_ALL_ZERO();
}

TEST_F(fresh, read)
{
	for (size_t i = 0; i < FRESH; i++) {
		off_t at = self->order[i] * self->page;

		ASSERT_EQ(pread(self->fd, self->buf + at, self->page, at), self->page);
	}
	EXPECT_ALL_ZERO();
	/* Pages that faults allocate now are zero, too. */
	ASSERT_EQ(faults_of_reading(map_shared(self->fd, FRESH, 0), FRESH) > 0,
		  !variant->is_simpler);
	ASSERT_EQ(pread(self->fd, self->buf, FRESH * self->page, 0), FRESH * self->page);
	EXPECT_ALL_ZERO();
}

/* The bytes around one that is written are zero. */
TEST_F(fresh, write)
{
	for (size_t i = 0; i < FRESH; i++) {
		off_t at = self->order[i] * self->page;

		ASSERT_EQ(pwrite(self->fd, "", 1, at + 100), 1);
		ASSERT_EQ(pread(self->fd, self->buf + at, self->page, at), self->page);
	}
	EXPECT_ALL_ZERO();
}

TEST_F(fresh, read_by_a_debugger)
{
	char *addr = map_shared(self->fd, FRESH, 0);
	int mem = open("/proc/self/mem", O_RDWR);

	ASSERT_NE(addr, MAP_FAILED);
	for (size_t i = 0; i < FRESH; i++) {
		size_t at = self->order[i] * self->page;
		struct iovec to = { self->buf + at, self->page }, from = { addr + at, self->page };

		if (i % 2) {
			ASSERT_EQ(pread(mem, self->buf + at, self->page, (off_t)from.iov_base),
				  self->page);
			continue;
		}
		ASSERT_EQ(process_vm_readv(getpid(), &to, 1, &from, 1, 0),
			  variant->is_simpler ? -1 : self->page);
		/* process_vm_readv() takes references on the pages, and simpler's have none. */
		if (variant->is_simpler) {
			ASSERT_EQ(errno, EFAULT);
			memset(self->buf + at, 0, self->page);
		}
	}
	EXPECT_ALL_ZERO();
}

/* The region gets pages that were used before. Otherwise the tests above could not fail. */
TEST(memory_is_used_again)
{
	__u64 before[HELD], after[HELD];
	size_t again = 0;

	ASSERT_EQ(stay_on_one_processor(), 0);
	/* Loading the module takes some of the freed pages, so it can take several rounds. */
	for (int round = 0; round < 20 && !again; round++) {
		int fd;
		char *addr;

		ASSERT_EQ(reload_module("pages=64"), 0);
		fd = open("/dev/simplen", O_RDWR);
		addr = map_shared(fd, HELD, 0);
		ASSERT_NE(addr, MAP_FAILED);
		memset(addr, 0xa5, HELD * page_size());
		for (size_t i = 0; i < HELD; i++)
			after[i] = phys_at(addr + i * page_size());
		munmap(addr, HELD * page_size());
		close(fd);
		if (round)
			again = count_again(after, HELD, before);
		memcpy(before, after, sizeof(before));
	}
	EXPECT_GT(again, 0);
	EXPECT_EQ(unload_module(), 0);
}

/* Two threads that touch a page first, at once, in each way that allocates one. */
struct pair {
	pthread_barrier_t start, end;
	size_t page;
	int fd;
	char *writer, *reader; /* mappings */
	const char *wrong;
};

/* Whether each byte of seen is 0 or that of word: a reader can see a write half done. */
static bool is_part_of(__u64 seen, __u64 word)
{
	for (__u64 byte = 0xff; byte; byte <<= 8)
		if ((seen & byte) && (seen & byte) != (word & byte))
			return false;
	return true;
}

static void *write_first(void *arg)
{
	struct pair *pair = arg;

	for (size_t i = 0; i < FRESH; i++) {
		__u64 word = word_of(i), *at = (__u64 *)(pair->writer + i * pair->page + 8);

		pthread_barrier_wait(&pair->start);
		if (i % 2)
			__atomic_store_n(at, word, __ATOMIC_RELAXED);
		else if (pwrite(pair->fd, &word, 8, i * pair->page + 8) != 8)
			pair->wrong = "a write failed";
		pthread_barrier_wait(&pair->end);
	}
	return NULL;
}

static void *read_first(void *arg)
{
	struct pair *pair = arg;
	__u64 *buf = malloc(pair->page);

	for (size_t i = 0; i < FRESH; i++) {
		char *at = pair->reader + i * pair->page;

		pthread_barrier_wait(&pair->start);
		if (i % 4 < 2)
			memcpy(buf, at, pair->page);
		else if (pread(pair->fd, buf, pair->page, i * pair->page) != (ssize_t)pair->page)
			pair->wrong = "a read failed";
		pthread_barrier_wait(&pair->end);
		for (size_t j = 0; j < pair->page / 8; j++)
			if (!is_part_of(buf[j], j == 1 ? word_of(i) : 0))
				pair->wrong = "the reader saw what nobody wrote";
		if (__atomic_load_n((__u64 *)(at + 8), __ATOMIC_RELAXED) != word_of(i))
			pair->wrong = "a write was lost";
	}
	free(buf);
	return NULL;
}

TEST_F(fresh, threads_that_are_first_see_zeros_or_each_other)
{
	struct pair pair = { .page = self->page, .fd = self->fd };
	pthread_t threads[2];
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	ASSERT_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
	pair.writer = map_shared(self->fd, FRESH, 0);
	pair.reader = map_shared(self->fd, FRESH, 0);
	ASSERT_NE(pair.writer, MAP_FAILED);
	ASSERT_NE(pair.reader, MAP_FAILED);
	pthread_barrier_init(&pair.start, NULL, 2);
	pthread_barrier_init(&pair.end, NULL, 2);
	ASSERT_EQ(pthread_create(&threads[0], NULL, write_first, &pair), 0);
	ASSERT_EQ(pthread_create(&threads[1], NULL, read_first, &pair), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(pair.wrong, NULL) {
		TH_LOG("%s", pair.wrong);
	}
}

TEST_HARNESS_MAIN
