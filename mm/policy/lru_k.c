/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lru_k.c: LRU-K for K = 2: the page whose second to last reference is longest ago leaves first.
 *
 * Time is the number of references the policy is told of (accessed() and inserted()). For each page HIST keeps the times
 * of its last two references, also after it has left: the paper's Retained Information Period is unlimited, which here
 * costs nothing, since pages are numbered. Its Correlated Reference Period is 0: every reference counts. Victim: the
 * resident page of smallest HIST(2), where none (referenced once) is before all times; of equals, that is among those
 * referenced once, the least recently used, the paper's subsidiary policy.
 *
 * A page that is freed (POLICY_GONE) loses its history. The resident pages stand in a binary heap by HIST: calls are
 * O(log resident), as in the paper, whose search tree this is. Refused pages are taken out of the heap during a search
 * and put back: O(refused log resident). A set reference bit is a reference. 24 bytes a page.
 */
#include <errno.h>
#include <string.h>

#include "mm/policy/list.h"

struct history {
	uint64_t last, before; /* 0: never */
};

struct lruk {
	uint32_t pages;
	uint32_t nr;          /* resident: heap[0, nr) */
	uint64_t now;         /* references so far */
	struct history *hist; /* by page */
	uint32_t *heap;
	uint32_t *place; /* by page, in heap; valid while it is resident */
};

static size_t lruk_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct lruk) +
	       (size_t)pages * (sizeof(struct history) + 2 * sizeof(uint32_t));
}

static int lruk_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct lruk *l = mem;

	(void)rng;
	if (!capacity)
		return -EINVAL;
	*l = (struct lruk){.pages = pages, .hist = (struct history *)(l + 1)};
	l->heap = (uint32_t *)(l->hist + pages);
	l->place = l->heap + pages;
	memset(l->hist, 0, pages * sizeof(struct history));
	return 0;
}

/* Does page a leave before page b? */
static bool sooner(const struct lruk *l, uint32_t a, uint32_t b)
{
	const struct history *x = &l->hist[a], *y = &l->hist[b];

	return x->before != y->before ? x->before < y->before : x->last < y->last;
}

static void put(struct lruk *l, uint32_t place, uint32_t page)
{
	l->heap[place] = page;
	l->place[page] = place;
}

/* page belongs somewhere between place, which is empty, and the root. */
static void rise(struct lruk *l, uint32_t place, uint32_t page)
{
	for (uint32_t parent; place; place = parent) {
		parent = (place - 1) / 2;
		if (!sooner(l, page, l->heap[parent]))
			break;
		put(l, place, l->heap[parent]);
	}
	put(l, place, page);
}

/* page belongs somewhere between place, which is empty, and the leaves. */
static void sink(struct lruk *l, uint32_t place, uint32_t page)
{
	for (uint64_t child; (child = 2 * (uint64_t)place + 1) < l->nr; place = (uint32_t)child) {
		if (child + 1 < l->nr && sooner(l, l->heap[child + 1], l->heap[child]))
			child++;
		if (!sooner(l, l->heap[child], page))
			break;
		put(l, place, l->heap[child]);
	}
	put(l, place, page);
}

static void heap_remove(struct lruk *l, uint32_t page)
{
	uint32_t place = l->place[page], last = l->heap[--l->nr];

	if (last == page)
		return;
	if (place && sooner(l, last, l->heap[(place - 1) / 2]))
		rise(l, place, last);
	else
		sink(l, place, last);
}

static void lruk_reference(struct lruk *l, uint32_t page)
{
	l->hist[page] = (struct history){.last = ++l->now, .before = l->hist[page].last};
}

static void lruk_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct lruk *l = mem;

	(void)now_ns;
	assert(page < l->pages && l->nr < l->pages);
	lruk_reference(l, page);
	rise(l, l->nr++, page);
}

static void lruk_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct lruk *l = mem;

	(void)write;
	(void)now_ns;
	lruk_reference(l, page);
	sink(l, l->place[page], page);
}

static bool lruk_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct lruk *l = mem;
	uint32_t all = l->nr;
	uint64_t spare = 2 * (uint64_t)all; /* bits that are set anew meanwhile */

	*page_out = PAGE_NONE;
	while (l->nr) {
		uint32_t page = l->heap[0];

		if (filter_refuses(filter, page)) {
			heap_remove(l, page);
			l->heap[l->nr] = page; /* behind the heap, until the search is over */
		} else if (spare && filter_referenced(filter, page)) {
			spare--;
			lruk_accessed(l, page, false, 0);
		} else {
			*page_out = page;
			break;
		}
	}
	while (l->nr < all) {
		uint32_t page = l->heap[l->nr];

		rise(l, l->nr++, page);
	}
	return *page_out != PAGE_NONE;
}

static void lruk_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct lruk *l = mem;

	assert(l->nr && l->heap[l->place[page]] == page);
	heap_remove(l, page);
	if (why == POLICY_GONE)
		l->hist[page] = (struct history){0};
}

static void lruk_resized(void *mem, uint32_t capacity)
{
	(void)mem;
	(void)capacity;
}

static bool lruk_consistent(const void *mem)
{
	const struct lruk *l = mem;

	if (l->nr > l->pages)
		return false;
	for (uint32_t i = 0; i < l->nr; i++) {
		uint32_t page = l->heap[i];

		if (page >= l->pages || l->place[page] != i ||
		    (i && sooner(l, page, l->heap[(i - 1) / 2])))
			return false;
		if (l->hist[page].last > l->now || l->hist[page].before >= l->hist[page].last)
			return false;
	}
	return true;
}

const struct policy_ops policy_lru_k = {
	.name = "lru-k",
	.paper = "O'Neil, O'Neil, Weikum, The LRU-K page replacement algorithm for database disk "
		 "buffering, SIGMOD 1993 (K = 2)",
	.wants_samples = false,
	.bytes = lruk_bytes,
	.init = lruk_init,
	.inserted = lruk_inserted,
	.accessed = lruk_accessed,
	.victim = lruk_victim,
	.removed = lruk_removed,
	.resized = lruk_resized,
	.consistent = lruk_consistent,
};
