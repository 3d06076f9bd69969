/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the processes of the stress program share, and what its files give each
 * other. stress.c starts processes, takes them down, and loads and unloads the
 * module; worker.c is what each of them does, with its operations in ops_*.c;
 * pattern.c knows what a page must hold; watch.c reads /proc and debugfs
 * meanwhile; kmsg.c adds up what the driver says in the kernel log.
 */
#ifndef _TORTURE_H
#define _TORTURE_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* There are WORKERS processes of THREADS threads each. Each thread can have a child process. */
#define WORKERS 4
#define THREADS 2
/* Each of them has a word of its own in every page: a slot. */
#define SLOTS (WORKERS * THREADS * 2)

/* The largest region, in pages. It is more than the page allocator gives at once. */
#define MAX_PAGES 3072

/* The size of the arena, where a thread maps the devices, in pages. */
#define ARENA 96
/* How much of each region a process maps for all of its threads, in pages. */
#define COMMON 32
/* The pages reserved at "commons": another driver's device can require more than COMMON. */
#define COMMON_ROOM PROBE_PAGES

/* Seconds without an operation after which a thread hangs. The slowest kernel takes a few. */
#define HANG 240
/* Seconds without an operation after which a worker on another driver's device is killed. */
#define STUCK 10

enum device { SIMPLER, SIMPLEN, DEVICES };

/* The operations; stress.c has their names. */
enum op_kind {
	OP_OPEN, OP_LET_GO, OP_MMAP, OP_MMAP_FREE, OP_MMAP_WHOLE,
	OP_READ_PAGE, OP_WRITE_PAGE, OP_COMMON,
	OP_MUNMAP, OP_MREMAP_SHRINK, OP_MREMAP_MOVE, OP_MREMAP_GROW, OP_MREMAP_COPY,
	OP_MREMAP_KEEP, OP_MPROTECT, OP_MADVISE, OP_MLOCK, OP_MUNLOCK, OP_MLOCKALL, OP_MSYNC,
	OP_MINCORE, OP_MBIND, OP_MOVE_PAGES, OP_USERFAULTFD, OP_READ, OP_WRITE, OP_SEEK,
	OP_MEM_READ, OP_MEM_WRITE, OP_VM_READV, OP_VM_WRITEV, OP_VMSPLICE, OP_SPLICE,
	OP_SENDFILE, OP_URING, OP_URING_READ, OP_URING_WRITE, OP_FORK, OP_REAP, OP_EXEC, OP_EXIT,
	OP_PROC, OP_DEBUGFS, OP_LOAD, OP_UNLOAD, OP_KILL, OP_VERIFY, OPS,
};

/* How many writes of a word were begun, and how many were completed. */
struct cell {
	__u32 started, done;
};

struct shared {
	__u64 seed;
	/*
	 * The device, which is then the only one, is another driver's. What it
	 * holds, and what it refuses, is not known, so nothing of that is judged.
	 */
	bool unknown;
	struct shape shape; /* how it can be mapped */
	__u32 load; /* how many times the module was loaded so far */
	__u32 pages; /* of the regions of this load */
	bool huge; /* whether it was loaded so; simpler is then filled on demand */
	bool forced; /* /proc/<pid>/mem overrides the protection */
	bool shut; /* workers must not open the devices */
	bool let_go; /* workers must close and unmap everything */
	bool failed;
	char failure[1024];
	pid_t workers[WORKERS];
	__u64 beats[WORKERS][THREADS]; /* operations of a thread */
	__u64 ok[OPS], refused[OPS], stuck;
	struct cell cells[DEVICES][MAX_PAGES][SLOTS];
};

extern struct shared *shared;
extern size_t page_size;
extern int devices; /* how many there are */
extern const char *paths[DEVICES];
extern const char *const op_names[OPS];

/* Where every worker maps: the same addresses in each. */
extern char *arenas[THREADS], *commons[DEVICES];

/* What a thread knows of a page of its arena. */
struct page {
	bool mapped; /* by a device; otherwise it is reserved, and cannot be accessed */
	bool lost; /* another thread has it now */
	bool private, read_only; /* how the device was mapped, and opened */
	bool copied; /* private, and the process's own copy by now */
	bool dontfork;
	enum { UNLOCKED, LOCKED, LOCKED_ON_FAULT } locked;
	bool guard; /* a guard region, where accesses must fail */
	__u8 device;
	int prot;
	__u32 index; /* in the region, or beyond it */
	__u64 copy[SLOTS]; /* what the copy holds */
};

struct thread {
	int worker, nr, slot;
	__u64 random; /* state of the current operation's random numbers */
	__u64 operations;
	bool holds; /* the devices are open */
	__u32 load, pages; /* of the module, since then */
	int rw[DEVICES], ro[DEVICES]; /* the devices */
	int mem, maps; /* files in /proc/self */
	int pipe[2], file; /* a pipe, and a file in memory */
	pid_t child;
	char *arena, *buffer; /* the buffer has room for ARENA pages */
	struct page page[ARENA];
};

/* stress.c */
__u64 mix(__u64 value);
__u64 next_random(__u64 *state);
void count(enum op_kind op, bool ok);
/* Notes why the run fails, unless it has failed already, and ends the process. */
noreturn void fail(const char *format, ...);

/* Fails as fail_at() does, unless the device is unknown. */
#define fail_if_known(t, ...) \
	do { \
		if (!shared->unknown) \
			fail_at(t, __VA_ARGS__); \
	} while (0)

/* pattern.c. For a device whose content is not known, these functions check nothing. */
struct seen {
	__u32 done[SLOTS];
};

__u64 *word_at(const void *page, int slot);
void before(struct seen *seen, enum device device, __u32 page);
__u64 start_write(enum device device, __u32 page, int slot);
void end_write(enum device device, __u32 page, int slot);
__u64 current_word(enum device device, __u32 page, int slot);
__u64 private_word(enum device device, __u32 page, int slot, __u32 number);
void check_words(const char *what, enum device device, __u32 page, const __u64 *words,
		 const struct seen *seen);
void check_page(const char *what, enum device device, __u32 page, const char *content,
		const struct seen *seen);

/* worker.c */
noreturn void worker(int number, __u32 incarnation);
noreturn void fail_at(struct thread *t, enum op_kind op, int i, const char *format, ...);
__u32 below(struct thread *t, __u32 limit);
bool one_in(struct thread *t, __u32 number);
bool expect(struct thread *t, enum op_kind op, int i, int found, int expected);
bool expect_either(struct thread *t, enum op_kind op, int i, int found, int one, int other);
void refused(struct thread *t, enum op_kind op, int i);
char *at(struct thread *t, int i);
bool beyond(struct thread *t, int i);
bool faults(struct thread *t, int i);
int pick(struct thread *t, int *count);
int guarded_load(const char *page, __u64 *words);
int guarded_store(__u64 *word, __u64 value);
bool is_missing(struct thread *t, enum op_kind op, long result);
void take_copies(struct thread *t, enum op_kind op, int i, int count);
void look(struct thread *t, enum op_kind op, int i);
void store(struct thread *t, enum op_kind op, int i);
void reserve(struct thread *t, int i, int count);
void reserve_holes(struct thread *t, int i, int count);
__u32 common_pages(struct thread *t);
void remove_range(struct thread *t, int i, int count);

/* ops_map.c, ops_advise.c, ops_io.c, ops_fork.c, ops_uring.c */
typedef void operation(struct thread *t);
operation op_mmap, op_mmap_free, op_mmap_whole, op_read_page, op_write_page, op_common;
operation op_munmap, op_shrink, op_move, op_grow, op_copy, op_keep, op_mprotect;
operation op_madvise, op_mlock, op_munlock, op_msync, op_mincore, op_mbind, op_move_pages,
	  op_userfaultfd;
operation op_read, op_write, op_seek, op_mem_read, op_mem_write, op_vm_readv, op_vm_writev,
	  op_vmsplice, op_splice, op_sendfile;
operation op_fork, op_reap, op_exec;
operation op_uring;
void end_child(struct thread *t);

/* watch.c */
noreturn void watch(__u64 random);
long counter(enum device device, const char *name);

/* kmsg.c */
struct totals {
	unsigned long long lines, opened, closed, allocated, freed;
};

void kmsg_open(void);
void kmsg_read(struct totals totals[DEVICES]);

#endif
