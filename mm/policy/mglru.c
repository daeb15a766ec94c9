/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mglru.c: generations, as in Linux' multi-generational LRU: what is not touched grows older, what is is made young.
 *
 * Each resident page is in a generation; the youngest has number max, the oldest min. A newcomer is in the youngest. A
 * touch only sets a bit. Pages leave from the oldest generation, but never from the two youngest (MIN_NR_GENS): if no
 * other is left, memory is aged first: every resident page whose bit is set goes, oldest first, to the end of
 * generation max, its bit cleared; then max + 1 begins, empty. An empty oldest generation that is not of the two
 * youngest ends. In the oldest generation the first page whose bit is clear is the victim; one whose bit is set goes to
 * the end of the youngest, its bit cleared.
 *
 * Of Linux (mm/vmscan.c since 6.1) this is the part for anonymous pages found young by walking page tables. Left out:
 * the split of file and anonymous pages, tiers of file descriptor touches and their controller, the early ageing that
 * keeps up to four generations, and look-around.
 *
 * Ageing is O(resident): it is paid by the touches that set bits, and by the pages whose bits are clear, which leave
 * before the next. A refused page goes to the end of the youngest generation; after as many refusals in a row as pages
 * the first one from the oldest that may leave is named. A set reference bit counts as the bit. A byte and 8 a page.
 */
#include <errno.h>
#include <string.h>

#include "mm/policy/list.h"

#define GENS     4u /* lists; at most 3 are in use */
#define MIN_GENS 2u /* the youngest, from which nothing leaves */

struct page_state {
	uint8_t gen : 2; /* number modulo GENS */
	uint8_t touched : 1;
};

struct mglru {
	struct page_list list[GENS]; /* by number modulo GENS; head: next to leave */
	uint32_t pages;
	uint32_t min, max;        /* generations, modulo 2^32; max - min is 1 or 2 */
	struct page_state *state; /* by page; valid while it is resident */
};

static size_t mglru_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct mglru) + ((size_t)pages + GENS) * sizeof(struct page_link) +
	       pages * sizeof(struct page_state);
}

static int mglru_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct mglru *m = mem;
	struct page_link *links = (struct page_link *)(m + 1);

	(void)rng;
	if (!capacity)
		return -EINVAL;
	*m = (struct mglru){.pages = pages, .max = MIN_GENS - 1};
	for (uint32_t i = 0; i < GENS; i++)
		page_list_init_shared(&m->list[i], links, pages, i);
	m->state = (struct page_state *)(links + (size_t)pages + GENS);
	return 0;
}

static struct page_list *gen_list(struct mglru *m, uint32_t gen)
{
	return &m->list[gen % GENS];
}

static void youngest_add(struct mglru *m, uint32_t page)
{
	page_list_add_tail(gen_list(m, m->max), page);
	m->state[page] = (struct page_state){.gen = m->max % GENS};
}

static void mglru_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	(void)now_ns;
	youngest_add(mem, page);
}

static void mglru_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct mglru *m = mem;

	(void)write;
	(void)now_ns;
	m->state[page].touched = true;
}

static bool touched(struct mglru *m, const struct victim_filter *filter, uint32_t page)
{
	bool set = m->state[page].touched;

	m->state[page].touched = false;
	return filter_referenced(filter, page) || set;
}

static void mglru_age(struct mglru *m, const struct victim_filter *filter)
{
	for (uint32_t gen = m->min; gen != m->max + 1; gen++) {
		struct page_list *l = gen_list(m, gen);
		uint32_t page = page_list_head(l);

		for (uint32_t left = l->nr; left; left--) {
			uint32_t next = l->link[page].next;

			if (touched(m, filter, page)) {
				page_list_remove(l, page);
				youngest_add(m, page);
			}
			page = next;
		}
	}
	m->max++;
}

/* The first from the oldest that may leave, touched or not. */
static bool mglru_any(struct mglru *m, const struct victim_filter *filter, uint32_t *page_out)
{
	for (uint32_t gen = m->min; gen != m->max + 1; gen++) {
		struct page_list *l = gen_list(m, gen);
		uint32_t page = page_list_head(l);

		for (uint32_t left = l->nr; left; left--, page = l->link[page].next)
			if (!filter_refuses(filter, page)) {
				*page_out = page;
				return true;
			}
	}
	*page_out = PAGE_NONE;
	return false;
}

static bool mglru_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct mglru *m = mem;
	uint32_t nr = 0, refused = 0, spared = 0, aged = 0;

	for (uint32_t i = 0; i < GENS; i++)
		nr += m->list[i].nr;
	/* Two ageings clear every bit and make every page old; more are needed only if bits are set meanwhile. */
	while (refused < nr && spared < 2 * (uint64_t)nr && aged <= 2 * MIN_GENS) {
		struct page_list *oldest = gen_list(m, m->min);
		uint32_t page = page_list_head(oldest);

		if (m->max - m->min < MIN_GENS) {
			mglru_age(m, filter);
			aged++;
		} else if (!oldest->nr) {
			m->min++;
		} else if (filter_refuses(filter, page)) {
			page_list_remove(oldest, page);
			youngest_add(m, page);
			refused++;
		} else if (touched(m, filter, page)) {
			page_list_remove(oldest, page);
			youngest_add(m, page);
			spared++;
			refused = 0; /* somebody may leave */
		} else {
			*page_out = page;
			return true;
		}
	}
	return mglru_any(m, filter, page_out);
}

static void mglru_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct mglru *m = mem;

	(void)why;
	page_list_remove(gen_list(m, m->state[page].gen), page);
}

static void mglru_resized(void *mem, uint32_t capacity)
{
	(void)mem;
	(void)capacity;
}

static bool mglru_consistent(const void *mem)
{
	const struct mglru *m = mem;

	if (m->max - m->min < MIN_GENS - 1 || m->max - m->min > MIN_GENS)
		return false;
	for (uint32_t i = 0; i < GENS; i++) {
		const struct page_list *l = &m->list[i];
		uint32_t page = page_list_head(l);

		if (!page_list_consistent(l) || ((i - m->min) % GENS > m->max - m->min && l->nr))
			return false;
		for (uint32_t left = l->nr; left; left--, page = l->link[page].next)
			if (m->state[page].gen != i)
				return false;
	}
	return true;
}

const struct policy_ops policy_mglru = {
	.name = "mglru",
	.paper = "Zhao, Multi-Gen LRU, Linux 6.1, Documentation/mm/multigen_lru.rst, 2022",
	.wants_samples = true,
	.bytes = mglru_bytes,
	.init = mglru_init,
	.inserted = mglru_inserted,
	.accessed = mglru_accessed,
	.victim = mglru_victim,
	.removed = mglru_removed,
	.resized = mglru_resized,
	.consistent = mglru_consistent,
};
