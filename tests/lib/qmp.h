/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QMP, the protocol of QEMU's monitor, on a serial line of the guest (see QMP in
 * scripts/guest/boot.sh). A command is JSON, in which QEMU also takes 'single' quotes. The answer
 * is a line with "return" or "error". QEMU also sends lines about events.
 */
#ifndef _QMP_H
#define _QMP_H

#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

static FILE *qmp;
static char qmp_line[1024];

/* Reads QEMU's next line into qmp_line, and tells whether it contains @text. */
static inline bool qmp_reads(const char *text)
{
	if (!fgets(qmp_line, sizeof(qmp_line), qmp))
		err(1, "reading from QEMU's monitor");
	return strstr(qmp_line, text);
}

/* Waits until QEMU sends a line that contains @text. An error ends the program. */
static inline void qmp_wait(const char *text)
{
	while (!qmp_reads(text))
		if (strstr(qmp_line, "\"error\""))
			errx(1, "QEMU says %s", qmp_line);
}

/* Has QEMU execute a command. The arguments are a format as that of printf(). */
#define qmp_execute(command, arguments, ...) \
	(dprintf(fileno(qmp), "{'execute': '" command "', 'arguments': {" arguments "}}", \
		 ##__VA_ARGS__), \
	 qmp_wait("\"return\""))

static inline void qmp_open(const char *path)
{
	struct termios raw;

	qmp = fopen(path, "r+");
	if (!qmp || tcgetattr(fileno(qmp), &raw))
		err(1, "%s", path);
	cfmakeraw(&raw);
	if (tcsetattr(fileno(qmp), TCSANOW, &raw))
		err(1, "%s", path);
	/*
	 * Until now the line echoed what it got of QEMU's greeting. A control character makes QEMU
	 * forget that, and answer with an error.
	 */
	dprintf(fileno(qmp), "\001{'execute': 'qmp_capabilities'}");
	while (!qmp_reads("\"return\""))
		;
}

#endif
