/* SPDX-License-Identifier: GPL-2.0 */
/* What the test's program and driver.rs have in common. Both define it. */
#ifndef _MISC_H
#define _MISC_H

#include <linux/types.h>
#include <sys/ioctl.h>

/* The driver returns the halves exchanged, and their sum. */
struct misc_words {
	__u32 halves[2];
	__u64 sum;
};

/* Counts of all files of a device so far, and the user who opened the last one. */
struct misc_counts {
	__u32 opened;
	__u32 released;
	__u32 euid;
};

#define MISC_WORDS _IOWR('m', 0, struct misc_words)
#define MISC_COUNTS _IOR('m', 1, struct misc_counts)
/* Sets what later mappings of the file are denied: a set of MISC_DENY_*. */
#define MISC_DENY _IO('m', 2)
#define MISC_DENY_COPY 1
#define MISC_DENY_EXPAND 2
/* Sets what poll returns for the device: a set of MISC_IS_*, or MISC_FAILS. */
#define MISC_EVENTS _IO('m', 3)
#define MISC_IS_READABLE 1
#define MISC_IS_WRITABLE 2
#define MISC_IS_PRIORITY 4
#define MISC_IS_ERROR 8
#define MISC_IS_HANGUP 16
#define MISC_FAILS 32
/* Returns another descriptor of the file. */
#define MISC_DUP _IO('m', 4)
/* Returns whether compat_ioctl was called. */
#define MISC_IS_COMPAT _IO('m', 5)

#endif
