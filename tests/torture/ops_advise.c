// SPDX-License-Identifier: GPL-2.0
/* Operations that give the kernel advice on a mapping, lock it, or ask about it. */

#include "torture.h"

#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#define GUARD_INSTALL 102
#define GUARD_REMOVE 103

/*
 * The errno that the advice must have on a range of pages that are mapped alike, 0
 * if none. EINVAL is also right if the kernel does not know the advice.
 */
static int advice_errno(struct thread *t, int advice, int i)
{
	const struct page *page = &t->page[i];
	bool served;
	int expected = EINVAL;

	switch (advice) {
	case MADV_WIPEONFORK:
	case MADV_FREE:
	case MADV_COLLAPSE:
		served = false;
		break;
	case MADV_DODUMP:
	case MADV_DOFORK:
	case GUARD_REMOVE:
		served = page->device == SIMPLEN;
		break;
	case GUARD_INSTALL:
		served = page->device == SIMPLEN && !page->locked;
		break;
	case MADV_REMOVE:
		served = false;
		if (!page->locked)
			expected = page->private || page->read_only ? EACCES : ENODEV;
		break;
	case MADV_COLD:
	case MADV_PAGEOUT:
	case MADV_DONTNEED:
		served = page->device == SIMPLEN && !page->locked;
		break;
	case MADV_DONTNEED_LOCKED:
		served = page->device == SIMPLEN;
		break;
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		served = page->device == SIMPLEN &&
			 page->prot & (advice == MADV_POPULATE_READ ? PROT_READ : PROT_WRITE);
		if (served && faults(t, i)) {
			served = false;
			expected = EFAULT;
		}
		break;
	default:
		served = !madvise(NULL, 0, advice);
	}
	return served ? 0 : expected;
}

void op_madvise(struct thread *t)
{
	/* No 100 and 101: MADV_HWPOISON and MADV_SOFT_OFFLINE take a page of RAM away for good. */
	int n, advice = one_in(t, 10) ? GUARD_INSTALL + below(t, 2) : below(t, 26), i = pick(t, &n);
	bool done;

	if (i < 0)
		return;
	done = expect(t, OP_MADVISE, i, madvise(at(t, i), n * page_size, advice) ? errno : 0,
		      advice_errno(t, advice, i));
	for (int j = i; j < i + n && done; j++) {
		if (advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED)
			t->page[j].copied = false;
		if (advice == MADV_DONTFORK || advice == MADV_DOFORK)
			t->page[j].dontfork = advice == MADV_DONTFORK;
		if (advice == GUARD_INSTALL || advice == GUARD_REMOVE)
			t->page[j].guard = advice == GUARD_INSTALL;
		if (advice == GUARD_INSTALL)
			t->page[j].copied = false;
		if (advice == MADV_POPULATE_WRITE)
			take_copies(t, OP_MADVISE, j, 1);
	}
	look(t, OP_MADVISE, i + below(t, n));
}

/*
 * Locks pages, which populates them, or with MLOCK_ONFAULT leaves that to faults.
 * Page frames are neither populated nor locked.
 */
void op_mlock(struct thread *t)
{
	int n, expected = 0, ret, flags = one_in(t, 2) ? MLOCK_ONFAULT : 0, i = pick(t, &n);
	const struct page *page = &t->page[i];
	bool locks;

	if (i < 0)
		return;
	locks = page->device == SIMPLEN;
	if (locks && (!page->prot || faults(t, i)) && !flags)
		expected = ENOMEM;
	ret = flags ? mlock2(at(t, i), n * page_size, flags) : mlock(at(t, i), n * page_size);
	expect(t, OP_MLOCK, i, ret ? errno : 0, expected);
	for (int j = 0; j < n && locks; j++)
		t->page[i + j].locked = flags ? LOCKED_ON_FAULT : LOCKED;
	if (locks && !flags)
		take_copies(t, OP_MLOCK, i, n);
}

void op_munlock(struct thread *t)
{
	int n, i = pick(t, &n);

	if (i < 0)
		return;
	expect(t, OP_MUNLOCK, i, munlock(at(t, i), n * page_size) ? errno : 0, 0);
	for (int j = 0; j < n; j++)
		t->page[i + j].locked = UNLOCKED;
}

/* msync does nothing, as a device has no storage. */
void op_msync(struct thread *t)
{
	static const int all_flags[] = { MS_ASYNC, MS_SYNC, MS_SYNC | MS_INVALIDATE, 0 };
	int n, expected = 0, flags = all_flags[below(t, 4)], i = pick(t, &n);
	const struct page *page = &t->page[i];

	if (i < 0)
		return;
	if (flags & MS_INVALIDATE && page->locked)
		expected = EBUSY;
	expect(t, OP_MSYNC, i, msync(at(t, i), n * page_size, flags) ? errno : 0, expected);
}

void op_mincore(struct thread *t)
{
	unsigned char in_core[ARENA];
	int n, i = pick(t, &n);

	if (i >= 0)
		expect(t, OP_MINCORE, i, mincore(at(t, i), n * page_size, in_core) ? errno : 0, 0);
}

void op_mbind(struct thread *t)
{
	unsigned long node = 1;
	int n, flags = one_in(t, 2) ? MPOL_MF_MOVE : 0, i = pick(t, &n);
	int mode = one_in(t, 2) ? MPOL_BIND : MPOL_DEFAULT;
	long ret;

	if (i < 0)
		return;
	ret = syscall(SYS_mbind, at(t, i), n * page_size, mode, mode == MPOL_BIND ? &node : NULL,
		      mode == MPOL_BIND ? 8 : 0, flags);
	if (!is_missing(t, OP_MBIND, ret))
		expect(t, OP_MBIND, i, ret ? errno : 0, 0);
}

/* All pages are on the one node that there is. */
void op_move_pages(struct thread *t)
{
	int n, nodes[ARENA] = {}, status[ARENA], i = pick(t, &n);
	bool ask = one_in(t, 2);
	void *pages[ARENA];
	long ret;

	if (i < 0)
		return;
	for (int j = 0; j < n; j++)
		pages[j] = at(t, i + j);
	ret = syscall(SYS_move_pages, 0, n, pages, ask ? NULL : nodes, status, MPOL_MF_MOVE);
	if (is_missing(t, OP_MOVE_PAGES, ret))
		return;
	expect(t, OP_MOVE_PAGES, i, ret < 0 ? errno : 0, 0);
	for (int j = 0; j < n; j++)
		if (status[j] && status[j] != -EFAULT && status[j] != -ENOENT)
			fail_if_known(t, OP_MOVE_PAGES, i + j, "status is %d", status[j]);
}

/* userfaultfd must refuse mappings of a device, because the driver handles their faults. */
void op_userfaultfd(struct thread *t)
{
	static const int modes[] = {
		UFFDIO_REGISTER_MODE_MISSING, UFFDIO_REGISTER_MODE_WP, UFFDIO_REGISTER_MODE_MINOR,
	};
	struct uffdio_register range = { .mode = modes[below(t, 3)] };
	struct uffdio_api api = { .api = UFFD_API };
	int n, fd, i = pick(t, &n);

	if (i < 0)
		return;
	fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (is_missing(t, OP_USERFAULTFD, fd))
		return;
	range.range.start = (uintptr_t)at(t, i);
	range.range.len = n * page_size;
	if (ioctl(fd, UFFDIO_API, &api))
		fail_at(t, OP_USERFAULTFD, i, "UFFDIO_API: %m");
	expect(t, OP_USERFAULTFD, i, ioctl(fd, UFFDIO_REGISTER, &range) ? errno : 0, EINVAL);
	close(fd);
}
