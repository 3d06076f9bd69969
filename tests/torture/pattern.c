// SPDX-License-Identifier: GPL-2.0
/*
 * What the pages hold. Each writer has a word of its own in every page, so that
 * no two write the same one. Its upper 56 bits say which page of which device in
 * which life of the module this is, and who wrote it; the lowest 8 are the low
 * bits of the number of writes to it. Everything else in a page stays zero.
 *
 * Writes are counted before they start and after they are done. Whoever reads
 * the word, in whatever way, must find the value of a write that was not yet
 * superseded when the read began, and had started when it ended: another page's
 * content, an older one, and one of another life are all told apart.
 *
 * When the kernel copies byte by byte, a word can be seen half written. As all
 * but one byte is the same in every write, only the first one shows that way.
 */

#include "torture.h"

static __u64 identity(enum device device, __u32 page, int slot, bool private)
{
	__u64 where = ((__u64)page << 16) + (slot << 2) + (private << 1) + device;

	return mix(mix(shared->seed + shared->load) + where) | 1ULL << 63;
}

static __u64 word(enum device device, __u32 page, int slot, bool private, __u32 number)
{
	return (identity(device, page, slot, private) & ~0xffULL) | (number & 0xff);
}

/* The word of a slot in a page that is mapped or in a buffer. */
__u64 *word_at(const void *page, int slot)
{
	return (__u64 *)((char *)page + slot * (page_size / SLOTS));
}

static struct cell *cell_at(enum device device, __u32 page, int slot)
{
	return &shared->cells[device][page][slot];
}

/* To be called before a page is read. */
void before(struct seen *seen, enum device device, __u32 page)
{
	if (shared->unknown)
		return;
	for (int slot = 0; slot < SLOTS; slot++)
		seen->done[slot] = __atomic_load_n(&cell_at(device, page, slot)->done,
						   __ATOMIC_SEQ_CST);
}

/* The word to be written next. The slot is the caller's own. */
__u64 start_write(enum device device, __u32 page, int slot)
{
	__u32 number;

	if (shared->unknown)
		return word(device, page, slot, false, 0);
	number = __atomic_add_fetch(&cell_at(device, page, slot)->started, 1, __ATOMIC_SEQ_CST);
	return word(device, page, slot, false, number);
}

void end_write(enum device device, __u32 page, int slot)
{
	struct cell *cell;

	if (shared->unknown)
		return;
	cell = cell_at(device, page, slot);
	__atomic_store_n(&cell->done, cell->started, __ATOMIC_SEQ_CST);
}

/* The word that was written last. */
__u64 current_word(enum device device, __u32 page, int slot)
{
	__u32 number = cell_at(device, page, slot)->done;

	return number ? word(device, page, slot, false, number) : 0;
}

/* A word for a private copy of the page. It must not show up in the region. */
__u64 private_word(enum device device, __u32 page, int slot, __u32 number)
{
	return word(device, page, slot, true, number);
}

static bool is_half_written(__u64 found, __u64 wanted)
{
	for (int shift = 8; shift < 64; shift += 8) {
		__u8 byte = found >> shift;

		if (byte && byte != (__u8)(wanted >> shift))
			return false;
	}
	return true;
}

static bool is_valid(__u64 found, enum device device, __u32 page, int slot, __u32 done)
{
	__u32 started = __atomic_load_n(&cell_at(device, page, slot)->started, __ATOMIC_SEQ_CST);
	__u64 wanted = word(device, page, slot, false, 0);
	__u32 number;

	if (!found)
		return !done;
	if (found >> 8 != wanted >> 8)
		return !done && started && is_half_written(found, wanted);
	/*
	 * A word has only the low 8 bits of the number of its write. Find the first number from
	 * "done" on that has these bits.
	 */
	number = done + (__u8)(found - done);
	if (!number)
		number = 256;
	return number <= started;
}

/* Judges the words of all slots, read after before() filled "seen". */
void check_words(const char *what, enum device device, __u32 page, const __u64 *words,
		 const struct seen *seen)
{
	for (int slot = 0; slot < SLOTS && !shared->unknown; slot++) {
		const struct cell *cell = cell_at(device, page, slot);
		__u32 done = seen->done[slot];

		if (!is_valid(words[slot], device, page, slot, done))
			fail("%s: %s page %u, writer %d: found %#llx, expected %#llx, %u to %u",
			     what, paths[device], page, slot, words[slot],
			     word(device, page, slot, false, 0), done, cell->started);
	}
}

/*
 * Judges the words of all slots in a page that was read into a buffer, and checks that all else
 * in it is zero.
 */
void check_page(const char *what, enum device device, __u32 page, const char *content,
		const struct seen *seen)
{
	__u64 words[SLOTS];
	const __u64 *content_words = (const __u64 *)content;

	if (shared->unknown)
		return;
	for (int slot = 0; slot < SLOTS; slot++)
		words[slot] = *word_at(content, slot);
	check_words(what, device, page, words, seen);
	for (size_t i = 0; i < page_size / sizeof(__u64); i++) {
		if (content_words[i] && i * sizeof(__u64) % (page_size / SLOTS))
			fail("%s: %s page %u, offset %zu: found %#llx, where nobody writes", what,
			     paths[device], page, i * sizeof(__u64), content_words[i]);
	}
}
