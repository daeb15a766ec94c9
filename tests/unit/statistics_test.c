/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * statistics_test.c: medians, intervals and verdicts against values worked out by hand.
 *
 * Probabilities are sums of binomial coefficients over 2^n, written out: for n = 9, P(Bin < 2) = (1 + 9) / 512.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/statistics.h"

static struct statistics_interval interval(double *value, unsigned nr)
{
	struct statistics_interval out;

	statistics_interval(value, nr, &out);
	assert_int_equal(out.nr, nr);
	return out;
}

static void close_to(double found, double expected)
{
	assert_float_equal((float)found, (float)expected, 1e-6f);
}

static void test_one(void **state)
{
	double value[] = {7};
	struct statistics_interval i = interval(value, 1);

	(void)state;
	close_to(i.median, 7);
	close_to(i.low, 7);
	close_to(i.high, 7);
	close_to(i.level, 0);
	assert_true(i.same);
}

/* Below 6 the range, with the level that it has: 1 - 2 / 2^5. */
static void test_five(void **state)
{
	double value[] = {5, 1, 4, 2, 3};
	struct statistics_interval i = interval(value, 5);

	(void)state;
	close_to(i.median, 3);
	close_to(i.low, 1);
	close_to(i.high, 5);
	close_to(i.level, 30.0 / 32);
	assert_false(i.same);
}

/* From 6 on: 1 - 2 / 2^6; the second lowest would have 1 - 2 (1 + 6) / 64 only. */
static void test_six(void **state)
{
	double value[] = {60, 10, 50, 20, 40, 30};
	struct statistics_interval i = interval(value, 6);

	(void)state;
	close_to(i.median, 35);
	close_to(i.low, 10);
	close_to(i.high, 60);
	close_to(i.level, 62.0 / 64);
}

/* 8: P(Bin < 2) = 9 / 256: 1 - 18 / 256 is too low, so still the range. 9: 1 - 2 * 10 / 512 reaches 95 %. */
static void test_eight_and_nine(void **state)
{
	double value[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct statistics_interval i = interval(value, 8);

	(void)state;
	close_to(i.low, 1);
	close_to(i.high, 8);
	close_to(i.level, 1 - 2.0 / 256);
	i = interval(value, 9);
	close_to(i.median, 5);
	close_to(i.low, 2);
	close_to(i.high, 8);
	close_to(i.level, 1 - 20.0 / 512);
}

/* 20: sum of C(20, 0..5) = 1 + 20 + 190 + 1140 + 4845 + 15504 = 21700 of 1048576: the sixth; printed tables say so. */
static void test_twenty(void **state)
{
	double value[20];
	struct statistics_interval i;

	(void)state;
	for (int n = 0; n < 20; n++)
		value[n] = 20 - n;
	i = interval(value, 20);
	close_to(i.median, 10.5);
	close_to(i.low, 6);
	close_to(i.high, 15);
	close_to(i.level, 1 - 2 * 21700.0 / 1048576);
}

/* The most there may be: nothing overflows, and the interval is about 2 * 0.98 * sqrt(n) ranks wide. */
static void test_thousand(void **state)
{
	double value[STATISTICS_NR_MAX];
	struct statistics_interval i;

	(void)state;
	for (int n = 0; n < STATISTICS_NR_MAX; n++)
		value[n] = n + 1;
	i = interval(value, STATISTICS_NR_MAX);
	close_to(i.low, 469);
	close_to(i.high, 532);
	assert_true(i.level >= 0.95 && i.level < 0.96);
}

static enum statistics_verdict verdict(const double *a, const double *b, unsigned nr)
{
	struct statistics_difference d;

	statistics_difference(a, b, nr, &d);
	return d.verdict;
}

static void test_difference(void **state)
{
	/* Seeds shift both sides far more than the settings differ: pairs show it, ranges would not. */
	static const double a[] = {100, 200, 300, 400, 500, 600};
	static const double more[] = {101, 203, 302, 404, 506, 605};
	static const double mixed[] = {101, 203, 302, 404, 506, 599};
	static const double touching[] = {101, 203, 302, 404, 506, 600};
	struct statistics_difference d;

	(void)state;
	statistics_difference(a, more, 6, &d);
	assert_int_equal(d.verdict, STATISTICS_DIFFERS);
	close_to(d.of.median, 3.5);
	close_to(d.of.low, 1);
	close_to(d.of.high, 6);
	assert_int_equal(verdict(more, a, 6), STATISTICS_DIFFERS);
	assert_int_equal(verdict(a, mixed, 6), STATISTICS_NOISE);
	assert_int_equal(verdict(a, touching, 6), STATISTICS_NOISE);
	assert_int_equal(verdict(a, more, 5), STATISTICS_TOO_FEW);
	assert_int_equal(verdict(a, more, 1), STATISTICS_TOO_FEW);
}

static void test_no_noise(void **state)
{
	static const double four[] = {4, 4}, five[] = {5, 5}, varied[] = {4, 6};

	(void)state;
	assert_int_equal(verdict(four, five, 2), STATISTICS_EXACT);
	assert_int_equal(verdict(four, four, 2), STATISTICS_EQUAL);
	assert_int_equal(verdict(varied, varied, 2), STATISTICS_EQUAL);
	assert_int_equal(verdict(four, varied, 2), STATISTICS_TOO_FEW);
	/* One run says nothing of noise, equal or not. */
	assert_int_equal(verdict(four, four, 1), STATISTICS_TOO_FEW);
	assert_int_equal(verdict(four, five, 1), STATISTICS_TOO_FEW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),        cmocka_unit_test(test_five),
		cmocka_unit_test(test_six),        cmocka_unit_test(test_eight_and_nine),
		cmocka_unit_test(test_twenty),     cmocka_unit_test(test_thousand),
		cmocka_unit_test(test_difference), cmocka_unit_test(test_no_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
