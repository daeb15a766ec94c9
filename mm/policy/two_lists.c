/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * two_lists.c: an inactive and an active list, and the refault distance, as in Linux (mm/vmscan.c, mm/workingset.c).
 *
 * Newcomers go to the young end of the inactive list. A touch only sets a bit. Reclaim first keeps the lists balanced:
 * while inactive * ratio < active, the oldest active page goes to the young end of the inactive list, its bit cleared
 * and not looked at. ratio is 1 below 1 GiB of pages on both lists, else the root of 10 times the GiB, rounded down.
 * Then the oldest inactive page is looked at: bit set, clear it and make the page the youngest active one; bit clear,
 * that is the victim.
 *
 * A clock (age) counts evictions and activations, and a page that leaves takes its reading along. When it comes back,
 * and the clock has gone on by no more than the active list is long, the page would have stayed had the active pages
 * made room: it starts active (workingset_refault(), one kind of pages).
 *
 * Linux (5.9 and later, the part for anonymous pages) with batches of one page; the second chance of executable pages,
 * its separate lists of file pages and cgroups are left out. A page refused goes to the young end of its list, and the
 * active list is searched if all inactive pages are refused. A set reference bit counts as the bit. 13 bytes a page.
 */
#include <errno.h>
#include <string.h>

#include "mm/policy/list.h"

enum place { INACTIVE, ACTIVE, LEFT, NOWHERE };

#define GIB_SHIFT 18 /* of pages */

struct page_state {
	uint8_t place : 2;
	uint8_t touched : 1;
};

struct two {
	struct page_list list[2]; /* by place; head: oldest */
	uint32_t pages;
	uint32_t age;             /* modulo 2^32 */
	uint32_t *left;           /* by page, valid if LEFT: age when it left */
	struct page_state *state; /* by page */
};

static size_t two_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct two) + ((size_t)pages + 2) * sizeof(struct page_link) +
	       pages * (sizeof(uint32_t) + sizeof(struct page_state));
}

static int two_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct two *t = mem;
	struct page_link *links = (struct page_link *)(t + 1);

	(void)rng;
	if (!capacity)
		return -EINVAL;
	*t = (struct two){.pages = pages};
	for (uint32_t i = 0; i < 2; i++)
		page_list_init_shared(&t->list[i], links, pages, i);
	t->left = (uint32_t *)(links + (size_t)pages + 2);
	t->state = (struct page_state *)(t->left + pages);
	for (uint32_t page = 0; page < pages; page++)
		t->state[page] = (struct page_state){.place = NOWHERE};
	return 0;
}

/* To the young end of a list, bit cleared. */
static void two_move(struct two *t, uint32_t page, enum place to)
{
	if (t->state[page].place <= ACTIVE)
		page_list_remove(&t->list[t->state[page].place], page);
	page_list_add_tail(&t->list[to], page);
	t->state[page] = (struct page_state){.place = to & 1u};
}

static void two_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct two *t = mem;
	bool refault = t->state[page].place == LEFT && t->age - t->left[page] <= t->list[ACTIVE].nr;

	(void)now_ns;
	two_move(t, page, refault ? ACTIVE : INACTIVE);
	t->age += refault;
}

static void two_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct two *t = mem;

	(void)write;
	(void)now_ns;
	t->state[page].touched = true;
}

static uint32_t root(uint64_t of)
{
	uint32_t r = 0;

	while ((r + 1ull) * (r + 1ull) <= of)
		r++;
	return r;
}

static bool inactive_is_low(const struct two *t)
{
	uint64_t inactive = t->list[INACTIVE].nr, active = t->list[ACTIVE].nr;
	uint64_t gib = (inactive + active) >> GIB_SHIFT;

	return inactive * (gib ? root(10 * gib) : 1) < active;
}

static bool two_spared(void *mem, const struct victim_filter *filter, uint32_t page)
{
	struct two *t = mem;
	bool set = t->state[page].touched;

	t->state[page].touched = false;
	if (!filter_referenced(filter, page) && !set)
		return false;
	two_move(t, page, ACTIVE);
	t->age++;
	return true;
}

static bool two_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct two *t = mem;
	struct page_list *inactive = &t->list[INACTIVE], *active = &t->list[ACTIVE];
	uint32_t refused = 0;

	*page_out = PAGE_NONE;
	/* An activation may make the inactive list low, so the lists are balanced before each look. */
	for (uint64_t spare = 2 * ((uint64_t)inactive->nr + active->nr);
	     inactive->nr + active->nr;) {
		uint32_t page;

		while (inactive_is_low(t))
			two_move(t, page_list_head(active), INACTIVE);
		page = page_list_head(inactive);
		if (filter_refuses(filter, page)) {
			page_list_move_tail(inactive, page);
			if (++refused >= inactive->nr)
				return page_list_victim(active, filter, NULL, mem, page_out);
		} else if (!spare || !two_spared(t, filter, page)) {
			*page_out = page;
			return true;
		} else {
			spare--;
			refused = 0;
		}
	}
	return false;
}

static void two_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct two *t = mem;
	bool leaves = why == POLICY_EVICTED;

	page_list_remove(&t->list[t->state[page].place], page);
	t->state[page] = (struct page_state){.place = leaves ? LEFT : NOWHERE};
	t->left[page] = t->age;
	t->age += leaves;
}

static void two_resized(void *mem, uint32_t capacity)
{
	(void)mem;
	(void)capacity;
}

static bool two_consistent(const void *mem)
{
	const struct two *t = mem;
	uint32_t nr[NOWHERE + 1] = {0};

	for (uint32_t page = 0; page < t->pages; page++)
		nr[t->state[page].place]++;
	return nr[INACTIVE] == t->list[INACTIVE].nr && nr[ACTIVE] == t->list[ACTIVE].nr &&
	       page_list_consistent(&t->list[INACTIVE]) && page_list_consistent(&t->list[ACTIVE]);
}

const struct policy_ops policy_two_lists = {
	.name = "linux-2list",
	.paper = "Linux, mm/workingset.c, Weiner, Thrash detection-based file cache sizing, 2013; "
		 "Kim, Workingset protection for anonymous pages, 2020",
	.wants_samples = true,
	.bytes = two_bytes,
	.init = two_init,
	.inserted = two_inserted,
	.accessed = two_accessed,
	.victim = two_victim,
	.removed = two_removed,
	.resized = two_resized,
	.consistent = two_consistent,
};
