/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_chaos_test.c: the memory manager when everything happens at once, and what is left when all is over.
 *
 * Random machines: sizes, minimums, pagers, swap that fills up, a disk that fails now and then, a body that refuses now
 * and then, caches of compressed pages of many sizes, VMs that are doomed and end while their pages are being read and written, and a machine that stops in the
 * middle of it. After every step the manager must be consistent and the fake's frames within what it charges; a page
 * must hold what was last written to it unless its VM is doomed or broken. In the end no frame, slot, stage or
 * request may be left over. mm_pager_test.c is about fairness to sleepers; this one is about leaks and the budget.
 */
#include "tests/support/mm_chaos.h"
#include "tests/support/seeds.h"

/* A content that was never there before, or zeros. */
static uint64_t new_content(struct chaos *c, uint64_t g)
{
	(void)g;
	return chaos_below(c, 4) ? ++c->contents : FAKE_ZERO;
}

static struct chaos *make(uint64_t seed)
{
	struct mm_config config;
	struct chaos *c = chaos_make(seed, &config);
	unsigned policies = 0, want;

	while (target_table[policies])
		policies++;
	config.policy = target_table[chaos_below(c, policies)];
	config.tax_ppm = (uint32_t)chaos_below(c, TARGET_TAX_PPM_MAX + 1);
	config.sample_pages = chaos_below(c, 4) ? 1 + (uint32_t)chaos_below(c, 200) : 0;
	config.sample_period_ns = 1 + chaos_below(c, 20000);
	config.estimator = (enum mm_estimator)chaos_below(c, MM_ESTIMATORS);
	config.sample_slow_ppm = config.sample_fast_ppm = 500000;
	config.memory_pages = 300 + chaos_below(c, 1000);
	config.swap_pages = 1 + chaos_below(c, chaos_below(c, 2) ? 200 : 5000);
	if (chaos_below(c, 3))
		config.compress_ppm =
			1 + (uint32_t)chaos_below(c, chaos_below(c, 3) ? 60000 : 500000);
	if (config.compress_ppm && chaos_below(c, 4) == 0)
		config.swap_pages = 0;
	chaos_create(c, &config);
	c->content = new_content;
	want = 1 + (unsigned)chaos_below(c, FAKE_VMS);
	while (c->nr_vms < want && chaos_add_vm(c, false))
		;
	mm_start(c->body.mm, 0);
	return c;
}

static void touch(struct chaos *c, uint32_t vm)
{
	uint64_t pages = c->body.guest_pages[vm];
	uint64_t g = chaos_below(c, chaos_below(c, 3) ? (pages + 3) / 4 : pages);

	chaos_touch(c, vm, g, chaos_below(c, 3) == 0);
}

static void weather(struct chaos *c)
{
	c->body.refuse_map_ppm = chaos_now_and_then(c);
	c->body.refuse_withdraw_ppm = chaos_now_and_then(c);
	c->body.refuse_protect_ppm = chaos_now_and_then(c);
	c->body.fail_write_ppm = chaos_now_and_then(c);
	c->body.fail_read_ppm = chaos_below(c, 4) ? 0 : chaos_now_and_then(c);
	c->body.lose_cached_ppm = chaos_below(c, 8) ? 0 : chaos_now_and_then(c);
}

static void step(struct chaos *c)
{
	uint32_t vm = (uint32_t)chaos_below(c, c->nr_vms);
	uint64_t dice = chaos_below(c, 10000);

	c->body.now_ns += chaos_below(c, 100);
	if (dice < 7500)
		for (uint64_t i = chaos_below(c, 8); i; i--)
			touch(c, vm);
	else if (dice < 8300 && c->body.nr_io)
		chaos_finish_one(c);
	else if (dice < 9400)
		mm_reclaim(c->body.mm, (uint32_t)chaos_below(c, 80), c->body.now_ns);
	else if (dice < 9800)
		chaos_stray_fault(c, vm);
	else if (dice < 9960)
		mm_tick(c->body.mm, c->body.now_ns);
	else if (dice < 9980)
		weather(c);
	else if (dice < 9988)
		chaos_doom(c, vm);
	else if (dice < 9996)
		chaos_end(c, vm);
	else if (dice == 9999 && chaos_below(c, 4) == 0)
		mm_stop(c->body.mm, c->body.now_ns);
	fake_body_check(&c->body);
}

/* All VMs end, among the requests that are under way; nothing may be left. */
static void everything_ends(struct chaos *c)
{
	for (uint32_t vm = 0; vm < c->nr_vms; vm++)
		chaos_doom(c, vm);
	for (uint32_t vm = 0; vm < c->nr_vms; vm++) {
		chaos_end(c, vm);
		fake_body_check(&c->body);
		chaos_finish_one(c);
		fake_body_check(&c->body);
	}
	chaos_nothing_left(c);
}

static void add_up(struct chaos *c, struct mm_compress_stats *sum)
{
	struct mm_host_stats host;

	mm_host_stats(c->body.mm, c->body.now_ns, &host);
	assert_int_equal(host.compress.frames, 0);
	assert_int_equal(host.compress.pages, 0);
	sum->stored_pages += host.compress.stored_pages;
	sum->loaded_pages += host.compress.loaded_pages;
	sum->written_pages += host.compress.written_pages;
	sum->clean_pages += host.compress.clean_pages;
	sum->moved_pages += host.compress.moved_pages;
	sum->no_room_pages += host.compress.no_room_pages;
}

static void chaos(void **state)
{
	uint64_t written = 0, read = 0, errors = 0;
	struct mm_compress_stats cache = {0};
	unsigned seeds = test_seeds(150);

	(void)state;
	print_message("seeds 1 to %u\n", seeds);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct chaos *c = make(seed);

		for (unsigned i = 0; i < 3000; i++)
			step(c);
		everything_ends(c);
		add_up(c, &cache);
		written += c->body.written_pages;
		read += c->body.read_pages;
		errors += c->body.mm->swap.errors;
		chaos_free(c);
	}
	assert_true(written > 33 * seeds && read > 13 * seeds && errors > 3 * seeds);
	print_message("stored %lu loaded %lu written %lu clean %lu moved %lu no room %lu\n",
		      (unsigned long)cache.stored_pages, (unsigned long)cache.loaded_pages,
		      (unsigned long)cache.written_pages, (unsigned long)cache.clean_pages,
		      (unsigned long)cache.moved_pages, (unsigned long)cache.no_room_pages);
	assert_true(cache.stored_pages > 5000 && cache.loaded_pages > 2000);
	assert_true(cache.written_pages > 100 && cache.clean_pages > 10);
	assert_true(cache.moved_pages > 500 && cache.no_room_pages > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chaos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
