// SPDX-License-Identifier: GPL-2.0
/* Operations that make, move, change and take away mappings, and that touch them. */

#include "torture.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

/* Chooses what to map: a device, a range of it, and the kind of mapping. */
struct wish {
	enum device device;
	bool private, read_only;
	int prot, flags, fd;
	__u32 index, count;
};

static int any_prot(struct thread *t)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE };

	/* Most are writable. */
	return prots[below(t, 2) ? 0 : below(t, 3)];
}

/*
 * Chooses a mapping of an unknown device. Half of the mappings are the one that
 * probe() found to be accepted, and the others are chosen at random.
 */
static struct wish any_wish(struct thread *t)
{
	const struct shape *shape = &shared->shape;
	struct wish wish = {
		.private = one_in(t, 3),
		.read_only = one_in(t, 6),
		.prot = any_prot(t),
		.index = below(t, t->pages + 2),
		.count = 1 + below(t, one_in(t, 2) ? 4 : 32),
	};

	if (one_in(t, 2) && shape->pages <= ARENA) {
		wish.private = shape->flags & MAP_PRIVATE;
		wish.read_only = !(shape->prot & PROT_WRITE) && one_in(t, 2);
		wish.prot = shape->prot;
		wish.index = shape->first;
		wish.count = shape->pages;
	}
	return wish;
}

static struct wish known_wish(struct thread *t)
{
	struct wish wish = {
		.device = below(t, devices),
		.private = one_in(t, 3),
		.read_only = one_in(t, 6),
		.prot = any_prot(t),
		.index = below(t, t->pages),
	};

	wish.count = 1 + below(t, t->pages - wish.index < 32 ? t->pages - wish.index : 32);
	return wish;
}

static struct wish wish(struct thread *t)
{
	struct wish wish = shared->unknown ? any_wish(t) : known_wish(t);

	/* A file that was opened read-only cannot be shared for writing. */
	if (wish.read_only && !wish.private)
		wish.prot &= ~PROT_WRITE;
	wish.flags = (wish.private ? MAP_PRIVATE : MAP_SHARED) | (one_in(t, 4) ? MAP_POPULATE : 0);
	wish.fd = (wish.read_only ? t->ro : t->rw)[wish.device];
	return wish;
}

static void note(struct thread *t, int i, const struct wish *wish)
{
	for (__u32 n = 0; n < wish->count; n++)
		t->page[i + n] = (struct page){
			.mapped = true, .private = wish->private, .read_only = wish->read_only,
			.device = wish->device, .prot = wish->prot, .index = wish->index + n,
		};
	/* The kernel populates no VMA of page frames. */
	if (wish->flags & MAP_POPULATE && wish->device == SIMPLEN)
		take_copies(t, OP_MMAP, i, wish->count);
}

/* Whether no page of the range was taken by another thread. */
static bool is_ours(struct thread *t, int i, int count)
{
	for (; count--; i++)
		if (t->page[i].lost)
			return false;
	return true;
}

/*
 * Maps pages at an address in the arena, and replaces what is mapped there. An
 * unknown device is mapped elsewhere, and then moved to the address: if its driver
 * refuses a mapping with MAP_FIXED, the kernel has already unmapped what was there,
 * and another thread could be given the addresses.
 */
static char *map_over(char *at, const struct wish *w)
{
	char *elsewhere, *addr;

	if (!shared->unknown)
		return mmap(at, w->count * page_size, w->prot, w->flags | MAP_FIXED, w->fd,
			    w->index * page_size);
	elsewhere = mmap(NULL, w->count * page_size, w->prot, w->flags, w->fd,
			 w->index * page_size);
	if (elsewhere == MAP_FAILED)
		return MAP_FAILED;
	addr = mremap(elsewhere, w->count * page_size, w->count * page_size,
		      MREMAP_MAYMOVE | MREMAP_FIXED, at);
	if (addr == MAP_FAILED)
		munmap(elsewhere, w->count * page_size);
	return addr;
}

void op_mmap(struct thread *t)
{
	struct wish w = wish(t);
	int i = below(t, ARENA - w.count + 1);

	if (!is_ours(t, i, w.count))
		return;
	if (map_over(at(t, i), &w) == MAP_FAILED) {
		refused(t, OP_MMAP, -1);
		return;
	}
	note(t, i, &w);
	count(OP_MMAP, true);
	look(t, OP_MMAP, i + below(t, w.count));
}

/* mmap without MAP_FIXED, with a hint or without, and with arguments that must be refused. */
void op_mmap_free(struct thread *t)
{
	void *hint = one_in(t, 2) ? at(t, below(t, ARENA)) : NULL, *addr;
	struct wish w = wish(t);
	off_t offset = w.index * page_size;
	int expected = 0;
	__u64 words[SLOTS];
	struct seen seen;

	switch (below(t, 8)) {
	case 0:
		w.prot |= PROT_EXEC;
		expected = EPERM;
		break;
	case 1:
		w.count = t->pages - w.index + 1;
		expected = EINVAL;
		break;
	case 2:
		offset += (t->pages + below(t, 1 << 20)) * page_size;
		expected = EINVAL;
		break;
	case 3:
		offset++;
		expected = EINVAL;
		break;
	case 4:
		w.flags = MAP_SHARED_VALIDATE | MAP_SYNC;
		expected = EOPNOTSUPP;
		break;
	case 5:
		w.flags = MAP_SHARED;
		w.prot |= PROT_WRITE;
		if (w.read_only)
			expected = EACCES;
		break;
	}
	/* Opening for reading only is found out first. */
	if (w.flags & MAP_SHARED && w.read_only && w.prot & PROT_WRITE && expected != EOPNOTSUPP &&
	    offset % page_size == 0)
		expected = EACCES;
	before(&seen, w.device, w.index);
	addr = mmap(hint, w.count * page_size, w.prot, w.flags, w.fd, offset);
	expect(t, OP_MMAP_FREE, -1, addr == MAP_FAILED ? errno : 0, expected);
	if (addr == MAP_FAILED)
		return;
	if (w.prot & PROT_READ) {
		if (guarded_load(addr, words))
			fail_if_known(t, OP_MMAP_FREE, -1, "the mapping cannot be read");
		check_words(op_names[OP_MMAP_FREE], w.device, w.index, words, &seen);
	}
	if (munmap(addr, w.count * page_size))
		fail_at(t, OP_MMAP_FREE, -1, "munmap: %m");
}

/* Reads a page of a shared mapping of a region, or writes it first. */
static void touch(struct thread *t, int device, char *map, __u32 index, bool write)
{
	char *page = map + index * page_size;
	struct seen seen;
	__u64 words[SLOTS];

	if (write) {
		if (guarded_store(word_at(page, t->slot), start_write(device, index, t->slot)))
			fail_if_known(t, OP_MMAP_WHOLE, -1, "%s page %u cannot be written",
				      paths[device], index);
		end_write(device, index, t->slot);
	}
	before(&seen, device, index);
	if (guarded_load(page, words))
		fail_if_known(t, OP_MMAP_WHOLE, -1, "%s page %u cannot be read", paths[device],
			      index);
	check_words(op_names[OP_MMAP_WHOLE], device, index, words, &seen);
}

/* Maps a whole region, which the kernel can align for huge pages, and splits these. */
void op_mmap_whole(struct thread *t)
{
	const bool as_probed = shared->unknown && one_in(t, 2);
	const __u32 pages = as_probed ? shared->shape.pages : t->pages;
	const off_t first = as_probed ? shared->shape.first * page_size : 0;
	enum device device = below(t, devices);
	size_t size = pages * page_size;
	__u32 apart = below(t, pages);
	char *map;

	map = mmap(NULL, size, shared->shape.prot, shared->shape.flags, t->rw[device], first);
	if (map == MAP_FAILED) {
		refused(t, OP_MMAP_WHOLE, -1);
		return;
	}
	for (int i = 0; i < 4; i++)
		touch(t, device, map, below(t, pages), one_in(t, 2));
	if (mprotect(map + apart * page_size, page_size, PROT_READ))
		fail_if_known(t, OP_MMAP_WHOLE, -1, "mprotect of page %u: %m", apart);
	touch(t, device, map, apart, false);
	if ((device == SIMPLEN || shared->unknown) &&
	    madvise(map + apart * page_size, page_size, MADV_DONTNEED))
		fail_if_known(t, OP_MMAP_WHOLE, -1, "madvise of page %u: %m", apart);
	touch(t, device, map, apart, false);
	for (int i = 0; i < 4; i++) {
		__u32 index = below(t, pages);

		touch(t, device, map, index, index != apart && one_in(t, 2));
	}
	if (munmap(map + apart * page_size, size - apart * page_size) ||
	    (apart && munmap(map, apart * page_size)))
		fail_at(t, OP_MMAP_WHOLE, -1, "munmap: %m");
	count(OP_MMAP_WHOLE, true);
}

void op_read_page(struct thread *t)
{
	int n, i = pick(t, &n);

	for (; i >= 0 && n--; i++)
		look(t, OP_READ_PAGE, i);
}

void op_write_page(struct thread *t)
{
	int n, i = pick(t, &n);

	for (; i >= 0 && n--; i++) {
		store(t, OP_WRITE_PAGE, i);
		look(t, OP_WRITE_PAGE, i);
	}
}

/* Touches the mapping that all threads of the process share. */
void op_common(struct thread *t)
{
	__u32 index = below(t, common_pages(t));
	enum device device = below(t, devices);

	touch(t, device, commons[device], index, one_in(t, 2));
	count(OP_COMMON, true);
}

void op_munmap(struct thread *t)
{
	int n, i = pick(t, &n);

	if (i < 0)
		return;
	remove_range(t, i, n);
	count(OP_MUNMAP, true);
}

/* Shortens a range to its part in the VMA of its first page. */
static void clip_to_vma(struct thread *t, int i, int *count)
{
	struct procmap_query query = { .size = sizeof(query), .query_addr = (uintptr_t)at(t, i) };
	__u64 pages;

	if (ioctl(t->maps, PROCMAP_QUERY, &query)) {
		fail_if_known(t, OP_MMAP, i, "looking for its VMA: %m");
		return;
	}
	pages = (query.vma_end - query.query_addr) / page_size;
	if (pages < *count)
		*count = pages;
}

void op_shrink(struct thread *t)
{
	int n, left, i = pick(t, &n);

	if (i < 0)
		return;
	clip_to_vma(t, i, &n);
	left = 1 + below(t, n);
	if (mremap(at(t, i), n * page_size, left * page_size, 0) != at(t, i)) {
		refused(t, OP_MREMAP_SHRINK, i);
		return;
	}
	reserve(t, i + left, n - left);
	look(t, OP_MREMAP_SHRINK, i + below(t, left));
}

/* Moves pages to another place in the arena, and replaces what is mapped there. */
void op_move(struct thread *t)
{
	int n, to, i = pick(t, &n);

	if (i < 0)
		return;
	clip_to_vma(t, i, &n);
	to = below(t, ARENA - n + 1);
	if (!is_ours(t, to, n))
		return;
	if (to + n > i && i + n > to) {
		/* A range cannot be moved onto a part of itself. */
		if (mremap(at(t, i), n * page_size, n * page_size, MREMAP_MAYMOVE | MREMAP_FIXED,
			   at(t, to)) != MAP_FAILED)
			fail_at(t, OP_MREMAP_MOVE, i, "moved onto itself");
		expect(t, OP_MREMAP_MOVE, i, errno, EINVAL);
		return;
	}
	if (mremap(at(t, i), n * page_size, n * page_size, MREMAP_MAYMOVE | MREMAP_FIXED,
		   at(t, to)) != at(t, to)) {
		refused(t, OP_MREMAP_MOVE, i);
		reserve_holes(t, to, n);
		return;
	}
	memcpy(&t->page[to], &t->page[i], n * sizeof(t->page[i]));
	reserve(t, i, n);
	for (int j = 0; j < n; j++)
		look(t, OP_MREMAP_MOVE, to + j);
}

/*
 * mremap: lets a mapping grow, and move to where the kernel likes. simpler must refuse
 * this. The added pages are read. Then the mapping is moved back into the arena if
 * it has room there, and otherwise unmapped.
 */
void op_grow(struct thread *t)
{
	int n, more = 1 + below(t, 8), i = pick(t, &n);
	const struct page *page = &t->page[i];
	struct page had[16];
	struct seen seen[8];
	char *addr;

	if (i < 0)
		return;
	clip_to_vma(t, i, &n);
	/* If the pages are private and locked, mremap copies the new ones. */
	for (int j = 0; j < more && page->index + n + j < t->pages; j++)
		before(&seen[j], SIMPLEN, page->index + n + j);
	addr = mremap(at(t, i), n * page_size, (n + more) * page_size, MREMAP_MAYMOVE);
	if (page->device == SIMPLER && !shared->unknown) {
		expect(t, OP_MREMAP_GROW, i, addr == MAP_FAILED ? errno : 0, EFAULT);
		return;
	}
	if (addr == MAP_FAILED) {
		refused(t, OP_MREMAP_GROW, i);
		return;
	}
	for (int j = n; j < n + more && page->prot; j++) {
		__u32 index = page->index + j;
		int expected = index < t->pages ? 0 : SIGBUS, signal;
		__u64 words[SLOTS];

		signal = guarded_load(addr + j * page_size, words);
		if (signal != expected)
			fail_if_known(t, OP_MREMAP_GROW, i,
				      "page %d more: signal %d, expected %d", j - n + 1, signal,
				      expected);
		if (!signal)
			check_words(op_names[OP_MREMAP_GROW], SIMPLEN, index, words,
				    &seen[j - n]);
	}
	/* Move the mapping back into the arena, with the added pages, if it has room there. */
	memcpy(had, page, n * sizeof(*page));
	reserve(t, i, n);
	if (i + n + more <= ARENA && is_ours(t, i, n + more)) {
		if (mremap(addr, (n + more) * page_size, (n + more) * page_size,
			   MREMAP_MAYMOVE | MREMAP_FIXED, at(t, i)) != at(t, i))
			fail_at(t, OP_MREMAP_GROW, i, "moving it back: %m");
		for (int j = 0; j < n + more; j++) {
			t->page[i + j] = had[j < n ? j : 0];
			t->page[i + j].index = had[0].index + j;
			t->page[i + j].copied &= j < n;
			t->page[i + j].guard &= j < n;
		}
		/* If the mapping is locked, mremap has brought the added pages in. */
		if (had[0].locked == LOCKED)
			take_copies(t, OP_MREMAP_GROW, i + n, more);
	} else if (munmap(addr, (n + more) * page_size)) {
		fail_at(t, OP_MREMAP_GROW, i, "munmap: %m");
	}
	count(OP_MREMAP_GROW, true);
}

/* mremap with an old length of 0: makes a second mapping of the same pages. */
void op_copy(struct thread *t)
{
	int n, expected = 0, i = pick(t, &n);
	const struct page *page = &t->page[i];
	__u64 words[SLOTS];
	struct seen seen;
	char *addr;

	if (i < 0)
		return;
	clip_to_vma(t, i, &n);
	if (page->private)
		expected = EINVAL;
	else if (page->device == SIMPLER)
		expected = EFAULT;
	if (!expected && !beyond(t, i))
		before(&seen, page->device, page->index);
	addr = mremap(at(t, i), 0, n * page_size, MREMAP_MAYMOVE);
	if (!expect(t, OP_MREMAP_COPY, i, addr == MAP_FAILED ? errno : 0, expected))
		return;
	if (page->prot && !beyond(t, i)) {
		if (guarded_load(addr, words))
			fail_if_known(t, OP_MREMAP_COPY, i, "the second mapping cannot be read");
		check_words(op_names[OP_MREMAP_COPY], page->device, page->index, words, &seen);
	}
	if (munmap(addr, n * page_size))
		fail_at(t, OP_MREMAP_COPY, i, "munmap: %m");
}

/* mremap with MREMAP_DONTUNMAP: the pages move, and faults fill the old mapping again. */
void op_keep(struct thread *t)
{
	int n, to, i = pick(t, &n);
	void *addr;

	if (i < 0)
		return;
	clip_to_vma(t, i, &n);
	to = i + n <= ARENA - n ? i + n : i - n;
	if (to < 0 || !is_ours(t, to, n))
		return;
	addr = mremap(at(t, i), n * page_size, n * page_size,
		      MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, at(t, to));
	expect(t, OP_MREMAP_KEEP, i, addr == MAP_FAILED ? errno : 0,
	       t->page[i].device == SIMPLER ? EINVAL : 0);
	if (addr == MAP_FAILED) {
		reserve_holes(t, to, n);
		return;
	}
	memcpy(&t->page[to], &t->page[i], n * sizeof(t->page[i]));
	for (int j = 0; j < n; j++) {
		t->page[i + j].copied = false;
		t->page[i + j].guard = false;
		t->page[i + j].locked = UNLOCKED;
		look(t, OP_MREMAP_KEEP, i + j);
		look(t, OP_MREMAP_KEEP, to + j);
	}
}

void op_mprotect(struct thread *t)
{
	int n, expected = 0, prot = any_prot(t), i = pick(t, &n);
	const struct page *page = &t->page[i];
	bool brought_in;

	if (i < 0)
		return;
	if (one_in(t, 8))
		prot |= PROT_EXEC;
	if (prot & PROT_EXEC || (prot & PROT_WRITE && page->read_only && !page->private))
		expected = EACCES;
	if (!expect(t, OP_MPROTECT, i, mprotect(at(t, i), n * page_size, prot) ? errno : 0,
		    expected))
		return;
	brought_in = page->locked == LOCKED && !(page->prot & PROT_WRITE);
	for (int j = 0; j < n; j++)
		t->page[i + j].prot = prot;
	/* If a locked mapping becomes writable, mprotect() also makes the private copies. */
	if (brought_in)
		take_copies(t, OP_MPROTECT, i, n);
	look(t, OP_MPROTECT, i + below(t, n));
}
