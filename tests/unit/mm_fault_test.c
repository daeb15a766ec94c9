/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_fault_test.c: what a touch does to a page in each state, and what an event does that is no longer true.
 *
 * A machine of 1000 pages: reserve 192, thresholds 60, 40, 20, 10, targets sum to 748. Its one VM has 900 pages and
 * fills 769: 39 are free, which is below soft, so 21 leave, the oldest first: pages 0 to 20 into slots 0 to 20.
 */
#include "tests/support/mm_world.h"

#define OUT 21u /* pages 0 to 20 */

static struct mm_world *small_world(const char *pager)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000, .pager = pager});

	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	return w;
}

static struct mm_world *swapped_world(void)
{
	struct mm_world *w = small_world("fifo");

	world_page_out(w, 0, 0, OUT);
	return w;
}

static void untouched_reads_as_zero(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 100, 0);
	assert_true(world_read(w, 0, 7));
	assert_int_equal(world_guest(w, 0, 7)->content, FAKE_ZERO);
	assert_false(world_guest(w, 0, 7)->protected);
	assert_int_equal(world_state(w, 0, 7), PAGE_RESIDENT);
	assert_int_equal(world_page(w, 0, 7)->flags, 0);
	assert_int_equal(world_vm(w, 0).faults_zero, 1);
	assert_int_equal(world_vm(w, 0).resident_pages, 1);
	assert_int_equal(world_vm(w, 0).untouched_pages, 99);
	assert_int_equal(world_host(w).used_pages, 193);
	world_free(w);
}

static void swapped_is_read_from_its_slot(void **state)
{
	struct mm_world *w = swapped_world();

	(void)state;
	assert_int_equal(world_slot(w, 0, 6), 6);
	assert_int_equal(world_vm(w, 0).swapped_pages, 21);
	assert_false(world_read(w, 0, 6));
	assert_int_equal(world_state(w, 0, 6), PAGE_ARRIVING);
	assert_int_equal(world_host(w).free_pages, 59); /* its frame is set aside */
	assert_int_equal(w->body.nr_io, 1);
	assert_false(w->body.io[0]->write);
	assert_true(w->body.io[0]->demand);
	world_finish(w);
	assert_true(world_guest(w, 0, 6)->present);
	assert_int_equal(world_guest(w, 0, 6)->content, world_stamp(0, 6));
	assert_true(world_guest(w, 0, 6)->protected); /* clean: its slot stays true */
	assert_int_equal(world_state(w, 0, 6), PAGE_RESIDENT);
	assert_int_equal(world_page(w, 0, 6)->flags, PAGE_HAS_SLOT | PAGE_PROTECTED);
	assert_int_equal(world_slot(w, 0, 6), 6);
	assert_int_equal(world_vm(w, 0).faults_swap_in, 1);
	assert_int_equal(world_host(w).free_pages, 59);
	assert_int_equal(world_host(w).swap.used_pages, 21);
	world_free(w);
}

static void swapped_zeros_need_no_slot(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 900, 0);
	world_fill_zero(w, 0, 0, 769);
	assert_int_equal(world_reclaim(w, 100), OUT);
	assert_int_equal(w->body.nr_io, 0);
	assert_int_equal(world_state(w, 0, 3), PAGE_SWAPPED);
	assert_int_equal(world_page(w, 0, 3)->flags, 0);
	assert_int_equal(world_host(w).swap.used_pages, 0);
	assert_true(world_read(w, 0, 3)); /* at once */
	assert_int_equal(world_guest(w, 0, 3)->content, FAKE_ZERO);
	assert_int_equal(world_vm(w, 0).faults_zero, 770);
	assert_int_equal(world_vm(w, 0).faults_swap_in, 0);
	world_free(w);
}

static void first_write_to_a_clean_page(void **state)
{
	struct mm_world *w = swapped_world();

	(void)state;
	world_read(w, 0, 6);
	world_finish(w);
	assert_true(world_write(w, 0, 6, 77));
	assert_int_equal(world_page(w, 0, 6)->flags, 0);
	assert_int_equal(world_host(w).swap.used_pages, 20);
	assert_int_equal(world_vm(w, 0).faults_wp, 1);
	assert_true(world_write(w, 0, 6, 78)); /* no second event */
	assert_int_equal(world_vm(w, 0).faults_wp, 1);
	world_free(w);
}

static void leaving_comes_back_from_its_stage(void **state)
{
	struct mm_world *w = small_world("fifo");

	(void)state;
	assert_int_equal(world_reclaim(w, 100), OUT);
	assert_int_equal(world_state(w, 0, 3), PAGE_LEAVING);
	assert_int_equal(world_vm(w, 0).leaving_pages, 21);
	assert_true(world_read(w, 0, 3)); /* no I/O, no frame */
	assert_int_equal(world_guest(w, 0, 3)->content, world_stamp(0, 3));
	assert_int_equal(world_page(w, 0, 3)->flags, PAGE_HAS_SLOT | PAGE_PROTECTED);
	assert_int_equal(world_host(w).free_pages, 39);
	assert_int_equal(world_vm(w, 0).faults_swap_in, 1);
	assert_int_equal(w->body.nr_io, 1);
	world_finish(w);
	assert_int_equal(world_state(w, 0, 2), PAGE_SWAPPED);
	assert_int_equal(world_state(w, 0, 3), PAGE_RESIDENT);
	assert_int_equal(world_slot(w, 0, 3), 3); /* written, so it is clean */
	assert_int_equal(w->body.disk[3], world_stamp(0, 3));
	assert_int_equal(world_host(w).free_pages, 59);
	world_free(w);
}

/* Written while its old content goes out: the slot is busy, is not true any more, and free when the write is done. */
static void leaving_is_written_by_the_guest(void **state)
{
	struct mm_world *w = small_world("fifo");

	(void)state;
	assert_int_equal(world_reclaim(w, 100), OUT);
	assert_true(world_write(w, 0, 3, 77));
	assert_int_equal(world_page(w, 0, 3)->flags, 0);
	assert_int_equal(world_host(w).swap.used_pages, 21);
	world_finish(w);
	assert_int_equal(world_host(w).swap.used_pages, 20);
	assert_int_equal(world_guest(w, 0, 3)->content, 77);
	world_free(w);
}

/* 31 may come back while they are written; the next one waits for its write, and is then read. */
static void too_many_come_back(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 10000});

	(void)state;
	world_add(w, 9900, 0);
	world_fill(w, 0, 0, 9409);
	assert_int_equal(world_reclaim(w, 32), 32);
	for (uint64_t g = 0; g < MM_EXTRA_STAGES; g++)
		assert_true(world_read(w, 0, g));
	assert_false(world_read(w, 0, 31));
	assert_int_equal(world_state(w, 0, 31), PAGE_LEAVING);
	assert_int_equal(world_vm(w, 0).waiting_faults, 1);
	world_finish(w);
	assert_int_equal(world_state(w, 0, 31), PAGE_ARRIVING);
	assert_int_equal(world_vm(w, 0).waiting_faults, 0);
	world_finish(w);
	assert_true(world_read(w, 0, 31));
	assert_int_equal(world_guest(w, 0, 31)->content, world_stamp(0, 31));
	world_free(w);
}

static void sampled_comes_back_and_counts_as_used(void **state)
{
	struct mm_world *w = small_world("clock");

	(void)state;
	assert_int_equal(world_reclaim(w, 1), 1); /* 64 sampled, the oldest of them leaves */
	assert_int_equal(world_vm(w, 0).sampled_pages, 63);
	assert_int_equal(world_state(w, 0, 5), PAGE_SAMPLED);
	assert_false(world_guest(w, 0, 5)->present);
	assert_int_equal(world_host(w).free_pages, 39);
	assert_true(world_write(w, 0, 5, 77));
	assert_int_equal(world_state(w, 0, 5), PAGE_RESIDENT);
	assert_int_equal(world_page(w, 0, 5)->flags, 0);
	assert_int_equal(world_vm(w, 0).faults_sampled, 1);
	assert_int_equal(world_vm(w, 0).faults_wp, 0);
	assert_int_equal(world_vm(w, 0).sampled_pages, 62);
	assert_int_equal(world_host(w).free_pages, 39);
	world_free(w);
}

/* A clean page keeps its slot through a sample, so it must come back protected (host-kvm rule 3). Clock with every
 * page but the first 64 touched names the clean ones again soon. */
static void a_clean_page_is_still_clean_after_a_sample(void **state)
{
	struct mm_world *w = small_world("clock");
	uint64_t g;

	(void)state;
	assert_int_equal(world_reclaim(w, 21), 21);
	world_finish_all(w);
	assert_false(world_read(w, 0, 0));
	world_finish_all(w);
	assert_int_equal(world_slot(w, 0, 0), 0);
	/* reclaim and refill until page 0, at the tail of clock's queue, is sampled */
	for (g = 769; g < 895 && world_state(w, 0, 0) != PAGE_SAMPLED; g++) {
		for (uint64_t p = 100; p < 700; p++)
			world_read(w, 0, p);
		world_fill(w, 0, g, g + 1);
		world_reclaim(w, 21);
		world_finish_all(w);
		for (uint64_t p = 21; p < 100; p++)
			world_read(w, 0, p);
		world_finish_all(w);
	}
	assert_int_equal(world_state(w, 0, 0), PAGE_SAMPLED);
	assert_true(world_page(w, 0, 0)->flags & PAGE_HAS_SLOT);
	assert_true(world_read(w, 0, 0));
	assert_true(world_guest(w, 0, 0)->protected);
	assert_int_equal(world_page(w, 0, 0)->flags, PAGE_HAS_SLOT | PAGE_PROTECTED);
	world_free(w);
}

/* Events that say the wrong thing, or nothing new: the record decides. */
static void stale_events(void **state)
{
	struct mm_world *w = swapped_world();
	unsigned woken;

	(void)state;
	/* resident and not protected */
	woken = world_guest(w, 0, 100)->woken;
	world_event(w, 0, 100, MM_FAULT_MISSING);
	assert_int_equal(world_guest(w, 0, 100)->woken, woken + 1);
	world_event(w, 0, 100, MM_FAULT_WRITE_PROTECTED);
	assert_int_equal(world_guest(w, 0, 100)->woken, woken + 2);
	assert_int_equal(world_vm(w, 0).faults_stale, 2);
	assert_int_equal(world_vm(w, 0).faults_wp, 0);
	/* untouched: as a touch */
	world_event(w, 0, 800, MM_FAULT_WRITE_PROTECTED);
	assert_int_equal(world_state(w, 0, 800), PAGE_RESIDENT);
	/* swapped: as a touch; protected, so the write announces itself again */
	world_event(w, 0, 6, MM_FAULT_WRITE_PROTECTED);
	assert_int_equal(world_state(w, 0, 6), PAGE_ARRIVING);
	/* arriving: it is on its way */
	world_event(w, 0, 6, MM_FAULT_WRITE_PROTECTED);
	world_event(w, 0, 6, MM_FAULT_MISSING);
	assert_int_equal(w->body.nr_io, 1);
	assert_int_equal(world_vm(w, 0).waiting_faults, 0);
	world_finish(w);
	assert_true(world_guest(w, 0, 6)->protected);
	/* resident and clean: a missing event changes nothing */
	world_event(w, 0, 6, MM_FAULT_MISSING);
	assert_int_equal(world_page(w, 0, 6)->flags, PAGE_HAS_SLOT | PAGE_PROTECTED);
	assert_int_equal(world_vm(w, 0).faults_stale, 3);
	world_free(w);
}

static void stale_events_of_pages_taken_away(void **state)
{
	struct mm_world *w = small_world("clock");

	(void)state;
	assert_int_equal(world_reclaim(w, 2), 2);
	assert_int_equal(world_state(w, 0, 1), PAGE_LEAVING);
	world_event(w, 0, 1, MM_FAULT_WRITE_PROTECTED);
	assert_int_equal(world_state(w, 0, 1), PAGE_RESIDENT);
	assert_true(world_guest(w, 0, 1)->protected);
	assert_int_equal(world_state(w, 0, 9), PAGE_SAMPLED);
	world_event(w, 0, 9, MM_FAULT_WRITE_PROTECTED);
	assert_int_equal(world_state(w, 0, 9), PAGE_RESIDENT);
	assert_int_equal(world_guest(w, 0, 9)->content, world_stamp(0, 9));
	world_free(w);
}

static void events_from_nowhere(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 100, 0);
	world_add(w, 100, 0);
	world_fill(w, 0, 0, 10);
	world_event(w, 0, 100, MM_FAULT_MISSING);
	world_event(w, 0, UINT64_MAX, MM_FAULT_WRITE_PROTECTED);
	world_event(w, 2, 0, MM_FAULT_MISSING);          /* no such VM yet */
	world_event(w, FAKE_VMS, 0, MM_FAULT_MISSING);   /* nor ever */
	world_event(w, MM_VM_NONE, 0, MM_FAULT_MISSING); /* nor at all */
	mm_vm_end(w->mm, 1, 0);
	world_event(w, 1, 5, MM_FAULT_MISSING);
	assert_int_equal(world_guest(w, 1, 5)->woken, 2); /* by its end, and by the event */
	assert_int_equal(world_host(w).used_pages, 202);
	assert_int_equal(world_vm(w, 1).faults_zero, 0);
	world_free(w);
}

/* What the body refuses is undone, waits, and is tried again by the tick. */
static void a_refused_mapping_is_tried_again(void **state)
{
	struct mm_world *w = swapped_world();

	(void)state;
	w->body.refuse_map_ppm = PPM;
	assert_false(world_read(w, 0, 800)); /* zeros */
	assert_false(world_read(w, 0, 6));   /* a read, which must wait behind it */
	assert_int_equal(world_vm(w, 0).waiting_faults, 2);
	assert_int_equal(world_vm(w, 0).resident_pages, 748);
	assert_true(world_vm(w, 0).body_errors >= 1);
	w->body.refuse_map_ppm = 0;
	world_tick(w);
	assert_true(world_guest(w, 0, 800)->present);
	w->body.refuse_map_ppm = PPM;
	world_finish(w); /* page 6 is here, but cannot be mapped: it is read again */
	assert_false(world_guest(w, 0, 6)->present);
	assert_int_equal(world_slot(w, 0, 6), 6);
	w->body.refuse_map_ppm = 0;
	world_tick(w);
	world_finish_all(w);
	assert_int_equal(world_guest(w, 0, 6)->content, world_stamp(0, 6));
	assert_int_equal(world_vm(w, 0).waiting_faults, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(untouched_reads_as_zero),
		cmocka_unit_test(swapped_is_read_from_its_slot),
		cmocka_unit_test(swapped_zeros_need_no_slot),
		cmocka_unit_test(first_write_to_a_clean_page),
		cmocka_unit_test(leaving_comes_back_from_its_stage),
		cmocka_unit_test(leaving_is_written_by_the_guest),
		cmocka_unit_test(too_many_come_back),
		cmocka_unit_test(sampled_comes_back_and_counts_as_used),
		cmocka_unit_test(a_clean_page_is_still_clean_after_a_sample),
		cmocka_unit_test(stale_events),
		cmocka_unit_test(stale_events_of_pages_taken_away),
		cmocka_unit_test(events_from_nowhere),
		cmocka_unit_test(a_refused_mapping_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
