/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of hotplug share: TAP, and touches that can fail. */
#ifndef _HOTPLUG_H
#define _HOTPLUG_H

#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static int tests, failed;

static inline void check(bool passed, const char *name)
{
	printf("%sok %d %s\n", passed ? "" : "not ", ++tests, name);
	if (!passed)
		failed++;
}

static sigjmp_buf back;

/* The handler of SIGBUS, for signal_of_reading(). */
static inline void on_signal(int signal)
{
	siglongjmp(back, signal);
}

/* The signal that a read of a word at the address raises, or 0. */
static inline int signal_of_reading(const void *at)
{
	int signal = sigsetjmp(back, 1);

	if (!signal)
		__atomic_load_n((const unsigned int *)at, __ATOMIC_RELAXED);
	return signal;
}

#endif
