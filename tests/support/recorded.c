/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/recorded.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_body.h"

static void put(void *ctx, const uint8_t *bytes, size_t nr)
{
	struct recorded *r = ctx;

	if (r->nr + nr > r->room) {
		r->room = (r->nr + nr) * 2;
		r->bytes = realloc(r->bytes, r->room);
		assert_non_null(r->bytes);
	}
	memcpy(r->bytes + r->nr, bytes, nr);
	r->nr += nr;
}

struct mm_record_sink recorded_sink(struct recorded *r)
{
	return (struct mm_record_sink){put, r};
}

static size_t more(void *ctx, const uint8_t **bytes)
{
	struct recorded *r = ctx;
	size_t left = r->nr - r->given, nr = 1 + r->given % 1000;

	*bytes = r->bytes + r->given;
	nr = nr < left ? nr : left;
	r->given += nr;
	return nr;
}

struct mm_record_source recorded_source(struct recorded *r)
{
	r->given = 0;
	return (struct mm_record_source){more, r};
}

void recorded_free(struct recorded *r)
{
	free(r->bytes);
	*r = (struct recorded){.bytes = NULL};
}

struct mm_play *recorded_play(struct recorded *r, const struct mm_play_change *change,
			      enum mm_play_state *state)
{
	struct mm_record_source source = recorded_source(r);
	struct mm_play *play;

	assert_int_equal(mm_play_make(&source, change, NULL, &play), 0);
	do
		*state = mm_play_step(play);
	while (*state == MM_PLAY_GOES_ON);
	return play;
}

uint64_t recorded_must_replay(struct recorded *r)
{
	enum mm_play_state state;
	struct mm_play *play = recorded_play(r, NULL, &state);
	const struct mm_play_status *s = mm_play_status(play);
	uint64_t calls = s->calls;

	if (state == MM_PLAY_DIFFERS)
		fail_msg("call %llu, %s: the record has %s, the manager %s",
			 (unsigned long long)s->at_call, s->within, s->expected, s->came);
	if (state != MM_PLAY_DONE)
		fail_msg("the record cannot be played (%d) at byte %llu, call %llu", state,
			 (unsigned long long)s->read_bytes, (unsigned long long)calls);
	assert_int_equal(s->read_bytes, r->nr);
	mm_play_destroy(play);
	return calls;
}

#define VMS      3u
#define PAGES    500u
#define CAPACITY 4096u

static struct fake_body *begin(struct recorded *r, uint64_t seed)
{
	struct fake_body *f = calloc(1, sizeof *f);
	struct mm_config config = {
		.memory_pages = 900,
		.swap_pages = 1500,
		.pager = policy_find("random"),
		.policy = target_find("esx"),
		.tax_ppm = 750000,
		.balloon = true,
		.state_ppm = {60000, 40000, 20000, 10000},
		.share_capacity_pages = CAPACITY,
		.scan = {.order = DEDUP_SCAN_RANDOM,
			 .rate_pages = DEDUP_SCAN_UNLIMITED,
			 .vm_rate_pages = DEDUP_SCAN_UNLIMITED},
		.sample_pages = 20,
		.sample_period_ns = 5000,
		.compress_ppm = seed % 2 ? 0 : 200000,
		.estimator = seed % 2 ? MM_ESTIMATE_WRITE : 0,
		.sample_slow_ppm = 250000,
		.sample_fast_ppm = 750000,
		.rebalance_ns = 10000,
		.seed = seed,
		.start_ns = 1000,
		.max_vms = FAKE_VMS,
		.record = recorded_sink(r),
	};

	assert_non_null(f);
	fake_body_init(f, config.swap_pages, seed);
	fake_body_add_pool(f, CAPACITY);
	f->now_ns = config.start_ns;
	assert_int_equal(mm_create(&config, &fake_body_ops, f, &f->mm), 0);
	for (uint32_t vm = 0; vm < VMS; vm++) {
		struct mm_vm_config c = {.pages = PAGES, .shares = 1000};

		fake_body_add_vm(f, vm, PAGES);
		assert_int_equal(mm_vm_add(f->mm, vm, &c, f->now_ns), 0);
		mm_balloon_driver(f->mm, vm, true, f->now_ns);
	}
	/* as if a boot image: content is the fake's business */
	assert_int_equal(mm_place(f->mm, 0, gfn(0), NULL, true, f->now_ns), 0);
	assert_int_equal(mm_place(f->mm, 0, gfn(1), f, false, f->now_ns), 0);
	mm_scan_rates(f->mm, DEDUP_SCAN_UNLIMITED, DEDUP_SCAN_UNLIMITED, f->now_ns);
	assert_int_equal(mm_trace_page(f->mm, 1, gfn(7), f->now_ns), 0);
	mm_start(f->mm, f->now_ns);
	return f;
}

static void touch(struct fake_body *f, uint32_t vm, uint64_t g)
{
	struct fake_page *p = &f->guest[vm][g];

	if (!p->present)
		mm_fault(f->mm, vm, gfn(g), MM_FAULT_MISSING, f->now_ns);
	if (p->present && p->protected && rng_below(&f->rng, 4) == 0)
		mm_fault(f->mm, vm, gfn(g), MM_FAULT_WRITE_PROTECTED, f->now_ns);
	else if (p->present && !p->protected)
		p->content = rng_below(&f->rng, 6) ? 10 + g : rng_below(&f->rng, 3) * g;
}

static void balloon(struct fake_body *f, uint32_t vm)
{
	uint64_t first = 2 + rng_below(&f->rng, PAGES - 10);
	gfn_t list[6];

	for (uint32_t i = 0; i < 6; i++)
		list[i] = gfn(first + i);
	switch (rng_below(&f->rng, 3)) {
	case 0:
		mm_balloon_gave(f->mm, vm, list, 6, f->now_ns);
		break;
	case 1:
		mm_balloon_took(f->mm, vm, list, 6, f->now_ns);
		break;
	default:
		mm_pages_reported(f->mm, vm, list[0], 6, f->now_ns);
		mm_disk_access(f->mm, vm, list, 6, first % 2, f->now_ns);
	}
}

static void look(struct fake_body *f)
{
	struct mm_host_stats host;
	struct mm_vm_stats v;
	struct mm_event event[8];
	uint64_t lost;

	mm_host_stats(f->mm, f->now_ns, &host);
	for (uint32_t vm = 0; vm < VMS; vm++) {
		mm_vm_stats(f->mm, vm, f->now_ns, &v);
		mm_vm_ran(f->mm, vm, f->now_ns / 2);
	}
	mm_events_take(f->mm, event, 8, &lost);
}

static void step(struct fake_body *f)
{
	uint32_t vm = (uint32_t)rng_below(&f->rng, VMS);
	uint64_t dice = rng_below(&f->rng, 100), g = rng_below(&f->rng, PAGES - 8), again;

	f->now_ns += rng_below(&f->rng, 100);
	if (dice < 60)
		for (uint64_t i = 0; i < 8; i++)
			touch(f, vm, g + i);
	else if (dice < 72)
		mm_scan(f->mm, 20, f->now_ns, &again);
	else if (dice < 76)
		balloon(f, vm);
	else if (dice < 84 && f->nr_io)
		fake_body_finish(f, (unsigned)rng_below(&f->rng, f->nr_io));
	else if (dice < 94)
		mm_reclaim(f->mm, 16, f->now_ns);
	else if (dice < 98)
		mm_tick(f->mm, f->now_ns);
	else
		look(f);
	fake_body_check(f);
}

void recorded_everything(struct recorded *r, uint64_t seed, unsigned steps)
{
	struct fake_body *f = begin(r, seed);

	for (unsigned i = 0; i < steps; i++) {
		f->fail_write_ppm = i % 50 == 0 ? PPM / 2 : 0;
		f->fail_read_ppm = i > steps / 2 ? PPM / 4 : 0; /* VMs break */
		if (i == steps / 3) {
			mm_tax_set(f->mm, 500000, f->now_ns);
			assert_int_equal(mm_vm_shares_set(f->mm, 1, 2000, f->now_ns), 0);
			assert_int_equal(mm_vm_min_set(f->mm, 1, 80, f->now_ns), 0);
			assert_int_equal(mm_sample_period_set(f->mm, 4000, f->now_ns), 0);
			mm_rebalance_set(f->mm, 8000, f->now_ns);
			assert_int_equal(mm_policy_set(f->mm, target_find("mom"), f->now_ns), 0);
			mm_vm_said(f->mm, 1, 77, f->now_ns);
		}
		if (i == steps / 2) {
			assert_int_equal(mm_policy_set(f->mm, target_find("esx"), f->now_ns), 0);
		}
		step(f);
	}
	mm_vm_doom(f->mm, 0, f->now_ns);
	mm_vm_end(f->mm, 0, f->now_ns);
	mm_stop(f->mm, f->now_ns);
	while (f->nr_io)
		fake_body_finish(f, 0);
	look(f);
	fake_body_check(f);
	mm_destroy(f->mm);
	fake_body_free(f);
	free(f);
}
