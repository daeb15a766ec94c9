/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_pager_test.c: the memory manager under random guests, against a naive reference.
 *
 * Guests are arrays of numbers; their threads touch pages, sleep when a page is absent or protected, and wake when the
 * body wakes them. The reference is what each page was last written. Requests end in random order, calls are refused
 * at random, stale events come from nowhere, VMs end. After every step the manager must be consistent; every read must
 * see the last write; when all is done, no thread may still sleep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_body.h"
#include "tests/support/seeds.h"

#define THREADS 3u
#define ALIKE   200u

struct toucher {
	bool asleep, write;
	uint32_t page;
	unsigned woken_before;
};

struct world {
	struct fake_body body;
	unsigned nr_vms;
	uint64_t *truth[FAKE_VMS];
	bool ended[FAKE_VMS];
	struct toucher thread[FAKE_VMS][THREADS];
	uint64_t next_content, touches, sleeps;
	uint64_t contents; /* so many different ones: few, and pages can be shared */
};

struct plan {
	const char *pager;
	npages_t memory, swap, vm_pages;
	unsigned nr_vms, steps;
	uint32_t refuse_ppm, fail_write_ppm;
	bool may_end, slow_disk, balloon, share;
	bool loose; /* how much is paged is not checked */
	uint32_t compress_ppm;
};

static void start(struct world *w, const struct plan *plan, uint64_t seed)
{
	struct mm_config config = {
		.memory_pages = plan->memory,
		.swap_pages = plan->swap,
		.pager = policy_find(plan->pager),
		.state_ppm = {60000, 40000, 20000, 10000},
		.rebalance_ns = 1000000,
		.policy = target_table[seed % 4],
		.tax_ppm = 750000,
		.sample_pages = 60,
		.sample_period_ns = 500000,
		.sample_slow_ppm = 250000,
		.sample_fast_ppm = 750000,
		.estimator = (enum mm_estimator)(seed / 4 % MM_ESTIMATORS),
		.seed = seed,
		.max_vms = FAKE_VMS,
		.balloon = plan->balloon,
		.compress_ppm = plan->compress_ppm,
		.share_capacity_pages = plan->share ? 2 * FAKE_VMS * (uint32_t)plan->vm_pages : 0,
		.share_hash_bits = plan->share && seed % 2 ? 4 : 0,
		.scan = {.rate_pages = DEDUP_SCAN_UNLIMITED,
			 .vm_rate_pages = DEDUP_SCAN_UNLIMITED}};

	memset(w, 0, sizeof *w);
	fake_body_init(&w->body, plan->swap, seed);
	if (plan->share)
		fake_body_add_pool(&w->body, config.share_capacity_pages);
	w->contents = plan->share ? 40 : UINT64_MAX;
	w->body.refuse_share_ppm = plan->refuse_ppm;
	w->body.refuse_map_ppm = w->body.refuse_withdraw_ppm = plan->refuse_ppm;
	w->body.fail_write_ppm = plan->fail_write_ppm;
	assert_int_equal(mm_create(&config, &fake_body_ops, &w->body, &w->body.mm), 0);
	w->nr_vms = plan->nr_vms;
	for (uint32_t i = 0; i < plan->nr_vms; i++) {
		struct mm_vm_config vm = {
			.pages = plan->vm_pages, .min_pages = i * 8, .shares = 1000};

		fake_body_add_vm(&w->body, i, vm.pages);
		w->truth[i] = calloc(vm.pages, sizeof(uint64_t));
		assert_int_equal(mm_vm_add(w->body.mm, i, &vm, 0), 0);
	}
	mm_start(w->body.mm, 0);
}

/* Guests that begin alike: pages that hold their number. */
static void begin_alike(struct world *w)
{
	for (uint32_t vm = 0; vm < w->nr_vms; vm++)
		for (uint32_t g = 0; g < ALIKE; g++) {
			mm_fault(w->body.mm, vm, gfn(g), MM_FAULT_MISSING, w->body.now_ns);
			if (!w->body.guest[vm][g].present)
				continue; /* refused */
			w->body.guest[vm][g].content = w->truth[vm][g] = 1 + w->contents + g;
		}
}

static void finish(struct world *w)
{
	mm_destroy(w->body.mm);
	for (unsigned i = 0; i < w->nr_vms; i++)
		free(w->truth[i]);
	fake_body_free(&w->body);
}

/* What is written. With sharing, half of it goes by the page's number, so that neighbours match neighbours. */
static uint64_t content(struct world *w, uint32_t page)
{
	if (rng_below(&w->body.rng, 4) == 0)
		return FAKE_ZERO;
	if (w->contents != UINT64_MAX && rng_below(&w->body.rng, 2))
		return 1 + w->contents + page;
	return 1 + ++w->next_content % w->contents;
}

/* One attempt of a thread; it sleeps if the page does not let it. */
static void touch(struct world *w, uint32_t vm, struct toucher *t)
{
	struct fake_page *p = &w->body.guest[vm][t->page];

	if (p->present && !(t->write && p->protected)) {
		assert_int_equal(p->content, w->truth[vm][t->page]);
		if (t->write)
			p->content = w->truth[vm][t->page] = content(w, t->page);
		t->asleep = false;
		w->touches++;
		return;
	}
	t->asleep = true;
	t->woken_before = p->woken;
	w->sleeps++;
	mm_fault(w->body.mm, vm, gfn(t->page),
		 p->present ? MM_FAULT_WRITE_PROTECTED : MM_FAULT_MISSING, w->body.now_ns);
}

static bool woken(const struct world *w, uint32_t vm, const struct toucher *t)
{
	return t->asleep && w->body.guest[vm][t->page].woken != t->woken_before;
}

static void run_thread(struct world *w, uint32_t vm)
{
	struct toucher *t = &w->thread[vm][rng_below(&w->body.rng, THREADS)];

	if (w->ended[vm] || (t->asleep && !woken(w, vm, t)))
		return;
	if (!t->asleep) {
		uint64_t pages = w->body.guest_pages[vm];
		uint64_t hot = rng_below(&w->body.rng, 3) ? pages / 4 : pages;

		t->page = (uint32_t)rng_below(&w->body.rng, hot);
		t->write = rng_below(&w->body.rng, 100) < 30;
	}
	touch(w, vm, t);
}

static void end_vm(struct world *w, uint32_t vm)
{
	mm_vm_end(w->body.mm, vm, w->body.now_ns);
	w->ended[vm] = true;
	memset(w->thread[vm], 0, sizeof w->thread[vm]);
}

/* The guest gives a page up or takes one back; a page given up reads as zero if it is touched all the same. */
static void balloon(struct world *w, uint32_t vm)
{
	gfn_t g = gfn(rng_below(&w->body.rng, w->body.guest_pages[vm]));

	if (w->ended[vm])
		return;
	if (rng_below(&w->body.rng, 3) == 0) {
		mm_pages_reported(w->body.mm, vm, g, 1, w->body.now_ns);
		if (!w->body.guest[vm][g.v].present)
			w->truth[vm][g.v] = FAKE_ZERO;
		return;
	}
	if (rng_below(&w->body.rng, 2)) {
		mm_balloon_took(w->body.mm, vm, &g, 1, w->body.now_ns);
		return;
	}
	if (mm_balloon_gave(w->body.mm, vm, &g, 1, w->body.now_ns))
		w->truth[vm][g.v] = FAKE_ZERO;
}

static void step(struct world *w, const struct plan *plan)
{
	struct rng *r = &w->body.rng;
	uint32_t vm = (uint32_t)rng_below(r, w->nr_vms);
	uint64_t dice = rng_below(r, 1000), again;

	if (plan->balloon && rng_below(r, 20) == 0)
		balloon(w, vm);
	if (plan->share && rng_below(r, 5) == 0)
		mm_scan(w->body.mm, 1 + (uint32_t)rng_below(r, 8), w->body.now_ns, &again);

	w->body.now_ns += rng_below(r, 2000);
	if (dice < 700)
		run_thread(w, vm);
	else if (dice < 850 && w->body.nr_io && (!plan->slow_disk || dice < 710))
		fake_body_finish(&w->body, (unsigned)rng_below(r, w->body.nr_io));
	else if (dice < 950)
		mm_reclaim(w->body.mm, 1 + (uint32_t)rng_below(r, 40), w->body.now_ns);
	else if (dice < 980) /* an event that is no longer true, or never was */
		mm_fault(w->body.mm, vm, gfn(rng_below(r, w->body.guest_pages[vm] + 2)),
			 rng_below(r, 2) ? MM_FAULT_MISSING : MM_FAULT_WRITE_PROTECTED,
			 w->body.now_ns);
	else if (dice < 999)
		mm_tick(w->body.mm, w->body.now_ns);
	else if (plan->may_end && rng_below(r, 20) == 0 && !w->ended[vm])
		end_vm(w, vm);
}

/* With everything granted, every sleeper gets its page. */
static void everybody_wakes(struct world *w)
{
	w->body.refuse_map_ppm = w->body.refuse_withdraw_ppm = w->body.fail_write_ppm = 0;
	for (unsigned round = 0; round < 1000; round++) {
		bool asleep = false;

		fake_body_settle(&w->body);
		for (uint32_t vm = 0; vm < w->nr_vms; vm++)
			for (unsigned k = 0; k < THREADS; k++) {
				struct toucher *t = &w->thread[vm][k];

				if (!w->ended[vm] && woken(w, vm, t))
					touch(w, vm, t);
				asleep |= t->asleep;
			}
		fake_body_check(&w->body);
		if (!asleep)
			return;
	}
	fail_msg("a thread sleeps for ever");
}

/* Every page of every living VM holds what was last written, wherever it is. */
static void everything_is_there(struct world *w)
{
	for (uint32_t vm = 0; vm < w->nr_vms; vm++)
		for (uint32_t g = 0; !w->ended[vm] && g < w->body.guest_pages[vm]; g++) {
			w->thread[vm][0] = (struct toucher){.page = g};
			touch(w, vm, &w->thread[vm][0]);
			everybody_wakes(w);
		}
}

/* Returns how many pages were compressed. */
static uint64_t run(const struct plan *plan, uint64_t seed)
{
	struct world *w = calloc(1, sizeof *w);
	struct mm_host_stats host;

	print_message("seed %llu pager %s\n", (unsigned long long)seed, plan->pager);
	start(w, plan, seed);
	if (plan->share)
		begin_alike(w);
	for (unsigned i = 0; i < plan->steps; i++) {
		step(w, plan);
		if (i % 16 == 0 || i > plan->steps - 500)
			fake_body_check(&w->body);
	}
	everybody_wakes(w);
	everything_is_there(w);
	mm_host_stats(w->body.mm, w->body.now_ns, &host);
	assert_true(host.peak_used_pages <= host.memory_pages);
	if (!plan->fail_write_ppm && !plan->loose) {
		assert_int_equal(host.swap.written_pages, w->body.written_pages);
		assert_int_equal(host.swap.read_pages, w->body.read_pages);
		assert_true(host.swap.written_pages > 100 && host.swap.read_pages > 100);
		assert_true(host.swap.clean_drops > 0 && host.swap.zero_drops > 0);
	}
	assert_true(w->touches > plan->steps / 10);
	assert_int_equal(plan->share, w->body.shared_runs > 0);
	assert_int_equal(plan->compress_ppm > 0, host.compress.loaded_pages > 0);
	finish(w);
	free(w);
	return host.compress.stored_pages;
}

static void every_pager(void **state)
{
	(void)state;
	for (unsigned i = 0; policy_table[i]; i++) {
		uint64_t seed = 1 + i % 3;
		struct plan plan = {.pager = policy_table[i]->name,
				    .memory = 1500,
				    .swap = 4000,
				    .vm_pages = 900,
				    .nr_vms = 4,
				    .steps = 30000,
				    .slow_disk = seed == 3};

		print_message("%s\n", plan.pager);
		run(&plan, seed);
	}
}

static void refusals_and_ends(void **state)
{
	(void)state;
	for (uint64_t seed = 11; seed < 11 + test_seeds(6); seed++) {
		struct plan plan = {.pager = seed % 2 ? "clock" : "random",
				    .memory = 1500,
				    .swap = 5000,
				    .vm_pages = 700,
				    .nr_vms = 6,
				    .steps = 25000,
				    .refuse_ppm = 30000,
				    .may_end = true};

		run(&plan, seed);
	}
}

static void failing_disk(void **state)
{
	(void)state;
	for (uint64_t seed = 21; seed < 21 + test_seeds(4); seed++) {
		struct plan plan = {.pager = seed % 2 ? "lru" : "clock",
				    .memory = 1500,
				    .swap = 60000,
				    .vm_pages = 900,
				    .nr_vms = 4,
				    .steps = 20000,
				    .fail_write_ppm = 100000};

		run(&plan, seed);
	}
}

/* Swap for a part only: somebody waits, nobody is lost, and ending the others lets the rest go on. */
static void swap_full(void **state)
{
	(void)state;
	for (uint64_t seed = 31; seed < 31 + test_seeds(6); seed++) {
		struct plan plan = {.pager = seed % 2 ? "fifo" : "clock",
				    .memory = 1200,
				    .swap = 300,
				    .vm_pages = 700,
				    .nr_vms = 4,
				    .steps = 20000};
		struct world *w = calloc(1, sizeof *w);
		struct mm_host_stats host;

		print_message("seed %llu\n", (unsigned long long)seed);
		start(w, &plan, seed);
		for (unsigned i = 0; i < plan.steps; i++) {
			step(w, &plan);
			if (i % 16 == 0)
				fake_body_check(&w->body);
		}
		mm_host_stats(w->body.mm, w->body.now_ns, &host);
		assert_true(host.swap.full_ns > 0);
		assert_int_equal(host.swap.used_pages, 300);
		end_vm(w, 0);
		end_vm(w, 1);
		end_vm(w, 2);
		everybody_wakes(w);
		everything_is_there(w);
		finish(w);
		free(w);
	}
}

/* All three mechanisms at once, few contents so that pages are shared, few hash bits so that they are not equal. */
static void balloon_and_sharing(void **state)
{
	uint32_t policies = 0;

	(void)state;
	while (policy_table[policies])
		policies++;
	for (uint64_t seed = 41; seed < 41 + test_seeds(12); seed++) {
		struct plan plan = {.pager = policy_table[seed % policies]->name,
				    .memory = 1500,
				    .swap = 5000,
				    .vm_pages = 900,
				    .nr_vms = 5,
				    .steps = 20000,
				    .refuse_ppm = seed % 3 ? 0 : 20000,
				    .balloon = seed % 2,
				    .share = true,
				    .loose = true,
				    .may_end = seed % 4 == 0};

		run(&plan, seed);
	}
}

/* A cache of compressed pages beside it, small or large, with all mechanisms or alone with swap. */
static void compression(void **state)
{
	uint64_t stored = 0;
	uint32_t policies = 0;

	(void)state;
	while (policy_table[policies])
		policies++;
	for (uint64_t seed = 61; seed < 61 + test_seeds(10); seed++) {
		struct plan plan = {.pager = policy_table[seed % policies]->name,
				    .memory = 1500,
				    .swap = 5000,
				    .vm_pages = 900,
				    .nr_vms = 4,
				    .steps = 20000,
				    .refuse_ppm = seed % 3 ? 0 : 20000,
				    .fail_write_ppm = seed % 5 ? 0 : 20000,
				    .balloon = seed % 2,
				    .share = seed % 4 == 1,
				    .loose = true,
				    .slow_disk = seed % 4 == 2,
				    .may_end = seed % 4 == 3,
				    .compress_ppm = seed % 3 ? 20000 : 100000};

		stored += run(&plan, seed);
	}
	assert_true(stored > 400 * test_seeds(10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pager),         cmocka_unit_test(refusals_and_ends),
		cmocka_unit_test(failing_disk),        cmocka_unit_test(swap_full),
		cmocka_unit_test(balloon_and_sharing), cmocka_unit_test(compression),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
