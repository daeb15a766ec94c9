/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_conformance_test.c: what every policy of the table must hold under everything the protocol allows: pages that
 * may not leave, reference bits, touches, cancelled evictions, evictions in another order than named, pages that go
 * without asking, resizes, more pages than capacity. A new policy is covered by being listed.
 *
 * Checked at each step: a victim is resident and may leave, and there is one if and only if some page may; a search ends
 * within a bounded number of questions; consistent(); no byte outside bytes() is touched; nothing is allocated (the
 * policies link no allocator); a second memory with the same seed, told the same, names the same. Apart from that: no
 * policy beats Belady's optimum; the misses of all, and the pages they had to write, are printed to compare them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/policy/policy.h"

#define PAGES 40u
#define STEPS 4000u
#define GUARD 64u

struct twin {
	void *alloc, *mem;
	size_t bytes;
	struct rng rng;
	bool referenced[PAGES]; /* the user's bits; each twin clears its own */
	uint32_t asked;         /* questions of the search that runs */
	const struct world *world;
};

struct world {
	const struct policy_ops *ops;
	struct rng rng;
	uint32_t pages, nr;
	bool resident[PAGES], refused[PAGES], dirty[PAGES];
	struct twin twin[2];
};

static void twin_init(struct twin *t, const struct world *w, uint32_t capacity)
{
	*t = (struct twin){.bytes = w->ops->bytes(capacity, w->pages), .world = w};
	t->alloc = aligned_alloc(16, (t->bytes + 2 * GUARD + 15) / 16 * 16);
	assert_non_null(t->alloc);
	memset(t->alloc, 0xc3, t->bytes + 2 * GUARD);
	t->mem = (char *)t->alloc + GUARD;
	t->rng = rng_seeded(capacity);
	assert_int_equal(w->ops->init(t->mem, capacity, w->pages, &t->rng), 0);
}

static void twin_check(const struct twin *t)
{
	const unsigned char *before = t->alloc, *behind = (unsigned char *)t->mem + t->bytes;

	for (uint32_t i = 0; i < GUARD; i++)
		assert_true(before[i] == 0xc3 && behind[i] == 0xc3);
	assert_true(t->world->ops->consistent(t->mem));
}

static bool may_leave(void *ctx, uint32_t page)
{
	struct twin *t = ctx;

	assert_true(page < t->world->pages && t->world->resident[page]);
	t->asked++;
	return !t->world->refused[page];
}

static bool referenced(void *ctx, uint32_t page)
{
	struct twin *t = ctx;
	bool set = t->referenced[page];

	assert_true(page < t->world->pages && t->world->resident[page]);
	t->referenced[page] = false;
	return set;
}

static bool dirty(void *ctx, uint32_t page)
{
	const struct twin *t = ctx;

	assert_true(page < t->world->pages && t->world->resident[page]);
	return t->world->dirty[page];
}

static uint32_t willing(const struct world *w)
{
	uint32_t nr = 0;

	for (uint32_t page = 0; page < w->pages; page++)
		nr += w->resident[page] && !w->refused[page];
	return nr;
}

/* What both twins name, or UINT32_MAX. */
static uint32_t victim(struct world *w, const uint32_t *incoming, bool bits)
{
	uint32_t named[2] = {0, 0};

	for (int i = 0; i < 2; i++) {
		struct twin *t = &w->twin[i];
		struct victim_filter filter = {.may_leave = may_leave,
					       .referenced = bits ? referenced : NULL,
					       .dirty = dirty,
					       .ctx = t,
					       .incoming = incoming};
		bool found;

		t->asked = 0;
		found = w->ops->victim(t->mem, &filter, &named[i]);
		assert_int_equal(found, willing(w) > 0);
		assert_true(t->asked <= 8 * w->nr + 8);
		twin_check(t);
		if (!found) {
			assert_int_equal(named[i], UINT32_MAX);
			continue;
		}
		assert_true(named[i] < w->pages);
		assert_true(w->resident[named[i]] && !w->refused[named[i]]);
	}
	assert_int_equal(named[0], named[1]);
	return named[0];
}

static void insert(struct world *w, uint32_t page)
{
	for (int i = 0; i < 2; i++) {
		w->ops->inserted(w->twin[i].mem, page, 0);
		w->twin[i].referenced[page] = false;
	}
	w->resident[page] = true;
	w->nr++;
}

static void touch(struct world *w, uint32_t page, bool write)
{
	for (int i = 0; i < 2; i++)
		w->ops->accessed(w->twin[i].mem, page, write, 0);
}

static void out(struct world *w, uint32_t page, enum policy_removal why)
{
	for (int i = 0; i < 2; i++)
		w->ops->removed(w->twin[i].mem, page, why);
	w->resident[page] = false;
	w->nr--;
}

static void step(struct world *w, uint32_t *capacity, uint32_t most, bool bits)
{
	uint32_t page = (uint32_t)rng_below(&w->rng, w->pages), named;
	uint64_t dice = rng_below(&w->rng, 100);

	if (dice < 4) {
		w->refused[page] = rng_below(&w->rng, 3) == 0;
	} else if (dice < 8) {
		w->dirty[page] = !w->dirty[page];
	} else if (dice < 18) {
		w->twin[0].referenced[page] = w->twin[1].referenced[page] = w->resident[page];
	} else if (dice < 20) {
		if (w->resident[page])
			out(w, page, POLICY_GONE);
	} else if (dice < 22) { /* named long ago, sampled, and leaves now */
		if (w->resident[page])
			out(w, page, POLICY_EVICTED);
	} else if (dice == 22 && most > 1) {
		*capacity = 1 + (uint32_t)rng_below(&w->rng, most);
		for (int i = 0; i < 2; i++)
			w->ops->resized(w->twin[i].mem, *capacity);
	} else if (dice < 30) { /* named, and perhaps touched on its way */
		named = victim(w, NULL, bits);
		if (named != UINT32_MAX && dice < 26)
			touch(w, named, dice == 23);
		else if (named != UINT32_MAX && dice < 28)
			out(w, named, POLICY_EVICTED);
	} else if (w->resident[page]) {
		touch(w, page, dice % 2);
	} else {
		bool told = dice % 4 != 0;

		while (w->nr >= *capacity && dice < 97) { /* 97..99: beyond capacity */
			named = victim(w, told ? &page : NULL, bits);
			if (named == UINT32_MAX)
				break;
			out(w, named, POLICY_EVICTED);
		}
		insert(w, page);
	}
}

static void run(const struct policy_ops *ops, uint32_t most, uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));
	uint32_t capacity = most;

	assert_non_null(w);
	*w = (struct world){.ops = ops, .rng = rng_seeded(seed), .pages = PAGES};
	for (int i = 0; i < 2; i++)
		twin_init(&w->twin[i], w, most);
	for (uint32_t i = 0; i < STEPS; i++) {
		step(w, &capacity, most, seed % 2);
		for (int t = 0; t < 2; t++)
			twin_check(&w->twin[t]);
	}
	memset(w->refused, 0, sizeof(w->refused));
	while (w->nr)
		out(w, victim(w, NULL, true), w->nr % 2 ? POLICY_EVICTED : POLICY_GONE);
	assert_int_equal(victim(w, NULL, true), UINT32_MAX);
	for (int i = 0; i < 2; i++)
		free(w->twin[i].alloc);
	free(w);
}

static void test_random_operations(void **state)
{
	(void)state;
	for (size_t i = 0; policy_table[i]; i++) {
		print_message("%s: capacities 1 to 40, seeds 1 to 6\n", policy_table[i]->name);
		for (uint64_t seed = 1; seed <= 6; seed++) {
			run(policy_table[i], 1 + (uint32_t)seed % 3, seed);
			run(policy_table[i], 12, seed);
			run(policy_table[i], PAGES, seed);
		}
	}
}

/* A page touched between being named and leaving is not named again at once, if none of the others was touched. */
static void test_cancelled(void **state)
{
	(void)state;
	for (size_t i = 0; policy_table[i]; i++) {
		const struct policy_ops *ops = policy_table[i];
		struct rng rng = rng_seeded(1);
		uint32_t first, second;
		void *mem;

		if (strcmp(ops->name, "random") == 0)
			continue; /* draws anew, which may be the same */
		for (uint32_t capacity = 5; capacity <= PAGES; capacity += 7) {
			mem = malloc(ops->bytes(capacity, PAGES));
			assert_non_null(mem);
			assert_int_equal(ops->init(mem, capacity, PAGES, &rng), 0);
			for (uint32_t page = 0; page < 5; page++)
				ops->inserted(mem, page, page);
			for (uint32_t n = 0; n < 3; n++) {
				assert_true(ops->victim(mem, NULL, &first));
				ops->accessed(mem, first, true, 5);
				assert_true(ops->victim(mem, NULL, &second));
				if (first == second)
					fail_msg("%s names %u again", ops->name, first);
				ops->removed(mem, second, POLICY_EVICTED);
				ops->inserted(mem, 10 + n, 6);
			}
			free(mem);
		}
	}
}

/* Misses of the algorithm that evicts the page whose next use is farthest away. */
static uint32_t belady(const uint32_t *ref, uint32_t refs, uint32_t frames)
{
	bool resident[PAGES] = {false};
	uint32_t used = 0, misses = 0;

	for (uint32_t i = 0; i < refs; i++) {
		uint32_t farthest = 0, victim_page = 0;

		if (resident[ref[i]])
			continue;
		misses++;
		resident[ref[i]] = true;
		if (++used <= frames)
			continue;
		for (uint32_t page = 0; page < PAGES; page++) {
			uint32_t next = i + 1;

			if (!resident[page] || page == ref[i])
				continue;
			while (next < refs && ref[next] != page)
				next++;
			if (next > farthest) {
				farthest = next;
				victim_page = page;
			}
		}
		resident[victim_page] = false;
		used--;
	}
	return misses;
}

static bool third(void *ctx, uint32_t page)
{
	(void)ctx;
	return page % 3 == 0;
}

/* Every third page is dirty whenever it leaves. *written counts those that were written. */
static uint32_t replay(const struct policy_ops *ops, const uint32_t *ref, uint32_t refs,
		       uint32_t frames, uint32_t *written)
{
	struct rng rng = rng_seeded(frames);
	bool resident[PAGES] = {false};
	uint32_t used = 0, misses = 0, page;
	void *mem = malloc(ops->bytes(frames, PAGES));

	assert_non_null(mem);
	assert_int_equal(ops->init(mem, frames, PAGES, &rng), 0);
	for (uint32_t i = 0; i < refs; i++) {
		const struct victim_filter filter = {.dirty = third, .incoming = &ref[i]};

		if (resident[ref[i]]) {
			ops->accessed(mem, ref[i], false, i);
			continue;
		}
		misses++;
		if (used == frames) {
			assert_true(ops->victim(mem, &filter, &page) && resident[page]);
			ops->removed(mem, page, POLICY_EVICTED);
			*written += page % 3 == 0;
			resident[page] = false;
			used--;
		}
		ops->inserted(mem, ref[i], i);
		resident[ref[i]] = true;
		used++;
	}
	free(mem);
	return misses;
}

static void test_no_better_than_optimal(void **state)
{
	static uint32_t ref[700];
	static uint32_t misses[64], written[64];
	const uint32_t refs = sizeof(ref) / sizeof(ref[0]);
	uint32_t optimum = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 24; seed++) {
		struct rng rng = rng_seeded(seed);
		uint32_t frames = 1 + (uint32_t)rng_below(&rng, 20);
		uint32_t pages = frames + 1 + (uint32_t)rng_below(&rng, PAGES - frames - 1);
		uint32_t best, distinct, none = 0;

		for (uint32_t i = 0; i < refs; i++) /* a loop, with more and more jumps */
			ref[i] = (uint32_t)(rng_below(&rng, 24) < seed ? rng_below(&rng, pages)
								       : i % pages);
		best = belady(ref, refs, frames);
		distinct = belady(ref, refs, PAGES);
		optimum += best;
		assert_true(best > distinct && distinct <= pages);
		for (size_t i = 0; i < 64 && policy_table[i]; i++) {
			uint32_t mine = replay(policy_table[i], ref, refs, frames, &written[i]);

			misses[i] += mine;
			if (mine < best)
				fail_msg("%s: %u misses, the optimum is %u (seed %llu)",
					 policy_table[i]->name, mine, best,
					 (unsigned long long)seed);
			assert_int_equal(replay(policy_table[i], ref, refs, PAGES, &none),
					 distinct);
		}
	}
	print_message("optimum        %5u misses\n", optimum);
	for (size_t i = 0; i < 64 && policy_table[i]; i++)
		print_message("%-14s %5u misses %5u written\n", policy_table[i]->name, misses[i],
			      written[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_operations),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_no_better_than_optimal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
