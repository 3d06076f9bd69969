// SPDX-License-Identifier: GPL-2.0
/*
 * Runs in the guest: uses the Rust binder driver, which the series changes, and unmaps the buffers
 * of a process in several ways. The kernel's harness for selftests runs each test in a process of
 * its own, which is both sides of a transaction: it has opened the device twice.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/android/binder.h>

#include "kselftest_harness.h"

#define PAGES 8
#define RACE_PAGES 256
#define RACES 40

/* Each mount of binderfs has devices and a context manager of its own. */
FIXTURE(binder) {
	char dir[32];
	char device[48];
	size_t page;
	int server;		/* the context manager */
	int client;
	char *buffers;		/* those of the server */
};

static int write_command(int fd, __u32 command, const void *argument)
{
	char bytes[256];
	struct binder_write_read bwr = {
		.write_buffer = (binder_uintptr_t)bytes,
		.write_size = sizeof(command) + _IOC_SIZE(command),
	};

	memcpy(bytes, &command, sizeof(command));
	if (argument)
		memcpy(bytes + sizeof(command), argument, _IOC_SIZE(command));
	return ioctl(fd, BINDER_WRITE_READ, &bwr);
}

/* Sends a transaction to the context manager, or the reply to a transaction. */
static int send_data(int fd, __u32 command, const void *data, size_t size)
{
	struct binder_transaction_data transaction = {
		.code = 1,
		.data_size = size,
		.data.ptr.buffer = (binder_uintptr_t)data,
	};

	return write_command(fd, command, &transaction);
}

static int send_text(int fd, __u32 command, const char *text)
{
	return send_data(fd, command, text, strlen(text) + 1);
}

static int free_buffer(int fd, binder_uintptr_t buffer)
{
	return write_command(fd, BC_FREE_BUFFER, &buffer);
}

/*
 * Reads until there is a transaction, a reply or an error, and returns which of them. Returns 0 if
 * there is none, as the files do not block.
 */
static __u32 receive(int fd, struct binder_transaction_data *data)
{
	char commands[512];
	struct binder_write_read bwr = {
		.read_buffer = (binder_uintptr_t)commands,
	};
	__u32 command, found = 0;
	size_t at;

	while (!found) {
		bwr.read_size = sizeof(commands);
		bwr.read_consumed = 0;
		if (ioctl(fd, BINDER_WRITE_READ, &bwr))
			return 0;
		for (at = 0; at + sizeof(command) <= bwr.read_consumed; at += _IOC_SIZE(command)) {
			memcpy(&command, commands + at, sizeof(command));
			at += sizeof(command);
			if (command == BR_TRANSACTION || command == BR_REPLY)
				memcpy(data, commands + at, sizeof(*data));
			else if (command != BR_DEAD_REPLY && command != BR_FAILED_REPLY)
				continue;
			found = command;
		}
	}
	return found;
}

static void *map(int fd, size_t size)
{
	return mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
}

static int open_device(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

FIXTURE_SETUP(binder)
{
	self->page = sysconf(_SC_PAGESIZE);
	snprintf(self->dir, sizeof(self->dir), "/tmp/binder.XXXXXX");
	ASSERT_NE(mkdtemp(self->dir), NULL);
	ASSERT_EQ(mount("binder", self->dir, "binder", 0, "stats=global"), 0);
	snprintf(self->device, sizeof(self->device), "%s/binder", self->dir);
	self->server = open_device(self->device);
	self->client = open_device(self->device);
	ASSERT_GE(self->server, 0);
	ASSERT_GE(self->client, 0);
	ASSERT_EQ(ioctl(self->server, BINDER_SET_CONTEXT_MGR, 0), 0);
	self->buffers = map(self->server, PAGES * self->page);
	ASSERT_NE(self->buffers, MAP_FAILED);
	ASSERT_NE(map(self->client, PAGES * self->page), MAP_FAILED);
	ASSERT_EQ(write_command(self->server, BC_ENTER_LOOPER, NULL), 0);
}

FIXTURE_TEARDOWN(binder)
{
	close(self->server);
	close(self->client);
	umount2(self->dir, MNT_DETACH);
	rmdir(self->dir);
}

#define SEND(text) send_text(self->client, BC_TRANSACTION, (text))
#define REPLY(text) send_text(self->server, BC_REPLY, (text))

/* A transaction and its reply arrive in the buffers, which are then free again. */
#define ROUND_TRIP() do { \
	struct binder_transaction_data _data; \
	\
	ASSERT_EQ(SEND("question"), 0); \
	ASSERT_EQ(receive(self->server, &_data), BR_TRANSACTION); \
	ASSERT_EQ(_data.data_size, strlen("question") + 1); \
	ASSERT_GE((char *)_data.data.ptr.buffer, self->buffers); \
	ASSERT_LT((char *)_data.data.ptr.buffer, self->buffers + PAGES * self->page); \
	ASSERT_STREQ((char *)_data.data.ptr.buffer, "question"); \
	ASSERT_EQ(REPLY("answer"), 0); \
	ASSERT_EQ(free_buffer(self->server, _data.data.ptr.buffer), 0); \
	ASSERT_EQ(receive(self->client, &_data), BR_REPLY); \
	ASSERT_STREQ((char *)_data.data.ptr.buffer, "answer"); \
	ASSERT_EQ(free_buffer(self->client, _data.data.ptr.buffer), 0); \
} while (0)

/* The driver knows that the server has no buffers: it tells the client, and the server nothing. */
#define EXPECT_DEAD() do { \
	struct binder_transaction_data _data; \
	\
	ASSERT_EQ(SEND("lost"), 0); \
	EXPECT_EQ(receive(self->client, &_data), BR_DEAD_REPLY); \
	EXPECT_EQ(receive(self->server, &_data), 0); \
} while (0)

/* The signal by which a child dies that reads the byte at addr, or 0. */
static int signal_of_read(const char *addr)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		asm volatile("" : : "r" (*addr));
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* Whether the page is mapped, without touching it. */
static int present(const char *addr)
{
	unsigned char there = 0;

	return mincore((void *)addr, 1, &there) ? -1 : there & 1;
}

/* How many pages the driver's shrinker could free, or -1. */
static long shrinkable(void)
{
	unsigned long id;
	long count = -1;
	glob_t found;
	FILE *file;

	if (glob("/sys/kernel/debug/shrinker/android-binder-*/count", 0, NULL, &found))
		return -1;
	file = fopen(found.gl_pathv[0], "r");
	/* A shrinker without pages prints nothing. */
	if (file && fscanf(file, "%lu %ld", &id, &count) != 2)
		count = 0;
	if (file)
		fclose(file);
	globfree(&found);
	return count;
}

/*
 * Waits until the driver has freed the pages of processes that have ended, and returns how many are
 * left.
 */
static long settled(void)
{
	int tries;

	for (tries = 0; shrinkable() > 0 && tries < 300; tries++)
		usleep(10000);
	return shrinkable();
}

static int drop_slab(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	int ret = write(fd, "2", 1) == 1 ? 0 : -1;

	close(fd);
	return ret;
}

TEST_F(binder, transactions_arrive)
{
	ROUND_TRIP();
	ROUND_TRIP();
}

TEST_F(binder, unmapped_before_the_first_transaction)
{
	ASSERT_EQ(munmap(self->buffers, PAGES * self->page), 0);
	EXPECT_DEAD();
}

/* The driver has a page for the next transaction already. */
TEST_F(binder, unmapped_after_a_transaction)
{
	ROUND_TRIP();
	ASSERT_EQ(munmap(self->buffers, PAGES * self->page), 0);
	EXPECT_DEAD();
}

TEST_F(binder, a_part_is_unmapped)
{
	ROUND_TRIP();
	ASSERT_EQ(munmap(self->buffers + 2 * self->page, self->page), 0);
	EXPECT_DEAD();
}

TEST_F(binder, buffers_are_moved)
{
	size_t size = PAGES * self->page;
	void *place = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ROUND_TRIP();
	ASSERT_NE(place, MAP_FAILED);
	ASSERT_EQ(mremap(self->buffers, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place), place);
	EXPECT_DEAD();
}

/* All that mprotect() does is to split the VMA. */
TEST_F(binder, a_split_leaves_the_buffers)
{
	size_t size = (PAGES - 1) * self->page;
	struct binder_transaction_data data;
	char *sent = malloc(size);
	int round;

	ASSERT_NE(sent, NULL);
	memset(sent, 1, size);
	ASSERT_EQ(mprotect(self->buffers + 2 * self->page, self->page, PROT_NONE), 0);
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(send_data(self->client, BC_TRANSACTION, sent, size), 0);
		ASSERT_EQ(receive(self->server, &data), BR_TRANSACTION);
		ASSERT_EQ((char *)data.data.ptr.buffer, self->buffers);
		EXPECT_EQ(memcmp(self->buffers, sent, 2 * self->page), 0);
		EXPECT_EQ(memcmp(self->buffers + 3 * self->page, sent, size - 3 * self->page), 0);
		ASSERT_EQ(REPLY("answer"), 0);
		ASSERT_EQ(free_buffer(self->server, data.data.ptr.buffer), 0);
		ASSERT_EQ(receive(self->client, &data), BR_REPLY);
		/* The next round needs new pages. */
		ASSERT_EQ(drop_slab(), 0);
		EXPECT_EQ(present(self->buffers + 4 * self->page), 0);
	}
	free(sent);
}

TEST_F(binder, other_memory_replaces_the_buffers)
{
	char *other = mmap(self->buffers, PAGES * self->page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	size_t i;

	ASSERT_EQ(other, self->buffers);
	EXPECT_DEAD();
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(present(other + i * self->page), 0);
}

/* These are of the same driver, so only the driver can tell them apart. */
TEST_F(binder, other_buffers_replace_the_buffers)
{
	int fd = open_device(self->device);
	char *other;

	ASSERT_GE(fd, 0);
	ROUND_TRIP();
	ASSERT_EQ(munmap(self->buffers, PAGES * self->page), 0);
	other = mmap(self->buffers, PAGES * self->page, PROT_READ,
		     MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0);
	ASSERT_EQ(other, self->buffers);
	EXPECT_DEAD();
	EXPECT_EQ(present(other), 0);
	close(fd);
}

/* The server learns of a transaction that was sent before, can answer it and frees its buffer. */
TEST_F(binder, unmapped_with_a_transaction_on_its_way)
{
	struct binder_transaction_data data;

	ASSERT_EQ(SEND("question"), 0);
	ASSERT_EQ(munmap(self->buffers, PAGES * self->page), 0);
	ASSERT_EQ(receive(self->server, &data), BR_TRANSACTION);
	EXPECT_EQ((char *)data.data.ptr.buffer, self->buffers);
	ASSERT_EQ(REPLY("answer"), 0);
	ASSERT_EQ(free_buffer(self->server, data.data.ptr.buffer), 0);
	ASSERT_EQ(receive(self->client, &data), BR_REPLY);
	EXPECT_STREQ((char *)data.data.ptr.buffer, "answer");
	EXPECT_DEAD();
}

/* The kernel's own access to the buffer: it reads the object there to give the reference back. */
TEST_F(binder, unmapped_with_a_reference_on_its_way)
{
	struct flat_binder_object object = {
		.hdr.type = BINDER_TYPE_BINDER,
		.binder = 0x1234,
		.cookie = 0x5678,
	};
	binder_size_t offset = 0;
	struct binder_transaction_data data = {
		.data_size = sizeof(object),
		.data.ptr.buffer = (binder_uintptr_t)&object,
		.offsets_size = sizeof(offset),
		.data.ptr.offsets = (binder_uintptr_t)&offset,
	};
	struct binder_node_info_for_ref info = { .handle = 1 };

	ASSERT_EQ(ioctl(self->server, BINDER_GET_NODE_INFO_FOR_REF, &info), -1);
	ASSERT_EQ(write_command(self->client, BC_TRANSACTION, &data), 0);
	ASSERT_EQ(munmap(self->buffers, PAGES * self->page), 0);
	ASSERT_EQ(receive(self->server, &data), BR_TRANSACTION);
	ASSERT_EQ(ioctl(self->server, BINDER_GET_NODE_INFO_FOR_REF, &info), 0);
	EXPECT_EQ(info.strong_count, 1);
	ASSERT_EQ(free_buffer(self->server, data.data.ptr.buffer), 0);
	memset(&info, 0, sizeof(info));
	info.handle = 1;
	EXPECT_EQ(ioctl(self->server, BINDER_GET_NODE_INFO_FOR_REF, &info), -1);
}

TEST_F(binder, the_shrinker_frees_mapped_pages)
{
	ASSERT_EQ(settled(), 0);
	ROUND_TRIP();
	ASSERT_EQ(present(self->buffers), 1);
	ASSERT_EQ(shrinkable(), 2);
	ASSERT_EQ(drop_slab(), 0);
	EXPECT_EQ(shrinkable(), 0);
	EXPECT_EQ(present(self->buffers), 0);
	ROUND_TRIP();
}

TEST_F(binder, the_shrinker_frees_unmapped_pages)
{
	ASSERT_EQ(settled(), 0);
	ROUND_TRIP();
	ASSERT_EQ(munmap(self->buffers, PAGES * self->page), 0);
	ASSERT_EQ(shrinkable(), 2);
	ASSERT_EQ(drop_slab(), 0);
	EXPECT_EQ(shrinkable(), 0);
	EXPECT_DEAD();
}

/* Pages that are still mapped somewhere stay for as long as they are. */
TEST_F(binder, the_shrinker_leaves_a_part)
{
	struct binder_transaction_data data;

	ASSERT_EQ(settled(), 0);
	ASSERT_EQ(SEND("question"), 0);
	ASSERT_EQ(receive(self->server, &data), BR_TRANSACTION);
	ASSERT_EQ(munmap(self->buffers + self->page, self->page), 0);
	EXPECT_STREQ((char *)data.data.ptr.buffer, "question");
	ASSERT_EQ(free_buffer(self->server, data.data.ptr.buffer), 0);
	ASSERT_EQ(shrinkable(), 1);
	ASSERT_EQ(drop_slab(), 0);
	EXPECT_EQ(shrinkable(), 0);
	EXPECT_STREQ(self->buffers, "question");
}

TEST_F(binder, a_file_is_mapped_once)
{
	EXPECT_EQ(map(self->server, self->page), MAP_FAILED);
	EXPECT_EQ(errno, EBUSY);
	ASSERT_EQ(munmap(self->buffers, PAGES * self->page), 0);
	EXPECT_EQ(map(self->server, self->page), MAP_FAILED);
	EXPECT_EQ(errno, EBUSY);
}

/* What was refused does not count. */
TEST_F(binder, buffers_are_not_writable)
{
	int fd = open_device(self->device);
	char *buffers;

	ASSERT_GE(fd, 0);
	EXPECT_EQ(mmap(NULL, self->page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), MAP_FAILED);
	EXPECT_EQ(errno, EPERM);
	buffers = map(fd, self->page);
	ASSERT_NE(buffers, MAP_FAILED);
	EXPECT_EQ(mprotect(buffers, self->page, PROT_READ | PROT_WRITE), -1);
	EXPECT_EQ(errno, EACCES);
	EXPECT_EQ(present(buffers), 0);
	close(fd);
}

TEST_F(binder, another_process_cannot_map)
{
	int fd = open_device(self->device);
	int status;
	pid_t pid;

	ASSERT_GE(fd, 0);
	pid = fork();
	if (pid == 0)
		_exit(map(fd, self->page) == MAP_FAILED ? errno : 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(WEXITSTATUS(status), EINVAL);
	EXPECT_NE(map(fd, self->page), MAP_FAILED);
	close(fd);
}

TEST_F(binder, a_child_has_no_buffers)
{
	ROUND_TRIP();
	EXPECT_EQ(signal_of_read(self->buffers), SIGSEGV);
	EXPECT_EQ(madvise(self->buffers, PAGES * self->page, MADV_DOFORK), -1);
	EXPECT_EQ(signal_of_read(self->buffers), SIGSEGV);
	ROUND_TRIP();
}

struct race {
	char *at;
	size_t size;
	long delay;	/* in nanoseconds */
	pthread_barrier_t barrier;
};

static long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void *replace(void *argument)
{
	struct race *race = argument;
	long start;

	pthread_barrier_wait(&race->barrier);
	start = now();
	while (now() - start < race->delay)
		;
	munmap(race->at, race->size);
	return mmap(race->at, race->size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/*
 * A transaction that needs many new pages, while the server replaces its buffers by other memory:
 * later from round to round, up to as long after the start of the transaction as the first took.
 */
TEST_F(binder, unmapping_races_with_a_transaction)
{
	static char data[(RACE_PAGES - 2) * 4096];
	struct binder_transaction_data received;
	int round, arrived = 0;
	size_t i, touched = 0;
	long start, whole = 0;

	memset(data, 1, sizeof(data));
	for (round = 0; round < RACES; round++) {
		struct race race = {
			.size = RACE_PAGES * self->page,
			.delay = round ? whole * round / RACES : 1000000000L,
		};
		pthread_t thread;
		char device[48];
		char dir[] = "/tmp/race.XXXXXX";
		int server, client;

		ASSERT_NE(mkdtemp(dir), NULL);
		ASSERT_EQ(mount("binder", dir, "binder", 0, NULL), 0);
		snprintf(device, sizeof(device), "%s/binder", dir);
		server = open_device(device);
		client = open_device(device);
		ASSERT_EQ(ioctl(server, BINDER_SET_CONTEXT_MGR, 0), 0);
		race.at = map(server, race.size);
		ASSERT_NE(race.at, MAP_FAILED);
		ASSERT_EQ(write_command(server, BC_ENTER_LOOPER, NULL), 0);
		ASSERT_EQ(pthread_barrier_init(&race.barrier, NULL, 2), 0);
		ASSERT_EQ(pthread_create(&thread, NULL, replace, &race), 0);
		pthread_barrier_wait(&race.barrier);
		start = now();
		ASSERT_EQ(send_data(client, BC_TRANSACTION, data, sizeof(data)), 0);
		if (!round)
			whole = now() - start;
		ASSERT_EQ(pthread_join(thread, NULL), 0);
		arrived += receive(server, &received) == BR_TRANSACTION;
		for (i = 0; i < RACE_PAGES; i++)
			touched += present(race.at + i * self->page) != 0;
		ASSERT_EQ(munmap(race.at, race.size), 0);
		close(server);
		close(client);
		umount2(dir, MNT_DETACH);
		rmdir(dir);
	}
	TH_LOG("%d of %d transactions arrived", arrived, RACES);
	EXPECT_GT(arrived, 0);
	EXPECT_LT(arrived, RACES);
	EXPECT_EQ(touched, 0);
}

TEST_HARNESS_MAIN
