/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_replay_test.c: replay against naive models and against what is known of policies.
 *
 * Naive: memory as an array that is searched from end to end, the future looked up in the trace. Known: nothing beats
 * opt; LRU's misses are the references whose stack distance is not below the frames; Belady's anomaly, by his own
 * string; with frames for all pages only first references miss. And each policy's misses and dirty evictions are the
 * same through the loop that contains it and through real calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "ballast/rng.h"
#include "sim/big.h"
#include "sim/replay.h"
#include "tests/support/trace_file.h"

#define SEEDS    12u
#define REQUESTS 3000u
#define PAGES    70u

/* Phases of loops and of skewed draws: something for every policy to be wrong about. */
static void random_trace(struct trace *t, uint64_t seed)
{
	struct rng rng = rng_seeded(seed);
	uint32_t page[REQUESTS], number[PAGES], pages = 0, from = 0, kind = 0;

	memset(number, 0xff, sizeof(number));
	for (uint32_t i = 0; i < REQUESTS; i++) {
		uint32_t raw, span = 5 + (uint32_t)(seed * 7 % (PAGES - 5));

		if (rng_below(&rng, 200) == 0) {
			kind = (uint32_t)rng_below(&rng, 3);
			from = (uint32_t)rng_below(&rng, PAGES);
		}
		if (kind == 0)
			raw = (from + i) % span;
		else if (kind == 1)
			raw = (uint32_t)(rng_below(&rng, 1 + rng_below(&rng, span)) + from) % PAGES;
		else
			raw = (uint32_t)rng_below(&rng, PAGES);
		if (number[raw] == UINT32_MAX)
			number[raw] = pages++;
		page[i] = number[raw];
	}
	trace_of_pages(t, page, REQUESTS);
}

static uint64_t misses_of(const struct trace *t, const char *policy, uint32_t frames)
{
	struct replay_run run = {.policy = policy_find(policy), .frames = frames, .seed = 1};
	struct error error;

	assert_true(run.policy || strcmp(policy, "opt") == 0);
	assert_int_equal(replay_sweep(t, &run, 1, 1, NULL, NULL, NULL, &error), 0);
	return run.misses;
}

enum naive { NAIVE_FIFO, NAIVE_LRU, NAIVE_CLOCK, NAIVE_OPT };

static uint32_t next_use(const struct trace *t, uint32_t from, uint32_t page)
{
	while (from < t->requests && t->page[from] != page)
		from++;
	return from;
}

/* memory[0] is the oldest, in the sense of the policy. Takes one out. */
static uint32_t naive_leave(enum naive policy, const struct trace *t, uint32_t i, uint32_t *memory,
			    bool *bit, uint32_t used)
{
	uint32_t out = 0;

	while (policy == NAIVE_CLOCK && bit[memory[0]]) {
		uint32_t page = memory[0];

		bit[page] = false;
		memmove(memory, memory + 1, (used - 1) * sizeof(*memory));
		memory[used - 1] = page;
	}
	if (policy == NAIVE_OPT)
		for (uint32_t k = 1; k < used; k++)
			if (next_use(t, i, memory[k]) > next_use(t, i, memory[out]))
				out = k;
	memmove(memory + out, memory + out + 1, (used - out - 1) * sizeof(*memory));
	return used - 1;
}

static uint64_t naive_misses(enum naive policy, const struct trace *t, uint32_t frames)
{
	uint32_t memory[PAGES + 1], used = 0;
	bool bit[PAGES] = {false};
	uint64_t misses = 0;

	for (uint32_t i = 0; i < t->requests; i++) {
		uint32_t page = t->page[i], at = 0;

		while (at < used && memory[at] != page)
			at++;
		if (at < used) {
			bit[page] = true;
			if (policy != NAIVE_LRU)
				continue;
			memmove(memory + at, memory + at + 1, (used - at - 1) * sizeof(*memory));
			memory[used - 1] = page;
			continue;
		}
		misses++;
		if (used == frames)
			used = naive_leave(policy, t, i, memory, bit, used);
		memory[used++] = page;
		bit[page] = false;
	}
	return misses;
}

static void test_naive(void **state)
{
	static const struct {
		const char *name;
		enum naive policy;
	} naive[] = {{"fifo", NAIVE_FIFO},
		     {"lru", NAIVE_LRU},
		     {"clock", NAIVE_CLOCK},
		     {"opt", NAIVE_OPT}};

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct trace t;

		random_trace(&t, seed);
		for (uint32_t frames = 1; frames <= PAGES; frames += frames < 6 ? 1 : 9)
			for (size_t i = 0; i < sizeof(naive) / sizeof(naive[0]); i++) {
				uint64_t ours = misses_of(&t, naive[i].name, frames);
				uint64_t theirs = naive_misses(naive[i].policy, &t, frames);

				if (ours != theirs)
					fail_msg("seed %llu, %s, %u frames: %llu misses, not %llu",
						 (unsigned long long)seed, naive[i].name, frames,
						 (unsigned long long)ours,
						 (unsigned long long)theirs);
			}
		trace_free(&t);
	}
}

/* How many other pages were requested since the last request for this one; UINT32_MAX: it is the first. */
static uint32_t stack_distance(const struct trace *t, uint32_t i)
{
	bool seen[PAGES] = {false};
	uint32_t distance = 0;

	for (uint32_t k = i; k-- > 0;) {
		if (t->page[k] == t->page[i])
			return distance;
		distance += !seen[t->page[k]];
		seen[t->page[k]] = true;
	}
	return UINT32_MAX;
}

static void test_lru_is_mattson(void **state)
{
	struct trace t;

	(void)state;
	random_trace(&t, 5);
	for (uint32_t frames = 1; frames <= PAGES + 2; frames++) {
		uint64_t misses = 0;

		for (uint32_t i = 0; i < t.requests; i++)
			misses += stack_distance(&t, i) >= frames;
		assert_int_equal(misses_of(&t, "lru", frames), misses);
	}
	trace_free(&t);
}

static void test_nothing_beats_opt(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct trace t;

		random_trace(&t, seed);
		for (uint32_t frames = 1; frames <= PAGES; frames += 4) {
			uint64_t opt = misses_of(&t, "opt", frames);

			assert_in_range(opt, t.pages, t.requests);
			for (size_t i = 0; policy_table[i]; i++)
				assert_true(misses_of(&t, policy_table[i]->name, frames) >= opt);
		}
		trace_free(&t);
	}
}

/* Any number of frames: one only, as many as there are pages, and more. */
static void test_any_frames(void **state)
{
	static const uint32_t page[] = {0, 1, 0, 0, 2, 1};
	struct trace t;

	(void)state;
	trace_of_pages(&t, page, 6);
	for (size_t i = 0; policy_table[i]; i++) {
		assert_int_equal(misses_of(&t, policy_table[i]->name, 1), 5);
		assert_int_equal(misses_of(&t, policy_table[i]->name, 3), 3);
		assert_int_equal(misses_of(&t, policy_table[i]->name, 4000000000u), 3);
	}
	assert_int_equal(misses_of(&t, "opt", 1), 5);
	assert_int_equal(misses_of(&t, "opt", 2), 4 - 1);
	assert_int_equal(misses_of(&t, "opt", 4000000000u), 3);
	trace_free(&t);
}

static void test_anomaly(void **state)
{
	static const uint32_t page[] = {0, 1, 2, 3, 0, 1, 4, 0, 1, 2, 3, 4};
	struct trace t;

	(void)state;
	trace_of_pages(&t, page, 12);
	assert_int_equal(misses_of(&t, "fifo", 3), 9);
	assert_int_equal(misses_of(&t, "fifo", 4), 10);
	trace_free(&t);
}

/* The policy under another table: replay does not know it and calls it. */
static void test_same_through_calls(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct rng rng = rng_seeded(seed);
		struct trace t;

		random_trace(&t, seed);
		t.write = big_alloc(t.requests);
		assert_non_null(t.write);
		for (uint32_t i = 0; i < t.requests; i++)
			t.write[i] = rng_below(&rng, 4) == 0;
		for (size_t i = 0; policy_table[i]; i++) {
			struct policy_ops copy = *policy_table[i];
			struct replay_run run[2] = {
				{.policy = policy_table[i], .frames = 20, .seed = 1},
				{.policy = &copy, .frames = 20, .seed = 1}};
			struct error error;

			assert_int_equal(replay_sweep(&t, run, 2, 2, NULL, NULL, NULL, &error), 0);
			assert_int_equal(run[0].misses, run[1].misses);
			assert_int_equal(run[0].written, run[1].written);
			assert_in_range(run[0].written, 1, run[0].misses - 20);
		}
		trace_free(&t);
	}
}

struct told {
	const struct replay_run *run;
	unsigned nr;
};

static void tell(void *context, const struct replay_run *run)
{
	struct told *told = context;

	assert_ptr_equal(run, told->run + told->nr);
	told->nr++;
}

static bool stop_at_once(void *context)
{
	(void)context;
	return true;
}

/* Results come in order; a watch that says stop gets its way. */
static void test_sweep(void **state)
{
	const struct sim_watch watch = {.stopped = stop_at_once};
	struct replay_run run[60];
	struct told told = {.run = run};
	struct trace t;
	struct error error;

	(void)state;
	random_trace(&t, 2);
	for (unsigned i = 0; i < 60; i++)
		run[i] = (struct replay_run){.policy = i % 3 ? policy_find("lru") : NULL,
					     .frames = 60 - i};
	assert_int_equal(replay_sweep(&t, run, 60, 3, tell, &told, NULL, &error), 0);
	assert_int_equal(told.nr, 60);
	for (unsigned i = 3; i < 60; i++) /* opt and lru have no anomaly */
		assert_true(run[i].misses >= run[i - 3].misses);
	assert_int_equal(replay_sweep(&t, run, 60, 3, NULL, NULL, &watch, &error), -ECANCELED);
	trace_free(&t);
}

static void test_thinned(void **state)
{
	struct trace t = {.thinning = TRACE_WHOLE};

	(void)state;
	assert_null(replay_refuses(&t, policy_find("sieve"), 10));
	t = (struct trace){.thinning = TRACE_SAD, .thinning_pages = 64};
	assert_non_null(replay_refuses(&t, policy_find("sieve"), 1000));
	assert_non_null(replay_refuses(&t, policy_find("lru"), 64));
	assert_null(replay_refuses(&t, policy_find("lru"), 65));
	assert_null(replay_refuses(&t, NULL, 65));
	t.thinning = TRACE_FILTER;
	assert_null(replay_refuses(&t, policy_find("lru"), 65));
	assert_non_null(replay_refuses(&t, NULL, 65));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_naive),
		cmocka_unit_test(test_lru_is_mattson),
		cmocka_unit_test(test_nothing_beats_opt),
		cmocka_unit_test(test_any_frames),
		cmocka_unit_test(test_anomaly),
		cmocka_unit_test(test_same_through_calls),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_thinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
