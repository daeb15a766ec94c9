/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_at_once_test.c: policies that take many requests at one go (replay in policy.h) against themselves, told one
 * call at a time: the same misses and pages resident after each stretch, of one request to hundreds. Between stretches
 * both lose the same pages, get others, have victims refused and saved, and change their capacity, so that a stretch
 * begins in every state that calls can lead to; at the end both give up all their pages in the same order.
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

#define PAGES     150u
#define STRETCHES 400u
#define LONGEST   300u

struct side {
	void *mem;
	struct rng rng;
	uint64_t resident[(PAGES + 63) / 64];
};

struct world {
	const struct policy_ops *ops;
	struct side calls, once;
	struct rng rng;
	uint32_t nr; /* resident on each side */
};

static void both_inserted(struct world *w, uint32_t page)
{
	w->ops->inserted(w->calls.mem, page, 0);
	w->ops->inserted(w->once.mem, page, 0);
	page_bit_set(w->calls.resident, page);
	page_bit_set(w->once.resident, page);
	w->nr++;
}

static void both_removed(struct world *w, uint32_t page, enum policy_removal why)
{
	w->ops->removed(w->calls.mem, page, why);
	w->ops->removed(w->once.mem, page, why);
	page_bit_clear(w->calls.resident, page);
	page_bit_clear(w->once.resident, page);
	w->nr--;
}

static bool may_leave(void *ctx, uint32_t page)
{
	return page % 3 != *(uint32_t *)ctx;
}

/* Both name the same page. PAGES: none may leave. */
static uint32_t both_named(struct world *w, uint32_t refused)
{
	const struct victim_filter filter = {.may_leave = may_leave, .ctx = &refused};
	uint32_t a, b;
	bool found = w->ops->victim(w->calls.mem, &filter, &a);

	assert_int_equal(w->ops->victim(w->once.mem, &filter, &b), found);
	assert_int_equal(a, b);
	return found ? a : PAGES;
}

static void between(struct world *w)
{
	for (uint32_t n = (uint32_t)rng_below(&w->rng, 20); n; n--) {
		uint32_t page = (uint32_t)rng_below(&w->rng, PAGES), named;

		if (!page_bit_test(w->calls.resident, page)) {
			both_inserted(w, page);
		} else if (rng_below(&w->rng, 2) && w->nr > 1) {
			both_removed(w, page, POLICY_GONE);
		} else if ((named = both_named(w, page % 4)) < PAGES) {
			if (rng_below(&w->rng, 2) && w->nr > 1) {
				both_removed(w, named, POLICY_EVICTED);
			} else {
				w->ops->accessed(w->calls.mem, named, false, 0);
				w->ops->accessed(w->once.mem, named, false, 0);
			}
		}
	}
	if (rng_below(&w->rng, 8) == 0) {
		uint32_t capacity = 1 + (uint32_t)rng_below(&w->rng, PAGES);

		w->ops->resized(w->calls.mem, capacity);
		w->ops->resized(w->once.mem, capacity);
	}
}

static uint64_t by_calls(struct world *w, const uint32_t *page, uint32_t nr)
{
	uint64_t misses = 0;
	uint32_t victim;

	for (uint32_t i = 0; i < nr; i++) {
		const struct victim_filter filter = {.incoming = &page[i]};

		if (page_bit_test(w->calls.resident, page[i])) {
			w->ops->accessed(w->calls.mem, page[i], false, i);
			continue;
		}
		misses++;
		assert_true(w->ops->victim(w->calls.mem, &filter, &victim));
		w->ops->removed(w->calls.mem, victim, POLICY_EVICTED);
		page_bit_clear(w->calls.resident, victim);
		w->ops->inserted(w->calls.mem, page[i], i);
		page_bit_set(w->calls.resident, page[i]);
	}
	return misses;
}

static void stretch(struct world *w)
{
	uint32_t page[LONGEST], nr = 1 + (uint32_t)rng_below(&w->rng, LONGEST);
	uint32_t span = 1 + (uint32_t)rng_below(&w->rng, PAGES);

	for (uint32_t i = 0; i < nr; i++)
		page[i] = (uint32_t)rng_below(&w->rng, 1 + rng_below(&w->rng, span));
	assert_int_equal(w->ops->replay(w->once.mem, page, nr, w->once.resident),
			 by_calls(w, page, nr));
	assert_memory_equal(w->once.resident, w->calls.resident, sizeof(w->once.resident));
	assert_true(w->ops->consistent(w->once.mem));
}

static void side_init(struct side *s, const struct policy_ops *ops, uint32_t capacity)
{
	size_t bytes = ops->bytes(capacity, PAGES);

	*s = (struct side){.mem = malloc(bytes), .rng = rng_seeded(1)};
	assert_non_null(s->mem);
	memset(s->mem, 0x5a, bytes);
	assert_int_equal(ops->init(s->mem, capacity, PAGES, &s->rng), 0);
}

static void compare(const struct policy_ops *ops, uint32_t capacity, uint64_t seed)
{
	struct world w = {.ops = ops, .rng = rng_seeded(seed)};

	side_init(&w.calls, ops, capacity);
	side_init(&w.once, ops, capacity);
	for (uint32_t page = 0; page < capacity; page++)
		both_inserted(&w, page);
	for (unsigned i = 0; i < STRETCHES; i++) {
		stretch(&w);
		if (seed % 2) /* else memory is never but full */
			between(&w);
	}
	while (w.nr)
		both_removed(&w, both_named(&w, 3), POLICY_EVICTED);
	free(w.calls.mem);
	free(w.once.mem);
}

static void test_same_decisions(void **state)
{
	unsigned compared = 0;

	(void)state;
	for (unsigned i = 0; policy_table[i]; i++) {
		if (!policy_table[i]->replay)
			continue;
		print_message("%s, seeds 0 to 9\n", policy_table[i]->name);
		compared++;
		for (uint64_t seed = 0; seed < 10; seed++)
			compare(policy_table[i], seed < 2 ? 1 : 1 + (uint32_t)seed * 13, seed);
	}
	assert_true(compared > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_decisions)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
