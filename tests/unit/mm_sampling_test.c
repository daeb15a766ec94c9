/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_sampling_test.c: the second hand of the clock: victims are withdrawn first, and leave if nothing touches them.
 *
 * Mostly a machine of 1000 pages: reserve 192, thresholds 60, 40, 20, 10, targets sum to 748. 769 resident pages leave
 * 39 free, below soft; 21 must leave to reach high, and a lone VM of 900 is then at its target, 748.
 */
#include "tests/support/mm_world.h"

static struct mm_world *lone_vm(const char *pager)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000, .pager = pager});

	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	return w;
}

/* Two-handed clock: 64 pages are on probation; the oldest still untouched leaves, a touched one gets another round. */
static void clock_samples_before_it_pages_out(void **state)
{
	struct mm_world *w = lone_vm("clock");

	(void)state;
	assert_int_equal(world_reclaim(w, 1), 1);
	assert_int_equal(world_state(w, 0, 0), PAGE_LEAVING);
	for (uint64_t g = 1; g < 64; g++)
		assert_int_equal(world_state(w, 0, g), PAGE_SAMPLED);
	assert_int_equal(world_state(w, 0, 64), PAGE_RESIDENT);
	assert_int_equal(world_vm(w, 0).sampled_pages, 63);
	assert_true(world_read(w, 0, 1));
	assert_true(world_read(w, 0, 2));
	assert_int_equal(world_reclaim(w, 1), 1); /* 64 joins; 1 and 2 are stale; 3 leaves */
	assert_int_equal(world_state(w, 0, 1), PAGE_RESIDENT);
	assert_int_equal(world_state(w, 0, 3), PAGE_LEAVING);
	assert_int_equal(world_state(w, 0, 64), PAGE_SAMPLED);
	assert_int_equal(world_state(w, 0, 65), PAGE_RESIDENT);
	assert_int_equal(world_reclaim(w, 1), 1); /* room for three: 65, 66, 67 */
	assert_int_equal(world_state(w, 0, 4), PAGE_LEAVING);
	assert_int_equal(world_state(w, 0, 67), PAGE_SAMPLED);
	assert_int_equal(world_state(w, 0, 68), PAGE_RESIDENT);
	assert_int_equal(world_reclaim(w, 100), 18);
	assert_int_equal(world_state(w, 0, 22), PAGE_LEAVING);
	assert_int_equal(world_state(w, 0, 23), PAGE_SAMPLED);
	world_finish_all(w);
	assert_int_equal(world_vm(w, 0).resident_pages, 748); /* sampled pages have their frames */
	world_free(w);
}

/*
 * A touch seen by sampling sets clock's bit. VM 0 is far above its target. Its pages in clock's order: 0 to 39, pinned
 * ones, then 40 to 79. 0 to 7 are sampled and pass to the end of the 40; 1 is touched, so 40 is sampled before it.
 */
static void a_sampled_touch_is_a_second_chance(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.pager = "clock"});

	(void)state;
	world_add(w, 460, 0);
	world_add(w, 80000, 0);
	world_fill(w, 0, 0, 40);
	for (uint64_t g = 200; g < 460; g++)
		assert_int_equal(mm_place(w->mm, 0, gfn(g), NULL, true, 0), 0);
	for (uint64_t g = 8; g < 40;
	     g++) /* guards them: the pinned pages are the last brought in */
		page_guard(&w->mm->vm[0], (uint32_t)g);
	world_fill(w, 1, 0, 9109);
	assert_int_equal(world_reclaim(w, 1), 1);
	assert_int_equal(world_vm(w, 0).sampled_pages, 7);
	assert_true(world_read(w, 0, 1));
	world_fill(w, 0, 40, 80); /* 1 is not guarded any more, nor are 8 to 47 */
	while (world_state(w, 0, 40) == PAGE_RESIDENT)
		assert_int_equal(world_reclaim(w, 1), 1);
	assert_int_equal(world_state(w, 0, 39), PAGE_SAMPLED);
	assert_int_equal(world_state(w, 0, 1), PAGE_RESIDENT);
	while (world_state(w, 0, 1) == PAGE_RESIDENT) /* one chance, not two */
		assert_int_equal(world_reclaim(w, 1), 1);
	assert_int_equal(world_state(w, 0, 1), PAGE_SAMPLED);
	world_free(w);
}

/* At most an eighth of what the VM has is on probation. */
static void small_vms_are_sampled_less(void **state)
{
	struct mm_world *w =
		world_make((struct mm_world_options){.memory = 1000, .pager = "clock"});

	(void)state;
	world_add(w, 120, 0);
	world_add(w, 20000, 0); /* 64 and 684 */
	world_fill(w, 0, 0, 103);
	world_fill(w, 1, 0, 666);
	assert_int_equal(world_reclaim(w, 1), 1);
	assert_int_equal(world_vm(w, 0).sampled_pages, 11); /* 103 / 8 = 12, one of which left */
	world_free(w);
}

static void policies_that_need_no_samples_take_none(void **state)
{
	static const char *const pager[] = {"fifo", "random", "lru"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct mm_world *w = lone_vm(pager[i]);

		assert_int_equal(world_reclaim(w, 100), 21);
		assert_int_equal(world_vm(w, 0).sampled_pages, 0);
		assert_int_equal(world_vm(w, 0).leaving_pages, 21);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_samples_before_it_pages_out),
		cmocka_unit_test(a_sampled_touch_is_a_second_chance),
		cmocka_unit_test(small_vms_are_sampled_less),
		cmocka_unit_test(policies_that_need_no_samples_take_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
