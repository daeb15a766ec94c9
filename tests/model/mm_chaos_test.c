/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_chaos_test.c: the memory manager when everything happens at once, and what is left when all is over.
 *
 * Random machines: sizes, minimums, pagers, swap that fills up, a disk that fails now and then, a body that refuses now
 * and then, VMs that are doomed and end while their pages are being read and written, and a machine that stops in the
 * middle of it. After every step the manager must be consistent and the fake's frames within what it charges; a page
 * must hold what was last written to it unless its VM is doomed or broken. In the end no frame, slot, stage or
 * request may be left over. mm_pager_test.c is about fairness to sleepers; this one is about leaks and the budget.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_body.h"

enum life { ALIVE, DOOMED, ENDED };

struct chaos {
	struct fake_body body;
	struct rng rng;
	unsigned nr_vms;
	enum life life[FAKE_VMS];
	uint64_t *truth[FAKE_VMS];
	uint64_t last_content;
};

static uint64_t below(struct chaos *c, uint64_t bound)
{
	return rng_below(&c->rng, bound);
}

static void add_vms(struct chaos *c)
{
	unsigned want = 1 + (unsigned)below(c, FAKE_VMS);

	while (c->nr_vms < want) {
		struct mm_vm_config vm = {.pages = 1 + below(c, 900), .shares = 1000};

		vm.min_pages = c->nr_vms && !below(c, 4) ? below(c, vm.pages) : 0;
		if (mm_vm_add(c->body.mm, c->nr_vms, &vm, 0))
			break; /* full; there is room for one without a minimum */
		fake_body_add_vm(&c->body, c->nr_vms, vm.pages);
		c->truth[c->nr_vms] = calloc(vm.pages, sizeof(uint64_t));
		c->nr_vms++;
	}
}

static struct chaos *chaos_make(uint64_t seed)
{
	struct chaos *c = calloc(1, sizeof *c);
	struct mm_config config = {.state_ppm = {60000, 40000, 20000, 10000},
				   .seed = seed,
				   .max_vms = FAKE_VMS,
				   .rebalance_ns = 5000};
	unsigned policies = 0;

	assert_non_null(c);
	c->rng = rng_seeded(seed);
	while (policy_table[policies])
		policies++;
	config.pager = policy_table[below(c, policies)];
	for (policies = 0; target_table[policies]; policies++)
		;
	config.policy = target_table[below(c, policies)];
	config.tax_ppm = (uint32_t)below(c, TARGET_TAX_PPM_MAX + 1);
	config.sample_pages = below(c, 4) ? 1 + (uint32_t)below(c, 200) : 0;
	config.sample_period_ns = 1 + below(c, 20000);
	config.sample_slow_ppm = config.sample_fast_ppm = 500000;
	config.memory_pages = 300 + below(c, 1000);
	config.swap_pages = 1 + below(c, below(c, 2) ? 200 : 5000);
	fake_body_init(&c->body, config.swap_pages, seed);
	assert_int_equal(mm_create(&config, &fake_body_ops, &c->body, &c->body.mm), 0);
	add_vms(c);
	mm_start(c->body.mm, 0);
	return c;
}

static bool is_true(const struct chaos *c, uint32_t vm)
{
	return c->life[vm] == ALIVE && !c->body.broken[vm];
}

static void touch(struct chaos *c, uint32_t vm)
{
	uint64_t pages = c->body.guest_pages[vm];
	uint64_t g = below(c, below(c, 3) ? (pages + 3) / 4 : pages);
	struct fake_page *p = &c->body.guest[vm][g];
	bool write = below(c, 3) == 0;

	if (c->life[vm] == ENDED)
		return;
	if (!p->present) {
		mm_fault(c->body.mm, vm, gfn(g), MM_FAULT_MISSING, c->body.now_ns);
	} else if (write && p->protected) {
		mm_fault(c->body.mm, vm, gfn(g), MM_FAULT_WRITE_PROTECTED, c->body.now_ns);
	} else {
		if (is_true(c, vm))
			assert_int_equal(p->content, c->truth[vm][g]);
		if (write)
			p->content = c->truth[vm][g] = below(c, 4) ? ++c->last_content : FAKE_ZERO;
	}
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
	c->body.fail_write_ppm = now_and_then(c);
	c->body.fail_read_ppm = below(c, 4) ? 0 : now_and_then(c);
}

static void end_vm(struct chaos *c, uint32_t vm)
{
	if (c->life[vm] != DOOMED)
		return; /* first one dooms, then one ends, as the live body does */
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

static void step(struct chaos *c)
{
	uint32_t vm = (uint32_t)below(c, c->nr_vms);
	uint64_t dice = below(c, 10000);

	c->body.now_ns += below(c, 100);
	if (dice < 7500)
		for (uint64_t i = below(c, 8); i; i--)
			touch(c, vm);
	else if (dice < 8300 && c->body.nr_io)
		fake_body_finish(&c->body, (unsigned)below(c, c->body.nr_io));
	else if (dice < 9400)
		mm_reclaim(c->body.mm, (uint32_t)below(c, 80), c->body.now_ns);
	else if (dice < 9800)
		mm_fault(c->body.mm, vm, gfn(below(c, c->body.guest_pages[vm])),
			 (enum mm_fault_kind)below(c, 2), c->body.now_ns);
	else if (dice < 9960)
		mm_tick(c->body.mm, c->body.now_ns);
	else if (dice < 9980)
		weather(c);
	else if (dice < 9988)
		doom_vm(c, vm);
	else if (dice < 9996)
		end_vm(c, vm);
	else if (dice == 9999 && below(c, 4) == 0)
		mm_stop(c->body.mm, c->body.now_ns);
	fake_body_check(&c->body);
}

/* All VMs end, in random order among the requests that are under way; nothing may be left. */
static void everything_ends(struct chaos *c)
{
	struct mm_host_stats host;

	for (uint32_t vm = 0; vm < c->nr_vms; vm++)
		doom_vm(c, vm);
	for (uint32_t vm = 0; vm < c->nr_vms; vm++) {
		end_vm(c, vm);
		fake_body_check(&c->body);
		if (c->body.nr_io)
			fake_body_finish(&c->body, (unsigned)below(c, c->body.nr_io));
		fake_body_check(&c->body);
	}
	while (c->body.nr_io)
		fake_body_finish(&c->body, 0);
	fake_body_check(&c->body);
	mm_host_stats(c->body.mm, c->body.now_ns, &host);
	assert_int_equal(host.used_pages, host.reserve_pages);
	assert_int_equal(host.swap.used_pages, c->body.mm->slots_bad);
	assert_int_equal(c->body.frames, 0);
	assert_int_equal(c->body.mm->stages_used, 0);
	assert_int_equal(c->body.mm->read_stages, 0);
	assert_int_equal(c->body.mm->extra_stages, 0);
	assert_true(mm_idle(c->body.mm));
	assert_true(host.peak_used_pages <= host.memory_pages);
}

static void chaos(void **state)
{
	uint64_t written = 0, read = 0, errors = 0;

	(void)state;
	print_message("seeds 1 to 150\n");
	for (uint64_t seed = 1; seed <= 150; seed++) {
		struct chaos *c = chaos_make(seed);

		for (unsigned i = 0; i < 3000; i++)
			step(c);
		everything_ends(c);
		written += c->body.written_pages;
		read += c->body.read_pages;
		errors += c->body.mm->swap.errors;
		mm_destroy(c->body.mm);
		for (unsigned i = 0; i < c->nr_vms; i++)
			free(c->truth[i]);
		fake_body_free(&c->body);
		free(c);
	}
	assert_true(written > 5000 && read > 2000 && errors > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chaos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
