/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_reasons_test.c: what balloons, pager and sharing tried, did and did not, by reason.
 *
 * A machine of 1000 pages: reserve 192, thresholds 60, 40, 20, 10, targets sum to 748; 808 pages are free at first.
 */
#include <stdlib.h>

#include "dedup/dedup.h"
#include "tests/support/mm_world.h"

static struct mm_world *world_of(struct mm_config config, npages_t pool)
{
	struct mm_world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	fake_body_init(&w->body, config.swap_pages, 1);
	if (pool)
		fake_body_add_pool(&w->body, pool);
	assert_int_equal(mm_create(&config, &fake_body_ops, &w->body, &w->mm), 0);
	w->body.mm = w->mm;
	return w;
}

static struct mm_world *with_balloons(void)
{
	struct mm_config config = world_config(&(struct mm_world_options){.memory = 1000});

	config.balloon = true;
	return world_of(config, 0);
}

static void place_zeros(struct mm_world *w, uint32_t vm, uint64_t from, uint64_t to, bool pin)
{
	for (uint64_t g = from; g < to; g++)
		assert_int_equal(mm_place(w->mm, vm, gfn(g), NULL, pin, w->body.now_ns), 0);
	fake_body_check(&w->body);
}

static void give(struct mm_world *w, uint32_t vm, uint64_t from, uint64_t to)
{
	for (uint64_t g = from; g < to; g++)
		assert_int_equal(mm_balloon_gave(w->mm, vm, &(gfn_t){g}, 1, w->body.now_ns), 1);
	fake_body_check(&w->body);
}

static void take(struct mm_world *w, uint32_t vm, uint64_t g)
{
	assert_int_equal(mm_balloon_took(w->mm, vm, &(gfn_t){g}, 1, w->body.now_ns), 1);
}

static void expect_looks(struct mm_world *w, uint32_t vm, enum mm_balloon_reason last,
			 const uint64_t expected[MM_BALLOON_REASONS])
{
	struct mm_vm_stats s = world_vm(w, vm);

	assert_int_equal(s.balloon_last, last);
	for (unsigned i = 0; i < MM_BALLOON_REASONS; i++)
		if (s.balloon_reason[i] != expected[i])
			fail_msg("%s: %llu, not %llu", mm_balloon_reason_name(i),
				 (unsigned long long)s.balloon_reason[i],
				 (unsigned long long)expected[i]);
}

/*
 * Two VMs of 1000, targets 374 each. VM 0 has 500, VM 1 269: 39 free, state soft, 21 missing to high, all of VM 0's:
 * it may keep 479, so its balloon should be 521. A tick is a look.
 */
static void balloon_looks(void **state)
{
	struct mm_world *w = with_balloons();
	uint64_t r[MM_BALLOON_REASONS] = {0};

	(void)state;
	world_add(w, 1000, 0);
	world_add(w, 1000, 0);
	place_zeros(w, 0, 0, 500, false);
	place_zeros(w, 1, 0, 268, false);
	assert_int_equal(world_host(w).free_pages, 40);
	world_tick(w); /* high: nobody is looked at */
	expect_looks(w, 0, MM_BALLOON_NOT_LOOKED, r);
	place_zeros(w, 1, 268, 269, false);
	world_tick(w);
	r[MM_BALLOON_NO_DRIVER] = 1;
	expect_looks(w, 0, MM_BALLOON_NO_DRIVER, r);
	expect_looks(w, 1, MM_BALLOON_AT_TARGET,
		     (uint64_t[MM_BALLOON_REASONS]){[MM_BALLOON_AT_TARGET] = 1});
	mm_balloon_driver(w->mm, 0, true, w->body.now_ns);
	world_tick(w);
	r[MM_BALLOON_ASKED] = 1;
	expect_looks(w, 0, MM_BALLOON_ASKED, r);
	assert_int_equal(w->body.balloon_target[0], 521);
	world_tick(w);
	give(w, 0, 500, 1000); /* pages without frames: 500 of 521, and not one frame more */
	w->body.now_ns += 2 * NS_PER_S;
	world_tick(w); /* 2 s are not too long */
	r[MM_BALLOON_SLOW] = 2;
	expect_looks(w, 0, MM_BALLOON_SLOW, r);
	w->body.now_ns += 1;
	world_tick(w);
	r[MM_BALLOON_ABSENT] = 1;
	expect_looks(w, 0, MM_BALLOON_ABSENT, r);
	assert_true(world_vm(w, 0).balloon_absent);
	assert_int_equal(world_vm(w, 0).balloon_absences, 1);
	give(w, 0, 0, 1); /* moves again */
	assert_false(world_vm(w, 0).balloon_absent);
	world_tick(w);
	r[MM_BALLOON_SLOW] = 3;
	expect_looks(w, 0, MM_BALLOON_SLOW, r);
	take(w, 0, 0); /* takes back what it should give */
	world_tick(w);
	r[MM_BALLOON_OUT_OF_MEMORY] = 1;
	expect_looks(w, 0, MM_BALLOON_OUT_OF_MEMORY, r);
	give(w, 0, 0, 1);
	world_tick(w);
	r[MM_BALLOON_SLOW] = 4;
	expect_looks(w, 0, MM_BALLOON_SLOW, r);
	/* 499 resident of 479 allowed; with the last 20 given memory is at high, and nobody looks */
	give(w, 0, 1, 21);
	assert_int_equal(world_host(w).free_pages, 60);
	assert_int_equal(world_host(w).state, MM_HIGH);
	world_tick(w);
	expect_looks(w, 0, MM_BALLOON_SLOW, r);
	assert_int_equal(world_vm(w, 0).resident_pages, 479);
	world_free(w);
}

/* 2000 pages, cap 1300. VM 0 (target 499) has 600 and may keep 579: 1421 are asked for and cut to 1300. */
static void balloon_at_its_cap(void **state)
{
	struct mm_world *w = with_balloons();

	(void)state;
	world_add(w, 2000, 0);
	world_add(w, 1000, 0);
	mm_balloon_driver(w->mm, 0, true, 0);
	place_zeros(w, 0, 0, 600, false);
	place_zeros(w, 1, 0, 169, false);
	world_tick(w);
	assert_int_equal(w->body.balloon_target[0], 1300);
	give(w, 0, 600, 1900);
	world_tick(w);
	expect_looks(w, 0, MM_BALLOON_CAP,
		     (uint64_t[MM_BALLOON_REASONS]){[MM_BALLOON_ASKED] = 1, [MM_BALLOON_CAP] = 1});
	world_free(w);
}

static uint64_t paging(struct mm_world *w, uint32_t vm, enum mm_paging_reason why)
{
	return world_vm(w, vm).paging_reason[why];
}

/*
 * VM 0 is at its target of 684. VM 1 (85 pages; its share of 58 is below the floor, so 64) has 85, of which 53 are pinned
 * and the other 32 the last that were brought in. 39 pages are free: soft.
 */
static void pages_that_may_not_leave(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 1000, 0);
	world_add(w, 85, 0);
	assert_int_equal(world_vm(w, 0).target_pages, 684);
	assert_int_equal(world_vm(w, 1).target_pages, 64);
	place_zeros(w, 0, 0, 684, false);
	place_zeros(w, 1, 0, 53, true);
	place_zeros(w, 1, 53, 85, false);
	assert_int_equal(world_reclaim(w, 1), 0);
	assert_int_equal(paging(w, 1, MM_PAGING_PINNED), 53);
	assert_int_equal(paging(w, 1, MM_PAGING_JUST_IN), 32);
	assert_int_equal(paging(w, 0, MM_PAGING_AT_TARGET), 2); /* and looked for another VM */
	assert_int_equal(paging(w, 0, MM_PAGING_AT_FLOOR), 0);
	world_free(w);
}

/* VM 0 is far over; VM 1 has its floor of 64 pages and no more. Page 0 of VM 0 is zero, the others are not. */
static void pages_that_left(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000});

	(void)state;
	world_add(w, 1000, 0);
	world_add(w, 85, 0);
	place_zeros(w, 1, 0, 64, false);
	place_zeros(w, 0, 0, 705, false);
	for (uint64_t g = 1; g < 705; g++)
		w->body.guest[0][g].content = world_stamp(0, g);
	assert_int_equal(world_reclaim(w, 3), 3); /* one look: 0, 1, 2 */
	world_finish_all(w);
	assert_int_equal(paging(w, 0, MM_PAGING_ZERO), 1);
	assert_int_equal(paging(w, 0, MM_PAGING_WRITTEN), 2);
	assert_int_equal(paging(w, 1, MM_PAGING_AT_FLOOR), 1);
	assert_int_equal(paging(w, 1, MM_PAGING_AT_TARGET), 0);
	w->body.refuse_withdraw_ppm = PPM;
	assert_int_equal(world_reclaim(w, 1), 0);
	assert_true(paging(w, 0, MM_PAGING_REFUSED) > 0);
	world_free(w);
}

/* In state soft a balloon that works is enough; one that counts as absent is none. */
static void balloons_first(void **state)
{
	struct mm_world *w = with_balloons();

	(void)state;
	world_add(w, 1000, 0);
	mm_balloon_driver(w->mm, 0, true, 0);
	place_zeros(w, 0, 0, 769, false);
	assert_int_equal(world_host(w).state, MM_SOFT);
	world_tick(w);
	assert_int_equal(world_reclaim(w, 1), 0);
	assert_int_equal(paging(w, 0, MM_PAGING_BALLOON_FIRST), 1);
	w->body.now_ns += 2 * NS_PER_S + 1;
	world_tick(w);
	assert_int_equal(world_reclaim(w, 1), 1);
	assert_int_equal(paging(w, 0, MM_PAGING_BALLOON_FIRST), 1);
	assert_int_equal(paging(w, 0, MM_PAGING_ZERO), 1);
	world_free(w);
}

/* One slot: the second page finds none; then every page that was looked at is one that has no slot. */
static void no_slot(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000, .swap = 1});

	(void)state;
	world_add(w, 1000, 0);
	place_zeros(w, 0, 0, 769, false);
	for (uint64_t g = 0; g < 769; g++)
		w->body.guest[0][g].content = world_stamp(0, g);
	assert_int_equal(world_reclaim(w, 1), 1);
	assert_int_equal(paging(w, 0, MM_PAGING_SWAP_FULL), 0);
	assert_int_equal(world_reclaim(w, 1), 0);
	assert_int_equal(paging(w, 0, MM_PAGING_WRITTEN), 1);
	assert_true(paging(w, 0, MM_PAGING_SWAP_FULL) > 0);
	world_free(w);
}

static void look_at(struct mm_world *w, uint32_t pages)
{
	uint64_t again;

	for (uint32_t looked = 0, n; looked < pages;
	     looked += n) { /* a call ends with the first page shared */
		n = mm_scan(w->mm, pages - looked, w->body.now_ns, &again);
		assert_in_range(n, 1, pages - looked);
		fake_body_check(&w->body);
	}
}

/*
 * Ten pages a pass, in order, two VMs of two groups with five each: VM 0 has zeros, A, A, B, C; VM 1 has B, D, D, D, E.
 * What a pass over them says is worked out beside each; turns are a page each: 0/0, 1/0, 0/1, 1/1 ...
 */
static void sharing_looks(void **state)
{
	struct mm_config config = world_config(&(struct mm_world_options){.memory = 1000});
	static const uint64_t content[2][5] = {{FAKE_ZERO, 11, 11, 22, 33}, {22, 44, 44, 44, 55}};
	struct mm_world *w;
	struct mm_vm_stats s[2];
	uint64_t sum = 0;

	(void)state;
	config.share_capacity_pages = 20;
	config.scan = (struct dedup_scan_config){.order = DEDUP_SCAN_SEQUENTIAL,
						 .rate_pages = DEDUP_SCAN_UNLIMITED,
						 .vm_rate_pages = DEDUP_SCAN_UNLIMITED};
	w = world_of(config, 20);
	for (uint32_t vm = 0; vm < 2; vm++) {
		struct mm_vm_config c = {.pages = 5, .shares = 1000, .group = vm};

		fake_body_add_vm(&w->body, vm, 5);
		assert_int_equal(mm_vm_add(w->mm, vm, &c, 0), 0);
		place_zeros(w, vm, 0, 5, false);
		for (unsigned g = 0; g < 5; g++)
			w->body.guest[vm][g].content = content[vm][g];
	}
	look_at(w, 10);
	for (uint32_t vm = 0; vm < 2; vm++)
		s[vm] = world_vm(w, vm);
	assert_int_equal(s[0].share_reason[DEDUP_ZERO], 1);        /* 0 */
	assert_int_equal(s[0].share_reason[DEDUP_SHARED_NEW], 1);  /* 2, with 1 */
	assert_int_equal(s[0].share_reason[DEDUP_OTHER_GROUP], 1); /* 3: VM 1 has B, too */
	assert_int_equal(s[0].share_reason[DEDUP_HINTED], 2);      /* 1 and 4 */
	assert_int_equal(s[1].share_reason[DEDUP_HINTED], 3);      /* 0, 1 and 4 */
	assert_int_equal(s[1].share_reason[DEDUP_SHARED_NEW], 1);  /* 2, with 1 */
	assert_int_equal(s[1].share_reason[DEDUP_SHARED], 1);      /* 3 */
	w->body.guest[0][4].content = 66;                          /* C is no more: volatile */
	look_at(w, 4); /* the others are shared by now */
	s[0] = world_vm(w, 0);
	s[1] = world_vm(w, 1);
	assert_int_equal(s[0].share_reason[DEDUP_VOLATILE], 1);
	assert_int_equal(s[1].share_reason[DEDUP_UNIQUE], 1); /* E */
	assert_int_equal(s[0].share_reason[DEDUP_OTHER_GROUP], 2);
	assert_int_equal(s[1].share_reason[DEDUP_OTHER_GROUP], 1); /* it knows now of VM 0's B */
	for (unsigned i = 0; i < MM_SHARE_REASONS; i++) {
		assert_int_equal(world_host(w).share.reason[i],
				 s[0].share_reason[i] + s[1].share_reason[i]);
		sum += s[0].share_reason[i] + s[1].share_reason[i];
	}
	assert_int_equal(sum, 14);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(balloon_looks),
		cmocka_unit_test(balloon_at_its_cap),
		cmocka_unit_test(pages_that_may_not_leave),
		cmocka_unit_test(pages_that_left),
		cmocka_unit_test(balloons_first),
		cmocka_unit_test(no_slot),
		cmocka_unit_test(sharing_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
