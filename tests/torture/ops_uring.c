// SPDX-License-Identifier: GPL-2.0
/* io_uring with mapped pages as its fixed buffers, by plain system calls. */

#include "torture.h"

#include <linux/io_uring.h>

struct ring {
	int fd;
	char *rings;
	size_t rings_size;
	struct io_uring_params params;
	struct io_uring_sqe *entry; /* the only one */
};

static bool open_ring(struct thread *t, struct ring *ring)
{
	*ring = (struct ring){};
	ring->fd = syscall(SYS_io_uring_setup, 1, &ring->params);
	if (is_missing(t, OP_URING, ring->fd))
		return false;
	if (ring->fd < 0)
		fail_at(t, OP_URING, -1, "%m");
	if (!(ring->params.features & IORING_FEAT_SINGLE_MMAP))
		fail_at(t, OP_URING, -1, "the rings are not in one mapping");
	ring->rings_size = ring->params.cq_off.cqes +
			   ring->params.cq_entries * sizeof(struct io_uring_cqe);
	ring->rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			   IORING_OFF_SQ_RING);
	ring->entry = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			   IORING_OFF_SQES);
	if (ring->rings == MAP_FAILED || ring->entry == MAP_FAILED)
		fail_at(t, OP_URING, -1, "mapping the rings: %m");
	return true;
}

/* Closes a ring. Some buffers are unregistered before, the others by the kernel later. */
static void close_ring(struct thread *t, struct ring *ring, bool has_buffers)
{
	if (has_buffers && one_in(t, 2) &&
	    syscall(SYS_io_uring_register, ring->fd, IORING_UNREGISTER_BUFFERS, NULL, 0))
		fail_at(t, OP_URING, -1, "giving up the buffers: %m");
	munmap(ring->rings, ring->rings_size);
	munmap(ring->entry, page_size);
	close(ring->fd);
}

/* Moves bytes between our file in memory and the fixed buffer; the result of that. */
static int transfer(struct thread *t, struct ring *ring, int opcode, void *addr, unsigned int len)
{
	const struct io_sqring_offsets *sq = &ring->params.sq_off;
	const struct io_cqring_offsets *cq = &ring->params.cq_off;
	__u32 *sq_tail = (__u32 *)(ring->rings + sq->tail);
	__u32 *cq_head = (__u32 *)(ring->rings + cq->head);
	__u32 *cq_tail = (__u32 *)(ring->rings + cq->tail);
	struct io_uring_cqe *done;

	*ring->entry = (struct io_uring_sqe){
		.opcode = opcode, .fd = t->file, .addr = (uintptr_t)addr, .len = len,
	};
	*(__u32 *)(ring->rings + sq->array) = 0;
	__atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		fail_at(t, OP_URING, -1, "io_uring_enter: %m");
	/* A signal can end the wait. */
	while (__atomic_load_n(cq_tail, __ATOMIC_ACQUIRE) == *cq_head)
		if (syscall(SYS_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) &&
		    errno != EINTR)
			fail_at(t, OP_URING, -1, "waiting for it: %m");
	done = (struct io_uring_cqe *)(ring->rings + cq->cqes) +
	       (*cq_head & (ring->params.cq_entries - 1));
	__atomic_store_n(cq_head, *cq_head + 1, __ATOMIC_RELEASE);
	return done->res;
}

void op_uring(struct thread *t)
{
	int n, result, expected = 0, other, i = pick(t, &n);
	struct page *page = &t->page[i];
	struct iovec buffer;
	struct ring ring;
	struct seen seen;
	__u64 value;

	if (i < 0 || !open_ring(t, &ring))
		return;
	buffer = (struct iovec){ at(t, i), n * page_size };
	/* The kernel pins pages for writing; page frames without references it cannot pin. */
	if (page->device == SIMPLER || !(page->prot & PROT_WRITE) || faults(t, i))
		expected = EFAULT;
	/* Private copies that are mapped right now can be pinned, as anonymous memory. */
	other = page->prot & PROT_WRITE ? 0 : expected;
	for (int j = i; j < i + n && !other; j++)
		if (!t->page[j].copied)
			other = expected;
	result = syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &buffer, 1);
	expect_either(t, OP_URING, i, result ? errno : 0, expected, other);
	if (result) {
		close_ring(t, &ring, false);
		return;
	}
	take_copies(t, OP_URING, i, n);

	before(&seen, page->device, page->index);
	result = transfer(t, &ring, IORING_OP_WRITE_FIXED, at(t, i), page_size);
	if (result != page_size || pread(t->file, t->buffer, page_size, 0) != page_size)
		fail_if_known(t, OP_URING_WRITE, i, "the result is %d", result);
	if (!page->copied)
		check_page(op_names[OP_URING_WRITE], page->device, page->index, t->buffer, &seen);
	count(OP_URING_WRITE, result == page_size);

	if (page->private)
		value = private_word(page->device, page->index, t->slot, below(t, 256));
	else
		value = start_write(page->device, page->index, t->slot);
	if (pwrite(t->file, &value, 8, 0) != 8)
		fail_at(t, OP_URING_READ, i, "writing the file: %m");
	result = transfer(t, &ring, IORING_OP_READ_FIXED, word_at(at(t, i), t->slot), 8);
	if (result != 8)
		fail_if_known(t, OP_URING_READ, i, "the result is %d", result);
	if (page->private)
		page->copy[t->slot] = value;
	else
		end_write(page->device, page->index, t->slot);
	look(t, OP_URING_READ, i);
	close_ring(t, &ring, true);
}
