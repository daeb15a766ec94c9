// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dedup_try_test.c: what becomes of a scanned page, case by case, with every call to the body counted.
 *
 * Pages 0 to 9 are VM 0's, 10 to 19 VM 1's, both of one group; 20 to 29 are VM 2's, of another.
 */
#include <errno.h>

#include "tests/support/dedup_world.h"

#define STATS(w) dedup_stats((w)->d)

static struct world *make(struct dedup_config config)
{
	struct world *w = dedup_world_make(config);

	assert_int_equal(dedup_world_add(w, 0, 10, 0), 0);
	assert_int_equal(dedup_world_add(w, 1, 10, 0), 10);
	assert_int_equal(dedup_world_add(w, 2, 10, 1), 20);
	for (uint32_t page = 0; page < 30; page++)
		dedup_world_write(w, page,
				  1000 + page * 32); /* all different; all the same in 4 bits */
	return w;
}

static void expect_calls(struct world *w, unsigned hashed, unsigned compared, unsigned shared_first,
			 unsigned shared)
{
	assert_int_equal(w->hashed, hashed);
	assert_int_equal(w->compared, compared);
	assert_int_equal(w->shared_first, shared_first);
	assert_int_equal(w->shared, shared);
	w->hashed = w->compared = w->shared_first = w->shared = 0;
	dedup_world_check(w);
}

static void two_then_three_equal_pages(void **state)
{
	struct world *w = make((struct dedup_config){0});

	(void)state;
	dedup_world_write(w, 1, 42);
	dedup_world_write(w, 12, 42);
	dedup_world_write(w, 3, 42);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_HINTED);
	expect_calls(w, 0, 0, 0, 0);
	assert_int_equal(dedup_world_try(w, 12), DEDUP_SHARED_NEW);
	expect_calls(w, 1, 1, 1, 1);
	assert_int_equal(w->frame[1], 1); /* named by the page that was seen first */
	assert_int_equal(w->frame[12], 1);
	assert_int_equal(STATS(w).references, 2);
	assert_int_equal(STATS(w).frames, 1);
	assert_int_equal(STATS(w).hints, 0);
	assert_int_equal(dedup_world_try(w, 3), DEDUP_SHARED);
	expect_calls(w, 0, 1, 0, 1);
	assert_int_equal(w->frame[3], 1);
	assert_int_equal(STATS(w).references, 3);
	/* all break away: the frame goes with the last */
	dedup_world_write(w, 1, 7);
	dedup_world_write(w, 3, 8);
	dedup_world_check(w);
	assert_int_equal(STATS(w).lone_frames, 1);
	dedup_world_write(w, 12, 9);
	assert_int_equal(STATS(w).frames, 0);
	dedup_world_free(w);
}

static void looked_at_again(void **state)
{
	struct world *w = make((struct dedup_config){0});

	(void)state;
	assert_int_equal(dedup_world_try(w, 1), DEDUP_HINTED);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_UNIQUE);
	dedup_world_write(w, 1, 7);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_VOLATILE);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_UNIQUE);
	expect_calls(w, 0, 0, 0, 0);
	assert_int_equal(STATS(w).hints, 1);
	assert_int_equal(STATS(w).stale_hints, 0);
	dedup_world_free(w);
}

/* A page that changed is shared at once, or, with damping, only after it rested for a pass. */
static void damping(void **state)
{
	for (int damp = 0; damp < 2; damp++) {
		struct world *w = make((struct dedup_config){.damp = damp});

		(void)state;
		dedup_world_write(w, 1, 42);
		assert_int_equal(dedup_world_try(w, 1), DEDUP_HINTED);
		assert_int_equal(dedup_world_try(w, 2), DEDUP_HINTED);
		dedup_world_write(w, 2, 42);
		assert_int_equal(dedup_world_try(w, 2), damp ? DEDUP_VOLATILE : DEDUP_SHARED_NEW);
		if (damp) {
			assert_int_equal(STATS(w).hints, 2);
			assert_int_equal(dedup_world_try(w, 2), DEDUP_SHARED_NEW);
		}
		/* a page never seen before is not held back */
		dedup_world_write(w, 3, 42);
		assert_int_equal(dedup_world_try(w, 3), DEDUP_SHARED);
		assert_int_equal(STATS(w).hints, 0);
		dedup_world_free(w);
	}
}

static void a_stale_hint(void **state)
{
	struct world *w = make((struct dedup_config){0});

	(void)state;
	dedup_world_write(w, 1, 42);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_HINTED);
	dedup_world_write(w, 1, 43);
	dedup_world_write(w, 2, 42);
	assert_int_equal(dedup_world_try(w, 2), DEDUP_HINTED);
	expect_calls(w, 1, 0, 0, 0);
	assert_int_equal(STATS(w).stale_hints, 1);
	assert_false(dedup_hint_has(w->d, 1, NULL));
	assert_true(dedup_hint_has(w->d, 2, NULL));
	/* nor does a page count that left memory unnoticed */
	w->absent[2] = true;
	dedup_world_write(w, 3, 42);
	assert_int_equal(dedup_world_try(w, 3), DEDUP_HINTED);
	assert_int_equal(STATS(w).stale_hints, 2);
	dedup_world_free(w);
}

/* Nine stale hints of one hash, the newest found first: eight go, then the page leaves its own, which is the newest. */
static void many_stale_hints(void **state)
{
	struct world *w = make((struct dedup_config){.damp = true});

	(void)state;
	for (uint32_t page = 0; page < 9; page++)
		dedup_hint_set(w->d, page, 42);
	dedup_world_write(w, 10, 42);
	dedup_world_write(w, 11, 42);
	assert_int_equal(dedup_world_try(w, 10), DEDUP_HINTED);
	expect_calls(w, DEDUP_TRIES, 0, 0, 0);
	assert_int_equal(STATS(w).stale_hints, 8);
	assert_int_equal(STATS(w).hints, 2);
	assert_true(dedup_hint_has(w->d, 0, NULL));
	assert_int_equal(dedup_world_try(w, 11), DEDUP_SHARED_NEW);
	expect_calls(w, 1, 1, 1, 1);
	dedup_world_free(w);
}

static void another_groups_page(void **state)
{
	struct world *w = make((struct dedup_config){0});

	(void)state;
	dedup_world_write(w, 1, 42);
	dedup_world_write(w, 21, 42);
	dedup_world_write(w, 22, 42);
	dedup_world_write(w, 2, 42);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_HINTED);
	assert_int_equal(dedup_world_try(w, 21), DEDUP_OTHER_GROUP);
	expect_calls(w, 0, 0, 0, 0);
	assert_int_equal(dedup_world_try(w, 22), DEDUP_SHARED_NEW);
	assert_int_equal(w->frame[22], 21);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_OTHER_GROUP);
	assert_int_equal(dedup_world_try(w, 2), DEDUP_SHARED_NEW);
	assert_int_equal(w->frame[2], 1);
	assert_int_equal(STATS(w).frames, 2);
	dedup_world_free(w);
}

/* 0x42 and 0x52 have the same last four bits. */
static void false_match_with_a_hint(void **state)
{
	struct world *w = make((struct dedup_config){.hash_bits = 4});

	(void)state;
	dedup_world_write(w, 1, 0x42);
	dedup_world_write(w, 2, 0x52);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_HINTED);
	assert_int_equal(dedup_world_try(w, 2), DEDUP_FALSE_MATCH);
	/* the hinted page before the comparison, both after it */
	expect_calls(w, 3, 1, 0, 0);
	assert_int_equal(STATS(w).false_matches, 1);
	assert_true(dedup_hint_has(w->d, 1, NULL));
	assert_false(dedup_hint_has(w->d, 2, NULL));
	assert_int_equal(dedup_world_try(w, 2), DEDUP_INELIGIBLE);
	expect_calls(w, 0, 0, 0, 0);
	/* eligible again: its hash is another */
	dedup_world_write(w, 2, 0x53);
	assert_int_equal(dedup_world_try(w, 2), DEDUP_HINTED);
	assert_int_equal(STATS(w).ineligible, 0);
	/* or somebody knows better than the hash */
	dedup_world_write(w, 2, 0x52);
	assert_int_equal(dedup_world_try(w, 2), DEDUP_FALSE_MATCH);
	dedup_world_write(w, 2, 0x42);
	assert_int_equal(dedup_world_try(w, 2), DEDUP_INELIGIBLE);
	dedup_ineligible_clear(w->d, 2);
	assert_int_equal(dedup_world_try(w, 2), DEDUP_SHARED_NEW);
	assert_int_equal(STATS(w).false_matches, 2);
	dedup_world_free(w);
}

static void false_match_with_a_frame(void **state)
{
	struct world *w = make((struct dedup_config){.hash_bits = 4});

	(void)state;
	dedup_world_write(w, 1, 0x42);
	dedup_world_write(w, 2, 0x42);
	dedup_world_write(w, 3, 0x52);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_HINTED);
	assert_int_equal(dedup_world_try(w, 2), DEDUP_SHARED_NEW);
	expect_calls(w, 1, 1, 1, 1);
	assert_int_equal(dedup_world_try(w, 3), DEDUP_FALSE_MATCH);
	expect_calls(w, 1, 1, 0, 0);
	assert_int_equal(dedup_world_try(w, 3), DEDUP_INELIGIBLE);
	/* page 1 breaks away; its number names the frame, so nothing is remembered */
	dedup_world_write(w, 1, 0x62);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_FALSE_MATCH);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_FALSE_MATCH);
	assert_int_equal(STATS(w).false_matches, 3);
	assert_int_equal(STATS(w).ineligible_refused, 2);
	dedup_world_free(w);
}

/* The guest writes between hash and comparison: no false match. */
static void changed_while_compared(void **state)
{
	struct world *w = make((struct dedup_config){0});

	(void)state;
	dedup_world_write(w, 1, 42);
	dedup_world_write(w, 2, 42);
	dedup_world_write(w, 3, 42);
	dedup_world_write(w, 4, 42);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_HINTED);
	w->write_at_compare = 2;
	assert_int_equal(dedup_world_try(w, 2), DEDUP_VOLATILE);
	assert_false(dedup_hint_has(w->d, 2, NULL));
	assert_true(dedup_hint_has(w->d, 1, NULL));
	/* now the hinted one */
	w->write_at_compare = 1;
	assert_int_equal(dedup_world_try(w, 3), DEDUP_HINTED);
	assert_int_equal(STATS(w).stale_hints, 1);
	assert_int_equal(dedup_world_try(w, 4), DEDUP_SHARED_NEW);
	assert_int_equal(w->frame[4], 3);
	/* and against a frame */
	dedup_world_write(w, 5, 42);
	w->write_at_compare = 5;
	assert_int_equal(dedup_world_try(w, 5), DEDUP_VOLATILE);
	assert_int_equal(STATS(w).false_matches, 0);
	assert_int_equal(STATS(w).ineligible, 0);
	dedup_world_free(w);
}

static const struct {
	int error;
	enum dedup_reason reason;
} refusals[] = {
	{-ENOSPC, DEDUP_NO_MAPPING}, {-ENOMEM, DEDUP_NO_FRAME}, {-EBUSY, DEDUP_BUSY},
	{-EIO, DEDUP_FAILED},        {-EAGAIN, DEDUP_VOLATILE},
};

static void the_body_refuses_a_frame(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct world *w = make((struct dedup_config){0});

		dedup_world_write(w, 1, 42);
		dedup_world_write(w, 2, 42);
		dedup_world_write(w, 3, 42);
		assert_int_equal(dedup_world_try(w, 1), DEDUP_HINTED);
		assert_int_equal(dedup_world_try(w, 2), DEDUP_SHARED_NEW);
		w->share_error = refusals[i].error;
		assert_int_equal(dedup_world_try(w, 3), refusals[i].reason);
		assert_int_equal(dedup_frame_count(w->d, 1), 2);
		assert_int_equal(STATS(w).hints, 0);
		w->share_error = 0;
		w->equal_error = refusals[i].error;
		assert_int_equal(dedup_world_try(w, 3), refusals[i].reason);
		dedup_world_check(w);
		w->equal_error = 0;
		assert_int_equal(dedup_world_try(w, 3), DEDUP_SHARED);
		dedup_world_free(w);
	}
}

static void the_body_refuses_a_pair(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct world *w = make((struct dedup_config){0});

		dedup_world_write(w, 1, 42);
		dedup_world_write(w, 2, 42);
		assert_int_equal(dedup_world_try(w, 1), DEDUP_HINTED);
		w->equal_error = refusals[i].error;
		assert_int_equal(dedup_world_try(w, 2), refusals[i].reason);
		expect_calls(w, 1, 1, 0, 0);
		w->equal_error = 0;
		/* the first half: all is as before, unless it is the hinted page that changed */
		w->share_first_error = refusals[i].error;
		if (refusals[i].error == -EAGAIN) {
			assert_int_equal(dedup_world_try(w, 2), DEDUP_HINTED);
			assert_int_equal(STATS(w).stale_hints, 1);
			w->share_first_error = 0;
			assert_int_equal(dedup_world_try(w, 1), DEDUP_SHARED_NEW);
			expect_calls(w, 2, 2, 2, 1);
			dedup_world_free(w);
			continue;
		}
		assert_int_equal(dedup_world_try(w, 2), refusals[i].reason);
		expect_calls(w, 1, 1, 1, 0);
		assert_int_equal(STATS(w).frames, 0);
		assert_true(dedup_hint_has(w->d, 1, NULL));
		assert_false(dedup_hint_has(w->d, 2, NULL));
		/* the second half: page 1 is alone on its frame until somebody finds it */
		w->share_first_error = 0;
		w->share_error = refusals[i].error;
		assert_int_equal(dedup_world_try(w, 2), refusals[i].reason);
		expect_calls(w, 1, 1, 1, 1);
		assert_int_equal(w->frame[1], 1);
		assert_int_equal(STATS(w).lone_frames, 1);
		w->share_error = 0;
		assert_int_equal(dedup_world_try(w, 2), DEDUP_SHARED);
		assert_int_equal(STATS(w).lone_frames, 0);
		dedup_world_free(w);
	}
}

/* The page that named the frame broke away: it can share, but not be found. */
static void a_page_whose_number_is_taken(void **state)
{
	struct world *w = make((struct dedup_config){0});

	(void)state;
	dedup_world_write(w, 1, 42);
	dedup_world_write(w, 2, 42);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_HINTED);
	assert_int_equal(dedup_world_try(w, 2), DEDUP_SHARED_NEW);
	dedup_world_write(w, 1, 43);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_HOME_TAKEN);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_HOME_TAKEN);
	assert_int_equal(STATS(w).hints_refused, 2);
	dedup_world_write(w, 21, 43);
	assert_int_equal(dedup_world_try(w, 21), DEDUP_HINTED);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_OTHER_GROUP);
	/* the other one of a pair leaves the hint */
	dedup_world_write(w, 3, 43);
	assert_int_equal(dedup_world_try(w, 3), DEDUP_OTHER_GROUP);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_SHARED_NEW);
	assert_int_equal(w->frame[1], 3);
	/* back to the old content: back to the frame that has its name */
	dedup_world_write(w, 1, 42);
	assert_int_equal(dedup_world_try(w, 1), DEDUP_SHARED);
	assert_int_equal(w->frame[1], 1);
	dedup_world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_then_three_equal_pages),
		cmocka_unit_test(looked_at_again),
		cmocka_unit_test(damping),
		cmocka_unit_test(a_stale_hint),
		cmocka_unit_test(many_stale_hints),
		cmocka_unit_test(another_groups_page),
		cmocka_unit_test(false_match_with_a_hint),
		cmocka_unit_test(false_match_with_a_frame),
		cmocka_unit_test(changed_while_compared),
		cmocka_unit_test(the_body_refuses_a_frame),
		cmocka_unit_test(the_body_refuses_a_pair),
		cmocka_unit_test(a_page_whose_number_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
