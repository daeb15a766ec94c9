/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wsclock.c: a clock whose hand takes pages that have left the working set, clean ones first.
 *
 * Pages in order of arrival under a hand (a queue, see clock.c), a bit and a time of last use each. Time is virtual, as
 * in the paper: the number of references told (accessed() and inserted()). The hand looks at a page: bit set, clear it
 * and take now as the time of last use; else, if that is more than tau ago, the page has left the working set and may
 * be replaced if it is clean. A dirty one is passed over (the paper starts to write it; here the pager writes what is
 * named), but after DIRTY_MOST of them, or a whole round, the first of them is taken. What is passed goes to the tail.
 *
 * If a round finds no page out of the working set, memory is too small for it. The paper then leaves it to load control
 * to stop a process and to clock to go on: clock it is, until now reaches the oldest last use + tau, since before then
 * no round can find one. tau is twice the capacity, in references.
 *
 * A search for the rare page out of the working set is O(resident). Who has no dirty bits (filter->dirty) has clean
 * pages only. A set reference bit counts as the bit. A refused page goes to the tail. A bit and 16 bytes a page.
 */
#include <errno.h>

#include "mm/policy/bits.h"
#include "mm/policy/list.h"

#define DIRTY_MOST 32u

struct wsclock {
	struct page_list list; /* head: under the hand */
	uint64_t now;          /* references so far */
	uint64_t tau;
	uint64_t full_until; /* the last page of all leaves the working set no sooner */
	uint64_t *used;      /* time of last use, by page */
	uint64_t *bits;
};

static size_t wsclock_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct wsclock) + page_list_bytes(pages) + pages * sizeof(uint64_t) +
	       page_bits_bytes(pages);
}

static int wsclock_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct wsclock *w = mem;
	struct page_link *links = (struct page_link *)(w + 1);

	(void)rng;
	if (!capacity)
		return -EINVAL;
	*w = (struct wsclock){.tau = 2 * (uint64_t)capacity};
	page_list_init(&w->list, links, pages);
	w->used = (uint64_t *)(links + (size_t)pages + 1);
	w->bits = w->used + pages;
	return 0;
}

static void wsclock_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct wsclock *w = mem;

	(void)now_ns;
	page_list_add_tail(&w->list, page);
	page_bit_clear(w->bits, page);
	w->used[page] = ++w->now;
}

static void wsclock_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct wsclock *w = mem;

	(void)write;
	(void)now_ns;
	w->now++;
	page_bit_set(w->bits, page);
}

static bool wsclock_spared(void *mem, const struct victim_filter *filter, uint32_t page)
{
	struct wsclock *w = mem;
	bool set = page_bit_take(w->bits, page);

	if (!filter_referenced(filter, page) && !set)
		return false;
	w->used[page] = w->now;
	return true;
}

/* One round, for a page out of the working set. */
static bool wsclock_expired(struct wsclock *w, const struct victim_filter *filter,
			    uint32_t *page_out)
{
	uint64_t oldest = w->now;
	uint32_t nr_dirty = 0;

	*page_out = PAGE_NONE;
	for (uint32_t i = 0; i < w->list.nr && nr_dirty < DIRTY_MOST; i++) {
		uint32_t page = page_list_head(&w->list);

		if (!filter_refuses(filter, page) && !wsclock_spared(w, filter, page) &&
		    w->now - w->used[page] > w->tau) {
			bool dirty = filter && filter->dirty && filter->dirty(filter->ctx, page);

			if (!dirty || !nr_dirty)
				*page_out = page;
			if (!dirty)
				return true;
			nr_dirty++;
		}
		oldest = w->used[page] < oldest ? w->used[page] : oldest;
		page_list_move_tail(&w->list, page);
	}
	if (!nr_dirty)
		w->full_until = oldest + w->tau;
	return nr_dirty;
}

static bool wsclock_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct wsclock *w = mem;

	return (w->now > w->full_until && wsclock_expired(w, filter, page_out)) ||
	       page_list_victim(&w->list, filter, wsclock_spared, mem, page_out);
}

static void wsclock_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct wsclock *w = mem;

	(void)why;
	page_list_remove(&w->list, page);
}

static void wsclock_resized(void *mem, uint32_t capacity)
{
	struct wsclock *w = mem;

	w->tau = 2 * (uint64_t)capacity;
	w->full_until = 0;
}

static bool wsclock_consistent(const void *mem)
{
	const struct wsclock *w = mem;
	uint32_t page = page_list_head(&w->list);

	if (!page_list_consistent(&w->list))
		return false;
	for (uint32_t left = w->list.nr; left; left--, page = w->list.link[page].next)
		if (w->used[page] > w->now)
			return false;
	return true;
}

const struct policy_ops policy_wsclock = {
	.name = "wsclock",
	.paper = "Carr, Hennessy, WSClock: a simple and effective algorithm for virtual memory "
		 "management, SOSP 1981",
	.wants_samples = true,
	.bytes = wsclock_bytes,
	.init = wsclock_init,
	.inserted = wsclock_inserted,
	.accessed = wsclock_accessed,
	.victim = wsclock_victim,
	.removed = wsclock_removed,
	.resized = wsclock_resized,
	.consistent = wsclock_consistent,
};
