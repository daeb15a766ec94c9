/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_run_test.c: a guest's life under a clock that the test holds: phases, pace, events, statistics, and that a word
 * changed under the guest is found and told with its details.
 */
#include "tests/support/guest_life.h"

static void test_fill_then_paced_work(void **state)
{
	struct life *l = life_create("toucher,pages=100,rate=1000,write=1000000", 200, 100, 0);

	(void)state;
	assert_int_equal(live_until(l, 2, 1), RUN_GOES_ON); /* two slices: 64 steps each */
	assert_int_equal(l->nr_events, 2);
	assert_int_equal(l->event[0], GUEST_EVENT_FIRST_STEP);
	assert_int_equal(l->event[1], GUEST_EVENT_FILLED);
	assert_int_equal(l->stats.filled_pages, 100);
	assert_int_equal(l->stats.work_units, 0);
	/* Work began at 1 ns: a touch a millisecond, in slices of ten, the last one by 1 s. */
	assert_int_equal(live_until(l, NS_PER_S + 2, 1), RUN_GOES_ON);
	assert_in_range(l->stats.work_units, 990, 1000);
	assert_int_equal(l->stats.integrity_checks, l->stats.work_units);
	assert_int_equal(l->stats.integrity_errors, 0);
	assert_int_equal(l->stats.faults, 100);
	assert_int_equal(content_mark_version(l->guest.marks[0]),
			 10); /* each was written ten times */
	life_destroy(l);
}

static void test_idle_only_rests(void **state)
{
	struct life *l = life_create("idle", 10, 1, 0);
	uint64_t wake;

	(void)state;
	assert_int_equal(run_slice(&l->run, 5, &wake), RUN_GOES_ON);
	assert_int_equal(wake, 5 + RUN_MAX_REST_NS);
	assert_int_equal(run_slice(&l->run, wake, &wake), RUN_GOES_ON);
	assert_int_equal(wake, 5 + 2 * RUN_MAX_REST_NS);
	assert_int_equal(l->nr_events, 2); /* first step and filled, once each */
	assert_int_equal(l->stats.faults, 0);
	life_destroy(l);
}

static void test_phases(void **state)
{
	struct life *l = life_create("scan,pages=20,rate=1000,ns=50000000+idle,ns=30000000+"
				     "toucher,pages=10,ns=20000000",
				     40, 20, 0);

	(void)state;
	live_until(l, 49 * MS, 1);
	assert_int_equal(l->stats.phase, 0);
	assert_int_equal(l->stats.free_pages, 20);
	live_until(l, 51 * MS, 1);
	assert_int_equal(l->stats.phase, 1);
	assert_int_equal(l->stats.free_pages, 40);
	assert_in_range(l->stats.work_units, 40, 50);
	live_until(l, 81 * MS, MS); /* unlimited: 64 touches a slice of the test's clock */
	assert_int_equal(l->stats.phase, 2);
	assert_int_equal(l->stats.free_pages, 30);
	assert_int_equal(live_until(l, NS_PER_S, MS), RUN_OVER);
	assert_in_range(l->now, 100 * MS, 102 * MS);
	assert_int_equal(l->stats.free_pages, 40);
	assert_int_equal(l->nr_events, 4); /* first step once, filled in each phase */
	life_destroy(l);
}

/* A phase whose time is over while it fills frees what it has. */
static void test_phase_over_while_filling(void **state)
{
	struct life *l = life_create("scan,pages=1000,ns=2+idle", 1100, 1000, 0);

	(void)state;
	live_until(l, 2, 1);
	assert_int_equal(l->stats.phase, 0);
	assert_int_equal(l->stats.filled_pages, 63 + 64); /* the first step was the phase's begin */
	live_until(l, 4, 1);
	assert_int_equal(l->stats.phase, 1);
	assert_int_equal(l->stats.free_pages, 1100);
	life_destroy(l);
}

static void test_boot_takes_what_is_free(void **state)
{
	struct life *l = life_create("boot", 50, 50, 0);

	(void)state;
	live_until(l, NS_PER_S, 1);
	assert_int_equal(l->stats.filled_pages, 49);
	assert_int_equal(l->stats.free_pages, PAGER_RESERVE);
	for (uint32_t i = 0; i < PAGE_WORDS; i++)
		assert_int_equal(l->memory[1][i] | l->memory[49][i], 0);
	life_destroy(l);
}

/*
 * 199 pages in slices of 64 steps, the first of which begins the phase:
 * 63, 127, 191, 199. What comes after it is no boot, filling or not.
 */
static void test_boots_until_filled(void **state)
{
	struct life *l = life_create("boot,ns=1000+toucher,pages=100,rate=1", 200, 200, 0);
	uint64_t wake;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(run_slice(&l->run, 1, &wake), RUN_GOES_ON);
		assert_int_equal(l->stats.filled_pages, 64 * (i + 1) - 1);
		assert_true(run_boots(&l->run));
	}
	assert_int_equal(run_slice(&l->run, 1, &wake), RUN_GOES_ON);
	assert_int_equal(l->stats.filled_pages, 199);
	assert_false(run_boots(&l->run));
	assert_int_equal(run_slice(&l->run, 2000, &wake), RUN_GOES_ON);
	assert_int_equal(l->stats.phase, 1);
	assert_false(run_boots(&l->run));
	life_destroy(l);
}

static void test_more_pages_than_memory(void **state)
{
	struct life *l = life_create("zipf,pages=80,alpha=500000,write=300000", 40, 80, 60);

	(void)state;
	live_until(l, 1000, 1);
	assert_in_range(l->stats.work_units, 60000, 64000);
	assert_int_equal(l->stats.integrity_checks, l->stats.work_units);
	assert_int_equal(l->stats.integrity_errors, 0);
	assert_true(l->stats.swap_in_pages > 100 && l->stats.swap_out_pages > 100);
	life_destroy(l);
}

static void test_too_many_pages(void **state)
{
	struct life *l = life_create("scan,pages=80", 40, 80, 20);

	(void)state;
	assert_int_equal(live_until(l, 1000, 1), -ENOMEM);
	assert_int_equal(l->stats.filled_pages, 39 + 20);
	life_destroy(l);
}

/* Someone else writes into page 3: found at its next touch, told, and the guest goes on. */
static void test_integrity_error(void **state)
{
	struct life *l = life_create("toucher,pages=8,rate=100", 20, 8, 0);
	gfn_t frame;
	uint64_t was;

	(void)state;
	live_until(l, 100 * MS, 1);
	assert_int_equal(l->stats.integrity_errors, 0);
	frame = pager_frame_of(&l->guest.pager, 3);
	was = l->memory[frame.v][PAGE_WORDS - 1];
	l->memory[frame.v][PAGE_WORDS - 1] = was ^ 4;
	live_until(l, 300 * MS, 1); /* page 3 comes up at least twice */
	assert_in_range(l->stats.integrity_errors, 2, 3);
	assert_int_equal(l->stats.bad_page, 3);
	assert_int_equal(l->stats.bad_gfn, frame.v);
	assert_int_equal(l->stats.bad_word, PAGE_WORDS - 1);
	assert_int_equal(l->stats.bad_found, was ^ 4);
	assert_int_equal(l->stats.bad_expected, was);
	assert_true(l->stats.integrity_checks > 20);
	life_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill_then_paced_work),
		cmocka_unit_test(test_idle_only_rests),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_phase_over_while_filling),
		cmocka_unit_test(test_boot_takes_what_is_free),
		cmocka_unit_test(test_boots_until_filled),
		cmocka_unit_test(test_more_pages_than_memory),
		cmocka_unit_test(test_too_many_pages),
		cmocka_unit_test(test_integrity_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
