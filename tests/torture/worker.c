// SPDX-License-Identifier: GPL-2.0
/*
 * A worker: a process with some threads that do one operation after the other.
 * The seed alone decides which ones, and with which arguments. A thread knows what
 * every page of its arena maps and contains, and so what each operation must do.
 */

#include "torture.h"

#include <pthread.h>
#include <sys/prctl.h>

static const struct { enum op_kind op; void (*run)(struct thread *t); int weight; } operations[] = {
	{ OP_MMAP, op_mmap, 20 },
	{ OP_MMAP_FREE, op_mmap_free, 4 },
	{ OP_MMAP_WHOLE, op_mmap_whole, 4 },
	{ OP_READ_PAGE, op_read_page, 20 },
	{ OP_WRITE_PAGE, op_write_page, 20 },
	{ OP_COMMON, op_common, 10 },
	{ OP_MUNMAP, op_munmap, 6 },
	{ OP_MREMAP_SHRINK, op_shrink, 3 },
	{ OP_MREMAP_MOVE, op_move, 5 },
	{ OP_MREMAP_GROW, op_grow, 3 },
	{ OP_MREMAP_COPY, op_copy, 2 },
	{ OP_MREMAP_KEEP, op_keep, 2 },
	{ OP_MPROTECT, op_mprotect, 8 },
	{ OP_MADVISE, op_madvise, 20 },
	{ OP_MLOCK, op_mlock, 3 },
	{ OP_MUNLOCK, op_munlock, 2 },
	{ OP_MSYNC, op_msync, 3 },
	{ OP_MINCORE, op_mincore, 2 },
	{ OP_MBIND, op_mbind, 2 },
	{ OP_MOVE_PAGES, op_move_pages, 2 },
	{ OP_USERFAULTFD, op_userfaultfd, 2 },
	{ OP_READ, op_read, 8 },
	{ OP_WRITE, op_write, 8 },
	{ OP_SEEK, op_seek, 3 },
	{ OP_MEM_READ, op_mem_read, 3 },
	{ OP_MEM_WRITE, op_mem_write, 3 },
	{ OP_VM_READV, op_vm_readv, 5 },
	{ OP_VM_WRITEV, op_vm_writev, 5 },
	{ OP_VMSPLICE, op_vmsplice, 5 },
	{ OP_SPLICE, op_splice, 2 },
	{ OP_SENDFILE, op_sendfile, 2 },
	{ OP_URING, op_uring, 3 },
	{ OP_FORK, op_fork, 3 },
	{ OP_REAP, op_reap, 4 },
	{ OP_EXEC, op_exec, 1 },
};

static struct thread threads[THREADS];
static __thread struct thread *self;
static __thread sigjmp_buf *guard;

/* How many threads have the devices open, which share what is mapped at "commons". */
static pthread_mutex_t common_lock = PTHREAD_MUTEX_INITIALIZER;
static int common_users;

__u32 below(struct thread *t, __u32 limit)
{
	return (next_random(&t->random) >> 32) % limit;
}

bool one_in(struct thread *t, __u32 number)
{
	return !below(t, number);
}

/* Whether a call had this result because the kernel was built without it. */
bool is_missing(struct thread *t, enum op_kind op, long result)
{
	if (result >= 0 || strcmp(strerrorname_np(errno), "ENOSYS"))
		return false;
	count(op, false);
	return true;
}

/* Reports a failure, with what is known of page i of the arena if i is not -1. */
void fail_at(struct thread *t, enum op_kind op, int i, const char *format, ...)
{
	const struct page *page = &t->page[i < 0 ? 0 : i];
	char what[256], where[160] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	if (i >= 0 && page->mapped)
		snprintf(where, sizeof(where),
			 "; page %u of %u of %s, %s%s, opened %s, prot %d, at %p",
			 page->index, t->pages, paths[page->device],
			 page->private ? "private" : "shared", page->copied ? " copy" : "",
			 page->read_only ? "read-only" : "read-write", page->prot, at(t, i));
	fail("worker %d, thread %d, operation %llu, %s: %s%s", t->worker, t->nr,
	     (long long)t->operations, op_names[op], what, where);
}

/*
 * Counts an operation, checks that it ended with this errno or 0, and returns whether
 * it succeeded. With a device of which nothing is known any errno is right.
 */
bool expect(struct thread *t, enum op_kind op, int i, int found, int expected)
{
	return expect_either(t, op, i, found, expected, expected);
}

bool expect_either(struct thread *t, enum op_kind op, int i, int found, int one, int other)
{
	if (found != one && found != other)
		fail_if_known(t, op, i, "found errno %d (%s), expected %d or %d", found,
			      strerror(found), one, other);
	count(op, !found);
	return !found;
}

/* Reports a failed call, which only an unknown device may refuse. */
void refused(struct thread *t, enum op_kind op, int i)
{
	fail_if_known(t, op, i, "%m");
	count(op, false);
}

char *at(struct thread *t, int i)
{
	return t->arena + i * page_size;
}

/* Whether there is no such page in the region. */
bool beyond(struct thread *t, int i)
{
	return t->page[i].index >= t->pages;
}

/* Whether any access to the page must fail, whatever the protection. */
bool faults(struct thread *t, int i)
{
	return beyond(t, i) || t->page[i].guard;
}

/*
 * Finds a range of pages that all are mapped in the same way, -1 if nothing is
 * mapped. It can be of several VMAs.
 */
int pick(struct thread *t, int *count)
{
	int start = below(t, ARENA), limit = 1 + below(t, 16), n = 1;

	for (int i = 0; i < ARENA; i++) {
		const struct page *first = &t->page[(start + i) % ARENA], *next = first + 1;

		if (!first->mapped)
			continue;
		start = first - t->page;
		while (n < limit && start + n < ARENA && next->mapped &&
		       next->device == first->device && next->private == first->private &&
		       next->read_only == first->read_only && next->prot == first->prot &&
		       next->locked == first->locked && next->guard == first->guard &&
		       beyond(t, start + n) == beyond(t, start)) {
			next++;
			n++;
		}
		*count = n;
		return start;
	}
	return -1;
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	if (guard)
		siglongjmp(*guard, signal);
	fail("worker %d, thread %d, operation %llu: unexpected signal %d at %p", self->worker,
	     self->nr, (long long)self->operations, signal, info->si_addr);
}

/* Reads the words of all slots. Returns the signal that the reads raised, 0 if none. */
int guarded_load(const char *page, __u64 *words)
{
	sigjmp_buf here;
	int signal = sigsetjmp(here, 0);

	if (!signal) {
		guard = &here;
		for (int slot = 0; slot < SLOTS; slot++)
			words[slot] = __atomic_load_n(word_at(page, slot), __ATOMIC_SEQ_CST);
	}
	guard = NULL;
	return signal;
}

int guarded_store(__u64 *word, __u64 value)
{
	sigjmp_buf here;
	int signal = sigsetjmp(here, 0);

	if (!signal) {
		guard = &here;
		__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
	}
	guard = NULL;
	return signal;
}

/*
 * Notes that the private writable pages of a range are copies of this process now,
 * and what they hold. The kernel has just written to these pages, or has populated
 * them as if the process were about to write.
 */
void take_copies(struct thread *t, enum op_kind op, int i, int count)
{
	struct seen none = {};

	for (; count--; i++) {
		struct page *page = &t->page[i];

		if (!page->mapped || !page->private || page->copied || faults(t, i) ||
		    !(page->prot & PROT_WRITE) || shared->unknown)
			continue;
		if (guarded_load(at(t, i), page->copy))
			fail_at(t, op, i, "the copy cannot be read");
		check_words(op_names[op], page->device, page->index, page->copy, &none);
		page->copied = true;
	}
}

/* Reads a page and checks it. */
void look(struct thread *t, enum op_kind op, int i)
{
	const struct page *page = &t->page[i];
	int signal, expected = 0;
	__u64 words[SLOTS];
	struct seen seen;

	if (!page->prot || page->guard)
		expected = SIGSEGV;
	else if (beyond(t, i))
		expected = SIGBUS;
	else
		before(&seen, page->device, page->index);
	signal = guarded_load(at(t, i), words);
	if (signal != expected)
		fail_if_known(t, op, i, "found signal %d, expected %d", signal, expected);
	count(op, !signal);
	if (signal)
		return;
	if (!page->copied) {
		check_words(op_names[op], page->device, page->index, words, &seen);
	} else if (memcmp(words, page->copy, sizeof(words))) {
		for (int slot = 0; slot < SLOTS; slot++)
			if (words[slot] != page->copy[slot])
				fail_at(t, op, i, "found %#llx, expected %#llx of writer %d",
					(long long)words[slot], (long long)page->copy[slot], slot);
	}
}

/* Writes anything, anywhere in a page. */
static void store_any(struct thread *t, enum op_kind op, int i)
{
	__u64 *word = (__u64 *)at(t, i) + below(t, page_size / sizeof(*word));
	__u64 value = one_in(t, 2) ? next_random(&t->random) : below(t, 256);

	count(op, !guarded_store(word, value));
}

/* Writes our word of a page. */
void store(struct thread *t, enum op_kind op, int i)
{
	struct page *page = &t->page[i];
	bool writable = page->prot & PROT_WRITE, inside = !beyond(t, i);
	int signal, expected = 0;
	__u64 value;

	if (shared->unknown) {
		store_any(t, op, i);
		return;
	}
	if (!writable || page->guard)
		expected = SIGSEGV;
	else if (!inside)
		expected = SIGBUS;

	if (expected)
		value = 0;
	else if (page->private)
		value = private_word(page->device, page->index, t->slot, below(t, 256));
	else
		value = start_write(page->device, page->index, t->slot);
	signal = guarded_store(word_at(at(t, i), t->slot), value);
	if (signal != expected)
		fail_at(t, op, i, "found signal %d, expected %d", signal, expected);
	count(op, !signal);
	if (signal)
		return;
	if (!page->private) {
		end_write(page->device, page->index, t->slot);
		return;
	}
	if (!page->copied) {
		/* The copy must have the region's words, except the one that this thread wrote. */
		struct seen none = {};
		__u64 words[SLOTS];

		if (guarded_load(at(t, i), page->copy) || page->copy[t->slot] != value)
			fail_at(t, op, i, "what was written to the copy is not there");
		memcpy(words, page->copy, sizeof(words));
		words[t->slot] = 0;
		check_words(op_names[op], page->device, page->index, words, &none);
		page->copied = true;
	}
	page->copy[t->slot] = value;
}

/*
 * Reserves addresses of the arena that nothing is mapped at. If another thread
 * was given them meanwhile, we have lost them.
 */
void reserve(struct thread *t, int i, int count)
{
	for (; count--; i++) {
		void *addr = mmap(at(t, i), page_size, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
				  -1, 0);

		t->page[i].mapped = false;
		t->page[i].lost = addr == MAP_FAILED;
		if (t->page[i].lost && errno != EEXIST)
			fail_at(t, OP_MUNMAP, -1, "no addresses: %m");
	}
}

/*
 * Reserves the addresses of a range that a call unmapped before it failed. Only a
 * call on an unknown device can do that.
 */
void reserve_holes(struct thread *t, int i, int count)
{
	for (; count--; i++)
		if (mmap(at(t, i), page_size, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
			 -1, 0) != MAP_FAILED)
			t->page[i].mapped = false;
}

/* Unmaps a range of the arena. */
void remove_range(struct thread *t, int i, int count)
{
	if (munmap(at(t, i), count * page_size))
		fail_at(t, OP_MUNMAP, i, "%m");
	reserve(t, i, count);
}

/* How many pages all threads share at "commons". */
__u32 common_pages(struct thread *t)
{
	if (shared->unknown)
		return shared->shape.pages < COMMON_ROOM ? shared->shape.pages : COMMON_ROOM;
	return t->pages < COMMON ? t->pages : COMMON;
}

/* Opens a device. Half of the files of an unknown device do not wait: O_NONBLOCK. */
static int open_writable(struct thread *t, int device)
{
	if (shared->unknown)
		return open_somehow(paths[device], one_in(t, 2) ? O_NONBLOCK : 0);
	return open(paths[device], O_RDWR | O_CLOEXEC);
}

/* Opens a device read-only. If an unknown device refuses a second open, uses its first file. */
static int open_read_only(struct thread *t, int device)
{
	int fd = open(paths[device], O_RDONLY | O_CLOEXEC);

	if (fd < 0 && shared->unknown)
		fd = fcntl(t->rw[device], F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		fail_at(t, OP_OPEN, -1, "%s: %m", paths[device]);
	return fd;
}

/* Opens the devices for a thread. While the module is unloaded, waits for its next load. */
static void open_all(struct thread *t)
{
	for (int i = 0; i < devices; i++) {
		for (;;) {
			bool wait = __atomic_load_n(&shared->let_go, __ATOMIC_SEQ_CST) ||
				    __atomic_load_n(&shared->shut, __ATOMIC_SEQ_CST);

			shared->beats[t->worker][t->nr]++;
			if (!wait || t->holds) {
				t->rw[i] = open_writable(t, i);
				/* A device that was opened after "shut" was set is closed again. */
				wait = __atomic_load_n(&shared->shut, __ATOMIC_SEQ_CST);
				if (t->rw[i] >= 0 && !wait)
					break;
				if (t->rw[i] >= 0) {
					close(t->rw[i]);
					continue;
				}
				/* The module is missing only if this thread does not hold it. */
				if (t->holds || (errno != ENOENT && errno != ENODEV))
					fail_if_known(t, OP_OPEN, -1, "%s: %m", paths[i]);
				count(OP_OPEN, false);
			}
			usleep(5000);
		}
		if (!t->holds) {
			t->holds = true;
			t->load = __atomic_load_n(&shared->load, __ATOMIC_SEQ_CST);
			t->pages = shared->pages;
		}
		t->ro[i] = open_read_only(t, i);
		count(OP_OPEN, true);
	}

	pthread_mutex_lock(&common_lock);
	for (int i = 0; i < devices && !common_users; i++) {
		const struct shape *shape = &shared->shape;

		if (mmap(commons[i], common_pages(t) * page_size, shape->prot,
			 shape->flags | MAP_FIXED, t->rw[i],
			 shape->first * page_size) == MAP_FAILED)
			fail_if_known(t, OP_OPEN, -1, "mapping %s: %m", paths[i]);
	}
	common_users++;
	pthread_mutex_unlock(&common_lock);
}

/* Closes and unmaps all that holds the module. */
static void let_go(struct thread *t)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;

	end_child(t);
	for (int i = 0; i < ARENA; i++)
		if (t->page[i].mapped)
			remove_range(t, i, 1);
	pthread_mutex_lock(&common_lock);
	common_users--;
	for (int i = 0; i < devices && !common_users; i++)
		if (mmap(commons[i], COMMON_ROOM * page_size, PROT_NONE, flags, -1,
			 0) == MAP_FAILED)
			fail_at(t, OP_LET_GO, -1, "%m");
	pthread_mutex_unlock(&common_lock);
	for (int i = 0; i < devices; i++) {
		close(t->rw[i]);
		close(t->ro[i]);
	}
	t->holds = false;
	count(OP_LET_GO, true);
}

static void run(struct thread *t, __u64 stream)
{
	int weights = 0;

	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		weights += operations[i].weight;
	self = t;
	t->mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	t->maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	t->file = memfd_create("torture", MFD_CLOEXEC);
	/* What an unknown device gives a pipe is taken out until nothing is left. */
	if (t->mem < 0 || t->maps < 0 || t->file < 0 ||
	    pipe2(t->pipe, O_CLOEXEC | (shared->unknown ? O_NONBLOCK : 0)))
		fail_at(t, OP_OPEN, -1, "opening the files of a thread: %m");

	for (;; t->operations++) {
		int chosen;
		size_t i = 0;

		/* Each operation has random numbers of its own, however many it takes. */
		t->random = mix(stream + t->operations);
		if (t->holds && __atomic_load_n(&shared->let_go, __ATOMIC_RELAXED))
			let_go(t);
		if (!t->holds)
			open_all(t);

		for (chosen = below(t, weights); chosen >= operations[i].weight; i++)
			chosen -= operations[i].weight;
		operations[i].run(t);
		if (one_in(t, 5000)) {
			count(OP_EXIT, true);
			if (one_in(t, 2))
				_exit(0);
			kill(getpid(), SIGKILL);
		}

		if (__atomic_load_n(&shared->load, __ATOMIC_SEQ_CST) != t->load)
			fail_at(t, operations[i].op, -1, "the module went while it was in use");
		shared->beats[t->worker][t->nr]++;
	}
}

static __u64 stream_of(struct thread *t, __u32 incarnation)
{
	return mix(shared->seed + ((__u64)incarnation << 32) + t->slot + 1);
}

static __u32 own_incarnation;

static void *start_thread(void *thread)
{
	run(thread, stream_of(thread, own_incarnation));
	return NULL;
}

/* The process of a worker. The incarnation counts the processes that were started. */
void worker(int number, __u32 incarnation)
{
	struct sigaction action = {
		.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER,
	};
	pthread_attr_t attributes;
	pthread_t thread;

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	prctl(PR_SET_NAME, "worker");
	own_incarnation = incarnation;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 128 << 10);
	for (int i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){
			.worker = number, .nr = i, .slot = number * THREADS + i,
			.arena = arenas[i], .buffer = malloc(ARENA * page_size),
		};
		if (i && pthread_create(&thread, &attributes, start_thread, &threads[i]))
			fail("cannot start a thread");
	}
	start_thread(&threads[0]);
	__builtin_unreachable();
}
