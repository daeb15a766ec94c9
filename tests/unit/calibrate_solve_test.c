/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calibrate_solve_test.c: costs from figures of runs that were made up with known costs; and that measuring this host gives
 * figures that a cost file may hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/calibrate.h"

/* The program has the lab guest here; none is started. */
extern const char lab_image_start[], lab_image_end[];
const char lab_image_start[1], lab_image_end[1];

#define US 1e-6

/*
 * A fault of the guest's own takes 10 us and 1 us to fill; the host's 20 us of the guest's processor, and 30 and 2 us of
 * its own. Waking takes 80 us. A request to the disk takes 100 us of the processor and 200 us besides, 2 for its page.
 */
static const struct calibrate_run made_up[CALIBRATE_RUNS] = {
	[CALIBRATE_FILL] = {.seconds = 4, .run = 20000 * 31 * US, .rest = 4 - 20000 * 63 * US},
	[CALIBRATE_REFILL] = {.seconds = 6, .run = 20000 * 42 * US},
	[CALIBRATE_WAKE] = {.seconds = 3, .run = 300 * 80 * US, .interrupts = 300},
	/* 24 000 first faults, 8000 later ones, each read and, by 16, written: 8500 requests; 0.5 us a touch */
	[CALIBRATE_DISK] = {.seconds = 24000 * 63 * US + 8000 * 10 * US + 8500 * 302 * US +
				       9000 * 0.5 * US,
			    .run = 24000 * 31 * US + 8000 * 10 * US + 8500 * 100 * US +
				   9000 * 0.5 * US,
			    .work = 9000,
			    .faults = 32000,
			    .disk_in = 8000,
			    .disk_out = 8000},
};

static void test_known_costs_come_out(void **state)
{
	struct sim_cost cost = {.fill_ns = 1000, .map_ns = 2000, .touch_ns = 500};

	(void)state;
	calibrate_solve(made_up, &cost);
	assert_in_range(cost.guest_fault_ns, 9990, 10010);
	assert_in_range(cost.fault_ns, 19990, 20010);
	assert_in_range(cost.serve_ns, 29990, 30010);
	assert_in_range(cost.wake_ns, 79990, 80010);
	assert_in_range(cost.guest_disk_cpu_ns, 99900, 100100);
	assert_in_range(cost.guest_disk_ns, 199900, 200100);
	assert_int_equal(cost.guest_disk_page_ns, 2000);
}

/* Nonsense gives small figures and not huge ones. */
static void test_impossible_figures(void **state)
{
	struct calibrate_run run[CALIBRATE_RUNS];
	struct sim_cost cost = sim_presets[0].cost;

	(void)state;
	memset(run, 0, sizeof(run));
	run[CALIBRATE_FILL].rest = 5;
	calibrate_solve(run, &cost);
	for (const struct sim_cost_field *f = sim_cost_fields; f->name; f++)
		assert_in_range(*sim_cost_at(&cost, f), f->min, f->max);
}

static void test_this_host(void **state)
{
	struct sim_cost cost = sim_presets[0].cost;
	struct error error;

	(void)state;
	cost.hash_ns = cost.compare_ns = cost.fill_ns = cost.touch_ns = cost.swap.read_ns = 0;
	if (calibrate_host("/tmp", &cost, &error))
		fail_msg("%s", error.text);
	assert_true(cost.hash_ns && cost.compare_ns && cost.fill_ns && cost.touch_ns);
	for (const struct sim_cost_field *f = sim_cost_fields; f->name; f++)
		assert_in_range(*sim_cost_at(&cost, f), f->min, f->max);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_costs_come_out),
		cmocka_unit_test(test_impossible_figures),
		cmocka_unit_test(test_this_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
