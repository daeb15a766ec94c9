/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.h: a queue of page numbers for policies that only add at the tail and take from the head, or nearly so. Inside
 * mm/policy/ only.
 *
 * The same queue as list.h, with the same words, in an array: page numbers in order. The hand goes over neighbouring
 * words where a list would jump from page to page, which in a large memory is a cache miss each, and a page that comes
 * or goes writes nothing that belongs to the page. So no page knows its place: one taken from the middle leaves its
 * entry behind, which is dropped when the head gets there. Such entries are counted by page; of a page's entries the
 * last is the live one, if the page is in the queue at all.
 *
 * The array starts with a slot for each frame: with all frames in use the tail stands at the head, and the queue is the
 * circle with a hand of the textbooks. It grows while entries left behind fill it, up to twice the pages: when it is
 * full then, at least half of it was left behind, and dropping that is paid for by the additions since the last time.
 * So every call is O(1) amortised.
 *
 * 12 bytes a page, 4 more than a list, and a bit, which is all that is initialised.
 */
#ifndef BALLAST_MM_POLICY_RING_H
#define BALLAST_MM_POLICY_RING_H

#include <string.h>

#include "mm/policy/bits.h"
#include "mm/policy/list.h"

struct page_ring {
	uint32_t pages;
	uint32_t nr;       /* in the queue */
	uint32_t slots;    /* of the array, those in use */
	uint32_t head;     /* slot of the first entry */
	uint32_t tail;     /* slot of the next page to come */
	uint32_t used;     /* slots from head to tail, with entries left behind */
	uint32_t *page_at; /* by slot */
	uint32_t *left;    /* by page: entries left behind; valid if its bit is set */
	uint64_t *any_left;
};

#define PAGE_RING_SPARE 64u

static inline uint32_t page_ring_slots_max(uint32_t pages)
{
	uint64_t slots = 2ull * pages + PAGE_RING_SPARE;

	return slots < UINT32_MAX ? (uint32_t)slots : UINT32_MAX;
}

static inline size_t page_ring_bytes(uint32_t pages)
{
	size_t numbers = ((size_t)page_ring_slots_max(pages) + pages) * sizeof(uint32_t);

	return ((numbers + 7) & ~(size_t)7) + page_bits_bytes(pages); /* what follows is aligned */
}

/* mem: page_ring_bytes(pages) bytes, 8-aligned, any content. capacity >= 1: pages that are usual. O(pages / 64). */
static inline void page_ring_init(struct page_ring *r, void *mem, uint32_t capacity, uint32_t pages)
{
	uint32_t most = page_ring_slots_max(pages);

	*r = (struct page_ring){
		.pages = pages, .slots = capacity < most ? capacity : most, .page_at = mem};
	r->left = r->page_at + most;
	r->any_left = (uint64_t *)((char *)mem + page_ring_bytes(pages) - page_bits_bytes(pages));
	memset(r->any_left, 0, page_bits_bytes(pages));
}

static inline uint32_t page_ring_after(const struct page_ring *r, uint32_t slot)
{
	return slot + 1 == r->slots ? 0 : slot + 1;
}

/* An entry of this page, the first there is, goes by: was it left behind? */
static inline bool page_ring_drop(struct page_ring *r, uint32_t page)
{
	if (!page_bit_test(r->any_left, page))
		return false;
	if (!--r->left[page])
		page_bit_clear(r->any_left, page);
	return true;
}

static inline void page_ring_leave(struct page_ring *r, uint32_t page)
{
	if (!page_bit_test(r->any_left, page))
		r->left[page] = 0;
	page_bit_set(r->any_left, page);
	r->left[page]++;
}

/* Next to leave; PAGE_NONE: the queue is empty. */
static inline uint32_t page_ring_head(struct page_ring *r)
{
	while (r->used != r->nr && page_ring_drop(r, r->page_at[r->head])) {
		r->head = page_ring_after(r, r->head);
		r->used--;
	}
	return r->nr ? r->page_at[r->head] : PAGE_NONE;
}

/* Afterwards nothing was left behind. O(slots). */
static inline void page_ring_close(struct page_ring *r)
{
	uint32_t from = r->head, to = r->head;

	for (uint32_t n = r->used; n; n--, from = page_ring_after(r, from)) {
		uint32_t page = r->page_at[from];

		if (page_ring_drop(r, page))
			continue;
		r->page_at[to] = page;
		to = page_ring_after(r, to);
	}
	r->tail = to;
	r->used = r->nr;
}

/* All slots are used: what is left behind goes if it is half of them or more, or there are more slots. O(slots). */
static inline void page_ring_make_room(struct page_ring *r)
{
	uint32_t most = page_ring_slots_max(r->pages), slots = r->slots;

	if (r->nr <= slots / 2 || slots == most) {
		page_ring_close(r);
		return;
	}
	r->slots = slots < (most - PAGE_RING_SPARE) / 2 ? 2 * slots + PAGE_RING_SPARE : most;
	/* the queue goes round the old end: those at the start follow behind it, and round the new end */
	r->tail = slots;
	for (uint32_t i = 0; i < r->head; i++, r->tail = page_ring_after(r, r->tail))
		r->page_at[r->tail] = r->page_at[i];
}

static inline void page_ring_add_tail(struct page_ring *r, uint32_t page)
{
	assert(page < r->pages && r->nr < r->pages);
	if (__builtin_expect(r->used == r->slots, 0))
		page_ring_make_room(r);
	r->page_at[r->tail] = page;
	r->tail = page_ring_after(r, r->tail);
	r->used++;
	r->nr++;
}

/* The page is in the queue. */
static inline void page_ring_remove(struct page_ring *r, uint32_t page)
{
	assert(page < r->pages && r->nr);
	if (page_ring_head(r) == page) {
		r->head = page_ring_after(r, r->head);
		r->used--;
	} else {
		page_ring_leave(r, page);
	}
	r->nr--;
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

/* Afterwards the pages fill their slots, the tail at the head: a circle. O(slots). */
static inline void page_ring_round(struct page_ring *r)
{
	uint32_t *at = r->page_at;

	page_ring_close(r);
	if (r->used == r->slots)
		return;
	if (r->tail >= r->head) { /* in one piece */
		memmove(at, at + r->head, r->nr * sizeof(*at));
		r->tail = 0;
	} else { /* the older piece at the end of the array, the younger one at its start */
		memmove(at + r->tail, at + r->head, (r->slots - r->head) * sizeof(*at));
	}
	r->head = r->tail;
	r->slots = r->nr;
}

/*
 * What policy.h asks of replay(): bits, a reference bit a page, or NULL: pages leave as they came. A page enters with
 * its bit as `entering` says.
 *
 * Hits and misses follow each other as nobody can guess, so there is no branch between them: all is done either way, and
 * at a hit it changes nothing. That a page under the hand is spared is rare, and may be a branch.
 */
static inline uint64_t page_ring_replay(struct page_ring *r, uint64_t *bits, bool entering,
					const uint32_t *pages, uint32_t nr, uint64_t *resident)
{
	uint32_t hand, slots, *page_at = r->page_at;
	uint64_t misses = 0;

	page_ring_round(r);
	hand = r->head;
	slots = r->slots;
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t page = pages[i], victim = page_at[hand];
		uint64_t miss = ~(resident[page / 64] >> page % 64) & 1;

		if (bits) {
			while (__builtin_expect(miss & bits[victim / 64] >> victim % 64, 0)) {
				page_bit_clear(bits, victim);
				hand = hand + 1 == slots ? 0 : hand + 1;
				victim = page_at[hand];
			}
			page_bit_put(bits, page, !miss | entering);
		}
		page_at[hand] ^= (victim ^ page) & -(uint32_t)miss;
		hand += (uint32_t)miss;
		hand = hand == slots ? 0 : hand;
		resident[victim / 64] &= ~(miss << victim % 64);
		page_bit_set(resident, page);
		misses += miss;
	}
	r->head = r->tail = hand;
	return misses;
}

/* nr live entries, the others as counted by page; all of pages. That live ones differ is not seen. O(slots + pages). */
static inline bool page_ring_consistent(const struct page_ring *r)
{
	uint32_t slot = r->head, left = r->used;

	if (r->nr > r->pages || r->used > r->slots || r->head >= r->slots || r->tail >= r->slots)
		return false;
	for (; left; left--, slot = page_ring_after(r, slot))
		if (r->page_at[slot] >= r->pages)
			return false;
	for (uint32_t page = 0; page < r->pages; page++)
		if (page_bit_test(r->any_left, page)) {
			if (!r->left[page])
				return false;
			left += r->left[page];
		}
	return slot == r->tail && r->nr + left == r->used;
}

#endif
