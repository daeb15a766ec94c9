/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_many_test.c: ten thousand VMs: a tick that computes all targets takes less than ten milliseconds.
 *
 * A body that has no memory: nothing is touched. The time of a release build counts, the best of some; builds with
 * assertions or sanitizers show only that it works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "cmd/bench_mm_body.h"
#include "mm/page.h"

#define VMS 10000u

#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__)
#define MOST_NS 10000000u
#else
#define MOST_NS 10000000000u
#endif

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* All fit at first, so that adding them is quick; then memory shrinks to half of what they are configured with. */
static struct mm *many_vms(const struct target_policy *policy, struct null_body *body)
{
	struct mm_config config = {
		.memory_pages = 1u << 30,
		.pager = policy_find("fifo"),
		.policy = policy,
		.tax_ppm = 750000,
		.balloon = true,
		.state_ppm = {60000, 40000, 20000, 10000},
		.rebalance_ns = 1,
		.sample_pages = 100,
		.sample_period_ns = 30 * NS_PER_S,
		.sample_slow_ppm = 250000,
		.sample_fast_ppm = 750000,
		.seed = 1,
		.max_vms = VMS,
	};
	struct rng r = rng_seeded(10);
	struct mm *m;

	assert_int_equal(mm_create(&config, &null_body_ops, body, &m), 0);
	for (uint32_t i = 0; i < VMS; i++) {
		struct mm_vm_config vm = {.pages = 200 + rng_below(&r, 800),
					  .min_pages = rng_below(&r, 200),
					  .shares = 1 + (uint32_t)rng_below(&r, 4000)};

		assert_int_equal(mm_vm_add(m, i, &vm, 0), 0);
		m->vm[i].sample.slow_ppm = (uint32_t)rng_below(&r, PPM);
		m->vm[i].sample.periods = 1;
	}
	m->config.memory_pages = VMS * 400;
	mm_levels_init(m);
	return m;
}

static void tick(const struct target_policy *policy)
{
	struct null_body body = {.mm = NULL};
	struct mm *m = many_vms(policy, &body);
	uint64_t best = UINT64_MAX, now = 0;
	npages_t sum = 0;

	mm_start(m, 0);
	for (unsigned i = 0; i < 10; i++) {
		uint64_t began = clock_ns(), took;

		mm_tick(m, now += NS_PER_S);
		took = clock_ns() - began;
		best = took < best ? took : best;
		m->event_first = m->nr_event = 0;
	}
	for (uint32_t i = 0; i < VMS; i++)
		sum += m->vm[i].target;
	assert_int_equal(sum, mm_target_sum(m));
	print_message("%s: %.2f ms\n", policy->name, (double)best / 1e6);
	assert_true(best < MOST_NS);
	mm_destroy(m);
}

static void a_tick_is_quick(void **state)
{
	(void)state;
	for (unsigned i = 0; target_table[i]; i++)
		tick(target_table[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_tick_is_quick)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
