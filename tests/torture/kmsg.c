// SPDX-License-Identifier: GPL-2.0
/* Adds up the sums that the driver logs when it is unloaded. */

#include "torture.h"

static int kmsg;

/* Opens the kernel log. From now on no line of it is missed. */
void kmsg_open(void)
{
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0)
		fail("cannot read the kernel log: %m");
}

/* Adds the sums that were logged since the last call. */
void kmsg_read(struct totals totals[DEVICES])
{
	static const char *const names[DEVICES] = { "simpler", "simplen" };
	unsigned long long opened, closed, allocated, freed;
	char record[1024], name[16], *line;
	ssize_t len;

	while ((len = read(kmsg, record, sizeof(record) - 1)) > 0) {
		record[len] = '\0';
		line = strchr(record, ';');
		if (!line || sscanf(line,
				    ";simple: %15[a-z]: unloaded; VMAs: %llu opened, %llu closed; pages: %llu allocated, %llu freed",
				    name, &opened, &closed, &allocated, &freed) != 5)
			continue;
		if (opened != closed || allocated != freed)
			fail("unload: %.*s", (int)strcspn(line + 1, "\n"), line + 1);
		for (int i = 0; i < DEVICES; i++) {
			if (strcmp(name, names[i]))
				continue;
			totals[i].lines++;
			totals[i].opened += opened;
			totals[i].closed += closed;
			totals[i].allocated += allocated;
			totals[i].freed += freed;
		}
	}
	if (len < 0 && errno == EPIPE)
		fail("the kernel log ran over: raise log_buf_len");
	if (len < 0 && errno != EAGAIN)
		fail("reading the kernel log: %m");
}
