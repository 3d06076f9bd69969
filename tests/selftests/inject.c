// SPDX-License-Identifier: GPL-2.0
/*
 * Makes every allocation in a system call or a page fault fail in turn: the first,
 * then the second, and so on, until the operation succeeds without a failure. The
 * kernel's own allocations on the way to the driver and back are among them. Each
 * failure must give the documented error, unless the operation succeeds without that
 * memory, and everything must work afterwards. The same is done to the copies to and
 * from user space in a read or write.
 *
 * Documentation/fault-injection/fault-injection.rst: /proc/<pid>/fail-nth.
 */

#include "suite.h"

#include <sys/rseq.h>

#define MAX_POINTS 5000 /* more than the allocations of any operation */

/* The result of an operation that did less than it was asked for. */
#define SHORT -1

enum module {
	SIMPLE, SINGLE, PHYSICAL, RESERVED, HUGE, TRACED, TRACED_PHYSICAL, TRACED_HUGE, MIRROR,
	CLOCK, PAGE,
};

/* The physical addresses of a graphics card's memory, and of 64 KiB in the midst of RAM. */
static __u64 card, reserved;

/*
 * The modules that are loaded. Each attempt works on the next window of the device,
 * a folio of simplen, which is untouched until all windows were used.
 */
static const struct {
	const char *name, *params;
	size_t window, windows; /* in pages, or in huge pages */
	bool is_huge;
	const __u64 *start; /* of the windows, in physical memory */
} modules[] = {
	[SIMPLE] = { "simple", "trace=0 order=2", 4, 128, false, NULL },
	[SINGLE] = { "simple", "trace=0 order=0", 4, 128, false, NULL },
	[PHYSICAL] = { "simple", "trace=0 physical=1", 4, 128, false, &card },
	[RESERVED] = { "simple", "trace=0 physical=1", 1, 8, false, &reserved },
	[HUGE] = { "simple", "trace=0 huge=1", 1, 8, true, NULL },
	[TRACED] = { "simple", "trace=1 order=2", 4, 128, false, NULL },
	[TRACED_PHYSICAL] = { "simple", "trace=1 physical=1", 4, 128, false, &card },
	[TRACED_HUGE] = { "simple", "trace=1 huge=1", 1, 8, true, NULL },
	[MIRROR] = { "simple_mirror", "pages=2", 4, 1, false, NULL },
	[CLOCK] = { "simple_clock", "", 1, 1, false, NULL },
	[PAGE] = { "simple_page", "", 1, 1, false, NULL },
};

/* What an attempt at an operation works on. */
struct scene {
	size_t page, size; /* of a page, and of the window, in bytes */
	off_t pos; /* of the window in the file */
	const char *params;
	int flags; /* of the mapping */
	int fd; /* the device */
	int other; /* a further file */
	int pipe[2];
	char *room; /* reserved addresses, five times the window's size */
	char *addr; /* where the window is mapped, in the room */
	char *target; /* where two more windows can be mapped, in the room */
	char *buf; /* two pages */
	pid_t child;
};

/*
 * The operations return 0, an errno, or SHORT. They do nothing else that could
 * allocate memory.
 */

static int result(long ret)
{
	return ret < 0 ? errno : 0;
}

static int count_result(ssize_t ret, size_t wanted)
{
	if (ret < 0)
		return errno;
	return ret == (ssize_t)wanted ? 0 : SHORT;
}

static int map_result(void *addr)
{
	return addr == MAP_FAILED ? errno : 0;
}

static int op_load(struct scene *s)
{
	return result(syscall(SYS_finit_module, s->other, s->params, 0));
}

static int op_open_simpler(struct scene *s)
{
	s->other = open("/dev/simpler", O_RDWR);
	return result(s->other);
}

static int op_open_simplen(struct scene *s)
{
	s->other = open("/dev/simplen", O_RDWR);
	return result(s->other);
}

static int op_open_simple_page(struct scene *s)
{
	s->other = open("/dev/simple_page", O_RDWR);
	return result(s->other);
}

static int op_mmap(struct scene *s)
{
	return map_result(mmap(s->target, s->size, PROT_READ | PROT_WRITE,
			       s->flags | MAP_FIXED, s->fd, s->pos));
}

static int op_read_fault(struct scene *s)
{
	__atomic_load_n(s->addr, __ATOMIC_RELAXED);
	return 0;
}

static int op_write_fault(struct scene *s)
{
	__atomic_store_n(s->addr, 1, __ATOMIC_RELAXED);
	return __atomic_load_n(s->addr, __ATOMIC_RELAXED) == 1 ? 0 : EIO;
}

static int op_read_to_mapping(struct scene *s)
{
	return count_result(read(s->other, s->addr, 2 * s->page), 2 * s->page);
}

static int op_write_from_mapping(struct scene *s)
{
	return count_result(write(s->pipe[1], s->addr, 2 * s->page), 2 * s->page);
}

static int op_vmsplice(struct scene *s)
{
	struct iovec iov = { s->addr, 2 * s->page };

	return count_result(vmsplice(s->pipe[1], &iov, 1, 0), 2 * s->page);
}

static int op_process_vm_readv(struct scene *s)
{
	struct iovec to = { s->buf, 2 * s->page }, from = { s->addr, 2 * s->page };

	return count_result(process_vm_readv(getpid(), &to, 1, &from, 1, 0), 2 * s->page);
}

static int op_proc_mem(struct scene *s)
{
	return count_result(pread(s->other, s->buf, 2 * s->page, (off_t)s->addr), 2 * s->page);
}

static int op_mlock(struct scene *s)
{
	return result(mlock(s->addr, 2 * s->page));
}

static int op_read(struct scene *s)
{
	return count_result(pread(s->fd, s->buf, 2 * s->page, s->pos), 2 * s->page);
}

static int op_write(struct scene *s)
{
	return count_result(pwrite(s->fd, s->buf, 2 * s->page, s->pos), 2 * s->page);
}

static int op_lseek(struct scene *s)
{
	return result(lseek(s->fd, s->page, SEEK_SET));
}

/* Forks by the system call, as the C library's fork() also runs handlers, which can allocate. */
static int op_fork(struct scene *s)
{
	s->child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!s->child)
		syscall(SYS_exit_group, s->addr[0] != 1);
	return result(s->child);
}

static int op_mremap(struct scene *s)
{
	return map_result(mremap(s->addr, s->size, s->size,
				 MREMAP_MAYMOVE | MREMAP_FIXED, s->target));
}

static int op_mremap_part(struct scene *s)
{
	return map_result(mremap(s->addr + s->page, s->page, s->page,
				 MREMAP_MAYMOVE | MREMAP_FIXED, s->target));
}

static int op_mremap_grow(struct scene *s)
{
	return map_result(mremap(s->addr, s->size, 2 * s->size,
				 MREMAP_MAYMOVE | MREMAP_FIXED, s->target));
}

static int op_mremap_shrink(struct scene *s)
{
	return map_result(mremap(s->addr, s->size, s->page, 0));
}

static int op_munmap_part(struct scene *s)
{
	return result(munmap(s->addr + s->page, s->page));
}

static int op_mprotect_part(struct scene *s)
{
	return result(mprotect(s->addr + s->page, s->page, PROT_READ));
}

struct operation {
	const char *name;
	int (*run)(struct scene *scene);
	const char *device; /* opened before the operation */
	int flags; /* of the mapping, which is made before, unless the operation is mmap */
	bool filled; /* the pages of the mapping are numbered before */
	const char *other; /* a further file, opened before the operation */
	int errors[3]; /* the documented errors; none means ENOMEM */
	enum module module;
};

static const struct operation loads[] = {
	/* Some 500 allocations. Most are the module loader's, and so the same for all modules. */
	{ "load simple", .run = op_load, .other = "/simple.ko" },
};

static const struct operation maps[] = {
	{ "open simpler", .run = op_open_simpler },
	{ "open simpler, physical", .run = op_open_simpler, .module = PHYSICAL },
	{ "open simplen", .run = op_open_simplen },
	{ "mmap simpler", .run = op_mmap, .device = "simpler", .flags = MAP_SHARED },
	{ "mmap simpler, private", .run = op_mmap, .device = "simpler", .flags = MAP_PRIVATE },
	/* pfnmap_track() of x86 has one error for everything. */
	{ "mmap simpler, physical", .run = op_mmap, .device = "simpler", .flags = MAP_SHARED,
	  .module = PHYSICAL, .errors = { ENOMEM, EINVAL } },
	{ "mmap simplen", .run = op_mmap, .device = "simplen", .flags = MAP_SHARED },
	{ "mmap simplen, private", .run = op_mmap, .device = "simplen", .flags = MAP_PRIVATE },
	{ "mmap simplen, huge", .run = op_mmap, .device = "simplen", .flags = MAP_SHARED,
	  .module = HUGE },
	/* By mmap(2), mmap does not fail if MAP_POPULATE cannot populate the mapping. */
	{ "mmap simplen, populated", .run = op_mmap, .device = "simplen",
	  .flags = MAP_SHARED | MAP_POPULATE },
	{ "munmap of a part of simplen, huge", .run = op_munmap_part, .device = "simplen",
	  .flags = MAP_SHARED, .filled = true, .module = HUGE },
	{ "mremap that grows simplen", .run = op_mremap_grow, .device = "simplen",
	  .flags = MAP_SHARED, .filled = true },
	{ "mmap simple_mirror", .run = op_mmap, .device = "simple_mirror", .flags = MAP_SHARED,
	  .module = MIRROR },
	{ "open simple_page", .run = op_open_simple_page, .module = PAGE },
	{ "mmap simple_page", .run = op_mmap, .device = "simple_page", .flags = MAP_SHARED,
	  .module = PAGE },
};

/* After each of these operations, the test checks the trace and the counters. */
static const struct operation traced_maps[] = {
	{ "traced mmap simpler", .run = op_mmap, .device = "simpler", .flags = MAP_SHARED,
	  .module = TRACED },
	{ "traced mmap simpler, private", .run = op_mmap, .device = "simpler",
	  .flags = MAP_PRIVATE, .module = TRACED },
	{ "traced mmap simpler, huge", .run = op_mmap, .device = "simpler", .flags = MAP_SHARED,
	  .module = TRACED_HUGE },
	{ "traced mmap simpler, physical", .run = op_mmap, .device = "simpler",
	  .flags = MAP_SHARED, .module = TRACED_PHYSICAL, .errors = { ENOMEM, EINVAL } },
	{ "traced mmap simplen", .run = op_mmap, .device = "simplen", .flags = MAP_SHARED,
	  .module = TRACED },
	{ "traced mmap simplen, private", .run = op_mmap, .device = "simplen",
	  .flags = MAP_PRIVATE, .module = TRACED },
	{ "traced mmap simplen, populated", .run = op_mmap, .device = "simplen",
	  .flags = MAP_SHARED | MAP_POPULATE, .module = TRACED },
	{ "traced mmap simplen, huge", .run = op_mmap, .device = "simplen", .flags = MAP_SHARED,
	  .module = TRACED_HUGE },
};

/*
 * After VM_FAULT_OOM, from the driver or from the kernel, the process takes the fault
 * again, see pagefault_out_of_memory(). The operation succeeds.
 */
static const struct operation faults[] = {
	{ "read fault", .run = op_read_fault, .device = "simplen", .flags = MAP_SHARED },
	{ "write fault", .run = op_write_fault, .device = "simplen", .flags = MAP_SHARED },
	{ "read fault, private", .run = op_read_fault, .device = "simplen", .flags = MAP_PRIVATE },
	{ "write fault, private", .run = op_write_fault, .device = "simplen",
	  .flags = MAP_PRIVATE },
	{ "read fault, single pages", .run = op_read_fault, .device = "simplen",
	  .flags = MAP_SHARED, .module = SINGLE },
	{ "write fault, single pages", .run = op_write_fault, .device = "simplen",
	  .flags = MAP_SHARED, .module = SINGLE },
	{ "read fault, huge", .run = op_read_fault, .device = "simplen", .flags = MAP_SHARED,
	  .module = HUGE },
	{ "write fault, huge", .run = op_write_fault, .device = "simplen", .flags = MAP_SHARED,
	  .module = HUGE },
	{ "write fault, huge, private", .run = op_write_fault, .device = "simplen",
	  .flags = MAP_PRIVATE, .module = HUGE },
	{ "read fault in simpler, huge", .run = op_read_fault, .device = "simpler",
	  .flags = MAP_SHARED, .module = HUGE },
	{ "write fault in simpler, private", .run = op_write_fault, .device = "simpler",
	  .flags = MAP_PRIVATE },
#ifdef __x86_64__
	/* On arm64 all of it is uncached, of which there are no private mappings. */
	{ "write fault in physical, private", .run = op_write_fault, .device = "simpler",
	  .flags = MAP_PRIVATE, .module = RESERVED },
#endif
	{ "write fault in simple_mirror", .run = op_write_fault, .device = "simple_mirror",
	  .flags = MAP_SHARED, .module = MIRROR },
	{ "write fault in simple_page", .run = op_write_fault, .device = "simple_page",
	  .flags = MAP_SHARED, .module = PAGE },
	{ "read fault in simple_clock", .run = op_read_fault, .device = "simple_clock",
	  .flags = MAP_SHARED, .module = CLOCK },
};

static const struct operation copies[] = {
	{ "read simpler", .run = op_read, .device = "simpler" },
	{ "read simpler, physical", .run = op_read, .device = "simpler",
	  .errors = { ENOMEM, SHORT }, .module = PHYSICAL },
	{ "read simplen", .run = op_read, .device = "simplen" },
	{ "write simpler", .run = op_write, .device = "simpler" },
	{ "write simpler, physical", .run = op_write, .device = "simpler",
	  .errors = { ENOMEM, SHORT }, .module = PHYSICAL },
	{ "write simplen", .run = op_write, .device = "simplen", .errors = { ENOMEM, SHORT } },
	{ "write simplen, single pages", .run = op_write, .device = "simplen",
	  .errors = { ENOMEM, SHORT }, .module = SINGLE },
	{ "write simplen, huge", .run = op_write, .device = "simplen", .errors = { ENOMEM, SHORT },
	  .module = HUGE },
	{ "lseek simpler", .run = op_lseek, .device = "simpler" },
	{ "lseek simplen", .run = op_lseek, .device = "simplen" },
	/* The kernel touches the mapping, and has EFAULT for a fault that finds no memory. */
	{ "read to simplen", .run = op_read_to_mapping, .device = "simplen", .flags = MAP_SHARED,
	  .other = "/dev/zero", .errors = { EFAULT, SHORT } },
	{ "read to simplen, single pages", .run = op_read_to_mapping, .device = "simplen",
	  .flags = MAP_SHARED, .other = "/dev/zero", .errors = { EFAULT, SHORT },
	  .module = SINGLE },
	{ "write from simplen", .run = op_write_from_mapping, .device = "simplen",
	  .flags = MAP_SHARED, .errors = { ENOMEM, EFAULT, SHORT } },
	{ "process_vm_readv simplen", .run = op_process_vm_readv, .device = "simplen",
	  .flags = MAP_SHARED, .errors = { ENOMEM, EFAULT, SHORT } },
	{ "/proc/self/mem on simpler", .run = op_proc_mem, .device = "simpler", .flags = MAP_SHARED,
	  .other = "/proc/self/mem", .errors = { ENOMEM, EIO, SHORT } },
	{ "/proc/self/mem on simpler, huge", .run = op_proc_mem, .device = "simpler",
	  .flags = MAP_SHARED, .other = "/proc/self/mem", .errors = { ENOMEM, EIO, SHORT },
	  .module = HUGE },
	{ "/proc/self/mem on physical", .run = op_proc_mem, .device = "simpler",
	  .flags = MAP_SHARED, .other = "/proc/self/mem", .errors = { ENOMEM, EIO, SHORT },
	  .module = PHYSICAL },
	{ "/proc/self/mem on simplen", .run = op_proc_mem, .device = "simplen", .flags = MAP_SHARED,
	  .other = "/proc/self/mem", .errors = { ENOMEM, EIO, SHORT } },
	{ "vmsplice simplen", .run = op_vmsplice, .device = "simplen", .flags = MAP_SHARED,
	  .errors = { ENOMEM, SHORT } },
	/* mlock(2) has EAGAIN for pages that could not be locked. */
	{ "mlock simplen", .run = op_mlock, .device = "simplen", .flags = MAP_SHARED,
	  .errors = { ENOMEM, EAGAIN } },
	{ "mlock simplen, single pages", .run = op_mlock, .device = "simplen",
	  .flags = MAP_SHARED, .errors = { ENOMEM, EAGAIN }, .module = SINGLE },
};

static const struct operation user_copies[] = {
	{ "copy from simpler", .run = op_read, .device = "simpler", .errors = { EFAULT, SHORT } },
	{ "copy from physical", .run = op_read, .device = "simpler", .errors = { EFAULT, SHORT },
	  .module = PHYSICAL },
	{ "copy from simplen", .run = op_read, .device = "simplen", .flags = MAP_SHARED,
	  .filled = true, .errors = { EFAULT, SHORT } },
	{ "copy to simpler", .run = op_write, .device = "simpler", .errors = { EFAULT, SHORT } },
	{ "copy to physical", .run = op_write, .device = "simpler", .errors = { EFAULT, SHORT },
	  .module = PHYSICAL },
	{ "copy to simplen", .run = op_write, .device = "simplen", .errors = { EFAULT, SHORT } },
};

/* Each of these is tried on both devices, with shared and private mappings. */
static const struct operation changes[] = {
	{ "fork with", .run = op_fork, .filled = true },
	{ "mremap of", .run = op_mremap, .filled = true },
	{ "mremap of a part of", .run = op_mremap_part, .filled = true },
	{ "mremap that shrinks", .run = op_mremap_shrink, .filled = true },
	{ "munmap of a part of", .run = op_munmap_part, .filled = true },
	{ "mprotect of a part of", .run = op_mprotect_part, .filled = true },
};

/* /proc/thread-self/fail-nth, which makes an allocation fail. */
static int fail_nth_fd;

FIXTURE(inject)
{
};

/* Writes to a file of the fault injection of this kind. False if that fails. */
static bool set_knob(const char *kind, const char *knob, const char *value)
{
	char path[128];
	int fd;
	bool done;

	sprintf(path, "/sys/kernel/debug/%s/%s", kind, knob);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = write(fd, value, strlen(value)) > 0;
	close(fd);
	return done;
}

/*
 * Lets fail-nth count failures of this kind, or not. fail-nth has no setting for
 * that, so the filter for stack traces is used: with a depth of 0 no stack trace has
 * an address, and none is required if "require-start" is 0.
 */
static bool set_counted(const char *kind, bool counted)
{
	return set_knob(kind, "stacktrace-depth", "0") &&
	       set_knob(kind, "require-start", counted ? "0" : "1");
}

static bool has_fail_usercopy(void)
{
	return !access("/sys/kernel/debug/fail_usercopy", F_OK);
}

/*
 * For rseq the kernel writes a thread's CPU number to memory of the thread. If that
 * memory has to be copied after a fork, and the copy cannot be allocated, the process
 * gets a SIGSEGV. So this ends the registration for rseq.
 */
static bool stop_rseq(void)
{
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
	const unsigned int size = __rseq_size < 32 ? 32 : __rseq_size;

	return !__rseq_size ||
	       !syscall(SYS_rseq, area, size, 1 /* RSEQ_FLAG_UNREGISTER */, RSEQ_SIG);
}

FIXTURE_SETUP(inject)
{
	__u64 registers, first, last;

	fail_nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth_fd < 0)
		SKIP(return, "this kernel has no fault injection");
	/* Let all kinds of allocations fail, without a report in the log. */
	ASSERT_TRUE(set_knob("failslab", "ignore-gfp-wait", "N"));
	ASSERT_TRUE(set_knob("failslab", "verbose", "0"));
	ASSERT_TRUE(set_knob("fail_page_alloc", "ignore-gfp-wait", "N"));
	ASSERT_TRUE(set_knob("fail_page_alloc", "ignore-gfp-highmem", "N"));
	ASSERT_TRUE(set_knob("fail_page_alloc", "min-order", "0"));
	ASSERT_TRUE(set_knob("fail_page_alloc", "verbose", "0"));
	ASSERT_TRUE(set_counted("failslab", true));
	ASSERT_TRUE(set_counted("fail_page_alloc", true));
	if (has_fail_usercopy()) {
		ASSERT_TRUE(set_knob("fail_usercopy", "verbose", "0"));
		ASSERT_TRUE(set_counted("fail_usercopy", false));
	}
	find_card(&card, &registers);
	ASSERT_NE(card, 0);
	find_memory(&first, &last, &reserved);
	ASSERT_NE(reserved, 0);
	ASSERT_NE(pmd_size(), 0);
	ASSERT_TRUE(stop_rseq());
}

FIXTURE_TEARDOWN(inject)
{
}

/* The unit of the windows' size, in bytes. */
static size_t unit_of(enum module module)
{
	return modules[module].is_huge ? pmd_size() : page_size();
}

/* Where the windows start in the device, in bytes. */
static off_t start_of(enum module module)
{
	return modules[module].start ? *modules[module].start : 0;
}

/* Makes the allocation with this number, from now on, fail in this thread. 0 means none. */
static void fail_nth(int number)
{
	char text[16];
	int len = sprintf(text, "%d", number);

	/* This write itself copies from user space, which can be what fails. */
	while (pwrite(fail_nth_fd, text, len, 0) < 0)
		if (errno != EFAULT)
			abort();
}

/* Whether the failure has not happened yet. */
static bool is_left_to_fail(void)
{
	char text[16] = "";

	/* If the read itself fails, the failure was left until now. */
	return pread(fail_nth_fd, text, sizeof(text) - 1, 0) < 0 || atoi(text);
}

/*
 * Whether two mappings of a device can be made, and show the same memory, which
 * nobody else writes to.
 */
static bool device_works(const char *path, off_t pos, size_t len, int prot)
{
	int fd = open(path, prot & PROT_WRITE ? O_RDWR : O_RDONLY);
	char *one = mmap(NULL, len, prot, MAP_SHARED, fd, pos);
	char *two = mmap(NULL, len, prot, MAP_SHARED, fd, pos);
	bool good = one != MAP_FAILED && two != MAP_FAILED;

	if (good && (prot & PROT_WRITE)) {
		one[64]++;
		two[65]++;
	}
	good = good && one[64] == two[64] && one[65] == two[65];
	munmap(one, len);
	munmap(two, len);
	close(fd);
	return good;
}

static bool works(const struct scene *s, enum module module)
{
	const int prot = PROT_READ | PROT_WRITE;
	/* The position behind all windows. */
	const off_t pos = modules[module].windows * s->size;

	switch (module) {
	case MIRROR:
		return device_works("/dev/simple_mirror", 0, s->size, prot);
	case CLOCK:
		return device_works("/dev/simple_clock", 0, s->page, PROT_READ);
	case PAGE:
		return device_works("/dev/simple_page", 0, s->page, prot);
	default:
		return device_works("/dev/simpler", start_of(module) + pos, s->page, prot) &&
		       device_works("/dev/simplen", pos, s->page, prot);
	}
}

/* Opens and maps what the attempt with this number works on. */
static bool set_scene(const struct operation *op, struct scene *s, int number)
{
	const int prot = op->module == CLOCK ? PROT_READ : PROT_READ | PROT_WRITE;
	char path[64];

	s->pos = start_of(op->module) + number % modules[op->module].windows * s->size;
	s->flags = op->flags;
	s->fd = -1;
	s->other = -1;
	s->child = -1;
	s->room = mmap(NULL, 5 * s->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->room == MAP_FAILED || pipe(s->pipe))
		return false;
	/* A huge page is mapped at a multiple of its size only. */
	s->addr = s->room + s->size - (uintptr_t)s->room % s->size;
	s->target = s->addr + 2 * s->size;
	if (op->other) {
		s->other = open(op->other, O_RDONLY);
		if (s->other < 0)
			return false;
	}
	if (op->device) {
		sprintf(path, "/dev/%s", op->device);
		s->fd = open(path, prot & PROT_WRITE ? O_RDWR : O_RDONLY);
		if (s->fd < 0)
			return false;
	}
	if (op->flags && op->run != op_mmap &&
	    mmap(s->addr, s->size, prot, op->flags | MAP_FIXED, s->fd, s->pos) == MAP_FAILED)
		return false;
	for (size_t i = 0; op->filled && i < s->size / s->page; i++)
		s->addr[i * s->page] = i + 1;
	return true;
}

/* Whether the pages of a filled mapping have the numbers that were written to them. */
static bool is_as_filled(const struct scene *s)
{
	for (size_t i = 0; i < s->size / s->page; i++)
		if (s->addr[i * s->page] != (char)(i + 1))
			return false;
	return true;
}

/* Undoes set_scene(). False if there was a child that did not see the mapping's content. */
static bool clear_scene(struct scene *s)
{
	int status = 0;

	if (s->child > 0)
		waitpid(s->child, &status, 0);
	munmap(s->room, 5 * s->size);
	close(s->fd);
	close(s->other);
	close(s->pipe[0]);
	close(s->pipe[1]);
	return !status;
}

static bool is_documented(const struct operation *op, int error)
{
	if (!error || (error == ENOMEM && !op->errors[0]))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(op->errors); i++)
		if (error == op->errors[i])
			return true;
	return false;
}

/* Grows the stack in advance: if an allocation for it failed, the process would get a SIGSEGV. */
static void grow_stack(void)
{
	char room[1 << 17];

	explicit_bzero(room, sizeof(room));
}

/* Whether the driver logs what happens to its VMAs. */
static bool is_traced(enum module module)
{
	return module >= TRACED && module <= TRACED_HUGE;
}

/*
 * Whether the log and the counters have nothing of a mapping that failed, and one
 * VMA opened for one that succeeded. The numbers are the counters before.
 */
static bool is_told_of_right(const struct operation *op, bool failed, long opens, long closes)
{
	char *log = driver_log();
	bool right = failed ? !*log : log_count("VMA open, ") == 1 && log_count("simple: ") == 1;

	free(log);
	return right && counter(op->device, "opens") == opens + !failed &&
	       counter(op->device, "closes") == closes &&
	       counter(op->device, "vmas") == !failed;
}

/* Whether no VMA of the devices is left, or there are no devices. */
static bool all_is_closed(void)
{
	return counter("simpler", "vmas") <= 0 && counter("simplen", "vmas") <= 0;
}

/* Repeats an operation until no allocation fails. Returns how many have failed, one each time. */
static int count_points(struct __test_metadata *_metadata, const struct operation *op,
			const char *params)
{
	const char *module = modules[op->module].name;
	struct scene s = {
		.page = page_size(),
		.size = modules[op->module].window * unit_of(op->module),
		.params = params,
		.buf = malloc(2 * page_size()),
	};
	const bool traced = is_traced(op->module);
	long opens = 0, closes = 0;
	bool left = false;
	int number, error;

	grow_stack();
	memset(s.buf, 1, 2 * s.page);
	for (number = 1; !left; number++) {
		ASSERT_LT(number, MAX_POINTS);
		ASSERT_TRUE(set_scene(op, &s, number));
		if (traced) {
			opens = counter(op->device, "opens");
			closes = counter(op->device, "closes");
			clear_log();
		}
		fail_nth(number);
		error = op->run(&s);
		left = is_left_to_fail();
		fail_nth(0);

		EXPECT_TRUE(left ? !error : is_documented(op, error));
		EXPECT_TRUE(!traced || is_told_of_right(op, error, opens, closes)) {
			TH_LOG("in the log: %s", driver_log());
		}
		if (error && op->filled)
			EXPECT_TRUE(is_as_filled(&s));
		EXPECT_TRUE(clear_scene(&s));
		EXPECT_TRUE(all_is_closed());
		if (error && op->run == op_load) {
			/* A failed load leaves no module, node or debugfs directory. */
			EXPECT_EQ(unload_named(module), -ENOENT);
			EXPECT_EQ(access("/dev/simpler", F_OK), -1);
			EXPECT_EQ(access("/dev/simplen", F_OK), -1);
			EXPECT_EQ(access("/sys/kernel/debug/simple", F_OK), -1);
		} else {
			EXPECT_TRUE(works(&s, op->module));
			if (op->run == op_load)
				EXPECT_EQ(unload_named(module), 0);
		}
		if (_metadata->exit_code) {
			TH_LOG("%s: allocation %d failed, error %d", op->name, number, error);
			break;
		}
	}
	free(s.buf);
	return number - 2;
}

/* The number of failed allocations in all operations of all tests. */
static int *all_points;

__attribute__((constructor)) static void share_all_points(void)
{
	all_points = mmap(NULL, sizeof(*all_points), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void try(struct __test_metadata *_metadata, const struct operation *op)
{
	const char *module = modules[op->module].name;
	const size_t unit = unit_of(op->module) / page_size();
	int points, ret = unload_named(module);
	char params[64];

	if (strcmp(module, "simple"))
		sprintf(params, "%s", modules[op->module].params);
	else /* All windows, and one unit behind them. */
		sprintf(params, "%s pages=%zu", modules[op->module].params, unit + unit *
			modules[op->module].window * modules[op->module].windows);
	ASSERT_TRUE(ret == 0 || ret == -ENOENT);
	clear_log();
	if (op->run != op_load)
		ASSERT_EQ(load_named(module, params), 0);
	points = count_points(_metadata, op, params);
	*all_points += points;
	printf("# inject: %s: %d points, %d in all\n", op->name, points, *all_points);
	fflush(stdout);

	/* Drains the kernel's batches, in which mlock keeps pages for a while. */
	EXPECT_TRUE(tell("/proc/sys/vm/drop_caches", "1"));
	if (op->run != op_load)
		EXPECT_EQ(unload_named(module), 0);
	EXPECT_GE(balanced_sums(), 0) {
		TH_LOG("%s: not all was closed, or freed", op->name);
	}
}

static void try_all(struct __test_metadata *_metadata, const struct operation *ops, size_t count)
{
	const int before = *all_points;

	for (size_t i = 0; i < count; i++)
		try(_metadata, &ops[i]);
	/* Some operations have no allocation that can fail, but not all of them. */
	EXPECT_GT(*all_points, before);
}

/* Loading takes long in an emulated guest with a debug kernel. */
TEST_F_TIMEOUT(inject, load, 1200)
{
	try_all(_metadata, loads, ARRAY_SIZE(loads));
}

TEST_F_TIMEOUT(inject, open_and_map, 300)
{
	try_all(_metadata, maps, ARRAY_SIZE(maps));
}

/* A mapping that fails is not counted or logged, and one that succeeds is, once. */
TEST_F_TIMEOUT(inject, failed_mapping_is_not_counted, 600)
{
	try_all(_metadata, traced_maps, ARRAY_SIZE(traced_maps));
}

TEST_F_TIMEOUT(inject, fault, 300)
{
	try_all(_metadata, faults, ARRAY_SIZE(faults));
}

TEST_F_TIMEOUT(inject, copy, 300)
{
	try_all(_metadata, copies, ARRAY_SIZE(copies));
}

#define EDU "/sys/bus/pci/drivers/simple_edu/"

/* If the bind succeeds, the PCI device has a node, and if it fails, it has none. */
TEST_F_TIMEOUT(inject, bind_a_device, 600)
{
	char target[256], *name;
	__u32 word = 0;
	bool left = false, bound;
	int number, fd, unbind_fd, edu;
	ssize_t len;

	ASSERT_EQ(reload_named("simple_edu", ""), 0);
	len = readlink("/sys/class/misc/simple_edu0/device", target, sizeof(target) - 1);
	ASSERT_GT(len, 0);
	target[len] = 0;
	name = strrchr(target, '/') + 1;
	fd = open(EDU "bind", O_WRONLY | O_CLOEXEC);
	unbind_fd = open(EDU "unbind", O_WRONLY | O_CLOEXEC);
	grow_stack();
	for (number = 1; !left; number++) {
		ASSERT_LT(number, MAX_POINTS);
		if (!access("/dev/simple_edu0", F_OK))
			ASSERT_EQ(pwrite(unbind_fd, name, strlen(name), 0), strlen(name));
		fail_nth(number);
		bound = pwrite(fd, name, strlen(name), 0) == strlen(name);
		left = is_left_to_fail();
		fail_nth(0);
		/* The kernel crate returns EBUSY if it cannot allocate what claims a BAR. */
		EXPECT_TRUE(bound || errno == ENOMEM || errno == EBUSY) {
			TH_LOG("allocation %d failed, error %d", number, errno);
		}
		EXPECT_EQ(!access("/dev/simple_edu0", F_OK), bound);
		EXPECT_EQ(access("/dev/simple_edu1", F_OK), 0);
		if (bound) {
			edu = open("/dev/simple_edu0", O_RDWR);
			EXPECT_EQ(pread(edu, &word, 4, 0), 4);
			EXPECT_EQ(word, 0x010000ed);
			close(edu);
		}
	}
	EXPECT_TRUE(bound);
	*all_points += number - 2;
	printf("# inject: bind simple_edu: %d points, %d in all\n", number - 2, *all_points);
	close(fd);
	close(unbind_fd);
	EXPECT_EQ(unload_named("simple_edu"), 0);
}

#define RACED 512 /* pages */

struct racer {
	pthread_barrier_t *start;
	int fd, number;
	size_t failed;
};

/* Writes a byte of its own to each page, at the same time as the other racer. */
static void *write_pages(void *arg)
{
	struct racer *racer = arg;

	racer->failed = !tell("/proc/thread-self/make-it-fail", "1");
	for (size_t i = 0; i < RACED; i++) {
		pthread_barrier_wait(racer->start);
		if (pwrite(racer->fd, "x", 1, i * page_size() + racer->number) != 1)
			racer->failed++;
	}
	return NULL;
}

/* Only single pages can be allocated: the slower thread must use the page of the faster one. */
TEST_F_TIMEOUT(inject, writes_that_race_without_folios_get_one_page, 300)
{
	pthread_barrier_t start;
	struct racer racers[2];
	pthread_t threads[2];
	char both[2];
	int fd;

	ASSERT_EQ(reload_named("simple", "trace=0 order=4"), 0);
	fd = open("/dev/simplen", O_RDWR);
	ASSERT_GE(fd, 0);
	ASSERT_TRUE(set_knob("fail_page_alloc", "task-filter", "Y"));
	ASSERT_TRUE(set_knob("fail_page_alloc", "min-order", "1"));
	ASSERT_TRUE(set_knob("fail_page_alloc", "times", "-1"));
	ASSERT_TRUE(set_knob("fail_page_alloc", "probability", "100"));
	pthread_barrier_init(&start, NULL, 2);
	for (int i = 0; i < 2; i++) {
		racers[i] = (struct racer){ .start = &start, .fd = fd, .number = i };
		ASSERT_EQ(pthread_create(&threads[i], NULL, write_pages, &racers[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(racers[i].failed, 0);
	}
	EXPECT_TRUE(set_knob("fail_page_alloc", "probability", "0"));
	EXPECT_TRUE(set_knob("fail_page_alloc", "task-filter", "N"));
	for (size_t i = 0; i < RACED; i++) {
		ASSERT_EQ(pread(fd, both, 2, i * page_size()), 2);
		EXPECT_EQ(memcmp(both, "xx", 2), 0);
	}
	close(fd);
	EXPECT_EQ(unload_module(), 0);
}

/* Here the copies between the kernel and the process fail, instead of allocations. */
TEST_F_TIMEOUT(inject, user_copy, 300)
{
	if (!has_fail_usercopy())
		SKIP(return, "this kernel cannot have copies fail");
	ASSERT_TRUE(set_counted("failslab", false));
	ASSERT_TRUE(set_counted("fail_page_alloc", false));
	ASSERT_TRUE(set_counted("fail_usercopy", true));
	try_all(_metadata, user_copies, ARRAY_SIZE(user_copies));
}

TEST_F_TIMEOUT(inject, fork_and_change, 600)
{
	static const char *const devices[] = { "simpler", "simplen" };
	static const int flags[] = { MAP_SHARED, MAP_PRIVATE };
	struct operation ops[4 * ARRAY_SIZE(changes)];
	char names[ARRAY_SIZE(ops)][64];

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		ops[i] = changes[i / 4];
		ops[i].device = devices[i / 2 % 2];
		ops[i].flags = flags[i % 2];
		sprintf(names[i], "%s %s%s", ops[i].name, ops[i].device,
			ops[i].flags == MAP_PRIVATE ? ", private" : "");
		ops[i].name = names[i];
	}
	try_all(_metadata, ops, ARRAY_SIZE(ops));
}

TEST_HARNESS_MAIN
