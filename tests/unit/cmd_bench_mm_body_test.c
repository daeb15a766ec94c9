/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_bench_mm_body_test.c: the body that benchmarks of the manager stand on: what it believes to be present is what the
 * manager's records say, so faults that are timed are faults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/bench_mm_body.h"
#include "mm/page.h"

#define VMS   3u
#define PAGES 1000u

static void check(const struct null_body *n)
{
	const char *why = "";

	if (!mm_consistent(n->mm, &why))
		fail_msg("%s", why);
	for (uint32_t vm = 0; vm < VMS; vm++) {
		npages_t present = 0;

		for (uint64_t g = 0; g < PAGES; g++)
			present += n->present[vm * PAGES + g] != 0;
		assert_int_equal(present, n->mm->vm[vm].count[PAGE_RESIDENT]);
	}
}

/* Of 3000 pages 2000 fit, less reserve and what is kept free. */
static void touches(const char *pager)
{
	struct mm_config config = {.memory_pages = 2000,
				   .swap_pages = 4000,
				   .pager = policy_find(pager),
				   .state_ppm = {60000, 40000, 20000, 10000},
				   .seed = 1,
				   .max_vms = VMS};
	struct mm_host_stats host;
	struct mm_vm_stats vm;
	struct rng rng = rng_seeded(5);
	struct null_body n;

	assert_int_equal(null_body_make(&n, &config, PAGES), 0);
	for (unsigned i = 0; i < 30000; i++) {
		n.now_ns += 1000;
		assert_true(null_body_touch(&n, (uint32_t)rng_below(&rng, VMS),
					    rng_below(&rng, PAGES), rng_below(&rng, 2)));
		if (i % 100 == 0)
			check(&n);
	}
	mm_host_stats(n.mm, n.now_ns, &host);
	mm_vm_stats(n.mm, 0, n.now_ns, &vm);
	assert_true(vm.faults_swap_in > 1000 && vm.faults_wp > 100);
	assert_true(host.swap.written_pages > 1000 && n.reclaimed > 1000);
	assert_int_equal(n.nr_io, 0);
	null_body_free(&n);
}

static void it_is_what_the_manager_knows(void **state)
{
	(void)state;
	touches("random");
	touches("clock");
	touches("lru");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_the_manager_knows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
