/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_naive_test.c: every policy under random operations, against models that are arrays and loops.
 *
 * The model keeps the pages of fifo, lru and clock in a plain array, first to leave first, and says exactly which page
 * must be named. For random it keeps a set; that victims are uniform in it is tested apart, by chi-square. Reference
 * bits and refusals are drawn as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/policy/policy.h"

#define PAGES 64u
#define STEPS 60000u
#define SEEDS 4u

enum kind { FIFO, LRU, CLOCK, RANDOM };

struct model {
	enum kind kind;
	uint32_t order[PAGES], nr;
	bool hit[PAGES];     /* clock's bit */
	uint32_t named;      /* fifo: a victim that may yet be cancelled */
	bool refused[PAGES]; /* what the filter says */
	bool referenced[PAGES], policy_referenced[PAGES]; /* the model's copy, and the policy's */
};

static uint32_t model_index(const struct model *m, uint32_t page)
{
	uint32_t i = 0;

	while (i < m->nr && m->order[i] != page)
		i++;
	return i;
}

static void model_take(struct model *m, uint32_t page)
{
	uint32_t i = model_index(m, page);

	assert_true(i < m->nr);
	memmove(&m->order[i], &m->order[i + 1], (--m->nr - i) * sizeof(m->order[0]));
}

static void model_to_back(struct model *m, uint32_t page)
{
	model_take(m, page);
	m->order[m->nr++] = page;
}

/* Does this page get another round? */
static bool model_spares(struct model *m, uint32_t page, bool filtered)
{
	bool bit = filtered && m->referenced[page];

	if (m->kind == FIFO)
		return false;
	if (filtered)
		m->referenced[page] = false;
	if (m->kind == LRU)
		return bit;
	bit |= m->hit[page];
	m->hit[page] = false;
	return bit;
}

static bool model_victim(struct model *m, bool filtered, uint32_t *page_out)
{
	/* Bits are cleared in one round, so what is not found in two is not there. */
	for (uint32_t looked = 0; looked < 2 * m->nr; looked++) {
		uint32_t page = m->order[0];

		if (!(filtered && m->refused[page]) && !model_spares(m, page, filtered)) {
			*page_out = m->named = page;
			return true;
		}
		model_to_back(m, page);
	}
	return false;
}

static bool model_may_leave(void *ctx, uint32_t page)
{
	const struct model *m = ctx;

	assert_true(model_index(m, page) < m->nr);
	return !m->refused[page];
}

static bool model_referenced(void *ctx, uint32_t page)
{
	struct model *m = ctx;
	bool was = m->policy_referenced[page];

	m->policy_referenced[page] = false;
	return was;
}

static void step_victim(struct model *m, const struct policy_ops *ops, void *mem, struct rng *rng)
{
	const struct victim_filter filter = {model_may_leave, model_referenced, m, NULL, NULL};
	struct model before = *m;
	bool filtered = rng_below(rng, 4) != 0, expected, found;
	uint32_t page = 0, expected_page = UINT32_MAX;

	found = ops->victim(mem, filtered ? &filter : NULL, &page);
	if (m->kind == RANDOM) {
		uint32_t willing = 0;

		for (uint32_t i = 0; i < m->nr; i++)
			willing += !(filtered && m->refused[m->order[i]]);
		assert_int_equal(found, willing > 0);
		assert_memory_equal(m, &before, sizeof(before));
		if (found) {
			assert_true(model_index(m, page) < m->nr);
			assert_false(filtered && m->refused[page]);
		}
	} else {
		m->named = UINT32_MAX;
		expected = model_victim(m, filtered, &expected_page);
		assert_int_equal(found, expected);
		assert_int_equal(page, expected_page);
		assert_memory_equal(m->referenced, m->policy_referenced, sizeof(m->referenced));
	}
	if (!found || rng_below(rng, 8) == 0)
		return;
	if (rng_below(rng, 4) == 0) { /* cancelled */
		ops->accessed(mem, page, true, 0);
		if (m->kind == CLOCK)
			m->hit[page] = true;
		else if (m->kind != RANDOM)
			model_to_back(m, page);
	} else {
		ops->removed(mem, page, POLICY_EVICTED);
		model_take(m, page);
	}
	m->named = UINT32_MAX;
}

static void step(struct model *m, const struct policy_ops *ops, void *mem, struct rng *rng)
{
	uint32_t page = (uint32_t)rng_below(rng, PAGES);
	bool resident = model_index(m, page) < m->nr;

	switch (rng_below(rng, 8)) {
	case 0:
		m->refused[page] = rng_below(rng, 3) == 0;
		break;
	case 1:
		m->referenced[page] = m->policy_referenced[page] = true;
		break;
	case 2:
		if (!resident)
			break;
		ops->removed(mem, page, POLICY_GONE);
		model_take(m, page);
		if (m->named == page)
			m->named = UINT32_MAX;
		break;
	case 3:
	case 4:
		step_victim(m, ops, mem, rng);
		break;
	default:
		if (!resident) {
			ops->inserted(mem, page, 0);
			m->order[m->nr++] = page;
			m->hit[page] = false;
			break;
		}
		ops->accessed(mem, page, false, 0);
		m->hit[page] = true;
		if (m->kind == LRU || (m->kind == FIFO && m->named == page))
			model_to_back(m, page);
		if (m->named == page)
			m->named = UINT32_MAX;
	}
}

static void run(enum kind kind, const char *name, uint64_t seed)
{
	const struct policy_ops *ops = policy_find(name);
	struct rng rng = rng_seeded(seed), policy_rng = rng_seeded(~seed);
	struct model m = {.kind = kind, .named = UINT32_MAX};
	size_t bytes = ops->bytes(PAGES, PAGES);
	void *mem = malloc(bytes);

	assert_non_null(mem);
	memset(mem, 0xee, bytes);
	print_message("%s: seed %llu\n", name, (unsigned long long)seed);
	assert_int_equal(ops->init(mem, PAGES, PAGES, &policy_rng), 0);
	for (unsigned i = 0; i < STEPS; i++) {
		step(&m, ops, mem, &rng);
		assert_true(ops->consistent(mem));
	}
	free(mem);
}

static void test_models(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		run(FIFO, "fifo", seed);
		run(LRU, "lru", seed);
		run(CLOCK, "clock", seed);
		run(RANDOM, "random", seed);
	}
}

/*
 * 50 of 64 pages resident, the first 12 of them refused: 38 willing, 1000 draws a page. chi-square with 37 degrees of
 * freedom exceeds 80 with probability 5e-5; with one seed the outcome is fixed.
 */
static void test_random_is_uniform(void **state)
{
	const struct policy_ops *ops = policy_find("random");
	struct rng rng = rng_seeded(12345);
	struct model m = {.kind = RANDOM};
	const struct victim_filter filter = {.may_leave = model_may_leave, .ctx = &m};
	unsigned count[PAGES] = {0};
	void *mem = malloc(ops->bytes(PAGES, PAGES));
	double chi_square = 0;

	(void)state;
	assert_non_null(mem);
	assert_int_equal(ops->init(mem, PAGES, PAGES, &rng), 0);
	for (uint32_t page = 0; page < 50; page++) {
		ops->inserted(mem, page, 0);
		m.order[m.nr++] = page;
		m.refused[page] = page < 12;
	}
	for (unsigned i = 0; i < 38000; i++) {
		uint32_t page;

		assert_true(ops->victim(mem, &filter, &page));
		count[page]++;
	}
	for (uint32_t page = 0; page < PAGES; page++) {
		if (page < 12 || page >= 50)
			assert_int_equal(count[page], 0);
		else
			chi_square += (count[page] - 1000.0) * (count[page] - 1000.0) / 1000.0;
	}
	print_message("chi-square %.1f of 37\n", chi_square);
	assert_true(chi_square < 80 && chi_square > 12);
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_random_is_uniform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
