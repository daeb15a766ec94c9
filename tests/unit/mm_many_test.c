/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mm_many_test.c: ten thousand VMs: every policy's targets keep their bounds and sum exactly, tick after tick.
 *
 * A body that has no memory: nothing is touched. How long a tick takes is shown by "ballast bench mm".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cmd/bench_mm_body.h"
#include "mm/page.h"

#define VMS 10000u

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

static void ticks(const struct target_policy *policy)
{
	struct null_body body = {.mm = NULL};
	struct mm *m = many_vms(policy, &body);
	const char *why;

	mm_start(m, 0);
	for (unsigned i = 1; i <= 10; i++) {
		npages_t sum = 0;

		mm_tick(m, i * NS_PER_S);
		for (uint32_t vm = 0; vm < VMS; vm++) {
			assert_in_range(m->vm[vm].target, mm_vm_least_pages(&m->vm[vm].config),
					m->vm[vm].config.pages);
			sum += m->vm[vm].target;
		}
		assert_int_equal(sum, mm_target_sum(m));
	}
	if (!mm_consistent(m, &why))
		fail_msg("%s: %s", policy->name, why);
	mm_destroy(m);
}

static void targets_are_exact(void **state)
{
	(void)state;
	for (unsigned i = 0; target_table[i]; i++)
		ticks(target_table[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(targets_are_exact)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
