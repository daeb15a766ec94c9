/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aging.c: not frequently used, with ageing: eight bits of history a page, shifted at every tick.
 *
 * Each page has a counter of 8 bits and a reference bit. At a tick every counter is shifted right by one, the page's
 * reference bit enters from the left, and the bit is cleared: so the counter, as a number, orders pages by the last
 * eight ticks, recent ones first. The victim is the page of smallest counter. A newcomer's counter is 0x80, as if it
 * had been touched before the last tick; its bit is clear.
 *
 * What the textbook leaves open: a tick comes with the first victim() after as many references told (accessed() and
 * inserted()) as there are frames; a pager whose user has reference bits reads them then. Among equal counters the order
 * is that before the tick, newcomers last.
 *
 * Pages stand in 256 queues by counter, which a tick sorts anew, stably: O(resident) a tick. A refused page goes to the
 * tail of its queue; a page touched on its way out gets its touch at once. A byte, a bit and 8 a page.
 */
#include <errno.h>
#include <string.h>

#include "mm/policy/bits.h"
#include "mm/policy/list.h"

#define COUNTERS 256u
#define NEWCOMER 0x80u

struct aging {
	struct page_list queue[COUNTERS]; /* by counter */
	uint32_t first[COUNTERS];         /* during a tick: the queues' heads before it */
	uint32_t pages;
	uint32_t nr;         /* resident */
	uint32_t lowest;     /* no queue below it has a page */
	uint32_t interval;   /* references between ticks */
	uint32_t references; /* told since the last tick, up to interval */
	uint32_t named;      /* last victim, until it is removed or accessed; or PAGE_NONE */
	uint64_t *bits;
	uint8_t *counter;
};

static size_t aging_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct aging) + ((size_t)pages + COUNTERS) * sizeof(struct page_link) +
	       page_bits_bytes(pages) + pages;
}

static void aging_resized(void *mem, uint32_t capacity)
{
	struct aging *a = mem;

	a->interval = capacity;
	if (a->references > a->interval)
		a->references = a->interval;
}

static int aging_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct aging *a = mem;
	struct page_link *links = (struct page_link *)(a + 1);

	(void)rng;
	if (!capacity)
		return -EINVAL;
	a->pages = pages;
	a->nr = a->lowest = 0;
	a->references = 0;
	a->named = PAGE_NONE;
	aging_resized(a, capacity);
	for (uint32_t i = 0; i < COUNTERS; i++)
		page_list_init_shared(&a->queue[i], links, pages, i);
	a->bits = (uint64_t *)(links + (size_t)pages + COUNTERS);
	a->counter = (uint8_t *)a->bits + page_bits_bytes(pages);
	return 0;
}

static void put(struct aging *a, uint32_t page, uint32_t counter)
{
	a->counter[page] = (uint8_t)counter;
	page_list_add_tail(&a->queue[counter], page);
	if (counter < a->lowest)
		a->lowest = counter;
}

static void told(struct aging *a)
{
	if (a->references < a->interval)
		a->references++;
}

static void aging_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct aging *a = mem;

	(void)now_ns;
	told(a);
	put(a, page, NEWCOMER);
	page_bit_clear(a->bits, page);
	a->nr++;
}

static void aging_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct aging *a = mem;

	(void)write;
	(void)now_ns;
	told(a);
	page_bit_set(a->bits, page);
	if (page != a->named)
		return;
	page_list_remove(&a->queue[a->counter[page]], page);
	put(a, page, a->counter[page] | NEWCOMER);
	a->named = PAGE_NONE;
}

static void aging_tick(struct aging *a, const struct victim_filter *filter)
{
	struct page_link *link = a->queue[0].link;

	for (uint32_t i = 0; i < COUNTERS; i++) {
		a->first[i] = page_list_head(&a->queue[i]);
		page_list_init_shared(&a->queue[i], link, a->pages, i);
	}
	for (uint32_t i = 0; i < COUNTERS; i++)
		for (uint32_t page = a->first[i], next; page < a->pages; page = next) {
			bool touched = page_bit_take(a->bits, page);

			next = link[page].next; /* the last one's is still the anchor */
			touched = filter_referenced(filter, page) || touched;
			put(a, page, i / 2 | (touched ? NEWCOMER : 0));
		}
	a->references = 0;
}

static bool aging_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct aging *a = mem;
	bool found = false;

	if (a->references >= a->interval)
		aging_tick(a, filter);
	while (a->lowest < COUNTERS - 1 && !a->queue[a->lowest].nr)
		a->lowest++;
	*page_out = PAGE_NONE;
	for (uint32_t i = a->lowest; i < COUNTERS && !found; i++)
		found = page_list_victim(&a->queue[i], filter, NULL, mem, page_out);
	a->named = *page_out;
	return found;
}

static void aging_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct aging *a = mem;

	(void)why;
	page_list_remove(&a->queue[a->counter[page]], page);
	a->nr--;
	if (page == a->named)
		a->named = PAGE_NONE;
}

static bool aging_consistent(const void *mem)
{
	const struct aging *a = mem;
	uint64_t nr = 0;

	for (uint32_t i = 0; i < COUNTERS; i++) {
		const struct page_list *l = &a->queue[i];
		uint32_t page = page_list_head(l);

		if (!page_list_consistent(l) || (l->nr && i < a->lowest))
			return false;
		for (uint32_t left = l->nr; left; left--, page = l->link[page].next)
			if (a->counter[page] != i)
				return false;
		nr += l->nr;
	}
	return nr == a->nr && a->nr <= a->pages && a->references <= a->interval &&
	       (a->named == PAGE_NONE || a->named < a->pages);
}

const struct policy_ops policy_aging = {
	.name = "aging",
	.paper = "Tanenbaum, Modern Operating Systems, section 3.4.7 (NFU with aging)",
	.wants_samples = true,
	.bytes = aging_bytes,
	.init = aging_init,
	.inserted = aging_inserted,
	.accessed = aging_accessed,
	.victim = aging_victim,
	.removed = aging_removed,
	.resized = aging_resized,
	.consistent = aging_consistent,
};
