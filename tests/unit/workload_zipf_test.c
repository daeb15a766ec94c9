/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workload_zipf_test.c: the integer Zipf sampler against k^-alpha in double precision, and the bijection.
 *
 * Chi-square over cells of at least 50 expected draws. Seeds are fixed, so the outcome is too; the bound is five
 * standard deviations of the statistic, and none of some forty combinations may pass it. A sampler that were off by
 * half a percent in its common ranks would.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest/core/zipf.h"

#define DRAWS 400000u

static unsigned *draw_counts(uint32_t ranks, uint32_t alpha_ppm, uint64_t seed)
{
	unsigned *count = calloc(ranks, sizeof(*count));
	struct rng rng = rng_seeded(seed);
	struct zipf zipf;

	assert_non_null(count);
	zipf_init(&zipf, ranks, alpha_ppm);
	for (unsigned i = 0; i < DRAWS; i++) {
		uint32_t rank = zipf_draw(&zipf, &rng);

		assert_true(rank < ranks);
		count[rank]++;
	}
	return count;
}

static void check_distribution(uint32_t ranks, uint32_t alpha_ppm)
{
	unsigned *count = draw_counts(ranks, alpha_ppm, 1000003ull * ranks + alpha_ppm);
	double alpha = alpha_ppm / 1e6, sum = 0, chi_square = 0, expected = 0, found = 0;
	double freedom = -1;

	for (uint32_t k = ranks; k > 0; k--)
		sum += pow(k, -alpha);
	for (uint32_t k = 1; k <= ranks; k++) {
		expected += DRAWS * pow(k, -alpha) / sum;
		found += count[k - 1];
		if (expected < 50 && k < ranks)
			continue;
		/* The last cell may be a small rest: then its own variance is what it may stray by. */
		if (expected > 1e-3) {
			chi_square += (found - expected) * (found - expected) / fmax(expected, 5);
			freedom += 1;
		} else {
			assert_true(found < 3);
		}
		expected = found = 0;
	}
	if (chi_square > freedom + 5 * sqrt(2 * freedom + 2))
		fail_msg("%u ranks, alpha %.6f: chi-square %.1f of %.0f", ranks, alpha, chi_square,
			 freedom);
	free(count);
}

static void test_distribution(void **state)
{
	static const uint32_t ranks[] = {1, 2, 3, 7, 64, 65, 1000, 60000};
	static const uint32_t alphas[] = {0,       1,       500000,  900000, 999999,
					  1000000, 1200000, 2000000, 4000000};

	(void)state;
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++)
		for (size_t j = 0; j < sizeof(alphas) / sizeof(alphas[0]); j++)
			check_distribution(ranks[i], alphas[j]);
}

/* The test can fail: draws at 0.9 are not taken for 0.92. */
static void test_distribution_tells_apart(void **state)
{
	unsigned *count = draw_counts(1000, 900000, 1);
	double sum = 0, chi_square = 0;

	(void)state;
	for (uint32_t k = 1; k <= 1000; k++)
		sum += pow(k, -0.92);
	for (uint32_t k = 1; k <= 1000; k++) {
		double expected = DRAWS * pow(k, -0.92) / sum;

		chi_square += (count[k - 1] - expected) * (count[k - 1] - expected) / expected;
	}
	assert_true(chi_square > 999 + 5 * sqrt(2 * 999));
	free(count);
}

/*
 * The weights behind the draws, exactly: bucket j must weigh count_j 2^-ja. Also at the largest memory there is, where
 * sums come closest to overflow.
 */
static void test_weights(void **state)
{
	static const uint32_t alphas[] = {0,       1,       250000,  500000, 999999,
					  1000000, 1000001, 1500000, 4000000};
	static const uint32_t ranks[] = {1, 60000, 1u << 28, (1u << 31) - 1, 1u << 31, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
		for (size_t j = 0; j < sizeof(alphas) / sizeof(alphas[0]); j++) {
			double total = 0, weight[ZIPF_BUCKETS];
			uint64_t before = 0;
			struct zipf z;

			zipf_init(&z, ranks[i], alphas[j]);
			assert_int_equal(z.buckets, (int)floor(log2(ranks[i])) + 1);
			for (uint32_t b = 0; b < z.buckets; b++) {
				double first = pow(2, b), left = ranks[i] - first + 1;

				weight[b] = fmin(first, left) * pow(first, alphas[j] / -1e6);
				total += weight[b];
			}
			for (uint32_t b = 0; b < z.buckets; b++) {
				double share = (double)(z.upto[b] - before) /
					       (double)z.upto[z.buckets - 1];

				assert_true(z.upto[b] >= before);
				assert_true(fabs(share - weight[b] / total) <
					    1e-9 * weight[b] / total + 1e-14);
				before = z.upto[b];
			}
			assert_true(before < 1ull << 63 && before >= 1ull << 55);
			assert_true(fabs((double)z.step[ZIPF_STEPS] / 0x1p63 -
					 pow(2, alphas[j] / -1e6)) < 1e-11);
		}
	}
}

static void test_big_memory(void **state)
{
	struct rng rng = rng_seeded(9);
	struct zipf zipf;
	unsigned upper = 0;

	(void)state;
	zipf_init(&zipf, UINT32_MAX, 0);
	for (unsigned i = 0; i < 10000; i++)
		upper += zipf_draw(&zipf, &rng) >= 1u << 31;
	assert_in_range(upper, 4750, 5250); /* 5000, give or take five standard deviations of 50 */
}

static void test_scatter(void **state)
{
	static const uint32_t sizes[] = {4096, 4097, 60000};

	(void)state;
	for (uint32_t n = 0; n < 303; n++) {
		uint32_t size = n < 300 ? n + 1 : sizes[n - 300];
		bool *seen = calloc(size, sizeof(*seen));
		struct rng rng = rng_seeded(n);
		struct scatter s;

		assert_non_null(seen);
		scatter_init(&s, size, &rng);
		for (uint32_t i = 0; i < size; i++) {
			uint32_t page = scatter_of(&s, i);

			assert_true(page < size);
			assert_false(seen[page]);
			seen[page] = true;
		}
		free(seen);
	}
}

/*
 * The 600 hottest of 60000 pages: were they dealt at random, 600 * 1 % = 6 would have their right neighbour among
 * them, and each sixth of the memory would hold 100.
 */
static void test_hot_pages_are_spread(void **state)
{
	bool *hot = calloc(60001, sizeof(*hot));

	(void)state;
	assert_non_null(hot);
	for (uint64_t seed = 0; seed < 20; seed++) {
		unsigned neighbours = 0, sixth[6] = {0};
		struct rng rng = rng_seeded(seed);
		struct scatter s;

		scatter_init(&s, 60000, &rng);
		for (uint32_t i = 0; i < 600; i++)
			hot[scatter_of(&s, i)] = true;
		for (uint32_t page = 0; page < 60000; page++) {
			neighbours += hot[page] && hot[page + 1];
			sixth[page / 10000] += hot[page];
		}
		assert_true(neighbours < 40);
		for (unsigned i = 0; i < 6; i++)
			assert_in_range(sixth[i], 50, 150);
		for (uint32_t page = 0; page < 60000; page++)
			hot[page] = false;
	}
	free(hot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distribution),
		cmocka_unit_test(test_distribution_tells_apart),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_big_memory),
		cmocka_unit_test(test_scatter),
		cmocka_unit_test(test_hot_pages_are_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
