/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_levels_test.c: free-memory thresholds of both kinds, and that a square wave does not make the state oscillate.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/mm_world.h"

#define GIB (1ull << 18) /* pages */

static const struct mm_config esx6 = {
	.memory_pages = 65536,
	.swap_pages = 1000,
	.max_vms = 1,
	.states_sliding = true,
	.state_ppm = {PPM, 640000, 320000, 160000},
};

/* Of 28 GiB 0.06 * 4 + 0.04 * 8 + 0.02 * 16 = 0.88 GiB, 230686.7 pages; rounded part by part. */
static void min_free_slides(void **state)
{
	(void)state;
	assert_int_equal(mm_min_free_pages(0), 0);
	assert_int_equal(mm_min_free_pages(100), 6);
	assert_int_equal(mm_min_free_pages(4 * GIB), 62914); /* .56 */
	assert_int_equal(mm_min_free_pages(4 * GIB + 100), 62914 + 4);
	assert_int_equal(mm_min_free_pages(12 * GIB), 62914 + 83886);         /* .08 */
	assert_int_equal(mm_min_free_pages(28 * GIB), 62914 + 83886 + 83886); /* .08 */
	assert_int_equal(mm_min_free_pages(128 * GIB), 62914 + 83886 + 83886 + 262144);
}

/* 256 MiB: minFree is 3932 pages. */
static void thresholds(void **state)
{
	struct mm_config esx2002 = {.state_ppm = {60000, 40000, 20000, 10000}};
	npages_t level[MM_STATES];

	(void)state;
	mm_thresholds(&esx6, 65536, level);
	assert_int_equal(level[MM_HIGH], 3932);
	assert_int_equal(level[MM_SOFT], 2516);
	assert_int_equal(level[MM_HARD], 1258);
	assert_int_equal(level[MM_LOW], 629);
	mm_thresholds(&esx2002, 65536, level);
	assert_int_equal(level[MM_HIGH], 3932);
	assert_int_equal(level[MM_SOFT], 2621);
	assert_int_equal(level[MM_HARD], 1310);
	assert_int_equal(level[MM_LOW], 655);
}

/* The least memory leaves what is needed, and a page less does not. */
static void least_memory(void **state)
{
	struct rng r = rng_seeded(28);

	(void)state;
	print_message("seed 28\n");
	for (unsigned i = 0; i < 2000; i++) {
		npages_t wanted = rng_below(&r, rng_below(&r, 2) ? 1000 : 200 * GIB);
		npages_t least = mm_least_memory_pages(&esx6, 1, wanted);

		assert_true(least - mm_min_free_pages(least) >= wanted + 192);
		assert_true(least - 1 - mm_min_free_pages(least - 1) < wanted + 192);
	}
}

static struct mm_world *sliding_world(void)
{
	struct mm_world *w = calloc(1, sizeof *w);
	struct mm_config config = world_config(&(struct mm_world_options){.memory = 10000});

	assert_non_null(w);
	config.states_sliding = true;
	memcpy(config.state_ppm, esx6.state_ppm, sizeof config.state_ppm);
	fake_body_init(&w->body, config.swap_pages, 1);
	assert_int_equal(mm_create(&config, &fake_body_ops, &w->body, &w->mm), 0);
	w->body.mm = w->mm;
	return w;
}

static void free_down_to(struct mm_world *w, npages_t free_pages)
{
	while (world_host(w).free_pages > free_pages) {
		npages_t g = 0;

		while (world_state(w, 0, g) != PAGE_UNTOUCHED)
			g++;
		assert_int_equal(mm_place(w->mm, 0, gfn(g), NULL, false, w->body.now_ns), 0);
	}
}

static void free_up_to(struct mm_world *w, npages_t free_pages)
{
	for (npages_t g = 0; world_host(w).free_pages < free_pages; g++)
		mm_pages_reported(w->mm, 0, gfn(g), 1, w->body.now_ns);
}

static void expect_entered(struct mm_world *w, uint64_t high, uint64_t soft, uint64_t hard)
{
	struct mm_host_stats s = world_host(w);

	assert_int_equal(s.state_entered[MM_HIGH], high);
	assert_int_equal(s.state_entered[MM_SOFT], soft);
	assert_int_equal(s.state_entered[MM_HARD], hard);
	assert_int_equal(s.state_entered[MM_LOW], 0);
}

static void wave(struct mm_world *w, npages_t low, npages_t high)
{
	for (unsigned i = 0; i < 20; i++) {
		w->body.now_ns += NS_PER_S;
		free_down_to(w, low);
		world_tick(w);
		w->body.now_ns += NS_PER_S;
		free_up_to(w, high);
		world_tick(w);
	}
}

/* 10000 pages, thresholds 600, 384, 192, 96: within a band nothing happens, whichever state it began in; crossing soft
 * and coming back to high is one entry each a cycle. */
static void a_square_wave(void **state)
{
	struct mm_world *w = sliding_world();

	(void)state;
	world_add(w, 9900, 0);
	free_down_to(w, 599);
	wave(w, 384, 599);
	expect_entered(w, 1, 0, 0);
	free_down_to(w, 383);
	expect_entered(w, 1, 1, 0);
	wave(w, 192, 599);
	expect_entered(w, 1, 1, 0);
	free_up_to(w, 600);
	expect_entered(w, 2, 1, 0);
	wave(w, 300, 600);
	expect_entered(w, 22, 21, 0);
	free_down_to(w, 191);
	expect_entered(w, 22, 22, 1);
	wave(w, 150, 383); /* hard ends at soft's threshold */
	expect_entered(w, 22, 22, 1);
	free_up_to(w, 600); /* one level at a time */
	expect_entered(w, 23, 23, 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(min_free_slides),
		cmocka_unit_test(thresholds),
		cmocka_unit_test(least_memory),
		cmocka_unit_test(a_square_wave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
