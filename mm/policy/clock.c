/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.c: first in, first out, but a page touched since the hand last passed gets one more round.
 *
 * Pages in order of arrival, one bit each. A page enters with its bit clear; accessed() sets it. The hand looks at the
 * head of a queue: bit set, clear it and move the page to the tail; bit clear, that is the victim. This is the circular
 * list with a hand of the textbooks, cut open at the hand: the tail is the place just behind it, where a newcomer goes.
 *
 * A user with reference bits of its own (the guest's page tables) passes `referenced`, which counts as the bit. A user
 * without any (the host pager under EPT faults) can sample: withdraw the victim's mapping and report a touch as
 * accessed(); wants_samples asks for it, since without touches clock is only fifo. The bit of a refused page is left
 * alone.
 */
#include <errno.h>

#include "mm/policy/bits.h"
#include "mm/policy/ring.h"

struct clock {
	struct page_ring ring; /* head: under the hand */
	uint64_t *bits;        /* a bit a page; valid while the page is on the list */
};

static size_t clock_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct clock) + page_ring_bytes(pages) + page_bits_bytes(pages);
}

static int clock_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct clock *c = mem;

	(void)rng;
	if (!capacity)
		return -EINVAL;
	page_ring_init(&c->ring, c + 1, capacity, pages);
	c->bits = (uint64_t *)(void *)((char *)(c + 1) + page_ring_bytes(pages));
	return 0;
}

static void clock_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct clock *c = mem;

	(void)now_ns;
	page_ring_add_tail(&c->ring, page);
	page_bit_clear(c->bits, page);
}

static void clock_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct clock *c = mem;

	(void)write;
	(void)now_ns;
	page_bit_set(c->bits, page);
}

static bool clock_spared(void *mem, const struct victim_filter *filter, uint32_t page)
{
	struct clock *c = mem;
	bool set = page_bit_take(c->bits, page);

	/* Both bits are tested: each must be cleared, or the page would get two rounds for one touch. */
	if (filter_referenced(filter, page))
		set = true;
	return set;
}

static bool clock_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct clock *c = mem;

	return page_ring_victim(&c->ring, filter, clock_spared, mem, page_out);
}

static void clock_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct clock *c = mem;

	(void)why;
	page_ring_remove(&c->ring, page);
}

static void clock_resized(void *mem, uint32_t capacity)
{
	(void)mem;
	(void)capacity;
}

static uint64_t clock_replay(void *mem, const uint32_t *pages, uint32_t nr, uint64_t *resident)
{
	struct clock *c = mem;

	return page_ring_replay(&c->ring, c->bits, false, pages, nr, resident);
}

static bool clock_consistent(const void *mem)
{
	const struct clock *c = mem;

	return page_ring_consistent(&c->ring);
}

const struct policy_ops policy_clock = {
	.name = "clock",
	.paper = "Corbato, A paging experiment with the Multics system, MIT Project MAC, 1968",
	.wants_samples = true,
	.bytes = clock_bytes,
	.init = clock_init,
	.inserted = clock_inserted,
	.accessed = clock_accessed,
	.victim = clock_victim,
	.removed = clock_removed,
	.resized = clock_resized,
	.consistent = clock_consistent,
	.replay = clock_replay,
};
