/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * second_chance.c: first in, first out, but a page whose reference bit is set is treated as if it had just come.
 *
 * Pages in order of arrival, one bit each. The oldest page with its bit clear is the victim; an oldest page with its
 * bit set has it cleared and goes to the end of the queue. The same queue as clock.c, of which clock is the circular
 * form, but as textbooks have it: the hardware sets the bit at the touch that brought the page in, so a page ENTERS
 * WITH ITS BIT SET, and none leaves that has not been passed over once. (With clock.c's bit clear a page touched once
 * only leaves at the hand's first visit.) If every bit is set, the oldest page leaves: fifo.
 *
 * Samples and the user's reference bits as in clock.c.
 */
#include <errno.h>

#include "mm/policy/bits.h"
#include "mm/policy/ring.h"

struct second {
	struct page_ring ring; /* head: under the hand */
	uint64_t *bits;        /* a bit a page; valid while the page is on the list */
};

static size_t second_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct second) + page_ring_bytes(pages) + page_bits_bytes(pages);
}

static int second_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct second *s = mem;

	(void)rng;
	if (!capacity)
		return -EINVAL;
	page_ring_init(&s->ring, s + 1, capacity, pages);
	s->bits = (uint64_t *)(void *)((char *)(s + 1) + page_ring_bytes(pages));
	return 0;
}

static void second_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct second *s = mem;

	(void)now_ns;
	page_ring_add_tail(&s->ring, page);
	page_bit_set(s->bits, page);
}

static void second_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct second *s = mem;

	(void)write;
	(void)now_ns;
	page_bit_set(s->bits, page);
}

static bool second_spared(void *mem, const struct victim_filter *filter, uint32_t page)
{
	struct second *s = mem;
	bool set = page_bit_take(s->bits, page);

	/* Both bits are tested: each must be cleared, or the page would get two rounds for one touch. */
	if (filter_referenced(filter, page))
		set = true;
	return set;
}

static bool second_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct second *s = mem;

	return page_ring_victim(&s->ring, filter, second_spared, mem, page_out);
}

static void second_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct second *s = mem;

	(void)why;
	page_ring_remove(&s->ring, page);
}

static void second_resized(void *mem, uint32_t capacity)
{
	(void)mem;
	(void)capacity;
}

static uint64_t second_replay(void *mem, const uint32_t *pages, uint32_t nr, uint64_t *resident)
{
	struct second *s = mem;

	return page_ring_replay(&s->ring, s->bits, true, pages, nr, resident);
}

static bool second_consistent(const void *mem)
{
	const struct second *s = mem;

	return page_ring_consistent(&s->ring);
}

const struct policy_ops policy_second_chance = {
	.name = "second-chance",
	.paper = "Tanenbaum, Modern Operating Systems, section 3.4.4 (3rd and 4th edition)",
	.wants_samples = true,
	.bytes = second_bytes,
	.init = second_init,
	.inserted = second_inserted,
	.accessed = second_accessed,
	.victim = second_victim,
	.removed = second_removed,
	.resized = second_resized,
	.consistent = second_consistent,
	.replay = second_replay,
};
