// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dedup_rate_test.c: the scanner's rates under a fake clock, to the page: of all VMs, of each, while skipping.
 */
#include "tests/unit/dedup_scanner.h"

#define MS 1000000ull

static struct dedup_scan *make(enum dedup_scan_order order, uint32_t rate, uint32_t vm_rate)
{
	return scanner_make(order, 0, rate, vm_rate);
}

/* The caller polls every step_ns from START on, for a second, START + 1 s included; counts what each VM got. */
static uint32_t poll_a_second(struct dedup_scan *s, uint64_t step_ns, uint32_t got[VMS], bool skip)
{
	uint32_t vm, all = 0;
	uint64_t again_ns;
	gfn_t g;

	memset(got, 0, VMS * sizeof(got[0]));
	for (uint64_t now_ns = START; now_ns <= START + NS_PER_S; now_ns += step_ns) {
		while (dedup_scan_next(s, now_ns, &vm, &g, &again_ns)) {
			got[vm]++;
			all++;
			if (skip)
				dedup_scan_skipped(s);
		}
		assert_true(again_ns > now_ns);
	}
	return all;
}

/* Polled every so often, the buckets empty at START: a second's worth in a second, to the page. */
static void rates_are_exact(void **state)
{
	static const uint32_t rates[] = {1, 7, 50, 99, 101, 200, 20000, 33333, 1000000};
	static const uint64_t steps[] = {MS / 10, MS, 4 * MS, 10 * MS};
	uint32_t got[VMS];

	(void)state;
	for (unsigned r = 0; r < sizeof(rates) / sizeof(rates[0]); r++) {
		for (unsigned t = 0; t < sizeof(steps) / sizeof(steps[0]); t++) {
			struct dedup_scan *s =
				make(DEDUP_SCAN_RANDOM, rates[r], DEDUP_SCAN_UNLIMITED);

			dedup_scan_vm_add(s, 0, 1000, START);
			dedup_scan_vm_add(s, 5, 3000, START);
			assert_int_equal(poll_a_second(s, steps[t], got, false), rates[r]);
			assert_int_equal(got[0], rates[r] / 2 + rates[r] % 2);
			assert_int_equal(got[5], rates[r] / 2);
			free(s);
		}
	}
}

/* Coming back exactly when told gets one page each time, evenly: page k at k / rate. */
static void told_when_to_come(void **state)
{
	struct dedup_scan *s = make(DEDUP_SCAN_SEQUENTIAL, 30, DEDUP_SCAN_UNLIMITED);
	uint64_t now_ns = START, again_ns = 0;
	uint32_t vm;
	gfn_t g;

	(void)state;
	/* nothing to scan */
	assert_false(dedup_scan_next(s, now_ns, &vm, &g, &again_ns));
	assert_true(again_ns > now_ns);
	dedup_scan_vm_add(s, 0, 1000, START);
	for (uint64_t k = 1; k <= 90; k++) {
		assert_false(dedup_scan_next(s, now_ns, &vm, &g, &again_ns));
		assert_int_equal(again_ns, START + (k * NS_PER_S + 29) / 30);
		assert_false(dedup_scan_next(s, again_ns - 1, &vm, &g, &again_ns));
		now_ns = again_ns;
		assert_int_equal(next(s, now_ns, &vm), k - 1);
	}
	free(s);
}

static void never_again(void **state)
{
	struct dedup_scan *s = make(DEDUP_SCAN_RANDOM, 0, 100);
	uint64_t again_ns = 0;
	uint32_t vm;
	gfn_t g;

	(void)state;
	dedup_scan_vm_add(s, 0, 10, START);
	assert_false(dedup_scan_next(s, START + NS_PER_S, &vm, &g, &again_ns));
	assert_true(again_ns == UINT64_MAX);
	dedup_scan_rates_set(s, 100, 0, START + NS_PER_S);
	again_ns = 0;
	assert_false(dedup_scan_next(s, START + 2 * NS_PER_S, &vm, &g, &again_ns));
	assert_true(again_ns == UINT64_MAX);
	dedup_scan_rates_set(s, 100, 100, START + 2 * NS_PER_S);
	dedup_scan_vm_remove(s, 0);
	again_ns = 0;
	assert_false(dedup_scan_next(s, START + 3 * NS_PER_S, &vm, &g, &again_ns));
	assert_true(again_ns == UINT64_MAX);
	free(s);
}

/* A minute in which nobody asked buys a page and 10 ms, of the machine and of each VM. */
static void no_burst(void **state)
{
	struct dedup_scan *s = make(DEDUP_SCAN_RANDOM, 20000, 5000);
	uint64_t now_ns = START + 60 * NS_PER_S, again_ns;
	uint32_t vm, got[VMS] = {0}, all = 0;
	gfn_t g;

	(void)state;
	for (uint32_t v = 0; v < 2; v++)
		dedup_scan_vm_add(s, v, 1000, START);
	for (; dedup_scan_next(s, now_ns, &vm, &g, &again_ns); all++)
		got[vm]++;
	assert_int_equal(got[0], 51);
	assert_int_equal(got[1], 51);
	assert_int_equal(again_ns, now_ns + NS_PER_S / 5000);
	free(s);
	s = make(DEDUP_SCAN_RANDOM, 20000, DEDUP_SCAN_UNLIMITED);
	dedup_scan_vm_add(s, 0, 1000, START);
	for (all = 0; dedup_scan_next(s, now_ns, &vm, &g, &again_ns);)
		all++;
	assert_int_equal(all, 201);
	/* time that goes back earns nothing and breaks nothing */
	assert_false(dedup_scan_next(s, now_ns - NS_PER_S, &vm, &g, &again_ns));
	assert_false(dedup_scan_next(s, now_ns, &vm, &g, &again_ns));
	free(s);
}

/* The rate of each VM binds; then that of all; sizes do not matter. */
static void turns_and_rates_of_each(void **state)
{
	uint32_t got[VMS];
	struct dedup_scan *s = make(DEDUP_SCAN_RANDOM, 10000, 300);

	(void)state;
	dedup_scan_vm_add(s, 1, 10, START);
	dedup_scan_vm_add(s, 2, 100000, START);
	dedup_scan_vm_add(s, 7, 1, START);
	assert_int_equal(poll_a_second(s, MS, got, false), 900);
	assert_int_equal(got[1], 300);
	assert_int_equal(got[2], 300);
	assert_int_equal(got[7], 300);
	assert_int_equal(dedup_scan_passes(s, 1), 30);
	assert_int_equal(dedup_scan_passes(s, 7), 300);
	free(s);
	s = make(DEDUP_SCAN_RANDOM, 600, 300);
	dedup_scan_vm_add(s, 1, 10, START);
	dedup_scan_vm_add(s, 2, 100000, START);
	dedup_scan_vm_add(s, 7, 1, START);
	assert_int_equal(poll_a_second(s, MS, got, false), 600);
	assert_int_equal(got[1], 200);
	assert_int_equal(got[2], 200);
	assert_int_equal(got[7], 200);
	free(s);
}

/* Sixteen skipped pages for one. */
static void skipping_is_cheap_and_bounded(void **state)
{
	struct dedup_scan *s = make(DEDUP_SCAN_RANDOM, 1000, DEDUP_SCAN_UNLIMITED);
	uint32_t got[VMS], vm, looked = 0, all = 0;
	uint64_t again_ns, given, skipped;
	gfn_t g;

	(void)state;
	dedup_scan_vm_add(s, 0, 64, START);
	/* a page needs its whole price at hand: after a second, 1000 prices in all, of which a level below one is left */
	assert_in_range(poll_a_second(s, MS, got, true), 16 * 999 + 1, 16 * 1000);
	dedup_scan_counts(s, &given, &skipped);
	assert_int_equal(given, got[0]);
	assert_int_equal(skipped, got[0]);
	free(s);
	/* of each VM too; three of four pages are skipped: a good one costs 1 + 3/16 */
	s = make(DEDUP_SCAN_SEQUENTIAL, DEDUP_SCAN_UNLIMITED, 1900);
	dedup_scan_vm_add(s, 0, 64, START);
	for (uint64_t now_ns = START; now_ns <= START + NS_PER_S; now_ns += MS) {
		while (dedup_scan_next(s, now_ns, &vm, &g, &again_ns)) {
			all++;
			if (g.v % 4) {
				dedup_scan_skipped(s);
				dedup_scan_skipped(s); /* once a page only */
			} else {
				looked++;
			}
		}
	}
	assert_int_equal(looked, 1600);
	assert_in_range(all, 6400 - 3, 6400 + 3);
	dedup_scan_counts(s, &given, &skipped);
	assert_int_equal(given, all);
	assert_int_equal(skipped, all - looked);
	free(s);
}

/* VM 1 is there for the second half only: 500 of 1000 pages/s then, 250 in the second. */
static void half_a_second_each(void **state)
{
	struct dedup_scan *s = make(DEDUP_SCAN_RANDOM, 1000, DEDUP_SCAN_UNLIMITED);
	uint32_t vm, got[VMS] = {0};
	uint64_t again_ns;
	gfn_t g;

	(void)state;
	dedup_scan_vm_add(s, 0, 5000, START);
	for (uint64_t ms = 0; ms <= 1000; ms++) {
		while (dedup_scan_next(s, START + ms * MS, &vm, &g, &again_ns))
			got[vm]++;
		if (ms == 500)
			dedup_scan_vm_add(s, 1, 5000, START + ms * MS);
	}
	assert_int_equal(got[0], 750);
	assert_int_equal(got[1], 250);
	free(s);
}

/* 1000/s, then unlimited, then 10/s: what was saved up under a higher rate is not paid out. */
static void rates_change(void **state)
{
	struct dedup_scan *s = make(DEDUP_SCAN_RANDOM, 1000, 1000);
	uint64_t again_ns, now_ns = START + 5 * MS;
	uint32_t vm, n;
	gfn_t g;

	(void)state;
	dedup_scan_vm_add(s, 0, 100, START);
	for (n = 0; dedup_scan_next(s, now_ns, &vm, &g, &again_ns);)
		n++;
	assert_int_equal(n, 5);
	dedup_scan_rates_set(s, DEDUP_SCAN_UNLIMITED, DEDUP_SCAN_UNLIMITED, now_ns);
	for (n = 0; n < 100000; n++)
		(void)next(s, now_ns, &vm);
	dedup_scan_rates_set(s, 10, DEDUP_SCAN_UNLIMITED, now_ns);
	for (n = 0; dedup_scan_next(s, now_ns, &vm, &g, &again_ns);)
		n++;
	/* the top of the bucket at 10/s: one page and 10 ms, a tenth of one */
	assert_int_equal(n, 1);
	assert_int_equal(again_ns, now_ns + 90 * MS);
	dedup_scan_rates_set(s, DEDUP_SCAN_UNLIMITED, 10, now_ns);
	for (n = 0; dedup_scan_next(s, now_ns, &vm, &g, &again_ns);)
		n++;
	assert_int_equal(n, 1);
	free(s);
}

/* A page with nine beside costs as much as ten, in its VM's rate and in that of all; a skipped page's neighbours nothing
 * more. 10 pages a second, 5 a VM. */
static void what_is_looked_at_beside(void **state)
{
	struct dedup_scan *s = make(DEDUP_SCAN_SEQUENTIAL, 10, 5);
	uint64_t again_ns = 0;
	uint32_t vm;
	gfn_t g;

	(void)state;
	dedup_scan_beside(s, 0); /* not scanned yet */
	dedup_scan_vm_add(s, 0, 1000, START);
	dedup_scan_vm_add(s, 1, 1000, START);
	assert_int_equal(next(s, START + NS_PER_S / 5, &vm),
			 0); /* at 0.2 s VM 0 has a page's price */
	assert_int_equal(vm, 0);
	for (unsigned i = 0; i < 9; i++)
		dedup_scan_beside(s, 0);
	/* the bucket of all held at most 1.1 pages, now at least -8.9: 0.99 s until it has a price */
	assert_false(dedup_scan_next(s, START + NS_PER_S, &vm, &g, &again_ns));
	assert_int_equal(again_ns, START + NS_PER_S / 5 + 990 * MS);
	assert_int_equal(next(s, again_ns, &vm), 0);
	assert_int_equal(vm, 1);
	/* VM 0 owes 9 pages less what its bucket held beyond the first: 0; 10 pages take 2 s from then */
	assert_false(dedup_scan_next(s, START + NS_PER_S / 5 + 2000 * MS - 1, &vm, &g, &again_ns) &&
		     vm == 0);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_exact),
		cmocka_unit_test(told_when_to_come),
		cmocka_unit_test(never_again),
		cmocka_unit_test(no_burst),
		cmocka_unit_test(turns_and_rates_of_each),
		cmocka_unit_test(skipping_is_cheap_and_bounded),
		cmocka_unit_test(half_a_second_each),
		cmocka_unit_test(rates_change),
		cmocka_unit_test(what_is_looked_at_beside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
