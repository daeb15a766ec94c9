/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_waiting_test.c: faults that find no frame: who is served first, who may have the last pages, and how waiting ends.
 *
 * A machine of 1000 pages: reserve 192, thresholds 60, 40, 20, 10, targets sum to 748; 808 pages are free at first.
 */
#include "tests/support/mm_world.h"

static void place_zeros(struct mm_world *w, uint32_t vm, uint64_t from, uint64_t to)
{
	for (uint64_t g = from; g < to; g++)
		assert_int_equal(mm_place(w->mm, vm, gfn(g), NULL, false, w->body.now_ns), 0);
	fake_body_check(&w->body);
}

static bool present(const struct mm_world *w, uint32_t vm, uint64_t g)
{
	return world_guest(w, vm, g)->present;
}

/*
 * VM 0 has 2000 pages, VMs 1 and 2 500 each: targets 748 * 2/3 = 498.67, 748 / 6 = 124.67 twice; two pages over, equal
 * remainders: 499, 125, 124. VM 0 gets what leaves `left` pages free, and is above its target.
 */
static struct mm_world *three_vms(npages_t resident_1, npages_t resident_2, npages_t left)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	world_add(w, 2000, 0);
	world_add(w, 500, 0);
	world_add(w, 500, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 499);
	assert_int_equal(world_vm(w, 1).target_pages, 125);
	assert_int_equal(world_vm(w, 2).target_pages, 124);
	place_zeros(w, 1, 0, resident_1);
	place_zeros(w, 2, 0, resident_2);
	place_zeros(w, 0, 0, 808 - resident_1 - resident_2 - left);
	assert_int_equal(world_host(w).free_pages, left);
	return w;
}

/* VM 0 leaves one page of zeros, whose frame goes to whoever is next. */
static void one_frame(struct mm_world *w)
{
	assert_int_equal(world_reclaim(w, 1), 1);
	assert_int_equal(world_host(w).free_pages, 0);
}

static void the_last_pages_are_for_vms_below_their_target(void **state)
{
	struct mm_world *w = three_vms(20, 124, 11);

	(void)state;
	assert_true(world_read(w, 0, 1000)); /* 11 > low */
	assert_false(world_read(w, 0, 1001));
	assert_false(world_read(w, 0, 1002));
	assert_false(world_read(w, 2, 200)); /* at its target is not below */
	for (uint64_t g = 100; g < 110; g++)
		assert_true(world_read(w, 1, g)); /* passes the others by */
	assert_int_equal(world_host(w).free_pages, 0);
	assert_false(world_read(w, 1, 110));
	assert_int_equal(world_vm(w, 0).waiting_faults, 2);
	assert_int_equal(world_vm(w, 1).waiting_faults, 1);
	assert_int_equal(world_vm(w, 2).waiting_faults, 1);
	world_free(w);
}

/* 100 of 125 and 99 of 124: VM 2 lacks 25/124 = 0.2016, VM 1 25/125 = 0.2; then they take turns. */
static void furthest_below_its_target_first(void **state)
{
	struct mm_world *w = three_vms(100, 99, 0);
	static const struct {
		uint32_t vm;
		uint64_t page;
	} order[] = {{2, 209}, {1, 109}, {2, 208}, {1, 108}, {2, 207}, {1, 107}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) { /* page numbers fall, so that order of arrival shows */
		assert_false(world_read(w, 0, 1000 - i));
		assert_false(world_read(w, 1, 109 - i));
		assert_false(world_read(w, 2, 209 - i));
	}
	for (unsigned i = 0; i < 6; i++) {
		assert_false(present(w, order[i].vm, order[i].page));
		one_frame(w);
		assert_true(present(w, order[i].vm, order[i].page));
	}
	for (unsigned i = 0; i < 3; i++)
		assert_false(present(w, 0, 1000 - i)); /* above its target: later */
	assert_int_equal(world_vm(w, 0).waiting_faults, 3);
	assert_int_equal(world_vm(w, 1).waiting_faults, 0);
	world_free(w);
}

/* A share of the target counts, not pages: VM 0 lacks 99 of 499 (0.198), VM 1 only 30, but of 125 (0.24). */
static void need_is_relative(void **state)
{
	struct mm_world *w = three_vms(95, 124, 189);

	(void)state;
	assert_int_equal(world_vm(w, 0).resident_pages, 400);
	w->body.refuse_map_ppm = PPM;
	assert_false(world_read(w, 0, 1000));
	assert_false(world_read(w, 1, 100));
	w->body.refuse_map_ppm = 0;
	place_zeros(w, 2, 124, 312);
	assert_int_equal(world_host(w).free_pages, 1);
	world_tick(w);
	assert_true(present(w, 1, 100));
	assert_false(present(w, 0, 1000));
	world_free(w);
}

static void equal_need_lower_vmid_first(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 1000, 0);
	world_add(w, 500, 0); /* 374, 187, 187 */
	world_add(w, 500, 0);
	place_zeros(w, 1, 0, 100);
	place_zeros(w, 2, 0, 100);
	place_zeros(w, 0, 0, 608);
	assert_false(world_read(w, 2, 450));
	assert_false(world_read(w, 1, 450));
	one_frame(w);
	assert_true(present(w, 1, 450));
	assert_false(present(w, 2, 450));
	world_free(w);
}

static void a_page_waits_once(void **state)
{
	struct mm_world *w = three_vms(0, 0, 0);

	(void)state;
	assert_false(world_read(w, 0, 1000));
	assert_false(world_read(w, 0, 1000));
	world_event(w, 0, 1000, MM_FAULT_WRITE_PROTECTED);
	assert_int_equal(world_vm(w, 0).waiting_faults, 1);
	world_free(w);
}

/* 64 wait; more are woken to try again, and are not forgotten: they fault again. */
static void more_than_the_queue_holds(void **state)
{
	struct mm_world *w = three_vms(0, 0, 0);

	(void)state;
	for (uint64_t g = 1000; g < 1000 + MM_WAITING; g++)
		assert_false(world_read(w, 0, g));
	assert_int_equal(world_guest(w, 0, 1063)->woken, 0);
	assert_false(world_read(w, 0, 1064));
	assert_int_equal(world_guest(w, 0, 1064)->woken, 1);
	assert_int_equal(world_vm(w, 0).waiting_faults, MM_WAITING);
	assert_false(world_read(w, 1, 0)); /* each VM has its own */
	assert_int_equal(world_vm(w, 1).waiting_faults, 1);
	world_free(w);
}

static void waiting_time_is_counted(void **state)
{
	struct mm_world *w = three_vms(0, 0, 0);

	(void)state;
	w->body.now_ns = 100;
	assert_false(world_read(w, 0, 1000));
	w->body.now_ns = 150;
	assert_false(world_read(w, 1, 0));
	w->body.now_ns = 180;
	assert_int_equal(world_vm(w, 0).stalled_ns, 80);
	assert_int_equal(world_vm(w, 1).stalled_ns, 30);
	one_frame(w); /* VM 1's */
	w->body.now_ns = 200;
	assert_int_equal(world_vm(w, 0).stalled_ns, 100);
	assert_int_equal(world_vm(w, 1).stalled_ns, 30);
	assert_int_equal(world_vm(w, 2).stalled_ns, 0);
	world_free(w);
}

/* What an ended VM had goes to those who wait; its own waiting faults are forgotten. */
static void an_end_serves_the_others(void **state)
{
	struct mm_world *w = three_vms(0, 3, 0);

	(void)state;
	for (uint64_t g = 0; g < 5; g++) {
		assert_false(world_read(w, 0, 1000 + g));
		assert_false(world_read(w, 1, g));
		assert_false(world_read(w, 2, 100 + g));
	}
	mm_vm_end(w->mm, 2, w->body.now_ns);
	fake_body_check(&w->body);
	assert_int_equal(world_vm(w, 1).waiting_faults,
			 2); /* 3 frames, to the one below its target */
	assert_int_equal(world_vm(w, 0).waiting_faults, 5);
	assert_int_equal(world_vm(w, 2).waiting_faults, 0);
	mm_vm_end(w->mm, 0, w->body.now_ns);
	assert_int_equal(world_vm(w, 1).waiting_faults, 0);
	assert_int_equal(world_vm(w, 1).resident_pages, 5);
	world_free(w);
}

/* A doomed VM pays with pages of its own, never with a pinned one, and is not held up by the others. */
static void a_doomed_vm_is_served_at_its_own_cost(void **state)
{
	struct mm_world *w = three_vms(0, 3, 1);

	(void)state;
	assert_int_equal(mm_place(w->mm, 2, gfn(3), NULL, true, 0), 0);
	assert_false(world_read(w, 1, 0));
	for (uint64_t g = 100; g < 104; g++)
		assert_false(world_read(w, 2, g));
	mm_vm_doom(w->mm, 2, 0);
	fake_body_check(&w->body);
	/* 100 costs page 0, 101 page 1, 102 page 2; then 3 is pinned, and 103 costs 100 */
	for (uint64_t g = 0; g < 4; g++)
		assert_int_equal(present(w, 2, g), g == 3);
	for (uint64_t g = 100; g < 104; g++)
		assert_int_equal(present(w, 2, g), g > 100);
	assert_int_equal(world_vm(w, 2).waiting_faults, 0);
	assert_int_equal(world_vm(w, 2).resident_pages, 4);
	assert_int_equal(world_vm(w, 1).waiting_faults, 1);
	assert_int_equal(world_host(w).free_pages, 0);
	world_free(w);
}

/* Its page in swap comes with its content. */
static void a_doomed_vm_reads_from_swap(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	world_page_out(w, 0, 0, 21);
	place_zeros(w, 0, 769, 829);
	assert_int_equal(world_host(w).free_pages, 0);
	assert_false(world_read(w, 0, 6));
	assert_int_equal(w->body.nr_io, 0);
	mm_vm_doom(w->mm, 0, 0);
	assert_int_equal(w->body.nr_io, 1);
	assert_int_equal(world_state(w, 0, 21), PAGE_UNTOUCHED); /* the oldest resident page */
	world_finish(w);
	assert_int_equal(world_guest(w, 0, 6)->content, world_stamp(0, 6));
	assert_int_equal(world_host(w).free_pages, 0);
	world_free(w);
}

/* The reserve holds 32 pages for this. */
static void stopping_releases_waiting_faults(void **state)
{
	struct mm_world *w = three_vms(0, 0, 0);

	(void)state;
	for (uint64_t g = 0; g < 40; g++)
		assert_false(world_read(w, 0, 1000 + g)); /* far above its target */
	mm_stop(w->mm, 0);
	fake_body_check(&w->body);
	assert_int_equal(world_vm(w, 0).waiting_faults, 8);
	for (uint64_t g = 0; g < 40; g++)
		assert_int_equal(present(w, 0, 1000 + g), g < MM_STOP_PAGES);
	assert_int_equal(world_host(w).reserve_pages, 160);
	assert_int_equal(world_host(w).used_pages, 1000);
	mm_stop(w->mm, 0); /* once is enough */
	assert_int_equal(world_host(w).reserve_pages, 160);
	mm_vm_doom(w->mm, 0, 0);
	assert_int_equal(world_vm(w, 0).waiting_faults, 0);
	world_free(w);
}

/* Before any fault waits: the next ones are served, targets or not. */
static void stopping_with_nobody_waiting(void **state)
{
	struct mm_world *w = three_vms(0, 0, 10);

	(void)state;
	mm_stop(w->mm, 0);
	for (uint64_t g = 0; g < 42; g++)
		assert_true(world_read(w, 0, 1000 + g));
	assert_false(world_read(w, 0, 1042));
	assert_false(mm_reclaim_needed(w->mm));
	world_free(w);
}

/* Swap is full, everybody waits: stopping serves all the same, with the true content of pages in swap. */
static void stopping_with_swap_full(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000, .swap = 10});

	(void)state;
	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	assert_int_equal(world_reclaim(w, 100), 10);
	world_finish_all(w);
	place_zeros(w, 0, 769, 818);
	for (uint64_t g = 818; g < 898; g++)
		assert_false(world_read(w, 0, g));
	assert_int_equal(world_vm(w, 0).waiting_faults, MM_WAITING);
	assert_int_equal(world_reclaim(w, 100), 0);
	mm_stop(w->mm, 0);
	assert_int_equal(world_vm(w, 0).waiting_faults, MM_WAITING - MM_STOP_PAGES);
	mm_vm_doom(w->mm, 0, 0);
	assert_int_equal(world_vm(w, 0).waiting_faults, 0);
	assert_false(world_read(w, 0, 3));
	world_finish(w);
	assert_int_equal(world_guest(w, 0, 3)->content, world_stamp(0, 3));
	mm_vm_end(w->mm, 0, 0);
	assert_int_equal(world_host(w).swap.used_pages, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_pages_are_for_vms_below_their_target),
		cmocka_unit_test(furthest_below_its_target_first),
		cmocka_unit_test(need_is_relative),
		cmocka_unit_test(equal_need_lower_vmid_first),
		cmocka_unit_test(a_page_waits_once),
		cmocka_unit_test(more_than_the_queue_holds),
		cmocka_unit_test(waiting_time_is_counted),
		cmocka_unit_test(an_end_serves_the_others),
		cmocka_unit_test(a_doomed_vm_is_served_at_its_own_cost),
		cmocka_unit_test(a_doomed_vm_reads_from_swap),
		cmocka_unit_test(stopping_releases_waiting_faults),
		cmocka_unit_test(stopping_with_nobody_waiting),
		cmocka_unit_test(stopping_with_swap_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
