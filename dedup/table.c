// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * table.c: the hash table: looking up, hints, ineligible pages.
 *
 * A hint costs the guest nothing: the page is not write-protected for it, so it may be wrong by the time somebody finds
 * it; whoever finds it hashes the page again first (try.c). That is why pages that nobody matches, most of them, can
 * all be in the table. A page has one hint at most, and it is gone when the page is shared or leaves memory.
 *
 * All hashes are cut to config.hash_bits where they enter; within a group at most one frame has a given hash, since a
 * page whose hash a frame has is shared with it or ineligible.
 */
#include <errno.h>

#include "dedup/table.h"

/* The greatest power of two up to the machine's pages: 2 to 4 bytes of buckets a page. */
static uint32_t nr_buckets(const struct dedup_config *c)
{
	uint32_t n = 1;

	while (n <= c->memory_pages / 2 && n < 1u << 31)
		n *= 2;
	return n;
}

static uint32_t max_big(const struct dedup_config *c)
{
	return c->capacity_pages / DEDUP_BIG_FROM;
}

size_t dedup_bytes(const struct dedup_config *config)
{
	return (sizeof(struct dedup) + DEDUP_ALIGN - 1) / DEDUP_ALIGN * DEDUP_ALIGN +
	       config->capacity_pages * sizeof(struct dedup_entry) +
	       nr_buckets(config) * sizeof(uint32_t) + max_big(config) * sizeof(struct dedup_big) +
	       config->max_ranges * sizeof(struct dedup_range);
}

int dedup_init(void *mem, const struct dedup_config *config)
{
	struct dedup *d = mem;
	uint32_t buckets = nr_buckets(config);

	if (!config->capacity_pages || config->capacity_pages == UINT32_MAX ||
	    !config->max_ranges || config->hash_bits > 64)
		return -EINVAL;
	d->config = *config;
	d->hash_mask = config->hash_bits % 64 ? (1ull << config->hash_bits) - 1 : UINT64_MAX;
	d->bucket_mask = buckets - 1;
	d->max_big = max_big(config);
	d->entry = (struct dedup_entry *)((char *)mem + (sizeof(*d) + DEDUP_ALIGN - 1) /
								DEDUP_ALIGN * DEDUP_ALIGN);
	d->bucket = (uint32_t *)(d->entry + config->capacity_pages);
	d->big = (struct dedup_big *)(d->bucket + buckets);
	d->range = (struct dedup_range *)(d->big + d->max_big);
	return 0;
}

void dedup_chain_link(struct dedup *d, uint32_t page)
{
	struct dedup_entry *e = dedup_entry(d, page);
	uint32_t *head = &d->bucket[e->hash & d->bucket_mask];

	e->next = *head;
	*head = page + 1;
}

void dedup_chain_unlink(struct dedup *d, uint32_t page)
{
	struct dedup_entry *e = dedup_entry(d, page);
	uint32_t *link = &d->bucket[e->hash & d->bucket_mask];

	while (*link != page + 1) {
		assert(*link);
		link = &d->entry[*link - 1].next;
	}
	*link = e->next;
	e->next = 0;
}

void dedup_entry_clear(struct dedup *d, uint32_t page)
{
	struct dedup_entry *e = dedup_entry(d, page);

	if (e->kind == ENTRY_NONE)
		return;
	assert(e->kind != ENTRY_FRAME);
	if (e->kind == ENTRY_HINT) {
		dedup_chain_unlink(d, page);
		d->stats.hints--;
	} else {
		d->stats.ineligible--;
	}
	*e = (struct dedup_entry){.kind = ENTRY_NONE};
}

struct dedup_match dedup_find(const struct dedup *d, uint32_t page, uint64_t hash)
{
	struct dedup_match match = {.page = DEDUP_NONE};
	const struct dedup_range *mine = dedup_range_of(d, page);

	assert(mine);
	hash &= d->hash_mask;
	for (uint32_t at = d->bucket[hash & d->bucket_mask]; at; at = d->entry[at - 1].next) {
		const struct dedup_entry *e = &d->entry[at - 1];

		if (e->hash != hash)
			continue;
		if (dedup_range_of(d, at - 1)->group != mine->group)
			match.other_group = true;
		else if (e->kind == ENTRY_FRAME)
			return (struct dedup_match){.page = at - 1, .is_frame = true};
		else if (at - 1 != page && match.page == DEDUP_NONE)
			match.page = at - 1;
	}
	if (match.page != DEDUP_NONE)
		match.other_group = false;
	return match;
}

void dedup_expect(const struct dedup *d, uint64_t hash)
{
	__builtin_prefetch(&d->bucket[hash & d->hash_mask & d->bucket_mask]);
}

void dedup_expect_chain(const struct dedup *d, uint64_t hash)
{
	uint32_t at = d->bucket[hash & d->hash_mask & d->bucket_mask];

	if (at)
		__builtin_prefetch(&d->entry[at - 1]);
}

bool dedup_hint_set(struct dedup *d, uint32_t page, uint64_t hash)
{
	struct dedup_entry *e = dedup_entry(d, page);

	assert(dedup_range_of(d, page) && dedup_range_of(d, page)->vm != DEDUP_NONE);
	hash &= d->hash_mask;
	if (e->kind == ENTRY_FRAME) {
		d->stats.hints_refused++;
		return false;
	}
	if (e->kind == ENTRY_HINT && e->hash == hash)
		return true;
	dedup_entry_clear(d, page);
	*e = (struct dedup_entry){.hash = hash, .kind = ENTRY_HINT};
	dedup_chain_link(d, page);
	d->stats.hints++;
	return true;
}

bool dedup_hint_has(const struct dedup *d, uint32_t page, uint64_t *hash)
{
	const struct dedup_entry *e = dedup_entry(d, page);
	bool has = e->kind == ENTRY_HINT;

	if (hash)
		*hash = has ? e->hash : 0;
	return has;
}

void dedup_hint_drop(struct dedup *d, uint32_t page)
{
	if (dedup_hint_has(d, page, NULL))
		dedup_entry_clear(d, page);
}

void dedup_hint_stale(struct dedup *d, uint32_t page)
{
	d->stats.stale_hints += dedup_hint_has(d, page, NULL);
	dedup_hint_drop(d, page);
}

void dedup_ineligible_set(struct dedup *d, uint32_t page, uint64_t hash)
{
	struct dedup_entry *e = dedup_entry(d, page);

	assert(dedup_range_of(d, page) && dedup_range_of(d, page)->vm != DEDUP_NONE);
	d->stats.false_matches++;
	if (e->kind == ENTRY_FRAME) {
		d->stats.ineligible_refused++;
		return;
	}
	dedup_entry_clear(d, page);
	*e = (struct dedup_entry){.hash = hash & d->hash_mask, .kind = ENTRY_INELIGIBLE};
	d->stats.ineligible++;
}

void dedup_ineligible_clear(struct dedup *d, uint32_t page)
{
	if (dedup_entry(d, page)->kind == ENTRY_INELIGIBLE)
		dedup_entry_clear(d, page);
}

bool dedup_ineligible(const struct dedup *d, uint32_t page, uint64_t hash)
{
	const struct dedup_entry *e = dedup_entry(d, page);

	return e->kind == ENTRY_INELIGIBLE && e->hash == (hash & d->hash_mask);
}

struct dedup_stats dedup_stats(const struct dedup *d)
{
	struct dedup_stats s = d->stats;

	s.ranges = d->nr_ranges;
	for (uint32_t i = 0; i < d->nr_ranges; i++)
		s.ended_ranges += d->range[i].vm == DEDUP_NONE;
	return s;
}
