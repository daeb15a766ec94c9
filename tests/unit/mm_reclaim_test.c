/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_reclaim_test.c: the host pager: whose pages go, which, how, and where it stops.
 *
 * Mostly a machine of 1000 pages: reserve 192, thresholds 60, 40, 20, 10, targets sum to 748. 769 resident pages leave
 * 39 free, below soft; 21 must leave to reach high, and a lone VM of 900 is then at its target, 748.
 */
#include "tests/support/mm_world.h"

static struct mm_world *lone_vm(const char *pager, npages_t swap)
{
	struct mm_world *w =
		world_make((struct mm_world_options){.memory = 1000, .pager = pager, .swap = swap});

	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	return w;
}

static void a_cluster_is_one_request(void **state)
{
	struct mm_world *w = lone_vm("fifo", 0);

	(void)state;
	assert_int_equal(world_reclaim(w, 100), 21);
	assert_int_equal(w->body.nr_io, 1);
	assert_int_equal(w->body.io[0]->nr, 21);
	assert_true(w->body.io[0]->write);
	for (uint32_t g = 0; g < 21; g++) {
		assert_int_equal(w->body.io[0]->page[g].gfn, g); /* the oldest, in order */
		assert_int_equal(world_slot(w, 0, g), g);        /* next to each other */
		assert_int_equal(world_state(w, 0, g), PAGE_LEAVING);
		assert_int_equal(w->body.io[0]->stage[g].v, MM_READ_STAGES + g);
	}
	assert_int_equal(world_vm(w, 0).resident_pages, 769);
	world_finish(w);
	assert_int_equal(world_vm(w, 0).resident_pages, 748);
	assert_int_equal(world_vm(w, 0).swapped_pages, 21);
	assert_int_equal(world_vm(w, 0).paged_out_pages, 21);
	assert_int_equal(world_host(w).swap.written_pages, 21);
	assert_int_equal(world_host(w).swap.used_pages, 21);
	for (uint32_t g = 0; g < 21; g++)
		assert_int_equal(w->body.disk[g], world_stamp(0, g));
	world_free(w);
}

static void no_more_than_asked_for(void **state)
{
	struct mm_world *w = lone_vm("fifo", 0);

	(void)state;
	assert_int_equal(world_reclaim(w, 0), 0);
	assert_int_equal(world_reclaim(w, 5), 5);
	assert_int_equal(world_reclaim(w, 5), 5);
	assert_int_equal(w->body.nr_io, 2);
	assert_int_equal(w->body.io[1]->slot.v, 5); /* unused slots of the first went back */
	world_free(w);
}

/* Clusters have at most 32 pages; of the 24 requests, writes leave two to faults that must read. */
static void requests_are_limited(void **state)
{
	const unsigned writes = MM_IOS - 2;
	struct mm_world *w = world_make((struct mm_world_options){.memory = 100000});

	(void)state;
	/* reserve 192, high 6000, soft 4000: target 93808; 95809 resident leave 3999 free: 2001 must go */
	world_add(w, 99000, 0);
	world_fill(w, 0, 0, 95809);
	assert_int_equal(world_reclaim(w, 5000), writes * MM_CLUSTER_PAGES);
	assert_int_equal(w->body.nr_io, writes);
	for (unsigned i = 0; i < writes; i++) {
		assert_int_equal(w->body.io[i]->nr, MM_CLUSTER_PAGES);
		assert_int_equal(w->body.io[i]->slot.v, i * MM_CLUSTER_PAGES);
	}
	assert_int_equal(world_reclaim(w, 5000), 0);
	assert_false(mm_idle(w->mm));
	world_finish(w);
	assert_int_equal(world_reclaim(w, 5000), MM_CLUSTER_PAGES);
	fake_body_settle(&w->body);
	assert_int_equal(world_host(w).free_pages, 6000);
	assert_true(mm_idle(w->mm));
	world_free(w);
}

static void read_back(struct mm_world *w, uint64_t from, uint64_t to)
{
	for (uint64_t g = from; g < to; g++)
		while (!world_read(w, 0, g))
			world_finish_all(w);
}

/* Of 769 pages, 700 are pinned: so fifo comes round to pages that came back clean. */
static void clean_pages_are_dropped(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 900, 0);
	for (uint64_t g = 100; g < 800; g++)
		assert_int_equal(mm_place(w->mm, 0, gfn(g), NULL, true, 0), 0);
	world_fill(w, 0, 0, 69);
	for (uint64_t g = 0; g < 63;
	     g += 21) { /* the next 21 in turn; those that came last are guarded */
		world_page_out(w, 0, g, g + 21);
		read_back(w, g, g + 21);
	}
	assert_int_equal(world_host(w).free_pages, 39);
	assert_int_equal(world_host(w).swap.used_pages, 63);
	assert_true(world_write(w, 0, 4, 77));
	/* next are 63 to 68, never written, then 0 to 14, of which 4 is dirty again */
	assert_int_equal(world_reclaim(w, 100), 21);
	assert_int_equal(world_host(w).swap.clean_drops, 14);
	assert_int_equal(world_host(w).free_pages, 39 + 14); /* at once */
	assert_int_equal(w->body.nr_io, 1);
	assert_int_equal(w->body.io[0]->nr, 7);
	assert_int_equal(world_state(w, 0, 14), PAGE_SWAPPED);
	assert_int_equal(world_slot(w, 0, 14), 14);
	assert_int_equal(world_state(w, 0, 4), PAGE_LEAVING);
	assert_int_equal(world_slot(w, 0, 4), 69);
	world_finish(w);
	assert_int_equal(world_host(w).swap.written_pages, 70);
	assert_int_equal(world_host(w).swap.used_pages, 69);
	assert_int_equal(world_vm(w, 0).paged_out_pages, 84);
	read_back(w, 0, 5);
	assert_int_equal(world_guest(w, 0, 3)->content, world_stamp(0, 3));
	assert_int_equal(world_guest(w, 0, 4)->content, 77);
	world_free(w);
}

/* Pages of zeros leave without I/O and without a slot, dirty ones beside them with. */
static void zeros_are_never_written(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 900, 0);
	for (uint64_t g = 0; g < 769; g++)
		assert_true(world_write(w, 0, g, g % 3 ? world_stamp(0, g) : FAKE_ZERO));
	assert_int_equal(world_reclaim(w, 100), 21); /* 0, 3, .. 18 are zeros: 7 */
	assert_int_equal(world_host(w).swap.zero_drops, 7);
	assert_int_equal(world_host(w).free_pages, 46); /* at once */
	assert_int_equal(w->body.nr_io, 1);
	assert_int_equal(w->body.io[0]->nr, 14);
	assert_int_equal(world_slot(w, 0, 1), 0); /* no gaps in the slots */
	assert_int_equal(world_slot(w, 0, 20), 13);
	world_finish(w);
	assert_int_equal(world_host(w).swap.used_pages, 14);
	assert_int_equal(world_vm(w, 0).paged_out_pages, 21);
	world_free(w);
}

/* The 32 pages brought in last and pinned pages are no victims: of 90 pages, 40 pinned, 18 are left. */
static void guarded_and_pinned_pages_stay(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 100, 0);
	world_add(w, 20000, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 64);
	assert_int_equal(world_vm(w, 1).target_pages, 684);
	for (uint64_t g = 0; g < 40; g++)
		assert_int_equal(mm_place(w->mm, 0, gfn(g), NULL, true, 0), 0);
	world_fill(w, 0, 40, 90);
	world_fill(w, 1, 0, 679);
	assert_int_equal(world_host(w).free_pages, 39);
	assert_int_equal(world_reclaim(w, 100), 18);
	for (uint64_t g = 0; g < 90; g++)
		assert_int_equal(world_state(w, 0, g),
				 g >= 40 && g < 58 ? PAGE_LEAVING : PAGE_RESIDENT);
	assert_int_equal(world_vm(w, 0).pinned_pages, 40);
	assert_int_equal(world_reclaim(w, 100), 0);
	assert_int_equal(world_vm(w, 1).leaving_pages, 0); /* below its target */
	world_finish_all(w);
	/* three more come in: three are guarded no longer */
	assert_false(world_read(w, 0, 40));
	assert_false(world_read(w, 0, 44));
	assert_false(world_read(w, 0, 48));
	world_finish_all(w);
	assert_int_equal(world_reclaim(w, 100), 3);
	assert_int_equal(world_state(w, 0, 58), PAGE_LEAVING);
	assert_int_equal(world_state(w, 0, 60), PAGE_LEAVING);
	assert_int_equal(world_state(w, 0, 61), PAGE_RESIDENT);
	world_free(w);
}

/* Minimums and the floor are targets' business; what reclaim must keep is: never below the target. */
static void never_below_the_target(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 300, 200); /* share 748 * 300 / 1300 = 172.6: its minimum binds */
	world_add(w, 1000, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 200);
	assert_int_equal(world_vm(w, 1).target_pages, 548);
	world_fill(w, 0, 0, 210);
	world_fill(w, 1, 0, 559); /* 769 */
	assert_int_equal(world_reclaim(w, 1000), 21);
	world_finish_all(w);
	assert_int_equal(world_vm(w, 0).resident_pages, 200);
	assert_int_equal(world_vm(w, 1).resident_pages, 548);
	assert_int_equal(world_reclaim(w, 1000), 0);
	world_free(w);
}

/* Leaving pages are gone as far as the choice goes: a VM is not asked twice for the same excess. */
static void leaving_pages_count_as_gone(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 450, 0);
	world_add(w, 450, 0); /* 374 each */
	world_fill(w, 0, 0, 389);
	world_fill(w, 1, 0, 380); /* 15 and 6 over */
	assert_int_equal(world_reclaim(w, 15), 15);
	assert_int_equal(world_vm(w, 0).leaving_pages, 15);
	assert_int_equal(world_reclaim(w, 100), 6);
	assert_int_equal(world_vm(w, 0).leaving_pages, 15);
	assert_int_equal(world_vm(w, 1).leaving_pages, 6);
	world_free(w);
}

/* Furthest above as a share of the target: 12 of 498 (2.4 %) against 9 of 250 (3.6 %). */
static void the_vm_furthest_above_gives_first(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 800, 498);
	world_add(w, 1600, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 498); /* share 249.3: the minimum binds */
	assert_int_equal(world_vm(w, 1).target_pages, 250);
	world_fill(w, 0, 0, 510);
	world_fill(w, 1, 0, 259);
	assert_int_equal(world_reclaim(w, 9), 9);
	assert_int_equal(world_vm(w, 1).leaving_pages, 9);
	assert_int_equal(world_reclaim(w, 100), 12);
	assert_int_equal(world_vm(w, 0).leaving_pages, 12);
	world_free(w);
}

static void a_page_the_host_holds_stays(void **state)
{
	struct mm_world *w = lone_vm("fifo", 0);

	(void)state;
	w->body.refuse_withdraw_ppm = PPM;
	assert_int_equal(world_reclaim(w, 100), 0);
	assert_int_equal(w->body.nr_io, 0);
	assert_true(mm_idle(w->mm));
	assert_int_equal(world_vm(w, 0).resident_pages, 769);
	assert_int_equal(world_host(w).swap.used_pages, 0);
	assert_true(world_vm(w, 0).body_errors > 0);
	w->body.refuse_withdraw_ppm = 0;
	assert_int_equal(world_reclaim(w, 100), 21);
	world_free(w);
}

/*
 * A page touched while it is written is no victim again before its write is done, guarded or not. VM 0, of which 260
 * pages are pinned, is far above its target, 64; fifo's next are 8 to 39, then 5, then 40; 41 to 72 are guarded.
 */
static void a_busy_slot_keeps_its_page(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 10000});

	(void)state;
	world_add(w, 460, 0);
	world_add(w, 80000, 0); /* 9208 * 460 / 80460 = 52.6 */
	assert_int_equal(world_vm(w, 0).target_pages, 64);
	for (uint64_t g = 200; g < 460; g++)
		assert_int_equal(mm_place(w->mm, 0, gfn(g), NULL, true, 0), 0);
	world_fill(w, 0, 0, 40);
	world_fill(w, 1, 0, 9109);
	assert_int_equal(world_reclaim(w, 8), 8);
	assert_true(world_read(w, 0, 5));
	world_fill(w, 0, 40, 73);
	assert_int_equal(world_reclaim(w, 200), 33);
	assert_int_equal(world_state(w, 0, 40), PAGE_LEAVING);
	assert_int_equal(world_state(w, 0, 41), PAGE_RESIDENT);
	assert_int_equal(world_state(w, 0, 5), PAGE_RESIDENT);
	world_finish(w); /* 0 to 7 */
	assert_int_equal(world_reclaim(w, 200), 1);
	assert_int_equal(world_state(w, 0, 5), PAGE_SWAPPED); /* clean now */
	world_free(w);
}

/* No swap space at all: nothing is paged, and nobody asks for it. */
static void without_swap(void **state)
{
	struct mm_config config = world_config(&(struct mm_world_options){.memory = 1000});
	struct mm_vm_config vm = {.pages = 900, .shares = 1000};
	struct fake_body *body = test_calloc(1, sizeof *body);

	(void)state;
	config.swap_pages = 0;
	fake_body_init(body, 0, 1);
	fake_body_add_vm(body, 0, 900);
	assert_int_equal(mm_create(&config, &fake_body_ops, body, &body->mm), 0);
	assert_int_equal(mm_vm_add(body->mm, 0, &vm, 0), 0);
	for (uint64_t g = 0; g < 800; g++)
		mm_fault(body->mm, 0, gfn(g), MM_FAULT_MISSING, 0);
	fake_body_check(body);
	assert_false(mm_reclaim_needed(body->mm));
	assert_int_equal(mm_reclaim(body->mm, 100, 0), 0);
	assert_int_equal(body->reclaim_wishes, 0);
	assert_int_equal(body->frames, 798); /* 10 free pages are not for a VM above its target */
	mm_destroy(body->mm);
	fake_body_free(body);
	test_free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cluster_is_one_request),
		cmocka_unit_test(no_more_than_asked_for),
		cmocka_unit_test(requests_are_limited),
		cmocka_unit_test(clean_pages_are_dropped),
		cmocka_unit_test(zeros_are_never_written),
		cmocka_unit_test(guarded_and_pinned_pages_stay),
		cmocka_unit_test(never_below_the_target),
		cmocka_unit_test(leaving_pages_count_as_gone),
		cmocka_unit_test(the_vm_furthest_above_gives_first),
		cmocka_unit_test(a_page_the_host_holds_stays),
		cmocka_unit_test(a_busy_slot_keeps_its_page),
		cmocka_unit_test(without_swap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
