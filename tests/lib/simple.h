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

/* The C library's headers are older than that. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

/* driver.c. All that return an int return 0 or a negative errno. */

/* Loads the module /NAME.ko, or unloads it without waiting. */
int load_named(const char *name, const char *params);
int unload_named(const char *name);

/* Loads the module anew, whether or not it was loaded. */
int reload_named(const char *name, const char *params);

/* The same for the module "simple". */
int load_module(const char *params);
int unload_module(void);

/* Whether "simple" is a part of the kernel; the guest has no such module then. */
bool built_in(void);

/* Whether the kernel was booted with these parameters of "simple", and no others. */
bool booted_with(const char *params);

/* Loads "simple" anew. Where it is built in, writes zeros to the memory that is not zero. */
int reload_or_zero(const char *params);

/* Unloads "simple", unless it is built in. */
int unload_if_module(void);

/* A number in debugfs: a device's counter, or one of the "parameters"; -1 if there is none. */
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
 * How many devices' sums at their unload are in these lines: as many VMAs closed
 * as opened, and pages freed as allocated. -1 if one has other sums.
 */
int balanced_sums(void);

/* memory.c: the memory of this process. */

size_t page_size(void);

/* What one entry of a PMD maps, in bytes; 0 if the kernel has no huge pages. */
size_t pmd_size(void);

/* How many pages an entry of a PMD maps, as a power of two, also without huge pages. */
int pmd_order(void);

/* Readable and writable mappings. */
char *map_shared(int fd, size_t pages, size_t first_page);
char *map_private(int fd, size_t pages, size_t first_page);

/* The errno of an mmap() that has to fail, 0 if it did not. The kernel gets all of the offset. */
int mmap_errno(int fd, size_t len, int prot, int flags, __u64 offset);

/* Addresses for MAP_FIXED that nothing else uses, aligned to a power of two. */
char *reserve(size_t len, size_t align);

/* Copies a text with its end. */
void put_text(char *at, const char *text);

/* Whether all bytes are zero; there is at least one. */
bool is_zero(const char *addr, size_t len);

/* Writes the numbers from first on to the pages, one to each, or checks that they are there. */
void number(char *addr, size_t pages, size_t first);
bool is_numbered(const char *addr, size_t pages, size_t first);

/* The signal that a child gets from reading or writing there, 0 if none. */
int signal_of_access(char *addr, bool write);

/* How many page faults it takes to read from each of the pages. */
long faults_of_reading(char *addr, size_t pages);

/*
 * The physical address that is mapped there, 0 if none is. The kernel tells it
 * of every page that it counts references on, which are all but simpler's.
 */
__u64 phys_at(const void *addr);

/* How many of the pages are mapped there. */
size_t mapped_pages(const void *addr, size_t pages);

/* machine.c */

/* Writes a text to a file of the kernel's; whether the kernel took all of it. */
bool tell(const char *path, const char *text);

/* The number that a file of the kernel's begins with, -1 if there is none. */
long number_of(const char *path);

/* Has allocations of 2^order pages or more fail, or not, where the kernel has this folder. */
#define FAIL_PAGE_ALLOC "/sys/kernel/debug/fail_page_alloc/"
bool fail_page_alloc(int order, bool fail);

/* Reads RAM by its physical address, out of the kernel's own mapping of it. */
bool read_phys(__u64 phys, void *buf, size_t len);

/* Free memory in KiB, with the pages that each processor keeps, which MemFree leaves out. */
long free_memory(void);

/*
 * How much less memory is free than before, in KiB. As the kernel frees some a
 * little later, waits for a while until it is not more than tolerated. Kmemleak
 * may keep 8 MiB of records.
 */
long memory_lost(long before, long tolerated);

/*
 * The physical addresses of BAR 0 and BAR 2 of the first display, 0 if there is
 * none. Enables it as its driver would; firmware does so on some machines only.
 */
void find_card(__u64 *memory, __u64 *registers);

/* The largest piece of System RAM, and the 64 KiB that were reserved at boot. */
void find_memory(__u64 *first, __u64 *last, __u64 *reserved);

#endif
