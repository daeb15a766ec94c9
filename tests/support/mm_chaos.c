/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mm_chaos.c: see mm_chaos.h. */
#include "tests/support/mm_chaos.h"

#include <stdlib.h>

#define RECORDED 3u

uint64_t chaos_below(struct chaos *c, uint64_t bound)
{
	return rng_below(&c->rng, bound);
}

uint32_t chaos_now_and_then(struct chaos *c)
{
	static const uint32_t ppm[] = {0, 0, 0, 20000, 300000, PPM};

	return ppm[chaos_below(c, sizeof ppm / sizeof *ppm)];
}

struct chaos *chaos_make(uint64_t seed, struct mm_config *config)
{
	struct chaos *c = calloc(1, sizeof *c);
	unsigned policies = 0;

	assert_non_null(c);
	c->rng = rng_seeded(seed);
	*config = (struct mm_config){.state_ppm = {60000, 40000, 20000, 10000},
				     .seed = seed,
				     .max_vms = FAKE_VMS,
				     .rebalance_ns = 5000};
	while (policy_table[policies])
		policies++;
	config->pager = policy_table[chaos_below(c, policies)];
	return c;
}

void chaos_create(struct chaos *c, const struct mm_config *config)
{
	struct mm_config recorded = *config;

	if (config->seed % RECORDED == 0)
		recorded.record = recorded_sink(&c->record);
	fake_body_init(&c->body, config->swap_pages, config->seed);
	if (config->share_capacity_pages)
		fake_body_add_pool(&c->body, config->share_capacity_pages);
	assert_int_equal(mm_create(&recorded, &fake_body_ops, &c->body, &c->body.mm), 0);
}

void chaos_free(struct chaos *c)
{
	mm_destroy(c->body.mm);
	if (c->record.nr)
		recorded_must_replay(&c->record);
	recorded_free(&c->record);
	for (unsigned i = 0; i < c->nr_vms; i++)
		free(c->truth[i]);
	fake_body_free(&c->body);
	free(c);
}

bool chaos_add_vm(struct chaos *c, bool groups)
{
	struct mm_vm_config vm = {.pages = 1 + chaos_below(c, 900), .shares = 1000};

	vm.min_pages = c->nr_vms && !chaos_below(c, 4) ? chaos_below(c, vm.pages) : 0;
	vm.group = groups && !chaos_below(c, 4);
	if (mm_vm_add(c->body.mm, c->nr_vms, &vm, c->body.now_ns))
		return false; /* full; there is room for one without a minimum */
	fake_body_add_vm(&c->body, c->nr_vms, vm.pages);
	c->truth[c->nr_vms] = calloc(vm.pages, sizeof(struct chaos_truth));
	assert_non_null(c->truth[c->nr_vms]);
	c->nr_vms++;
	return true;
}

void chaos_check_page(const struct chaos *c, uint32_t vm, uint64_t g)
{
	const struct fake_page *p = &c->body.guest[vm][g];
	const struct chaos_truth *t = &c->truth[vm][g];

	if (c->life[vm] != CHAOS_ALIVE || c->body.broken[vm] || !p->present)
		return;
	if (p->content != t->content && !(t->given && p->content == FAKE_ZERO))
		fail_msg("VM %u page %lu holds %lx, not %lx", vm, (unsigned long)g,
			 (unsigned long)p->content, (unsigned long)t->content);
}

void chaos_touch(struct chaos *c, uint32_t vm, uint64_t g, bool write)
{
	struct fake_page *p = &c->body.guest[vm][g];

	if (c->life[vm] == CHAOS_ENDED)
		return;
	if (!p->present) {
		mm_fault(c->body.mm, vm, gfn(g), MM_FAULT_MISSING, c->body.now_ns);
		return;
	}
	if (write && p->protected) {
		mm_fault(c->body.mm, vm, gfn(g), MM_FAULT_WRITE_PROTECTED, c->body.now_ns);
		return;
	}
	chaos_check_page(c, vm, g);
	if (write) {
		p->content = c->content(c, g);
		c->truth[vm][g] = (struct chaos_truth){p->content, false};
	}
}

void chaos_doom(struct chaos *c, uint32_t vm)
{
	if (c->life[vm] != CHAOS_ALIVE)
		return;
	mm_vm_doom(c->body.mm, vm, c->body.now_ns);
	c->life[vm] = CHAOS_DOOMED;
}

void chaos_end(struct chaos *c, uint32_t vm)
{
	if (c->life[vm] != CHAOS_DOOMED)
		return;
	mm_vm_end(c->body.mm, vm, c->body.now_ns);
	c->life[vm] = CHAOS_ENDED;
}

void chaos_stray_fault(struct chaos *c, uint32_t vm)
{
	uint64_t g = chaos_below(c, c->body.guest_pages[vm]);

	mm_fault(c->body.mm, vm, gfn(g), (enum mm_fault_kind)chaos_below(c, 2), c->body.now_ns);
}

void chaos_finish_one(struct chaos *c)
{
	if (c->body.nr_io)
		fake_body_finish(&c->body, (unsigned)chaos_below(c, c->body.nr_io));
}

void chaos_nothing_left(struct chaos *c)
{
	uint64_t paged_out = 0, by_state = 0;
	struct mm_host_stats host;

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
	assert_int_equal(c->body.mm->read_stages, 0);
	assert_int_equal(c->body.mm->extra_stages, 0);
	assert_true(mm_idle(c->body.mm));
	assert_true(host.peak_used_pages <= host.memory_pages);
	for (uint32_t vm = 0; vm < c->nr_vms; vm++)
		paged_out += c->body.mm->vm[vm].paged_out;
	for (unsigned i = 0; i < MM_STATES; i++)
		by_state += host.reclaimed[i][MM_BY_PAGER];
	assert_int_equal(by_state, paged_out);
}

void chaos_weather(struct chaos *c)
{
	struct fake_body *f = &c->body;

	f->refuse_map_ppm = chaos_now_and_then(c);
	f->refuse_withdraw_ppm = chaos_now_and_then(c);
	f->refuse_protect_ppm = chaos_now_and_then(c);
	f->refuse_unprotect_ppm = chaos_now_and_then(c);
	f->refuse_share_ppm = chaos_now_and_then(c);
	f->refuse_discard_ppm = chaos_now_and_then(c);
	f->fail_write_ppm = chaos_below(c, 4) ? 0 : chaos_now_and_then(c);
	f->fail_read_ppm = chaos_below(c, 8) ? 0 : chaos_now_and_then(c);
	f->lose_cached_ppm = chaos_below(c, 8) ? 0 : chaos_now_and_then(c);
}

void chaos_check(struct chaos *c)
{
	const struct mm *m = c->body.mm;
	npages_t least = 0;

	fake_body_check(&c->body);
	for (uint32_t vm = 0; vm < c->nr_vms; vm++)
		if (c->life[vm] != CHAOS_ENDED)
			least += mm_vm_least_pages(&m->vm[vm].config);
	if (!m->stopping)
		assert_true(m->pool + m->reserve + m->level_pages[MM_HIGH] + least <=
			    m->config.memory_pages);
}

void chaos_all_is_true(const struct chaos *c)
{
	for (uint32_t vm = 0; vm < c->nr_vms; vm++)
		for (uint64_t g = 0; g < c->body.guest_pages[vm]; g++)
			chaos_check_page(c, vm, g);
}

void chaos_everything_ends(struct chaos *c)
{
	for (uint32_t vm = 0; vm < c->nr_vms; vm++) {
		chaos_doom(c, vm);
		chaos_end(c, vm);
		chaos_check(c);
		chaos_all_is_true(c); /* of those that are left */
		chaos_finish_one(c);
		chaos_check(c);
	}
	chaos_nothing_left(c);
}
