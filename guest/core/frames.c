/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frames.c: the guest's page allocator.
 *
 * Two sources: a list of freed frames, last in first out, linked through the records, and behind it the frames that were
 * never handed out, taken in order by moving a mark. Freed ones go first, as in a real kernel, where they are the ones
 * in the caches; so a guest does not touch fresh memory, which would cost its host a frame, while it has used memory
 * to spare. The list is in the records and not in the pages because a free page may have been taken away by the host,
 * and looking into it would bring it back.
 *
 * Freed frames that the host was told of, so that it took what was behind them, are on a second list of the same kind.
 *
 * Invariants: a frame is on a list, behind the mark, or taken; free_pages = lists + frames behind the mark.
 */
#include "guest/core/frames.h"

#include <errno.h>

#define OWNER_BITS 30
#define OWNER_MASK ((1u << OWNER_BITS) - 1)

size_t frames_bytes(uint32_t end)
{
	return (size_t)end * sizeof(struct frame_info);
}

int frames_init(struct frames *f, const struct frame_range *ranges, unsigned nr_ranges, void *mem)
{
	if (nr_ranges < 1 || nr_ranges > FRAMES_RANGES)
		return -EINVAL;
	*f = (struct frames){.info = mem, .nr_ranges = nr_ranges, .fresh = ranges[0].start};
	for (unsigned i = 0; i < nr_ranges; i++) {
		if (!ranges[i].start || ranges[i].start >= ranges[i].end ||
		    ranges[i].end > FRAMES_END)
			return -EINVAL;
		f->range[i] = ranges[i];
		f->total_pages += ranges[i].end - ranges[i].start;
	}
	f->free_pages = f->total_pages;
	return 0;
}

static bool take_fresh(struct frames *f, uint32_t *out)
{
	while (f->fresh == f->range[f->fresh_range].end) {
		if (f->fresh_range + 1 == f->nr_ranges)
			return false;
		f->fresh = f->range[++f->fresh_range].start;
	}
	*out = f->fresh++;
	return true;
}

static uint32_t take_listed(struct frames *f, uint32_t *first)
{
	uint32_t frame = *first;

	*first = f->info[frame].use;
	return frame;
}

static uint32_t take_unused(struct frames *f)
{
	f->unused_pages--;
	if (f->unused_pages < f->unused_low)
		f->unused_low = f->unused_pages;
	return take_listed(f, &f->first_free);
}

bool frames_alloc(struct frames *f, enum frame_kind kind, uint32_t owner, gfn_t *out)
{
	uint32_t frame;

	*out = gfn(0);
	if (f->first_free)
		frame = take_unused(f);
	else if (f->first_reported)
		frame = take_listed(f, &f->first_reported);
	else if (!take_fresh(f, &frame))
		return false;
	f->info[frame] = (struct frame_info){.use = (uint32_t)kind << OWNER_BITS | owner};
	f->free_pages--;
	*out = gfn(frame);
	return true;
}

static void put(struct frames *f, uint32_t *first, gfn_t g)
{
	f->info[g.v] = (struct frame_info){.use = *first};
	*first = (uint32_t)g.v;
	f->free_pages++;
}

void frames_free(struct frames *f, gfn_t g)
{
	put(f, &f->first_free, g);
	f->unused_pages++;
}

npages_t frames_unused_low(struct frames *f)
{
	npages_t low = f->unused_low;

	f->unused_low = f->unused_pages;
	return low;
}

bool frames_take_unused(struct frames *f, gfn_t *out)
{
	*out = gfn(0);
	return f->first_free && frames_alloc(f, FRAME_PINNED, 0, out);
}

void frames_free_reported(struct frames *f, gfn_t g)
{
	put(f, &f->first_reported, g);
}

enum frame_kind frames_kind(const struct frames *f, gfn_t g)
{
	return (enum frame_kind)(f->info[g.v].use >> OWNER_BITS);
}

uint32_t frames_owner(const struct frames *f, gfn_t g)
{
	return f->info[g.v].use & OWNER_MASK;
}

bool frames_contain(const struct frames *f, gfn_t g)
{
	for (unsigned i = 0; i < f->nr_ranges; i++)
		if (g.v >= f->range[i].start && g.v < f->range[i].end)
			return true;
	return false;
}

/* Was g handed out at least once? */
static bool below_mark(const struct frames *f, uint32_t g)
{
	for (unsigned i = 0; i < f->fresh_range; i++)
		if (g >= f->range[i].start && g < f->range[i].end)
			return true;
	return g >= f->range[f->fresh_range].start && g < f->fresh;
}

/* The frames on a list; more than there are if one does not belong there. */
static npages_t count_list(const struct frames *f, uint32_t first)
{
	npages_t listed = 0;

	for (uint32_t at = first; at; at = f->info[at].use) {
		if (listed++ > f->total_pages || !below_mark(f, at) ||
		    frames_kind(f, gfn(at)) != FRAME_FREE || f->info[at].slot)
			return f->total_pages + 1;
	}
	return listed;
}

bool frames_consistent(const struct frames *f)
{
	npages_t listed = count_list(f, f->first_free), used = 0, fresh = 0;

	if (listed != f->unused_pages || f->unused_low > f->unused_pages)
		return false;
	listed += count_list(f, f->first_reported);
	for (unsigned i = 0; i < f->nr_ranges; i++) {
		for (uint32_t g = f->range[i].start; g < f->range[i].end; g++) {
			if (!below_mark(f, g))
				fresh++;
			else if (frames_kind(f, gfn(g)) != FRAME_FREE)
				used++;
		}
	}
	return listed + fresh == f->free_pages && f->free_pages + used == f->total_pages;
}
