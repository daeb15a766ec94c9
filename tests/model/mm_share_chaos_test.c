/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_share_chaos_test.c: sharing when everything happens at once: as mm_chaos_test.c, and pages are alike, are scanned,
 * shared in runs, broken, given to balloons, reported free and taken back, in groups, with hashes of few bits, and with a
 * body that refuses to share, to take away and to map.
 *
 * After every step the manager must be consistent, the fake's frames within what it charges, and every VM's least free
 * of the pool; a page holds what was last written to it; one that was given up and not written since holds that or
 * zeros. In the end no frame, slot or stage may be left over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_body.h"

#define CAPACITY 8000u
#define STEPS    3000u

enum life { ALIVE, DOOMED, ENDED };

struct truth {
	uint64_t content;
	bool given; /* or zeros */
};

struct chaos {
	struct fake_body body;
	struct rng rng;
	unsigned nr_vms;
	uint64_t contents;
	enum life life[FAKE_VMS];
	struct truth *truth[FAKE_VMS];
};

static uint64_t below(struct chaos *c, uint64_t bound)
{
	return rng_below(&c->rng, bound);
}

static void add_vms(struct chaos *c)
{
	unsigned want = 2 + (unsigned)below(c, FAKE_VMS - 1);

	while (c->nr_vms < want) {
		struct mm_vm_config vm = {.pages = 1 + below(c, 900), .shares = 1000};

		vm.min_pages = c->nr_vms && !below(c, 4) ? below(c, vm.pages) : 0;
		vm.group = below(c, 4) == 0;
		if (mm_vm_add(c->body.mm, c->nr_vms, &vm, 0))
			break;
		fake_body_add_vm(&c->body, c->nr_vms, vm.pages);
		mm_balloon_driver(c->body.mm, c->nr_vms, true, 0);
		c->truth[c->nr_vms] = calloc(vm.pages, sizeof(struct truth));
		c->nr_vms++;
	}
}

static struct chaos *chaos_make(uint64_t seed)
{
	struct chaos *c = calloc(1, sizeof *c);
	struct mm_config config = {.state_ppm = {60000, 40000, 20000, 10000},
				   .seed = seed,
				   .max_vms = FAKE_VMS,
				   .balloon = true,
				   .share_capacity_pages = CAPACITY,
				   .rebalance_ns = 5000};
	unsigned policies = 0;

	assert_non_null(c);
	c->rng = rng_seeded(seed);
	while (policy_table[policies])
		policies++;
	config.pager = policy_table[below(c, policies)];
	config.memory_pages = 300 + below(c, 1500);
	config.swap_pages = below(c, 3) ? 1 + below(c, below(c, 2) ? 200 : 5000) : 0;
	config.share_hash_bits = below(c, 2) ? 0 : 1 + (uint32_t)below(c, 12);
	config.scan = (struct dedup_scan_config){
		.order = below(c, 2) ? DEDUP_SCAN_RANDOM : DEDUP_SCAN_SEQUENTIAL,
		.rate_pages = DEDUP_SCAN_UNLIMITED,
		.vm_rate_pages = DEDUP_SCAN_UNLIMITED,
	};
	c->contents = 1 + below(c, 1000);
	fake_body_init(&c->body, config.swap_pages, seed);
	fake_body_add_pool(&c->body, CAPACITY);
	assert_int_equal(mm_create(&config, &fake_body_ops, &c->body, &c->body.mm), 0);
	add_vms(c);
	return c;
}

static void check_page(const struct chaos *c, uint32_t vm, uint64_t g)
{
	const struct fake_page *p = &c->body.guest[vm][g];
	const struct truth *t = &c->truth[vm][g];

	if (c->life[vm] != ALIVE || c->body.broken[vm] || !p->present)
		return;
	if (p->content != t->content && !(t->given && p->content == FAKE_ZERO))
		fail_msg("VM %u page %lu holds %lx, not %lx", vm, (unsigned long)g,
			 (unsigned long)p->content, (unsigned long)t->content);
}

/* Page g of most VMs tends to hold the same. */
static uint64_t new_content(struct chaos *c, uint64_t g)
{
	switch (below(c, 8)) {
	case 0:
		return FAKE_ZERO;
	case 1:
		return 1 + below(c, c->contents);
	default:
		return 10000 + g;
	}
}

static void touch(struct chaos *c, uint32_t vm, uint64_t g)
{
	struct fake_page *p = &c->body.guest[vm][g];
	bool write = below(c, 2) == 0;

	if (c->life[vm] == ENDED)
		return;
	if (!p->present) {
		mm_fault(c->body.mm, vm, gfn(g), MM_FAULT_MISSING, c->body.now_ns);
		return;
	}
	if (write && p->protected) {
		mm_fault(c->body.mm, vm, gfn(g), MM_FAULT_WRITE_PROTECTED, c->body.now_ns);
		return;
	}
	check_page(c, vm, g);
	if (write) {
		p->content = new_content(c, g);
		c->truth[vm][g] = (struct truth){p->content, false};
	}
}

/* Neighbours, so that there is something to share in runs. */
static void touch_some(struct chaos *c, uint32_t vm)
{
	uint64_t pages = c->body.guest_pages[vm], g = below(c, pages);

	for (uint64_t i = below(c, 24); i && g < pages; i--, g++) {
		touch(c, vm, g);
		touch(c, vm, g);
	}
}

static void give(struct chaos *c, uint32_t vm)
{
	uint64_t pages = c->body.guest_pages[vm], first = below(c, pages), what = below(c, 3);
	uint32_t nr = 0;
	gfn_t list[32];

	if (c->life[vm] == ENDED)
		return;
	for (uint64_t g = first; g < pages && nr < 32; g += 1 + below(c, 2)) {
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

static uint32_t now_and_then(struct chaos *c)
{
	static const uint32_t ppm[] = {0, 0, 0, 20000, 300000, PPM};

	return ppm[below(c, sizeof ppm / sizeof *ppm)];
}

static void weather(struct chaos *c)
{
	c->body.refuse_map_ppm = now_and_then(c);
	c->body.refuse_withdraw_ppm = now_and_then(c);
	c->body.refuse_share_ppm = now_and_then(c);
	c->body.refuse_discard_ppm = now_and_then(c);
	c->body.fail_write_ppm = below(c, 4) ? 0 : now_and_then(c);
	c->body.fail_read_ppm = below(c, 8) ? 0 : now_and_then(c);
}

static void end_vm(struct chaos *c, uint32_t vm)
{
	if (c->life[vm] != DOOMED)
		return;
	mm_vm_end(c->body.mm, vm, c->body.now_ns);
	c->life[vm] = ENDED;
}

static void doom_vm(struct chaos *c, uint32_t vm)
{
	if (c->life[vm] != ALIVE)
		return;
	mm_vm_doom(c->body.mm, vm, c->body.now_ns);
	c->life[vm] = DOOMED;
}

static void check(struct chaos *c)
{
	const struct mm *m = c->body.mm;
	npages_t least = 0;

	fake_body_check(&c->body);
	for (uint32_t vm = 0; vm < c->nr_vms; vm++)
		if (c->life[vm] != ENDED)
			least += mm_vm_least_pages(&m->vm[vm].config);
	if (!m->stopping)
		assert_true(m->pool + m->reserve + m->level_pages[MM_HIGH] + least <=
			    m->config.memory_pages);
}

static void step(struct chaos *c)
{
	uint32_t vm = (uint32_t)below(c, c->nr_vms);
	uint64_t dice = below(c, 10000), again;

	c->body.now_ns += below(c, 100);
	if (dice < 5500)
		touch_some(c, vm);
	else if (dice < 7000)
		mm_scan(c->body.mm, 1 + (uint32_t)below(c, 60), c->body.now_ns, &again);
	else if (dice < 7600)
		give(c, vm);
	else if (dice < 8300 && c->body.nr_io)
		fake_body_finish(&c->body, (unsigned)below(c, c->body.nr_io));
	else if (dice < 9400)
		mm_reclaim(c->body.mm, (uint32_t)below(c, 80), c->body.now_ns);
	else if (dice < 9700)
		mm_fault(c->body.mm, vm, gfn(below(c, c->body.guest_pages[vm])),
			 (enum mm_fault_kind)below(c, 2), c->body.now_ns);
	else if (dice < 9940)
		mm_tick(c->body.mm, c->body.now_ns);
	else if (dice < 9970)
		weather(c);
	else if (dice < 9974)
		doom_vm(c, vm);
	else if (dice < 9978)
		end_vm(c, vm);
	else if (dice < 9990)
		mm_balloon_driver(c->body.mm, vm, below(c, 2), c->body.now_ns);
	else if (dice == 9999 && below(c, 4) == 0)
		mm_stop(c->body.mm, c->body.now_ns);
	check(c);
}

static void all_is_true(const struct chaos *c)
{
	for (uint32_t vm = 0; vm < c->nr_vms; vm++)
		for (uint64_t g = 0; g < c->body.guest_pages[vm]; g++)
			check_page(c, vm, g);
}

static void everything_ends(struct chaos *c)
{
	struct mm_host_stats host;

	for (uint32_t vm = 0; vm < c->nr_vms; vm++) {
		doom_vm(c, vm);
		end_vm(c, vm);
		check(c);
		all_is_true(c); /* of those that are left */
		if (c->body.nr_io)
			fake_body_finish(&c->body, (unsigned)below(c, c->body.nr_io));
		check(c);
	}
	while (c->body.nr_io)
		fake_body_finish(&c->body, 0);
	fake_body_check(&c->body);
	mm_host_stats(c->body.mm, c->body.now_ns, &host);
	assert_int_equal(host.used_pages, host.reserve_pages);
	assert_int_equal(host.swap.used_pages, c->body.mm->slots_bad);
	assert_int_equal(host.share.shared_pages, 0);
	assert_int_equal(host.share.hints, 0);
	assert_int_equal(c->body.frames, 0);
	assert_int_equal(c->body.mm->stages_used, 0);
	assert_true(mm_idle(c->body.mm));
}

static void chaos(void **state)
{
	const char *text = getenv("BALLAST_SHARE_SEEDS");
	uint64_t seeds = text ? strtoull(text, NULL, 10) : 60, runs = 0, breaks = 0, zeros = 0;
	uint64_t reasons[DEDUP_REASONS] = {0};

	(void)state;
	print_message("seeds 1 to %lu\n", (unsigned long)seeds);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct chaos *c = chaos_make(seed);
		struct mm_host_stats host;

		for (unsigned i = 0; i < STEPS; i++) {
			step(c);
			if (i % 100 == 0)
				all_is_true(c);
		}
		mm_host_stats(c->body.mm, c->body.now_ns, &host);
		for (unsigned r = 0; r < DEDUP_REASONS; r++)
			reasons[r] += host.share.reason[r];
		breaks += host.share.cow_breaks;
		runs += c->body.shared_runs;
		everything_ends(c);
		mm_destroy(c->body.mm);
		for (unsigned i = 0; i < c->nr_vms; i++)
			free(c->truth[i]);
		fake_body_free(&c->body);
		free(c);
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
