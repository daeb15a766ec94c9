/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_active_test.c: working sets by sampling: what is drawn, what counts, when a period ends, and what is made of it.
 *
 * Periods of 1 s, gains 25 and 75 %. Most VMs have 100 pages and samples of 100: every page is drawn, so f is exact.
 */
#include "tests/support/mm_world.h"

#define ALL 100u

static struct mm_world *sampled_vm(npages_t pages, uint64_t filled, uint32_t sample)
{
	struct mm_world *w = world_make((struct mm_world_options){
		.policy = "esx", .tax_ppm = 750000, .sample_pages = sample});

	world_add(w, pages, 0);
	world_fill(w, 0, 0, filled);
	mm_start(w->mm, 0);
	world_tick(w);
	return w;
}

/* The VM runs for a period more. */
static void period(struct mm_world *w, uint32_t vm)
{
	mm_vm_ran(w->mm, vm, w->mm->vm[vm].sample.ran_ns + NS_PER_S);
	world_tick(w);
}

static void touch(struct mm_world *w, uint64_t from, uint64_t to)
{
	for (uint64_t g = from; g < to; g++)
		assert_true(world_read(w, 0, g));
}

static npages_t active(struct mm_world *w)
{
	mm_tax_set(w->mm, 750000, w->body.now_ns); /* targets, and the estimate they go by */
	return world_vm(w, 0).active_pages;
}

static void expect(struct mm_world *w, uint64_t periods, uint32_t last, uint32_t slow,
		   uint32_t fast)
{
	struct mm_vm_stats s = world_vm(w, 0);

	assert_int_equal(s.sample_periods, periods);
	assert_int_equal(s.sample_last_ppm, last);
	assert_int_equal(s.sample_slow_ppm, slow);
	assert_int_equal(s.sample_fast_ppm, fast);
}

/*
 * f = 0.4: both averages begin with it. 0.8: slow 0.4 + 0.25 * 0.4 = 0.5, fast 0.4 + 0.75 * 0.4 = 0.7. 0: slow 0.375,
 * fast 0.175. 0.1: slow 0.30625, fast 0.11875.
 */
static void the_largest_of_three(void **state)
{
	struct mm_world *w = sampled_vm(ALL, ALL, ALL);

	(void)state;
	assert_true(world_vm(w, 0).active_known);
	assert_int_equal(world_vm(w, 0).sampled_pages, ALL);
	assert_int_equal(world_vm(w, 0).resident_pages, ALL);
	touch(w, 0, 40);
	assert_int_equal(world_vm(w, 0).sample_touched, 40);
	assert_int_equal(world_vm(w, 0).faults_sampled, 40);
	assert_int_equal(active(w), 100); /* nothing is known before a period is over */
	period(w, 0);
	expect(w, 1, 400000, 400000, 400000);
	assert_int_equal(active(w), 40);
	touch(w, 10, 50);
	touch(w, 10, 50); /* a page counts once */
	assert_int_equal(active(w), 40);
	touch(w, 50, 90);
	assert_int_equal(active(w), 80); /* this period so far */
	period(w, 0);
	expect(w, 2, 800000, 500000, 700000);
	assert_int_equal(active(w), 70);
	period(w, 0);
	expect(w, 3, 0, 375000, 175000);
	assert_int_equal(active(w), 37);
	touch(w, 90, 100);
	period(w, 0);
	expect(w, 4, 100000, 306250, 118750);
	world_free(w);
}

/* Idle pages are mapped again when the period ends, and the next one withdraws them anew; the content is as it was. */
static void untouched_pages_come_back(void **state)
{
	struct mm_world *w = sampled_vm(1000, 1000, 10);
	npages_t withdrawn = 0;

	(void)state;
	assert_int_equal(world_vm(w, 0).sampled_pages, 10);
	for (unsigned i = 0; i < 50; i++)
		period(w, 0);
	assert_int_equal(world_vm(w, 0).sampled_pages, 10);
	assert_int_equal(world_vm(w, 0).faults_sampled, 0);
	for (uint64_t g = 0; g < 1000; g++) {
		withdrawn += !world_guest(w, 0, g)->present;
		assert_true(world_read(w, 0, g));
		assert_int_equal(world_guest(w, 0, g)->content, world_stamp(0, g));
	}
	assert_int_equal(withdrawn, 10);
	world_free(w);
}

/* One second of running, or four of time; what a fault of the VM waited for a frame counts in neither. */
static void a_period_is_the_vms_own_time(void **state)
{
	struct mm_world *w = sampled_vm(ALL, ALL, ALL);

	(void)state;
	mm_vm_ran(w->mm, 0, NS_PER_S - 1);
	w->body.now_ns = 4 * NS_PER_S - 1;
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_periods, 0);
	mm_vm_ran(w->mm, 0, NS_PER_S);
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_periods, 1);
	w->body.now_ns += 4 * NS_PER_S - 1;
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_periods, 1);
	w->body.now_ns++;
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_periods, 2);
	w->mm->vm[0].stalled_ns += NS_PER_S; /* it waited for one of the next five seconds */
	w->body.now_ns += 5 * NS_PER_S - 1;
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_periods, 2);
	w->body.now_ns++;
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_periods, 3);
	world_free(w);
}

/* Half of the VM was never touched. A first touch counts, and so does a read of what was paged out; nothing is
 * withdrawn that is not there. */
static void absent_pages_count_if_they_fault_in(void **state)
{
	struct mm_world *w = sampled_vm(ALL, 50, ALL);

	(void)state;
	assert_int_equal(world_vm(w, 0).sampled_pages, 50);
	touch(w, 60, 70);
	assert_int_equal(world_vm(w, 0).sample_touched, 10);
	assert_int_equal(world_vm(w, 0).faults_sampled, 0);
	period(w, 0);
	assert_int_equal(active(w), 10);
	world_free(w);
}

/* A machine of 1000 pages: 769 resident leave 39 free, 21 must leave. All of them may be in the sample. */
static void the_pager_may_take_watched_pages(void **state)
{
	static const char *const pager[] = {"fifo", "clock"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct mm_world *w = world_make((struct mm_world_options){.memory = 1000,
									  .pager = pager[i],
									  .policy = "esx",
									  .tax_ppm = 750000,
									  .sample_pages = 900});
		uint64_t gone = 0;

		world_add(w, 900, 0);
		world_fill(w, 0, 0, 769);
		mm_start(w->mm, 0);
		world_tick(w);
		assert_int_equal(world_vm(w, 0).sample_drawn, 900);
		assert_int_equal(world_vm(w, 0).sampled_pages, 769);
		assert_int_equal(world_reclaim(w, 100), 21);
		world_finish_all(w);
		while (world_state(w, 0, gone) != PAGE_SWAPPED)
			gone++;
		assert_int_equal(world_vm(w, 0).sample_touched, 0);
		world_read(w, 0, gone); /* its read begins */
		assert_int_equal(world_vm(w, 0).sample_touched, 1);
		world_finish_all(w);
		assert_int_equal(world_guest(w, 0, gone)->content, world_stamp(0, gone));
		period(w, 0);
		expect(w, 1, PPM / 900, PPM / 900, PPM / 900);
		world_free(w);
	}
}

static void give(struct mm_world *w, uint64_t from, uint64_t to)
{
	for (uint64_t g = from; g < to; g++) {
		gfn_t page = gfn(g);

		assert_int_equal(mm_balloon_gave(w->mm, 0, &page, 1, w->body.now_ns), 1);
	}
	fake_body_check(&w->body);
}

/* 20 of 100 pages go into the balloon: of the 80 others 40 are touched. Then none of the 20 is drawn. */
static void ballooned_pages_are_no_part_of_it(void **state)
{
	struct mm_world *w = sampled_vm(ALL, ALL, ALL);
	gfn_t back = gfn(85);

	(void)state;
	mm_balloon_driver(w->mm, 0, true, 0);
	touch(w, 40, 80);
	give(w, 80, 100);
	assert_int_equal(world_vm(w, 0).sample_drawn, 80);
	period(w, 0);
	expect(w, 1, 500000, 500000, 500000);
	assert_int_equal(world_vm(w, 0).sample_drawn, 80);
	assert_int_equal(active(w), 40); /* f * (configured - ballooned) */
	assert_int_equal(mm_balloon_took(w->mm, 0, &back, 1, 0), 1);
	assert_int_equal(active(w), 40); /* 40.5 */
	period(w, 0);
	assert_int_equal(world_vm(w, 0).sample_drawn, 81);
	world_free(w);
}

/* What the guest reports free stays part of the sample: it counts if it is used again. */
static void reported_pages_stay(void **state)
{
	struct mm_world *w = sampled_vm(ALL, ALL, ALL);

	(void)state;
	assert_int_equal(mm_pages_reported(w->mm, 0, gfn(0), 30, 0), 30);
	fake_body_check(&w->body);
	touch(w, 0, 10);
	period(w, 0);
	expect(w, 1, 100000, 100000, 100000);
	world_free(w);
}

static void pinned_pages_are_not_drawn(void **state)
{
	struct mm_world *w =
		world_make((struct mm_world_options){.policy = "esx", .sample_pages = ALL});

	(void)state;
	world_add(w, ALL, 0);
	for (uint64_t g = 0; g < 20; g++)
		assert_int_equal(mm_place(w->mm, 0, gfn(g), NULL, true, 0), 0);
	world_tick(w); /* the machine does not run yet */
	assert_int_equal(world_vm(w, 0).sample_drawn, 0);
	mm_start(w->mm, 0);
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_drawn, 80);
	assert_true(world_guest(w, 0, 5)->present);
	world_free(w);
}

/* A host that refuses: fewer pages are drawn, nothing is lost. */
static void refusals(void **state)
{
	struct mm_world *w = sampled_vm(ALL, ALL, ALL);

	(void)state;
	w->body.refuse_map_ppm = PPM; /* what was withdrawn cannot be mapped now */
	period(w, 0);
	assert_int_equal(world_vm(w, 0).sampled_pages, ALL);
	assert_int_equal(world_vm(w, 0).sample_drawn, ALL);
	w->body.refuse_map_ppm = 0;
	period(w, 0);
	w->body.refuse_withdraw_ppm = PPM;
	period(w, 0);
	assert_int_equal(world_vm(w, 0).sample_drawn, 0);
	assert_int_equal(world_vm(w, 0).sampled_pages, 0);
	period(w, 0); /* a period without a sample teaches nothing */
	assert_int_equal(world_vm(w, 0).sample_periods, 3);
	touch(w, 0, ALL);
	world_free(w);
}

/* Policies that make no use of it are not sampled, and estimate nothing. */
static void only_for_policies_that_ask(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.sample_pages = ALL});

	(void)state;
	world_add(w, ALL, 0);
	world_fill(w, 0, 0, ALL);
	mm_start(w->mm, 0);
	period(w, 0);
	assert_false(world_vm(w, 0).active_known);
	assert_int_equal(world_vm(w, 0).sampled_pages, 0);
	world_free(w);
}

/*
 * Tax 75 %: VM 0 has touched 1000 of its 8000 pages, VM 1 7000: P2 - P1 = 0.75 * 6000 = 4500, of 9208: 2354 and 6854,
 * where VM 1 is below its 7000, so P2 = 4 * P1 - 3 * 1000: 5 * P1 = 12208: 2441.6 and 6766.4.
 */
static void idle_memory_is_taxed(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){
		.policy = "esx", .tax_ppm = 750000, .sample_pages = 4000});

	(void)state;
	world_add(w, 8000, 0);
	world_add(w, 8000, 0);
	mm_start(w->mm, 0);
	world_tick(w);
	assert_int_equal(world_vm(w, 0).target_pages, 4604);
	/* as if sampling had found exactly this */
	for (uint32_t vm = 0; vm < 2; vm++) {
		w->mm->vm[vm].sample.slow_ppm = vm ? 875000 : 125000;
		w->mm->vm[vm].sample.periods = 1;
	}
	mm_tax_set(w->mm, 750000, 0);
	assert_int_equal(world_vm(w, 0).active_pages, 1000);
	assert_int_equal(world_vm(w, 1).active_pages, 7000);
	assert_int_equal(world_vm(w, 0).target_pages, 2442);
	assert_int_equal(world_vm(w, 1).target_pages, 6766);
	world_free(w);
}

/*
 * The sampling error of a fraction f with n = 100 is sqrt(f (1 - f) / 100), 5 points at most; so of many periods 95 %
 * or more are within 10 points, and their mean is within a point.
 */
static void within_ten_points(void **state)
{
	enum { PAGES = 5000, PERIODS = 1000 };

	(void)state;
	print_message("seed 1\n");
	for (uint64_t percent = 10; percent <= 90; percent += 20) {
		struct mm_world *w = sampled_vm(PAGES, PAGES, 100);
		uint64_t within = 0, sum = 0;

		for (unsigned i = 0; i < PERIODS; i++) {
			const struct mm_sample *s = &w->mm->vm[0].sample;
			uint64_t last;

			for (uint32_t k = 0; k < s->nr; k++)
				if (s->gfn[k] < PAGES * percent / 100)
					mm_fault(w->mm, 0, gfn(s->gfn[k]), MM_FAULT_MISSING, 0);
			mm_vm_ran(w->mm, 0, s->ran_ns + NS_PER_S);
			mm_tick(w->mm, 0);
			last = s->last_ppm;
			within += last + 100000 >= percent * 10000 &&
				  last <= percent * 10000 + 100000;
			sum += last;
		}
		assert_true(within >= PERIODS * 95 / 100);
		assert_in_range(sum / PERIODS, percent * 10000 - 10000, percent * 10000 + 10000);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_of_three),
		cmocka_unit_test(untouched_pages_come_back),
		cmocka_unit_test(a_period_is_the_vms_own_time),
		cmocka_unit_test(absent_pages_count_if_they_fault_in),
		cmocka_unit_test(the_pager_may_take_watched_pages),
		cmocka_unit_test(ballooned_pages_are_no_part_of_it),
		cmocka_unit_test(reported_pages_stay),
		cmocka_unit_test(pinned_pages_are_not_drawn),
		cmocka_unit_test(refusals),
		cmocka_unit_test(only_for_policies_that_ask),
		cmocka_unit_test(idle_memory_is_taxed),
		cmocka_unit_test(within_ten_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
