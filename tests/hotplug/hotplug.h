/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of hotplug share: TAP, touches that can fail, and the serial line on which the
 * machine is asked for changes (scripts/guest/qmp.py).
 */
#ifndef _HOTPLUG_H
#define _HOTPLUG_H

#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <termios.h>
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

/* Asks for a change of the machine on the serial line at this path, and waits until it is made. */
static inline void ask(const char *path, const char *request)
{
	int line = open(path, O_RDWR | O_NOCTTY);
	struct termios raw;
	char done;

	if (line < 0 || tcgetattr(line, &raw))
		err(1, "%s", path);
	cfmakeraw(&raw);
	tcsetattr(line, TCSANOW, &raw);
	if (dprintf(line, "%s\n", request) < 0 || read(line, &done, 1) != 1)
		err(1, "asking for %s on %s", request, path);
	close(line);
}

#endif
