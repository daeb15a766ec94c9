/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_wave_test.c: a load that goes to and fro does not make the free-memory state oscillate, and what each mechanism
 * reclaimed is counted under the state it happened in.
 *
 * The machine of mm_world.h: thresholds 600, 400, 200, 100. VM 0 fills memory up to 600 free pages; VM 1, far below its
 * target, is the wave: its edge takes d pages at once, free memory is 600 - d, and reclaiming brings it back to 600. So
 * with d > 200, soft is entered on the way down; with d > 400 hard too, and soft again on the way up; with d > 500 low,
 * and hard again on the way up. Nothing else may happen, however often the wave comes.
 */
#include <string.h>

#include "tests/support/mm_world.h"
#include "tests/support/seeds.h"

#define WAVES 60u

struct expected {
	uint64_t entered[MM_STATES], reclaimed[MM_STATES];
};

static void expect_wave(struct expected *e, npages_t d)
{
	e->entered[MM_SOFT] += (d > 200) + (d > 400);
	e->entered[MM_HARD] += (d > 400) + (d > 500);
	e->entered[MM_LOW] += d > 500;
	e->entered[MM_HIGH] += d > 200;
	/* low ends at 200 free pages, hard at 400, soft at 600 */
	e->reclaimed[MM_LOW] += d > 500 ? d - 400 : 0;
	e->reclaimed[MM_HARD] += d > 500 ? 200 : d > 400 ? d - 200 : 0;
	e->reclaimed[MM_SOFT] += d > 400 ? 200 : d > 200 ? d : 0;
}

static void check(struct mm_world *w, const struct expected *e, enum mm_reclaimer by)
{
	struct mm_host_stats s = world_host(w);

	for (unsigned i = 0; i < MM_STATES; i++) {
		assert_int_equal(s.state_entered[i], e->entered[i]);
		for (unsigned k = 0; k < MM_RECLAIMERS; k++)
			if (k != MM_BY_REPORT)
				assert_int_equal(s.reclaimed[i][k], k == by ? e->reclaimed[i] : 0);
	}
}

/* Memory full up to 600 pages. VM 0 is above its target, 9208 * 9208 / 13208 = 6419, VM 1 below its 2789. */
static struct mm_world *make(bool balloon)
{
	struct mm_world *w = world_make((struct mm_world_options){.balloon = balloon});

	world_add(w, 9208, 0);
	world_add(w, 4000, 0);
	for (uint32_t vm = 0; vm < 2 && balloon; vm++)
		mm_balloon_driver(w->mm, vm, true, 0);
	world_fill(w, 0, 0, 9208);
	assert_int_equal(world_host(w).free_pages, 600);
	return w;
}

static void edge_up(struct mm_world *w, npages_t d)
{
	w->body.now_ns += NS_PER_S;
	world_fill(w, 1, 0, d);
	assert_int_equal(world_host(w).free_pages, 600 - d);
	world_tick(w);
}

/* What the wave took is free again: the guest says so. */
static void edge_down(struct mm_world *w, npages_t d)
{
	w->body.now_ns += NS_PER_S;
	assert_int_equal(mm_pages_reported(w->mm, 1, gfn(0), d, w->body.now_ns), d);
	world_tick(w);
}

static npages_t height(struct rng *rng)
{
	static const npages_t nearby[] = {200, 201, 400, 401, 500, 501};

	return rng_below(rng, 3) ? 1 + rng_below(rng, 590) : nearby[rng_below(rng, 6)];
}

/* VM 0's pages leave one by one; between waves it wants them back, so that the next wave finds 600 free again. */
static void the_pager_follows(void **state)
{
	struct mm_world *w = make(false);
	struct expected e = {.entered[MM_HIGH] = 1};
	struct rng rng = rng_seeded(3);

	(void)state;
	for (unsigned i = 0; i < test_seeds(WAVES); i++) {
		npages_t d = height(&rng);

		edge_up(w, d);
		while (world_reclaim(w, 1))
			world_finish_all(w);
		expect_wave(&e, d);
		check(w, &e, MM_BY_PAGER);
		assert_int_equal(world_host(w).state, MM_HIGH);
		edge_down(w, d);
		for (uint64_t g = 0; g < 9208; g++)
			if (world_state(w, 0, g) == PAGE_SWAPPED && !world_read(w, 0, g))
				world_finish_all(w);
		assert_int_equal(world_host(w).free_pages, 600);
		check(w, &e, MM_BY_PAGER);
	}
	assert_int_equal(world_host(w).reclaimed[MM_HIGH][MM_BY_PAGER], 0);
	world_free(w);
}

/* VM 0 gives up what it is asked for, a page at a time from the lowest on. */
static void give(struct mm_world *w)
{
	npages_t has = world_vm(w, 0).ballooned_pages;

	while (has < w->body.balloon_target[0] && world_host(w).free_pages < 600) {
		gfn_t page = gfn(has++);

		assert_int_equal(mm_balloon_gave(w->mm, 0, &page, 1, w->body.now_ns), 1);
	}
}

/* And gets back what is left when the wave is over: a quarter of it a second. Its pages are touched again at once. */
static void take_back(struct mm_world *w)
{
	while (world_host(w).free_pages >= 604) { /* a quarter of less is nothing */
		npages_t has = world_vm(w, 0).ballooned_pages;

		w->body.now_ns += NS_PER_S;
		world_tick(w);
		for (; has > w->body.balloon_target[0]; has--) {
			gfn_t page = gfn(has - 1);

			assert_int_equal(mm_balloon_took(w->mm, 0, &page, 1, w->body.now_ns), 1);
			assert_true(world_write(w, 0, page.v, 1));
		}
	}
}

/* The same bound holds when balloons follow: at most these entries an edge, and no state but by an edge. */
static void balloons_follow(void **state)
{
	struct mm_world *w = make(true);
	struct rng rng = rng_seeded(4);
	uint64_t entries = 0;

	(void)state;
	for (unsigned i = 0; i < test_seeds(WAVES); i++) {
		npages_t d = 4 + rng_below(&rng, 587), start = world_host(w).free_pages;
		struct mm_host_stats before = world_host(w), after;
		struct expected most = {.entered = {0}};

		w->body.now_ns += NS_PER_S;
		world_fill(w, 1, 0, d);
		world_tick(w);
		give(w);
		after = world_host(w);
		expect_wave(&most, d + 600 - start);
		for (unsigned s = 0; s < MM_STATES; s++) {
			assert_int_equal(after.state_entered[s] - before.state_entered[s],
					 most.entered[s]);
			assert_int_equal(after.reclaimed[s][MM_BY_PAGER], 0);
			entries += after.state_entered[s] - before.state_entered[s];
		}
		assert_int_equal(after.state, MM_HIGH);
		before = after;
		edge_down(w, d);
		take_back(w);
		after = world_host(w);
		assert_memory_equal(after.state_entered, before.state_entered,
				    sizeof after.state_entered);
	}
	assert_true(entries > test_seeds(WAVES));
	world_free(w);
}

/* Frames, not pages: of 64 pages given up, 20 hold one; of as many reported free, 10. Nothing else freed any. */
static void frames_are_counted(void **state)
{
	struct mm_world *w = world_make((struct mm_world_options){.balloon = true});
	gfn_t page[64];

	(void)state;
	world_add(w, 1000, 0);
	mm_balloon_driver(w->mm, 0, true, 0);
	world_fill(w, 0, 0, 20);
	world_fill(w, 0, 100, 110);
	for (unsigned i = 0; i < 64; i++)
		page[i] = gfn(i);
	assert_int_equal(mm_balloon_gave(w->mm, 0, page, 64, 0), 64);
	assert_int_equal(world_host(w).reclaimed[MM_HIGH][MM_BY_BALLOON], 20);
	assert_int_equal(mm_pages_reported(w->mm, 0, gfn(100), 64, 0), 64);
	assert_int_equal(world_host(w).reclaimed[MM_HIGH][MM_BY_REPORT], 10);
	assert_int_equal(world_host(w).reclaimed[MM_HIGH][MM_BY_BALLOON], 20);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pager_follows),
		cmocka_unit_test(balloons_follow),
		cmocka_unit_test(frames_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
