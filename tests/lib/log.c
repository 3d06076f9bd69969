// SPDX-License-Identifier: GPL-2.0
/* The driver's lines in the kernel log. */

#include "simple.h"

#include <sys/klog.h>

void clear_log(void)
{
	klogctl(5, NULL, 0); /* SYSLOG_ACTION_CLEAR */
}

char *driver_log(void)
{
	int size = klogctl(10, NULL, 0); /* SYSLOG_ACTION_SIZE_BUFFER */
	char *log = malloc(size + 1), *lines = calloc(1, size + 1), *line, *next, *text;
	int len = klogctl(3, log, size); /* SYSLOG_ACTION_READ_ALL */

	log[len < 0 ? 0 : len] = '\0';
	for (line = strtok_r(log, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		text = strstr(line, "simple: ");
		if (text && !strstr(text, "taint"))
			strcat(strcat(lines, text), "\n");
	}
	free(log);
	return lines;
}

int log_count(const char *text)
{
	char *log = driver_log(), *at = log;
	int count = 0;

	while ((at = strstr(at, text))) {
		count++;
		at += strlen(text);
	}
	free(log);
	return count;
}

__u64 last_in_log(const char *text)
{
	char *log = driver_log(), *at = log, *last = NULL;
	__u64 value;

	while ((at = strstr(at, text))) {
		at += strlen(text);
		last = at;
	}
	value = last ? strtoull(last, NULL, 16) : 0;
	free(log);
	return value;
}

int balanced_sums(void)
{
	long opened, closed, allocated, freed;
	char *log = driver_log(), *at = log;
	int devices = 0;

	for (; devices >= 0 && (at = strstr(at, "unloaded; ")); at++) {
		if (sscanf(at, "unloaded; VMAs: %ld opened, %ld closed; "
			       "pages: %ld allocated, %ld freed",
			   &opened, &closed, &allocated, &freed) == 4 &&
		    opened == closed && allocated == freed)
			devices++;
		else
			devices = -1;
	}
	free(log);
	return devices;
}
