// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's calls. A burst is a process with files of both devices and of everything else that
 * calls take, and an arena of addresses where its mappings are. It makes calls of all kinds, whose
 * arguments are mostly of the right kind, with values from its random numbers.
 *
 * Under physical=1, only the graphics card's memory may be used:
 * - Files of simpler that can be written to have their position in the card's memory, and a call
 *   that moves a position gets a file of its own.
 * - Offsets in such a file are in the card's memory, and lengths moderate: it is larger than what
 *   is used of it. What no device answers for is out of bounds, too. A PC reads all ones there, on
 *   other machines it is fatal.
 * - Other offsets are mapped and at once unmapped, by one call.
 *
 * A device of another driver takes the place of both. What it refuses is for it to decide.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/capability.h>
#include <linux/fanotify.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define THREADS 2
#define CALLS 150	/* of each thread */
#define MEMORY_PAGES 16
#define IOVS 8
#define RECENT 8
#define FIRST_FD 300	/* no number that arguments take by chance */

/* The files of a burst, from FIRST_FD on; those of the devices come first. */
enum file {
	SIMPLER, SIMPLER_SYNC, SIMPLER_WRITE, SIMPLER_READ,
	SIMPLEN, SIMPLEN_NOWAIT, SIMPLEN_WRITE, SIMPLEN_READ,
	DEVICES,
	PATH = DEVICES, PIPE_OUT, PIPE_IN, PIPE2_OUT, PIPE2_IN, MEMFD, SOCKET, SOCKET2, EPOLL,
	EVENT, INOTIFY, FANOTIFY, MEM, PAGEMAP, ZERO, SELF_PIDFD, SIBLING_PIDFD, RING, UFFD,
	FILES
};

/* The kinds of arguments. */
enum kind {
	NONE,		/* 0 */
	FD,		/* any file, mostly a device */
	AT,		/* a file, in a call that uses its position */
	DEVICE,		/* a device */
	FILE_FD,	/* the file in .value */
	PID,		/* of this process or its sibling */
	PIDFD,
	ADDR,		/* in the arena, mostly */
	ARENA,		/* in the arena, to be changed as much as LEN says */
	LEN,		/* of memory */
	OFFSET,		/* in the file before it */
	OFFSET_PTR,
	PGOFF,		/* an offset in pages, in any device */
	IOV, COUNT,	/* pieces of memory */
	PAGES,		/* addresses of pages */
	PTR,		/* memory for a struct */
	TEXT,		/* .text */
	DEVICE_PATH,	/* of a device */
	TIME,		/* a short one */
	BITS,		/* any of those in .value */
	BELOW,		/* a number below .value */
	ONE_BIT,	/* a single one of those in .value */
	EXACTLY,	/* .value */
	ANY,		/* 64 bits */
};

struct arg {
	enum kind kind;
	__u64 value;
	const char *text;
};

/* The state of a thread. */
struct fuzzer {
	__u64 random;
	int id;
	bool card;		/* the current call reaches the card by offset or position */
	int own[2];		/* files that are this call's only */
	int owned;
	loff_t offset[2];
	int offsets;
	struct iovec iov[IOVS];
	void *pages[IOVS];
	struct __kernel_timespec time;
	struct { char *addr; size_t pages; } recent[RECENT]; /* mappings of the devices */
	unsigned int mapped;
	sigjmp_buf jump;
	bool touching;
};

static const struct target *target;
static struct report *report;
static int slot;
static size_t page, arena_pages;
static char *arena;
static pid_t sibling, thread_ids[THREADS];
static int threads = THREADS, threads_left, calls_to_live;
static aio_context_t aio;
static char *memory;	/* anonymous memory, for arguments */
static __thread struct fuzzer *me;

static struct {
	struct io_uring_params params;
	char *queues;
	struct io_uring_sqe *entries;
} ring;

/* splitmix64 */
static __u64 next(struct fuzzer *f)
{
	__u64 z = f->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static __u64 below(struct fuzzer *f, __u64 limit)
{
	return next(f) % limit;
}

static bool one_in(struct fuzzer *f, __u64 n)
{
	return !below(f, n);
}

/* Any 64 bits, or values at the edge of something. */
static __u64 wild(struct fuzzer *f)
{
	switch (below(f, 4)) {
	case 0:
		return next(f);
	case 1:
		return below(f, 3) - 1;
	case 2:
		return (1ULL << below(f, 64)) + below(f, 3) - 1;
	default:
		return -(__u64)(page << below(f, 8));
	}
}

/* Reports something that should not have happened. The first report is kept, and ends the burst. */
static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(report->failure, sizeof(report->failure), format, args);
	va_end(args);
	_exit(1);
}

static bool is_simpler(enum file file)
{
	return file < SIMPLEN;
}

static const char *path_of(enum file file)
{
	if (target->path)
		return target->path;
	return is_simpler(file) ? "/dev/simpler" : "/dev/simplen";
}

static int fd_of(enum file file)
{
	return FIRST_FD + file;
}

/* Picks a file, and notes whether the call can access the graphics card's memory. */
static enum file pick(struct fuzzer *f, enum file files)
{
	enum file file = below(f, files > DEVICES && one_in(f, 4) ? files : DEVICES);

	f->card |= target->physical && is_simpler(file);
	return file;
}

static __u64 length(struct fuzzer *f)
{
	if (!f->card && one_in(f, 40))
		return wild(f);
	if (one_in(f, 8))
		return below(f, 2 * page);
	/* Drivers often want the length of a register or an event: 1 to 32 bytes. */
	if (target->path && one_in(f, 8))
		return 1 << below(f, 6);
	return page * (1 + below(f, one_in(f, 4) ? 16 : 4));
}

/* An offset in another driver's device: near its start or its end, if it has one, or anywhere. */
static __u64 any_offset(struct fuzzer *f)
{
	__u64 offset;

	switch (below(f, 8)) {
	case 0:
		return wild(f);
	case 1:
		return target->shape.size;
	case 2:
		offset = target->size - page * below(f, 4);
		break;
	case 3:
		offset = page * below(f, target->size / page);
		break;
	default:
		offset = page * below(f, one_in(f, 2) ? 4 : 64);
	}
	if (one_in(f, 4))
		offset += 4 * below(f, page / 4);
	return one_in(f, 8) ? offset + below(f, page) : offset;
}

/* An offset in the file that was picked: in its region or the card, and now and then elsewhere. */
static __u64 file_offset(struct fuzzer *f)
{
	__u64 offset;

	if (target->path)
		return any_offset(f);
	if (f->card)
		offset = target->card + page * below(f, WINDOW_PAGES);
	else if (one_in(f, 20))
		return wild(f);
	else if (one_in(f, 8))
		offset = target->size - page * below(f, 4);
	else
		offset = page * below(f, target->size / page);
	return one_in(f, 8) ? offset + below(f, page) : offset;
}

static char *arena_page(struct fuzzer *f)
{
	return arena + page * below(f, one_in(f, 2) ? 64 : arena_pages);
}

/* Picks an address where a device was mapped recently. */
static char *mapped_page(struct fuzzer *f)
{
	unsigned int i = below(f, RECENT);

	if (!f->recent[i].pages || one_in(f, 8))
		return arena_page(f);
	return f->recent[i].addr + page * below(f, f->recent[i].pages);
}

/* How much of the arena a call may change that begins there. */
static size_t arena_length(struct fuzzer *f, char *from)
{
	size_t left = arena + page * arena_pages - from;

	return page * (1 + below(f, MIN(left / page, one_in(f, 10) ? 512 : 24)));
}

static __u64 address(struct fuzzer *f)
{
	if (one_in(f, 30))
		return wild(f);
	if (one_in(f, 5))
		return (uintptr_t)memory + below(f, page * MEMORY_PAGES / 2);
	return (uintptr_t)mapped_page(f) + (one_in(f, 4) ? below(f, page) : 0);
}

static struct iovec *pieces(struct fuzzer *f)
{
	for (int i = 0; i < IOVS; i++)
		f->iov[i] = (struct iovec){ (void *)address(f), length(f) };
	return f->iov;
}

/* A file of simpler for one call, with a position that may be moved. */
static int positioned(struct fuzzer *f)
{
	int fd = open("/dev/simpler", O_RDWR | (one_in(f, 4) ? O_SYNC : 0));

	if (fd >= 0)
		lseek(fd, file_offset(f), SEEK_SET);
	f->own[f->owned++] = fd;
	return fd;
}

static void short_time(struct fuzzer *f)
{
	f->time = (struct __kernel_timespec){ .tv_nsec = 1000 * below(f, 1000) };
}

static __u64 value_of(struct fuzzer *f, const struct arg *arg)
{
	enum file file;
	__u64 bits;

	switch (arg->kind) {
	case NONE:
		return 0;
	case FD:
		return fd_of(pick(f, FILES));
	case DEVICE:
		return fd_of(pick(f, DEVICES));
	case AT:
		file = pick(f, FILES);
		return target->physical && is_simpler(file) ? positioned(f) : fd_of(file);
	case FILE_FD:
		return fd_of(arg->value);
	case PID:
		return sibling && !f->id && one_in(f, 2) ? sibling : getpid();
	case PIDFD:
		return fd_of(one_in(f, 2) && !f->id ? SIBLING_PIDFD : SELF_PIDFD);
	case ADDR:
		return address(f);
	case ARENA:
		return (uintptr_t)mapped_page(f);
	case LEN:
		return length(f);
	case OFFSET:
		return file_offset(f);
	case OFFSET_PTR:
		if (one_in(f, 2))
			return 0;
		f->offset[f->offsets] = file_offset(f);
		return (uintptr_t)&f->offset[f->offsets++];
	case PGOFF:
		f->card = target->physical;
		return file_offset(f) / page;
	case IOV:
		return (uintptr_t)pieces(f);
	case COUNT:
		return f->card || !one_in(f, 20) ? below(f, IOVS + 1) : wild(f);
	case PAGES:
		for (int i = 0; i < IOVS; i++)
			f->pages[i] = (void *)address(f);
		return (uintptr_t)f->pages;
	case PTR:
		if (one_in(f, 8))
			return 0;
		return one_in(f, 2) ? address(f) : (uintptr_t)memory;
	case TEXT:
		return (uintptr_t)arg->text;
	case DEVICE_PATH:
		return (uintptr_t)path_of(SIMPLEN);
	case TIME:
		short_time(f);
		return (uintptr_t)&f->time;
	case BITS:
		bits = next(f) & next(f);
		return arg->value & (one_in(f, 2) ? bits : bits & next(f));
	case ONE_BIT:
		do
			bits = arg->value & 1ULL << below(f, 64);
		while (!bits);
		return bits;
	case BELOW:
		return below(f, arg->value);
	case EXACTLY:
		return arg->value;
	case ANY:
		break;
	}
	return wild(f);
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

static long fuzz_mmap(struct fuzzer *f)
{
	static const __u64 more = MAP_POPULATE | MAP_NONBLOCK | MAP_LOCKED | MAP_NORESERVE |
				  MAP_STACK | MAP_GROWSDOWN | MAP_HUGETLB | MAP_SYNC |
				  MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	enum file file = pick(f, one_in(f, 8) ? FILES : DEVICES);
	const struct arg flags_arg = { one_in(f, 4) ? BITS : NONE, more };
	__u64 len = length(f), offset = file_offset(f);
	int prot = one_in(f, 4) ? below(f, 8) : PROT_READ | PROT_WRITE, fd = fd_of(file);
	unsigned long flags = value_of(f, &flags_arg) | (one_in(f, 3) ? below(f, 4) : MAP_SHARED);
	char *addr = arena_page(f), *at;
	long result;

	if (target->huge_pages && one_in(f, 3)) {
		/* Where huge pages fit, or just do not. */
		flags |= MAP_FIXED;
		len = page * target->huge_pages;
		addr = (char *)roundup((uintptr_t)arena, len) + len * below(f, 2);
		len += page * below(f, 3) * target->huge_pages / 2;
		offset = one_in(f, 8) ? page : 0;
	} else if (target->path && target->shape.pages <= arena_pages && one_in(f, 2)) {
		/* Ask for a mapping of the kind that probe.c found the device to accept. */
		flags = target->shape.flags | MAP_FIXED | (flags & MAP_POPULATE);
		prot = target->shape.prot;
		len = page * target->shape.pages;
		offset = page * target->shape.first;
		addr = arena + page * below(f, arena_pages - target->shape.pages + 1);
	} else if (!one_in(f, 8)) {
		flags |= MAP_FIXED;
		len = arena_length(f, addr);
	} else if (!f->card && one_in(f, 4)) {
		flags |= wild(f) & ~MAP_FIXED;
	}
	if (one_in(f, 30))
		prot = wild(f);

	/* The system call itself: libc looks at offsets too. */
	result = syscall(SYS_mmap, addr, len, prot, flags, fd, offset);
	at = (char *)result;
	if (at == MAP_FAILED)
		return -1;
	if (file < DEVICES && !(flags & MAP_ANONYMOUS) && !target->path) {
		if (prot & PROT_EXEC)
			fail("mmap let a device be executed (flags %lx)", flags);
		if (!f->card && (offset >= target->size || len > target->size - offset))
			fail("mmap of %llx bytes at %llx is past the region", len, offset);
	}
	if (flags & MAP_FIXED) {
		f->recent[f->mapped % RECENT].addr = at;
		f->recent[f->mapped++ % RECENT].pages = len / page;
	} else if ((at < arena || at >= arena + page * arena_pages) && one_in(f, 2)) {
		munmap(at, len);
	}
	return 0;
}

/* Maps addresses outside of the card without touching them. RAM must be refused. */
static long fuzz_mmap_elsewhere(struct fuzzer *f)
{
	bool ram = one_in(f, 2);
	__u64 offset = ram ? target->ram + page * below(f, 64) : wild(f) & -page;
	__u64 len = page * (1 + below(f, 16));
	long result;

	if (!target->physical)
		return -1;
	result = syscall(SYS_mmap, 0, len, below(f, 4), 1 + below(f, 3),
			 fd_of(below(f, SIMPLEN)), offset);
	if (result == -1)
		return -1;
	munmap((void *)result, len);
	if (ram)
		fail("mmap of RAM at %llx", offset);
	return 0;
}

/* Reads and writes RAM, which must be refused. */
static long fuzz_ram(struct fuzzer *f)
{
	__u64 offset = target->ram + below(f, 64 * page);
	enum file file = below(f, SIMPLEN);
	long result;

	if (!target->physical)
		return -1;
	result = file == SIMPLER_WRITE ? pwrite(fd_of(file), memory, 8, offset) :
					 pread(fd_of(file), memory, 8, offset);
	if (result > 0)
		fail("%s RAM at %llx", file == SIMPLER_WRITE ? "wrote" : "read", offset);
	return result;
}

static long fuzz_munmap(struct fuzzer *f)
{
	char *addr = mapped_page(f);

	return syscall(SYS_munmap, one_in(f, 30) ? (char *)wild(f) : addr, arena_length(f, addr));
}

static long fuzz_mremap(struct fuzzer *f)
{
	char *old = mapped_page(f), *new = arena_page(f);
	size_t new_len = one_in(f, 30) ? wild(f) : arena_length(f, new);
	int flags = one_in(f, 20) ? wild(f) : below(f, 8);

	/* To a place of the kernel's choice or in the arena, where the new size has to fit. */
	if (flags & MREMAP_FIXED)
		new_len = arena_length(f, new);
	return syscall(SYS_mremap, old, one_in(f, 10) ? 0 : arena_length(f, old), new_len, flags,
		       new);
}

/* Seals a mapping in one of eight calls only, as a sealed mapping cannot be changed any more. */
static long fuzz_mseal(struct fuzzer *f)
{
#ifdef SYS_mseal
	char *addr = mapped_page(f);

	if (one_in(f, 8))
		return syscall(SYS_mseal, addr, arena_length(f, addr), 0);
	return syscall(SYS_mseal, wild(f), wild(f) | 1ULL << 62, wild(f));
#else
	return -1;
#endif
}

/* Tells on_fault(), which can be called at any moment, whether memory is being touched. */
static void set_touching(struct fuzzer *f, bool touching)
{
	__atomic_store_n(&f->touching, touching, __ATOMIC_SEQ_CST);
}

/* Reads, writes and increments memory that need not be mapped. */
static long fuzz_touch(struct fuzzer *f)
{
	char *from = mapped_page(f);
	size_t len = MIN(arena_length(f, from), page * (1 + below(f, 4)));
	int how = below(f, 3);

	if (sigsetjmp(f->jump, 0)) {
		set_touching(f, false);
		return -1;
	}
	set_touching(f, true);
	for (size_t i = 0; i < len; i += page) {
		__u32 *word = (__u32 *)(from + i);

		if (how == 0)
			__atomic_load_n(word, __ATOMIC_RELAXED);
		else if (how == 1)
			__atomic_store_n(word, next(f), __ATOMIC_RELAXED);
		else
			__atomic_fetch_add(word, 1, __ATOMIC_RELAXED);
	}
	set_touching(f, false);
	return 0;
}

/* Forks a process, which has mappings of the same pages, and ends soon. */
static long fuzz_fork(struct fuzzer *f)
{
	bool killed = one_in(f, 2);
	pid_t pid = fork();
	int status;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < 4; i++)
			fuzz_touch(f);
		if (killed)
			pause();
		_exit(0);
	}
	if (pid < 0)
		return -1;
	if (!killed)
		waitpid(pid, &status, 0);
	end_process(pid);
	return 0;
}

static void start_sibling(void)
{
	sibling = fork();
	if (!sibling) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	if (sibling < 0)
		sibling = 0;
}

static long fuzz_ptrace(struct fuzzer *f)
{
	long result = -1;

	if (f->id || !sibling || ptrace(PTRACE_SEIZE, sibling, 0, 0))
		return -1;
	ptrace(PTRACE_INTERRUPT, sibling, 0, 0);
	if (waitpid(sibling, NULL, __WALL) == sibling) {
		for (int i = 0; i < 8; i++) {
			errno = 0;
			if (one_in(f, 2))
				result = ptrace(PTRACE_PEEKDATA, sibling, address(f), 0);
			else
				result = ptrace(PTRACE_POKEDATA, sibling, address(f), next(f));
		}
		result = errno ? -1 : 0;
	}
	if (ptrace(PTRACE_DETACH, sibling, 0, 0)) {
		/* The sibling did not stop in time, and stays traced until it ends. */
		end_process(sibling);
		sibling = 0;
	}
	return result;
}

/* Calls process_mrelease for a process that is dying with its mappings. */
static long fuzz_mrelease(struct fuzzer *f)
{
	long result;

	if (f->id || !sibling)
		return -1;
	if (one_in(f, 4))
		return syscall(SYS_process_mrelease, fd_of(SIBLING_PIDFD), wild(f));
	kill(sibling, SIGKILL);
	result = syscall(SYS_process_mrelease, fd_of(SIBLING_PIDFD), 0);
	end_process(sibling);
	sibling = 0;
	return result;
}

/* Reads or writes the memory of this process or its sibling, as a debugger does. */
static long fuzz_proc_mem(struct fuzzer *f)
{
	char path[32];
	long result;
	int fd;

	if (f->id || !sibling || one_in(f, 2)) {
		fd = fd_of(MEM);
		if (one_in(f, 2))
			return syscall(SYS_pread64, fd, memory, 1 + below(f, 2 * page), address(f));
		return syscall(SYS_pwrite64, fd, memory, 1 + below(f, 2 * page), address(f));
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", sibling);
	fd = open(path, O_RDWR);
	if (one_in(f, 2))
		result = syscall(SYS_pread64, fd, memory, 1 + below(f, 2 * page), address(f));
	else
		result = syscall(SYS_pwrite64, fd, memory, 1 + below(f, 2 * page), address(f));
	close(fd);
	return result;
}

/* Reads the files of /proc about mappings and files. */
static long fuzz_proc(struct fuzzer *f)
{
	static const char *const names[] = {
		"maps", "smaps", "smaps_rollup", "numa_maps", "statm", "status", "mountinfo",
		"fdinfo/300", "fdinfo/304", "map_files", "clear_refs", "clear_refs",
	};
	const char *name = names[below(f, ARRAY_SIZE(names))];
	bool clear = !strcmp(name, "clear_refs");
	char path[40], text[4096];
	long result;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	fd = open(path, clear ? O_WRONLY : O_RDONLY);
	if (clear) {
		text[0] = '0' + below(f, 7);
		result = write(fd, text, 1);
	} else {
		do
			result = syscall(one_in(f, 10) ? SYS_getdents64 : SYS_read, fd, text,
					 sizeof(text));
		while (result > 0);
	}
	close(fd);
	return result;
}

static long fuzz_pagemap_scan(struct fuzzer *f)
{
#ifdef PAGEMAP_SCAN
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.flags = below(f, 4),
		.start = address(f) & -page,
		.vec = address(f),
		.vec_len = below(f, 64),
		.max_pages = below(f, 64),
		.category_inverted = next(f) & next(f) & 0xff,
		.category_mask = next(f) & next(f) & 0xff,
		.category_anyof_mask = next(f) & 0xff,
		.return_mask = next(f) & 0xff,
	};

	arg.end = arg.start + (length(f) & -page);
	return ioctl(fd_of(PAGEMAP), PAGEMAP_SCAN, &arg);
#else
	return -1;
#endif
}

static long fuzz_fcntl(struct fuzzer *f)
{
	static const int more[] = {
		F_SETLEASE, F_GETLEASE, F_NOTIFY, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_GETPIPE_SZ,
		F_ADD_SEALS, F_GET_SEALS, F_GET_RW_HINT, F_SET_RW_HINT, F_GET_FILE_RW_HINT,
		F_SET_FILE_RW_HINT, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW,
	};
	struct f_owner_ex owner = { F_OWNER_PID, getpid() };
	struct flock lock = {
		.l_type = below(f, 4),
		.l_whence = below(f, 3),
		.l_start = below(f, 64),
		.l_len = below(f, 64),
	};
	int cmd = one_in(f, 2) ? (int)below(f, 20) : more[below(f, ARRAY_SIZE(more))];
	__u64 arg = below(f, 16);

	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		arg = below(f, 256);
		break;
	case F_SETOWN: /* signals are for this process only */
		arg = getpid();
		break;
	case F_SETOWN_EX:
		arg = (uintptr_t)&owner;
		break;
	case F_SETFL: /* no O_ASYNC on what others share */
		arg = next(f) & (O_APPEND | O_DIRECT | O_NOATIME | O_NONBLOCK);
		break;
	case F_SETPIPE_SZ:
		arg = page << below(f, 6);
		break;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		arg = one_in(f, 8) ? address(f) : (uintptr_t)&lock;
		break;
	}
	return syscall(SYS_fcntl, fd_of(pick(f, FILES)), cmd, arg);
}

static long fuzz_ioctl(struct fuzzer *f)
{
	static const unsigned int cmds[] = {
		FIONREAD, FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX, FIOQSIZE, FIBMAP, FIGETBSZ, TCGETS,
		FICLONE, FICLONERANGE, FIDEDUPERANGE, FS_IOC_GETFLAGS, FS_IOC_SETFLAGS,
		FS_IOC_FSGETXATTR, FS_IOC_FIEMAP, BLKGETSIZE, BLKGETSIZE64, BLKFLSBUF, BLKDISCARD,
	};
	unsigned int cmd = one_in(f, 2) ? cmds[below(f, ARRAY_SIZE(cmds))] : next(f);

	return syscall(SYS_ioctl, fd_of(pick(f, one_in(f, 4) ? FILES : DEVICES)), cmd, address(f));
}

/* Makes more descriptors of a file, some of which stay. */
static long fuzz_dup(struct fuzzer *f)
{
	int fd = fd_of(pick(f, FILES));
	long result;

	switch (below(f, 3)) {
	case 0:
		result = dup(fd);
		break;
	case 1:
		result = syscall(SYS_dup3, fd, 400 + below(f, 64), below(f, 2) * O_CLOEXEC);
		break;
	default:
		result = syscall(SYS_pidfd_getfd, fd_of(SELF_PIDFD), fd, 0);
	}
	if (result >= 0 && !one_in(f, 4))
		close(result);
	return result;
}

static long fuzz_close(struct fuzzer *f)
{
	/*
	 * With physical=1 the files of the burst stay open: a file of simpler could get the number
	 * of a closed file, and calls would use it in place of that.
	 */
	if (target->physical || !one_in(f, 8))
		return syscall(SYS_close_range, 400 + below(f, 64), ~0U, below(f, 3) * 2);
	return syscall(SYS_close_range, fd_of(below(f, FILES)), fd_of(below(f, FILES)), 0);
}

static long fuzz_poll(struct fuzzer *f)
{
	struct pollfd polls[4];

	for (int i = 0; i < 4; i++)
		polls[i] = (struct pollfd){ fd_of(pick(f, FILES)), next(f) };
	short_time(f);
	return syscall(SYS_ppoll, polls, 4, &f->time, NULL, 8);
}

/* Sends device memory through a socket, with files of the devices. */
static long fuzz_socket(struct fuzzer *f)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = pieces(f), .msg_iovlen = 1 + below(f, IOVS) };
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL, fd = fd_of(one_in(f, 2) ? SOCKET : SOCKET2);
	struct cmsghdr *cmsg;

	if (one_in(f, 2)) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	if (one_in(f, 2))
		return recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
	if (msg.msg_control) {
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		*(int *)CMSG_DATA(cmsg) = fd_of(pick(f, DEVICES));
	}
	return sendmsg(fd, &msg, flags);
}

static long fuzz_aio(struct fuzzer *f)
{
	static const __u16 ops[] = {
		IOCB_CMD_PREAD, IOCB_CMD_PWRITE, IOCB_CMD_FSYNC, IOCB_CMD_FDSYNC, IOCB_CMD_POLL,
		IOCB_CMD_NOOP, IOCB_CMD_PREADV, IOCB_CMD_PWRITEV,
	};
	__u16 op = ops[below(f, ARRAY_SIZE(ops))];
	bool vector = op == IOCB_CMD_PREADV || op == IOCB_CMD_PWRITEV;
	struct iocb cb = {
		.aio_lio_opcode = op,
		.aio_fildes = fd_of(pick(f, FILES)),
		.aio_rw_flags = one_in(f, 4) ? next(f) & next(f) & 0xff : 0,
		.aio_buf = vector ? (uintptr_t)pieces(f) : address(f),
		.aio_nbytes = vector ? below(f, IOVS + 1) : length(f),
		.aio_offset = file_offset(f),
	}, *cbs[] = { &cb };
	struct io_event events[4];
	long result;

	result = syscall(SYS_io_submit, aio, 1, cbs);
	short_time(f);
	if (syscall(SYS_io_getevents, aio, 0, 4, events, &f->time) > 0)
		result = events[0].res < 0 ? -1 : 0;
	return result < 0 ? -1 : 0;
}

/* Makes a ring of io_uring; -1 if the kernel has none. */
static int make_ring(void)
{
	size_t queues, entries;
	int fd = syscall(SYS_io_uring_setup, 8, &ring.params);

	if (fd < 0)
		return -1;
	queues = MAX(ring.params.sq_off.array + ring.params.sq_entries * sizeof(__u32),
		     ring.params.cq_off.cqes +
		     ring.params.cq_entries * sizeof(struct io_uring_cqe));
	entries = ring.params.sq_entries * sizeof(struct io_uring_sqe);
	ring.queues = mmap(NULL, queues, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   IORING_OFF_SQ_RING);
	ring.entries = mmap(NULL, entries, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			    IORING_OFF_SQES);
	if (ring.queues == MAP_FAILED || ring.entries == MAP_FAILED) {
		close(fd);
		return -1;
	}
	return fd;
}

static long fuzz_io_uring(struct fuzzer *f)
{
	static const __u8 ops[] = {
		IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_READ, IORING_OP_WRITE,
		IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED, IORING_OP_READ_MULTISHOT,
		IORING_OP_FSYNC, IORING_OP_POLL_ADD, IORING_OP_SYNC_FILE_RANGE,
		IORING_OP_FALLOCATE, IORING_OP_FTRUNCATE, IORING_OP_FADVISE, IORING_OP_MADVISE,
		IORING_OP_SPLICE, IORING_OP_TEE, IORING_OP_URING_CMD, IORING_OP_FUTEX_WAIT,
		IORING_OP_FUTEX_WAKE, IORING_OP_FIXED_FD_INSTALL, IORING_OP_ASYNC_CANCEL,
		IORING_OP_PROVIDE_BUFFERS, IORING_OP_EPOLL_CTL, IORING_OP_NOP,
	};
	__u8 op = ops[below(f, ARRAY_SIZE(ops))];
	bool vector = op == IORING_OP_READV || op == IORING_OP_WRITEV;
	__u32 *tail, *head, index;
	struct io_uring_cqe *done;
	enum file file;
	long result;

	/* Only one thread uses the ring. */
	if (f->id || !ring.entries)
		return -1;
	file = pick(f, FILES);
	/* The request can use a registered file of simpler, or mapped memory of the card. */
	f->card = target->physical;
	tail = (__u32 *)(ring.queues + ring.params.sq_off.tail);
	index = *tail & (ring.params.sq_entries - 1);
	((__u32 *)(ring.queues + ring.params.sq_off.array))[index] = index;
	ring.entries[index] = (struct io_uring_sqe){
		.opcode = op,
		.flags = one_in(f, 4) ? next(f) & next(f) & 0x7f : 0,
		.ioprio = one_in(f, 8) ? next(f) : 0,
		.fd = one_in(f, 4) ? (int)below(f, 8) : fd_of(file),
		.off = file_offset(f),
		.addr = vector ? (uintptr_t)pieces(f) : address(f),
		.len = vector ? below(f, IOVS + 1) : length(f),
		.rw_flags = one_in(f, 4) ? next(f) & next(f) & 0xff : 0,
		.user_data = 1,
		.buf_index = below(f, IOVS),
		.splice_fd_in = fd_of(one_in(f, 2) ? PIPE_OUT : file),
	};
	/* Numbers below 8 are those of registered files, and fd_of() returns larger ones. */
	if (ring.entries[index].fd < 8)
		ring.entries[index].flags |= IOSQE_FIXED_FILE;
	else
		ring.entries[index].flags &= ~IOSQE_FIXED_FILE;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);

	result = syscall(SYS_io_uring_enter, fd_of(RING), 1, one_in(f, 4), IORING_ENTER_GETEVENTS,
			 NULL, 0);
	head = (__u32 *)(ring.queues + ring.params.cq_off.head);
	tail = (__u32 *)(ring.queues + ring.params.cq_off.tail);
	done = (struct io_uring_cqe *)(ring.queues + ring.params.cq_off.cqes);
	if (result >= 0 && *head != __atomic_load_n(tail, __ATOMIC_ACQUIRE)) {
		result = done[*head & (ring.params.cq_entries - 1)].res < 0 ? -1 : 0;
		__atomic_store_n(head, *tail, __ATOMIC_RELEASE);
	}
	return result < 0 ? -1 : 0;
}

/* Registers buffers, files and other things with the ring. */
static long fuzz_io_uring_register(struct fuzzer *f)
{
	unsigned int op = below(f, 4) ? below(f, 4) : below(f, 40);
	int files[8];

	if (op == IORING_REGISTER_FILES) {
		for (int i = 0; i < 8; i++)
			files[i] = fd_of(pick(f, DEVICES));
		return syscall(SYS_io_uring_register, fd_of(RING), op, files, 8);
	}
	if (op == IORING_REGISTER_BUFFERS) {
		pieces(f);
		for (int i = 0; i < IOVS; i++)
			f->iov[i] = (struct iovec){ mapped_page(f), page * (1 + below(f, 2)) };
		return syscall(SYS_io_uring_register, fd_of(RING), op, f->iov, 1 + below(f, IOVS));
	}
	return syscall(SYS_io_uring_register, fd_of(RING), op,
		       one_in(f, 4) ? 0 : address(f), below(f, 16));
}

/* Makes a ring whose memory is a device's. Nothing is submitted to it. */
static long fuzz_io_uring_setup(struct fuzzer *f)
{
	struct io_uring_params params = {
		.flags = next(f) & next(f) & ~(IORING_SETUP_SQPOLL | IORING_SETUP_ATTACH_WQ),
	};
	int fd;

	if (one_in(f, 2))
		params.flags = IORING_SETUP_NO_MMAP | below(f, 2) * IORING_SETUP_NO_SQARRAY;
	params.sq_off.user_addr = (uintptr_t)mapped_page(f);
	params.cq_off.user_addr = (uintptr_t)mapped_page(f);
	fd = syscall(SYS_io_uring_setup, 1 + below(f, 64), &params);
	if (fd >= 0)
		close(fd);
	return fd;
}

static int make_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_SIGBUS };
	int fd = syscall(SYS_userfaultfd, O_NONBLOCK | O_CLOEXEC);

	/* Faults must raise SIGBUS, because no thread reads the userfaultfd's events. */
	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static long fuzz_userfaultfd(struct fuzzer *f)
{
	static const unsigned long cmds[] = {
		UFFDIO_REGISTER, UFFDIO_REGISTER, UFFDIO_UNREGISTER, UFFDIO_WAKE, UFFDIO_COPY,
		UFFDIO_ZEROPAGE, UFFDIO_MOVE, UFFDIO_WRITEPROTECT, UFFDIO_CONTINUE, UFFDIO_POISON,
	};
	__u64 args[6] = {
		(uintptr_t)mapped_page(f), page * (1 + below(f, 16)), below(f, 8), below(f, 8),
	};
	unsigned long cmd = cmds[below(f, ARRAY_SIZE(cmds))];

	if (cmd == UFFDIO_COPY || cmd == UFFDIO_MOVE) {
		args[2] = args[1];
		args[1] = (uintptr_t)mapped_page(f);
	}
	return ioctl(fd_of(UFFD), cmd, args);
}

struct call {
	const char *name;
	long number;
	struct arg args[6];
	bool tame;	/* no other values than those of the kind */
	long (*run)(struct fuzzer *f);
};

#define RWF_ALL 0xff
#define EMPTY { TEXT, .text = "" }
#define XATTR { TEXT, .text = "user.fuzz" }

static const struct call calls[] = {
	/* Memory; those without a number have what is special about them above. */
	{ "touch", .run = fuzz_touch },
	{ "touch", .run = fuzz_touch },
	{ "mmap", .run = fuzz_mmap },
	{ "mmap", .run = fuzz_mmap },
	{ "mmap", .run = fuzz_mmap },
	{ "mmap (elsewhere)", .run = fuzz_mmap_elsewhere },
	{ "pread, pwrite (RAM)", .run = fuzz_ram },
	{ "munmap", .run = fuzz_munmap },
	{ "mremap", .run = fuzz_mremap },
	{ "mremap", .run = fuzz_mremap },
	{ "fork", .run = fuzz_fork },
	{ "mprotect", SYS_mprotect, { { ARENA }, { LEN }, { BELOW, 8 } } },
	{ "pkey_mprotect", SYS_pkey_mprotect, { { ARENA }, { LEN }, { BELOW, 8 }, { BELOW, 3 } } },
	{ "pkey_alloc", SYS_pkey_alloc, { { NONE }, { BELOW, 4 } } },
	{ "madvise", SYS_madvise, { { ADDR }, { LEN }, { BELOW, 28 } } },
	{ "madvise", SYS_madvise, { { ADDR }, { LEN }, { BELOW, 28 } } },
	{ "madvise", SYS_madvise, { { ADDR }, { LEN }, { BELOW, 106 } } },
	{ "process_madvise", SYS_process_madvise,
	  { { PIDFD }, { IOV }, { COUNT }, { BELOW, 106 }, { NONE } } },
	{ "mlock", SYS_mlock, { { ADDR }, { LEN } } },
	{ "mlock2", SYS_mlock2, { { ADDR }, { LEN }, { BELOW, 2 } } },
	{ "munlock", SYS_munlock, { { ADDR }, { LEN } } },
	{ "mlockall", SYS_mlockall, { { BELOW, 2 } } },
	{ "munlockall", SYS_munlockall },
	{ "msync", SYS_msync, { { ADDR }, { LEN }, { BELOW, 8 } } },
	{ "mincore", SYS_mincore, { { ADDR }, { LEN }, { PTR } } },
	{ "remap_file_pages", SYS_remap_file_pages,
	  { { ARENA }, { LEN }, { NONE }, { PGOFF }, { BITS, MAP_NONBLOCK } }, .tame = true },
	{ "mbind", SYS_mbind,
	  { { ADDR }, { LEN }, { BELOW, 8 }, { PTR }, { BELOW, 64 }, { BELOW, 8 } } },
	{ "get_mempolicy", SYS_get_mempolicy,
	  { { PTR }, { PTR }, { BELOW, 64 }, { ADDR }, { BELOW, 8 } } },
	{ "move_pages", SYS_move_pages,
	  { { PID }, { BELOW, IOVS + 1 }, { PAGES }, { PTR }, { PTR }, { BELOW, 8 } },
	  .tame = true },
	{ "migrate_pages", SYS_migrate_pages, { { PID }, { BELOW, 64 }, { PTR }, { PTR } },
	  .tame = true },
#ifdef SYS_set_mempolicy_home_node
	{ "set_mempolicy_home_node", SYS_set_mempolicy_home_node,
	  { { ADDR }, { LEN }, { BELOW, 2 }, { NONE } } },
#endif
	{ "mseal", .run = fuzz_mseal },
#ifdef SYS_map_shadow_stack
	{ "map_shadow_stack", SYS_map_shadow_stack, { { ARENA }, { LEN }, { BELOW, 4 } } },
#endif
	{ "prctl (PR_SET_VMA)", SYS_prctl,
	  { { EXACTLY, PR_SET_VMA }, { NONE }, { ADDR }, { LEN }, { PTR } }, .tame = true },
	{ "futex", SYS_futex, { { ADDR }, { BITS, 0x18f }, { ANY }, { TIME }, { ADDR }, { ANY } },
	  .tame = true },
	{ "futex_waitv", SYS_futex_waitv,
	  { { ADDR }, { BELOW, 8 }, { NONE }, { TIME }, { NONE } } },
#ifdef SYS_futex_wake
	{ "futex_wake", SYS_futex_wake, { { ADDR }, { ANY }, { BELOW, 8 }, { BITS, 0x83 } } },
	{ "futex_wait", SYS_futex_wait,
	  { { ADDR }, { ANY }, { ANY }, { BITS, 0x83 }, { TIME }, { NONE } }, .tame = true },
#endif
	{ "set_robust_list", SYS_set_robust_list, { { ADDR }, { EXACTLY, 3 * sizeof(long) } } },
	{ "get_robust_list", SYS_get_robust_list, { { PID }, { PTR }, { PTR } }, .tame = true },
	{ "userfaultfd", .run = fuzz_userfaultfd },
	{ "process_vm_readv", SYS_process_vm_readv,
	  { { PID }, { IOV }, { BELOW, IOVS }, { IOV }, { BELOW, IOVS }, { NONE } },
	  .tame = true },
	{ "process_vm_writev", SYS_process_vm_writev,
	  { { PID }, { IOV }, { BELOW, IOVS }, { IOV }, { BELOW, IOVS }, { NONE } },
	  .tame = true },
	{ "ptrace", .run = fuzz_ptrace },
	{ "process_mrelease", .run = fuzz_mrelease },
	{ "/proc/<pid>/mem", .run = fuzz_proc_mem },
	{ "/proc/<pid>/...", .run = fuzz_proc },
	{ "pagemap", SYS_pread64, { { FILE_FD, PAGEMAP }, { PTR }, { LEN }, { ANY } } },
	{ "PAGEMAP_SCAN", .run = fuzz_pagemap_scan },

	/* Reading and writing */
	{ "read", SYS_read, { { AT }, { ADDR }, { LEN } } },
	{ "write", SYS_write, { { AT }, { ADDR }, { LEN } } },
	{ "readv", SYS_readv, { { AT }, { IOV }, { COUNT } } },
	{ "writev", SYS_writev, { { AT }, { IOV }, { COUNT } } },
	{ "pread64", SYS_pread64, { { FD }, { ADDR }, { LEN }, { OFFSET } } },
	{ "pwrite64", SYS_pwrite64, { { FD }, { ADDR }, { LEN }, { OFFSET } } },
	{ "preadv", SYS_preadv, { { FD }, { IOV }, { COUNT }, { OFFSET }, { NONE } } },
	{ "pwritev", SYS_pwritev, { { FD }, { IOV }, { COUNT }, { OFFSET }, { NONE } } },
	{ "preadv2", SYS_preadv2,
	  { { FD }, { IOV }, { COUNT }, { OFFSET }, { NONE }, { BITS, RWF_ALL } } },
	{ "pwritev2", SYS_pwritev2,
	  { { FD }, { IOV }, { COUNT }, { OFFSET }, { NONE }, { BITS, RWF_ALL } } },
	{ "preadv2", SYS_preadv2,
	  { { DEVICE }, { IOV }, { COUNT }, { OFFSET }, { NONE }, { ONE_BIT, RWF_ALL } } },
	{ "pwritev2", SYS_pwritev2,
	  { { DEVICE }, { IOV }, { COUNT }, { OFFSET }, { NONE }, { ONE_BIT, RWF_ALL } } },
	{ "lseek", SYS_lseek, { { AT }, { OFFSET }, { BELOW, 7 } } },
	{ "aio", .run = fuzz_aio },
	{ "io_uring_enter", .run = fuzz_io_uring },
	{ "io_uring_enter", .run = fuzz_io_uring },
	{ "io_uring_register", .run = fuzz_io_uring_register },
	{ "io_uring_setup", .run = fuzz_io_uring_setup },
	{ "sendfile", SYS_sendfile, { { AT }, { AT }, { OFFSET_PTR }, { LEN } } },
	{ "copy_file_range", SYS_copy_file_range,
	  { { AT }, { OFFSET_PTR }, { AT }, { OFFSET_PTR }, { LEN }, { BELOW, 2 } } },
	{ "splice", SYS_splice,
	  { { AT }, { OFFSET_PTR }, { AT }, { OFFSET_PTR }, { LEN }, { BITS, 15 } } },
	{ "splice (to a pipe)", SYS_splice,
	  { { AT }, { OFFSET_PTR }, { FILE_FD, PIPE_IN }, { NONE }, { LEN }, { BITS, 15 } } },
	{ "splice (from a pipe)", SYS_splice,
	  { { FILE_FD, PIPE_OUT }, { NONE }, { AT }, { OFFSET_PTR }, { LEN }, { BITS, 15 } } },
	{ "tee", SYS_tee,
	  { { FILE_FD, PIPE_OUT }, { FILE_FD, PIPE2_IN }, { LEN }, { BITS, 15 } } },
	{ "vmsplice", SYS_vmsplice,
	  { { FILE_FD, PIPE_IN }, { IOV }, { COUNT }, { BITS, 15 } } },
	{ "vmsplice (from a pipe)", SYS_vmsplice,
	  { { FILE_FD, PIPE_OUT }, { IOV }, { COUNT }, { BITS, 15 } } },
	{ "read (a pipe)", SYS_read, { { FILE_FD, PIPE_OUT }, { ADDR }, { LEN } } },
	{ "read (a pipe)", SYS_read, { { FILE_FD, PIPE2_OUT }, { ADDR }, { LEN } } },
	{ "write (a pipe)", SYS_write, { { FILE_FD, PIPE_IN }, { ADDR }, { LEN } } },
	{ "sendmsg, recvmsg", .run = fuzz_socket },

	/* Files */
	{ "ioctl", .run = fuzz_ioctl },
	{ "fcntl", .run = fuzz_fcntl },
	{ "flock", SYS_flock, { { FD }, { BITS, 15 } } },
	{ "dup, dup3, pidfd_getfd", .run = fuzz_dup },
	{ "close_range", .run = fuzz_close },
	{ "fallocate", SYS_fallocate, { { FD }, { BITS, 0xff }, { OFFSET }, { LEN } } },
	{ "ftruncate", SYS_ftruncate, { { FD }, { OFFSET } } },
	{ "fsync", SYS_fsync, { { FD } } },
	{ "fdatasync", SYS_fdatasync, { { FD } } },
	{ "syncfs", SYS_syncfs, { { FD } } },
	{ "sync_file_range", SYS_sync_file_range, { { FD }, { OFFSET }, { LEN }, { BITS, 15 } } },
	{ "fadvise64", SYS_fadvise64, { { FD }, { OFFSET }, { LEN }, { BELOW, 8 } } },
	{ "readahead", SYS_readahead, { { FD }, { OFFSET }, { LEN } } },
#ifdef SYS_cachestat
	{ "cachestat", SYS_cachestat, { { FD }, { PTR }, { PTR }, { BELOW, 2 } } },
#endif
	{ "fstat", SYS_fstat, { { FD }, { PTR } } },
	{ "statx", SYS_statx,
	  { { FD }, EMPTY, { BITS, AT_EMPTY_PATH | 0x6000 }, { BITS, 0xffffffff }, { PTR } } },
	{ "fstatfs", SYS_fstatfs, { { FD }, { PTR } } },
	{ "fchmod", SYS_fchmod, { { DEVICE }, { BITS, 07777 } } },
	{ "fchown", SYS_fchown, { { DEVICE }, { BELOW, 3 }, { BELOW, 3 } } },
	{ "utimensat", SYS_utimensat, { { DEVICE }, { NONE }, { PTR }, { NONE } } },
	{ "fsetxattr", SYS_fsetxattr, { { DEVICE }, XATTR, { PTR }, { BELOW, 64 }, { BELOW, 3 } } },
	{ "fgetxattr", SYS_fgetxattr, { { FD }, XATTR, { PTR }, { BELOW, 64 } } },
	{ "flistxattr", SYS_flistxattr, { { FD }, { PTR }, { BELOW, 4096 } } },
	{ "fremovexattr", SYS_fremovexattr, { { DEVICE }, XATTR } },
	{ "name_to_handle_at", SYS_name_to_handle_at,
	  { { FD }, EMPTY, { PTR }, { PTR }, { BITS, AT_EMPTY_PATH | 0x201 } } },
	{ "getdents64", SYS_getdents64, { { FD }, { PTR }, { BELOW, 4096 } } },
	{ "fchdir", SYS_fchdir, { { DEVICE } } },
	{ "execveat", SYS_execveat,
	  { { DEVICE }, EMPTY, { NONE }, { NONE }, { EXACTLY, AT_EMPTY_PATH } }, .tame = true },
	{ "finit_module", SYS_finit_module, { { DEVICE }, EMPTY, { BITS, 7 } }, .tame = true },
	{ "init_module", SYS_init_module, { { ADDR }, { LEN }, EMPTY }, .tame = true },
	{ "kcmp", SYS_kcmp, { { PID }, { PID }, { BELOW, 9 }, { FD }, { FD } }, .tame = true },
	{ "ppoll", .run = fuzz_poll },
	{ "pselect6", SYS_pselect6,
	  { { BELOW, 512 }, { PTR }, { PTR }, { PTR }, { TIME }, { NONE } }, .tame = true },
	{ "epoll_ctl", SYS_epoll_ctl, { { FILE_FD, EPOLL }, { BELOW, 5 }, { FD }, { PTR } } },
	{ "epoll_pwait", SYS_epoll_pwait,
	  { { FILE_FD, EPOLL }, { PTR }, { BELOW, 8 }, { BELOW, 3 }, { NONE }, { NONE } },
	  .tame = true },
	{ "inotify_add_watch", SYS_inotify_add_watch,
	  { { FILE_FD, INOTIFY }, { DEVICE_PATH }, { BITS, 0xffffffff } } },
	{ "fanotify_mark", SYS_fanotify_mark,
	  { { FILE_FD, FANOTIFY }, { BITS, 0x3ff }, { BITS, 0x4800003b }, { DEVICE }, { NONE } },
	  .tame = true },
};

const char *call_name(unsigned int number)
{
	static_assert(ARRAY_SIZE(calls) <= MAX_CALLS, "MAX_CALLS is too small");
	return number < ARRAY_SIZE(calls) ? calls[number].name : NULL;
}

/* Makes a call of the table, with the kinds of arguments that the table says. */
static long call_with_args(struct fuzzer *f, const struct call *call)
{
	__u64 args[6];

	for (int i = 0; i < 6; i++) {
		const struct arg *arg = &call->args[i];
		bool file = arg->kind == FD || arg->kind == AT || arg->kind == DEVICE;

		args[i] = value_of(f, arg);
		if (arg->kind != NONE && arg->kind != PIDFD && !call->tame && !file && !f->card &&
		    one_in(f, 40))
			args[i] = wild(f);
	}
	/* A call that changes mappings must not reach past the end of the arena. */
	if (call->args[0].kind == ARENA && args[0] - (uintptr_t)arena < page * arena_pages)
		args[1] = MIN(args[1], (uintptr_t)arena + page * arena_pages - args[0]);
	return syscall(call->number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static void make_call(struct fuzzer *f)
{
	const unsigned int number = below(f, ARRAY_SIZE(calls));
	const struct call *call = &calls[number];
	long result;

	f->card = false;
	f->owned = 0;
	f->offsets = 0;
	result = call->run ? call->run(f) : call_with_args(f, call);
	for (int i = 0; i < f->owned; i++)
		close(f->own[i]);
	if (result == -1)
		__atomic_fetch_add(&report->counts[number].failed, 1, __ATOMIC_RELAXED);
	else
		__atomic_fetch_add(&report->counts[number].ok, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&report->progress[slot], 1, __ATOMIC_RELAXED);
}

static void on_fault(int sig)
{
	if (me && me->touching)
		siglongjmp(me->jump, 1);
	signal(sig, SIG_DFL);
}

/* Interrupts waiting calls. The first thread gets the timer's signal, and signals the other. */
static void on_alarm(int sig)
{
	int error = errno;

	if (me && !me->id && threads > 1 && thread_ids[1])
		syscall(SYS_tgkill, getpid(), thread_ids[1], SIGALRM);
	errno = error;
}

static void *fuzz(void *arg)
{
	struct fuzzer *f = arg;

	me = f;
	thread_ids[f->id] = syscall(SYS_gettid);
	for (int i = 0; i < CALLS; i++) {
		if (i == calls_to_live)
			kill(getpid(), SIGKILL);
		make_call(f);
	}
	if (!__atomic_sub_fetch(&threads_left, 1, __ATOMIC_ACQ_REL))
		_exit(0);
	for (;;)
		pause();
}

static void limit(int resource, rlim_t value)
{
	const struct rlimit limits = { value, value };

	if (setrlimit(resource, &limits))
		fail("setrlimit: %s", strerror(errno));
}

/*
 * Drops the capabilities with which calls could harm other processes: to exceed limits, reboot,
 * mount or poison memory. Keeps those that calls on the devices need.
 */
static void drop_rights(void)
{
	static const int kept[] = {
		CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_SYS_MODULE, CAP_SYS_NICE,
		CAP_SYS_PTRACE, CAP_SYS_RAWIO,
	};
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {};

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		data[0].permitted |= 1U << kept[i];
	data[0].effective = data[0].permitted;
	if (syscall(SYS_capset, &header, data))
		fail("capset: %s", strerror(errno));
}

/* Moves a descriptor to the number of this file. */
static void place(enum file file, int fd)
{
	if (fd < 0)
		return;
	if (dup3(fd, fd_of(file), O_CLOEXEC) < 0)
		fail("dup3: %s", strerror(errno));
	close(fd);
}

static void open_device(enum file file, int flags)
{
	const char *path = path_of(file);
	int fd = open(path, flags | O_CLOEXEC);

	/* Another driver may refuse this access mode, or a second open. */
	if (fd < 0 && target->path)
		fd = open_somehow(path, flags & ~O_ACCMODE);
	if (fd < 0 && !target->path)
		fail("%s: %s", path, strerror(errno));
	if (target->physical && is_simpler(file))
		lseek(fd, target->card, SEEK_SET);
	place(file, fd);
}

static void open_files(void)
{
	int pair[2];

	open_device(SIMPLER, O_RDWR);
	open_device(SIMPLER_SYNC, O_RDWR | O_SYNC);
	open_device(SIMPLER_WRITE, O_WRONLY);
	open_device(SIMPLER_READ, O_RDONLY);
	open_device(SIMPLEN, O_RDWR);
	open_device(SIMPLEN_NOWAIT, O_RDWR | O_NONBLOCK);
	open_device(SIMPLEN_WRITE, O_WRONLY | O_APPEND);
	open_device(SIMPLEN_READ, O_RDONLY | O_DSYNC);
	place(PATH, open(path_of(SIMPLER), O_PATH));
	for (enum file file = PIPE_OUT; file <= PIPE2_OUT; file += PIPE2_OUT - PIPE_OUT) {
		if (!pipe2(pair, O_NONBLOCK)) {
			place(file, pair[0]);
			place(file + 1, pair[1]);
		}
	}
	place(MEMFD, memfd_create("fuzz", MFD_ALLOW_SEALING));
	if (!socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
		place(SOCKET, pair[0]);
		place(SOCKET2, pair[1]);
	}
	place(EPOLL, epoll_create1(0));
	place(EVENT, eventfd(0, EFD_NONBLOCK));
	place(INOTIFY, inotify_init1(IN_NONBLOCK));
	place(FANOTIFY, syscall(SYS_fanotify_init, FAN_REPORT_FID | FAN_NONBLOCK, 0));
	place(MEM, open("/proc/self/mem", O_RDWR));
	place(PAGEMAP, open("/proc/self/pagemap", O_RDONLY));
	place(ZERO, open("/dev/zero", O_RDWR));
	place(SELF_PIDFD, syscall(SYS_pidfd_open, getpid(), 0));
}

static void open_null(void)
{
	int fd = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

void run_burst(const struct target *the_target, struct report *the_report, int the_slot, __u64 seed)
{
	static struct fuzzer fuzzers[THREADS];
	const struct itimerval soon = { { 0, 100000 }, { 0, 100000 } };
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	struct fuzzer *f = &fuzzers[0];
	pthread_attr_t attr;
	pthread_t thread;

	target = the_target;
	report = the_report;
	slot = the_slot;
	page = sysconf(_SC_PAGESIZE);
	arena_pages = MAX(2048, 4 * target->huge_pages);
	for (int i = 0; i < THREADS; i++)
		fuzzers[i] = (struct fuzzer){ .random = seed + i, .id = i };

	open_null();
	limit(RLIMIT_AS, 6 * page * arena_pages);
	limit(RLIMIT_FSIZE, 256 * page);
	limit(RLIMIT_NOFILE, 512);
	limit(RLIMIT_MEMLOCK, 1024 * page);
	limit(RLIMIT_CORE, 0);
	drop_rights();
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	action.sa_handler = on_alarm;
	sigaction(SIGALRM, &action, NULL);

	/* Calls that reach past the memory or the arena find nothing there. */
	memory = mmap(NULL, 3 * page * arena_pages, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED || mprotect(memory, page * MEMORY_PAGES, PROT_READ | PROT_WRITE))
		fail("mmap: %s", strerror(errno));
	arena = memory + page * arena_pages;

	open_files();
	place(RING, make_ring());
	place(UFFD, make_uffd());
	syscall(SYS_io_setup, 8, &aio);
	for (size_t i = 0; i < page * MEMORY_PAGES; i += 8)
		*(__u64 *)&memory[i] = next(f);
	/* Each thread begins with some mappings. */
	for (int i = 0; i < 8 * THREADS; i++) {
		f = &fuzzers[i % THREADS];
		f->card = false;
		fuzz_mmap(f);
	}
	f = &fuzzers[0];
	if (one_in(f, 2)) {
		start_sibling();
		if (sibling)
			place(SIBLING_PIDFD, syscall(SYS_pidfd_open, sibling, 0));
	}

	/* Some bursts are killed before their last call, and some have a second thread. */
	calls_to_live = one_in(f, 8) ? (int)below(f, CALLS) : CALLS;
	threads = 1 + below(f, THREADS);
	threads_left = threads;
	setitimer(ITIMER_REAL, &soon, NULL);
	if (threads > 1) {
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, 1 << 17);
		if (pthread_create(&thread, &attr, fuzz, &fuzzers[1]))
			threads_left--;
	}
	fuzz(f);
	_exit(0);
}
