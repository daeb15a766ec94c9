/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_share.c: the fake body's pool: pages that share frames. See fake_body.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/fake_internal.h"

int fake_hash(void *body, uint32_t vm, gfn_t g, uint64_t *hash)
{
	const struct fake_page *p = fake_page_at(body, vm, g);

	assert_true(p->present && !p->frame);
	*hash = rng_mix(p->content);
	return 0;
}

int fake_equal(void *body, uint32_t vm_a, gfn_t a, uint32_t vm_b, gfn_t b, bool *equal)
{
	*equal = fake_page_at(body, vm_a, a)->content == fake_page_at(body, vm_b, b)->content;
	return 0;
}

int fake_equal_frame(void *body, uint32_t vm, gfn_t g, uint32_t frame, bool *equal)
{
	struct fake_body *f = body;

	assert_true(frame < f->pool_frames && f->pool[frame].used);
	*equal = fake_page_at(f, vm, g)->content == f->pool[frame].content;
	return 0;
}

int fake_page_is_zero(void *body, uint32_t vm, gfn_t g, bool *zero)
{
	*zero = fake_page_at(body, vm, g)->content == FAKE_ZERO;
	return 0;
}

/* Fills first, all of them, as the live body does: only then are the pages' own frames free. */
static void fill_frames(struct fake_body *f, const struct fake_page *p, uint32_t nr, uint32_t frame)
{
	for (uint32_t i = 0; i < nr; i++) {
		f->pool[frame + i] = (struct fake_frame){.content = p[i].content, .used = true};
		fake_count_frame_within(f, mm_free_pages(f->mm));
	}
}

int fake_share(void *body, uint32_t vm, gfn_t g, uint32_t nr, uint32_t frame, bool fill)
{
	struct fake_body *f = body;
	struct fake_page *p = fake_page_at(f, vm, g);
	uint32_t did = 0;

	assert_true(nr && g.v + nr <= f->guest_pages[vm] && frame + nr <= f->pool_frames);
	for (uint32_t i = 0; i < nr; i++) {
		assert_true(p[i].present && !p[i].frame);
		assert_int_equal(f->pool[frame + i].used, !fill);
	}
	if (fake_happens(f, f->refuse_share_ppm))
		return -28;
	for (uint32_t i = 0; i < nr; i++)
		p[i].protected = true;
	if (nr > 1 && fake_happens(f, f->refuse_share_ppm))
		nr = 1 + (uint32_t)rng_below(&f->rng, nr - 1);
	if (fill)
		fill_frames(f, p, nr, frame);
	while (did < nr && f->pool[frame + did].content == p[did].content) {
		f->frames--;
		f->pool[frame + did].mapped++;
		p[did].frame = frame + did + 1;
		p[did].woken++;
		did++;
	}
	if (did > 1)
		f->shared_runs++;
	return did ? (int)did : -11;
}

int fake_share_zero(void *body, uint32_t vm, gfn_t g)
{
	struct fake_body *f = body;
	struct fake_page *p = fake_page_at(f, vm, g);

	assert_true(p->present && !p->frame);
	if (p->content != FAKE_ZERO)
		return -11;
	if (fake_happens(f, f->refuse_share_ppm))
		return -28;
	fake_drop_page(f, p);
	p->woken++;
	return 0;
}

int fake_map_zero_protected(void *body, uint32_t vm, gfn_t g)
{
	struct fake_body *f = body;
	struct fake_page *p = fake_page_at(f, vm, g);

	assert_false(p->present);
	if (fake_happens(f, f->refuse_map_ppm))
		return -12;
	*p = (struct fake_page){FAKE_ZERO, true, true, FAKE_ZERO_MAPPED, p->woken + 1};
	return 0;
}

int fake_break_shared(void *body, uint32_t vm, gfn_t g)
{
	struct fake_body *f = body;
	struct fake_page *p = fake_page_at(f, vm, g);

	assert_true(p->present && p->frame && p->frame != FAKE_ZERO_MAPPED);
	assert_true(f->pool[p->frame - 1].used);
	if (fake_happens(f, f->refuse_map_ppm))
		return -12;
	p->content = f->pool[p->frame - 1].content;
	f->pool[p->frame - 1].mapped--;
	p->frame = 0;
	p->protected = false;
	p->woken++;
	fake_count_frame(f);
	return 0;
}

void fake_frame_free(void *body, uint32_t frame)
{
	struct fake_body *f = body;

	assert_true(f->pool[frame].used);
	assert_int_equal(f->pool[frame].mapped, 0);
	f->pool[frame].used = false;
	f->frames--;
}
