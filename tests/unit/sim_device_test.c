/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_device_test.c: the disk model, each time worked out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/device.h"

/* One request at a time, 100 to read, 200 to write, 10 if it goes on, 5 a page. */
static void test_one_at_a_time(void **state)
{
	const struct sim_device_cost cost = {
		.read_ns = 100, .write_ns = 200, .near_ns = 10, .page_ns = 5, .depth = 1};
	struct sim_device d;

	(void)state;
	sim_device_init(&d, &cost);
	assert_int_equal(sim_device_start(&d, false, 50, 4, 1000), 1120); /* 100 + 4 * 5 */
	/* waits until 1120, goes on behind page 54: 10 + 5 */
	assert_int_equal(sim_device_start(&d, false, 54, 1, 1001), 1135);
	/* waits until 1135, elsewhere: 200 + 2 * 5 */
	assert_int_equal(sim_device_start(&d, true, 10, 2, 1002), 1345);
	/* nobody before it */
	assert_int_equal(sim_device_start(&d, false, 90, 1, 5000), 5105);
	assert_int_equal(d.busy_ns, 20 + 5 + 10 + 5);
}

/* Two at once: latencies overlap, the bus does not. */
static void test_two_at_once(void **state)
{
	const struct sim_device_cost cost = {
		.read_ns = 100, .write_ns = 100, .near_ns = 100, .page_ns = 10, .depth = 2};
	struct sim_device d;

	(void)state;
	sim_device_init(&d, &cost);
	assert_int_equal(sim_device_start(&d, false, 0, 1, 0), 110);
	/* ready at 100 too, but the bus is taken until 110 */
	assert_int_equal(sim_device_start(&d, false, 100, 3, 0), 140);
	/* the first place is free at 110, ready at 210 */
	assert_int_equal(sim_device_start(&d, false, 200, 1, 0), 220);
	/* the second at 140, ready at 240 */
	assert_int_equal(sim_device_start(&d, false, 300, 1, 0), 250);
}

/* However deep, no more bytes than the bus carries. */
static void test_bandwidth_is_the_limit(void **state)
{
	const struct sim_device_cost cost = {
		.read_ns = 1000, .write_ns = 1000, .near_ns = 1000, .page_ns = 100, .depth = 64};
	struct sim_device d;
	uint64_t last = 0;

	(void)state;
	sim_device_init(&d, &cost);
	for (unsigned i = 0; i < 1000; i++)
		last = sim_device_start(&d, false, i * 10, 1, 0);
	assert_int_equal(last, 1000 + 1000 * 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_bandwidth_is_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
