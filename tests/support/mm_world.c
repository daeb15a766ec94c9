/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mm_world.c: see mm_world.h. */
#include "tests/support/mm_world.h"

#include <stdlib.h>
#include <string.h>

struct mm_config world_config(const struct mm_world_options *o)
{
	struct mm_config config = {
		.memory_pages = o->memory ? o->memory : 10000,
		.swap_pages = o->no_swap ? 0
			      : o->swap  ? o->swap
					 : 20000,
		.compress_ppm = o->compress_ppm,
		.pager = policy_find(o->pager ? o->pager : "fifo"),
		.policy = target_find(o->policy ? o->policy : "proportional"),
		.tax_ppm = o->tax_ppm,
		.balloon = o->balloon,
		.sample_pages = o->sample_pages,
		.estimator = o->estimator,
		.sample_period_ns = NS_PER_S,
		.sample_slow_ppm = 250000,
		.sample_fast_ppm = 750000,
		.state_ppm = {60000, 40000, 20000, 10000},
		.seed = 1,
		.max_vms = FAKE_VMS,
		.bounce_pages_per_vm = o->bounce_pages,
		.rebalance_ns = o->rebalance_ns,
		.spare_overwritten = o->spare_overwritten,
		.write_zeros = o->write_zeros,
		.ahead_most = o->ahead_most,
	};

	if (o->record)
		config.record = recorded_sink(o->record);
	if (o->ppm[0])
		memcpy(config.state_ppm, o->ppm, sizeof config.state_ppm);
	return config;
}

struct mm_world *world_make(struct mm_world_options options)
{
	struct mm_world *w = calloc(1, sizeof *w);
	struct mm_config config = world_config(&options);

	assert_non_null(w);
	fake_body_init(&w->body, config.swap_pages, 1);
	assert_int_equal(mm_create(&config, &fake_body_ops, &w->body, &w->mm), 0);
	w->body.mm = w->mm;
	fake_body_check(&w->body);
	return w;
}

void world_free(struct mm_world *w)
{
	fake_body_check(&w->body);
	mm_destroy(w->mm);
	fake_body_free(&w->body);
	free(w);
}

uint32_t world_add(struct mm_world *w, npages_t pages, npages_t min_pages)
{
	struct mm_vm_config config = {.pages = pages, .min_pages = min_pages, .shares = 1000};

	fake_body_add_vm(&w->body, w->nr_vms, pages);
	assert_int_equal(mm_vm_add(w->mm, w->nr_vms, &config, w->body.now_ns), 0);
	fake_body_check(&w->body);
	return w->nr_vms++;
}

uint64_t world_stamp(uint32_t vm, uint64_t g)
{
	return (uint64_t)(vm + 1) << 32 | g;
}

const struct page *world_page(const struct mm_world *w, uint32_t vm, uint64_t g)
{
	return &w->mm->vm[vm].page[g];
}

enum page_state world_state(const struct mm_world *w, uint32_t vm, uint64_t g)
{
	return (enum page_state)world_page(w, vm, g)->state;
}

uint32_t world_slot(const struct mm_world *w, uint32_t vm, uint64_t g)
{
	assert_true(world_page(w, vm, g)->flags & PAGE_HAS_SLOT);
	return world_page(w, vm, g)->slot;
}

const struct fake_page *world_guest(const struct mm_world *w, uint32_t vm, uint64_t g)
{
	return &w->body.guest[vm][g];
}

void world_event(struct mm_world *w, uint32_t vm, uint64_t g, enum mm_fault_kind kind)
{
	mm_fault(w->mm, vm, gfn(g), kind, w->body.now_ns);
	fake_body_check(&w->body);
}

bool world_read(struct mm_world *w, uint32_t vm, uint64_t g)
{
	if (!world_guest(w, vm, g)->present)
		world_event(w, vm, g, MM_FAULT_MISSING);
	return world_guest(w, vm, g)->present;
}

bool world_write(struct mm_world *w, uint32_t vm, uint64_t g, uint64_t content)
{
	struct fake_page *p = &w->body.guest[vm][g];

	if (!world_read(w, vm, g))
		return false;
	if (p->protected)
		world_event(w, vm, g, MM_FAULT_WRITE_PROTECTED);
	if (!p->present || p->protected)
		return false;
	p->content = content;
	return true;
}

void world_must_read(struct mm_world *w, uint32_t vm, uint64_t g)
{
	while (!world_read(w, vm, g))
		world_finish_all(w);
	assert_int_equal(world_guest(w, vm, g)->content, world_stamp(vm, g));
}

/* A check costs a look at every record: one for all of it. */
static void fill(struct mm_world *w, uint32_t vm, uint64_t from, uint64_t to, bool stamped)
{
	for (uint64_t g = from; g < to; g++) {
		struct fake_page *p = &w->body.guest[vm][g];

		if (!p->present)
			mm_fault(w->mm, vm, gfn(g), MM_FAULT_MISSING, w->body.now_ns);
		assert_true(p->present);
		if (p->protected)
			mm_fault(w->mm, vm, gfn(g), MM_FAULT_WRITE_PROTECTED, w->body.now_ns);
		assert_false(p->protected);
		p->content = stamped ? world_stamp(vm, g) : FAKE_ZERO;
	}
	fake_body_check(&w->body);
}

void world_fill(struct mm_world *w, uint32_t vm, uint64_t from, uint64_t to)
{
	fill(w, vm, from, to, true);
}

void world_fill_zero(struct mm_world *w, uint32_t vm, uint64_t from, uint64_t to)
{
	fill(w, vm, from, to, false);
}

uint32_t world_reclaim(struct mm_world *w, uint32_t max_pages)
{
	uint32_t got = mm_reclaim(w->mm, max_pages, w->body.now_ns);

	fake_body_check(&w->body);
	return got;
}

void world_tick(struct mm_world *w)
{
	mm_tick(w->mm, w->body.now_ns);
	fake_body_check(&w->body);
}

void world_finish(struct mm_world *w)
{
	assert_true(w->body.nr_io > 0);
	fake_body_finish(&w->body, 0);
	fake_body_check(&w->body);
}

void world_finish_all(struct mm_world *w)
{
	while (w->body.nr_io)
		world_finish(w);
}

void world_page_out(struct mm_world *w, uint32_t vm, uint64_t from, uint64_t to)
{
	assert_int_equal(world_reclaim(w, (uint32_t)(to - from)), to - from);
	world_finish_all(w);
	for (uint64_t g = from; g < to; g++)
		assert_int_equal(world_state(w, vm, g), PAGE_SWAPPED);
}

struct mm_vm_stats world_vm(struct mm_world *w, uint32_t vm)
{
	struct mm_vm_stats s;

	mm_vm_stats(w->mm, vm, w->body.now_ns, &s);
	return s;
}

struct mm_host_stats world_host(struct mm_world *w)
{
	struct mm_host_stats s;

	mm_host_stats(w->mm, w->body.now_ns, &s);
	return s;
}
