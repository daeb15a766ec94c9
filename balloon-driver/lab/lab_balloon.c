/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab_balloon.c: the balloon's pages are pinned frames of the guest's allocator.
 *
 * An easy page is one that is free beyond what the pager holds back; for a hard one the pager makes pages of the workload
 * leave, to the guest's own swap if need be. Pinned frames are unknown to the pager, so none is ever its victim. The link
 * that the driver keeps with a page is the frame's owner word. The replacement policy is told how much memory is left
 * to the workload.
 *
 * Reference: virtio 1.2, 5.5.6.3 for the tags of statistics.
 */
#include "balloon-driver/lab/lab_balloon.h"

enum stat_tag {
	TAG_SWAP_IN,
	TAG_SWAP_OUT,
	TAG_MAJOR_FAULTS,
	TAG_MINOR_FAULTS,
	TAG_FREE,
	TAG_TOTAL,
	TAG_AVAILABLE,
	TAG_CACHES,
};

static bool page_get(void *ctx, bool easy, uint32_t link, gfn_t *out)
{
	struct lab_balloon *l = ctx;
	struct pager *p = l->pager;

	if (!easy)
		return !pager_frame_get(p, FRAME_PINNED, link, l->port->now_ns(l->ctx), out);
	if (p->frames->free_pages <= PAGER_RESERVE)
		return false;
	frames_alloc(p->frames, FRAME_PINNED, link, out);
	p->stats->free_pages = p->frames->free_pages;
	return true;
}

static uint32_t page_link(void *ctx, gfn_t page)
{
	const struct lab_balloon *l = ctx;

	return frames_owner(l->pager->frames, page);
}

static void page_put(void *ctx, gfn_t page)
{
	struct lab_balloon *l = ctx;

	frames_free(l->pager->frames, page);
	l->pager->stats->free_pages = l->pager->frames->free_pages;
}

static int tell(void *ctx, bool inflate, const uint32_t *pfn, uint32_t nr)
{
	struct lab_balloon *l = ctx;

	return l->port->tell(l->ctx, inflate, pfn, nr);
}

static uint64_t now_ns(void *ctx)
{
	struct lab_balloon *l = ctx;

	return l->port->now_ns(l->ctx);
}

static const struct balloon_ops ops = {
	.page_get = page_get,
	.page_link = page_link,
	.page_put = page_put,
	.tell = tell,
	.now_ns = now_ns,
};

/* The figures for whoever looks at the statistics page. */
static void publish(struct lab_balloon *l)
{
	const struct balloon *b = &l->core;
	struct guest_stats *s = l->pager->stats;

	s->balloon_pages = b->size;
	s->balloon_target_pages = b->target;
	s->balloon_state = b->state;
	for (unsigned i = 0; i < GUEST_BALLOON_STATES; i++)
		s->balloon_ends[i] = b->stats.ends[i];
	s->balloon_resets = b->stats.resets;
	s->balloon_oom_pages = b->stats.oom_pages;
}

/* After the driver did something: everybody is told. */
static void tell_all(struct lab_balloon *l, bool host)
{
	struct pager *p = l->pager;

	publish(l);
	if (l->core.size == l->told)
		return;
	l->told = l->core.size;
	pager_resize(p, p->frames->total_pages - l->told);
	if (host)
		l->port->actual(l->ctx, l->told);
}

void lab_balloon_init(struct lab_balloon *l, struct pager *pager, uint32_t cap_ppm,
		      const struct lab_balloon_port *port, void *ctx)
{
	struct balloon_config config = balloon_config_usual(pager->frames->total_pages);

	config.cap_ppm = cap_ppm;
	l->pager = pager;
	l->port = port;
	l->ctx = ctx;
	l->told = 0;
	balloon_init(&l->core, &config, &ops, l);
}

void lab_balloon_start(struct lab_balloon *l, bool deflate_on_oom)
{
	balloon_start(&l->core, deflate_on_oom);
	publish(l);
}

void lab_balloon_set_target(struct lab_balloon *l, npages_t pages)
{
	balloon_set_target(&l->core, pages);
	l->pager->stats->balloon_target_pages = pages;
}

uint64_t lab_balloon_run(struct lab_balloon *l)
{
	uint64_t wake = balloon_run(&l->core);

	tell_all(l, true);
	return wake;
}

npages_t lab_balloon_oom(struct lab_balloon *l)
{
	npages_t given = balloon_oom(&l->core);

	tell_all(l, true);
	return given;
}

void lab_balloon_reset(struct lab_balloon *l)
{
	balloon_reset(&l->core);
	tell_all(l, false);
}

static uint8_t *put_stat(uint8_t *at, enum stat_tag tag, uint64_t value)
{
	*at++ = (uint8_t)tag;
	*at++ = 0;
	for (unsigned i = 0; i < 8; i++)
		*at++ = (uint8_t)(value >> (8 * i));
	return at;
}

void lab_balloon_stats(const struct lab_balloon *l, uint8_t out[LAB_BALLOON_STAT_BYTES])
{
	const struct guest_stats *s = l->pager->stats;
	const struct frames *f = l->pager->frames;
	npages_t cached = l->pager->file_cached, clean = cached - l->pager->file_dirty;
	uint64_t major = s->swap_in_pages < s->faults ? s->swap_in_pages : s->faults;

	out = put_stat(out, TAG_SWAP_IN, pages_to_bytes(s->swap_in_pages));
	out = put_stat(out, TAG_SWAP_OUT, pages_to_bytes(s->swap_out_pages));
	out = put_stat(out, TAG_MAJOR_FAULTS, major);
	out = put_stat(out, TAG_MINOR_FAULTS, s->faults - major);
	out = put_stat(out, TAG_FREE, pages_to_bytes(f->free_pages));
	out = put_stat(out, TAG_TOTAL, pages_to_bytes(f->total_pages));
	out = put_stat(out, TAG_AVAILABLE, pages_to_bytes(f->free_pages + clean));
	put_stat(out, TAG_CACHES, pages_to_bytes(cached));
}
