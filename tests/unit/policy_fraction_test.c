/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_fraction_test.c: the real number in ARC and CAR, against sums of ratios over one common denominator.
 *
 * All ratios here have denominators up to 20, whose least common multiple is 232792560: sums are whole numbers of that,
 * exactly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ballast/rng.h"
#include "mm/policy/fraction.h"

#define COMMON 232792560ull

static int sign(int64_t x)
{
	return (x > 0) - (x < 0);
}

/* Is f what exact / COMMON is, for the whole numbers around it? */
static void assert_same(const struct fraction *f, uint64_t exact)
{
	for (uint32_t n = (uint32_t)(exact / COMMON), last = n + 2, i = n ? n - 1 : 0; i <= last;
	     i++)
		assert_int_equal(fraction_compare(i, f),
				 sign((int64_t)(i * COMMON) - (int64_t)exact));
}

static void test_sums(void **state)
{
	struct rng rng = rng_seeded(5);
	struct fraction f = {.whole = 0};
	uint64_t exact = 0, clamped = 0;

	(void)state;
	for (unsigned step = 0; step < 1000000; step++) {
		uint32_t under = 1 + (uint32_t)rng_below(&rng, 20);
		uint32_t over = (uint32_t)rng_below(&rng, 60);
		uint32_t most = 40 + (uint32_t)rng_below(&rng, 40);
		uint64_t ratio = over > under ? over * (COMMON / under) : COMMON;

		if (rng_next(&rng) & 1) {
			fraction_add(&f, fraction_at_least_one(over, under), most);
			exact += ratio;
			clamped += exact > most * COMMON;
			exact = exact < most * COMMON ? exact : most * COMMON;
		} else {
			fraction_take(&f, fraction_at_least_one(over, under));
			clamped += ratio > exact;
			exact -= ratio < exact ? ratio : exact;
		}
		assert_same(&f, exact);
	}
	assert_true(clamped > 1000); /* both ends were met */
}

/* What is nearly whole is not whole: 1/362 - 1/363 = 7.6e-6. */
static void test_near(void **state)
{
	struct fraction f = {.whole = 3};

	(void)state;
	fraction_add(&f, fraction_at_least_one(363, 362), 100); /* 4 + 1/362 */
	fraction_take(&f, fraction_at_least_one(364, 363));     /* less 1 + 1/363 */
	assert_int_equal(fraction_compare(3, &f), -1);
	assert_int_equal(fraction_compare(4, &f), 1);
	fraction_take(&f, fraction_at_least_one(363, 362));
	fraction_add(&f, fraction_at_least_one(364, 363), 100);
	assert_int_equal(fraction_compare(3, &f), 0);
	fraction_take(&f, fraction_at_least_one(363, 362)); /* 2 - 1/362 */
	fraction_add(&f, fraction_at_least_one(364, 363),
		     100); /* 3 - 1/362 + 1/363: just below 3 */
	assert_int_equal(fraction_compare(3, &f), 1);
	assert_int_equal(fraction_compare(2, &f), -1);
}

/* As large as numbers of pages get. */
static void test_large(void **state)
{
	struct fraction f = {.whole = 0};

	(void)state;
	fraction_add(&f, fraction_at_least_one(UINT32_MAX, 1), UINT32_MAX);
	assert_int_equal(fraction_compare(UINT32_MAX, &f), 0);
	fraction_add(&f, fraction_at_least_one(UINT32_MAX, UINT32_MAX - 1), UINT32_MAX);
	assert_int_equal(fraction_compare(UINT32_MAX, &f), 0);
	fraction_take(&f, fraction_at_least_one(UINT32_MAX, UINT32_MAX - 1)); /* 1 + 2^-32 */
	assert_int_equal(fraction_compare(UINT32_MAX - 2, &f), -1);
	fraction_limit(&f, 7);
	assert_int_equal(fraction_compare(7, &f), 0);
	assert_int_equal(f.part, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
