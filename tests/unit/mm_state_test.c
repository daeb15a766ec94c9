/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_state_test.c: free-memory states: every threshold from both sides, entries, time, and when paging starts and ends.
 *
 * The machine of mm_world.h: 10000 pages, reserve 192, thresholds 600, 400, 200, 100. Free memory is set to the page
 * by placing pages, and raised to the page by reclaiming pages of zeros, which need no slot.
 */
#include "tests/support/mm_world.h"

#define MEMORY  10000u
#define RESERVE 192u

/* Places pages of zeros, from the first that is untouched, until that many are free. */
static void free_down_to(struct mm_world *w, npages_t free_pages)
{
	npages_t g = world_vm(w, 0).configured_pages - world_vm(w, 0).untouched_pages;

	while (world_host(w).free_pages > free_pages)
		assert_int_equal(mm_place(w->mm, 0, gfn(g++), NULL, false, w->body.now_ns), 0);
	assert_int_equal(world_host(w).free_pages, free_pages);
	fake_body_check(&w->body);
}

static void free_up_by_one(struct mm_world *w)
{
	npages_t before = world_host(w).free_pages;

	assert_int_equal(world_reclaim(w, 1), 1);
	assert_int_equal(world_host(w).free_pages, before + 1);
}

static void expect_entered(struct mm_world *w, uint64_t high, uint64_t soft, uint64_t hard,
			   uint64_t low)
{
	struct mm_host_stats s = world_host(w);

	assert_int_equal(s.state_entered[MM_HIGH], high);
	assert_int_equal(s.state_entered[MM_SOFT], soft);
	assert_int_equal(s.state_entered[MM_HARD], hard);
	assert_int_equal(s.state_entered[MM_LOW], low);
}

static void down_and_up(void **state)
{
	static const struct {
		npages_t free_pages;
		enum mm_state state;
	} down[] = {{9808, MM_HIGH}, {600, MM_HIGH}, {599, MM_HIGH}, {400, MM_HIGH}, {399, MM_SOFT},
		    {200, MM_SOFT},  {199, MM_HARD}, {100, MM_HARD}, {99, MM_LOW},   {0, MM_LOW}};
	struct mm_world *w = world_make((struct mm_world_options){.memory = MEMORY});

	(void)state;
	world_add(w, 9900, 0); /* target 9208 */
	for (unsigned i = 0; i < sizeof down / sizeof *down; i++) {
		free_down_to(w, down[i].free_pages);
		assert_int_equal(world_host(w).state, down[i].state);
	}
	expect_entered(w, 1, 1, 1, 1);
	for (npages_t free_pages = 0; free_pages < 600; free_up_by_one(w), free_pages++)
		assert_int_equal(world_host(w).state, free_pages < 200   ? MM_LOW
						      : free_pages < 400 ? MM_HARD
									 : MM_SOFT);
	assert_int_equal(world_host(w).state, MM_HIGH);
	expect_entered(w, 2, 2, 2, 1);
	assert_int_equal(world_reclaim(w, 100), 0);
	world_free(w);
}

/* Between two thresholds the state depends on where it came from, and turning back half-way changes nothing. */
static void hysteresis(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = MEMORY});

	(void)state;
	world_add(w, 11000, 0);
	free_down_to(w, 399);
	for (unsigned i = 0; i < 200; i++)
		free_up_by_one(w);
	assert_int_equal(world_host(w).free_pages, 599);
	assert_int_equal(world_host(w).state, MM_SOFT);
	free_down_to(w, 200);
	assert_int_equal(world_host(w).state, MM_SOFT);
	free_down_to(w, 199);
	for (unsigned i = 0; i < 200; i++)
		free_up_by_one(w);
	assert_int_equal(world_host(w).state, MM_HARD); /* 399 */
	free_down_to(w, 100);
	assert_int_equal(world_host(w).state, MM_HARD);
	expect_entered(w, 1, 1, 1, 0);
	world_free(w);
}

/* 448 faults that the body refuses wait; when it relents, one tick serves them all: from 500 free pages to 52. All are
 * of VMs below their targets, who may have the last ones. */
static void several_levels_down_at_once(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = MEMORY});

	(void)state;
	for (unsigned vm = 0; vm < FAKE_VMS; vm++)
		world_add(w, vm ? 200 : 9500, 0);
	free_down_to(w, 500);
	w->body.refuse_map_ppm = PPM;
	for (uint32_t vm = 1; vm < FAKE_VMS; vm++)
		for (uint64_t g = 0; g < MM_WAITING; g++)
			assert_false(world_read(w, vm, g));
	assert_int_equal(world_host(w).free_pages, 500);
	w->body.refuse_map_ppm = 0;
	world_tick(w);
	assert_int_equal(world_host(w).free_pages, 500 - 7 * MM_WAITING);
	assert_int_equal(world_host(w).state, MM_LOW);
	expect_entered(w, 1, 0, 0, 1);
	world_free(w);
}

/* One level at a time: each level on the way is entered. */
static void several_levels_up_at_once(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = MEMORY});

	(void)state;
	world_add(w, 9400, 0);
	world_add(w, 600, 0);
	world_fill(w, 1, 0, 501);
	free_down_to(w, 98);
	expect_entered(w, 1, 1, 1, 1);
	mm_vm_end(w->mm, 1, 0);
	assert_int_equal(world_host(w).free_pages, 599);
	assert_int_equal(world_host(w).state, MM_SOFT);
	expect_entered(w, 1, 2, 2, 1);
	mm_vm_end(w->mm, 0, 0);
	assert_int_equal(world_host(w).free_pages, MEMORY - RESERVE);
	assert_int_equal(world_host(w).state, MM_HIGH);
	expect_entered(w, 2, 2, 2, 1);
	world_free(w);
}

static void time_in_state(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = MEMORY});
	struct mm_host_stats s;

	(void)state;
	world_add(w, 9900, 0);
	w->body.now_ns = 1000;
	free_down_to(w, 400);
	w->body.now_ns = 5000; /* the step down happens now: so far it was high */
	free_down_to(w, 300);
	w->body.now_ns = 5700;
	free_down_to(w, 50);
	w->body.now_ns = 5730;
	world_tick(w);
	w->body.now_ns = 5740;
	s = world_host(w); /* brings the figures up to date by itself */
	assert_int_equal(s.state_ns[MM_HIGH], 5000);
	assert_int_equal(s.state_ns[MM_SOFT], 700);
	assert_int_equal(s.state_ns[MM_HARD], 0); /* passed through within one moment */
	assert_int_equal(s.state_ns[MM_LOW], 40);
	w->body.now_ns = 5735; /* a clock that went back counts nothing */
	s = world_host(w);
	assert_int_equal(s.state_ns[MM_LOW], 40);
	w->body.now_ns = 5750;
	s = world_host(w);
	assert_int_equal(s.state_ns[MM_LOW], 50);
	world_free(w);
}

/* Paging begins below soft and goes on to high; pages that are on their way out count as free. */
static void paging_from_soft_to_high(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = MEMORY});

	(void)state;
	world_add(w, 9900, 0);
	world_fill(w, 0, 0, 9408);
	assert_int_equal(world_host(w).free_pages, 400);
	assert_false(mm_reclaim_needed(w->mm));
	assert_int_equal(world_reclaim(w, 1000), 0);
	assert_int_equal(w->body.reclaim_wishes, 0);
	world_fill(w, 0, 9408, 9409);
	assert_true(mm_reclaim_needed(w->mm));
	assert_int_equal(w->body.reclaim_wishes, 1);
	assert_int_equal(world_reclaim(w, 200), 200); /* 7 requests */
	assert_int_equal(w->body.nr_io, 7);
	assert_int_equal(world_host(w).free_pages, 399);
	assert_true(mm_reclaim_needed(w->mm));
	assert_int_equal(world_reclaim(w, 1000), 1);
	assert_false(mm_reclaim_needed(w->mm)); /* 399 + 201 leaving = 600 */
	assert_int_equal(world_reclaim(w, 1000), 0);
	world_finish_all(w);
	assert_int_equal(world_host(w).free_pages, 600);
	assert_int_equal(world_host(w).state, MM_HIGH);
	assert_int_equal(world_vm(w, 0).resident_pages, 9208);
	world_free(w);
}

/* A leaving page that is touched stays: its frame is not promised any more. */
static void a_touched_leaving_page_is_not_counted_as_free(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = MEMORY});

	(void)state;
	world_add(w, 9900, 0);
	world_fill(w, 0, 0, 9409);
	assert_int_equal(world_reclaim(w, 1000), 201);
	assert_true(world_read(w, 0, 7));
	assert_true(mm_reclaim_needed(w->mm));
	assert_int_equal(world_reclaim(w, 1000), 1);
	world_finish_all(w);
	assert_int_equal(world_host(w).free_pages, 600);
	world_free(w);
}

static void other_thresholds(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){
		.memory = MEMORY, .ppm = {80000, 45000, 45000, 1000}}); /* 800, 450, 450, 10 */

	(void)state;
	world_add(w, 9900, 0);
	assert_int_equal(world_vm(w, 0).target_pages, MEMORY - RESERVE - 800);
	free_down_to(w, 450);
	assert_int_equal(world_host(w).state, MM_HIGH);
	free_down_to(w, 449); /* soft and hard are the same: hard at once */
	assert_int_equal(world_host(w).state, MM_HARD);
	expect_entered(w, 1, 0, 1, 0);
	free_down_to(w, 10);
	assert_int_equal(world_host(w).state, MM_HARD);
	free_down_to(w, 9);
	assert_int_equal(world_host(w).state, MM_LOW);
	while (world_host(w).free_pages < 449)
		free_up_by_one(w);
	assert_int_equal(world_host(w).state, MM_LOW);
	free_up_by_one(w); /* 450: hard's and soft's threshold */
	assert_int_equal(world_host(w).state, MM_SOFT);
	expect_entered(w, 1, 1, 2, 1);
	world_free(w);
}

/* Fractions of a page are not pages: 6 % of 1234 is 74.04, 1 % is 12.34. */
static void thresholds_are_rounded_down(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1234});

	(void)state;
	world_add(w, 1200, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 1234 - RESERVE - 74);
	free_down_to(w, 49); /* 49.36 */
	assert_int_equal(world_host(w).state, MM_HIGH);
	free_down_to(w, 12);
	assert_int_equal(world_host(w).state, MM_HARD);
	free_down_to(w, 11);
	assert_int_equal(world_host(w).state, MM_LOW);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(down_and_up),
		cmocka_unit_test(hysteresis),
		cmocka_unit_test(several_levels_down_at_once),
		cmocka_unit_test(several_levels_up_at_once),
		cmocka_unit_test(time_in_state),
		cmocka_unit_test(paging_from_soft_to_high),
		cmocka_unit_test(a_touched_leaving_page_is_not_counted_as_free),
		cmocka_unit_test(other_thresholds),
		cmocka_unit_test(thresholds_are_rounded_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
