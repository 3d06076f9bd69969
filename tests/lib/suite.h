/* SPDX-License-Identifier: GPL-2.0 */
/* What only test suites need: the kernel's harness, and macros that skip a case. */
#ifndef _SIMPLE_SUITE_H
#define _SIMPLE_SUITE_H

#include "simple.h"

#include <assert.h>

#include "kselftest_harness.h"

/* Seconds until a test is killed. The harness's 30 are too few for a debug kernel. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

/* Makes each case of the fixture run on both devices. */
#define DEVICE_VARIANTS(type) \
	static_assert(sizeof(FIXTURE_DATA(type)), "FIXTURE() comes first"); \
	FIXTURE_VARIANT(type) { \
		const char *device, *path; \
		bool is_simpler; \
	}; \
	FIXTURE_VARIANT_ADD(type, simpler) { \
		.device = "simpler", \
		.path = "/dev/simpler", \
		.is_simpler = true, \
	}; \
	FIXTURE_VARIANT_ADD(type, simplen) { \
		.device = "simplen", \
		.path = "/dev/simplen", \
	}

/* Skips the case. If it has failed already, it is aborted, as a skip would hide that. */
#define skip_built_in(reason) \
	do { \
		if (_metadata->exit_code) \
			abort(); \
		SKIP(_exit(KSFT_SKIP), "the driver is built in" reason); \
	} while (0)

/* For a case that unloads the module, or needs unused memory: skips it without a module. */
#define need_module() \
	do { \
		if (built_in()) \
			skip_built_in(""); \
	} while (0)

/* Reloads the module with these parameters; skips the case if the driver is built in. */
#define reload_module(params) \
	({ \
		need_module(); \
		reload_named("simple", params); \
	})

/*
 * For a case that needs the memory zeroed, but not unused: also works if the driver
 * is built in and has these parameters, and skips the case if it has others.
 */
#define reload_or_clear(params) \
	({ \
		const char *__params = params; \
		if (built_in() && !booted_with(__params)) \
			skip_built_in(", and was loaded with other parameters"); \
		reload_or_zero(__params); \
	})

#endif
