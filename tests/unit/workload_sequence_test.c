/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workload_sequence_test.c: the steps of each kind of workload, and of schedules.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/core/workload.h"

static struct workload_spec one_phase(enum workload_kind kind, uint32_t pages)
{
	struct workload_spec spec = {.nr_phases = 1, .phase = {{.kind = kind, .pages = pages}}};
	uint32_t bad;

	assert_int_equal(workload_check(&spec, &bad), 0);
	return spec;
}

static void expect_op(struct workload *w, enum workload_op op)
{
	struct workload_step step = workload_next(w);

	assert_int_equal(step.op, op);
	assert_int_equal(step.page, 0);
	assert_false(step.write);
}

/* Begins a phase and takes it through filling, which must be pages 0 .. pages - 1 in order. */
static void fill(struct workload *w, npages_t free_pages, uint32_t pages)
{
	expect_op(w, STEP_BEGIN);
	expect_op(w, STEP_BEGIN);
	workload_phase_begin(w, free_pages);
	for (uint32_t page = 0; page < pages; page++) {
		struct workload_step step = workload_next(w);

		assert_int_equal(step.op, STEP_FILL);
		assert_int_equal(step.page, page);
		assert_false(step.write);
	}
}

static struct workload_step touch(struct workload *w)
{
	struct workload_step step = workload_next(w);

	assert_int_equal(step.op, STEP_TOUCH);
	return step;
}

static void test_toucher(void **state)
{
	struct workload_spec spec = one_phase(WORK_TOUCHER, 5);
	struct workload w;

	(void)state;
	workload_init(&w, &spec, 7, 0);
	fill(&w, 0, 5);
	for (uint32_t i = 0; i < 23; i++)
		assert_int_equal(touch(&w).page, i % 5);
}

static void test_scan(void **state)
{
	struct workload_spec spec = one_phase(WORK_SCAN, 1000);
	uint32_t first[10], same = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 10; seed++) {
		struct workload w;

		workload_init(&w, &spec, seed, 0);
		fill(&w, 0, 1000);
		first[seed] = touch(&w).page;
		for (uint32_t i = 1; i < 3000; i++)
			assert_int_equal(touch(&w).page, (first[seed] + i) % 1000);
		for (uint64_t other = 0; other < seed; other++)
			same += first[other] == first[seed];
	}
	assert_true(same <= 1); /* 45 pairs, each equal with probability 1/1000 */
}

/* Rank r lands on one page, whose share is that of the rank: the hottest three of 100 at alpha 1 have 1/H, 1/2H, 1/3H. */
static void test_zipf(void **state)
{
	struct workload_spec spec = one_phase(WORK_ZIPF, 100);
	unsigned count[100] = {0}, top[3] = {0};
	const double harmonic = 5.187377517639621; /* sum of 1/k, k to 100 */
	struct workload w;

	(void)state;
	spec.phase[0].alpha_ppm = 1000000;
	workload_init(&w, &spec, 3, 0);
	fill(&w, 0, 100);
	for (unsigned i = 0; i < 100000; i++) {
		struct workload_step step = touch(&w);

		assert_true(step.page < 100);
		count[step.page]++;
	}
	for (unsigned i = 0; i < 3; i++) {
		unsigned best = 0;

		for (unsigned page = 1; page < 100; page++)
			if (count[page] > count[best])
				best = page;
		top[i] = count[best];
		count[best] = 0;
		/* five standard deviations, below sqrt(19277) = 139 for the first */
		assert_true(top[i] > 100000 / harmonic / (i + 1) - 700);
		assert_true(top[i] < 100000 / harmonic / (i + 1) + 700);
	}
	for (unsigned page = 0; page < 100; page++)
		top[0] += count[page] == 0;
	assert_true(top[0] > 0);
}

/* Alpha 4 of 1000 pages: rank 1 takes 92 % of the touches. Which page it is, the seed says. */
static void test_zipf_is_scattered(void **state)
{
	struct workload_spec spec = one_phase(WORK_ZIPF, 1000);
	uint32_t hottest[10] = {0}, same = 0, low = 0;

	(void)state;
	spec.phase[0].alpha_ppm = 4000000;
	for (uint64_t seed = 0; seed < 10; seed++) {
		unsigned count[1000] = {0};
		struct workload w;

		workload_init(&w, &spec, seed, 0);
		fill(&w, 0, 1000);
		for (unsigned i = 0; i < 100; i++) {
			uint32_t page = touch(&w).page;

			if (++count[page] == 70)
				hottest[seed] = page;
		}
		assert_true(count[hottest[seed]] >= 70);
		low += hottest[seed] < 10;
		for (uint64_t other = 0; other < seed; other++)
			same += hottest[other] == hottest[seed];
	}
	assert_true(low <= 2 && same <= 1); /* a tenth, and 45 pairs in 1000, expected */
}

static void test_idle_and_boot(void **state)
{
	struct workload_spec idle = one_phase(WORK_IDLE, 0), boot = one_phase(WORK_BOOT, 0);
	struct workload w;

	(void)state;
	workload_init(&w, &idle, 1, 1);
	fill(&w, 1000, 0);
	expect_op(&w, STEP_WAIT);
	expect_op(&w, STEP_WAIT);

	boot.phase[0].common_ppm = PPM;
	workload_init(&w, &boot, 1, 1);
	fill(&w, 1234, 1234);
	expect_op(&w, STEP_WAIT);
	for (uint32_t page = 0; page < 1234; page++)
		assert_int_equal(content_class_of(workload_content(&w), page), CONTENT_ZERO);

	workload_init(&w, &boot, 1, 1);
	fill(&w, 0, 0); /* nothing free: nothing to zero */
	expect_op(&w, STEP_WAIT);
}

static void test_phases(void **state)
{
	struct workload_spec spec = {
		.nr_phases = 3,
		.phase = {{.kind = WORK_TOUCHER, .pages = 3, .duration_ns = 1},
			  {.kind = WORK_BOOT, .duration_ns = 1},
			  {.kind = WORK_IDLE}},
	};
	struct workload w;
	uint32_t bad;

	(void)state;
	assert_int_equal(workload_check(&spec, &bad), 0);
	workload_init(&w, &spec, 1, 1);
	workload_phase_over(&w); /* nothing runs yet */
	fill(&w, 0, 3);
	workload_phase_begin(&w, 0); /* runs already */
	assert_int_equal(touch(&w).page, 0);
	assert_int_equal(touch(&w).page, 1);
	assert_ptr_equal(workload_phase(&w), &spec.phase[0]);
	workload_phase_over(&w);
	workload_phase_over(&w);
	expect_op(&w, STEP_PHASE_END);
	assert_ptr_equal(workload_phase(&w), &spec.phase[1]);
	fill(&w, 100, 50); /* half of it */
	workload_phase_over(&w);
	expect_op(&w, STEP_PHASE_END);
	fill(&w, 0, 0);
	expect_op(&w, STEP_WAIT);
	workload_phase_over(&w);
	expect_op(&w, STEP_PHASE_END);
	expect_op(&w, STEP_DONE);
	workload_phase_over(&w);
	expect_op(&w, STEP_DONE);
	assert_ptr_equal(workload_phase(&w), &spec.phase[2]);
}

/* 20000 touches of two workloads: same pages? same writes? */
static void compare(const struct workload_spec *a_spec, uint64_t a_seed, uint64_t a_vm,
		    const struct workload_spec *b_spec, uint64_t b_seed, uint64_t b_vm,
		    bool *pages_same, bool *writes_same)
{
	struct workload a, b;

	memset(&a, 0x11, sizeof(a));
	memset(&b, 0x22, sizeof(b));
	workload_init(&a, a_spec, a_seed, a_vm);
	workload_init(&b, b_spec, b_seed, b_vm);
	fill(&a, 0, a_spec->phase[0].pages);
	fill(&b, 1, b_spec->phase[0].pages);
	*pages_same = *writes_same = true;
	for (unsigned i = 0; i < 20000; i++) {
		struct workload_step x = touch(&a), y = touch(&b);

		*pages_same &= x.page == y.page;
		*writes_same &= x.write == y.write;
	}
}

static void test_determinism(void **state)
{
	struct workload_spec spec = one_phase(WORK_ZIPF, 5000), other;
	bool pages, writes;

	(void)state;
	spec.phase[0].alpha_ppm = 900000;
	spec.phase[0].write_ppm = 300000;
	other = spec;
	compare(&spec, 5, 1, &other, 5, 1, &pages, &writes);
	assert_true(pages && writes);
	compare(&spec, 5, 1, &other, 5, 2, &pages, &writes); /* the VM matters to content only */
	assert_true(pages && writes);
	compare(&spec, 5, 1, &other, 6, 1, &pages, &writes);
	assert_true(!pages && !writes);
	other.phase[0].write_ppm = 400000;
	other.phase[0].zero_ppm = 100000;
	other.phase[0].rate = 1;
	compare(&spec, 5, 1, &other, 5, 1, &pages, &writes);
	assert_true(pages && !writes);
}

/* A phase's touches do not depend on how long the phase before it ran. */
static void test_phases_are_independent(void **state)
{
	struct workload_spec spec = {
		.nr_phases = 2,
		.phase = {{.kind = WORK_ZIPF, .pages = 100, .write_ppm = PPM / 2, .duration_ns = 1},
			  {.kind = WORK_ZIPF, .pages = 100, .write_ppm = PPM / 2}},
	};
	struct workload a, b;
	unsigned same_as_first = 0;
	uint32_t first[200];

	(void)state;
	workload_init(&a, &spec, 1, 1);
	workload_init(&b, &spec, 1, 1);
	fill(&a, 0, 100);
	fill(&b, 0, 100);
	for (unsigned i = 0; i < 200; i++)
		first[i] = touch(&a).page;
	workload_phase_over(&a);
	workload_phase_over(&b);
	expect_op(&a, STEP_PHASE_END);
	expect_op(&b, STEP_PHASE_END);
	fill(&a, 0, 100);
	fill(&b, 0, 100);
	for (unsigned i = 0; i < 200; i++) {
		struct workload_step x = touch(&a), y = touch(&b);

		assert_int_equal(x.page, y.page);
		assert_int_equal(x.write, y.write);
		same_as_first += x.page == first[i];
	}
	assert_true(same_as_first < 20); /* two expected */
}

static void test_write_share(void **state)
{
	static const uint32_t shares[] = {0, 1000, 300000, 999000, PPM};

	(void)state;
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		struct workload_spec spec = one_phase(WORK_TOUCHER, 10);
		unsigned writes = 0, expected = shares[i] / 10; /* of 100000 */
		struct workload w;

		spec.phase[0].write_ppm = shares[i];
		workload_init(&w, &spec, 77, 0);
		fill(&w, 0, 10);
		for (unsigned n = 0; n < 100000; n++)
			writes += touch(&w).write;
		if (expected == 0 || expected == 100000)
			assert_int_equal(writes, expected);
		else /* five standard deviations: 10 at 0.1 %, 145 at 30 % */
			assert_in_range(writes, expected - (expected == 30000 ? 725 : 50),
					expected + (expected == 30000 ? 725 : 50));
	}
}

static void expect_bad(struct workload_spec spec, uint32_t phase)
{
	uint32_t bad = 99;

	assert_int_equal(workload_check(&spec, &bad), -EINVAL);
	assert_int_equal(bad, phase);
}

#define WITH(field, value)                         \
	({                                         \
		struct workload_spec copy_ = good; \
		copy_.field = (value);             \
		copy_;                             \
	})

static void test_check(void **state)
{
	const struct workload_spec good = {
		.nr_phases = 2,
		.phase = {{.kind = WORK_ZIPF,
			   .pages = 9,
			   .alpha_ppm = 4000000,
			   .zero_ppm = 400000,
			   .common_ppm = 400000,
			   .class_ppm = 200000,
			   .write_ppm = PPM,
			   .duration_ns = 1},
			  {.kind = WORK_SCAN, .pages = UINT32_MAX, .duration_ns = 5}},
	};
	struct workload_spec lasting = good;
	uint32_t bad;

	(void)state;
	assert_int_equal(workload_check(&good, &bad), 0);
	expect_bad(WITH(nr_phases, 0), 0);
	expect_bad(WITH(nr_phases, 9), 0);
	expect_bad(WITH(phase[1].kind, 5), 1);
	expect_bad(WITH(phase[0].pages, 0), 0);
	expect_bad(WITH(phase[1].pages, 0), 1);
	expect_bad(WITH(phase[1].kind, WORK_IDLE), 1);
	expect_bad(WITH(phase[1].kind, WORK_BOOT), 1);
	expect_bad(WITH(phase[0].write_ppm, PPM + 1), 0);
	expect_bad(WITH(phase[0].alpha_ppm, 4000001), 0);
	expect_bad(WITH(phase[0].class_ppm, 200001), 0);
	expect_bad(WITH(phase[0].class_ppm, UINT32_MAX), 0); /* the sum would wrap to below PPM */
	expect_bad(WITH(phase[0].thin_ppm, 1), 0);
	expect_bad(WITH(phase[0].duration_ns, 0), 0);
	lasting.phase[1].duration_ns = 0;
	assert_int_equal(workload_check(&lasting, &bad), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_toucher),       cmocka_unit_test(test_scan),
		cmocka_unit_test(test_zipf),          cmocka_unit_test(test_zipf_is_scattered),
		cmocka_unit_test(test_idle_and_boot), cmocka_unit_test(test_phases),
		cmocka_unit_test(test_determinism),   cmocka_unit_test(test_phases_are_independent),
		cmocka_unit_test(test_write_share),   cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
