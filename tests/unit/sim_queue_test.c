/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_queue_test.c: events happen in the order of their times, those of one time in the order in which they were put;
 * moved and dropped ones too, against a list that is searched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ballast/rng.h"
#include "sim/queue.h"

#define EVENTS 200

static void test_order_and_ties(void **state)
{
	static const uint64_t at[] = {5, 3, 5, 1, 3};
	static const unsigned expected[] = {3, 1, 4, 0, 2};
	struct sim_event e[5] = {{.place = 0}};
	struct sim_queue q = {.heap = NULL};

	(void)state;
	assert_int_equal(sim_queue_promise(&q, 5), 0);
	for (unsigned i = 0; i < 5; i++)
		sim_queue_put(&q, &e[i], at[i]);
	assert_null(sim_queue_take(&q, 0));
	for (unsigned i = 0; i < 5; i++)
		assert_ptr_equal(sim_queue_take(&q, 5), &e[expected[i]]);
	assert_null(sim_queue_take(&q, UINT64_MAX));
	sim_queue_free(&q);
}

static void test_not_before_its_time(void **state)
{
	struct sim_event e = {.place = 0};
	struct sim_queue q = {.heap = NULL};

	(void)state;
	assert_int_equal(sim_queue_promise(&q, 1), 0);
	sim_queue_put(&q, &e, 10);
	assert_null(sim_queue_take(&q, 9));
	sim_queue_put(&q, &e, 20); /* moved */
	assert_null(sim_queue_take(&q, 19));
	assert_ptr_equal(sim_queue_take(&q, 20), &e);
	sim_queue_drop(&q, &e); /* not there any more */
	sim_queue_free(&q);
}

/* The list: events with their time and when they were put; the first is searched. */
struct listed {
	uint64_t at, order;
	bool in;
};

static int first_of(const struct listed *l)
{
	int best = -1;

	for (int i = 0; i < EVENTS; i++)
		if (l[i].in && (best < 0 || l[i].at < l[best].at ||
				(l[i].at == l[best].at && l[i].order < l[best].order)))
			best = i;
	return best;
}

static void test_against_a_list(void **state)
{
	struct sim_event e[EVENTS] = {{.place = 0}};
	struct listed l[EVENTS] = {{.in = false}};
	struct sim_queue q = {.heap = NULL};
	struct rng rng = rng_seeded(11);

	(void)state;
	assert_int_equal(sim_queue_promise(&q, EVENTS), 0);
	for (uint64_t step = 0; step < 20000; step++) {
		unsigned i = (unsigned)rng_below(&rng, EVENTS), what = (unsigned)rng_below(&rng, 4);

		if (what < 2) {
			l[i] = (struct listed){rng_below(&rng, 50), step, true};
			sim_queue_put(&q, &e[i], l[i].at);
		} else if (what == 2) {
			l[i].in = false;
			sim_queue_drop(&q, &e[i]);
		} else {
			int first = first_of(l);

			assert_ptr_equal(sim_queue_take(&q, UINT64_MAX),
					 first < 0 ? NULL : &e[first]);
			if (first >= 0)
				l[first].in = false;
		}
		assert_true(sim_queue_consistent(&q));
	}
	sim_queue_free(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_ties),
		cmocka_unit_test(test_not_before_its_time),
		cmocka_unit_test(test_against_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
