// SPDX-License-Identifier: GPL-2.0
/* Operations that move data: through the files, /proc, other processes, and pipes. */

#include "torture.h"

#include <poll.h>
#include <sys/sendfile.h>

/* Where our word of a page is, in bytes from the page's start. */
static size_t our_offset(struct thread *t)
{
	return (char *)word_at(t->buffer, t->slot) - t->buffer;
}

/* The errno of a transfer that has to be whole, 0 if it is. */
static int whole(struct thread *t, enum op_kind op, int i, ssize_t done, size_t wanted)
{
	if (done >= 0 && (size_t)done == wanted)
		return 0;
	if (done >= 0) {
		fail_if_known(t, op, i, "moved %zd bytes, expected %zu", done, wanted);
		errno = EIO;
	}
	return errno;
}

/* Reads or writes any bytes of an unknown device. Calls that can wait long are made seldom. */
static void transfer_any(struct thread *t, enum op_kind op, bool write_it)
{
	struct pollfd ready = { .events = write_it ? POLLOUT : POLLIN };
	off_t offset = page_size * below(t, t->pages + 2);
	size_t len = one_in(t, 2) ? 4 << below(t, 2) : 1 + below(t, 4 * page_size);
	struct iovec parts[2];
	ssize_t done;

	ready.fd = (one_in(t, 4) ? t->ro : t->rw)[0];
	if (one_in(t, 2))
		offset += 4 * below(t, page_size / 4);
	parts[0] = (struct iovec){ t->buffer, 1 + below(t, len) };
	parts[1] = (struct iovec){ t->buffer + parts[0].iov_len, len - parts[0].iov_len };
	if (!poll(&ready, 1, 0) && !one_in(t, 50)) {
		count(op, false);
		return;
	}
	if (write_it)
		memset(t->buffer, below(t, 256), len);
	switch (below(t, 3)) {
	case 0:
		done = write_it ? pwrite(ready.fd, t->buffer, len, offset) :
				  pread(ready.fd, t->buffer, len, offset);
		break;
	case 1:
		done = write_it ? pwritev(ready.fd, parts, 2, offset) :
				  preadv(ready.fd, parts, 2, offset);
		break;
	default:
		lseek(ready.fd, offset, SEEK_SET);
		done = write_it ? write(ready.fd, t->buffer, len) :
				  read(ready.fd, t->buffer, len);
	}
	count(op, done >= 0);
}

/* Empties the pipe of what an unknown device may have put there. */
static void drain(struct thread *t)
{
	while (shared->unknown && read(t->pipe[0], t->buffer, page_size) > 0)
		;
}

/* Checks the bytes that were read from a page of the arena into the buffer. */
static void check_read(struct thread *t, enum op_kind op, const struct page *page,
		       const struct seen *seen)
{
	if (!page->copied) {
		check_page(op_names[op], page->device, page->index, t->buffer, seen);
		return;
	}
	for (int slot = 0; slot < SLOTS; slot++) {
		__u64 found = *word_at(t->buffer, slot);

		if (found != page->copy[slot])
			fail_at(t, op, -1, "found %#llx, expected %#llx of writer %d in a copy",
				found, page->copy[slot], slot);
	}
}

/* Reads some pages at once, by pread, by preadv, or by lseek and read. */
void op_read(struct thread *t)
{
	__u32 index = below(t, t->pages), pages = 1 + below(t, 4);
	enum device device = below(t, devices);
	int fd = (one_in(t, 2) ? t->rw : t->ro)[device];
	struct seen seen[4];
	struct iovec parts[2];
	ssize_t done;

	if (shared->unknown) {
		transfer_any(t, OP_READ, false);
		return;
	}
	if (pages > t->pages - index)
		pages = t->pages - index;
	for (__u32 i = 0; i < pages; i++)
		before(&seen[i], device, index + i);
	parts[0] = (struct iovec){ t->buffer, 1 + below(t, page_size) };
	parts[1] = (struct iovec){ t->buffer + parts[0].iov_len,
				   pages * page_size - parts[0].iov_len };
	switch (below(t, 3)) {
	case 0:
		done = pread(fd, t->buffer, pages * page_size, index * page_size);
		break;
	case 1:
		done = preadv(fd, parts, 2, index * page_size);
		break;
	default:
		if (lseek(fd, index * page_size, SEEK_SET) != index * page_size)
			fail_at(t, OP_READ, -1, "lseek: %m");
		done = read(fd, t->buffer, pages * page_size);
	}
	/* A pending signal, or pending work of an io_uring, ends a read at the end of a page. */
	if (done > 0 && done < pages * page_size && done % page_size == 0)
		pages = done / page_size;
	expect(t, OP_READ, -1, whole(t, OP_READ, -1, done, pages * page_size), 0);
	for (__u32 i = 0; i < pages; i++)
		check_page(op_names[OP_READ], device, index + i, t->buffer + i * page_size,
			   &seen[i]);
}

void op_write(struct thread *t)
{
	__u32 index = below(t, t->pages);
	enum device device = below(t, devices);
	off_t offset = index * page_size + our_offset(t), end = t->pages * page_size;
	int fd = t->rw[device];
	ssize_t done;
	__u64 value;

	if (shared->unknown) {
		transfer_any(t, OP_WRITE, true);
		return;
	}
	switch (below(t, 6)) {
	case 0:
		/* Past the end, or nowhere. */
		done = pwrite(fd, t->buffer, 8, end + 8 * below(t, 1000));
		expect(t, OP_WRITE, -1, whole(t, OP_WRITE, -1, done, 8), ENOSPC);
		return;
	case 1:
		done = pwrite(t->ro[device], t->buffer, 8, offset);
		expect(t, OP_WRITE, -1, whole(t, OP_WRITE, -1, done, 8), EBADF);
		return;
	case 2:
		done = pwrite(fd, (void *)page_size, 8, offset);
		expect(t, OP_WRITE, -1, whole(t, OP_WRITE, -1, done, 8), EFAULT);
		return;
	}
	value = start_write(device, index, t->slot);
	if (one_in(t, 2)) {
		done = pwrite(fd, &value, 8, offset);
	} else {
		if (lseek(fd, offset, SEEK_SET) != offset)
			fail_at(t, OP_WRITE, -1, "lseek: %m");
		done = write(fd, &value, 8);
	}
	expect(t, OP_WRITE, -1, whole(t, OP_WRITE, -1, done, 8), 0);
	end_write(device, index, t->slot);
}

void op_seek(struct thread *t)
{
	off_t end = t->pages * page_size, to = below(t, end);
	int fd = t->rw[below(t, devices)];

	switch (below(t, 4)) {
	case 0:
		expect(t, OP_SEEK, -1, lseek(fd, to, SEEK_SET) == to ? 0 : errno, 0);
		break;
	case 1:
		expect(t, OP_SEEK, -1, lseek(fd, -to, SEEK_END) == end - to ? 0 : errno, 0);
		break;
	case 2:
		expect(t, OP_SEEK, -1, lseek(fd, 1 + to, SEEK_END) < 0 ? errno : 0, EINVAL);
		break;
	case 3:
		expect(t, OP_SEEK, -1, lseek(fd, -1 - to, SEEK_SET) < 0 ? errno : 0, EINVAL);
		break;
	}
}

/*
 * Reads and writes as a debugger does. The kernel's configuration decides whether
 * that overrides the protection. The driver reads page frames in any case.
 */
void op_mem_read(struct thread *t)
{
	int n, expected = 0, other, i = pick(t, &n);
	const struct page *page = &t->page[i];
	struct seen seen;
	ssize_t done;

	if (i < 0)
		return;
	if (!beyond(t, i))
		before(&seen, page->device, page->index);
	if (faults(t, i) || (page->device == SIMPLEN && !page->prot && !shared->forced))
		expected = EIO;
	/* With huge=1, the access may need a fault, which fails where the process cannot read. */
	other = page->device == SIMPLER && shared->huge && !page->private &&
		!(page->prot & PROT_READ) ? EIO : expected;
	done = pread(t->mem, t->buffer, page_size, (off_t)at(t, i));
	expect_either(t, OP_MEM_READ, i, whole(t, OP_MEM_READ, i, done, page_size), expected,
		      other);
	if (done < 0)
		return;
	check_read(t, OP_MEM_READ, page, &seen);
}

void op_mem_write(struct thread *t)
{
	int n, i = pick(t, &n);
	struct page *page = &t->page[i];
	bool writable = page->prot & PROT_WRITE;
	int found, expected = 0, other;
	__u64 value;
	ssize_t done;

	if (i < 0)
		return;
	/* A shared mapping can be written to only where the process could write to it. */
	if (faults(t, i) || (!page->private && !writable))
		expected = EIO;
	other = expected;
	/* A private mapping of simpler can be written to only in a writable copy of a page. */
	if (page->private && page->device == SIMPLER) {
		expected = EIO;
		other = page->copied && writable ? 0 : EIO;
	}
	if (page->private && page->device == SIMPLEN && !writable && !shared->forced) {
		expected = EIO;
		other = EIO;
	}

	if (page->private)
		value = private_word(page->device, page->index, t->slot, below(t, 256));
	else if (!expected)
		value = start_write(page->device, page->index, t->slot);
	else
		value = 0;
	done = pwrite(t->mem, &value, 8, (off_t)word_at(at(t, i), t->slot));
	found = whole(t, OP_MEM_WRITE, i, done, 8);
	expect_either(t, OP_MEM_WRITE, i, found, expected, other);
	if (found || shared->unknown)
		return;
	if (!page->private) {
		end_write(page->device, page->index, t->slot);
	} else if (page->copied) {
		page->copy[t->slot] = value;
	} else {
		struct seen none = {};

		if (pread(t->mem, t->buffer, page_size, (off_t)at(t, i)) != page_size)
			fail_at(t, OP_MEM_WRITE, i, "reading it back: %m");
		for (int slot = 0; slot < SLOTS; slot++)
			page->copy[slot] = *word_at(t->buffer, slot);
		page->copied = true;
		if (page->copy[t->slot] != value)
			fail_at(t, OP_MEM_WRITE, i, "found %#llx, expected %#llx",
				(long long)page->copy[t->slot], (long long)value);
		*word_at(t->buffer, t->slot) = 0;
		check_page(op_names[OP_MEM_WRITE], page->device, page->index, t->buffer, &none);
	}
}

/* Picks a page that another worker has mapped for all of its threads. */
struct remote {
	pid_t pid;
	enum device device;
	__u32 index;
	char *addr;
};

static struct remote remote(struct thread *t)
{
	__u32 pages = common_pages(t);
	int worker = (t->worker + 1 + below(t, WORKERS - 1)) % WORKERS;
	struct remote remote = {
		.pid = __atomic_load_n(&shared->workers[worker], __ATOMIC_RELAXED),
		.device = below(t, devices),
		.index = below(t, pages),
	};

	remote.addr = commons[remote.device] + remote.index * page_size;
	return remote;
}

/* The calls must fail for simpler's page frames, and can fail if the process has ended. */
static void expect_remote(struct thread *t, enum op_kind op, const struct remote *remote, int found)
{
	if (!found && remote->device == SIMPLER)
		fail_if_known(t, op, -1, "simpler's memory was reached");
	if (found && found != EFAULT && found != ESRCH)
		fail_if_known(t, op, -1, "found errno %d (%s)", found, strerror(found));
	count(op, !found);
}

void op_vm_readv(struct thread *t)
{
	struct remote r = remote(t);
	struct iovec local = { t->buffer, page_size }, other = { r.addr, page_size };
	struct seen seen;
	int found;

	before(&seen, r.device, r.index);
	found = whole(t, OP_VM_READV, -1, process_vm_readv(r.pid, &local, 1, &other, 1, 0),
		      page_size);
	expect_remote(t, OP_VM_READV, &r, found);
	if (!found)
		check_page(op_names[OP_VM_READV], r.device, r.index, t->buffer, &seen);
}

void op_vm_writev(struct thread *t)
{
	struct remote r = remote(t);
	__u64 value = start_write(r.device, r.index, t->slot);
	struct iovec local = { &value, 8 }, other = { word_at(r.addr, t->slot), 8 };
	int found;

	found = whole(t, OP_VM_WRITEV, -1, process_vm_writev(r.pid, &local, 1, &other, 1, 0), 8);
	expect_remote(t, OP_VM_WRITEV, &r, found);
	if (!found)
		end_write(r.device, r.index, t->slot);
}

/* Puts the pages themselves into a pipe, where they stay when they are unmapped. */
void op_vmsplice(struct thread *t)
{
	int n, expected = 0, other, found, i = pick(t, &n);
	const struct page page = t->page[i < 0 ? 0 : i];
	struct iovec part;
	struct seen seen;
	ssize_t done;

	if (i < 0)
		return;
	part = (struct iovec){ at(t, i), page_size };
	if (page.device == SIMPLER || !(page.prot & PROT_READ) || faults(t, i))
		expected = EFAULT;
	if (!beyond(t, i))
		before(&seen, page.device, page.index);
	/* A private copy that is mapped right now can be pinned, as anonymous memory. */
	other = page.copied && page.prot & PROT_READ ? 0 : expected;
	done = vmsplice(t->pipe[1], &part, 1, one_in(t, 2) ? SPLICE_F_GIFT : 0);
	found = whole(t, OP_VMSPLICE, i, done, page_size);
	expect_either(t, OP_VMSPLICE, i, found, expected, other);
	if (found)
		return;
	if (one_in(t, 2))
		remove_range(t, i, n);
	if (read(t->pipe[0], t->buffer, page_size) != page_size)
		fail_at(t, OP_VMSPLICE, i, "reading the pipe: %m");
	check_read(t, OP_VMSPLICE, &page, &seen);
}

/* splice() must fail, as the devices have no splice operations. */
void op_splice(struct thread *t)
{
	int fd = t->rw[below(t, devices)];
	ssize_t done;

	if (one_in(t, 2))
		done = splice(fd, NULL, t->pipe[1], NULL, page_size, SPLICE_F_NONBLOCK);
	else
		done = splice(t->pipe[0], NULL, fd, NULL, page_size, SPLICE_F_NONBLOCK);
	expect(t, OP_SPLICE, -1, done < 0 ? errno : 0, EINVAL);
	drain(t);
}

/* sendfile() fails, because the devices have no splice_read operation. */
void op_sendfile(struct thread *t)
{
	int fd = t->rw[below(t, devices)];
	ssize_t done;

	if (one_in(t, 2))
		done = sendfile(t->file, fd, NULL, page_size);
	else
		done = sendfile(t->pipe[1], fd, NULL, page_size);
	expect(t, OP_SENDFILE, -1, done < 0 ? errno : 0, EINVAL);
	drain(t);
}
