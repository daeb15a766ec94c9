// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dedup_order_test.c: the scanner's order: each page once a pass, at random, whatever VMs come and go.
 */
#include <errno.h>

#include "tests/unit/dedup_scanner.h"

static struct dedup_scan *make_blocks(enum dedup_scan_order order, uint32_t block_pages)
{
	return scanner_make(order, block_pages, DEDUP_SCAN_UNLIMITED, DEDUP_SCAN_UNLIMITED);
}

static struct dedup_scan *make_unlimited(enum dedup_scan_order order)
{
	return make_blocks(order, 0);
}

static void a_pass_covers_each_page_once(void **state)
{
	static const uint32_t sizes[] = {1, 2,   3,    4,    5,    7,     8,
					 9, 100, 1000, 1024, 1025, 65536, 70001};
	uint8_t *seen = malloc(70001);
	uint32_t vm;

	(void)state;
	for (unsigned k = 0; k < 4; k++) {
		enum dedup_scan_order order = k % 2;

		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct dedup_scan *s = make_blocks(order, k / 2 * 8);

			dedup_scan_vm_add(s, 3, sizes[i], START);
			for (unsigned pass = 0; pass < 3; pass++) {
				memset(seen, 0, sizes[i]);
				assert_int_equal(dedup_scan_passes(s, 3), pass);
				for (uint32_t n = 0; n < sizes[i]; n++) {
					uint32_t g = next(s, START, &vm);

					assert_true(g < sizes[i]);
					assert_int_equal(seen[g]++, 0);
					assert_int_equal(vm, 3);
					if (order == DEDUP_SCAN_SEQUENTIAL)
						assert_int_equal(g, n);
				}
			}
			assert_int_equal(dedup_scan_passes(s, 3), 3);
			free(s);
		}
	}
	free(seen);
}

/* 40320 passes over 8 pages: which comes first, and which follows which, is as in random permutations. The limits are
 * the chi-square values exceeded with probability 1e-6 (7 and 55 degrees of freedom); the seed is fixed. Small VMs are
 * the hard case: their permutations are the smallest. */
static void random_order_is_random(void **state)
{
	struct dedup_scan *s = make_unlimited(DEDUP_SCAN_RANDOM);
	double first[8] = {0}, pair[8][8] = {{0}}, chi_first = 0, chi_pair = 0;
	const double passes = 40320;
	uint32_t vm;

	(void)state;
	dedup_scan_vm_add(s, 0, 8, START);
	for (unsigned pass = 0; pass < (unsigned)passes; pass++) {
		uint32_t before = next(s, START, &vm);

		first[before]++;
		for (unsigned n = 1; n < 8; n++) {
			uint32_t g = next(s, START, &vm);

			pair[before][g]++;
			before = g;
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		const double expected_first = passes / 8, expected_pair = passes * 7 / 56;

		chi_first +=
			(first[i] - expected_first) * (first[i] - expected_first) / expected_first;
		for (unsigned j = 0; j < 8; j++)
			if (i != j)
				chi_pair += (pair[i][j] - expected_pair) *
					    (pair[i][j] - expected_pair) / expected_pair;
	}
	assert_true(chi_first < 40.5);
	assert_true(chi_pair < 116);
	free(s);
}

/* 1001 pages in blocks of 8: 126 of them, the last of one page; order rises in each, and blocks come as in a random
 * permutation: 1 rise in 2 from a block to the next. 40 to 86 of 125 is what one in 50000 permutations misses. */
static void blocks_are_in_order(void **state)
{
	struct dedup_scan *s = make_blocks(DEDUP_SCAN_RANDOM, 8);
	uint32_t vm, before = 0, rises = 0;

	(void)state;
	dedup_scan_vm_add(s, 0, 1001, START);
	for (unsigned block = 0; block < 126; block++) {
		uint32_t first = next(s, START, &vm), pages = first == 1000 ? 1 : 8;

		assert_int_equal(first % 8, 0);
		for (uint32_t i = 1; i < pages; i++)
			assert_int_equal(next(s, START, &vm), first + i);
		rises += block && first > before;
		before = first;
	}
	assert_in_range(rises, 40, 86);
	assert_int_equal(dedup_scan_passes(s, 0), 1);
	free(s);
}

/* Another order in each pass, of each VM and of a VM that came back; the same with the same seed. */
static void orders_differ(void **state)
{
	struct dedup_scan *s = make_unlimited(DEDUP_SCAN_RANDOM);
	struct dedup_scan *same = make_unlimited(DEDUP_SCAN_RANDOM);
	uint32_t order[4][256], vm, fixed[4][4] = {{0}};

	(void)state;
	for (uint32_t v = 0; v < 2; v++) {
		dedup_scan_vm_add(s, v, 256, START);
		dedup_scan_vm_add(same, v, 256, START);
	}
	for (unsigned n = 0; n < 1024; n++) {
		uint32_t g = next(s, START, &vm);

		assert_int_equal(vm, n % 2);
		order[vm + 2 * (n >= 512)][n / 2 % 256] = g;
		assert_int_equal(next(same, START, &vm), g);
	}
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < i; j++)
			for (unsigned n = 0; n < 256; n++)
				fixed[i][j] += order[i][n] == order[j][n];
	/* two random orders agree in one place on average; in ten once in a million */
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < i; j++)
			assert_in_range(fixed[i][j], 0, 9);
	dedup_scan_vm_remove(s, 0);
	dedup_scan_vm_remove(s, 1);
	dedup_scan_vm_add(s, 0, 256, START);
	assert_int_equal(dedup_scan_passes(s, 0), 0);
	fixed[0][0] = 0;
	for (unsigned n = 0; n < 256; n++)
		fixed[0][0] += next(s, START, &vm) == order[0][n];
	assert_in_range(fixed[0][0], 0, 9);
	free(s);
	free(same);
}

/* VM 1 comes in the middle of VM 0's pass, VM 0 goes in the middle of its next; nobody else's pass is disturbed. */
static void vms_come_and_go(void **state)
{
	struct dedup_scan *s = make_unlimited(DEDUP_SCAN_RANDOM);
	bool seen[2][100] = {{false}};
	uint64_t given, skipped;
	uint32_t vm, g;

	(void)state;
	dedup_scan_vm_add(s, 0, 100, START);
	for (unsigned n = 0; n < 60; n++)
		seen[0][next(s, START, &vm)] = true;
	dedup_scan_vm_add(s, 1, 100, START);
	for (unsigned n = 0; n < 80; n++) { /* 40 each */
		g = next(s, START, &vm);
		assert_false(seen[vm][g]);
		seen[vm][g] = true;
	}
	assert_int_equal(dedup_scan_passes(s, 0), 1);
	assert_int_equal(dedup_scan_passes(s, 1), 0);
	for (g = 0; g < 100; g++)
		assert_true(seen[0][g]);
	g = next(s, START, &vm);
	assert_int_equal(vm, 1);
	assert_false(seen[1][g]);
	seen[1][g] = true;
	(void)next(s, START, &vm);
	assert_int_equal(vm, 0);
	dedup_scan_vm_remove(s, 0);
	dedup_scan_skipped(s); /* its VM is gone: nothing */
	dedup_scan_counts(s, &given, &skipped);
	assert_int_equal(given, 60 + 80 + 2);
	assert_int_equal(skipped, 0);
	dedup_scan_vm_remove(s, 0);
	for (unsigned n = 0; n < 59; n++) {
		g = next(s, START, &vm);
		assert_int_equal(vm, 1);
		assert_false(seen[1][g]);
		seen[1][g] = true;
	}
	assert_int_equal(dedup_scan_passes(s, 1), 1);
	free(s);
}

static void refuses_no_vms(void **state)
{
	const struct dedup_scan_config c = {.max_vms = 0};
	void *mem = malloc(dedup_scan_bytes(1));

	(void)state;
	assert_int_equal(dedup_scan_init(mem, &c), -EINVAL);
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pass_covers_each_page_once),
		cmocka_unit_test(random_order_is_random),
		cmocka_unit_test(blocks_are_in_order),
		cmocka_unit_test(orders_differ),
		cmocka_unit_test(vms_come_and_go),
		cmocka_unit_test(refuses_no_vms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
