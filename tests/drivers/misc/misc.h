/* SPDX-License-Identifier: GPL-2.0 */
/* What the test's program and its driver have in common; driver.rs says the same. */
#ifndef _MISC_H
#define _MISC_H

#include <linux/types.h>
#include <sys/ioctl.h>

/* Comes back with the halves exchanged, and the sum. */
struct misc_words {
	__u32 halves[2];
	__u64 sum;
};

/* Of all files of a device so far, and who opened the last. */
struct misc_counts {
	__u32 opened;
	__u32 released;
	__u32 euid;
};

#define MISC_WORDS _IOWR('m', 0, struct misc_words)
#define MISC_COUNTS _IOR('m', 1, struct misc_counts)
/* What later mappings of the file are: a set of MISC_DENY_*. */
#define MISC_DENY _IO('m', 2)
#define MISC_DENY_COPY 1
#define MISC_DENY_EXPAND 2
/* What the device is ready for: a set of MISC_IS_*, or an error. */
#define MISC_EVENTS _IO('m', 3)
#define MISC_IS_READABLE 1
#define MISC_IS_WRITABLE 2
#define MISC_IS_PRIORITY 4
#define MISC_IS_ERROR 8
#define MISC_IS_HANGUP 16
#define MISC_FAILS 32
/* Another descriptor of the file. */
#define MISC_DUP _IO('m', 4)
/* Whether the driver is asked by compat_ioctl. */
#define MISC_IS_COMPAT _IO('m', 5)

#endif
