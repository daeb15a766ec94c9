/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_swap_test.c: swap slots, what happens when there are none, and a disk that fails.
 *
 * Mostly a machine of 1000 pages: reserve 192, thresholds 60, 40, 20, 10, targets sum to 748. 769 resident pages leave
 * 39 free, below soft; 21 must leave to reach high. Pages leave oldest first (fifo), so page n is in slot n.
 */
#include "tests/support/mm_world.h"

#define FULL 769u

static struct mm_world *lone_vm(const char *pager, npages_t swap)
{
	struct mm_world *w =
		world_make((struct mm_world_options){.memory = 1000, .pager = pager, .swap = swap});

	world_add(w, 900, 0);
	world_fill(w, 0, 0, FULL);
	return w;
}

/* A write gives the slot back. */
static void free_slot_of(struct mm_world *w, uint64_t g)
{
	world_must_read(w, 0, g);
	assert_true(world_write(w, 0, g, world_stamp(0, g)));
	assert_false(world_page(w, 0, g)->flags & PAGE_HAS_SLOT);
}

/* Runs are searched from where the last one ended, and from the start when the end is reached. */
static void next_fit(void **state)
{
	struct mm_world *w = lone_vm("fifo", 50);

	(void)state;
	world_page_out(w, 0, 0, 21); /* slots 0 to 20 */
	free_slot_of(w, 3);
	free_slot_of(w, 4);
	free_slot_of(w, 10);
	for (uint64_t g = 0; g < 21; g++)
		world_must_read(w, 0, g);
	assert_int_equal(world_host(w).swap.used_pages, 18);
	assert_int_equal(world_reclaim(w, 100), 21); /* not 3, 4 or 10: the hand is at 21 */
	assert_int_equal(w->body.nr_io, 1);
	assert_int_equal(world_slot(w, 0, 21), 21);
	assert_int_equal(world_slot(w, 0, 41), 41);
	world_finish(w);
	world_fill(w, 0, 769, 790);
	/* 42 to 49 are 8 in a row; then 3 and 4, then 10; then none is free */
	assert_int_equal(world_reclaim(w, 8), 8);
	assert_int_equal(world_slot(w, 0, 42), 42);
	assert_int_equal(world_slot(w, 0, 49), 49);
	assert_int_equal(world_reclaim(w, 3), 3);
	assert_int_equal(w->body.nr_io, 3);
	assert_int_equal(w->body.io[1]->slot.v, 3);
	assert_int_equal(w->body.io[1]->nr, 2);
	assert_int_equal(w->body.io[2]->slot.v, 10);
	assert_int_equal(w->body.io[2]->nr, 1);
	assert_int_equal(world_slot(w, 0, 52), 10);
	assert_int_equal(world_host(w).swap.used_pages, 50);
	free_slot_of(w, 2); /* behind the hand, which is at 11; nothing is free before it */
	assert_int_equal(world_reclaim(w, 1), 1);
	assert_int_equal(world_slot(w, 0, 53), 2);
	assert_int_equal(world_host(w).swap.slots_taken_back, 0);
	world_free(w);
}

/* Slots of pages that are in memory anyway are taken back before swap counts as full. */
static void slots_of_clean_pages_are_taken_back(void **state)
{
	struct mm_world *w = lone_vm("fifo", 21);

	(void)state;
	world_page_out(w, 0, 0, 21);
	world_must_read(w, 0, 7);
	world_must_read(w, 0, 8);
	world_fill(w, 0, 769, 788); /* 39 free again: 19 new pages and two that came back */
	assert_int_equal(world_host(w).free_pages, 39);
	assert_int_equal(world_reclaim(w, 100), 2);
	assert_int_equal(world_host(w).swap.slots_taken_back, 2);
	assert_int_equal(world_slot(w, 0, 21), 7);
	assert_int_equal(world_slot(w, 0, 22), 8);
	assert_false(world_page(w, 0, 7)->flags & PAGE_HAS_SLOT);
	assert_true(world_vm(w, 0).out_of_swap > 0);  /* 19 more were wanted */
	assert_true(world_guest(w, 0, 7)->protected); /* one needless event, and no more: */
	world_finish_all(w);
	assert_true(world_write(w, 0, 7, 77));
	assert_int_equal(world_host(w).swap.used_pages, 21);
	world_free(w);
}

static void swap_full(void **state)
{
	struct mm_world *w = lone_vm("fifo", 10);

	(void)state;
	assert_int_equal(world_reclaim(w, 100), 10);
	world_finish_all(w);
	assert_int_equal(world_host(w).swap.used_pages, 10);
	assert_int_equal(world_reclaim(w, 100), 0);
	assert_true(world_vm(w, 0).out_of_swap > 0);
	assert_int_equal(world_host(w).free_pages, 49);
	w->body.now_ns = 100; /* nobody waits yet: not counted */
	world_fill(w, 0, 769, 808);
	assert_int_equal(world_host(w).free_pages, 10);
	assert_int_equal(world_host(w).swap.full_ns, 0);
	assert_false(world_read(w, 0, 808));
	w->body.now_ns = 150;
	assert_int_equal(world_host(w).swap.full_ns, 50);
	assert_false(world_read(w, 0,
				3)); /* in swap; its slot could be had, if its page could come in */
	assert_int_equal(world_vm(w, 0).waiting_faults, 2);
	assert_int_equal(world_reclaim(w, 100), 0);
	/* the VM cannot go on; another one that is below its target can */
	world_add(w, 300, 0);
	assert_true(world_read(w, 1, 0));
	world_free(w);
}

/* When a slot is free again, paging goes on by itself. */
static void swap_full_is_not_for_ever(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000, .swap = 10});

	(void)state;
	world_add(w, 900, 0);
	world_add(w, 900, 0); /* 374 each */
	world_fill(w, 0, 0, 384);
	world_fill(w, 1, 0, 385);
	assert_int_equal(world_reclaim(w, 100), 10); /* of VM 1, 11 over; then full */
	world_finish_all(w);
	assert_int_equal(world_vm(w, 1).swapped_pages, 10);
	assert_int_equal(world_reclaim(w, 100), 0);
	mm_vm_end(w->mm, 1, 0);
	fake_body_check(&w->body);
	assert_int_equal(world_host(w).swap.used_pages, 0);
	world_fill(w, 0, 384, 769);
	w->body.refuse_map_ppm = PPM; /* somebody waits, but not for swap */
	assert_false(world_read(w, 0, 800));
	w->body.now_ns += 100;
	assert_int_equal(world_host(w).swap.full_ns, 0);
	w->body.refuse_map_ppm = 0;
	assert_int_equal(world_reclaim(w, 100), 10);
	world_free(w);
}

static void a_failed_read_of_a_cluster_is_tried_alone(void **state)
{
	struct mm_world *w = lone_vm("fifo", 0);

	(void)state;
	world_page_out(w, 0, 0, 21);
	w->mm->vm[0].ahead_window = 8;
	assert_false(world_read(w, 0, 10)); /* with 8 to 15 */
	assert_false(world_read(w, 0, 12)); /* and this one is wanted now, too */
	assert_int_equal(w->body.io[0]->nr, 8);
	w->body.fail_read_ppm = PPM;
	world_finish(w);
	w->body.fail_read_ppm = 0;
	assert_int_equal(w->body.nr_io, 1);
	assert_int_equal(w->body.io[0]->nr, 1);
	assert_int_equal(w->body.io[0]->slot.v, 10);
	assert_false(world_page(w, 0, 11)->flags & PAGE_AHEAD);
	assert_int_equal(world_vm(w, 0).waiting_faults, 1); /* 12: tried again after 10 */
	world_finish_all(w);
	world_must_read(w, 0, 10);
	world_must_read(w, 0, 12);
	assert_int_equal(world_host(w).swap.errors, 1);
	assert_int_equal(w->body.broken[0], 0);
	world_free(w);
}

/* A page that is lost ends its VM and nobody else; what takes its place is not swap's content. */
static void a_lost_page_breaks_its_vm(void **state)
{
	struct mm_world *w = lone_vm("fifo", 0);

	(void)state;
	world_page_out(w, 0, 0, 21);
	assert_false(world_read(w, 0, 20)); /* alone in its pair */
	w->body.fail_read_ppm = PPM;
	world_finish(w);
	assert_int_equal(w->body.broken[0], 1);
	assert_int_equal(world_state(w, 0, 20), PAGE_RESIDENT); /* its threads can leave */
	assert_int_equal(world_guest(w, 0, 20)->content, FAKE_ZERO);
	assert_int_equal(world_page(w, 0, 20)->flags, 0);
	assert_int_equal(world_host(w).swap.used_pages, 20);
	assert_false(world_read(w, 0, 4));
	world_finish(w);                        /* with 5 */
	world_finish(w);                        /* alone */
	assert_int_equal(w->body.broken[0], 1); /* said once */
	assert_int_equal(world_guest(w, 0, 4)->content, FAKE_ZERO);
	assert_int_equal(world_host(w).swap.errors, 3);
	world_free(w);
}

/* A write that fails costs its slots, and no page: all 21 are back at once, or from their stages when touched. */
static void a_failed_write_loses_nothing(void **state)
{
	struct mm_world *w = lone_vm("fifo", 100);

	(void)state;
	assert_int_equal(world_reclaim(w, 100), 21);
	assert_true(world_read(w, 0, 3));
	assert_true(world_write(w, 0, 4, 77));
	w->body.fail_write_ppm = PPM;
	world_finish(w);
	w->body.fail_write_ppm = 0;
	for (uint64_t g = 0; g < 21; g++) {
		assert_int_equal(world_state(w, 0, g), PAGE_RESIDENT);
		assert_false(world_page(w, 0, g)->flags & PAGE_HAS_SLOT);
		assert_int_equal(world_guest(w, 0, g)->content, g == 4 ? 77 : world_stamp(0, g));
	}
	assert_int_equal(world_host(w).swap.used_pages, 21); /* bad, for good */
	assert_int_equal(world_host(w).swap.errors, 1);
	assert_int_equal(world_host(w).swap.written_pages, 0);
	assert_int_equal(world_reclaim(w, 100), 21);
	assert_int_equal(w->body.io[0]->slot.v, 21);
	world_finish(w);
	mm_vm_end(w->mm, 0, 0);
	assert_int_equal(world_host(w).swap.used_pages, 21);
	world_free(w);
}

/* The same with a body that refuses to map: the content stays in the stages. */
static void a_failed_write_of_pages_that_cannot_be_mapped(void **state)
{
	struct mm_world *w = lone_vm("fifo", 100);

	(void)state;
	assert_int_equal(world_reclaim(w, 100), 21);
	w->body.fail_write_ppm = w->body.refuse_map_ppm = PPM;
	world_finish(w);
	w->body.fail_write_ppm = w->body.refuse_map_ppm = 0;
	assert_int_equal(world_vm(w, 0).sampled_pages, 21);
	assert_int_equal(world_vm(w, 0).resident_pages, 769);
	for (uint64_t g = 0; g < 21; g++)
		world_must_read(w, 0, g);
	assert_int_equal(world_vm(w, 0).sampled_pages, 0);
	world_free(w);
}

/* Every slot goes bad: swap is full, nobody dies of it. */
static void a_disk_that_takes_no_write(void **state)
{
	struct mm_world *w = lone_vm("clock", 64);

	(void)state;
	w->body.fail_write_ppm = PPM;
	for (unsigned i = 0; i < 100; i++) {
		world_reclaim(w, 100);
		world_finish_all(w);
	}
	assert_int_equal(world_host(w).swap.used_pages, 64);
	assert_int_equal(world_vm(w, 0).swapped_pages, 0);
	assert_int_equal(world_vm(w, 0).resident_pages, 769);
	for (uint64_t g = 0; g < 769; g++)
		world_must_read(w, 0, g);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next_fit),
		cmocka_unit_test(slots_of_clean_pages_are_taken_back),
		cmocka_unit_test(swap_full),
		cmocka_unit_test(swap_full_is_not_for_ever),
		cmocka_unit_test(a_failed_read_of_a_cluster_is_tried_alone),
		cmocka_unit_test(a_lost_page_breaks_its_vm),
		cmocka_unit_test(a_failed_write_loses_nothing),
		cmocka_unit_test(a_failed_write_of_pages_that_cannot_be_mapped),
		cmocka_unit_test(a_disk_that_takes_no_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
