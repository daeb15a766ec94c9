/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_estimators_test.c: the two other ways to estimate what a VM uses: by the writes to a sample, and by refaults.
 *
 * Periods of 1 s, gains 25 and 75 %. For writes mostly a VM of 100 pages and samples of 100, so that f is exact. For
 * refaults the machine of 1000 pages of mm_swap_test.c: 769 resident leave 39 free, below soft; 21 must leave.
 */
#include "tests/support/mm_world.h"

#include <stdlib.h>

#define ALL 100u

static struct mm_world *written_vm(npages_t pages, uint64_t filled, uint32_t sample)
{
	struct mm_world *w = world_make((struct mm_world_options){.policy = "esx",
								  .tax_ppm = 750000,
								  .sample_pages = sample,
								  .estimator = MM_ESTIMATE_WRITE});

	world_add(w, pages, 0);
	world_fill(w, 0, 0, filled);
	mm_start(w->mm, 0);
	world_tick(w);
	return w;
}

static void period(struct mm_world *w)
{
	mm_vm_ran(w->mm, 0, w->mm->vm[0].sample.ran_ns + NS_PER_S);
	world_tick(w);
}

static npages_t active(struct mm_world *w)
{
	mm_tax_set(w->mm, 750000, w->body.now_ns); /* targets, and the estimate they go by */
	return world_vm(w, 0).active_pages;
}

static unsigned protected_pages(struct mm_world *w)
{
	unsigned n = 0;

	for (uint64_t g = 0; g < w->body.guest_pages[0]; g++)
		n += world_guest(w, 0, g)->present && world_guest(w, 0, g)->protected;
	return n;
}

/* 100 of 100 pages are watched. 60 are read, and nobody notices; 30 are written: f = 0.3. */
static void only_writes_count(void **state)
{
	struct mm_world *w = written_vm(ALL, ALL, ALL);

	(void)state;
	assert_int_equal(world_vm(w, 0).sampled_pages, 0); /* nothing is withdrawn */
	assert_int_equal(protected_pages(w), ALL);
	for (uint64_t g = 0; g < 60; g++)
		assert_true(world_read(w, 0, g));
	assert_int_equal(world_vm(w, 0).sample_touched, 0);
	for (uint64_t g = 50; g < 80; g++)
		assert_true(world_write(w, 0, g, 1));
	for (uint64_t g = 50; g < 80; g++)
		assert_true(world_write(w, 0, g, 2)); /* a page counts, and costs, once */
	assert_int_equal(world_vm(w, 0).sample_touched, 30);
	assert_int_equal(world_vm(w, 0).faults_wp, 30);
	assert_int_equal(world_vm(w, 0).faults_sampled, 0);
	period(w);
	assert_int_equal(world_vm(w, 0).sample_last_ppm, 300000);
	assert_int_equal(active(w), 30);
	assert_int_equal(world_vm(w, 0).estimator, MM_ESTIMATE_WRITE);
	period(w); /* nothing was written: slow 0.3 - 0.25 * 0.3 */
	assert_int_equal(world_vm(w, 0).sample_slow_ppm, 225000);
	world_free(w);
}

/* What was not written may be when the period is over: only the pages of the running one are protected. */
static void protection_ends_with_the_period(void **state)
{
	struct mm_world *w = written_vm(1000, 1000, 10);

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(protected_pages(w), 10);
		period(w);
	}
	w->body.refuse_protect_ppm = PPM; /* the host will not: nothing is drawn */
	period(w);
	assert_int_equal(protected_pages(w), 0);
	assert_int_equal(world_vm(w, 0).sample_drawn, 0);
	world_free(w);
}

/* A page that was never touched gets a frame that can be written: its first touch counts, a read too. */
static void pages_without_content_count_when_touched(void **state)
{
	struct mm_world *w = written_vm(ALL, 50, ALL);

	(void)state;
	assert_int_equal(protected_pages(w), 50);
	for (uint64_t g = 40; g < 60; g++)
		assert_true(world_read(w, 0, g));
	assert_int_equal(world_vm(w, 0).sample_touched, 10);
	world_free(w);
}

/* Pages 0 to 20 leave while they are watched. A read brings one back, clean, so protected: it does not count, a write to it
 * does. At the end of the period a clean page stays protected. */
static void swapped_pages_stay_in_the_sample(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.memory = 1000,
								  .policy = "esx",
								  .sample_pages = 900,
								  .estimator = MM_ESTIMATE_WRITE});

	(void)state;
	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	mm_start(w->mm, 0);
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_drawn, 900);
	world_page_out(w, 0, 0, 21);
	assert_int_equal(world_vm(w, 0).sample_touched, 0);
	for (uint64_t g = 0; g < 4; g++) {
		world_read(w, 0, g);
		world_finish_all(w);
		assert_true(world_read(w, 0, g));
	}
	assert_int_equal(world_vm(w, 0).sample_touched, 0);
	assert_true(world_write(w, 0, 2, 5));
	assert_int_equal(world_vm(w, 0).sample_touched, 1);
	w->mm->config.sample_pages = 1; /* the next period watches next to nothing */
	period(w);
	assert_int_equal(world_vm(w, 0).sample_last_ppm, PPM / 900);
	assert_in_range(protected_pages(w), 3, 4); /* 0, 1, 3, and perhaps the one */
	assert_true(world_guest(w, 0, 3)->protected);
	world_free(w);
}

/* Two VMs of 64 equal pages, all shared. They can be drawn, as they are, and a break counts, a read does not. */
static void shared_pages_count_when_they_break(void **state)
{
	struct mm_world *w = calloc(1, sizeof *w);
	struct mm_config config = world_config(&(struct mm_world_options){
		.policy = "esx", .sample_pages = 64, .estimator = MM_ESTIMATE_WRITE});
	uint64_t again;

	(void)state;
	assert_non_null(w);
	config.share_capacity_pages = FAKE_VMS * 64;
	config.scan = (struct dedup_scan_config){.order = DEDUP_SCAN_SEQUENTIAL,
						 .rate_pages = DEDUP_SCAN_UNLIMITED,
						 .vm_rate_pages = DEDUP_SCAN_UNLIMITED};
	fake_body_init(&w->body, config.swap_pages, 1);
	fake_body_add_pool(&w->body, config.share_capacity_pages);
	assert_int_equal(mm_create(&config, &fake_body_ops, &w->body, &w->mm), 0);
	w->body.mm = w->mm;
	for (uint32_t vm = 0; vm < 2; vm++) {
		world_add(w, 64, 0);
		for (uint64_t g = 0; g < 64; g++)
			assert_true(world_write(w, vm, g, 1000 + g));
	}
	for (unsigned i = 0; i < 4 * 64; i++)
		mm_scan(w->mm, 1, 0, &again);
	assert_int_equal(world_vm(w, 0).shared_pages, 64);
	mm_start(w->mm, 0);
	world_tick(w);
	assert_int_equal(world_vm(w, 0).sample_drawn, 64);
	assert_true(world_read(w, 0, 7));
	assert_int_equal(world_vm(w, 0).sample_touched, 0);
	assert_true(world_write(w, 0, 7, 1));
	assert_int_equal(world_vm(w, 0).sample_touched, 1);
	assert_int_equal(world_vm(w, 0).faults_cow, 1);
	world_free(w);
}

/* A target's event says whose estimate it was computed from. */
static void targets_name_their_estimator(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MM_ESTIMATORS; i++) {
		struct mm_world *w = world_make((struct mm_world_options){
			.policy = "esx", .sample_pages = ALL, .estimator = (enum mm_estimator)i});
		struct mm_event e = {.kind = MM_EVENT_KINDS};
		uint64_t lost;

		world_add(w, ALL, 0);
		world_tick(w);
		while (mm_events_take(w->mm, &e, 1, &lost) && e.kind != MM_EVENT_TARGET)
			;
		assert_int_equal(e.kind, MM_EVENT_TARGET);
		assert_string_equal(mm_event_info(e.kind)->member[11].name, "estimator");
		assert_int_equal(e.value[11], i + 1);
		assert_int_equal(world_vm(w, 0).estimator, i);
		world_free(w);
	}
}

/* --- refaults ---------------------------------------------------------------------------------------------------- */

static struct mm_world *short_of_memory(void)
{
	struct mm_world *w =
		world_make((struct mm_world_options){.memory = 1000,
						     .policy = "esx",
						     .tax_ppm = 750000,
						     .sample_pages = 10,
						     .estimator = MM_ESTIMATE_REFAULT});

	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	world_page_out(w, 0, 0, 21);
	mm_start(w->mm, 0);
	world_tick(w);
	return w;
}

static void comes_back(struct mm_world *w, uint64_t g)
{
	while (!world_read(w, 0, g))
		world_finish_all(w);
	fake_body_check(&w->body);
}

/*
 * 21 pages left before the period, 0 first. 20, 0 and 10 come back: distances 1, 21 and 11, F = 3, E = 0, so beyond =
 * (1 + 3 + 3) / 3 = 2. 3 is less than a hundredth of the 751 resident pages: the period is quiet, f = 2 / 900 = 0.002222, and
 * of the averages, which begin with 1, the slow one is 1 - 0.25 * 0.997778 = 0.750556: 675 pages.
 */
static void refaults_by_hand(void **state)
{
	struct mm_world *w = short_of_memory();

	(void)state;
	assert_int_equal(active(w), 900);
	assert_int_equal(world_vm(w, 0).sample_drawn, 0); /* nothing is watched */
	assert_int_equal(world_vm(w, 0).sampled_pages, 0);
	comes_back(w, 20);
	comes_back(w, 0);
	comes_back(w, 10);
	assert_int_equal(world_vm(w, 0).refaults, 3);
	period(w);
	assert_int_equal(world_vm(w, 0).sample_periods, 1);
	assert_int_equal(world_vm(w, 0).refault_beyond, 2);
	assert_int_equal(world_vm(w, 0).refault_pages, 675);
	assert_int_equal(active(w), 675);
	/* 0.75 * 0.750556 = 0.562917 */
	period(w);
	assert_int_equal(world_vm(w, 0).refault_beyond, 0);
	assert_int_equal(active(w), 506);
	/* 1 to 8 come back: distances 20 to 13, F = 8: beyond 8, and 8 is more than a hundredth of 759 resident pages, so
	 * these count: 767 / 900 = 0.852222, in the running period already */
	for (uint64_t g = 1; g <= 8; g++)
		comes_back(w, g);
	assert_int_equal(active(w), 766);
	period(w);
	assert_int_equal(world_vm(w, 0).refault_beyond, 8);
	/* fast: 0.015625 * ... of 1 after two quiet periods: 0.0642 (with 0.0022 of the first), + 0.75 * (0.8522 - that)
	 * = 0.6552; slow 0.5629 + 0.25 * 0.2893 = 0.6352 */
	assert_in_range(active(w), 589, 590);
	world_free(w);
}

/* Under a policy without estimates distances are not kept, but pages are stamped: another policy finds them as above. */
static void refaults_after_a_change_of_policy(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){
		.memory = 1000, .sample_pages = 10, .estimator = MM_ESTIMATE_REFAULT});

	(void)state;
	world_add(w, 900, 0);
	world_fill(w, 0, 0, 769);
	world_page_out(w, 0, 0, 21);
	mm_start(w->mm, 0);
	assert_int_equal(world_vm(w, 0).refault_pages, 0);
	assert_int_equal(mm_policy_set(w->mm, &target_esx, 0), 0);
	assert_int_equal(world_vm(w, 0).active_pages, 900);
	world_tick(w);
	comes_back(w, 20);
	comes_back(w, 0);
	comes_back(w, 10);
	period(w);
	assert_int_equal(world_vm(w, 0).refault_beyond, 2);
	assert_int_equal(world_vm(w, 0).refault_pages, 675);
	world_free(w);
}

/* What the guest gave up never comes back, and a first touch is none. */
static void what_is_no_refault(void **state)
{
	struct mm_world *w = short_of_memory();
	gfn_t g = gfn(4);

	(void)state;
	mm_balloon_driver(w->mm, 0, true, 0);
	assert_int_equal(mm_balloon_gave(w->mm, 0, &g, 1, 0), 1);
	assert_int_equal(mm_balloon_took(w->mm, 0, &g, 1, 0), 1);
	assert_int_equal(mm_pages_reported(w->mm, 0, gfn(5), 1, 0), 1);
	comes_back(w, 4);
	comes_back(w, 5);
	comes_back(w, 800);
	assert_int_equal(world_vm(w, 0).refaults, 0);
	period(w);
	assert_int_equal(world_vm(w, 0).refault_beyond, 0);
	world_free(w);
}

/* A VM in the abstract: page i of used is out if out[i]. */
struct pages {
	struct mm_vm v;
	struct page page[4000];
	uint32_t buckets[1024];
};

static struct pages *abstract(uint32_t shift)
{
	struct pages *p = calloc(1, sizeof *p);

	assert_non_null(p);
	p->v.page = p->page;
	p->v.refault.bucket = p->buckets;
	p->v.refault.shift = shift;
	return p;
}

/* 150 pages in turn, 100 fit, the oldest leaves: each touch is a miss, at distance 50 (48 to 55 are one bucket, 52), so that
 * is what is used beyond. */
static void a_ring_larger_than_memory(void **state)
{
	struct pages *p = abstract(0);

	(void)state;
	for (uint32_t i = 0; i < 50; i++)
		refault_page_left(&p->v, &p->page[i]);
	for (uint32_t i = 0; i < 1500; i++) {
		if (i == 300)
			refault_begin(&p->v);
		refault_page_back(&p->v, &p->page[i % 150]);
		refault_page_left(&p->v, &p->page[(i + 50) % 150]);
	}
	assert_int_equal(refault_beyond(&p->v), 52);
	free(p);
}

/* 3000 pages are out for long, 50 of 150 in turn as above. One of the 3000 now and then, 10 in all, is 10 pages more,
 * whatever its distance: (1200 * 52 + 10 * 1210) / 1210 = 61 */
static void a_stray_page_is_one_page(void **state)
{
	struct pages *p = abstract(0);

	(void)state;
	for (uint32_t i = 0; i < 3000; i++)
		refault_page_left(&p->v, &p->page[1000 + i]);
	for (uint32_t i = 0; i < 50; i++)
		refault_page_left(&p->v, &p->page[i]);
	for (uint32_t i = 0; i < 1500; i++) {
		if (i == 300)
			refault_begin(&p->v);
		refault_page_back(&p->v, &p->page[i % 150]);
		refault_page_left(&p->v, &p->page[(i + 50) % 150]);
		if (i >= 300 && i % 120 == 0)
			refault_page_back(&p->v, &p->page[1000 + i]);
	}
	assert_int_equal(refault_beyond(&p->v), 61);
	free(p);
}

/* Stamps of 16 bits: distances up to 65535 page-outs, or as many times 2^shift, beyond that they begin anew. */
static void stamps_are_coarse_in_large_vms(void **state)
{
	struct pages *p = abstract(0);

	(void)state;
	p->v.refault.left = 65530;
	refault_page_left(&p->v, &p->page[0]);
	p->v.refault.left = 65540; /* distance 10: 10 and 11 are one bucket, 11 */
	refault_begin(&p->v);
	for (unsigned i = 0; i < 20; i++)
		refault_page_back(&p->v, &p->page[0]);
	assert_int_equal(refault_beyond(&p->v), 11);
	p->v.refault.shift = 3;
	p->v.refault.left = 1u << 20;
	refault_page_left(&p->v, &p->page[1]);
	p->v.refault.left = (1u << 20) + 87; /* 80 to 87 are one stamp: 80 to 95 one bucket, 88 */
	refault_begin(&p->v);
	for (unsigned i = 0; i < 200; i++)
		refault_page_back(&p->v, &p->page[1]);
	assert_int_equal(refault_beyond(&p->v), 88);
	free(p);
}

static void large_vms_have_coarse_stamps(void **state)
{
	static const struct {
		npages_t pages;
		uint32_t shift;
	} vms[] = {{16384, 0}, {16385, 1}, {65536, 2}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct mm_world *w = world_make((struct mm_world_options){
			.memory = 100000, .policy = "esx", .sample_pages = 10});

		world_add(w, vms[i].pages, 0);
		assert_int_equal(w->mm->vm[0].refault.shift, vms[i].shift);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_writes_count),
		cmocka_unit_test(protection_ends_with_the_period),
		cmocka_unit_test(pages_without_content_count_when_touched),
		cmocka_unit_test(swapped_pages_stay_in_the_sample),
		cmocka_unit_test(shared_pages_count_when_they_break),
		cmocka_unit_test(targets_name_their_estimator),
		cmocka_unit_test(refaults_by_hand),
		cmocka_unit_test(refaults_after_a_change_of_policy),
		cmocka_unit_test(what_is_no_refault),
		cmocka_unit_test(a_ring_larger_than_memory),
		cmocka_unit_test(a_stray_page_is_one_page),
		cmocka_unit_test(stamps_are_coarse_in_large_vms),
		cmocka_unit_test(large_vms_have_coarse_stamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
