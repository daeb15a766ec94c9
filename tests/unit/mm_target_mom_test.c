/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_target_mom_test.c: MOM's rules: worked by hand, against the rules file written down once more in its own order and
 * in floating point, and in the manager: what guests say, the averages, the intervals.
 */
#include <math.h>
#include <stdlib.h>

#include "tests/support/mm_world.h"

struct guest {
	npages_t most, least, size, free; /* free of size, all samples alike */
};

/* What the policy makes of one guest on a host of 10000 pages. */
static npages_t size_at(npages_t host_free, struct guest g)
{
	struct target_vm v = {.least = g.least,
			      .most = g.most,
			      .size = g.size,
			      .samples = 1,
			      .size_sum = g.size,
			      .free_sum = g.free};
	struct target_request r = {.memory = 10000, .samples = 1, .host_free_sum = host_free};

	target_mom.sizes(&v, 1, &r);
	return v.new_size;
}

/* 15 % of the host is free, so a guest of 4000 should have 0.15 * 4000 = 600 free. */
static void shrinking(void **state)
{
	(void)state;
	/* uses 3000, may go down to 3600, but 5 % at a time */
	assert_int_equal(size_at(1500, (struct guest){4000, 64, 4000, 1000}), 3800);
	/* uses 3300: to 3900 only */
	assert_int_equal(size_at(1500, (struct guest){4000, 64, 4000, 700}), 3900);
	/* uses 3700 and should have 4300: never grows under pressure */
	assert_int_equal(size_at(1500, (struct guest){4000, 64, 4000, 300}), 4000);
	/* its minimum */
	assert_int_equal(size_at(1500, (struct guest){4000, 3850, 4000, 1000}), 3850);
	/* 3389 + 600 = 3989 is 11 less; 10 less is a quarter of a percent, and not more: not worth it */
	assert_int_equal(size_at(1500, (struct guest){4000, 64, 4000, 611}), 3989);
	assert_int_equal(size_at(1500, (struct guest){4000, 64, 4000, 610}), 4000);
	/* 0.95 * 4001 = 3800.95: whole pages, rounded down */
	assert_int_equal(size_at(1500, (struct guest){4001, 64, 4001, 4001}), 3800);
}

/* At 5 % of the host and below the guest shall have less than it uses: 5 % - 1 % of its size at 1 % of the host. */
static void critical(void **state)
{
	(void)state;
	assert_int_equal(size_at(100, (struct guest){4000, 64, 4000, 50}), 3800);  /* 3790 */
	assert_int_equal(size_at(100, (struct guest){4000, 64, 4000, 10}), 3830);  /* 3990 - 160 */
	assert_int_equal(size_at(400, (struct guest){4000, 64, 4000, 100}), 3860); /* 3900 - 40 */
	assert_int_equal(size_at(500, (struct guest){4000, 64, 4000, 100}), 3900); /* 3900 - 0 */
	/* 5.01 % is not critical: it should have 3900 + 200 */
	assert_int_equal(size_at(501, (struct guest){4000, 64, 4000, 100}), 4000);
}

/* From 20 % on guests grow: by 5 %, or to what leaves 20 % of their size free. */
static void growing(void **state)
{
	(void)state;
	assert_int_equal(size_at(2000, (struct guest){4000, 64, 3000, 1000}), 3150);
	assert_int_equal(size_at(1999, (struct guest){4000, 64, 3000, 1000}), 2850);
	/* uses 2900, and 600 */
	assert_int_equal(size_at(2000, (struct guest){4000, 64, 3000, 100}), 3500);
	/* uses 3900, and 800: all it is configured with */
	assert_int_equal(size_at(2000, (struct guest){4000, 64, 3950, 50}), 4000);
	assert_int_equal(size_at(2000, (struct guest){4000, 64, 4000, 0}), 4000);
	/* 10 more is over a quarter of a percent of 3990 (9.975), 9 of 3991 is not */
	assert_int_equal(size_at(2000, (struct guest){4000, 64, 3990, 2000}), 4000);
	assert_int_equal(size_at(2000, (struct guest){4000, 64, 3991, 2000}), 3991);
}

static void minimums_and_silence(void **state)
{
	struct target_vm v[2] = {{.least = 500, .most = 1000, .size = 400},
				 {.least = 64, .most = 1000, .size = 400}};
	struct target_request r = {.memory = 10000, .samples = 1, .host_free_sum = 9000};

	(void)state;
	target_mom.sizes(v, 2, &r);
	assert_int_equal(v[0].new_size, 500); /* guaranteed, though it said nothing */
	assert_int_equal(v[1].new_size, 400);
}

/*
 * The rules, line by line, with their names. StatAvg of a guest: sums over samples. NAN: no target is set.
 */
struct rules {
	double host_free_percent;
	double guest_balloon_cur, guest_balloon_min, guest_balloon_max, avg_cur, avg_unused;
};

static const double pressure_threshold = 0.20, pressure_critical = 0.05,
		    min_guest_free_percent = 0.20, max_balloon_change_percent = 0.05,
		    min_balloon_change_percent = 0.0025;

static int change_big_enough(const struct rules *g, double new_val)
{
	return fabs(new_val - g->guest_balloon_cur) >
	       min_balloon_change_percent * g->guest_balloon_cur;
}

static double shrink_guest(const struct rules *g)
{
	double guest_free_percent, guest_used_mem, balloon_min, balloon_size;

	if (g->host_free_percent <= pressure_critical)
		guest_free_percent = -0.05 + g->host_free_percent;
	else
		guest_free_percent =
			min_guest_free_percent * (g->host_free_percent / pressure_threshold);
	guest_used_mem = g->avg_cur - g->avg_unused;
	balloon_min = fmax(g->guest_balloon_min,
			   guest_used_mem + guest_free_percent * g->guest_balloon_cur);
	balloon_size = g->guest_balloon_cur * (1 - max_balloon_change_percent);
	if (balloon_size < balloon_min)
		balloon_size = balloon_min;
	if (balloon_size <= g->guest_balloon_cur && change_big_enough(g, balloon_size))
		return balloon_size;
	return NAN;
}

static double grow_guest(const struct rules *g)
{
	double guest_used_mem, balloon_min, balloon_size;

	if (!(g->guest_balloon_cur < g->guest_balloon_max))
		return NAN;
	guest_used_mem = g->avg_cur - g->avg_unused;
	balloon_min = fmax(g->guest_balloon_min,
			   guest_used_mem + min_guest_free_percent * g->guest_balloon_cur);
	balloon_size = g->guest_balloon_cur * (1 + max_balloon_change_percent);
	if (balloon_size < balloon_min)
		balloon_size = balloon_min;
	if (balloon_size > g->guest_balloon_max)
		balloon_size = g->guest_balloon_max;
	return change_big_enough(g, balloon_size) ? balloon_size : NAN;
}

static double main_script(const struct rules *g)
{
	double target = g->host_free_percent < pressure_threshold ? shrink_guest(g) : grow_guest(g);

	return g->guest_balloon_cur < g->guest_balloon_min ? g->guest_balloon_min : target;
}

/* Does floating point decide for sure, or is a comparison nearer than it counts? */
static bool is_close(const struct rules *g, double expected, double got)
{
	double change = fabs(got - g->guest_balloon_cur);

	if (isnan(expected)) /* may have stayed by a hair */
		return got == g->guest_balloon_cur ||
		       fabs(change - min_balloon_change_percent * g->guest_balloon_cur) < 1.001;
	return fabs(got - expected) <= 1.000001;
}

static void as_the_rules_file(void **state)
{
	struct rng rng = rng_seeded(77);
	unsigned shrunk = 0, grown = 0, left = 0;

	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		npages_t memory = 1000 + rng_below(&rng, 1u << (10 + rng_below(&rng, 20)));
		uint32_t samples = 1 + (uint32_t)rng_below(&rng, 10), host = samples;
		struct target_vm v = {.most = 64 + rng_below(&rng, memory), .samples = samples};
		struct target_request r = {.memory = memory, .samples = host};
		npages_t some = rng_below(&rng, 3) ? memory / 3 : memory / 15;
		struct rules g;
		double expected;

		v.least = rng_below(&rng, 2) ? 64 : 1 + rng_below(&rng, v.most);
		v.size = v.most - rng_below(&rng, v.most / 2 + 1);
		for (uint32_t s = 0; s < samples; s++) {
			npages_t size = v.size - rng_below(&rng, v.size / 8 + 1);

			v.size_sum += size;
			v.free_sum += rng_below(&rng, size / (1 + rng_below(&rng, 8)) + 1);
			r.host_free_sum += rng_below(&rng, some + 1);
		}
		g = (struct rules){.host_free_percent =
					   (double)r.host_free_sum / host / (double)memory,
				   .guest_balloon_cur = (double)v.size,
				   .guest_balloon_min = (double)v.least,
				   .guest_balloon_max = (double)v.most,
				   .avg_cur = (double)v.size_sum / samples,
				   .avg_unused = (double)v.free_sum / samples};
		if (fabs(g.host_free_percent - pressure_threshold) < 1e-12 ||
		    fabs(g.host_free_percent - pressure_critical) < 1e-12)
			continue; /* which side of it is what floating point cannot tell */
		expected = main_script(&g);
		target_mom.sizes(&v, 1, &r);
		if (!is_close(&g, expected, (double)v.new_size))
			fail_msg("round %u: %lu, not %f", i, (unsigned long)v.new_size, expected);
		shrunk += v.new_size < v.size;
		grown += v.new_size > v.size;
		left += v.new_size == v.size;
	}
	print_message("shrunk %u grown %u left %u\n", shrunk, grown, left);
	assert_true(shrunk > 20000 && grown > 20000 && left > 20000);
}

/* --- in the manager ------------------------------------------------------------------------------------------------ */

/* Of 10000 pages, 192 of them reserve, 8308 are in use: 15 % are free. VM 2 has no driver. */
static struct mm_world *make(void)
{
	struct mm_world *w = world_make((struct mm_world_options){
		.policy = "mom", .balloon = true, .rebalance_ns = 10 * NS_PER_S});

	for (uint32_t vm = 0; vm < 3; vm++)
		world_add(w, 4000, 0);
	mm_balloon_driver(w->mm, 0, true, 0);
	mm_balloon_driver(w->mm, 1, true, 0);
	mm_start(w->mm, 0);
	world_fill(w, 0, 0, 4000);
	world_fill(w, 1, 0, 3000);
	world_fill(w, 2, 0, 1308);
	return w;
}

static void at(struct mm_world *w, uint64_t seconds)
{
	w->body.now_ns = seconds * NS_PER_S;
	world_tick(w);
}

static void said(struct mm_world *w, uint32_t vm, npages_t free_pages)
{
	mm_vm_said(w->mm, vm, free_pages, w->body.now_ns);
}

/* As a good driver: the lowest pages are in the balloon. */
static void follow(struct mm_world *w, uint32_t vm)
{
	npages_t has = world_vm(w, vm).ballooned_pages, target = w->body.balloon_target[vm];

	for (; has < target; has++)
		assert_int_equal(mm_balloon_gave(w->mm, vm, &(gfn_t){has}, 1, w->body.now_ns), 1);
	for (; has > target; has--)
		assert_int_equal(mm_balloon_took(w->mm, vm, &(gfn_t){has - 1}, 1, w->body.now_ns),
				 1);
	fake_body_check(&w->body);
}

/* The next event of that kind has these values. */
static void expect_sized(struct mm_world *w, uint32_t vm, const uint64_t *value)
{
	struct mm_event e = {.kind = MM_EVENT_KINDS};
	uint64_t lost;

	while (e.kind != MM_EVENT_BALLOON_SIZED)
		assert_int_equal(mm_events_take(w->mm, &e, 1, &lost), 1);
	assert_int_equal(e.vm, vm);
	assert_memory_equal(e.value, value, 9 * sizeof *value);
}

/* Samples at 5 and 10 s: averages of free are 1000 and, of what VM 1 said, 500 and 700: 600. */
static void averages_and_intervals(void **state)
{
	struct mm_world *w = make();

	(void)state;
	said(w, 0, 1000);
	said(w, 1, 500);
	at(w, 5);
	said(w, 0, 1000);
	said(w, 1, 700);
	at(w, 9);
	assert_int_equal(w->body.balloon_target[0], 0);
	at(w, 10);
	/* 3000 + 600 < 3800 */
	assert_int_equal(w->body.balloon_target[0], 200);
	expect_sized(w, 0, (const uint64_t[]){4000, 3800, 2, 4000, 1000, 1500, 64, 4000, 1500});
	/* uses 3400, wants 600 free: 4000 is what it has */
	assert_int_equal(w->body.balloon_target[1], 0);
	assert_int_equal(world_vm(w, 0).balloon_last, MM_BALLOON_ASKED);
	assert_int_equal(world_vm(w, 1).balloon_last, MM_BALLOON_AT_TARGET);
	assert_int_equal(world_vm(w, 2).balloon_last, MM_BALLOON_NO_DRIVER);
	follow(w, 0);
	/* 1700 pages are free now; samples at 15 and 20 s make averages of 1500, 1500, 1700, 1700: 16 % */
	said(w, 0, 800);
	said(w, 1, 700);
	at(w, 15);
	assert_int_equal(w->body.balloon_target[0], 200);
	said(w, 0, 800);
	said(w, 1, 1700);
	at(w, 20);
	/* VM 0: sizes 4000, 4000, 3800, 3800, free 1000, 1000, 800, 800: uses 3000, and 0.16 * 3800 = 608;
	 * 0.95 * 3800 = 3610 is more than 3608 */
	assert_int_equal(w->body.balloon_target[0], 390);
	/* VM 1: free 500, 700, 700, 1700: 900 on average; uses 3100, and 640: 3800 is more */
	assert_int_equal(w->body.balloon_target[1], 200);
	world_free(w);
}

/* A guest that stops speaking is left alone, and its old figures do not come back. */
static void silence(void **state)
{
	struct mm_world *w = make();

	(void)state;
	at(w, 5);
	at(w, 10);
	assert_int_equal(w->body.balloon_target[0], 0);
	assert_int_equal(world_vm(w, 0).balloon_last, MM_BALLOON_SILENT);
	at(w, 14);
	said(w, 0, 2000);
	at(w, 15);
	assert_int_equal(w->body.balloon_target[0], 0);
	at(w, 20); /* 6 s old: it counts as silent */
	assert_int_equal(w->body.balloon_target[0], 0);
	assert_int_equal(world_vm(w, 0).balloon_last, MM_BALLOON_SILENT);
	said(w, 0, 600);
	at(w, 25);
	said(w, 0, 600);
	at(w, 30); /* uses 3400, and 600 */
	assert_int_equal(w->body.balloon_target[0], 0);
	assert_int_equal(world_vm(w, 0).balloon_last, MM_BALLOON_AT_TARGET);
	/* gone and come back: what it said is forgotten with it */
	said(w, 0, 2000);
	mm_balloon_driver(w->mm, 0, false, w->body.now_ns);
	said(w, 0, 2000); /* nobody there to say it */
	mm_balloon_driver(w->mm, 0, true, w->body.now_ns);
	at(w, 35);
	at(w, 40);
	assert_int_equal(world_vm(w, 0).balloon_last, MM_BALLOON_SILENT);
	world_free(w);
}

/*
 * A guest that says that more is free than there is counts as using nothing, so it shrinks by 5 % a step while the
 * average of the host's free pages is below 2000: 4000, 3800, 3610, 3429, 3257, 3094. Free are then 1500, 1700, 1890,
 * 2071, 2243, 2406 pages, two samples each; the first five average 1881, the last five 2062: it grows, to 3248.
 */
static void a_liar(void **state)
{
	static const npages_t size[] = {3800, 3610, 3429, 3257, 3094, 3248};
	struct mm_world *w = make();

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		said(w, 0, UINT64_MAX);
		at(w, 10 * i + 5);
		said(w, 0, UINT64_MAX);
		at(w, 10 * i + 10);
		follow(w, 0);
		assert_int_equal(4000 - world_vm(w, 0).ballooned_pages, size[i]);
	}
	world_free(w);
}

/* Coming back to the policy, old samples do not count: of 1500 free pages twice and 2300 twice, 1900 would be pressure. */
static void another_policy_between(void **state)
{
	struct mm_world *w = make();

	(void)state;
	said(w, 0, 1000);
	at(w, 5);
	said(w, 0, 1000);
	at(w, 10);
	follow(w, 0);
	assert_int_equal(world_vm(w, 0).ballooned_pages, 200);
	assert_int_equal(mm_policy_set(w->mm, target_find("proportional"), w->body.now_ns), 0);
	assert_int_equal(mm_pages_reported(w->mm, 1, gfn(0), 600, w->body.now_ns), 600);
	said(w, 0, 3000);
	w->body.now_ns = 11 * NS_PER_S; /* without a tick: what others ask is not the question */
	assert_int_equal(mm_policy_set(w->mm, &target_mom, w->body.now_ns), 0);
	said(w, 0, 1000);
	at(w, 16);
	said(w, 0, 1000);
	at(w, 20);
	assert_int_equal(w->body.balloon_target[0], 200);
	at(w, 21);
	/* uses 2800, and 20 % of 3800 free are 3560: 3990 is 5 % more */
	assert_int_equal(w->body.balloon_target[0], 10);
	world_free(w);
}

/* Pressure asks no balloon: in state soft the host pages, from whoever has most, though balloons work. */
static void the_host_pages_meanwhile(void **state)
{
	struct mm_world *w = make();

	(void)state;
	said(w, 0, 3000);
	world_fill(w, 2, 1308, 2500); /* 308 free: soft is below 400 */
	at(w, 1);
	assert_int_equal(world_host(w).state, MM_SOFT);
	assert_int_equal(w->body.balloon_target[0], 0);
	assert_int_equal(world_vm(w, 0).balloon_reason[MM_BALLOON_ASKED], 0);
	assert_true(world_reclaim(w, 32) == 32);
	world_finish_all(w);
	assert_int_equal(world_vm(w, 0).paging_reason[MM_PAGING_BALLOON_FIRST], 0);
	/* of 9500 in use 9208 may be; VM 0 is furthest above by no more than a page, the first of equals leads */
	assert_int_equal(world_vm(w, 0).paged_out_pages + world_vm(w, 1).paged_out_pages +
				 world_vm(w, 2).paged_out_pages,
			 32);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shrinking),
		cmocka_unit_test(critical),
		cmocka_unit_test(growing),
		cmocka_unit_test(minimums_and_silence),
		cmocka_unit_test(as_the_rules_file),
		cmocka_unit_test(averages_and_intervals),
		cmocka_unit_test(silence),
		cmocka_unit_test(a_liar),
		cmocka_unit_test(another_policy_between),
		cmocka_unit_test(the_host_pages_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
