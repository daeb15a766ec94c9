/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_frames_test.c: the guest's allocators of frames and of swap slots, against arrays of who has what.
 *
 * Frames: freed ones come back last in first out, then fresh ones in order; both are exact, so the model names the
 * very frame. Slots: the model finds the run by walking.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ballast/rng.h"
#include "guest/core/frames.h"
#include "guest/core/slots.h"

#define END   600u
#define STEPS 20000u
#define SEEDS 6u

static const struct frame_range ranges[] = {{100, 130}, {7, 9}, {500, END}, {300, 301}};
#define NR_RANGES 4u
#define TOTAL     (30u + 2u + 100u + 1u)

struct model {
	uint32_t stack[TOTAL], depth; /* freed, last on top */
	uint32_t fresh[TOTAL], taken_fresh;
	uint32_t held[TOTAL], nr_held;
};

static void take_frame(struct model *m, struct frames *f, uint64_t r)
{
	enum frame_kind kind = r & 1 ? FRAME_PAGED : FRAME_PINNED;
	uint32_t owner = (uint32_t)(r >> 34), expected;
	gfn_t got;

	if (m->depth) {
		expected = m->stack[--m->depth];
	} else if (m->taken_fresh < TOTAL) {
		expected = m->fresh[m->taken_fresh++];
	} else {
		assert_false(frames_alloc(f, kind, owner, &got));
		assert_int_equal(got.v, 0);
		return;
	}
	assert_true(frames_alloc(f, kind, owner, &got));
	assert_int_equal(got.v, expected);
	assert_int_equal(frames_kind(f, got), kind);
	assert_int_equal(frames_owner(f, got), owner);
	assert_int_equal(f->info[got.v].slot, 0);
	f->info[got.v].slot = 9;
	m->held[m->nr_held++] = expected;
}

static void give_frame(struct model *m, struct frames *f, struct rng *rng)
{
	uint32_t at;

	if (!m->nr_held)
		return;
	at = (uint32_t)rng_below(rng, m->nr_held);
	frames_free(f, gfn(m->held[at]));
	m->stack[m->depth++] = m->held[at];
	m->held[at] = m->held[--m->nr_held];
}

static void test_frames(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct rng rng = rng_seeded(seed);
		void *mem = calloc(1, frames_bytes(END));
		struct model *m = calloc(1, sizeof(*m));
		struct frames f;
		uint32_t n = 0;

		printf("seed %llu\n", (unsigned long long)seed);
		assert_true(mem && m);
		for (unsigned i = 0; i < NR_RANGES; i++)
			for (uint32_t g = ranges[i].start; g < ranges[i].end; g++)
				m->fresh[n++] = g;
		assert_int_equal(frames_init(&f, ranges, NR_RANGES, mem), 0);
		for (uint32_t step = 0; step < STEPS; step++) {
			/* Waves: now mostly taken, now mostly given, so that both ends are met. */
			if (rng_below(&rng, 100) < (step / 500 % 2 ? 30u : 70u))
				take_frame(m, &f, rng_next(&rng));
			else
				give_frame(m, &f, &rng);
			assert_int_equal(f.free_pages, TOTAL - m->nr_held);
			assert_true(frames_consistent(&f));
		}
		free(m);
		free(mem);
	}
}

static void test_frames_limits(void **state)
{
	static const struct frame_range empty = {5, 5}, zero = {0, 5}, high = {5, FRAMES_END + 1};
	struct frame_range many[FRAMES_RANGES + 1] = {{1, 2}};
	struct frame_info info[8] = {{0}};
	struct frames f;

	(void)state;
	assert_int_equal(frames_init(&f, &empty, 1, info), -EINVAL);
	assert_int_equal(frames_init(&f, &zero, 1, info), -EINVAL);
	assert_int_equal(frames_init(&f, &high, 1, info), -EINVAL);
	assert_int_equal(frames_init(&f, many, 0, info), -EINVAL);
	assert_int_equal(frames_init(&f, many, FRAMES_RANGES + 1, info), -EINVAL);
	assert_int_equal(frames_init(&f, ranges, NR_RANGES, info), 0);
	assert_true(frames_contain(&f, gfn(100)) && frames_contain(&f, gfn(129)));
	assert_false(frames_contain(&f, gfn(99)) || frames_contain(&f, gfn(130)));
}

/* A broken count or a frame on the list twice is noticed. */
static void test_frames_inconsistent(void **state)
{
	static const struct frame_range range = {1, 8};
	struct frame_info info[8] = {{0}};
	struct frames f;
	gfn_t a, b;

	(void)state;
	assert_int_equal(frames_init(&f, &range, 1, info), 0);
	assert_true(frames_alloc(&f, FRAME_PAGED, 1, &a) && frames_alloc(&f, FRAME_PAGED, 2, &b));
	frames_free(&f, a);
	assert_true(frames_consistent(&f));
	f.free_pages--;
	assert_false(frames_consistent(&f));
	f.free_pages++;
	frames_free(&f, a);
	assert_false(frames_consistent(&f));
}

static bool naive_free(const bool *taken, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		if (!taken[i])
			return true;
	return false;
}

/* The run that next-fit must find; marks it taken. */
static uint32_t naive_take(bool *taken, uint32_t nr, uint32_t *next, uint32_t want, uint32_t *first)
{
	uint32_t at = *next, length = 0;

	*first = 0;
	if (!naive_free(taken, nr))
		return 0;
	while (taken[at])
		at = (at + 1) % nr;
	*first = at;
	while (length < want && at < nr && !taken[at]) {
		taken[at++] = true;
		length++;
	}
	*next = at % nr;
	return length;
}

static void slots_against_model(uint32_t nr, uint64_t seed)
{
	struct rng rng = rng_seeded(seed);
	uint64_t *mem = calloc(1, slots_bytes(nr) + 1); /* nr may be 0 */
	bool taken[700] = {false};
	uint32_t next = 0;
	struct slots s;

	printf("slots %u seed %llu\n", nr, (unsigned long long)seed);
	assert_true(mem && nr <= 700);
	slots_init(&s, nr, mem);
	for (uint32_t step = 0; step < STEPS / 4; step++) {
		if (rng_below(&rng, 100) < (step / 300 % 2 ? 2u : 20u)) {
			uint32_t want = 1 + (uint32_t)rng_below(&rng, 20), first;
			slot_t got;
			uint32_t length = slots_take(&s, want, &got);

			assert_int_equal(length, naive_take(taken, nr, &next, want, &first));
			assert_int_equal(got.v, first);
		} else if (nr) {
			uint32_t at = (uint32_t)rng_below(&rng, nr);

			assert_int_equal(slots_taken(&s, slot(at)), taken[at]);
			if (taken[at])
				slots_give(&s, slot(at));
			taken[at] = false;
		}
		assert_true(slots_consistent(&s));
	}
	free(mem);
}

static void test_slots(void **state)
{
	static const uint32_t sizes[] = {0, 1, 2, 63, 64, 65, 128, 700};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (uint64_t seed = 1; seed <= 3; seed++)
			slots_against_model(sizes[i], seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_frames_limits),
		cmocka_unit_test(test_frames_inconsistent),
		cmocka_unit_test(test_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
