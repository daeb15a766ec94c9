/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon_core_test.c: the balloon driver's state machine under a clock that the test holds, in exact counts. The usual
 * figures: 512 to 2048 pages a cycle of 100 ms under pressure, steps of 16, 4 slow cycles, batches of 1024
 * and, where room must be made, 256.
 */
#include "tests/support/balloon_body.h"

#define CYCLE (100 * BODY_MS)

static void run(struct body *g, npages_t size, enum guest_balloon_state state, uint64_t wake)
{
	assert_int_equal(balloon_run(&g->b), wake);
	assert_int_equal(g->b.size, size);
	assert_int_equal(g->b.state, state);
	body_check(g);
}

static void run_at(struct body *g, uint64_t now, npages_t size, enum guest_balloon_state state,
		   uint64_t wake)
{
	g->now = now;
	run(g, size, state, wake);
}

static void next_cycle(struct body *g, npages_t size, enum guest_balloon_state state)
{
	run_at(g, g->now + CYCLE, size, state, g->now + 2 * CYCLE);
}

static void test_easy(void **state)
{
	struct body *g = body_create(4000, 0);

	(void)state;
	run(g, 0, GUEST_BALLOON_REACHED, UINT64_MAX);
	assert_int_equal(g->b.stats.cycles, 0);
	assert_int_equal(g->b.stats.ends[GUEST_BALLOON_REACHED], 1);
	balloon_set_target(&g->b, 3500);
	run(g, 3500, GUEST_BALLOON_REACHED, UINT64_MAX);
	assert_int_equal(g->tells, 4); /* 3 * 1024 + 428 */
	assert_int_equal(g->last_nr, 428);
	assert_int_equal(g->easy_calls, 3500);
	assert_int_equal(g->hard_calls, 0);
	assert_int_equal(g->free, 500);
	run(g, 3500, GUEST_BALLOON_REACHED, UINT64_MAX);
	assert_int_equal(g->b.stats.ends[GUEST_BALLOON_REACHED], 2); /* told once a target */
	balloon_set_target(&g->b, 300);
	run(g, 300, GUEST_BALLOON_REACHED, UINT64_MAX);
	assert_int_equal(g->tells, 8); /* 3 * 1024 + 128 */
	balloon_set_target(&g->b, 0);
	run(g, 0, GUEST_BALLOON_REACHED, UINT64_MAX);
	assert_int_equal(g->free, 4000);
	assert_int_equal(g->b.stats.inflated_pages, 3500);
	assert_int_equal(g->b.stats.deflated_pages, 3500);
	assert_int_equal(g->b.stats.inflate_batches, 4);
	assert_int_equal(g->b.stats.deflate_batches, 5);
	assert_int_equal(g->b.stats.cycles, 1); /* all within 100 ms */
	free(g);
}

static void test_cap(void **state)
{
	struct body *g = body_create(1001, 0);
	struct balloon_config config = g->b.config;

	(void)state;
	config.cap_ppm = 650000;
	balloon_init(&g->b, &config, &body_ops, g);
	balloon_start(&g->b, true);
	balloon_set_target(&g->b, 700);
	run(g, 650, GUEST_BALLOON_CAPPED, UINT64_MAX);
	balloon_set_target(&g->b, 100000);
	run(g, 650, GUEST_BALLOON_CAPPED, UINT64_MAX);
	assert_int_equal(g->b.stats.ends[GUEST_BALLOON_CAPPED], 2);
	balloon_set_target(&g->b, 650);
	run(g, 650, GUEST_BALLOON_REACHED, UINT64_MAX);
	config.memory_pages = 3000000; /* beyond PPM */
	balloon_init(&g->b, &config, &body_ops, g);
	assert_int_equal(g->b.cap, 1950000);
	assert_int_equal(balloon_config_usual(10).cap_ppm, 650000);
	free(g);
}

static void test_easy_budget(void **state)
{
	struct body *g = body_create(4000, 0);
	uint64_t start = g->now;

	(void)state;
	g->b.config.easy_pages = 600;
	balloon_set_target(&g->b, 1500);
	run(g, 600, GUEST_BALLOON_SLOW, start + CYCLE);
	run_at(g, start + CYCLE - 1, 600, GUEST_BALLOON_SLOW, start + CYCLE);
	run_at(g, start + CYCLE, 1200, GUEST_BALLOON_SLOW, start + 2 * CYCLE);
	run_at(g, start + 2 * CYCLE + 7, 1500, GUEST_BALLOON_REACHED, UINT64_MAX);
	assert_int_equal(g->b.stats.ends[GUEST_BALLOON_SLOW], 2);
	/* 300 pages are left of this cycle's budget, whatever the target. */
	balloon_set_target(&g->b, 4000);
	run(g, 1800, GUEST_BALLOON_SLOW, start + 3 * CYCLE + 7);
	balloon_set_target(&g->b, 1000); /* giving back has its own */
	run(g, 1000, GUEST_BALLOON_REACHED, UINT64_MAX);
	balloon_set_target(&g->b, 1001);
	run(g, 1000, GUEST_BALLOON_SLOW, start + 3 * CYCLE + 7);
	assert_int_equal(g->b.stats.cycles, 3);
	free(g);
}

static void test_pressure(void **state)
{
	struct body *g = body_create(100, 8000);
	uint64_t t = g->now;

	(void)state;
	balloon_set_target(&g->b, 8000);
	run(g, 2048, GUEST_BALLOON_SLOW, t + CYCLE);
	assert_int_equal(g->easy_calls, 101);
	assert_int_equal(g->hard_calls, 1948);
	assert_int_equal(g->tells, 8); /* of 256 each: the guest's work waits */
	assert_int_equal(g->last_nr, 256);
	assert_int_equal(g->b.stats.easy_failed, 1);
	next_cycle(g, 4096, GUEST_BALLOON_SLOW);
	assert_int_equal(g->b.rate_get, 2048); /* it cannot be higher */
	g->b.rate_get = 2030;
	next_cycle(g, 4096 + 2046, GUEST_BALLOON_SLOW); /* + 16 for the last */
	g->b.rate_get = 2040;
	run_at(g, g->now + CYCLE, 8000, GUEST_BALLOON_REACHED, UINT64_MAX);
	assert_int_equal(g->b.rate_get, 2048);
	assert_int_equal(g->b.stats.hard_failed, 0);
	free(g);
}

/* Four cycles after free pages ran out are slow, even if there are some again. */
static void test_slow_cycles(void **state)
{
	struct body *g = body_create(10, 8000);
	uint64_t t = g->now;
	npages_t size = 512;

	(void)state;
	g->b.rate_get = 512;
	balloon_set_target(&g->b, 8000);
	run(g, size, GUEST_BALLOON_SLOW, t + CYCLE);
	for (uint32_t i = 0; i < BODY_PAGES && g->free < 7000; i++)
		if (g->page[i] == BODY_BUSY) {
			g->page[i] = BODY_FREE;
			g->busy--;
			g->free++;
		}
	for (npages_t rate = 528; rate <= 576; rate += 16) {
		size += rate;
		next_cycle(g, size, GUEST_BALLOON_SLOW);
	}
	assert_int_equal(g->hard_calls, 502);
	next_cycle(g, 7512, GUEST_BALLOON_SLOW); /* 2^20, but they ran out */
	free(g);
}

static void test_no_memory(void **state)
{
	static const uint32_t rates[] = {1024, 512, 512};
	struct body *g = body_create(100, 8000);
	uint64_t t = g->now;

	(void)state;
	g->busy = 0; /* no room can be made of them */
	balloon_set_target(&g->b, 5000);
	for (unsigned i = 0; i < 3; i++, t += CYCLE) {
		run_at(g, t, 100, GUEST_BALLOON_NO_MEMORY, t + CYCLE);
		assert_int_equal(g->b.rate_get, rates[i]);
		run(g, 100, GUEST_BALLOON_NO_MEMORY, t + CYCLE); /* not again in this cycle */
	}
	assert_int_equal(g->b.stats.ends[GUEST_BALLOON_NO_MEMORY], 3);
	assert_int_equal(g->b.stats.hard_failed, 3);
	assert_int_equal(g->b.stats.easy_failed, 3);
	assert_int_equal(g->tells, 1);
	g->busy = 2000;
	run_at(g, t, 612, GUEST_BALLOON_SLOW, t + CYCLE);
	run_at(g, t + CYCLE, 612 + 528, GUEST_BALLOON_SLOW, t + 2 * CYCLE);
	/* The last 460 pages of it, and then none: halved, and not raised for what went well before. */
	g->busy = 460;
	run_at(g, t + 2 * CYCLE, 1600, GUEST_BALLOON_NO_MEMORY, t + 3 * CYCLE);
	assert_int_equal(g->b.rate_get, 512);
	g->busy = 1000;
	run_at(g, t + 3 * CYCLE, 2112, GUEST_BALLOON_SLOW, t + 4 * CYCLE);
	free(g);
}

/* Between two batches the guest gets its turn once 2 ms are over. */
static void test_slices(void **state)
{
	struct body *g = body_create(4000, 0);
	uint64_t start = g->now;

	(void)state;
	g->tell_ns = BODY_MS;
	balloon_set_target(&g->b, 4000);
	run(g, 2048, GUEST_BALLOON_SLOW, start);
	g->tell_ns = 50 * BODY_MS;
	run(g, 3072, GUEST_BALLOON_SLOW, start + 2 * BODY_MS);
	g->tell_ns = 0;
	run(g, 4000, GUEST_BALLOON_REACHED, UINT64_MAX);
	assert_int_equal(g->b.stats.ends[GUEST_BALLOON_REACHED], 1);
	g->tell_ns = BODY_MS;
	balloon_set_target(&g->b, 0);
	run_at(g, g->now, 1952, GUEST_BALLOON_SLOW, g->now);
	free(g);
}

static void test_deflate_rate(void **state)
{
	struct body *g = body_create(4000, 0);
	uint64_t t = g->now;

	(void)state;
	balloon_set_target(&g->b, 4000);
	run(g, 4000, GUEST_BALLOON_REACHED, UINT64_MAX);
	balloon_set_target(&g->b, 0);
	g->deaf = true;
	for (uint32_t rate = (1u << 20) / 2; rate >= 512; rate /= 2, t += CYCLE) {
		run_at(g, t, 4000, GUEST_BALLOON_FAILED, t + CYCLE);
		assert_int_equal(g->b.rate_put, rate);
	}
	run_at(g, t, 4000, GUEST_BALLOON_FAILED, t + CYCLE);
	assert_int_equal(g->b.rate_put, 512);
	assert_int_equal(g->b.stats.errors, 12);
	g->deaf = false;
	run_at(g, t + CYCLE, 3488, GUEST_BALLOON_SLOW, t + 2 * CYCLE);
	run_at(g, t + 2 * CYCLE, 2960, GUEST_BALLOON_SLOW, t + 3 * CYCLE); /* 528 */
	run_at(g, t + 3 * CYCLE, 2416, GUEST_BALLOON_SLOW, t + 4 * CYCLE);
	balloon_set_target(&g->b, 2400);
	run_at(g, t + 4 * CYCLE, 2400, GUEST_BALLOON_REACHED, UINT64_MAX);
	balloon_set_target(&g->b, 0);
	run(g, 2400 - 544, GUEST_BALLOON_SLOW,
	    t + 5 * CYCLE); /* 560 in this cycle, 16 of them before */
	free(g);
}

static void test_deaf_host(void **state)
{
	struct body *g = body_create(600, 0);
	uint64_t t = g->now;

	(void)state;
	g->deaf = true;
	balloon_set_target(&g->b, 500);
	run(g, 0, GUEST_BALLOON_FAILED, t + CYCLE);
	assert_int_equal(g->free, 600);
	assert_int_equal(g->b.stats.errors, 1);
	assert_int_equal(g->b.stats.inflated_pages, 0);
	g->deaf = false;
	run_at(g, t + CYCLE, 500, GUEST_BALLOON_REACHED, UINT64_MAX);
	g->deaf = true;
	assert_int_equal(balloon_oom(&g->b), 0);
	assert_int_equal(g->b.size, 500);
	assert_int_equal(g->b.stats.oom_pages, 0);
	free(g);
}

static void test_oom(void **state)
{
	struct body *g = body_create(1000, 0);
	uint64_t t = g->now;

	(void)state;
	balloon_set_target(&g->b, 900);
	run(g, 900, GUEST_BALLOON_REACHED, UINT64_MAX);
	assert_int_equal(balloon_oom(&g->b), 256);
	assert_int_equal(g->free, 356);
	assert_int_equal(g->b.state, GUEST_BALLOON_NO_MEMORY);
	assert_int_equal(g->b.rate_get, 1024);
	body_check(g);
	run(g, 644, GUEST_BALLOON_NO_MEMORY, t + CYCLE);
	for (unsigned i = 1; i <= 4; i++) /* held back for four cycles */
		run_at(g, t + i * CYCLE, 644, GUEST_BALLOON_NO_MEMORY, t + (i + 1) * CYCLE);
	assert_int_equal(g->b.stats.ends[GUEST_BALLOON_NO_MEMORY], 4);
	t += 5 * CYCLE;
	g->free = 100; /* the guest has used the others */
	for (unsigned i = 0, left = 256; i < BODY_PAGES && left; i++)
		if (g->page[i] == BODY_FREE) {
			g->page[i] = BODY_BUSY;
			left--;
		}
	run_at(g, t, 744, GUEST_BALLOON_NO_MEMORY, t + CYCLE);
	assert_int_equal(balloon_oom(&g->b), 256);
	assert_int_equal(balloon_oom(&g->b), 256); /* the same distress: not held back longer */
	assert_int_equal(g->b.size, 232);
	for (unsigned i = 1; i <= 8; i++)
		run_at(g, t + i * CYCLE, 232, GUEST_BALLOON_NO_MEMORY, t + (i + 1) * CYCLE);
	assert_int_equal(g->b.slow, 4); /* holding back does not count */
	run_at(g, t + 9 * CYCLE, 744, GUEST_BALLOON_SLOW, t + 10 * CYCLE);
	assert_int_equal(g->b.stats.hard_failed, 1);
	assert_int_equal(g->b.stats.oom_calls, 3);
	assert_int_equal(g->b.stats.oom_pages, 768);
	/* A target that is reached ends it. */
	balloon_set_target(&g->b, 10);
	run(g, 10, GUEST_BALLOON_REACHED, UINT64_MAX);
	assert_int_equal(balloon_oom(&g->b), 10);
	assert_int_equal(balloon_oom(&g->b), 0);
	assert_int_equal(g->b.hold, 4);
	free(g);
}

static void test_hold_grows(void **state)
{
	static const uint32_t holds[] = {4, 8, 16, 32, 64, 128, 128, 128};
	struct body *g = body_create(8000, 0);

	(void)state;
	balloon_set_target(&g->b, 7999);
	run(g, 7999, GUEST_BALLOON_REACHED, UINT64_MAX);
	g->free = 0;
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(balloon_oom(&g->b), 256);
		assert_int_equal(g->b.hold, holds[i]);
		for (unsigned cycle = 0; cycle < holds[i]; cycle++) {
			g->now += CYCLE;
			balloon_run(&g->b);
		}
		assert_int_equal(g->b.hold, 0);
	}
	free(g);
}

static void test_oom_not_agreed(void **state)
{
	struct body *g = body_create(1000, 0);

	(void)state;
	balloon_reset(&g->b);
	balloon_start(&g->b, false);
	balloon_set_target(&g->b, 900);
	run(g, 900, GUEST_BALLOON_REACHED, UINT64_MAX);
	assert_int_equal(balloon_oom(&g->b), 0);
	run(g, 900, GUEST_BALLOON_REACHED, UINT64_MAX);
	free(g);
}

static void test_reset(void **state)
{
	struct body *g = body_create(1000, 7000);
	uint64_t t = g->now;

	(void)state;
	balloon_set_target(&g->b, 4000);
	run(g, 2048, GUEST_BALLOON_SLOW, t + CYCLE);
	body_reset(g);
	run(g, 0, GUEST_BALLOON_NONE, UINT64_MAX);
	assert_int_equal(g->tells, 6); /* 1000 and the page that was not free, 4 * 256, 23 */
	assert_int_equal(g->free, 2048);
	assert_int_equal(g->b.stats.resets, 1);
	assert_int_equal(g->b.stats.reset_pages, 2048);
	balloon_set_target(&g->b, 500); /* nobody is there to tell */
	run(g, 0, GUEST_BALLOON_NONE, UINT64_MAX);
	balloon_start(&g->b, true);
	run(g, 500, GUEST_BALLOON_REACHED, UINT64_MAX);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_easy),        cmocka_unit_test(test_cap),
		cmocka_unit_test(test_easy_budget), cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_slow_cycles), cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_slices),      cmocka_unit_test(test_deflate_rate),
		cmocka_unit_test(test_deaf_host),   cmocka_unit_test(test_oom),
		cmocka_unit_test(test_hold_grows),  cmocka_unit_test(test_oom_not_agreed),
		cmocka_unit_test(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
