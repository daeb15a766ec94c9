/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_everything_chaos_test.c: every mechanism, every estimator and every setter of the memory manager in one machine.
 *
 * mm_chaos_test.c and mm_share_chaos_test.c have some of them each. Here pages are shared, sampled, watched for writes,
 * compressed, ballooned, reported, read ahead, overwritten by the guest's disk and traced at once; policies, periods,
 * minimums, shares, tax and rates change; VMs come while others are paged, also such that do not fit or find no memory
 * for their records, and go; one machine in three is recorded, must replay, and is played to managers of other configurations.
 *
 * After every step the manager must be consistent, the fake's frames within what it charges, and every VM's least free of
 * the pool; a page holds what was last written to it, unless it was given up since or its VM is doomed or broken.
 * BALLAST_EVERYTHING_SEEDS="first last" runs others.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/mm_chaos.h"
#include "tests/support/seeds.h"

#define CAPACITY 8000u
#define STEPS    3000u

static uint64_t new_content(struct chaos *c, uint64_t g)
{
	switch (chaos_below(c, 8)) {
	case 0:
		return FAKE_ZERO;
	case 1:
		return 1 + chaos_below(c, c->contents);
	case 2:
	case 3:
		return rng_mix(chaos_below(c, 1u << 30)) | 1;
	default:
		return 10000 + g;
	}
}

static const struct target_policy *any_policy(struct chaos *c)
{
	unsigned policies = 0;

	while (target_table[policies])
		policies++;
	return target_table[chaos_below(c, policies)];
}

/* What the machine placed before the guest begins is there, some of it for good. */
static void place_some(struct chaos *c, uint32_t vm)
{
	for (uint64_t g = 0; g < c->body.guest_pages[vm] && g < 6; g++) {
		uint64_t content[PAGE_BYTES / 8] = {77 + g};
		bool pin = chaos_below(c, 2), zero = chaos_below(c, 2);

		if (mm_place(c->body.mm, vm, gfn(g), zero ? NULL : content, pin, c->body.now_ns))
			continue;
		c->truth[vm][g].content = zero ? FAKE_ZERO : *content;
	}
}

static bool add_vm(struct chaos *c)
{
	bool added;

	if (c->nr_vms == FAKE_VMS)
		return false;
	c->body.fail_zalloc = chaos_below(c, 5) == 0;
	added = chaos_add_vm(c, true);
	c->body.fail_zalloc = false;
	if (!added)
		return false;
	if (chaos_below(c, 4))
		mm_balloon_driver(c->body.mm, c->nr_vms - 1, true, c->body.now_ns);
	for (uint64_t i = chaos_below(c, 3); i;
	     i--) /* time passes until it has what it boots from */
		mm_tick(c->body.mm, c->body.now_ns);
	place_some(c, c->nr_vms - 1);
	return true;
}

static void configure(struct chaos *c, struct mm_config *config)
{
	config->balloon = chaos_below(c, 4) != 0;
	config->policy = any_policy(c);
	config->tax_ppm = (uint32_t)chaos_below(c, TARGET_TAX_PPM_MAX + 1);
	config->sample_pages = chaos_below(c, 6) ? 1 + (uint32_t)chaos_below(c, 200) : 0;
	config->sample_period_ns = 1 + chaos_below(c, 20000);
	config->sample_slow_ppm = (uint32_t)chaos_below(c, PPM + 1);
	config->sample_fast_ppm = (uint32_t)chaos_below(c, PPM + 1);
	config->estimator = (enum mm_estimator)chaos_below(c, MM_ESTIMATORS);
	config->share_capacity_pages = chaos_below(c, 4) ? CAPACITY : 0;
	config->memory_pages = 350 + chaos_below(c, 1500);
	config->swap_pages =
		chaos_below(c, 4) ? 1 + chaos_below(c, chaos_below(c, 2) ? 200 : 5000) : 0;
	if (chaos_below(c, 4))
		config->compress_ppm =
			1 + (uint32_t)chaos_below(c, chaos_below(c, 2) ? 60000 : 600000);
	config->spare_overwritten = chaos_below(c, 2);
	config->write_zeros = chaos_below(c, 3) == 0;
	config->ahead_most = (uint32_t)chaos_below(c, MM_CLUSTER_PAGES + 1);
	config->share_hash_bits = chaos_below(c, 2) ? 0 : 1 + (uint32_t)chaos_below(c, 12);
	config->scan = (struct dedup_scan_config){
		.order = chaos_below(c, 2) ? DEDUP_SCAN_RANDOM : DEDUP_SCAN_SEQUENTIAL,
		.rate_pages = DEDUP_SCAN_UNLIMITED,
		.vm_rate_pages = DEDUP_SCAN_UNLIMITED,
	};
	config->bounce_pages_per_vm = chaos_below(c, 3);
}

static struct chaos *make(uint64_t seed)
{
	struct mm_config config;
	struct chaos *c = chaos_make(seed, &config);
	unsigned want;

	configure(c, &config);
	c->contents = 1 + chaos_below(c, 1000);
	c->content = new_content;
	chaos_create(c, &config);
	want = 1 + (unsigned)chaos_below(c, FAKE_VMS);
	for (unsigned tries = 0; c->nr_vms < want && (tries < 8 || !c->nr_vms); tries++)
		add_vm(c);
	mm_start(c->body.mm, 0);
	return c;
}

/* Neighbours: something to share, to read ahead and to write out together. */
static void touch_some(struct chaos *c, uint32_t vm)
{
	uint64_t pages = c->body.guest_pages[vm], write = 1 + chaos_below(c, 4);
	uint64_t g = chaos_below(c, chaos_below(c, 3) ? (pages + 3) / 4 : pages);

	for (uint64_t i = chaos_below(c, 24); i && g < pages; i--, g++) {
		chaos_touch(c, vm, g, chaos_below(c, write) == 0);
		chaos_touch(c, vm, g, chaos_below(c, write) == 0);
	}
}

/* A list as a hostile driver or ring could hold it; what is a page of it may be lost from now on. */
static uint32_t some_pages(struct chaos *c, uint32_t vm, gfn_t list[32], bool lost)
{
	uint64_t pages = c->body.guest_pages[vm], g = chaos_below(c, pages);
	uint64_t stride = chaos_below(c, 3);
	uint32_t nr = 0;

	for (; g < pages && nr < 32; g += stride) {
		list[nr++] = gfn(g);
		c->truth[vm][g].given |= lost;
	}
	if (nr < 32 && chaos_below(c, 4) == 0)
		list[nr++] = gfn(chaos_below(c, 2) ? pages : UINT64_MAX - chaos_below(c, 2));
	return nr;
}

static void give(struct chaos *c, uint32_t vm)
{
	uint64_t what = chaos_below(c, 4);
	gfn_t list[32];
	uint32_t nr;

	if (c->life[vm] == CHAOS_ENDED)
		return;
	nr = some_pages(c, vm, list, what != 1);
	if (what == 0)
		mm_balloon_gave(c->body.mm, vm, list, nr, c->body.now_ns);
	else if (what == 1)
		mm_balloon_took(c->body.mm, vm, list, nr, c->body.now_ns);
	else
		mm_pages_reported(c->body.mm, vm, list[0], 1, c->body.now_ns);
}

/* The guest's disk reads or overwrites pages, as vmm/virtio_blk.c does. */
static void disk(struct chaos *c, uint32_t vm)
{
	bool overwrites = chaos_below(c, 2);
	gfn_t list[32];
	uint32_t nr = some_pages(c, vm, list, overwrites);

	mm_disk_access(c->body.mm, vm, list, nr, overwrites, c->body.now_ns);
	for (uint32_t i = 0; i < nr; i++)
		if (list[i].v < c->body.guest_pages[vm])
			chaos_touch(c, vm, list[i].v, overwrites);
}

static void set_something(struct chaos *c, uint32_t vm)
{
	struct mm *m = c->body.mm;
	uint64_t now = c->body.now_ns;

	switch (chaos_below(c, 8)) {
	case 0:
		c->body.fail_zalloc = chaos_below(c, 4) == 0;
		mm_policy_set(m, any_policy(c), now);
		c->body.fail_zalloc = false;
		break;
	case 1:
		mm_rebalance_set(m, chaos_below(c, 20000), now);
		break;
	case 2:
		mm_sample_period_set(m, chaos_below(c, 20000), now);
		break;
	case 3:
	case 4:
		mm_vm_min_set(m, vm, chaos_below(c, 1000), now);
		break;
	case 5:
		mm_vm_shares_set(m, vm, (uint32_t)chaos_below(c, 5000), now);
		break;
	case 6:
		mm_tax_set(m, (uint32_t)chaos_below(c, PPM), now);
		break;
	default:
		mm_scan_rates(m, (uint32_t)chaos_below(c, 100000),
			      chaos_below(c, 2) ? DEDUP_SCAN_UNLIMITED : 1000, now);
	}
}

static void tell_something(struct chaos *c, uint32_t vm)
{
	struct mm *m = c->body.mm;
	uint64_t now = c->body.now_ns, lost;
	struct mm_page_event event[64];

	switch (chaos_below(c, 5)) {
	case 0:
		mm_balloon_driver(m, vm, chaos_below(c, 3), now);
		break;
	case 1:
	case 2:
		mm_vm_said(m, vm, chaos_below(c, 3) ? chaos_below(c, 1000) : UINT64_MAX, now);
		break;
	case 3:
		mm_vm_ran(m, vm, now * 2);
		break;
	default:
		mm_trace_page(m, vm, gfn(chaos_below(c, c->body.guest_pages[vm])), now);
		while (mm_page_events_take(m, event, 64, &lost) == 64)
			;
	}
}

static void step(struct chaos *c)
{
	uint32_t vm = (uint32_t)chaos_below(c, c->nr_vms);
	uint64_t dice = chaos_below(c, 10000), again;

	c->body.now_ns += chaos_below(c, 100);
	if (dice < 4800)
		touch_some(c, vm);
	else if (dice < 5800)
		mm_scan(c->body.mm, 1 + (uint32_t)chaos_below(c, 60), c->body.now_ns, &again);
	else if (dice < 6300)
		give(c, vm);
	else if (dice < 6800)
		disk(c, vm);
	else if (dice < 7700)
		chaos_finish_one(c);
	else if (dice < 8900)
		mm_reclaim(c->body.mm, (uint32_t)chaos_below(c, 80), c->body.now_ns);
	else if (dice < 9200)
		chaos_stray_fault(c, vm);
	else if (dice < 9700)
		mm_tick(c->body.mm, c->body.now_ns);
	else if (dice < 9800)
		set_something(c, vm);
	else if (dice < 9930)
		tell_something(c, vm);
	else if (dice < 9970)
		chaos_weather(c);
	else if (dice < 9980)
		chaos_doom(c, vm);
	else if (dice < 9990)
		chaos_end(c, vm);
	else if (dice < 9999)
		add_vm(c);
	else if (chaos_below(c, 4) == 0)
		mm_stop(c->body.mm, c->body.now_ns);
	chaos_check(c);
}

/* The sky clears and one VM is left, which has memory for all it is configured with: whoever waits in it is served. */
static void nobody_is_forgotten(struct chaos *c)
{
	struct fake_body *f = &c->body;
	uint32_t last = c->nr_vms;

	for (uint32_t vm = 0; vm < c->nr_vms; vm++) {
		if (c->life[vm] == CHAOS_ALIVE && last == c->nr_vms)
			last = vm;
		else
			chaos_doom(c, vm);
		chaos_end(c, vm);
	}
	f->refuse_map_ppm = f->refuse_withdraw_ppm = f->refuse_protect_ppm = 0;
	f->refuse_unprotect_ppm = f->refuse_share_ppm = f->refuse_discard_ppm = 0;
	f->fail_write_ppm = f->fail_read_ppm = f->lose_cached_ppm = 0;
	for (unsigned i = 0; i < 4; i++) {
		fake_body_settle(f);
		chaos_check(c);
	}
	if (last < c->nr_vms && f->guest_pages[last] <= mm_target_sum(f->mm))
		assert_int_equal(f->mm->vm[last].nr_waiting, 0);
	chaos_all_is_true(c);
}

static void other_config(void *ctx, struct mm_config *config)
{
	struct chaos *c = ctx;

	config->policy = any_policy(c);
	config->compress_ppm = config->compress_ppm ? 0 : 200000;
	config->spare_overwritten = !config->spare_overwritten;
	config->write_zeros = !config->write_zeros;
}

static void same_vm(void *ctx, uint32_t vm, struct mm_vm_config *config)
{
	(void)ctx;
	(void)vm;
	(void)config;
}

static void must_be_consistent(const struct mm *m)
{
	const char *why;

	if (m && !mm_consistent(m, &why))
		fail_msg("what-if manager: %s", why);
}

/* The same calls for a manager with another configuration: nothing that guests did then may upset it. */
static void what_if(struct chaos *c)
{
	struct mm_play_change change = {other_config, same_vm, c};
	struct mm_record_source source = recorded_source(&c->record);
	struct mm_play *play;

	assert_int_equal(mm_play_make(&source, &change, NULL, &play), 0);
	for (unsigned i = 0; mm_play_step(play) == MM_PLAY_GOES_ON; i++) {
		if (i % 64)
			continue;
		must_be_consistent(mm_play_manager(play, MM_PLAY_SAME));
		must_be_consistent(mm_play_manager(play, MM_PLAY_CHANGED));
	}
	mm_play_destroy(play);
}

static void chaos(void **state)
{
	const char *text = getenv("BALLAST_EVERYTHING_SEEDS");
	unsigned long first = 1, last = test_seeds(60);
	uint64_t stored = 0, written = 0, moved = 0, breaks = 0, spared = 0, refaults = 0;

	(void)state;
	if (text)
		assert_int_equal(sscanf(text, "%lu %lu", &first, &last), 2);
	print_message("seeds %lu to %lu\n", first, last);
	for (unsigned long seed = first; seed <= last; seed++) {
		struct chaos *c;
		struct mm_host_stats host;

		if (text)
			fprintf(stderr, "seed %lu\n", seed);
		c = make(seed);
		for (unsigned i = 0; i < STEPS; i++) {
			step(c);
			if (i % 100 == 0)
				chaos_all_is_true(c);
		}
		mm_host_stats(c->body.mm, c->body.now_ns, &host);
		breaks += host.share.cow_breaks;
		stored += host.compress.stored_pages;
		written += host.compress.written_pages;
		moved += host.compress.moved_pages;
		for (uint32_t vm = 0; vm < c->nr_vms; vm++) {
			spared += c->body.mm->vm[vm].twice.overwrite_reads_spared;
			refaults += c->body.mm->vm[vm].refault.back;
		}
		nobody_is_forgotten(c);
		chaos_everything_ends(c);
		if (c->record.nr)
			what_if(c);
		chaos_free(c);
	}
	print_message("breaks %lu stored %lu written %lu moved %lu spared %lu refaults %lu\n",
		      (unsigned long)breaks, (unsigned long)stored, (unsigned long)written,
		      (unsigned long)moved, (unsigned long)spared, (unsigned long)refaults);
	if (text)
		return;
	assert_true(breaks > 1000 && stored > 1000 && written > 100);
	assert_true(moved > 100 && spared > 50 && refaults > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chaos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
