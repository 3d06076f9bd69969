// SPDX-License-Identifier: GPL-2.0
/* The memory of this process: mappings, their content, and their physical pages. */

#include "simple.h"

size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

size_t pmd_size(void)
{
	long size = number_of("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");

	return size < 0 ? 0 : size;
}

int pmd_order(void)
{
	/* An entry of a page table has 8 bytes. */
	return __builtin_ctzl(page_size() / 8);
}

char *map_shared(int fd, size_t pages, size_t first_page)
{
	return mmap(NULL, pages * page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    first_page * page_size());
}

char *map_private(int fd, size_t pages, size_t first_page)
{
	return mmap(NULL, pages * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
		    first_page * page_size());
}

int mmap_errno(int fd, size_t len, int prot, int flags, __u64 offset)
{
	void *addr = mmap(NULL, len, prot, flags, fd, (off_t)offset);

	if (addr == MAP_FAILED)
		return errno;
	munmap(addr, len);
	return 0;
}

char *reserve(size_t len, size_t align)
{
	uintptr_t addr = (uintptr_t)mmap(NULL, len + align, PROT_NONE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return (char *)((addr + align - 1) & ~(align - 1));
}

void put_text(char *at, const char *text)
{
	memcpy(at, text, strlen(text) + 1);
}

bool is_zero(const char *addr, size_t len)
{
	return !addr[0] && !memcmp(addr, addr + 1, len - 1);
}

void number(char *addr, size_t pages, size_t first)
{
	for (size_t i = 0; i < pages; i++)
		*(size_t *)(addr + i * page_size()) = first + i;
}

bool is_numbered(const char *addr, size_t pages, size_t first)
{
	for (size_t i = 0; i < pages; i++)
		if (*(const size_t *)(addr + i * page_size()) != first + i)
			return false;
	return true;
}

int signal_of_access(char *addr, bool write)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (write)
			__atomic_store_n(addr, 1, __ATOMIC_RELAXED);
		else
			__atomic_load_n(addr, __ATOMIC_RELAXED);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

long faults_of_reading(char *addr, size_t pages)
{
	const size_t step = page_size();
	struct rusage before, after;

	/* The first round reads our own stack, so that all of this code is in memory. */
	for (int round = 0; round < 2; round++) {
		char *at = round ? addr : (char *)&before;

		getrusage(RUSAGE_SELF, &before);
		for (size_t i = 0; i < (round ? pages : 1); i++)
			__atomic_load_n(at + i * step, __ATOMIC_RELAXED);
		getrusage(RUSAGE_SELF, &after);
	}
	return after.ru_minflt - before.ru_minflt;
}

/* Reads the pagemap entries of the pages; an entry that cannot be read is 0. */
static void read_pagemap(const void *addr, __u64 *entries, size_t pages)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	memset(entries, 0, pages * sizeof(*entries));
	pread(fd, entries, pages * sizeof(*entries),
	      (uintptr_t)addr / page_size() * sizeof(*entries));
	close(fd);
}

__u64 phys_at(const void *addr)
{
	__u64 entry;

	read_pagemap(addr, &entry, 1);
	return entry >> 63 ? (entry & ((1ULL << 55) - 1)) * page_size() : 0;
}

size_t mapped_pages(const void *addr, size_t pages)
{
	__u64 *entries = malloc(pages * sizeof(*entries));
	size_t mapped = 0;

	read_pagemap(addr, entries, pages);
	for (size_t i = 0; i < pages; i++)
		mapped += entries[i] >> 63;
	free(entries);
	return mapped;
}
