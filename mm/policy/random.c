/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random.c: any page, all equally likely.
 *
 * The resident pages stand in an array, in no order, and each page knows its place: insert and remove are O(1) (the
 * last one fills the hole). The victim is a uniform draw. A refused page is swapped out of the range that is drawn from
 * next, as in Fisher and Yates's shuffle: so every page is asked once at most, the search ends, and the victim is still
 * uniform among the pages that may leave. Expected draws: resident / willing pages.
 *
 * Random replacement for the hypervisor is ESX's choice (Waldspurger, OSDI 2002, section 3): it cannot collude with the
 * guest's own policy, as two LRUs do when the host pages out what the guest is about to page out itself. Touches and
 * reference bits change nothing. 8 bytes a page; nothing is initialised but the header.
 */
#include <errno.h>

#include "mm/policy/list.h"

struct random {
	struct rng *rng; /* borrowed */
	uint32_t pages;
	uint32_t nr;
	uint32_t *page_at;  /* [0, nr): the resident pages */
	uint32_t *place_of; /* by page; valid while it is resident */
};

static size_t random_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct random) + 2 * (size_t)pages * sizeof(uint32_t);
}

static int random_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct random *r = mem;

	if (!capacity || !rng)
		return -EINVAL;
	*r = (struct random){.rng = rng, .pages = pages, .page_at = (uint32_t *)(r + 1)};
	r->place_of = r->page_at + pages;
	return 0;
}

static void random_put(struct random *r, uint32_t place, uint32_t page)
{
	r->page_at[place] = page;
	r->place_of[page] = place;
}

static void random_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct random *r = mem;

	(void)now_ns;
	assert(page < r->pages && r->nr < r->pages);
	random_put(r, r->nr++, page);
}

static void random_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	(void)mem;
	(void)page;
	(void)write;
	(void)now_ns;
}

static bool random_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct random *r = mem;

	for (uint32_t asked = 0; asked < r->nr; asked++) {
		uint32_t place = asked + (uint32_t)rng_below(r->rng, r->nr - asked);
		uint32_t page = r->page_at[place];

		if (!filter_refuses(filter, page)) {
			*page_out = page;
			return true;
		}
		random_put(r, place, r->page_at[asked]);
		random_put(r, asked, page);
	}
	*page_out = PAGE_NONE;
	return false;
}

static void random_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct random *r = mem;
	uint32_t place = r->place_of[page];

	(void)why;
	assert(place < r->nr && r->page_at[place] == page);
	random_put(r, place, r->page_at[--r->nr]);
}

static void random_resized(void *mem, uint32_t capacity)
{
	(void)mem;
	(void)capacity;
}

static bool random_consistent(const void *mem)
{
	const struct random *r = mem;

	if (r->nr > r->pages)
		return false;
	/* Each place holds a page that points back at it: so all pages are distinct. */
	for (uint32_t place = 0; place < r->nr; place++) {
		uint32_t page = r->page_at[place];

		if (page >= r->pages || r->place_of[page] != place)
			return false;
	}
	return true;
}

const struct policy_ops policy_random = {
	.name = "random",
	.paper = "Belady, A study of replacement algorithms for a virtual-storage computer, "
		 "IBM Systems Journal 5(2), 1966 (as RAND)",
	.wants_samples = false,
	.bytes = random_bytes,
	.init = random_init,
	.inserted = random_inserted,
	.accessed = random_accessed,
	.victim = random_victim,
	.removed = random_removed,
	.resized = random_resized,
	.consistent = random_consistent,
};
