/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_body.c: see fake_body.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_body.h"
#include "tests/support/fake_internal.h"

bool fake_happens(struct fake_body *f, uint32_t ppm)
{
	return ppm && rng_below(&f->rng, PPM) < ppm;
}

/* One frame more. The page being mapped is not charged yet, and a page that came back while it is written is there
 * twice; more: what the manager has free and may be used for a moment. */
void fake_count_frame_within(struct fake_body *f, npages_t more)
{
	f->frames++;
	if (f->mm)
		assert_true(f->frames <= f->mm->charged + f->mm->orphans + f->mm->pool +
						 f->mm->extra_stages + MM_COPY_PAGES + more);
	if (f->frames > f->peak_frames)
		f->peak_frames = f->frames;
}

void fake_count_frame(struct fake_body *f)
{
	fake_count_frame_within(f, 0);
}

struct fake_page *fake_page_at(struct fake_body *f, uint32_t vm, gfn_t g)
{
	assert_true(vm < FAKE_VMS && g.v < f->guest_pages[vm]);
	return &f->guest[vm][g.v];
}

static void *fake_zalloc(void *body, uint32_t vm, size_t bytes)
{
	const struct fake_body *b = body;

	(void)vm;
	return b->fail_zalloc ? NULL : calloc(1, bytes ? bytes : 1);
}

static void fake_free(void *body, uint32_t vm, void *p, size_t bytes)
{
	(void)body;
	(void)vm;
	(void)bytes;
	free(p);
}

int fake_map(struct fake_body *f, uint32_t vm, gfn_t g, uint64_t content, bool protect)
{
	struct fake_page *p = fake_page_at(f, vm, g);

	assert_false(p->present);
	if (fake_happens(f, f->refuse_map_ppm))
		return -12;
	*p = (struct fake_page){content, true, protect, 0, p->woken + 1};
	fake_count_frame(f);
	return 0;
}

static int fake_map_zero(void *body, uint32_t vm, gfn_t g)
{
	return fake_map(body, vm, g, FAKE_ZERO, false);
}

static int fake_map_bytes(void *body, uint32_t vm, gfn_t g, const void *page)
{
	uint64_t content;

	memcpy(&content, page, sizeof content);
	return fake_map(body, vm, g, content, false);
}

static int fake_map_stage(void *body, uint32_t vm, gfn_t g, stage_t s, bool protect)
{
	struct fake_body *f = body;

	assert_true(f->stage[s.v].present || s.v < mm_read_stages());
	return fake_map(f, vm, g, f->stage[s.v].content, protect);
}

static int fake_withdraw(void *body, uint32_t vm, gfn_t g, stage_t s)
{
	struct fake_body *f = body;
	struct fake_page *p = fake_page_at(f, vm, g);

	assert_true(p->present && !p->frame);
	assert_true(s.v >= mm_read_stages() && s.v < mm_stages());
	assert_false(f->stage[s.v].present);
	if (fake_happens(f, f->refuse_withdraw_ppm))
		return -16;
	f->stage[s.v] = (struct fake_page){.content = p->content, .present = true};
	p->present = false;
	p->woken++;
	return 0;
}

/* The page is absent from now on; its own frame, if it has one, is free. */
void fake_drop_page(struct fake_body *f, struct fake_page *p)
{
	if (!p->frame)
		f->frames--;
	else if (p->frame != FAKE_ZERO_MAPPED)
		f->pool[p->frame - 1].mapped--;
	p->present = false;
	p->frame = 0;
}

static int fake_discard(void *body, uint32_t vm, gfn_t g, uint32_t nr)
{
	struct fake_body *f = body;

	assert_true(nr > 0);
	if (fake_happens(f, f->refuse_discard_ppm))
		return -12;
	for (uint32_t i = 0; i < nr; i++) {
		struct fake_page *p = fake_page_at(f, vm, gfn(g.v + i));

		assert_true(p->present);
		fake_drop_page(f, p);
		p->woken++;
	}
	return 0;
}

static int fake_unprotect(void *body, uint32_t vm, gfn_t g)
{
	struct fake_body *f = body;
	struct fake_page *p = fake_page_at(f, vm, g);

	assert_true(p->present);
	if (fake_happens(f, f->refuse_unprotect_ppm))
		return -12;
	p->protected = false;
	p->woken++;
	return 0;
}

static void fake_wake(void *body, uint32_t vm, gfn_t g)
{
	struct fake_body *f = body;

	if (vm < FAKE_VMS && g.v < f->guest_pages[vm])
		f->guest[vm][g.v].woken++;
}

static void fake_discard_all(void *body, uint32_t vm)
{
	struct fake_body *f = body;

	for (npages_t g = 0; g < f->guest_pages[vm]; g++) {
		if (f->guest[vm][g].present)
			fake_drop_page(f, &f->guest[vm][g]);
		f->guest[vm][g].woken++;
	}
}

static bool fake_stage_is_zero(void *body, stage_t s)
{
	struct fake_body *f = body;

	assert_true(f->stage[s.v].present || s.v < mm_read_stages());
	return f->stage[s.v].content == FAKE_ZERO;
}

static uint64_t fake_stage_hash(void *body, stage_t s)
{
	struct fake_body *f = body;

	assert_true(f->stage[s.v].present || s.v < mm_read_stages());
	return f->stage[s.v].content;
}

static void fake_stage_drop(void *body, stage_t s, uint32_t nr)
{
	struct fake_body *f = body;

	for (uint32_t i = s.v; i < s.v + nr; i++) {
		if (i < mm_read_stages())
			continue;
		assert_true(f->stage[i].present);
		f->stage[i].present = false;
		f->frames--;
	}
}

static void fake_swap_start(void *body, struct mm_io *io)
{
	struct fake_body *f = body;

	assert_true(f->nr_io < FAKE_IOS);
	assert_true(io->nr >= 1 && io->nr <= MM_CLUSTER_PAGES);
	for (uint32_t i = 0; i < io->nr; i++) {
		assert_true(io->slot.v + i < f->slots);
		assert_false(f->disk_busy[io->slot.v +
					  i]); /* read or written again while being written */
		if (io->write)
			f->disk_busy[io->slot.v + i] = true;
		assert_int_equal(io->write && !io->cached, io->stage[i].v >= mm_read_stages());
	}
	f->io[f->nr_io++] = io;
}

static void fake_vm_broken(void *body, uint32_t vm, int error)
{
	struct fake_body *f = body;

	assert_true(error < 0);
	f->broken[vm]++;
}

static int fake_protect(void *body, uint32_t vm, gfn_t g)
{
	struct fake_body *f = body;
	struct fake_page *p = fake_page_at(f, vm, g);

	assert_true(p->present && !p->frame);
	if (fake_happens(f, f->refuse_protect_ppm))
		return -12;
	p->protected = true;
	return 0;
}

static void fake_balloon_target(void *body, uint32_t vm, npages_t pages)
{
	struct fake_body *f = body;

	f->balloon_target[vm] = pages;
}

static void fake_reclaim_wanted(void *body)
{
	struct fake_body *f = body;

	f->reclaim_wishes++;
}

const struct mm_body_ops fake_body_ops = {
	.zalloc = fake_zalloc,
	.free = fake_free,
	.map_zero = fake_map_zero,
	.map_bytes = fake_map_bytes,
	.map_stage = fake_map_stage,
	.withdraw = fake_withdraw,
	.discard = fake_discard,
	.unprotect = fake_unprotect,
	.wake = fake_wake,
	.discard_all = fake_discard_all,
	.stage_is_zero = fake_stage_is_zero,
	.stage_hash = fake_stage_hash,
	.stage_drop = fake_stage_drop,
	.swap_start = fake_swap_start,
	.vm_broken = fake_vm_broken,
	.protect = fake_protect,
	.hash = fake_hash,
	.equal = fake_equal,
	.equal_frame = fake_equal_frame,
	.page_is_zero = fake_page_is_zero,
	.share = fake_share,
	.share_zero = fake_share_zero,
	.map_zero_protected = fake_map_zero_protected,
	.break_shared = fake_break_shared,
	.frame_free = fake_frame_free,
	.compress = fake_compress,
	.cache_store = fake_cache_store,
	.cache_map = fake_cache_map,
	.cache_read = fake_cache_read,
	.cache_move = fake_cache_move,
	.cache_free = fake_cache_free,
	.balloon_target = fake_balloon_target,
	.reclaim_wanted = fake_reclaim_wanted,
};

void fake_body_init(struct fake_body *f, npages_t slots, uint64_t seed)
{
	memset(f, 0, sizeof *f);
	f->rng = rng_seeded(seed);
	f->slots = slots;
	f->disk = calloc(slots + 1, sizeof *f->disk);
	f->disk_busy = calloc(slots + 1, sizeof *f->disk_busy);
	assert_non_null(f->disk);
	assert_non_null(f->disk_busy);
}

void fake_body_free(struct fake_body *f)
{
	for (unsigned i = 0; i < FAKE_VMS; i++) {
		free(f->guest[i]);
		free(f->cache[i]);
	}
	free(f->disk);
	free(f->disk_busy);
	free(f->pool);
}

void fake_body_add_pool(struct fake_body *f, npages_t frames)
{
	f->pool = calloc(frames, sizeof *f->pool);
	assert_non_null(f->pool);
	f->pool_frames = frames;
}

void fake_body_add_vm(struct fake_body *f, uint32_t vm, npages_t pages)
{
	f->guest[vm] = calloc(pages, sizeof *f->guest[vm]);
	assert_non_null(f->guest[vm]);
	f->guest_pages[vm] = pages;
	f->cache[vm] = fake_cache_make(pages); /* no cache is larger */
}

void fake_body_finish(struct fake_body *f, unsigned index)
{
	struct mm_io *io = f->io[index];
	int result = fake_happens(f, io->write ? f->fail_write_ppm : f->fail_read_ppm) ? -5 : 0;

	for (unsigned i = index; i + 1 < f->nr_io; i++)
		f->io[i] = f->io[i + 1];
	f->nr_io--;
	for (uint32_t i = 0; i < io->nr; i++) {
		uint32_t slot = io->slot.v + i;

		if (io->write) {
			f->disk[slot] = result ? ~0ull : f->stage[io->stage[i].v].content;
			f->disk_busy[slot] = false;
			f->written_pages += result == 0;
		} else {
			f->stage[io->stage[i].v].content = result ? ~0ull : f->disk[slot];
			f->read_pages += result == 0;
		}
	}
	mm_io_done(f->mm, io, result, f->now_ns);
}

void fake_body_settle(struct fake_body *f)
{
	do {
		while (f->nr_io)
			fake_body_finish(f, 0);
		mm_tick(f->mm, f->now_ns += 1000);
	} while (mm_reclaim(f->mm, 16, f->now_ns) || f->nr_io);
}

/* What left memory left it in one of the ways that are counted, here and there. */
static void check_reasons(const struct fake_body *f, const struct mm_host_stats *host)
{
	uint64_t clean = 0, zero = 0;

	for (uint32_t i = 0; i < f->mm->top_vm; i++) {
		struct mm_vm_stats v;

		mm_vm_stats(f->mm, i, f->now_ns, &v);
		clean += v.paging_reason[MM_PAGING_CLEAN];
		zero += v.paging_reason[MM_PAGING_ZERO];
		assert_int_equal(v.paged_out_pages, v.paging_reason[MM_PAGING_WRITTEN] +
							    v.paging_reason[MM_PAGING_CLEAN] +
							    v.paging_reason[MM_PAGING_ZERO] +
							    v.paging_reason[MM_PAGING_COMPRESSED]);
		assert_int_equal(v.compress.stored_pages, v.paging_reason[MM_PAGING_COMPRESSED]);
		assert_true(v.held_ns <= v.stalled_ns);
	}
	assert_int_equal(clean, host->swap.clean_drops);
	assert_int_equal(zero, host->swap.zero_drops);
}

void fake_body_check(const struct fake_body *f)
{
	struct mm_host_stats host;
	const char *why;

	if (!mm_consistent(f->mm, &why))
		fail_msg("manager inconsistent: %s", why);
	mm_host_stats(f->mm, f->now_ns, &host);
	/* what the manager says is used covers what is there: the reserve is for pages that are there twice */
	assert_true(f->frames <= host.used_pages);
	assert_true(f->peak_frames <= host.memory_pages);
	check_reasons(f, &host);
}
