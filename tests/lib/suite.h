/* SPDX-License-Identifier: GPL-2.0 */
/* What only test suites need: the kernel's harness, and when a case is skipped. */
#ifndef _SIMPLE_SUITE_H
#define _SIMPLE_SUITE_H

#include "simple.h"

#include <assert.h>

#include "kselftest_harness.h"

/* Seconds after which a test has hung: half a minute is little for a debug kernel. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

/* Has each case of the fixture run on both devices. */
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

/* A skip must not hide that something was wrong before it. */
#define skip_built_in(reason) \
	do { \
		if (_metadata->exit_code) \
			abort(); \
		SKIP(_exit(KSFT_SKIP), "the driver is built in" reason); \
	} while (0)

/* For a case that unloads the module, or needs memory that nobody has used before. */
#define need_module() \
	do { \
		if (built_in()) \
			skip_built_in(""); \
	} while (0)

/* Loads the module with these parameters, whether or not it was loaded. */
#define reload_module(params) \
	({ \
		need_module(); \
		reload_named("simple", params); \
	})

/* For a case that needs zeros in the memory only, so that the driver may be built in. */
#define reload_or_clear(params) \
	({ \
		const char *__params = params; \
		if (built_in() && !booted_with(__params)) \
			skip_built_in(", and was loaded with other parameters"); \
		reload_or_zero(__params); \
	})

#endif
