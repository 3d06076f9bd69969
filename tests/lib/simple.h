/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs in the guest share: the driver, its lines in the kernel log,
 * mapped memory, and the machine. Test suites include suite.h, which has this.
 */
#ifndef _SIMPLE_TEST_H
#define _SIMPLE_TEST_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest.h"

/* The C library's headers do not have these yet. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

/* driver.c: functions that return an int return 0 or a negative errno. */

/* Loads the module /NAME.ko, or unloads it without waiting. */
int load_named(const char *name, const char *params);
int unload_named(const char *name);

/* Unloads the module if it is loaded, and loads it. */
int reload_named(const char *name, const char *params);

/* The same for the module "simple". */
#define load_module(params) load_named("simple", params)
#define unload_module() unload_named("simple")

/* Whether "simple" is built into the kernel; the guest has no module of it then. */
bool built_in(void);

/* Whether the kernel was booted with these parameters of "simple", and no others. */
bool booted_with(const char *params);

/* Reloads "simple". If it is built in, zeroes the memory of both devices instead. */
int reload_or_zero(const char *params);

/* Unloads "simple", unless it is built in. */
#define unload_if_module() (built_in() ? 0 : unload_module())

/* A number in debugfs: a counter of a device, or one of "parameters"; -1 if there is none. */
long counter(const char *device, const char *name);

/* log.c: the lines in the kernel log that begin with "simple: ". */

/* Forgets what the kernel log holds so far, as dmesg -C does. */
void clear_log(void);

/* The lines without their timestamps, in a string that the caller frees. */
char *driver_log(void);

/* How often the text is in these lines. */
int log_count(const char *text);

/* The number in hex that follows the last occurrence of the text, 0 if there is none. */
__u64 last_in_log(const char *text);

/*
 * How many of these lines have the sums that a device logs at its unload. -1 if in
 * one of them the VMAs opened and closed, or the pages allocated and freed, differ.
 */
int balanced_sums(void);

/* memory.c: the memory of this process. */

size_t page_size(void);

/* How many bytes a PMD entry maps; 0 if the kernel has no huge pages. */
size_t pmd_size(void);

/* A PMD entry maps 2^pmd_order() pages. Works without huge pages, too. */
int pmd_order(void);

/* Map pages of a file, readable and writable. */
char *map_shared(int fd, size_t pages, size_t first_page);
char *map_private(int fd, size_t pages, size_t first_page);

/* The errno of an mmap(), 0 if it succeeded. All 64 bits of the offset reach the kernel. */
int mmap_errno(int fd, size_t len, int prot, int flags, __u64 offset);

/* Reserves addresses for MAP_FIXED, aligned to a power of two. */
char *reserve(size_t len, size_t align);

/* Copies a text with its terminating null byte. */
void put_text(char *at, const char *text);

/* Whether all bytes are zero; there is at least one. */
bool is_zero(const char *addr, size_t len);

/* Writes the numbers from first on to the pages, one to each, or tells whether they are there. */
void number(char *addr, size_t pages, size_t first);
bool is_numbered(const char *addr, size_t pages, size_t first);

/* The signal that kills a child that reads or writes there, 0 if none does. */
int signal_of_access(char *addr, bool write);

/* How many page faults it takes to read from each of the pages. */
long faults_of_reading(char *addr, size_t pages);

/*
 * The physical address that is mapped there, 0 if none is. Always 0 for simpler,
 * whose VMAs are VM_PFNMAP: /proc/self/pagemap leaves these out.
 */
__u64 phys_at(const void *addr);

/* How many of the pages are mapped there, with the same exception. */
size_t mapped_pages(const void *addr, size_t pages);

/* machine.c: what the kernel's files tell of the machine. */

/* Writes a text to a file of the kernel's; tells whether the kernel took all of it. */
bool tell(const char *path, const char *text);

/* The number that a file of the kernel's begins with, -1 if there is none. */
long number_of(const char *path);

/* Makes allocations of 2^order pages or more fail, or not. False without fault injection. */
#define FAIL_PAGE_ALLOC "/sys/kernel/debug/fail_page_alloc/"
bool fail_page_alloc(int order, bool fail);

/* Reads RAM by its physical address, from the kernel's mapping of it in /proc/kcore. */
bool read_phys(__u64 phys, void *buf, size_t len);

/* Free memory in KiB, with the pages in the lists of each CPU, which MemFree leaves out. */
long free_memory(void);

/*
 * How much less memory is free than before, in KiB. The kernel frees some of it
 * later, so this waits up to 5 seconds until the loss is at most what is tolerated.
 * With kmemleak 8 MiB are left out, which its records can take.
 */
long memory_lost(long before, long tolerated);

/*
 * The physical addresses of BAR 0 and BAR 2 of the first graphics card, 0 if there is
 * none. Enables the card, as its driver would: firmware does that on some machines only.
 */
void find_card(__u64 *memory, __u64 *registers);

/* The largest piece of System RAM, and the 64 KiB that were reserved at boot. */
void find_memory(__u64 *first, __u64 *last, __u64 *reserved);

#endif
