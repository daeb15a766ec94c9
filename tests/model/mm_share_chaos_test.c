/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_share_chaos_test.c: sharing when everything happens at once: as mm_chaos_test.c, and pages are alike, are scanned,
 * shared in runs, broken, given to balloons, reported free and taken back, by the policy mom in some, in groups, with hashes of few bits, and with a
 * body that refuses to share, to take away and to map.
 *
 * After every step the manager must be consistent, the fake's frames within what it charges, and every VM's least free
 * of the pool; a page holds what was last written to it; one that was given up and not written since holds that or
 * zeros. In the end no frame, slot or stage may be left over.
 */
#include <stdlib.h>

#include "tests/support/mm_chaos.h"
#include "tests/support/seeds.h"

#define CAPACITY 8000u
#define STEPS    3000u

/* Page g of most VMs tends to hold the same. */
static uint64_t new_content(struct chaos *c, uint64_t g)
{
	switch (chaos_below(c, 8)) {
	case 0:
		return FAKE_ZERO;
	case 1:
		return 1 + chaos_below(c, c->contents);
	default:
		return 10000 + g;
	}
}

static struct chaos *make(uint64_t seed)
{
	struct mm_config config;
	struct chaos *c = chaos_make(seed, &config);
	unsigned want;

	config.balloon = true;
	config.policy = chaos_below(c, 3) ? seed % 4 ? &target_esx : NULL : &target_mom;
	config.sample_pages = 1 + (uint32_t)(seed * 37 % 200);
	config.sample_period_ns = 1 + seed * 1013 % 20000;
	config.sample_slow_ppm = config.sample_fast_ppm = 500000;
	config.estimator = (enum mm_estimator)(seed % MM_ESTIMATORS);
	config.share_capacity_pages = CAPACITY;
	config.memory_pages = 300 + chaos_below(c, 1500);
	config.swap_pages =
		chaos_below(c, 3) ? 1 + chaos_below(c, chaos_below(c, 2) ? 200 : 5000) : 0;
	if (chaos_below(c, 2))
		config.compress_ppm =
			1 + (uint32_t)chaos_below(c, chaos_below(c, 2) ? 60000 : 400000);
	config.share_hash_bits = chaos_below(c, 2) ? 0 : 1 + (uint32_t)chaos_below(c, 12);
	config.scan = (struct dedup_scan_config){
		.order = chaos_below(c, 2) ? DEDUP_SCAN_RANDOM : DEDUP_SCAN_SEQUENTIAL,
		.rate_pages = DEDUP_SCAN_UNLIMITED,
		.vm_rate_pages = DEDUP_SCAN_UNLIMITED,
	};
	c->contents = 1 + chaos_below(c, 1000);
	c->content = new_content;
	chaos_create(c, &config);
	want = 2 + (unsigned)chaos_below(c, FAKE_VMS - 1);
	while (c->nr_vms < want && chaos_add_vm(c, true))
		mm_balloon_driver(c->body.mm, c->nr_vms - 1, true, 0);
	mm_start(c->body.mm, 0);
	return c;
}

/* Neighbours, so that there is something to share in runs. */
static void touch_some(struct chaos *c, uint32_t vm)
{
	uint64_t pages = c->body.guest_pages[vm], g = chaos_below(c, pages);

	for (uint64_t i = chaos_below(c, 24); i && g < pages; i--, g++) {
		chaos_touch(c, vm, g, chaos_below(c, 2) == 0);
		chaos_touch(c, vm, g, chaos_below(c, 2) == 0);
	}
}

static void give(struct chaos *c, uint32_t vm)
{
	uint64_t pages = c->body.guest_pages[vm], first = chaos_below(c, pages),
		 what = chaos_below(c, 3);
	uint32_t nr = 0;
	gfn_t list[32];

	if (c->life[vm] == CHAOS_ENDED)
		return;
	for (uint64_t g = first; g < pages && nr < 32; g += 1 + chaos_below(c, 2)) {
		list[nr++] = gfn(g);
		c->truth[vm][g].given = true;
	}
	if (what == 0)
		mm_balloon_gave(c->body.mm, vm, list, nr, c->body.now_ns);
	else if (what == 1)
		mm_balloon_took(c->body.mm, vm, list, nr, c->body.now_ns);
	else
		mm_pages_reported(c->body.mm, vm, list[0], 1, c->body.now_ns);
}

static void step(struct chaos *c)
{
	uint32_t vm = (uint32_t)chaos_below(c, c->nr_vms);
	uint64_t dice = chaos_below(c, 10000), again;

	c->body.now_ns += chaos_below(c, 100);
	if (dice < 5500)
		touch_some(c, vm);
	else if (dice < 7000)
		mm_scan(c->body.mm, 1 + (uint32_t)chaos_below(c, 60), c->body.now_ns, &again);
	else if (dice < 7600)
		give(c, vm);
	else if (dice < 8300 && c->body.nr_io)
		chaos_finish_one(c);
	else if (dice < 9400)
		mm_reclaim(c->body.mm, (uint32_t)chaos_below(c, 80), c->body.now_ns);
	else if (dice < 9700)
		chaos_stray_fault(c, vm);
	else if (dice < 9940)
		mm_tick(c->body.mm, c->body.now_ns);
	else if (dice < 9970)
		chaos_weather(c);
	else if (dice < 9974)
		chaos_doom(c, vm);
	else if (dice < 9978)
		chaos_end(c, vm);
	else if (dice < 9990)
		mm_balloon_driver(c->body.mm, vm, chaos_below(c, 2), c->body.now_ns);
	else if (dice < 9998)
		mm_vm_said(c->body.mm, vm, chaos_below(c, 1000), c->body.now_ns);
	else if (dice == 9999 && chaos_below(c, 4) == 0)
		mm_stop(c->body.mm, c->body.now_ns);
	chaos_check(c);
}

static void chaos(void **state)
{
	const char *text = getenv("BALLAST_SHARE_SEEDS");
	uint64_t seeds = text ? strtoull(text, NULL, 10) : test_seeds(60), runs = 0, breaks = 0,
		 zeros = 0;
	uint64_t reasons[DEDUP_REASONS] = {0};

	(void)state;
	print_message("seeds 1 to %lu\n", (unsigned long)seeds);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct chaos *c = make(seed);
		struct mm_host_stats host;

		for (unsigned i = 0; i < STEPS; i++) {
			step(c);
			if (i % 100 == 0)
				chaos_all_is_true(c);
		}
		mm_host_stats(c->body.mm, c->body.now_ns, &host);
		for (unsigned r = 0; r < DEDUP_REASONS; r++)
			reasons[r] += host.share.reason[r];
		breaks += host.share.cow_breaks;
		runs += c->body.shared_runs;
		chaos_everything_ends(c);
		chaos_free(c);
	}
	zeros = reasons[DEDUP_ZERO];
	print_message("runs %lu breaks %lu zeros %lu\n", (unsigned long)runs, (unsigned long)breaks,
		      (unsigned long)zeros);
	assert_true(runs > 100 && breaks > 5000 && zeros > 1000);
	assert_true(reasons[DEDUP_SHARED] && reasons[DEDUP_SHARED_NEW]);
	assert_true(reasons[DEDUP_FALSE_MATCH] && reasons[DEDUP_NO_FRAME]);
	assert_true(reasons[DEDUP_NO_MAPPING] && reasons[DEDUP_OTHER_GROUP]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chaos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
