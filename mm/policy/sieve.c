/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sieve.c: a fifo queue that is never reordered, and a hand that takes the first page not touched since it last passed.
 *
 * New pages at the young end, visited bit clear; a hit sets the bit. The hand goes from old to young: bit set, clear it
 * and go on; bit clear, that is the victim, and the hand waits at the next younger page. Past the youngest it starts at
 * the oldest again. Unlike clock a surviving page keeps its place, so the hand soon moves among the newcomers and those
 * not touched again leave early. Not resistant to scans that touch pages twice, as its authors say.
 *
 * The hand passes refused pages too, so a page refused for good costs one question a round. A set reference bit counts
 * as the visited bit. A bit and 8 bytes a page.
 */
#include <errno.h>

#include "mm/policy/bits.h"
#include "mm/policy/list.h"

struct sieve {
	struct page_list list; /* head: oldest */
	uint32_t hand;         /* a page of the list; or its anchor: the oldest */
	uint64_t *bits;        /* visited */
};

static size_t sieve_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct sieve) + page_list_bytes(pages) + page_bits_bytes(pages);
}

static int sieve_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct sieve *s = mem;
	struct page_link *links = (struct page_link *)(s + 1);

	(void)rng;
	if (!capacity)
		return -EINVAL;
	page_list_init(&s->list, links, pages);
	s->hand = s->list.anchor;
	s->bits = (uint64_t *)(links + (size_t)pages + 1);
	return 0;
}

static void sieve_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct sieve *s = mem;

	(void)now_ns;
	page_list_add_tail(&s->list, page);
	page_bit_clear(s->bits, page);
}

static void sieve_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct sieve *s = mem;

	(void)write;
	(void)now_ns;
	page_bit_set(s->bits, page);
}

static bool sieve_visited(struct sieve *s, const struct victim_filter *filter, uint32_t page)
{
	bool set = page_bit_take(s->bits, page);

	return filter_referenced(filter, page) || set;
}

static bool sieve_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct sieve *s = mem;
	bool any = false;

	*page_out = PAGE_NONE;
	/* One round clears every bit; in a third one, needed if bits are set meanwhile, they are ignored. */
	for (unsigned round = 1; round <= 3; round++) {
		for (uint32_t i = 0; i < s->list.nr; i++) {
			if (s->hand == s->list.anchor)
				s->hand = page_list_head(&s->list);
			if (!filter_refuses(filter, s->hand)) {
				any = true;
				if (!sieve_visited(s, filter, s->hand) || round == 3) {
					*page_out = s->hand;
					return true;
				}
			}
			s->hand = s->list.link[s->hand].next;
		}
		if (!any)
			return false;
	}
	return false;
}

static void sieve_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct sieve *s = mem;

	(void)why;
	if (s->hand == page)
		s->hand = s->list.link[page].next;
	page_list_remove(&s->list, page);
}

static void sieve_resized(void *mem, uint32_t capacity)
{
	(void)mem;
	(void)capacity;
}

static void sieve_expect(const void *mem, uint32_t page)
{
	const struct sieve *s = mem;

	page_list_expect(&s->list, page);
}

static bool sieve_consistent(const void *mem)
{
	const struct sieve *s = mem;
	uint32_t at = s->list.anchor;

	if (!page_list_consistent(&s->list))
		return false;
	for (uint32_t i = 0; i <= s->list.nr; i++) { /* the hand is somewhere in the ring */
		if (at == s->hand)
			return true;
		at = s->list.link[at].next;
	}
	return false;
}

const struct policy_ops policy_sieve = {
	.name = "sieve",
	.paper = "Zhang, Yang, Yue, Vigfusson, Rashmi, SIEVE is simpler than LRU: an efficient "
		 "turn-key eviction algorithm for web caches, NSDI 2024",
	.wants_samples = true,
	.bytes = sieve_bytes,
	.init = sieve_init,
	.inserted = sieve_inserted,
	.accessed = sieve_accessed,
	.victim = sieve_victim,
	.removed = sieve_removed,
	.resized = sieve_resized,
	.consistent = sieve_consistent,
	.expect = sieve_expect,
};
