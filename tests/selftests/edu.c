// SPDX-License-Identifier: GPL-2.0
/*
 * simple_edu: mappings of the registers of two PCI devices, and what happens to them when a device
 * is unbound or removed.
 */

#include "suite.h"

#include <linux/io_uring.h>
#include <poll.h>
#include <sys/ptrace.h>

/* QEMU, docs/specs/edu.rst. */
#define BAR_SIZE 0x100000
#define IDENTIFICATION 0x00
#define LIVENESS 0x04
#define FACTORIAL 0x08
#define STATUS 0x20
#define STATUS_BUSY 0x01
#define STATUS_INTERRUPT 0x80 /* when a factorial is computed */
#define INTERRUPT_RAISE 0x60

#define NODE "/dev/simple_edu%d"
#define PCI "/sys/bus/pci/devices/"
#define DRIVER "/sys/bus/pci/drivers/simple_edu/"

/* The names on the PCI bus of the devices /dev/simple_edu0 and /dev/simple_edu1. */
static char bus_names[2][32];

static __u32 get(const char *registers, size_t offset)
{
	return __atomic_load_n((const __u32 *)(registers + offset), __ATOMIC_RELAXED);
}

static void set(char *registers, size_t offset, __u32 value)
{
	__atomic_store_n((__u32 *)(registers + offset), value, __ATOMIC_RELAXED);
}

static int open_edu(int number, int flags)
{
	char path[32];

	sprintf(path, NODE, number);
	return open(path, flags | O_CLOEXEC);
}

static bool node_exists(int number)
{
	char path[32];

	sprintf(path, NODE, number);
	return !access(path, F_OK);
}

static bool unbind(int number)
{
	return tell(DRIVER "unbind", bus_names[number]);
}

static bool bind(int number)
{
	return tell(DRIVER "bind", bus_names[number]);
}

/* Finds the name on the PCI bus of the device /dev/simple_edu<number>. */
static bool find_on_bus(int number)
{
	char path[64], target[256];
	ssize_t len;

	sprintf(path, "/sys/class/misc/simple_edu%d/device", number);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = 0;
	snprintf(bus_names[number], sizeof(bus_names[number]), "%s", strrchr(target, '/') + 1);
	return true;
}

static __u32 factorial(__u32 n)
{
	return n ? n * factorial(n - 1) : 1;
}

static int poll_now(int fd, int timeout)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, timeout) < 0 ? -1 : pollfd.revents;
}

/* Reads the count of interrupts, for which it can wait. Returns 0 or the errno. */
static int read_interrupt(int fd, __u32 *count)
{
	return pread(fd, count, sizeof(*count), BAR_SIZE) == sizeof(*count) ? 0 : errno;
}

FIXTURE(edu) {
	int fd[2];
	char *registers[2];
};

FIXTURE_SETUP(edu)
{
	ASSERT_EQ(reload_named("simple_edu", ""), 0);
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(find_on_bus(i)) {
			TH_LOG("this machine has no two edu devices");
		}
		self->fd[i] = open_edu(i, O_RDWR);
		ASSERT_GE(self->fd[i], 0);
		self->registers[i] = map_shared(self->fd[i], BAR_SIZE / page_size(), 0);
		ASSERT_NE(self->registers[i], MAP_FAILED);
	}
}

FIXTURE_TEARDOWN(edu)
{
	for (int i = 0; i < 2; i++) {
		munmap(self->registers[i], BAR_SIZE);
		close(self->fd[i]);
	}
	EXPECT_EQ(unload_named("simple_edu"), 0);
	EXPECT_FALSE(node_exists(0));
	EXPECT_FALSE(node_exists(1));
}

TEST_F(edu, nodes_are_for_root)
{
	struct stat node;

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(fstat(self->fd[i], &node), 0);
		EXPECT_EQ(node.st_mode, S_IFCHR | 0600);
	}
	EXPECT_STRNE(bus_names[0], bus_names[1]);
	EXPECT_FALSE(node_exists(2));
}

TEST_F(edu, registers_are_mapped)
{
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(get(self->registers[i], IDENTIFICATION), 0x010000ed);
		set(self->registers[i], LIVENESS, 0x12345678 + i);
	}
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(get(self->registers[i], LIVENESS), ~(0x12345678 + i));
}

TEST_F(edu, both_compute_at_once)
{
	for (int n = 0; n < 12; n++) {
		for (int i = 0; i < 2; i++)
			set(self->registers[i], FACTORIAL, n + i);
		for (int i = 0; i < 2; i++) {
			while (get(self->registers[i], STATUS) & STATUS_BUSY)
				;
			EXPECT_EQ(get(self->registers[i], FACTORIAL), factorial(n + i));
		}
	}
}

TEST_F(edu, read_and_write_make_one_access)
{
	char *nothing = reserve(page_size(), page_size()), byte;
	__u32 word = 0xcafe;
	__u64 two;

	ASSERT_EQ(pwrite(self->fd[0], &word, 4, LIVENESS), 4);
	ASSERT_EQ(pread(self->fd[0], &word, 4, LIVENESS), 4);
	EXPECT_EQ(word, ~0xcafe);
	EXPECT_EQ(get(self->registers[0], LIVENESS), ~0xcafe);
	EXPECT_EQ(pread(self->fd[0], &two, 8, 0x80), 8);

	EXPECT_EQ(pread(self->fd[0], &byte, 1, 0), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(pread(self->fd[0], &word, 4, 2), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(pread(self->fd[0], &two, 8, 0x84), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(pread(self->fd[0], &two, 8, BAR_SIZE - 4), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(pwrite(self->fd[0], &word, 3, 0), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(pwrite(self->fd[0], &word, 4, BAR_SIZE), -1);
	EXPECT_EQ(errno, EINVAL);
	munmap(nothing, page_size());
	EXPECT_EQ(pwrite(self->fd[0], nothing, 4, LIVENESS), -1);
	EXPECT_EQ(errno, EFAULT);

	/* The position moves. */
	ASSERT_EQ(lseek(self->fd[0], 0, SEEK_SET), 0);
	ASSERT_EQ(read(self->fd[0], &word, 4), 4);
	EXPECT_EQ(word, 0x010000ed);
	ASSERT_EQ(read(self->fd[0], &word, 4), 4);
	EXPECT_EQ(word, ~0xcafe);
	EXPECT_EQ(lseek(self->fd[0], 0, SEEK_END), BAR_SIZE);
}

TEST_F(edu, any_pages_of_the_bar_are_mapped_shared_only)
{
	const size_t page = page_size();
	const int rw = PROT_READ | PROT_WRITE;
	char *at;

	for (size_t i = 0; i < BAR_SIZE / page; i += 5) {
		at = map_shared(self->fd[0], 1, i);
		ASSERT_NE(at, MAP_FAILED);
		__atomic_load_n((__u32 *)at, __ATOMIC_RELAXED);
		munmap(at, page);
	}
	EXPECT_EQ(mmap_errno(self->fd[0], page, rw, MAP_SHARED, BAR_SIZE), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd[0], 2 * page, rw, MAP_SHARED, BAR_SIZE - page), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd[0], page, rw, MAP_PRIVATE, 0), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd[0], page, PROT_READ, MAP_PRIVATE, 0), EINVAL);
	EXPECT_EQ(mmap_errno(self->fd[0], page, PROT_READ | PROT_EXEC, MAP_SHARED, 0), EPERM);
	EXPECT_EQ(mprotect(self->registers[0], page, PROT_READ | PROT_EXEC), -1);
	EXPECT_EQ(errno, EACCES);
	EXPECT_EQ(mremap(self->registers[0], BAR_SIZE, 2 * BAR_SIZE, MREMAP_MAYMOVE), MAP_FAILED);
	EXPECT_EQ(errno, EFAULT);
}

#define COMMAND 4 /* offset in the configuration space */
#define COMMAND_MASTER 0x004
#define COMMAND_INTX_DISABLE 0x400

static int config_command(int number)
{
	char path[64];
	__u16 command;
	int fd, ret;

	sprintf(path, PCI "%s/config", bus_names[number]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ret = pread(fd, &command, sizeof(command), COMMAND) == sizeof(command) ? command : -1;
	close(fd);
	return ret;
}

/*
 * The device cannot be made to write to memory: the driver takes away bus mastering, also if it was
 * enabled before the driver was bound.
 */
TEST_F(edu, is_no_bus_master)
{
	__u16 command = config_command(0);
	char path[64];
	int fd;

	EXPECT_EQ(command & COMMAND_MASTER, 0);
	snprintf(path, sizeof(path), PCI "%s/config", bus_names[0]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	ASSERT_TRUE(unbind(0));
	command |= COMMAND_MASTER;
	ASSERT_EQ(pwrite(fd, &command, sizeof(command), 4), sizeof(command));
	EXPECT_EQ(config_command(0) & COMMAND_MASTER, COMMAND_MASTER);
	ASSERT_TRUE(bind(0));
	EXPECT_EQ(config_command(0) & COMMAND_MASTER, 0);
	close(fd);
}

/* A computation that goes on after the unbind raises no interrupt that other devices share. */
TEST_F(edu, does_not_interrupt_when_it_is_unbound)
{
	EXPECT_EQ(config_command(0) & COMMAND_INTX_DISABLE, 0);
	set(self->registers[0], STATUS, STATUS_INTERRUPT);
	set(self->registers[0], FACTORIAL, 0x1000000);
	ASSERT_TRUE(unbind(0));
	EXPECT_EQ(config_command(0) & COMMAND_INTX_DISABLE, COMMAND_INTX_DISABLE);
	ASSERT_TRUE(bind(0));
	EXPECT_EQ(config_command(0) & COMMAND_INTX_DISABLE, 0);

	/* Wait until the device is idle, for the next tests. */
	munmap(self->registers[0], BAR_SIZE);
	close(self->fd[0]);
	self->fd[0] = open_edu(0, O_RDWR);
	self->registers[0] = map_shared(self->fd[0], BAR_SIZE / page_size(), 0);
	ASSERT_NE(self->registers[0], MAP_FAILED);
	set(self->registers[0], STATUS, 0);
	while (get(self->registers[0], STATUS) & STATUS_BUSY)
		;
}

#define PAT_LIST "/sys/kernel/debug/x86/pat_memtype_list"

/* How often the list of memory types has this type for the device's BAR. */
static int count_memory_type(const char *type)
{
	char path[64], line[256], range[64];
	unsigned long long start;
	int count = 0;
	FILE *file;

	sprintf(path, PCI "%s/resource", bus_names[0]);
	file = fopen(path, "r");
	if (fscanf(file, "%llx", &start) != 1)
		start = 0;
	fclose(file);
	sprintf(range, "[mem 0x%016llx-", start);
	file = fopen(PAT_LIST, "r");
	while (fgets(line, sizeof(line), file))
		count += strstr(line, range) && strstr(line, type);
	fclose(file);
	return count;
}

TEST_F(edu, memory_type_is_uncached)
{
	if (access(PAT_LIST, F_OK))
		SKIP(return, "this kernel has no list of memory types");
	get(self->registers[0], IDENTIFICATION);
	EXPECT_GT(count_memory_type("uncached-minus"), 0);
	EXPECT_EQ(count_memory_type("write"), 0);
	ASSERT_TRUE(unbind(0));
	EXPECT_EQ(count_memory_type(""), 0);
	ASSERT_TRUE(bind(0));
}

TEST_F(edu, interrupts_are_waited_for)
{
	int second = open_edu(0, O_RDWR | O_NONBLOCK);
	__u32 count, before;

	ASSERT_GE(second, 0);
	EXPECT_EQ(poll_now(self->fd[0], 0), 0);
	EXPECT_EQ(read_interrupt(second, &count), EAGAIN);
	set(self->registers[0], INTERRUPT_RAISE, 1);
	EXPECT_EQ(poll_now(self->fd[0], 10000), POLLIN);
	EXPECT_EQ(read_interrupt(self->fd[0], &before), 0);
	EXPECT_EQ(poll_now(self->fd[0], 0), 0);
	/* Each open file gets the interrupt. */
	EXPECT_EQ(read_interrupt(second, &count), 0);
	EXPECT_EQ(count, before);
	EXPECT_EQ(read_interrupt(second, &count), EAGAIN);

	/* The other device has no interrupt. */
	EXPECT_EQ(poll_now(self->fd[1], 0), 0);

	/* Two more interrupts, each of which a read at SEEK_END waits for. */
	ASSERT_EQ(lseek(self->fd[0], 0, SEEK_END), BAR_SIZE);
	for (int i = 1; i <= 2; i++) {
		set(self->registers[0], STATUS, STATUS_INTERRUPT);
		set(self->registers[0], FACTORIAL, 6);
		ASSERT_EQ(read(self->fd[0], &count, 4), 4);
		EXPECT_EQ(get(self->registers[0], FACTORIAL), factorial(6));
		set(self->registers[0], STATUS, 0);
	}
	EXPECT_GT(count, before);
	EXPECT_EQ(pread(self->fd[0], &count, 1, BAR_SIZE), -1);
	EXPECT_EQ(errno, EINVAL);
	close(second);
}

static void *wait_for_interrupt(void *arg)
{
	__u32 count;

	return (void *)(long)read_interrupt((long)arg, &count);
}

static void *wait_by_poll(void *arg)
{
	return (void *)(long)poll_now((long)arg, -1);
}

static void ignore(int signal)
{
}

/* An interrupt status with all bits set does not mean that the device is gone. */
TEST_F(edu, every_interrupt_at_once)
{
	__u32 count;

	for (int i = 0; i < 3; i++) {
		set(self->registers[0], INTERRUPT_RAISE, ~0U);
		ASSERT_EQ(poll_now(self->fd[0], 10000), POLLIN);
		EXPECT_EQ(read_interrupt(self->fd[0], &count), 0);
	}
}

/* RWF_NOWAIT: a read must not wait, though the file has no O_NONBLOCK. */
TEST_F(edu, nowait_read_does_not_wait)
{
	__u32 value = 0;
	struct iovec iov = { &value, sizeof(value) };

	EXPECT_EQ(preadv2(self->fd[0], &iov, 1, IDENTIFICATION, RWF_NOWAIT), 4);
	EXPECT_EQ(value, 0x010000ed);
	EXPECT_EQ(preadv2(self->fd[0], &iov, 1, BAR_SIZE, RWF_NOWAIT), -1);
	EXPECT_EQ(errno, EAGAIN);
	set(self->registers[0], INTERRUPT_RAISE, 1);
	EXPECT_EQ(poll_now(self->fd[0], 10000), POLLIN);
	EXPECT_EQ(preadv2(self->fd[0], &iov, 1, BAR_SIZE, RWF_NOWAIT), 4);
}

/* An io_uring with one read at a time. */
struct ring {
	int fd;
	char *rings;
	struct io_uring_params params;
	struct io_uring_sqe *entry;
};

/* Begins to read a word, and waits for the result if told so. False if the kernel refused it. */
static bool begin_read(struct ring *ring, int fd, __u32 *to, __u64 offset, int wait)
{
	__u32 *tail = (__u32 *)(ring->rings + ring->params.sq_off.tail);

	*ring->entry = (struct io_uring_sqe){
		.opcode = IORING_OP_READ, .fd = fd, .off = offset, .addr = (uintptr_t)to, .len = 4,
	};
	*(__u32 *)(ring->rings + ring->params.sq_off.array) = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, ring->fd, 1, wait, IORING_ENTER_GETEVENTS, NULL, 0) == 1;
}

/* How many reads have ended since the last call, and the result of the last one. */
static int done_reads(struct ring *ring, int wait, int *result)
{
	const struct io_cqring_offsets *cq = &ring->params.cq_off;
	__u32 *head = (__u32 *)(ring->rings + cq->head), tail;
	int count;

	if (wait)
		syscall(SYS_io_uring_enter, ring->fd, 0, wait, IORING_ENTER_GETEVENTS, NULL, 0);
	tail = __atomic_load_n((__u32 *)(ring->rings + cq->tail), __ATOMIC_ACQUIRE);
	count = tail - *head;
	if (count)
		*result = ((struct io_uring_cqe *)(ring->rings + cq->cqes))
			[(tail - 1) & (ring->params.cq_entries - 1)].res;
	__atomic_store_n(head, tail, __ATOMIC_RELEASE);
	return count;
}

/* io_uring reads a register at once, and waits for an interrupt without a thread. */
TEST_F(edu, io_uring_reads)
{
	struct ring ring = {};
	__u32 value = 0;
	int result = 0;

	ring.fd = syscall(SYS_io_uring_setup, 4, &ring.params);
	if (ring.fd < 0)
		SKIP(return, "this kernel has no io_uring");
	ring.rings = mmap(NULL, ring.params.cq_off.cqes + ring.params.cq_entries *
			  sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd,
			  IORING_OFF_SQ_RING);
	ring.entry = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd,
			  IORING_OFF_SQES);
	ASSERT_NE(ring.rings, MAP_FAILED);
	ASSERT_NE(ring.entry, MAP_FAILED);

	ASSERT_TRUE(begin_read(&ring, self->fd[0], &value, IDENTIFICATION, 1));
	ASSERT_EQ(done_reads(&ring, 0, &result), 1);
	EXPECT_EQ(result, 4);
	EXPECT_EQ(value, 0x010000ed);

	ASSERT_TRUE(begin_read(&ring, self->fd[0], &value, BAR_SIZE, 0));
	usleep(200000);
	EXPECT_EQ(done_reads(&ring, 0, &result), 0);
	set(self->registers[0], INTERRUPT_RAISE, 1);
	ASSERT_EQ(done_reads(&ring, 1, &result), 1);
	EXPECT_EQ(result, 4);
	close(ring.fd);
}

TEST_F(edu, a_signal_ends_the_wait)
{
	struct sigaction action = { .sa_handler = ignore };
	pthread_t thread;
	void *result;

	sigaction(SIGUSR1, &action, NULL);
	ASSERT_EQ(pthread_create(&thread, NULL, wait_for_interrupt, (void *)(long)self->fd[0]), 0);
	/* A signal that comes before the wait does not end it: send more. */
	do {
		pthread_kill(thread, SIGUSR1);
		usleep(10000);
	} while (pthread_tryjoin_np(thread, &result));
	EXPECT_EQ((long)result, EINTR);
}

TEST_F(edu, unbind_wakes_waiting_threads)
{
	pthread_t reader, poller;
	void *result;

	ASSERT_EQ(pthread_create(&reader, NULL, wait_for_interrupt, (void *)(long)self->fd[0]), 0);
	ASSERT_EQ(pthread_create(&poller, NULL, wait_by_poll, (void *)(long)self->fd[0]), 0);
	usleep(200000);
	ASSERT_TRUE(unbind(0));
	pthread_join(reader, &result);
	EXPECT_EQ((long)result, ENODEV);
	pthread_join(poller, &result);
	EXPECT_EQ((long)result, POLLERR | POLLHUP);
	ASSERT_TRUE(bind(0));
}

/* Checks a file and a mapping whose device is gone: touching is SIGBUS, and calls fail. */
static void check_dead(struct __test_metadata *_metadata, int fd, char *registers)
{
	__u32 word = 1;

	EXPECT_EQ(signal_of_access(registers, false), SIGBUS);
	EXPECT_EQ(signal_of_access(registers + LIVENESS, true), SIGBUS);
	EXPECT_EQ(signal_of_access(registers + BAR_SIZE - page_size(), false), SIGBUS);
	EXPECT_EQ(pread(fd, &word, 4, 0), -1);
	EXPECT_EQ(errno, ENODEV);
	EXPECT_EQ(pwrite(fd, &word, 4, LIVENESS), -1);
	EXPECT_EQ(errno, ENODEV);
	EXPECT_EQ(read_interrupt(fd, &word), ENODEV);
	EXPECT_EQ(lseek(fd, 0, SEEK_SET), -1);
	EXPECT_EQ(errno, ENODEV);
	EXPECT_EQ(poll_now(fd, 0), POLLERR | POLLHUP);
	EXPECT_EQ(mmap_errno(fd, page_size(), PROT_READ, MAP_SHARED, 0), ENODEV);
	EXPECT_EQ(fsync(fd), -1);
	EXPECT_EQ(errno, ENODEV);
}

TEST_F(edu, unbind_removes_all_mappings)
{
	const size_t page = page_size();
	char *moved = reserve(page, page);

	/* Pages that were touched, that were not touched, that were moved, and in a split VMA. */
	get(self->registers[0], IDENTIFICATION);
	get(self->registers[0], 8 * page);
	ASSERT_EQ(mremap(self->registers[0] + 8 * page, page, page, MREMAP_MAYMOVE | MREMAP_FIXED,
			 moved), moved);
	ASSERT_EQ(mprotect(self->registers[0] + 4 * page, page, PROT_READ), 0);

	ASSERT_TRUE(unbind(0));
	EXPECT_FALSE(node_exists(0));
	check_dead(_metadata, self->fd[0], self->registers[0]);
	EXPECT_EQ(signal_of_access(moved, false), SIGBUS);
	EXPECT_EQ(signal_of_access(self->registers[0] + 4 * page, false), SIGBUS);
	EXPECT_EQ(munmap(moved, page), 0);

	/* The other device works. */
	EXPECT_EQ(get(self->registers[1], IDENTIFICATION), 0x010000ed);

	/* Bound again, the device works, and has its name; old files and mappings do not work. */
	ASSERT_TRUE(bind(0));
	ASSERT_TRUE(node_exists(0));
	check_dead(_metadata, self->fd[0], self->registers[0]);
	munmap(self->registers[0], BAR_SIZE);
	EXPECT_EQ(close(self->fd[0]), 0);
	self->fd[0] = open_edu(0, O_RDWR);
	ASSERT_GE(self->fd[0], 0);
	self->registers[0] = map_shared(self->fd[0], BAR_SIZE / page, 0);
	ASSERT_NE(self->registers[0], MAP_FAILED);
	EXPECT_EQ(get(self->registers[0], IDENTIFICATION), 0x010000ed);
}

/* The unbind also removes a child's mapping, and a debugger can no longer read through it. */
TEST_F(edu, unbind_removes_the_mapping_of_a_child)
{
	int status;
	pid_t pid;

	get(self->registers[0], IDENTIFICATION);
	pid = fork();
	if (!pid) {
		if (get(self->registers[0], IDENTIFICATION) != 0x010000ed ||
		    ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			_exit(1);
		raise(SIGSTOP);
		get(self->registers[0], IDENTIFICATION);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFSTOPPED(status));
	errno = 0;
	/* The value depends on how the architecture reads: the device answers 4-byte reads only. */
	ptrace(PTRACE_PEEKDATA, pid, self->registers[0], NULL);
	EXPECT_EQ(errno, 0);
	ASSERT_TRUE(unbind(0));
	errno = 0;
	ptrace(PTRACE_PEEKDATA, pid, self->registers[0], NULL);
	EXPECT_EQ(errno, EIO);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(WSTOPSIG(status), SIGBUS);
	ptrace(PTRACE_KILL, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	ASSERT_TRUE(bind(0));
}

/* With the file open, mapped or both, and repeatedly: the devices keep their numbers. */
TEST_F(edu, unbind_and_bind_in_any_state)
{
	for (int i = 0; i < 2; i++) {
		int number = 1 - i;
		char name[32];

		memcpy(name, bus_names[number], sizeof(name));
		if (i)
			munmap(self->registers[number], BAR_SIZE);
		else
			close(self->fd[number]); /* the mapping keeps the file */
		for (int round = 0; round < 3; round++) {
			ASSERT_TRUE(unbind(number));
			EXPECT_FALSE(node_exists(number));
			EXPECT_TRUE(node_exists(1 - number));
			ASSERT_TRUE(bind(number));
			ASSERT_TRUE(find_on_bus(number));
			EXPECT_STREQ(bus_names[number], name);
		}
	}
}

/* A file that is open or mapped holds the module, but not the device. */
TEST_F(edu, module_is_held_after_unbind)
{
	EXPECT_EQ(unload_named("simple_edu"), -EWOULDBLOCK);
	ASSERT_TRUE(unbind(0));
	ASSERT_TRUE(unbind(1));
	EXPECT_EQ(unload_named("simple_edu"), -EWOULDBLOCK);
	close(self->fd[0]);
	close(self->fd[1]);
	EXPECT_EQ(unload_named("simple_edu"), -EWOULDBLOCK);
	EXPECT_EQ(signal_of_access(self->registers[0], false), SIGBUS);
}

/* The device is removed from the bus, and a rescan finds it again. */
TEST_F(edu, remove_and_rescan)
{
	char path[64];

	get(self->registers[0], IDENTIFICATION);
	sprintf(path, PCI "%s/remove", bus_names[0]);
	ASSERT_TRUE(tell(path, "1"));
	EXPECT_FALSE(node_exists(0));
	check_dead(_metadata, self->fd[0], self->registers[0]);
	ASSERT_TRUE(tell("/sys/bus/pci/rescan", "1"));
	ASSERT_TRUE(node_exists(0));
	check_dead(_metadata, self->fd[0], self->registers[0]);
	munmap(self->registers[0], BAR_SIZE);
	close(self->fd[0]);
	self->fd[0] = open_edu(0, O_RDWR);
	self->registers[0] = map_shared(self->fd[0], BAR_SIZE / page_size(), 0);
	ASSERT_NE(self->registers[0], MAP_FAILED);
	EXPECT_EQ(get(self->registers[0], IDENTIFICATION), 0x010000ed);
}

TEST_HARNESS_MAIN
