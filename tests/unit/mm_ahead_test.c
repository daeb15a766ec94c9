/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_ahead_test.c: what is read beside the page that somebody waits for, and how that follows its use.
 *
 * Mostly a machine of 1000 pages: reserve 192, thresholds 60, 40, 20, 10, targets sum to 748. 769 resident pages leave
 * 39 free, below soft; 21 must leave to reach high. Pages leave oldest first (fifo), so page n is in slot n.
 */
#include "tests/support/mm_world.h"

#define FULL 769u

static struct mm_world *lone_vm(void)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	world_add(w, 900, 0);
	world_fill(w, 0, 0, FULL);
	return w;
}

/* 21 pages in slots 0 to 20, window 2: slots in aligned pairs. */
static void what_left_together_is_read_together(void **state)
{
	struct mm_world *w = lone_vm();

	(void)state;
	world_page_out(w, 0, 0, 21);
	assert_false(world_read(w, 0, 7));
	assert_int_equal(w->body.nr_io, 1);
	assert_int_equal(w->body.io[0]->slot.v, 6);
	assert_int_equal(w->body.io[0]->nr, 2);
	assert_int_equal(world_state(w, 0, 6), PAGE_SWAPPED); /* costs no frame */
	assert_int_equal(world_page(w, 0, 6)->flags, PAGE_HAS_SLOT | PAGE_AHEAD);
	world_finish(w);
	assert_int_equal(world_host(w).free_pages, 59);
	assert_true(world_read(w, 0, 6)); /* without I/O */
	assert_int_equal(w->body.nr_io, 0);
	assert_int_equal(world_guest(w, 0, 6)->content, world_stamp(0, 6));
	assert_true(world_guest(w, 0, 6)->protected);
	assert_int_equal(world_page(w, 0, 6)->flags, PAGE_HAS_SLOT | PAGE_PROTECTED);
	assert_int_equal(world_host(w).free_pages, 58);
	assert_int_equal(world_host(w).swap.read_pages, 2);
	assert_int_equal(world_host(w).swap.read_ahead_hits, 1);
	assert_int_equal(world_vm(w, 0).faults_swap_in, 2);
	/* the pair of 20 is free; the pair of 12 is here already */
	assert_false(world_read(w, 0, 20));
	assert_int_equal(w->body.io[0]->slot.v, 20);
	assert_int_equal(w->body.io[0]->nr, 1);
	world_free(w);
}

/* Touched while its read-ahead is under way: it arrives with it, and costs a frame from then on. */
static void read_ahead_that_is_wanted_before_it_is_here(void **state)
{
	struct mm_world *w = lone_vm();

	(void)state;
	world_page_out(w, 0, 0, 21);
	assert_false(world_read(w, 0, 7));
	assert_false(world_read(w, 0, 6));
	assert_int_equal(w->body.nr_io, 1);
	assert_int_equal(world_state(w, 0, 6), PAGE_ARRIVING);
	assert_int_equal(world_host(w).free_pages, 58);
	world_finish(w);
	world_must_read(w, 0, 6);
	world_must_read(w, 0, 7);
	assert_int_equal(world_host(w).swap.read_ahead_hits, 0);
	world_free(w);
}

/* Another VM's slot, or one of a page in memory, ends the run. */
static void only_pages_that_are_out_are_read_ahead(void **state)
{
	struct mm_world *w = lone_vm();

	(void)state;
	world_page_out(w, 0, 0, 21);
	world_must_read(w, 0, 6); /* and 7 ahead */
	world_must_read(w, 0, 7);
	world_must_read(w, 0, 4); /* and 5 ahead, not touched */
	assert_int_equal(world_host(w).swap.read_pages, 4);
	w->mm->vm[0].ahead_window = 8; /* the window is tested below */
	assert_false(world_read(w, 0, 2));
	assert_int_equal(w->body.io[0]->slot.v, 0); /* block 0 to 7: 0 to 3; 4 is in memory */
	assert_int_equal(w->body.io[0]->nr, 4);
	w->mm->vm[0].ahead_window = 2;
	world_must_read(w, 0, 12); /* and 13 ahead, which is not read twice: */
	w->mm->vm[0].ahead_window = 8;
	assert_false(world_read(w, 0, 14));
	assert_int_equal(w->body.io[0]->slot.v, 14); /* block 8 to 15 */
	assert_int_equal(w->body.io[0]->nr, 2);
	assert_false(world_read(w, 0, 19));
	assert_int_equal(w->body.io[1]->slot.v, 16); /* block 16 to 23: 16 to 20 */
	assert_int_equal(w->body.io[1]->nr, 5);
	world_free(w);
}

/* What is read ahead stays aside, 64 pages at most; the oldest is given up. */
static void old_read_ahead_is_given_up(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 10000});

	(void)state;
	world_add(w, 9900, 0);
	world_fill(w, 0, 0, 9409);
	world_page_out(w, 0, 0, 201);
	w->mm->vm[0].ahead_window = 8;
	for (uint64_t g = 0; g < 72; g += 8) { /* 7 ahead each: 63 */
		world_must_read(w, 0, g);
		w->mm->vm[0].ahead_hits = w->mm->vm[0].ahead_wasted = 0;
	}
	assert_true(world_page(w, 0, 1)->flags & PAGE_AHEAD);
	world_must_read(w, 0, 72); /* 7 more: 6 are given up, 1 to 6 */
	assert_false(world_page(w, 0, 1)->flags & PAGE_AHEAD);
	assert_false(world_page(w, 0, 6)->flags & PAGE_AHEAD);
	assert_true(world_page(w, 0, 7)->flags & PAGE_AHEAD);
	assert_int_equal(w->mm->vm[0].ahead_wasted, 6);
	assert_int_equal(w->mm->read_stages, 64);
	assert_false(world_read(w, 0, 1)); /* I/O again */
	world_free(w);
}

/* 32 outcomes are judged together: used more than half, it doubles, up to 8; less than a fifth, it halves, to 1. */
static void the_window_follows_its_use(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 20000});
	const struct mm_vm *v = &w->mm->vm[0];
	uint64_t g = 0;

	(void)state;
	/* reserve 192, high 1200, soft 800: target 18608; 19009 resident leave 799: 401 must go */
	world_add(w, 19900, 0);
	world_fill(w, 0, 0, 19009);
	assert_int_equal(world_reclaim(w, 1000), 401);
	world_finish_all(w);
	assert_int_equal(v->ahead_window, 2);
	for (; g < 62; g++)
		world_must_read(w, 0, g); /* in order: every second one is a hit */
	assert_int_equal(v->ahead_window, 2);
	assert_int_equal(v->ahead_hits, 31);
	for (; g < 64; g++)
		world_must_read(w, 0, g);
	assert_int_equal(v->ahead_window, 4);
	for (; v->ahead_window == 4; g++)
		world_must_read(w, 0, g);
	assert_int_equal(v->ahead_window, 8);
	/* blocks of 4 have 3 hits: the 32nd is the second one of the 11th block, 64 + 40 + 2 */
	assert_int_equal(g, 64 + 40 + 3);
	for (; g < 200; g++)
		world_must_read(w, 0, g);
	assert_int_equal(v->ahead_window, 8);
	world_free(w);
}

/* Exactly half used, or a fifth: it stays. */
static void the_window_stays_in_between(void **state)
{
	struct mm_world *w = lone_vm();
	struct mm_vm *v = &w->mm->vm[0];

	(void)state;
	world_page_out(w, 0, 0, 21);
	world_must_read(w, 0, 0);
	v->ahead_hits = 15; /* of 31 */
	v->ahead_wasted = 16;
	world_must_read(w, 0, 1); /* the 16th hit of 32 */
	assert_int_equal(v->ahead_hits + v->ahead_wasted, 0);
	assert_int_equal(v->ahead_window, 2);
	world_must_read(w, 0, 2);
	v->ahead_hits = 6; /* the 7th of 35 follows */
	v->ahead_wasted = 28;
	world_must_read(w, 0, 3);
	assert_int_equal(v->ahead_hits + v->ahead_wasted, 0);
	assert_int_equal(v->ahead_window, 2);
	world_must_read(w, 0, 4);
	v->ahead_hits = 5; /* the 6th of 32 is less than a fifth */
	v->ahead_wasted = 26;
	world_must_read(w, 0, 5);
	assert_int_equal(v->ahead_window, 1);
	world_free(w);
}

static void a_useless_window_shrinks(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 40000});
	const struct mm_vm *v = &w->mm->vm[0];
	uint64_t g = 0;

	(void)state;
	/* reserve 192, high 2400, soft 1600: 38209 resident leave 1599: 801 must go */
	world_add(w, 39900, 0);
	world_fill(w, 0, 0, 38209);
	for (unsigned round = 0; round < 2; round++) {
		world_reclaim(w, 1000);
		world_finish_all(w);
	}
	for (; v->ahead_window == 2; g += 2)
		world_must_read(w, 0, g); /* every second one: nothing read ahead is used */
	assert_int_equal(v->ahead_window, 1);
	/* the 64 newest are kept: the 32nd given up is the 96th read ahead, by the read of page 190 */
	assert_int_equal(g, 192);
	assert_false(world_read(w, 0, g));
	assert_int_equal(w->body.io[0]->nr, 1);
	world_finish(w);
	/* the 64th read after it was given up is tried as two again */
	for (unsigned i = 1; i < 63; i++) {
		g += 2;
		assert_false(world_read(w, 0, g));
		assert_int_equal(w->body.io[0]->nr, 1);
		world_finish(w);
	}
	assert_false(world_read(w, 0, g + 2));
	assert_int_equal(w->body.io[0]->nr, 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_left_together_is_read_together),
		cmocka_unit_test(read_ahead_that_is_wanted_before_it_is_here),
		cmocka_unit_test(only_pages_that_are_out_are_read_ahead),
		cmocka_unit_test(old_read_ahead_is_given_up),
		cmocka_unit_test(the_window_follows_its_use),
		cmocka_unit_test(the_window_stays_in_between),
		cmocka_unit_test(a_useless_window_shrinks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
