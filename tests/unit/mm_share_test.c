/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_share_test.c: which pages the manager shares, in runs or one by one, what it pays, and what it does when the body
 * refuses.
 *
 * Two or three VMs of 64 pages, page g of each with content 1000 + g unless said otherwise; the scanner goes in rising
 * order, a page of each VM in turn, at no limit.
 */
#include <stdlib.h>

#include "tests/support/mm_world.h"

#define PAGES 64u

static struct mm_world *alike(npages_t memory, uint32_t vms, const uint32_t *groups)
{
	struct mm_world *w = calloc(1, sizeof *w);
	struct mm_config config = world_config(&(struct mm_world_options){.memory = memory});

	assert_non_null(w);
	config.share_capacity_pages = FAKE_VMS * PAGES;
	config.scan = (struct dedup_scan_config){.order = DEDUP_SCAN_SEQUENTIAL,
						 .rate_pages = DEDUP_SCAN_UNLIMITED,
						 .vm_rate_pages = DEDUP_SCAN_UNLIMITED};
	fake_body_init(&w->body, config.swap_pages, 1);
	fake_body_add_pool(&w->body, config.share_capacity_pages);
	assert_int_equal(mm_create(&config, &fake_body_ops, &w->body, &w->mm), 0);
	w->body.mm = w->mm;
	for (uint32_t i = 0; i < vms; i++) {
		struct mm_vm_config vm = {
			.pages = PAGES, .shares = 1000, .group = groups ? groups[i] : 0};

		fake_body_add_vm(&w->body, i, PAGES);
		assert_int_equal(mm_vm_add(w->mm, i, &vm, 0), 0);
		for (uint64_t g = 0; g < PAGES; g++)
			assert_true(world_write(w, i, g, 1000 + g));
	}
	w->nr_vms = vms;
	return w;
}

/* One VM more, its first pages written: with first + their number. */
static void add(struct mm_world *w, npages_t pages, uint64_t written, uint64_t first)
{
	uint32_t vm = world_add(w, pages, 0);

	for (uint64_t g = 0; g < written; g++)
		assert_true(world_write(w, vm, g, first + g));
}

static void scan(struct mm_world *w, uint32_t pages)
{
	uint64_t again;

	while (pages--) {
		mm_scan(w->mm, 1, w->body.now_ns, &again);
		fake_body_check(&w->body);
	}
}

static uint64_t reason(struct mm_world *w, enum dedup_reason why)
{
	return world_host(w).share.reason[why];
}

/* VM 0's pages are all hinted, when VM 1's page 0 comes it brings 31 others: 32 new frames in two calls. Then its page 32
 * brings the rest. A third VM finds frames. */
static void neighbours_go_together(void **state)
{
	struct mm_world *w = alike(10000, 1, NULL);
	struct mm_share_stats s;

	(void)state;
	scan(w, PAGES);
	assert_int_equal(reason(w, DEDUP_HINTED), PAGES);
	add(w, PAGES, PAGES, 1000);
	add(w, PAGES, PAGES, 1000);
	scan(w, 1); /* VM 1's page 0 with what follows it */
	s = world_host(w).share;
	assert_int_equal(s.shared_frames, 32);
	assert_int_equal(s.shared_pages, 64);
	assert_int_equal(s.reason[DEDUP_SHARED_NEW], 32);
	assert_int_equal(w->body.shared_runs, 2);
	assert_int_equal(world_page(w, 1, 31)->slot, 31);
	assert_int_equal(world_state(w, 1, 32), PAGE_RESIDENT);
	/* VM 2's page 0: frames 0 to 31 */
	scan(w, 1);
	s = world_host(w).share;
	assert_int_equal(s.shared_pages, 96);
	assert_int_equal(s.reason[DEDUP_SHARED], 32);
	assert_int_equal(w->body.shared_runs, 3);
	scan(w, 3 * PAGES);
	s = world_host(w).share;
	assert_int_equal(s.shared_frames, PAGES);
	assert_int_equal(s.shared_pages, 3 * PAGES);
	assert_int_equal(world_host(w).used_pages, 192 + PAGES);
	/* 3 * PAGES were in use, of which PAGES are left */
	assert_int_equal(world_host(w).reclaimed[MM_HIGH][MM_BY_SHARING], 2 * PAGES);
	world_free(w);
}

/* A page that differs ends a run, on either side of the page that was named. */
static void a_run_ends_at_what_differs(void **state)
{
	struct mm_world *w = alike(10000, 2, NULL);

	(void)state;
	assert_true(world_write(w, 1, 3, 7));
	assert_true(world_write(w, 1, 9, FAKE_ZERO));
	scan(w, 4 * PAGES);
	assert_int_equal(world_state(w, 1, 3), PAGE_RESIDENT);
	assert_int_equal(world_page(w, 1, 9)->flags & PAGE_ZERO, PAGE_ZERO);
	assert_int_equal(world_state(w, 0, 3), PAGE_RESIDENT);
	assert_int_equal(world_host(w).share.shared_frames, PAGES - 2);
	assert_int_equal(world_host(w).share.shared_pages, 2 * (PAGES - 2) + 1);
	for (uint64_t g = 0; g < PAGES; g++) { /* what is read is what was written */
		assert_true(world_read(w, 1, g));
		assert_int_equal(world_guest(w, 1, g)->content, g == 3 ? 7 : g == 9 ? 0 : 1000 + g);
	}
	world_free(w);
}

static void groups_keep_apart(void **state)
{
	static const uint32_t groups[] = {0, 1, 0};
	struct mm_world *w = alike(10000, 3, groups);

	(void)state;
	scan(w, 6 * PAGES);
	assert_int_equal(world_vm(w, 1).shared_pages, 0);
	assert_int_equal(world_host(w).share.shared_pages, 2 * PAGES);
	assert_int_equal(world_host(w).share.shared_frames, PAGES);
	assert_true(reason(w, DEDUP_OTHER_GROUP) >= PAGES);
	world_free(w);
}

/* One page all over: all share one frame, one by one, and the run never shares a page with itself. */
static void one_content_everywhere(void **state)
{
	struct mm_world *w = alike(10000, 2, NULL);

	(void)state;
	for (uint32_t vm = 0; vm < 2; vm++)
		for (uint64_t g = 0; g < PAGES; g++)
			assert_true(world_write(w, vm, g, 5));
	scan(w, 4 * PAGES);
	assert_int_equal(world_host(w).share.shared_pages, 2 * PAGES);
	assert_int_equal(world_host(w).share.shared_frames, 1);
	world_free(w);
}

/* The mapping limit: every page stays what it was, is counted, and is shared when there is room again. */
static void no_mapping(void **state)
{
	struct mm_world *w = alike(10000, 2, NULL);

	(void)state;
	w->body.refuse_share_ppm = PPM;
	scan(w, 4 * PAGES);
	assert_int_equal(world_host(w).share.shared_pages, 0);
	assert_true(reason(w, DEDUP_NO_MAPPING) >= PAGES);
	for (uint32_t vm = 0; vm < 2; vm++)
		for (uint64_t g = 0; g < PAGES; g++) {
			assert_int_equal(world_state(w, vm, g), PAGE_RESIDENT);
			assert_false(world_guest(w, vm, g)->protected);
		}
	w->body.refuse_share_ppm = 0;
	scan(w, 4 * PAGES);
	assert_int_equal(world_host(w).share.shared_pages, 2 * PAGES);
	world_free(w);
}

/* With 5 pages free a run of 32 is filled by no more than 6: five, and the one that the reserve keeps for copying. The
 * fake body counts frames and fails if there are more. The machine has 450 pages: reserve 192; two VMs of 64, and 125
 * pages of a third. */
static void frames_are_paid_for_first(void **state)
{
	struct mm_world *w = alike(450, 1, NULL);

	(void)state;
	scan(w, PAGES);
	add(w, PAGES, PAGES, 1000);
	add(w, 130, 125, 5000);
	assert_int_equal(world_host(w).free_pages, 5);
	scan(w, 1); /* VM 1's page 0: 12 own frames become 6 shared ones */
	assert_int_equal(world_host(w).share.shared_frames, 6);
	assert_int_equal(world_host(w).free_pages, 11);
	scan(w,
	     6 * PAGES); /* 450 - 192 - 27 for high, and three VMs' least of 64 are not the pool's */
	assert_int_equal(world_host(w).share.shared_frames, 39);
	world_free(w);
}

/* Sixteen pages are read at once, of two VMs in turn: page 0 of VM 0 is hinted, page 0 of VM 1 shares with it, and that
 * was enough for one call. What was read waits for the next; when a VM ends it is forgotten. */
static void one_share_a_call(void **state)
{
	struct mm_world *w = alike(2000, 2, NULL);
	uint64_t again = 0;

	(void)state;
	for (unsigned call = 1; call <= 7; call++) {
		assert_int_equal(mm_scan(w->mm, 16, w->body.now_ns, &again), 2);
		assert_int_equal(again, w->body.now_ns);
		assert_int_equal(world_host(w).share.passed_pages, 16);
		assert_int_equal(world_host(w).share.shared_pages, 2 * call);
		fake_body_check(&w->body);
	}
	mm_vm_end(w->mm, 1, w->body.now_ns);
	assert_int_equal(mm_scan(w->mm, 16, w->body.now_ns, &again),
			 16); /* pages 8 to 23 of VM 0 */
	assert_int_equal(world_host(w).share.passed_pages, 32);
	fake_body_check(&w->body);
	world_free(w);
}

/* Pages that nobody touched are passed over, eight for each page asked for, and more are due at once; none at rate 0. */
static void passing_over_is_no_rest(void **state)
{
	struct mm_world *w = alike(2000, 0, NULL);
	uint64_t again = 0;

	(void)state;
	add(w, PAGES, 0, 0);
	assert_int_equal(mm_scan(w->mm, 4, w->body.now_ns, &again), 0);
	assert_int_equal(again, w->body.now_ns);
	assert_int_equal(world_host(w).share.passed_pages, 32);
	mm_scan_rates(w->mm, 0, DEDUP_SCAN_UNLIMITED, w->body.now_ns);
	w->body.now_ns += NS_PER_S;
	assert_int_equal(mm_scan(w->mm, 4, w->body.now_ns, &again), 0);
	assert_true(again == UINT64_MAX);
	assert_int_equal(world_host(w).share.passed_pages, 32);
	mm_scan_rates(w->mm, DEDUP_SCAN_UNLIMITED, DEDUP_SCAN_UNLIMITED, w->body.now_ns);
	mm_scan(w->mm, 4, w->body.now_ns, &again);
	assert_int_equal(again, w->body.now_ns);
	assert_int_equal(world_host(w).share.passed_pages, 64);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_go_together),
		cmocka_unit_test(a_run_ends_at_what_differs),
		cmocka_unit_test(groups_keep_apart),
		cmocka_unit_test(one_content_everywhere),
		cmocka_unit_test(no_mapping),
		cmocka_unit_test(frames_are_paid_for_first),
		cmocka_unit_test(one_share_a_call),
		cmocka_unit_test(passing_over_is_no_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
