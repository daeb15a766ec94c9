/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seeds.h: how many seeds, or rounds, a random test goes through.
 *
 * A third of them under gcc's sanitizers, which make tests three times as slow: what a test expects is checked with all of
 * them in the release build, and the sanitizers look for something else. BALLAST_TEST_TIMES=K in the environment makes it K
 * times as many, for a long run.
 */
#ifndef BALLAST_TESTS_SEEDS_H
#define BALLAST_TESTS_SEEDS_H

#include <stdint.h>
#include <stdlib.h>

static inline unsigned test_seeds(unsigned n)
{
	const char *text = getenv("BALLAST_TEST_TIMES");
	unsigned times = text ? (unsigned)strtoul(text, NULL, 10) : 1;

#ifdef __SANITIZE_ADDRESS__
	n = (n + 2) / 3;
#endif
	return times ? n * times : n;
}

#endif
