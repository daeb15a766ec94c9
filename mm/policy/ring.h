/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.h: a queue of page numbers for policies that only add at the tail and take from the head, or nearly so. Inside
 * mm/policy/ only.
 *
 * The same queue as list.h, with the same words, in an array: page numbers in order, and each page's place in it. The
 * hand goes over neighbouring words where a list would jump from page to page, which in a large memory is a cache miss
 * each; replay runs twice as fast with it. A page taken from the middle leaves a hole, which costs nothing until the
 * head gets there. The array has place for twice the pages: when it is full, at least half of it is holes, and closing
 * them is paid for by the additions since the last time. So every call is O(1) amortised.
 *
 * 12 bytes a page, 4 more than a list. Nothing but the header is initialised.
 */
#ifndef BALLAST_MM_POLICY_RING_H
#define BALLAST_MM_POLICY_RING_H

#include "mm/policy/list.h"

struct page_ring {
	uint32_t pages;
	uint32_t nr;       /* in the queue */
	uint32_t slots;    /* of the array */
	uint32_t head;     /* slot of the first page or hole */
	uint32_t tail;     /* slot of the next page to come */
	uint32_t used;     /* slots from head to tail, holes too */
	uint32_t *page_at; /* by slot; PAGE_NONE: a hole */
	uint32_t *slot_of; /* by page; valid while it is in the queue */
};

#define PAGE_RING_SPARE 64u

static inline uint32_t page_ring_slots(uint32_t pages)
{
	uint64_t slots = 2ull * pages + PAGE_RING_SPARE;

	return slots < UINT32_MAX ? (uint32_t)slots : UINT32_MAX;
}

static inline size_t page_ring_bytes(uint32_t pages)
{
	/* a multiple of 8, so that what follows is aligned */
	return (((size_t)page_ring_slots(pages) + pages) * sizeof(uint32_t) + 7) & ~(size_t)7;
}

/* mem: page_ring_bytes(pages) bytes, 4-aligned, any content. O(1). */
static inline void page_ring_init(struct page_ring *r, void *mem, uint32_t pages)
{
	*r = (struct page_ring){.pages = pages, .slots = page_ring_slots(pages), .page_at = mem};
	r->slot_of = r->page_at + r->slots;
}

static inline uint32_t page_ring_after(const struct page_ring *r, uint32_t slot)
{
	return slot + 1 == r->slots ? 0 : slot + 1;
}

/* Next to leave; PAGE_NONE: the queue is empty. */
static inline uint32_t page_ring_head(struct page_ring *r)
{
	while (r->used && r->page_at[r->head] == PAGE_NONE) {
		r->head = page_ring_after(r, r->head);
		r->used--;
	}
	return r->used ? r->page_at[r->head] : PAGE_NONE;
}

static inline void page_ring_close_holes(struct page_ring *r)
{
	uint32_t from = r->head, to = r->head;

	for (uint32_t left = r->used; left; left--, from = page_ring_after(r, from)) {
		uint32_t page = r->page_at[from];

		if (page == PAGE_NONE)
			continue;
		r->page_at[to] = page;
		r->slot_of[page] = to;
		to = page_ring_after(r, to);
	}
	r->tail = to;
	r->used = r->nr;
}

static inline void page_ring_add_tail(struct page_ring *r, uint32_t page)
{
	assert(page < r->pages && r->nr < r->pages);
	if (__builtin_expect(r->used == r->slots, 0))
		page_ring_close_holes(r);
	r->page_at[r->tail] = page;
	r->slot_of[page] = r->tail;
	r->tail = page_ring_after(r, r->tail);
	r->used++;
	r->nr++;
}

static inline void page_ring_remove(struct page_ring *r, uint32_t page)
{
	assert(page < r->pages && r->nr && r->page_at[r->slot_of[page]] == page);
	r->nr--;
	if (r->page_at[r->head] == page) { /* a slot at the head that is used, as nr was not 0 */
		r->head = page_ring_after(r, r->head);
		r->used--;
	} else {
		r->page_at[r->slot_of[page]] = PAGE_NONE;
	}
}

static inline void page_ring_move_tail(struct page_ring *r, uint32_t page)
{
	page_ring_remove(r, page);
	page_ring_add_tail(r, page);
}

/* As page_list_victim(); a policy's spared() may not move the page. */
static inline bool page_ring_victim(struct page_ring *r, const struct victim_filter *filter,
				    page_spared_fn *spared, void *mem, uint32_t *page_out)
{
	const unsigned passes = 3;
	bool any = false;

	*page_out = PAGE_NONE;
	for (unsigned pass = 1; pass <= passes; pass++) {
		for (uint32_t left = r->nr; left; left--) {
			uint32_t page = page_ring_head(r);

			if (!filter_refuses(filter, page)) {
				any = true;
				if (pass == passes || !spared || !spared(mem, filter, page)) {
					*page_out = page;
					return true;
				}
			}
			page_ring_move_tail(r, page);
		}
		if (!any)
			return false;
	}
	return false;
}

/* A hint that the page will be added soon. */
static inline void page_ring_expect(const struct page_ring *r, uint32_t page)
{
	__builtin_prefetch(&r->slot_of[page], 1);
}

/* nr pages in the used slots, each where it says: so all distinct. O(slots). */
static inline bool page_ring_consistent(const struct page_ring *r)
{
	uint32_t slot = r->head, nr = 0;

	if (r->nr > r->pages || r->used > r->slots || r->head >= r->slots || r->tail >= r->slots)
		return false;
	for (uint32_t left = r->used; left; left--, slot = page_ring_after(r, slot)) {
		uint32_t page = r->page_at[slot];

		if (page == PAGE_NONE)
			continue;
		if (page >= r->pages || r->slot_of[page] != slot)
			return false;
		nr++;
	}
	return slot == r->tail && nr == r->nr;
}

#endif
