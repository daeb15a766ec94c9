/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_ring_test.c: the queue in an array (ring.h) against the queue in a list (list.h): the same random calls, the
 * same order. Long enough for the array to grow and to be full of what pages left behind many times, which whole
 * policies rarely get to. The array starts with few slots or with many, and is made a circle now and then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/policy/bits.h"
#include "mm/policy/ring.h"

#define STEPS 20000u

struct world {
	struct page_ring ring;
	struct page_list list;
	struct rng rng;
	uint8_t *in;
	uint8_t *refused;
	uint8_t *spared[2]; /* bits of the ring's pages and of the list's */
	uint32_t *live;     /* by page: slot of its last entry */
};

static bool may_leave(void *ctx, uint32_t page)
{
	return !((uint8_t *)ctx)[page];
}

static bool spared(void *mem, const struct victim_filter *filter, uint32_t page)
{
	bool was = ((uint8_t *)mem)[page];

	(void)filter;
	((uint8_t *)mem)[page] = 0;
	return was;
}

static void step(struct world *w, uint32_t pages, unsigned favour)
{
	uint32_t page = (uint32_t)rng_below(&w->rng, pages), a, b;
	const struct victim_filter filter = {.may_leave = may_leave, .ctx = w->refused};

	switch (rng_below(&w->rng, 8)) {
	case 0:
		w->refused[page] = rng_below(&w->rng, 3) == 0;
		w->spared[0][page] = w->spared[1][page] = 1;
		break;
	case 1:
		assert_int_equal(page_ring_victim(&w->ring, &filter, spared, w->spared[0], &a),
				 page_list_victim(&w->list, &filter, spared, w->spared[1], &b));
		assert_int_equal(a, b);
		break;
	case 2:
		if (!w->in[page])
			break;
		page_ring_move_tail(&w->ring, page);
		page_list_move_tail(&w->list, page);
		break;
	default:
		if (w->in[page] && rng_below(&w->rng, 10) < favour)
			break;
		if (w->in[page]) {
			page_ring_remove(&w->ring, page);
			page_list_remove(&w->list, page);
		} else {
			page_ring_add_tail(&w->ring, page);
			page_list_add_tail(&w->list, page);
		}
		w->in[page] ^= 1;
	}
}

/* In the array's order, of each page in the queue the last entry. */
static void compare(struct world *w, uint32_t pages)
{
	uint32_t at = page_list_head(&w->list);

	assert_true(page_ring_consistent(&w->ring));
	assert_int_equal(w->ring.nr, w->list.nr);
	for (uint32_t left = w->ring.used, slot = w->ring.head; left;
	     left--, slot = page_ring_after(&w->ring, slot))
		w->live[w->ring.page_at[slot]] = slot;
	for (uint32_t left = w->ring.used, slot = w->ring.head; left;
	     left--, slot = page_ring_after(&w->ring, slot)) {
		uint32_t page = w->ring.page_at[slot];

		if (!w->in[page] || w->live[page] != slot)
			continue;
		assert_int_equal(page, at);
		at = w->list.link[at].next;
	}
	assert_int_equal(at, pages); /* the anchor */
}

static void test_same_queue(void **state)
{
	(void)state;
	for (uint32_t pages = 1; pages <= 200; pages += pages < 5 ? 1 : 65)
		for (unsigned favour = 0; favour <= 9; favour += 3) {
			void *links = malloc(page_list_bytes(pages));
			void *slots = malloc(page_ring_bytes(pages));
			struct world w = {.rng = rng_seeded(pages + favour)};

			w.in = calloc(pages, 4);
			w.live = calloc(pages, sizeof(*w.live));
			assert_true(links && slots && w.in && w.live);
			w.refused = w.in + pages;
			w.spared[0] = w.in + 2 * (size_t)pages;
			w.spared[1] = w.in + 3 * (size_t)pages;
			memset(slots, 0x5a, page_ring_bytes(pages));
			page_ring_init(&w.ring, slots, favour % 2 ? 1 : 1 + pages / 2, pages);
			page_list_init(&w.list, links, pages);
			for (unsigned i = 0; i < STEPS; i++) {
				step(&w, pages, favour);
				if (i % 64 == 0)
					compare(&w, pages);
				if (w.ring.nr && rng_below(&w.rng, 300) == 0) {
					page_ring_round(&w.ring);
					assert_int_equal(w.ring.slots, w.ring.nr);
					compare(&w, pages);
				}
			}
			free(w.live);
			free(w.in);
			free(slots);
			free(links);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_queue)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
