/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_mrc_test.c: curves against replay and against counting by hand.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ballast/types.h"
#include "guest/core/zipf.h"
#include "sim/mrc.h"
#include "sim/replay.h"
#include "tests/support/trace_file.h"

static const struct mrc_sample all = {.rate = 1};

/* Zipf draws, with a loop in between if asked for; dense numbers in order of first use. */
static void zipf_trace(struct trace *t, uint32_t requests, uint32_t pages, uint64_t seed, bool loop)
{
	uint32_t *page = malloc(requests * sizeof(*page)),
		 *number = malloc(pages * sizeof(*number));
	struct rng rng = rng_seeded(seed);
	struct zipf zipf;
	uint32_t next = 0;

	assert_true(page && number);
	memset(number, 0xff, pages * sizeof(*number));
	zipf_init(&zipf, pages, 900000);
	for (uint32_t i = 0; i < requests; i++) {
		uint32_t raw = loop && i / 1000 % 7 == 3 ? i % pages : zipf_draw(&zipf, &rng);

		if (number[raw] == UINT32_MAX)
			number[raw] = next++;
		page[i] = number[raw];
	}
	trace_of_pages(t, page, requests);
	free(page);
	free(number);
}

static uint64_t replayed(const struct trace *t, const char *policy, uint32_t frames)
{
	struct replay_run run = {.policy = policy_find(policy), .frames = frames, .seed = 1};
	struct error error;

	assert_int_equal(replay_sweep(t, &run, 1, 1, NULL, NULL, NULL, &error), 0);
	return run.misses;
}

/* Long enough for the line of time to be used up several times (65536 places and four a page). */
static void test_exact_is_lru(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, 17, 100, 511, 512, 513, 1999, 2000, 5000};
	uint64_t misses[11];
	struct trace t;
	struct mrc m;
	struct error error;

	(void)state;
	zipf_trace(&t, 400000, 2000, 4, true);
	assert_int_equal(mrc_run(&m, &t, &all, NULL, &error), 0);
	assert_int_equal(m.first, t.pages);
	mrc_misses(&m, sizes, 11, misses);
	for (unsigned i = 0; i < 11; i++)
		assert_int_equal(misses[i], replayed(&t, "lru", sizes[i]));
	assert_int_equal(misses[10], t.pages);
	mrc_free(&m);
	trace_free(&t);
}

/* Every size there is, and some more. */
static void test_every_size(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		uint32_t sizes[150];
		uint64_t misses[150];
		struct trace t;
		struct mrc m;
		struct error error;

		zipf_trace(&t, 6000, 145, seed, seed % 2);
		for (uint32_t i = 0; i < 150; i++)
			sizes[i] = i + 1;
		assert_int_equal(mrc_run(&m, &t, &all, NULL, &error), 0);
		mrc_misses(&m, sizes, 150, misses);
		for (uint32_t i = 0; i < 150; i++)
			assert_int_equal(misses[i], replayed(&t, "lru", sizes[i]));
		assert_int_equal(misses[144], t.pages);
		mrc_free(&m);
		trace_free(&t);
	}
}

/* By hand: distances of a b c a a c b d a are - - - 2 0 1 2 - 3. */
static void test_distances(void **state)
{
	static const uint32_t page[] = {0, 1, 2, 0, 0, 2, 1, 3, 0};
	static const uint32_t hits[] = {1, 1, 2, 1};
	struct trace t;
	struct mrc m;
	struct error error;

	(void)state;
	trace_of_pages(&t, page, 9);
	assert_int_equal(mrc_run(&m, &t, &all, NULL, &error), 0);
	assert_int_equal(m.first, 4);
	assert_memory_equal(m.hits, hits, sizeof(hits));
	mrc_free(&m);
	trace_free(&t);
}

static double mean_error(const struct trace *t, const struct mrc_sample *sample)
{
	uint32_t frames[50];
	uint64_t exact[50], guess[50];
	struct mrc m;
	struct error error;
	double sum = 0;

	for (uint32_t i = 0; i < 50; i++)
		frames[i] = (uint32_t)((i + 1) * (uint64_t)t->pages / 50);
	assert_int_equal(mrc_run(&m, t, &all, NULL, &error), 0);
	mrc_misses(&m, frames, 50, exact);
	mrc_free(&m);
	assert_int_equal(mrc_run(&m, t, sample, NULL, &error), 0);
	mrc_misses(&m, frames, 50, guess);
	mrc_free(&m);
	for (unsigned i = 0; i < 50; i++)
		sum += fabs((double)exact[i] - (double)guess[i]) / t->requests;
	return sum / 50;
}

static void test_samples(void **state)
{
	struct mrc_sample sample = {.rate = 0.1};
	struct trace t, part;
	double rate;

	(void)state;
	zipf_trace(&t, 300000, 30000, 8, false);
	for (sample.seed = 1; sample.seed <= 5; sample.seed++)
		assert_true(mean_error(&t, &sample) < 0.01);
	sample = (struct mrc_sample){.rate = 1, .most = 3000, .seed = 3};
	assert_true(mean_error(&t, &sample) < 0.01);
	assert_int_equal(mrc_sample_take(&t, &sample, &part, &rate), 0);
	assert_int_equal(part.pages, 3000);
	assert_true(fabs(rate - 3000.0 / t.pages) < 0.01);
	trace_free(&part);
	/* all pages are a sample too, and then nothing is guessed */
	sample = (struct mrc_sample){.rate = 0.999999999999, .seed = 3};
	assert_int_equal(mrc_sample_take(&t, &sample, &part, &rate), 0);
	assert_int_equal(part.pages, t.pages);
	assert_memory_equal(part.page, t.page, t.requests * sizeof(*t.page));
	trace_free(&part);
	trace_free(&t);
}

static void test_mini(void **state)
{
	static const uint32_t frames[] = {300, 3000, 10000};
	struct mrc_sample sample = {.rate = 0.2, .seed = 2};
	uint64_t misses[3], ns;
	struct trace t;
	struct error error;

	(void)state;
	zipf_trace(&t, 300000, 30000, 8, false);
	assert_int_equal(
		mrc_mini(&t, policy_find("arc"), &sample, frames, 3, 1, misses, &ns, NULL, &error),
		0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(fabs((double)misses[i] - (double)replayed(&t, "arc", frames[i])) <
			    0.03 * t.requests);
	sample.rate = 1e-12;
	assert_int_not_equal(mrc_mini(&t, NULL, &sample, frames, 3, 1, misses, &ns, NULL, &error),
			     0);
	assert_true(error.user);
	trace_free(&t);
}

/* Windows of every size over a small trace, their distinct pages counted; the first ones are shorter. */
static void test_working_set(void **state)
{
	double pages[WORKING_SET_POINTS];
	struct trace t;

	(void)state;
	zipf_trace(&t, 3000, 50, 6, true);
	assert_int_equal(working_set_run(&t, pages), 0);
	for (unsigned k = 0; k <= 12; k++) {
		uint64_t sum = 0;

		for (uint32_t end = 1; end <= t.requests; end++) {
			uint32_t from = end > 1u << k ? end - (1u << k) : 0;
			bool seen[50] = {false};

			for (uint32_t i = from; i < end; i++) {
				sum += !seen[t.page[i]];
				seen[t.page[i]] = true;
			}
		}
		assert_true(fabs(pages[k] - (double)sum / t.requests) < 1e-9);
	}
	trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact_is_lru), cmocka_unit_test(test_distances),
		cmocka_unit_test(test_every_size),   cmocka_unit_test(test_samples),
		cmocka_unit_test(test_mini),         cmocka_unit_test(test_working_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
