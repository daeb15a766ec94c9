/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_support.h: for the scenario tests: load a scenario from a string, by way of an unnamed file in memory.
 */
#ifndef BALLAST_TESTS_UNIT_SCENARIO_SUPPORT_H
#define BALLAST_TESTS_UNIT_SCENARIO_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/scenario.h"

/* path: what messages call the file; at least 32 bytes. */
static inline int load_bytes(const void *text, size_t bytes, const char *const *sets,
			     unsigned nr_sets, char *path, struct scenario **out,
			     struct error *error)
{
	int fd = memfd_create("scenario", MFD_CLOEXEC), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, bytes), (ssize_t)bytes);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	*error = (struct error){0};
	err = scenario_load(path, sets, nr_sets, out, error);
	close(fd);
	return err;
}

static inline int load(const char *text, const char *const *sets, unsigned nr_sets, char *path,
		       struct scenario **out, struct error *error)
{
	return load_bytes(text, strlen(text), sets, nr_sets, path, out, error);
}

/* A scenario that must load. */
static inline struct scenario *load_good(const char *text, const char *set)
{
	struct scenario *s;
	struct error error;
	char path[32];

	if (load(text, &set, set ? 1 : 0, path, &s, &error))
		fail_msg("%s", error.text);
	return s;
}

#endif
