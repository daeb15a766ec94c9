/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.h: the share table's structures. Inside dedup/ only.
 *
 *   bucket[hash]  ->  entry  ->  entry  ->  0        hints and frames of all groups, newest first
 *
 * One entry a home page; what it is about follows from its place, so it needs neither frame number nor back pointer:
 *
 *   none        nothing is known
 *   hint        the page, unshared, had this hash; in a chain
 *   ineligible  the page, with this hash, matched falsely; in no chain
 *   frame       a shared frame of this name; in a chain. Nothing can be noted about the page of that number
 *
 * Links are a home page's number plus 1, and none is 0: so zeros are an empty table, and memory is touched only when
 * used. A chain is singly linked: with about as many buckets as machine pages it is short.
 *
 * Counts: up to DEDUP_BIG_FROM - 1 in the entry; beyond that the entry says DEDUP_BIG_FROM and the whole count stands in
 * the overflow table. That has one place for each DEDUP_BIG_FROM home pages, which cannot be too few: a page refers to
 * one frame at most. It is an array that is searched from the start: big frames are rare.
 *
 * Ranges are sorted by base. A range belongs to a VM, or, when its VM ended, to the frames named by its pages.
 */
#ifndef BALLAST_DEDUP_TABLE_H
#define BALLAST_DEDUP_TABLE_H

#include <assert.h>

#include "dedup/dedup.h"

enum dedup_kind { ENTRY_NONE, ENTRY_HINT, ENTRY_INELIGIBLE, ENTRY_FRAME };

struct dedup_entry {
	uint64_t hash;
	uint32_t next;  /* hint, frame */
	uint16_t count; /* frame */
	uint8_t kind;
};
_Static_assert(sizeof(struct dedup_entry) == 16, "ESX's size: under 0.4 % of a page");
_Static_assert(DEDUP_BIG_FROM == UINT16_MAX, "the mark is the largest count");

struct dedup_range {
	uint32_t base, pages; /* [base, base + pages) */
	uint32_t vm;          /* DEDUP_NONE: ended */
	uint32_t group;
	uint32_t frames; /* named by its pages */
};

struct dedup_big {
	uint32_t frame, count;
};

struct dedup {
	struct dedup_config config;
	uint64_t hash_mask;
	uint32_t bucket_mask;
	uint32_t nr_ranges;
	uint32_t nr_big, max_big;
	struct dedup_stats stats;  /* all but ranges and ended_ranges */
	struct dedup_entry *entry; /* capacity_pages */
	uint32_t *bucket;          /* bucket_mask + 1 */
	struct dedup_big *big;     /* max_big */
	struct dedup_range *range; /* max_ranges */
};

static inline struct dedup_entry *dedup_entry(const struct dedup *d, uint32_t page)
{
	assert(page < d->config.capacity_pages);
	return &d->entry[page];
}

/* table.c: the entry's hash is set; its kind says whether it is in a chain and is the caller's to change. */
void dedup_chain_link(struct dedup *d, uint32_t page);
void dedup_chain_unlink(struct dedup *d, uint32_t page);
/* Whatever is noted about the page, but no frame, is forgotten. */
void dedup_entry_clear(struct dedup *d, uint32_t page);

/* range.c: NULL: in no range. O(log ranges). */
struct dedup_range *dedup_range_of(const struct dedup *d, uint32_t page);
/* One frame less is named by a page of it; an ended VM's range goes with the last. */
void dedup_range_frame_gone(struct dedup *d, uint32_t page);

#endif
