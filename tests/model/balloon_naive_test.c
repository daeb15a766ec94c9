/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon_naive_test.c: the balloon driver against one that counts page by page.
 *
 * The model knows cycles and rates as balloon.h describes them, but neither lists nor slices: it says how many pages are
 * held after each call, which state that is, and what the rates are then. Targets, the guest's memory, the host's hearing,
 * distress, resets and time change at random. Who has which page is checked by the body after each step.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ballast/rng.h"
#include "tests/support/balloon_body.h"

#define STEPS 4000u

struct naive {
	npages_t size, target, cap, free, busy;
	uint32_t rate_get, rate_put, slow, hold, hold_next;
	uint64_t end_ns;
	npages_t got, put;
	bool hard, get_over, put_over, get_failed, put_failed, settled;
	enum guest_balloon_state state;
	uint64_t ends[GUEST_BALLOON_STATES];
};

static npages_t goal(const struct naive *n)
{
	return n->target > n->cap ? n->cap : n->target;
}

static uint32_t up(uint32_t rate, uint32_t step, uint32_t max)
{
	return rate + step > max ? max : rate + step;
}

static uint32_t down(uint32_t rate, uint32_t min)
{
	return rate / 2 > min ? rate / 2 : min;
}

static void ended(struct naive *n, enum guest_balloon_state state)
{
	n->state = state;
	n->ends[state]++;
}

static void cycle(struct naive *n, uint64_t now)
{
	if (!n->get_failed && n->got >= n->rate_get)
		n->rate_get = up(n->rate_get, 16, 2048);
	if (!n->put_failed && n->put >= n->rate_put)
		n->rate_put = up(n->rate_put, 16, 1u << 20);
	n->got = n->put = 0;
	n->hard = n->get_over = n->put_over = n->get_failed = n->put_failed = false;
	n->end_ns = now + 100 * BODY_MS;
	if (n->hold) {
		n->hold--;
		n->get_over = true;
		if (n->size < goal(n))
			ended(n, GUEST_BALLOON_NO_MEMORY);
	} else if (n->slow) {
		n->slow--;
		n->hard = true;
	}
}

static npages_t budget(const struct naive *n, npages_t easy_pages)
{
	npages_t all = n->hard ? n->rate_get : easy_pages;

	return all > n->got ? all - n->got : 0;
}

/* Pages one by one. A host that does not hear is asked once, with what one batch holds. */
static void take(struct naive *n, npages_t easy_pages, bool deaf)
{
	npages_t taken_free = 0, taken_busy = 0;
	bool easy = true;

	while (n->size < goal(n) && budget(n, easy_pages) &&
	       !(deaf && taken_free + taken_busy >= (easy ? BALLOON_BATCH : BALLOON_HARD_BATCH))) {
		if (!n->free && easy) {
			easy = false;
			n->hard = true;
			n->slow = 4;
			if (!budget(n, easy_pages))
				break;
		}
		if (!n->free && !n->busy) {
			n->rate_get = down(n->rate_get, 512);
			n->get_over = n->get_failed = true;
			ended(n, GUEST_BALLOON_NO_MEMORY);
			break;
		}
		if (n->free) {
			n->free--;
			taken_free++;
		} else {
			n->busy--;
			taken_busy++;
		}
		n->size++;
		n->got++;
	}
	if (deaf && taken_free + taken_busy) {
		n->size -= taken_free + taken_busy;
		n->free += taken_free + taken_busy;
		n->get_over = n->get_failed = true;
		ended(n, GUEST_BALLOON_FAILED);
	}
	if (!n->get_over && n->size < goal(n)) {
		n->get_over = true;
		ended(n, GUEST_BALLOON_SLOW);
	}
}

static void give(struct naive *n, bool deaf)
{
	npages_t excess = n->size - goal(n);
	npages_t left = n->rate_put > n->put ? n->rate_put - n->put : 0;
	npages_t nr = excess < left ? excess : left;

	if (nr && deaf) {
		n->rate_put = down(n->rate_put, 512);
		n->put_over = n->put_failed = true;
		ended(n, GUEST_BALLOON_FAILED);
		return;
	}
	n->size -= nr;
	n->free += nr;
	n->put += nr;
	if (n->size > goal(n)) {
		n->put_over = true;
		ended(n, GUEST_BALLOON_SLOW);
	}
}

static void settle(struct naive *n)
{
	if (n->size != goal(n))
		return;
	if (!n->settled)
		ended(n, n->size == n->target ? GUEST_BALLOON_REACHED : GUEST_BALLOON_CAPPED);
	n->settled = true;
	n->hold_next = 4;
}

static void go(struct naive *n, uint64_t now, npages_t easy_pages, bool deaf)
{
	if (n->size != goal(n) && now >= n->end_ns)
		cycle(n, now);
	if (n->size < goal(n) && !n->get_over)
		take(n, easy_pages, deaf);
	else if (n->size > goal(n) && !n->put_over)
		give(n, deaf);
	settle(n);
}

static void distress(struct naive *n, bool deaf)
{
	npages_t nr = n->size < 256 ? n->size : 256;

	if (!nr || deaf)
		return;
	n->size -= nr;
	n->free += nr;
	if (!n->hold) {
		n->hold = n->hold_next;
		n->hold_next = up(n->hold_next, n->hold_next, 128);
	}
	n->rate_get = down(n->rate_get, 512);
	n->slow = 4;
	n->get_over = n->get_failed = true;
	n->settled = false;
	n->state = GUEST_BALLOON_NO_MEMORY;
}

static void start_over(struct naive *n)
{
	struct naive old = *n;

	*n = (struct naive){.cap = old.cap,
			    .free = old.free + old.size,
			    .busy = old.busy,
			    .rate_get = 2048,
			    .rate_put = 1u << 20,
			    .hold_next = 4,
			    .state = GUEST_BALLOON_REACHED};
	memcpy(n->ends, old.ends, sizeof(n->ends));
}

static void compare(const struct naive *n, const struct body *g)
{
	assert_int_equal(g->b.size, n->size);
	assert_int_equal(g->b.state, n->state);
	assert_int_equal(g->b.rate_get, n->rate_get);
	assert_int_equal(g->b.rate_put, n->rate_put);
	assert_int_equal(g->b.hold, n->hold);
	assert_int_equal(g->free, n->free);
	assert_int_equal(g->busy, n->busy);
	assert_memory_equal(g->b.stats.ends, n->ends, sizeof(n->ends));
	assert_int_equal(g->told, n->size);
	body_check(g);
}

/* The guest's own use of memory: pages become busy, or free. */
static void guest_works(struct naive *n, struct body *g, struct rng *rng)
{
	bool frees = rng_below(rng, 2);
	npages_t most = frees ? g->busy : g->free;
	npages_t nr = most ? rng_below(rng, most + 1) : 0;

	for (npages_t i = 0; i < nr; i++)
		g->page[body_find(g, frees ? BODY_BUSY : BODY_FREE)] =
			frees ? BODY_FREE : BODY_BUSY;
	g->free = n->free = frees ? n->free + nr : n->free - nr;
	g->busy = n->busy = frees ? n->busy - nr : n->busy + nr;
}

static void step(struct naive *n, struct body *g, struct rng *rng)
{
	switch (rng_below(rng, 16)) {
	case 0:
	case 1:
		n->target = rng_below(rng, BODY_PAGES + 1000);
		if (n->target != g->b.target) {
			n->settled = false;
			if (n->size != goal(n))
				n->state = GUEST_BALLOON_SLOW;
		}
		balloon_set_target(&g->b, n->target);
		break;
	case 2:
	case 3:
		guest_works(n, g, rng);
		break;
	case 4:
		g->deaf = !g->deaf && rng_below(rng, 2);
		break;
	case 5:
		balloon_oom(&g->b);
		distress(n, g->deaf);
		break;
	case 6:
		if (rng_below(rng, 8))
			break;
		body_reset(g);
		balloon_start(&g->b, true);
		start_over(n);
		break;
	default:
		g->now += rng_below(rng, 3) * 50 * BODY_MS;
		/* Time stands still within a call, so a call is a slice that does all there is to do. */
		balloon_run(&g->b);
		go(n, g->now, g->b.config.easy_pages, g->deaf);
		break;
	}
	compare(n, g);
}

static void run_seed(uint64_t seed)
{
	struct rng rng = rng_seeded(seed);
	npages_t free_pages = rng_below(&rng, BODY_PAGES);
	struct body *g = body_create(free_pages, BODY_PAGES - free_pages);
	struct naive n = {.cap = BODY_PAGES, .free = free_pages, .busy = BODY_PAGES - free_pages};

	g->b.config.easy_pages = 100 + (uint32_t)rng_below(&rng, 4000);
	start_over(&n);
	printf("seed %llu\n", (unsigned long long)seed);
	for (unsigned i = 0; i < STEPS; i++)
		step(&n, g, &rng);
	free(g);
}

static void test_fixed_seeds(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++)
		run_seed(seed);
}

static void test_new_seed(void **state)
{
	(void)state;
	run_seed((uint64_t)time(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed_seeds),
		cmocka_unit_test(test_new_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
