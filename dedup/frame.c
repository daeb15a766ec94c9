// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * frame.c: shared frames and how many pages share each.
 *
 * No list of sharers is kept (no back map, as in ESX): a page knows its frame, a frame only its count.
 */
#include "dedup/table.h"

static struct dedup_big *big_of(const struct dedup *d, uint32_t frame)
{
	struct dedup_big *b = d->big;

	while (b->frame != frame) {
		b++;
		assert(b < d->big + d->nr_big);
	}
	return b;
}

static void big_add(struct dedup *d, uint32_t frame, uint32_t count)
{
	assert(d->nr_big < d->max_big);
	d->big[d->nr_big++] = (struct dedup_big){frame, count};
	d->stats.overflowed_counts++;
}

uint32_t dedup_frame_count(const struct dedup *d, uint32_t frame)
{
	const struct dedup_entry *e = dedup_entry(d, frame);

	if (e->kind != ENTRY_FRAME)
		return 0;
	return e->count < DEDUP_BIG_FROM ? e->count : big_of(d, frame)->count;
}

bool dedup_share_begin(struct dedup *d, uint32_t page, uint64_t hash)
{
	struct dedup_entry *e = dedup_entry(d, page);
	struct dedup_range *r = dedup_range_of(d, page);

	assert(r && r->vm != DEDUP_NONE);
	if (e->kind == ENTRY_FRAME)
		return false;
	dedup_entry_clear(d, page);
	*e = (struct dedup_entry){.hash = hash & d->hash_mask, .kind = ENTRY_FRAME};
	dedup_chain_link(d, page);
	r->frames++;
	d->stats.frames++;
	return true;
}

uint32_t dedup_frame_get(struct dedup *d, uint32_t frame)
{
	struct dedup_entry *e = dedup_entry(d, frame);
	uint32_t count;

	assert(e->kind == ENTRY_FRAME && d->stats.references < d->config.capacity_pages);
	d->stats.references++;
	if (e->count == DEDUP_BIG_FROM)
		return ++big_of(d, frame)->count;
	count = ++e->count;
	if (count == DEDUP_BIG_FROM)
		big_add(d, frame, count);
	else if (count == 1)
		d->stats.lone_frames++;
	else if (count == 2)
		d->stats.lone_frames--;
	return count;
}

uint32_t dedup_frame_put(struct dedup *d, uint32_t frame)
{
	struct dedup_entry *e = dedup_entry(d, frame);

	assert(e->kind == ENTRY_FRAME && e->count);
	d->stats.references--;
	if (e->count == DEDUP_BIG_FROM) {
		struct dedup_big *b = big_of(d, frame);
		uint32_t left = --b->count;

		if (left < DEDUP_BIG_FROM) {
			e->count = (uint16_t)left;
			*b = d->big[--d->nr_big];
		}
		return left;
	}
	e->count--;
	if (e->count == 1)
		d->stats.lone_frames++;
	if (e->count)
		return e->count;
	dedup_chain_unlink(d, frame);
	*e = (struct dedup_entry){.kind = ENTRY_NONE};
	d->stats.frames--;
	d->stats.lone_frames--;
	dedup_range_frame_gone(d, frame);
	return 0;
}
