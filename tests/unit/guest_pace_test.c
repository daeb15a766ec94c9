/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest_pace_test.c: touches due over time, with a clock that the test holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest/core/pace.h"

#define MS 1000000ull

static void test_slices(void **state)
{
	struct pace p;
	uint64_t next;

	(void)state;
	pace_start(&p, 20000, 5 * MS);
	assert_int_equal(pace_due(&p, 5 * MS, &next), 0);
	assert_int_equal(next, 15 * MS);
	assert_int_equal(pace_due(&p, 15 * MS - 1, &next), 0);
	assert_int_equal(next, 15 * MS);
	assert_int_equal(pace_due(&p, 15 * MS, &next), 200); /* 10 ms of 20000/s */
	assert_int_equal(pace_due(&p, 16 * MS, &next), 0);
	assert_int_equal(next, 25 * MS);
	assert_int_equal(pace_due(&p, 27 * MS, &next), 240); /* 2 ms late: 12 ms' worth */
	assert_int_equal(pace_due(&p, 27 * MS, &next), 0);
	assert_int_equal(next, 37 * MS);
}

/* Any rate, odd wake-up times: after exactly a second of slices the sum is the rate. */
static void test_exact_over_time(void **state)
{
	static const uint32_t rates[] = {1, 3, 7, 99, 101, 20000, 333333, 4294967295u};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t now = 1234567, end = now + 20 * NS_PER_S, sum = 0, next, step = 1;
		struct pace p;

		pace_start(&p, rates[i], now);
		while (now < end) {
			sum += pace_due(&p, now, &next);
			step = step * 7 % 1000003;
			now += 5 * MS + step;
		}
		now = end + p.period_ns; /* a slice is due for sure */
		sum += pace_due(&p, now, &next);
		/* now - start seconds' worth, rounded down */
		assert_int_equal(
			sum, (uint64_t)((unsigned __int128)(now - 1234567) * rates[i] / NS_PER_S));
	}
}

static void test_slow_rates_have_long_periods(void **state)
{
	struct pace p;
	uint64_t next;

	(void)state;
	pace_start(&p, 3, 0); /* a touch each 333.333334 ms */
	assert_int_equal(pace_due(&p, 0, &next), 0);
	assert_int_equal(next, 333333334);
	assert_int_equal(pace_due(&p, next, &next), 1);
}

static void test_no_catching_up(void **state)
{
	struct pace p;
	uint64_t next;

	(void)state;
	pace_start(&p, 1000, 0);
	assert_int_equal(pace_due(&p, 60 * NS_PER_S, &next), 20); /* two periods of 10 ms */
	assert_int_equal(pace_due(&p, 60 * NS_PER_S + 10 * MS, &next), 10);
	pace_start(&p, 2, 0);
	assert_int_equal(pace_due(&p, 60 * NS_PER_S, &next), 2);
}

static void test_unlimited(void **state)
{
	struct pace p;
	uint64_t next;

	(void)state;
	pace_start(&p, 0, 0);
	assert_int_equal(pace_due(&p, 0, &next), UINT32_MAX);
	assert_int_equal(pace_due(&p, 0, &next), UINT32_MAX);
	assert_int_equal(next, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_exact_over_time),
		cmocka_unit_test(test_slow_rates_have_long_periods),
		cmocka_unit_test(test_no_catching_up),
		cmocka_unit_test(test_unlimited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
