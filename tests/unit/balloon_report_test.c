/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon_report_test.c: which free pages a lab guest reports, and that nobody has them meanwhile.
 *
 * The host here keeps a set of what it was told and checks each page while it is told: taken, told once, freed before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "ballast/rng.h"
#include "balloon-driver/lab/lab_report.h"

#define END    8000u
#define FIRST  16u
#define PAGES  (END - FIRST)
#define PERIOD LAB_REPORT_PERIOD_NS

struct fixture {
	struct frames f;
	void *mem;
	struct lab_report r;
	uint64_t now;
	gfn_t held[PAGES]; /* what the guest uses */
	unsigned nr_held;
	bool told[END];
	unsigned nr_told, batches;
	int answer;
};

static int tell(void *ctx, const struct lab_report_run *run, unsigned nr)
{
	struct fixture *f = ctx;
	npages_t pages = 0;

	assert_in_range(nr, 1, LAB_REPORT_RUNS);
	f->batches++;
	for (unsigned i = 0; i < nr; i++)
		for (uint32_t k = 0; k < run[i].nr; k++, pages++) {
			uint64_t g = run[i].first.v + k;

			assert_in_range(g, FIRST, END - 1);
			assert_int_equal(frames_kind(&f->f, gfn(g)), FRAME_PINNED);
			assert_false(f->told[g]);
			f->told[g] = !f->answer;
			f->nr_told += !f->answer;
		}
	assert_in_range(pages, 1, LAB_REPORT_PAGES);
	return f->answer;
}

static int setup(void **state)
{
	const struct frame_range range = {FIRST, END};
	struct fixture *f = calloc(1, sizeof *f);

	f->mem = calloc(1, frames_bytes(END));
	f->now = 1;
	*state = f;
	lab_report_init(&f->r, &f->f, tell, f);
	return frames_init(&f->f, &range, 1, f->mem);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->mem);
	free(f);
	return 0;
}

static void take(struct fixture *f, unsigned nr)
{
	while (nr--) {
		gfn_t g;

		assert_true(frames_alloc(&f->f, FRAME_PAGED, 0, &g));
		f->told[g.v] = false;
		f->held[f->nr_held++] = g;
	}
}

static void give(struct fixture *f, unsigned nr)
{
	while (nr--)
		frames_free(&f->f, f->held[--f->nr_held]);
}

/* As the guest does: again and again while it wants to. When it wants next. */
static uint64_t run(struct fixture *f)
{
	uint64_t wake;

	while ((wake = lab_report_run(&f->r, f->now)) == f->now)
		assert_true(frames_consistent(&f->f));
	assert_true(frames_consistent(&f->f));
	return wake;
}

static void next_period(struct fixture *f)
{
	f->now += PERIOD;
	run(f);
}

static void told_when_unused_for_a_period(void **state)
{
	struct fixture *f = *state;

	assert_true(run(f) ==
		    UINT64_MAX); /* nothing was freed: fresh pages cost the host nothing */
	take(f, 3000);
	give(f, 2000);
	assert_true(run(f) == f->now + PERIOD);
	assert_int_equal(f->nr_told, 0);
	next_period(f); /* the period in which they were freed began without them */
	assert_int_equal(f->nr_told, 0);
	next_period(f);
	assert_int_equal(f->nr_told, 2000 - LAB_REPORT_KEEP);
	assert_int_equal(f->f.free_pages, PAGES - 1000);
	assert_int_equal(f->batches, 4); /* 1936 neighbours in batches of 512 */
	next_period(f);
	next_period(f);
	assert_int_equal(f->nr_told, 2000 - LAB_REPORT_KEEP); /* once */
	assert_true(run(f) == UINT64_MAX);
}

static void pages_in_use_now_and_then_are_not_told(void **state)
{
	struct fixture *f = *state;

	take(f, 3000);
	give(f, 1000);
	for (unsigned i = 0; i < 10; i++) { /* each period needs 900 of the 1000 once */
		next_period(f);
		take(f, 900);
		give(f, 900);
	}
	assert_int_equal(f->nr_told, 0); /* 100 is fewer than KEEP + LEAST */
	take(f, 700);
	next_period(f); /* all 900 were needed in this one */
	next_period(f);
	assert_int_equal(f->nr_told, 300 - LAB_REPORT_KEEP);
}

static void told_pages_come_last_and_can_be_told_again(void **state)
{
	struct fixture *f = *state;
	unsigned told;

	take(f, 2000);
	give(f, 1000);
	next_period(f);
	next_period(f);
	next_period(f);
	told = f->nr_told;
	assert_int_equal(told, 1000 - LAB_REPORT_KEEP);
	take(f, LAB_REPORT_KEEP); /* those that were kept */
	for (unsigned i = 0; i < LAB_REPORT_KEEP; i++)
		assert_true(f->held[f->nr_held - 1 - i].v >= FIRST);
	assert_int_equal(f->f.unused_pages, 0);
	assert_int_equal(f->f.fresh, FIRST + 2000); /* none is fresh: */
	take(f, 1000 - LAB_REPORT_KEEP);
	assert_int_equal(f->f.fresh, FIRST + 2000); /* told ones before fresh ones */
	for (uint32_t g = 0; g < END; g++)
		assert_false(f->told[g]);
	take(f, 1);
	assert_int_equal(f->f.fresh, FIRST + 2001);
	give(f, 1001);
	next_period(f);
	next_period(f);
	next_period(f);
	assert_int_equal(f->nr_told, told + 1001 - LAB_REPORT_KEEP);
}

static void host_that_does_not_hear(void **state)
{
	struct fixture *f = *state;

	take(f, 2000);
	give(f, 1000);
	f->answer = -EIO;
	next_period(f);
	next_period(f);
	next_period(f);
	assert_int_equal(f->nr_told, 0);
	assert_int_equal(f->r.errors, f->batches);
	assert_in_range(f->batches, 1, 2); /* once a period */
	assert_int_equal(f->f.free_pages, PAGES - 1000);
	f->answer = 0;
	next_period(f);
	next_period(f);
	assert_int_equal(f->nr_told, 1000 - LAB_REPORT_KEEP);
}

/* Pages in no order: no report of more runs than fit, none lost. */
static void scattered_pages(void **state)
{
	struct fixture *f = *state;
	struct rng rng = rng_seeded(7);

	take(f, 4000);
	for (unsigned i = 0; i < 4000; i++) {
		unsigned other = (unsigned)rng_below(&rng, 4000);
		gfn_t g = f->held[i];

		f->held[i] = f->held[other];
		f->held[other] = g;
	}
	give(f, 3000);
	next_period(f);
	next_period(f);
	next_period(f);
	assert_int_equal(f->nr_told, 3000 - LAB_REPORT_KEEP);
	assert_true(f->batches >= f->nr_told / LAB_REPORT_PAGES);
	assert_int_equal(f->f.free_pages, PAGES - 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(told_when_unused_for_a_period, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_in_use_now_and_then_are_not_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(told_pages_come_last_and_can_be_told_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(host_that_does_not_hear, setup, teardown),
		cmocka_unit_test_setup_teardown(scattered_pages, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
