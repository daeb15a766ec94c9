/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * car.c: ARC with two clocks for its two LRU lists, so that a hit only sets a bit.
 *
 * T1 and T2 are clocks (queues whose head is under the hand), B1 and B2 LRU lists of ghosts, p the size T1 should have:
 * see arc.c. A hit sets the page's bit. The hand of T1 turns while |T1| >= max(1, p), that of T2 otherwise: a page whose
 * bit is clear leaves, to B1 or B2; one whose bit is set loses it and goes to the tail of T2, from either clock. New
 * pages enter T1 and ghosts that come back T2, bit clear. A ghost of B1 raises p by max(1, |B2|/|B1|), one of B2 lowers
 * it by max(1, |B1|/|B2|), after the victim has left and before the ghost is taken out: CAR does not need to know what
 * comes in. Then |T1| + |B1| <= c, else B1's oldest goes, and 2c in all, else B2's.
 *
 * p is real-valued, as far as fraction.h goes. Where every page of the clock whose turn it is was refused, the other one
 * turns. A byte, a bit and 8 bytes a page.
 */
#include <errno.h>
#include <string.h>

#include "mm/policy/bits.h"
#include "mm/policy/fraction.h"
#include "mm/policy/list.h"

enum place { T1, T2, B1, B2, NOWHERE };

struct car {
	struct page_list list[4]; /* by place; head: under the hand, or the oldest ghost */
	uint32_t pages;
	uint32_t capacity;
	struct fraction p; /* at most capacity */
	uint64_t *bits;    /* of resident pages */
	uint8_t *place;    /* by page */
};

static size_t car_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct car) + ((size_t)pages + 4) * sizeof(struct page_link) +
	       page_bits_bytes(pages) + pages;
}

static int car_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct car *c = mem;
	struct page_link *links = (struct page_link *)(c + 1);

	(void)rng;
	if (!capacity)
		return -EINVAL;
	*c = (struct car){.pages = pages, .capacity = capacity};
	for (uint32_t i = 0; i < 4; i++)
		page_list_init_shared(&c->list[i], links, pages, i);
	c->bits = (uint64_t *)(links + (size_t)pages + 4);
	c->place = (uint8_t *)c->bits + page_bits_bytes(pages);
	memset(c->place, NOWHERE, pages);
	return 0;
}

static void car_move(struct car *c, uint32_t page, enum place to)
{
	if (c->place[page] != NOWHERE)
		page_list_remove(&c->list[c->place[page]], page);
	if (to != NOWHERE)
		page_list_add_tail(&c->list[to], page);
	c->place[page] = (uint8_t)to;
}

static void car_learn(struct car *c, uint32_t page)
{
	uint32_t b1 = c->list[B1].nr, b2 = c->list[B2].nr;

	if (c->place[page] == B1)
		fraction_add(&c->p, fraction_at_least_one(b2, b1), c->capacity);
	else if (c->place[page] == B2)
		fraction_take(&c->p, fraction_at_least_one(b1, b2));
}

static void car_trim(struct car *c)
{
	struct page_list *l = c->list;

	while (l[B1].nr && (uint64_t)l[T1].nr + l[B1].nr > c->capacity)
		car_move(c, page_list_head(&l[B1]), NOWHERE);
	while (l[B1].nr + l[B2].nr &&
	       (uint64_t)l[T1].nr + l[T2].nr + l[B1].nr + l[B2].nr > 2ull * c->capacity)
		car_move(c, page_list_head(&l[l[B2].nr ? B2 : B1]), NOWHERE);
}

static void car_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct car *c = mem;
	bool ghost = c->place[page] != NOWHERE;

	(void)now_ns;
	car_learn(c, page);
	car_move(c, page, ghost ? T2 : T1);
	page_bit_clear(c->bits, page);
	if (!ghost)
		car_trim(c);
}

static void car_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct car *c = mem;

	(void)write;
	(void)now_ns;
	page_bit_set(c->bits, page);
}

static bool car_touched(struct car *c, const struct victim_filter *filter, uint32_t page)
{
	bool set = page_bit_take(c->bits, page);

	return filter_referenced(filter, page) || set;
}

static bool car_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct car *c = mem;
	struct page_list *l = c->list;
	uint32_t ask[2] = {l[T1].nr, l[T2].nr}; /* refusals in a row until a clock has none */
	uint64_t spare = 2 * ((uint64_t)ask[T1] + ask[T2]); /* bits that are set anew meanwhile */

	*page_out = PAGE_NONE;
	for (;;) {
		enum place turn = l[T1].nr && fraction_compare(l[T1].nr, &c->p) >= 0 ? T1 : T2;
		uint32_t page;

		if (!ask[turn])
			turn = turn == T1 ? T2 : T1;
		if (!ask[turn])
			return false;
		page = page_list_head(&l[turn]);
		if (filter_refuses(filter, page)) {
			page_list_move_tail(&l[turn], page);
			ask[turn]--;
			continue;
		}
		if (!car_touched(c, filter, page) || !spare) {
			*page_out = page;
			return true;
		}
		spare--;
		car_move(c, page, T2);
		ask[T1] = turn == T1 || ask[T1] ? l[T1].nr : 0;
		ask[T2] = l[T2].nr;
	}
}

static void car_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct car *c = mem;

	if (why == POLICY_EVICTED)
		car_move(c, page, c->place[page] == T1 ? B1 : B2);
	else
		car_move(c, page, NOWHERE);
}

static void car_resized(void *mem, uint32_t capacity)
{
	struct car *c = mem;

	c->capacity = capacity;
	fraction_limit(&c->p, capacity);
	car_trim(c);
}

static bool car_consistent(const void *mem)
{
	const struct car *c = mem;
	uint32_t nr[NOWHERE + 1] = {0};

	for (uint32_t page = 0; page < c->pages; page++) {
		if (c->place[page] > NOWHERE)
			return false;
		nr[c->place[page]]++;
	}
	for (uint32_t i = 0; i < 4; i++)
		if (nr[i] != c->list[i].nr || !page_list_consistent(&c->list[i]))
			return false;
	return c->p.whole < c->capacity || (c->p.whole == c->capacity && !c->p.part);
}

const struct policy_ops policy_car = {
	.name = "car",
	.paper = "Bansal, Modha, CAR: Clock with Adaptive Replacement, FAST 2004",
	.wants_samples = true,
	.bytes = car_bytes,
	.init = car_init,
	.inserted = car_inserted,
	.accessed = car_accessed,
	.victim = car_victim,
	.removed = car_removed,
	.resized = car_resized,
	.consistent = car_consistent,
};
