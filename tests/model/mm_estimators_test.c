/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_estimators_test.c: the estimators of working sets against naive ones that see every touch, on random loads.
 *
 * A VM of 900 pages on a machine whose targets sum to 748 touches pages at random, reading and writing; the pager takes
 * one page at a time, so each page-out is seen, with its place in the order. The naive side keeps plain arrays: when each
 * page left, and whether it was written in this period. BALLAST_ESTIMATOR_SEED: one seed instead of several.
 */
#include <stdlib.h>

#include "tests/support/mm_world.h"

#define PAGES 900u

struct naive {
	struct mm_world *w;
	struct rng rng;
	uint32_t left, back;     /* in this period */
	uint32_t clock;          /* page-outs ever */
	uint32_t left_at[PAGES]; /* clock when it left */
	bool out[PAGES];
	uint32_t distance[20000]; /* of this period's refaults */
	bool written[PAGES];      /* since the period began, or given a frame that can be */
	double slow, fast;
};

static struct naive *make(const char *pager, enum mm_estimator estimator, uint64_t seed)
{
	struct naive *n = calloc(1, sizeof *n);

	assert_non_null(n);
	n->rng = rng_seeded(seed);
	n->slow = n->fast = 1;
	n->w = world_make((struct mm_world_options){.memory = 1000,
						    .swap = 2000,
						    .pager = pager,
						    .policy = "esx",
						    .tax_ppm = 750000,
						    .sample_pages = 50,
						    .estimator = estimator});
	world_add(n->w, PAGES, 0);
	mm_start(n->w->mm, 0);
	world_tick(n->w);
	return n;
}

/* What left since the last look; at most one page at a time does. */
static void note_left(struct naive *n)
{
	for (uint32_t g = 0; g < PAGES; g++) {
		if (n->out[g] || world_state(n->w, 0, g) != PAGE_SWAPPED)
			continue;
		n->out[g] = true;
		n->left_at[g] = n->clock++;
		n->left++;
	}
}

static void make_room(struct naive *n)
{
	while (mm_reclaim(n->w->mm, 1, n->w->body.now_ns)) {
		world_finish_all(n->w);
		note_left(n);
	}
}

static void touch(struct naive *n, uint32_t g, bool write)
{
	bool fresh = world_state(n->w, 0, g) == PAGE_UNTOUCHED ||
		     (n->out[g] && !(world_page(n->w, 0, g)->flags & PAGE_HAS_SLOT));

	while (write ? !world_write(n->w, 0, g, world_stamp(0, g)) : !world_read(n->w, 0, g))
		world_finish_all(n->w);
	if (n->out[g]) {
		n->distance[n->back++] = n->clock - n->left_at[g];
		n->out[g] = false;
	}
	n->written[g] |= write || fresh;
	make_room(n);
}

/* sum of min(d, F) / max(E, F), of the distances as they are: buckets are off by an eighth at most */
static double naive_beyond(const struct naive *n)
{
	uint32_t most = n->left > n->back ? n->left : n->back;
	double sum = 0;

	for (uint32_t i = 0; i < n->back; i++)
		sum += n->distance[i] < n->back ? n->distance[i] : n->back;
	return most ? sum / most : 0;
}

static void next_period(struct naive *n)
{
	mm_vm_ran(n->w->mm, 0, n->w->mm->vm[0].sample.ran_ns + NS_PER_S);
	world_tick(n->w);
	n->left = n->back = 0;
	for (uint32_t g = 0; g < PAGES; g++)
		n->written[g] = false;
}

static void compare_refaults(struct naive *n)
{
	double resident = (double)world_vm(n->w, 0).resident_pages, beyond = naive_beyond(n), f;
	struct mm_vm_stats s;

	assert_int_equal(n->w->mm->vm[0].refault.left, n->clock);
	f = beyond;
	if (n->back * 100 >= resident)
		f += resident;
	f = f / PAGES > 1 ? 1 : f / PAGES;
	n->slow += 0.25 * (f - n->slow);
	n->fast += 0.75 * (f - n->fast);
	next_period(n);
	s = world_vm(n->w, 0);
	assert_true(s.refault_beyond >= beyond * 7 / 8 - 1 && s.refault_beyond <= beyond * 9 / 8);
	f = PAGES * (n->slow > n->fast ? n->slow : n->fast);
	assert_true(s.refault_pages >= f - 0.13 * PAGES && s.refault_pages <= f + 0.13 * PAGES);
}

static void compare_writes(struct naive *n)
{
	struct mm_sample *s = &n->w->mm->vm[0].sample;
	uint32_t sample[50], nr = s->nr, seen = 0;

	for (uint32_t i = 0; i < nr; i++)
		seen += n->written[sample[i] = s->gfn[i]];
	assert_int_equal(s->drawn, nr);
	assert_int_equal(s->touched, seen);
	next_period(n);
	assert_int_equal(s->last_ppm, seen * PPM / nr);
}

/* Some periods with each of some working sets, smaller and larger than memory. */
static void random_loads(const char *pager, enum mm_estimator estimator, uint64_t seed)
{
	struct naive *n = make(pager, estimator, seed);

	for (unsigned phase = 0; phase < 6; phase++) {
		uint32_t set = 50 + (uint32_t)rng_below(&n->rng, PAGES - 50);
		uint32_t first = (uint32_t)rng_below(&n->rng, PAGES);
		uint32_t writes = (uint32_t)rng_below(&n->rng, 4); /* of 8 */

		for (unsigned p = 0; p < 3; p++) {
			for (unsigned i = 0; i < 500; i++)
				touch(n, (first + (uint32_t)rng_below(&n->rng, set)) % PAGES,
				      rng_below(&n->rng, 8) < writes);
			if (estimator == MM_ESTIMATE_WRITE)
				compare_writes(n);
			else
				compare_refaults(n);
		}
	}
	world_free(n->w);
	free(n);
}

static void on_random_loads(enum mm_estimator estimator)
{
	static const char *const pager[] = {"fifo", "random", "clock", "lru", "arc"};
	const char *text = getenv("BALLAST_ESTIMATOR_SEED");
	uint64_t only = text ? strtoull(text, NULL, 10) : 0;

	for (uint64_t seed = only ? only : 1; seed <= (only ? only : 10); seed++) {
		print_message("seed %lu pager %s\n", (unsigned long)seed, pager[seed % 5]);
		random_loads(pager[seed % 5], estimator, seed);
	}
}

static void refaults(void **state)
{
	(void)state;
	on_random_loads(MM_ESTIMATE_REFAULT);
}

/* Kept beside the sample, whatever the estimator is. */
static void refaults_beside_touches(void **state)
{
	(void)state;
	random_loads("random", MM_ESTIMATE_TOUCH, 3);
}

static void writes(void **state)
{
	(void)state;
	on_random_loads(MM_ESTIMATE_WRITE);
}

/* 850 pages in turn, or at random, where 748 to 788 fit: the estimate is 850 within a twentieth, for any order in which the
 * pager takes them. */
static void the_whole_working_set(void **state)
{
	static const char *const pager[] = {"fifo", "random", "clock", "lru", "lfu", "2q"};

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct naive *n = make(pager[i / 2], MM_ESTIMATE_REFAULT, 1);
		npages_t found;

		for (unsigned p = 0; p < 4; p++) {
			for (uint32_t k = 0; k < 2000; k++)
				touch(n, i % 2 ? (uint32_t)rng_below(&n->rng, 850) : k % 850,
				      false);
			next_period(n);
		}
		found = world_vm(n->w, 0).refault_beyond + world_vm(n->w, 0).resident_pages;
		print_message("pager %s %s: %lu\n", pager[i / 2], i % 2 ? "at random" : "in turn",
			      (unsigned long)found);
		assert_in_range(found, 808, 892);
		world_free(n->w);
		free(n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refaults),
		cmocka_unit_test(refaults_beside_touches),
		cmocka_unit_test(writes),
		cmocka_unit_test(the_whole_working_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
