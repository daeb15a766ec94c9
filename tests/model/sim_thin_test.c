/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_thin_test.c: SAD drops what it may: lru and opt have the same misses on what stays, in every memory of k frames or
 * more; and it drops a lot. By hand: the middle one of three requests, and not if too much lies between the outer ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ballast/rng.h"
#include "sim/big.h"
#include "sim/replay.h"
#include "sim/thin.h"
#include "tests/support/trace_file.h"

#define PAGES    50u
#define REQUESTS 6000u

static void random_trace(struct trace *t, uint64_t seed)
{
	uint32_t page[REQUESTS], number[PAGES], next = 0, hot = 0;
	struct rng rng = rng_seeded(seed);

	memset(number, 0xff, sizeof(number));
	for (uint32_t i = 0; i < REQUESTS; i++) {
		uint32_t raw;

		if (rng_below(&rng, 60) == 0)
			hot = (uint32_t)rng_below(&rng, PAGES);
		raw = (hot + (uint32_t)rng_below(&rng, 1 + rng_below(&rng, 12))) % PAGES;
		if (number[raw] == UINT32_MAX)
			number[raw] = next++;
		page[i] = number[raw];
	}
	trace_of_pages(t, page, REQUESTS);
}

static uint64_t misses_of(const struct trace *t, const char *policy, uint32_t frames)
{
	struct replay_run run = {.policy = policy_find(policy), .frames = frames};
	struct error error;

	assert_int_equal(replay_sweep(t, &run, 1, 1, NULL, NULL, NULL, &error), 0);
	return run.misses;
}

static void thinned(struct trace *t, uint32_t k, struct trace *out)
{
	uint32_t page[REQUESTS], nr = 0;
	uint8_t *keep;

	assert_int_equal(thin_sad(t, k, NULL, &keep), 0);
	for (uint32_t i = 0; i < t->requests; i++)
		if (keep[i])
			page[nr++] = t->page[i];
	big_free(keep, t->requests);
	trace_of_pages(out, page, nr);
}

static void test_same_misses(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++)
		for (uint32_t k = 1; k <= 40; k += 3) {
			struct trace t, part;

			random_trace(&t, seed);
			thinned(&t, k, &part);
			assert_int_equal(part.pages, t.pages);
			if (k >= 10)
				assert_true(part.requests < t.requests / 2);
			for (uint32_t frames = k; frames <= PAGES; frames += 2) {
				assert_int_equal(misses_of(&t, "lru", frames),
						 misses_of(&part, "lru", frames));
				assert_int_equal(misses_of(&t, "opt", frames),
						 misses_of(&part, "opt", frames));
			}
			trace_free(&part);
			trace_free(&t);
		}
}

/* a b a c a: two other pages between the first and the last a, so the middle one may go from k = 3 on. */
static void test_by_hand(void **state)
{
	static const uint32_t page[] = {0, 1, 0, 2, 0}, same[] = {0, 0, 0, 0, 0};
	static const uint8_t two[] = {1, 1, 1, 1, 1}, three[] = {1, 1, 0, 1, 1};
	static const uint8_t ends[] = {1, 0, 0, 0, 1};
	struct trace t;
	uint8_t *keep;

	(void)state;
	trace_of_pages(&t, page, 5);
	assert_int_equal(thin_sad(&t, 2, NULL, &keep), 0); /* b and c lie between: two pages */
	assert_memory_equal(keep, two, 5);
	big_free(keep, 5);
	t.write = big_alloc(5);
	assert_non_null(t.write);
	t.write[2] = 1;
	assert_int_equal(thin_sad(&t, 3, NULL, &keep), 0);
	assert_memory_equal(keep, three, 5);
	assert_int_equal(t.write[4], 1); /* the write is not lost */
	big_free(keep, 5);
	trace_free(&t);
	trace_of_pages(&t, same, 5);
	assert_int_equal(thin_sad(&t, 1, NULL, &keep), 0);
	assert_memory_equal(keep, ends, 5);
	big_free(keep, 5);
	trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_misses),
		cmocka_unit_test(test_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
