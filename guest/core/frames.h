/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frames.h: the guest's page allocator: who has which frame of guest memory. Frames are named by their gfn.
 *
 * One record of 8 bytes a frame, by gfn, in memory the caller gives. All-zero records mean "free, never handed out", so
 * nothing is initialised and no record is touched before its frame is: a guest boots in the same time whatever its
 * size. Content is never touched: not cleared when a frame is freed, nor when it is handed out again.
 */
#ifndef BALLAST_GUEST_FRAMES_H
#define BALLAST_GUEST_FRAMES_H

#include "ballast/types.h"

#define FRAMES_RANGES 8
#define FRAMES_END    (1u << 30) /* gfns are below: 4 TiB */

enum frame_kind {
	FRAME_FREE,
	FRAME_PAGED, /* holds a page of the pager; owner: the page's number */
	FRAME_PINNED, /* taken for good until freed: a balloon's, a kernel table's; owner: the taker's own word */
};

struct frame_info {
	uint32_t use;  /* kind and owner; free: the next on the free list */
	uint32_t slot; /* the pager's: swap slot that belongs to the page, plus 1; 0: none */
};

struct frame_range {
	uint32_t start, end; /* gfns, [start, end) */
};

struct frames {
	struct frame_info *info; /* by gfn; borrowed */
	struct frame_range range[FRAMES_RANGES];
	unsigned nr_ranges;
	unsigned fresh_range;    /* frames from here on were never handed out: this range, */
	uint32_t fresh;          /* this gfn */
	uint32_t first_free;     /* list of freed frames, last freed first; 0: empty */
	uint32_t first_reported; /* the same of those the host knows to be free, by a report */
	npages_t unused_pages;   /* on first_free's list */
	npages_t unused_low;     /* the least of them since frames_unused_low() */
	npages_t free_pages, total_pages;
};

/* Bytes of records for frames below end. */
size_t frames_bytes(uint32_t end);

/*
 * ranges: disjoint, each not empty, within [1, FRAMES_END); handed out in this order. mem: zeroed, 8-aligned,
 * frames_bytes(highest end) bytes, borrowed. 0 or -EINVAL.
 */
int frames_init(struct frames *f, const struct frame_range *ranges, unsigned nr_ranges, void *mem);

/*
 * A free frame: the last freed, else the last reported, else the lowest never used. owner < FRAMES_END; kind not FREE.
 * The record's slot is 0.
 * False: all are taken; *out is 0 then. O(1).
 */
bool frames_alloc(struct frames *f, enum frame_kind kind, uint32_t owner, gfn_t *out);

/* g must be taken. O(1). */
void frames_free(struct frames *f, gfn_t g);

/*
 * For reports of free pages. The least number of freed frames, without reported ones, since the last call. One of them,
 * taken as FRAME_PINNED: false, there is none. It is free again by frames_free(), or, when the host was told, by
 * frames_free_reported(). O(1).
 */
npages_t frames_unused_low(struct frames *f);
bool frames_take_unused(struct frames *f, gfn_t *out);
void frames_free_reported(struct frames *f, gfn_t g);

enum frame_kind frames_kind(const struct frames *f, gfn_t g);
uint32_t frames_owner(const struct frames *f, gfn_t g);

/* Is g one of these frames at all? */
bool frames_contain(const struct frames *f, gfn_t g);

/* Recounts. O(frames). For tests. */
bool frames_consistent(const struct frames *f);

#endif
