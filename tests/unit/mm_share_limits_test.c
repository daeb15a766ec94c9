/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_share_limits_test.c: what sharing may not do: take what VMs were promised, hold the lock for long, leave a frame
 * that is still mapped, mix up VMs whose pages have neighbouring numbers, make balloons grow for shared pages.
 *
 * The scanner goes in rising order, a page of each VM in turn, at no limit.
 */
#include <stdlib.h>

#include "tests/support/mm_world.h"

#define CAPACITY 8192u

static struct mm_world *make(struct mm_world_options options, bool balloon)
{
	struct mm_world *w = calloc(1, sizeof *w);
	struct mm_config config = world_config(&options);

	assert_non_null(w);
	config.balloon = balloon;
	config.share_capacity_pages = CAPACITY;
	config.scan = (struct dedup_scan_config){.order = DEDUP_SCAN_SEQUENTIAL,
						 .rate_pages = DEDUP_SCAN_UNLIMITED,
						 .vm_rate_pages = DEDUP_SCAN_UNLIMITED};
	fake_body_init(&w->body, config.swap_pages, 1);
	fake_body_add_pool(&w->body, CAPACITY);
	assert_int_equal(mm_create(&config, &fake_body_ops, &w->body, &w->mm), 0);
	w->body.mm = w->mm;
	return w;
}

static void scan(struct mm_world *w, uint32_t pages)
{
	uint64_t again;

	while (pages--)
		mm_scan(w->mm, 1, w->body.now_ns, &again);
	fake_body_check(&w->body);
}

/* A write that may have to wait: for pages to leave, and for ticks. */
static void write_in_the_end(struct mm_world *w, uint32_t vm, uint64_t g, uint64_t content)
{
	for (unsigned tries = 0; tries < 50; tries++) {
		if (world_write(w, vm, g, content))
			return;
		fake_body_settle(&w->body);
		fake_body_check(&w->body);
	}
	fail_msg("VM %u waits for page %lu for ever", vm, (unsigned long)g);
}

/* The last page of VM 0 and the first of VM 1 have neighbouring numbers, and two pages of VM 2 are like them. */
static void a_run_is_of_one_vm(void **state)
{
	struct mm_world *w = make((struct mm_world_options){0}, false);

	(void)state;
	for (uint32_t vm = 0; vm < 3; vm++)
		world_add(w, 64, 0);
	assert_true(world_write(w, 0, 63, 7) && world_write(w, 1, 0, 8));
	scan(w, 192);
	assert_true(world_write(w, 2, 10, 7) && world_write(w, 2, 11, 8));
	scan(w, 192);
	for (uint64_t g = 10; g < 12; g++) {
		assert_int_equal(world_state(w, 2, g), PAGE_SHARED);
		assert_int_equal(world_page(w, 2, g)->slot, 63 + g - 10);
	}
	assert_int_equal(world_host(w).share.shared_frames, 2);
	assert_int_equal(world_host(w).share.shared_pages, 4);
	world_free(w);
}

/*
 * 1000 pages: less the reserve of 192 and 60 for high, 748 for VMs. Two VMs of 750 pages that are alike: their least
 * is 64 each, so the pool gets no more than 620 frames. Then one writes to all its pages: the other one's frames stay,
 * and what is left must do.
 */
static void the_pool_leaves_room(void **state)
{
	struct mm_world *w = make((struct mm_world_options){.memory = 1000}, false);

	(void)state;
	world_add(w, 750, 0);
	world_add(w, 750, 0);
	for (uint64_t g = 0; g < 750; g++) {
		write_in_the_end(w, 0, g, 1000 + g);
		write_in_the_end(w, 1, g, 1000 + g);
		scan(w, 3000);
		assert_true(world_host(w).share.shared_frames <= 620);
	}
	assert_int_equal(world_host(w).share.shared_frames, 620);
	assert_true(world_host(w).share.reason[DEDUP_NO_FRAME] > 0);
	for (uint64_t g = 0; g < 750; g++)
		write_in_the_end(w, 1, g, 5000 + g);
	for (uint64_t g = 0; g < 750; g++)
		write_in_the_end(w, 0, g, 9000 + g);
	assert_int_equal(world_host(w).share.shared_frames, 0);
	world_free(w);
}

/* Minimums of 300 each leave 748 - 600 frames for the pool, and each VM has its minimum when it wants it. */
static void minimums_stay(void **state)
{
	struct mm_world *w = make((struct mm_world_options){.memory = 1000}, false);

	(void)state;
	world_add(w, 600, 300);
	world_add(w, 600, 300);
	for (uint64_t g = 0; g < 600; g++) {
		write_in_the_end(w, 0, g, 1000 + g);
		write_in_the_end(w, 1, g, 1000 + g);
		scan(w, 2400);
	}
	assert_int_equal(world_host(w).share.shared_frames, 148);
	for (uint64_t g = 0; g < 600; g++)
		write_in_the_end(w, 1, g, 5000 + g);
	world_tick(w);
	assert_true(world_vm(w, 0).target_pages >= 300 && world_vm(w, 1).target_pages >= 300);
	assert_true(world_vm(w, 1).resident_pages >= 300);
	world_free(w);
}

/* The body cannot take a shared page away: the page stays shared and what it was, its frame is not free, and the
 * guest's word counts the next time. */
static void a_page_that_cannot_leave(void **state)
{
	struct mm_world *w = make((struct mm_world_options){0}, true);
	const gfn_t five = gfn(5);

	(void)state;
	for (uint32_t vm = 0; vm < 2; vm++) {
		world_add(w, 64, 0);
		for (uint64_t g = 0; g < 64; g++)
			assert_true(world_write(w, vm, g, 1000 + g));
	}
	scan(w, 256);
	assert_int_equal(world_host(w).share.shared_frames, 64);
	w->body.refuse_discard_ppm = PPM;
	for (uint32_t vm = 0; vm < 2; vm++) {
		assert_int_equal(mm_balloon_gave(w->mm, vm, &five, 1, 0), 0);
		mm_pages_reported(w->mm, vm, gfn(6), 1, 0);
		fake_body_check(&w->body);
		for (uint64_t g = 5; g < 7; g++) {
			assert_int_equal(world_state(w, vm, g), PAGE_SHARED);
			assert_int_equal(world_guest(w, vm, g)->content, 1000 + g);
		}
		assert_int_equal(world_vm(w, vm).body_errors, 2);
		assert_int_equal(world_vm(w, vm).ballooned_pages, 0);
	}
	assert_int_equal(world_host(w).share.shared_frames, 64);
	w->body.refuse_discard_ppm = 0;
	for (uint32_t vm = 0; vm < 2; vm++)
		assert_int_equal(mm_balloon_gave(w->mm, vm, &five, 1, 0), 1);
	assert_int_equal(world_host(w).share.shared_frames, 63);
	world_free(w);
}

/*
 * A pager that samples shares pages instead of sampling them. Two VMs with 2000 pages that are alike, of
 * which one has been scanned: a call for 16 pages looks for no more than 16 pages that share, and two a page.
 */
static void reclaim_shares_as_asked(void **state)
{
	struct mm_world *w =
		make((struct mm_world_options){.memory = 4300, .pager = "clock"}, false);
	npages_t before = 0;

	(void)state;
	assert_true(w->mm->config.pager->wants_samples);
	world_add(w, 3000, 0);
	world_add(w, 2000, 0); /* above its target of 1540 */
	for (uint64_t g = 0; g < 2000; g++) {
		assert_true(world_write(w, 0, g, 1000 + g));
		fake_body_settle(&w->body);
	}
	scan(w, 5000); /* hints of VM 0 */
	for (uint64_t g = 0; g < 2000 && !mm_reclaim_needed(w->mm); g++)
		assert_true(world_write(w, 1, g, 1000 + g));
	assert_true(mm_reclaim_needed(w->mm));
	for (unsigned i = 0; i < 40 && mm_reclaim_needed(w->mm); i++) {
		npages_t now;

		world_reclaim(w, 16);
		now = world_host(w).share.shared_pages;
		assert_true(now - before <= 32);
		before = now;
	}
	assert_true(before > 0);
	fake_body_settle(&w->body);
	world_free(w);
}

/*
 * What a VM shares is not above its target, and its balloon is not asked for it. 2000 pages, 192 of them reserve,
 * 120 for high. VM 0 and 1 of 900 pages share 800 of them; with a VM 2 of 900, that takes what is left, memory is short.
 */
static void balloons_leave_what_is_shared(void **state)
{
	struct mm_world *w = make((struct mm_world_options){.memory = 2000}, true);
	struct mm_vm_stats v;
	npages_t missing;

	(void)state;
	for (uint32_t vm = 0; vm < 3; vm++) {
		world_add(w, 900, 0);
		mm_balloon_driver(w->mm, vm, true, 0);
	}
	for (uint64_t g = 0; g < 400; g++) {
		write_in_the_end(w, 0, g, 1000 + g);
		write_in_the_end(w, 1, g, 1000 + g);
		scan(w, 2700);
	}
	assert_int_equal(world_vm(w, 0).shared_pages, 400);
	for (uint64_t g = 400; g < 900; g++)
		assert_true(world_write(w, 0, g, 7000 + g));
	for (uint64_t g = 0; world_host(w).free_pages > 60; g++)
		assert_true(world_write(w, 2, g, 9000 + g));
	world_tick(w);
	v = world_vm(w, 0);
	missing = 120 - world_host(w).free_pages;
	assert_int_equal(world_host(w).state, MM_SOFT);
	assert_int_equal(v.resident_pages, 500);
	assert_true(v.target_pages < 500);
	/* its part of what is missing, beside the pages that it may have and shares; it has none untouched */
	assert_true(v.balloon_target_pages > 0 && v.balloon_target_pages <= missing);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_is_of_one_vm),
		cmocka_unit_test(the_pool_leaves_room),
		cmocka_unit_test(minimums_stay),
		cmocka_unit_test(a_page_that_cannot_leave),
		cmocka_unit_test(reclaim_shares_as_asked),
		cmocka_unit_test(balloons_leave_what_is_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
