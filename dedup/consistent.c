// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * consistent.c: recomputes from the entries everything that the table caches, and compares.
 *
 * Chains: every element hashes to the bucket that it is found in, so chains cannot meet; and all chains together have
 * as many elements as there are hints and frames, so none is missing and there is no loop.
 */
#include "dedup/table.h"

struct tally {
	npages_t hints, ineligible, frames, lone, references, big;
};

static bool fail(const char **why, const char *what)
{
	*why = what;
	return false;
}

static bool frame_is_sound(const struct dedup *d, uint32_t page, struct tally *t, const char **why)
{
	const struct dedup_entry *e = &d->entry[page];
	uint32_t count = e->count, found = 0;

	for (uint32_t i = 0; i < d->nr_big; i++) {
		if (d->big[i].frame != page)
			continue;
		found++;
		count = d->big[i].count;
	}
	if (found != (e->count == DEDUP_BIG_FROM) || (found && count < DEDUP_BIG_FROM))
		return fail(why, "the overflow table and a frame disagree");
	if (!count)
		return fail(why, "a frame that nobody shares");
	t->frames++;
	t->lone += count == 1;
	t->references += count;
	t->big += found;
	return true;
}

static bool entry_is_sound(const struct dedup *d, const struct dedup_range *r, uint32_t page,
			   struct tally *t, const char **why)
{
	const struct dedup_entry *e = &d->entry[page];

	if (e->hash & ~d->hash_mask)
		return fail(why, "a hash was not cut");
	if (e->kind != ENTRY_FRAME && e->count)
		return fail(why, "a count without a frame");
	switch (e->kind) {
	case ENTRY_NONE:
		if (e->hash || e->next)
			return fail(why, "an empty entry is not zeros");
		return true;
	case ENTRY_FRAME:
		return r ? frame_is_sound(d, page, t, why) : fail(why, "a frame in no range");
	case ENTRY_HINT:
		t->hints++;
		break;
	case ENTRY_INELIGIBLE:
		if (e->next)
			return fail(why, "an ineligible page is in a chain");
		t->ineligible++;
		break;
	default:
		return fail(why, "an unknown kind of entry");
	}
	if (!r || r->vm == DEDUP_NONE)
		return fail(why, "something is noted about a page of no VM");
	return true;
}

static bool ranges_are_sound(const struct dedup *d, struct tally *t, const char **why)
{
	uint32_t page = 0;

	if (d->nr_ranges > d->config.max_ranges)
		return fail(why, "too many ranges");
	for (uint32_t i = 0; i < d->nr_ranges; i++) {
		const struct dedup_range *r = &d->range[i];
		npages_t before;

		if (r->base < page || !r->pages || r->pages > d->config.capacity_pages - r->base)
			return fail(why, "ranges overlap or leave the table");
		for (uint32_t j = 0; j < i; j++)
			if (r->vm != DEDUP_NONE && d->range[j].vm == r->vm)
				return fail(why, "a VM has two ranges");
		for (; page < r->base; page++)
			if (!entry_is_sound(d, NULL, page, t, why))
				return false;
		before = t->frames;
		for (; page < r->base + r->pages; page++)
			if (!entry_is_sound(d, r, page, t, why))
				return false;
		if (t->frames - before != r->frames)
			return fail(why, "a range's count of frames is wrong");
		if (r->vm == DEDUP_NONE && !r->frames)
			return fail(why, "an ended VM's range without frames");
	}
	for (; page < d->config.capacity_pages; page++)
		if (!entry_is_sound(d, NULL, page, t, why))
			return false;
	return true;
}

static bool chains_are_sound(const struct dedup *d, npages_t expected, const char **why)
{
	npages_t seen = 0;

	for (uint64_t b = 0; b <= d->bucket_mask; b++) {
		for (uint32_t at = d->bucket[b]; at; at = d->entry[at - 1].next) {
			if (at > d->config.capacity_pages)
				return fail(why, "a chain leaves the table");
			const struct dedup_entry *e = &d->entry[at - 1];

			if (e->kind != ENTRY_HINT && e->kind != ENTRY_FRAME)
				return fail(why, "a chain holds something else");
			if ((e->hash & d->bucket_mask) != b)
				return fail(why, "an entry is in another's chain");
			if (++seen > expected)
				return fail(why, "a chain has a loop");
		}
	}
	return seen == expected ? true : fail(why, "an entry is in no chain");
}

bool dedup_consistent(const struct dedup *d, const char **why)
{
	const struct dedup_stats *s = &d->stats;
	struct tally t = {0};

	*why = "";
	if (!ranges_are_sound(d, &t, why) || !chains_are_sound(d, t.hints + t.frames, why))
		return false;
	if (t.hints != s->hints || t.ineligible != s->ineligible)
		return fail(why, "the count of hints or of ineligible pages is wrong");
	if (t.frames != s->frames || t.lone != s->lone_frames || t.references != s->references)
		return fail(why, "the count of frames or of references is wrong");
	if (t.big != d->nr_big || d->nr_big > d->max_big)
		return fail(why, "the overflow table holds too much");
	return true;
}
