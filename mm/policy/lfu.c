/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lfu.c: the page touched least often since it came leaves first; of equals, the one that reached its count first.
 *
 * Counts begin at 1 and are forgotten when a page leaves ("in-cache" LFU; no ageing). All pages of one count are a
 * queue in the order they reached it, and the queues stand in a row by count; a hit takes a page from its queue to the
 * tail of the next one, which is made if it is missing and freed when it runs empty. So every call is O(1), as in Shah,
 * Mitra, Matani, An O(1) algorithm for implementing the LFU cache eviction scheme, 2010.
 *
 * The anchor of queue q is entry [pages + q] of the links; no more queues than pages exist. Counts stop at 2^32 - 1.
 *
 * A refused page goes to the tail of its queue. A set reference bit is a hit. 32 bytes a page.
 */
#include <errno.h>

#include "mm/policy/list.h"

struct queue {
	uint32_t prev, next; /* the row, in a ring through queue [pages]; or next free one */
	uint32_t count;
};

struct lfu {
	uint32_t pages;
	uint32_t nr;            /* resident */
	uint32_t used;          /* queues ever used: [0, used) */
	uint32_t free;          /* a free one of them; or PAGE_NONE */
	struct page_link *link; /* pages, then the queues' anchors */
	struct queue *queue;    /* pages + 1 */
	uint32_t *queue_of;     /* by page; valid while it is resident */
};

static size_t lfu_bytes(uint32_t capacity, uint32_t pages)
{
	size_t n = pages;

	(void)capacity;
	return sizeof(struct lfu) + 2 * n * sizeof(struct page_link) +
	       (n + 1) * sizeof(struct queue) + n * sizeof(uint32_t);
}

static int lfu_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct lfu *l = mem;

	(void)rng;
	if (!capacity)
		return -EINVAL;
	*l = (struct lfu){.pages = pages, .free = PAGE_NONE, .link = (struct page_link *)(l + 1)};
	l->queue = (struct queue *)(l->link + 2 * (size_t)pages);
	l->queue_of = (uint32_t *)(l->queue + (size_t)pages + 1);
	l->queue[pages] = (struct queue){.prev = pages, .next = pages};
	return 0;
}

static void link_in(struct lfu *l, uint32_t page, uint32_t q)
{
	uint32_t anchor = l->pages + q, last = l->link[anchor].prev;

	l->link[page] = (struct page_link){.prev = last, .next = anchor};
	l->link[last].next = page;
	l->link[anchor].prev = page;
	l->queue_of[page] = q;
}

static void link_out(struct lfu *l, uint32_t page)
{
	struct page_link at = l->link[page];

	assert(l->link[at.prev].next == page && l->link[at.next].prev == page);
	l->link[at.prev].next = at.next;
	l->link[at.next].prev = at.prev;
}

static uint32_t first_of(const struct lfu *l, uint32_t q)
{
	return l->link[l->pages + q].next;
}

static uint32_t last_of(const struct lfu *l, uint32_t q)
{
	return l->link[l->pages + q].prev;
}

/* The queue of count behind queue q of the row, made if need be. */
static uint32_t queue_behind(struct lfu *l, uint32_t q, uint32_t count)
{
	uint32_t next = l->queue[q].next, made = l->free, anchor;

	if (next != l->pages && l->queue[next].count == count)
		return next;
	if (made == PAGE_NONE)
		made = l->used++;
	else
		l->free = l->queue[made].next;
	l->queue[made] = (struct queue){.prev = q, .next = next, .count = count};
	l->queue[q].next = made;
	l->queue[next].prev = made;
	anchor = l->pages + made;
	l->link[anchor] = (struct page_link){.prev = anchor, .next = anchor};
	return made;
}

static void queue_put(struct lfu *l, uint32_t q)
{
	if (first_of(l, q) < l->pages)
		return;
	l->queue[l->queue[q].prev].next = l->queue[q].next;
	l->queue[l->queue[q].next].prev = l->queue[q].prev;
	l->queue[q].next = l->free;
	l->free = q;
}

static void lfu_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct lfu *l = mem;

	(void)now_ns;
	assert(page < l->pages && l->nr < l->pages);
	link_in(l, page, queue_behind(l, l->pages, 1));
	l->nr++;
}

static void lfu_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct lfu *l = mem;
	uint32_t q = l->queue_of[page], count = l->queue[q].count, next = l->queue[q].next;
	bool alone = first_of(l, q) == last_of(l, q);

	(void)write;
	(void)now_ns;
	if (count < UINT32_MAX)
		count++;
	if (alone && (next == l->pages || l->queue[next].count != count)) {
		l->queue[q].count = count; /* nobody to leave behind, nobody to meet */
		return;
	}
	link_out(l, page);
	link_in(l, page, count == l->queue[q].count ? q : queue_behind(l, q, count));
	queue_put(l, q);
}

static bool lfu_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct lfu *l = mem;
	uint64_t spare = 2 * (uint64_t)l->nr; /* bits that are set anew meanwhile */
	uint32_t q = l->queue[l->pages].next;

	*page_out = PAGE_NONE;
	while (q != l->pages) {
		uint32_t last = last_of(l, q), page;
		bool hit;

		do {
			page = first_of(l, q);
			hit = false;
			if (filter_refuses(filter, page)) {
				link_out(l, page);
				link_in(l, page, q);
			} else if (!spare || !filter_referenced(filter, page)) {
				*page_out = page;
				return true;
			} else {
				spare--;
				hit = true;
				lfu_accessed(l, page, false, 0);
			}
		} while (page != last);
		/* If the last one was hit, q may be gone, or have its new count: then the search goes on where it is. */
		q = hit ? l->queue_of[page] : l->queue[q].next;
	}
	return false;
}

static void lfu_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct lfu *l = mem;

	(void)why;
	assert(l->nr);
	link_out(l, page);
	queue_put(l, l->queue_of[page]);
	l->nr--;
}

static void lfu_resized(void *mem, uint32_t capacity)
{
	(void)mem;
	(void)capacity;
}

static void lfu_expect(const void *mem, uint32_t page)
{
	const struct lfu *l = mem;

	__builtin_prefetch(&l->queue_of[page]);
	__builtin_prefetch(&l->link[page], 1);
}

static bool lfu_consistent(const void *mem)
{
	const struct lfu *l = mem;
	uint32_t nr = 0, count = 0, before = l->pages;

	for (uint32_t q = l->queue[l->pages].next; q != l->pages; q = l->queue[q].next) {
		uint32_t at = l->pages + q;

		/* the row ascends, so it ends; no queue is empty */
		if (q >= l->used || l->queue[q].count <= count || l->queue[q].prev != before ||
		    l->link[at].next == at)
			return false;
		count = l->queue[q].count;
		before = q;
		do {
			uint32_t next = l->link[at].next;

			if (next >= 2 * (size_t)l->pages || l->link[next].prev != at)
				return false;
			at = next;
			if (at < l->pages && (l->queue_of[at] != q || ++nr > l->nr))
				return false;
		} while (at < l->pages);
		if (at != l->pages + q)
			return false;
	}
	return nr == l->nr && l->queue[l->pages].prev == before;
}

const struct policy_ops policy_lfu = {
	.name = "lfu",
	.paper = "Aho, Denning, Ullman, Principles of optimal page replacement, JACM 18(1), 1971 "
		 "(as the optimum for independent references)",
	.wants_samples = true,
	.bytes = lfu_bytes,
	.init = lfu_init,
	.inserted = lfu_inserted,
	.accessed = lfu_accessed,
	.victim = lfu_victim,
	.removed = lfu_removed,
	.resized = lfu_resized,
	.consistent = lfu_consistent,
	.expect = lfu_expect,
};
