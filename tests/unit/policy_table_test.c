/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_table_test.c: what every entry of policy_table must satisfy, whatever it does: a name of its own, all its
 * functions, bounded memory, no victim where there is none. A new policy is covered by being listed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/policy/policy.h"

static void *policy_new(const struct policy_ops *ops, uint32_t capacity, uint32_t pages,
			struct rng *rng)
{
	size_t bytes = ops->bytes(capacity, pages);
	void *mem = malloc(bytes);

	assert_non_null(mem);
	memset(mem, 0xa5, bytes); /* "any content" */
	assert_int_equal(ops->init(mem, capacity, pages, rng), 0);
	return mem;
}

/* Policies that look at a bit when a page's turn comes get it from samples in the host pager. */
static bool should_sample(const char *name)
{
	static const char *const names[] = {"clock", "second-chance", "aging",       "lfu",
					    "car",   "clock-pro",     "clock-pro-5", "s3-fifo",
					    "sieve", "wsclock",       "mglru",       "linux-2list"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void test_names(void **state)
{
	size_t nr = 0;

	(void)state;
	for (; policy_table[nr]; nr++) {
		const struct policy_ops *ops = policy_table[nr];

		assert_true(ops->name && ops->name[0]);
		assert_true(ops->paper && ops->paper[0]);
		for (size_t i = 0; i < nr; i++)
			assert_string_not_equal(ops->name, policy_table[i]->name);
		assert_ptr_equal(policy_find(ops->name), ops);
		assert_true(ops->bytes && ops->init && ops->inserted && ops->accessed);
		assert_true(ops->victim && ops->removed && ops->resized && ops->consistent);
		assert_int_equal(ops->wants_samples, should_sample(ops->name));
	}
	assert_true(nr >= 19);
	assert_null(policy_find(""));
	assert_null(policy_find("cloc"));
	assert_null(policy_find("clocks"));
	assert_null(policy_find("Clock"));
	assert_string_equal(policy_find("random")->name, "random");
	assert_string_equal(policy_find("fifo")->name, "fifo");
	assert_string_equal(policy_find("lru")->name, "lru");
}

static bool keeps_history(const char *name)
{
	return strcmp(name, "lfu") == 0 || strcmp(name, "lru-k") == 0;
}

static void test_memory(void **state)
{
	struct rng rng = rng_seeded(1);

	(void)state;
	for (size_t i = 0; policy_table[i]; i++) {
		const struct policy_ops *ops = policy_table[i];
		char *mem = malloc(ops->bytes(1, 10));

		/* A byte and two links a page, but for those that keep history; and a header. */
		for (uint32_t pages = 1; pages < 100000; pages = pages * 3 + 1)
			assert_true(ops->bytes(pages, pages) <=
				    (keeps_history(ops->name) ? 32u : 17u) * pages + 12288);
		assert_true(ops->bytes(1u << 28, 1u << 28) > 1u << 28); /* no 32-bit overflow */
		assert_int_equal(ops->init(mem, 0, 10, &rng), -EINVAL);
		assert_int_equal(ops->init(mem, 1, 10, &rng), 0);
		free(mem);
	}
	assert_int_equal(policy_find("random")->init(&rng, 1, 1, NULL), -EINVAL);
}

static bool refuse(void *ctx, uint32_t page)
{
	(void)page;
	++*(unsigned *)ctx;
	return false;
}

static bool always_referenced(void *ctx, uint32_t page)
{
	(void)ctx;
	(void)page;
	return true;
}

static void test_no_victim(void **state)
{
	unsigned asked = 0;
	const struct victim_filter filter = {.may_leave = refuse, .ctx = &asked};

	(void)state;
	for (size_t i = 0; policy_table[i]; i++) {
		const struct policy_ops *ops = policy_table[i];
		struct rng rng = rng_seeded(1);
		void *mem = policy_new(ops, 50, 100, &rng);
		uint32_t page = 7;

		assert_true(ops->consistent(mem));
		assert_false(ops->victim(mem, NULL, &page));
		assert_int_equal(page, UINT32_MAX);
		for (uint32_t p = 0; p < 50; p++)
			ops->inserted(mem, 2 * p, p);
		asked = 0;
		assert_false(ops->victim(mem, &filter, &page));
		assert_int_equal(page, UINT32_MAX);
		assert_true(asked >= 50 && asked <= 150);
		assert_true(ops->consistent(mem));
		/* All can leave again, and the last one can. */
		for (unsigned n = 0; n < 50; n++) {
			assert_true(ops->victim(mem, NULL, &page));
			assert_true(page < 100 && page % 2 == 0);
			ops->removed(mem, page, n % 2 ? POLICY_EVICTED : POLICY_GONE);
			assert_true(ops->consistent(mem));
		}
		assert_false(ops->victim(mem, NULL, &page));
		free(mem);
	}
}

/* Reference bits that are set again as soon as they are cleared must not keep a victim from being named. */
static void test_always_referenced(void **state)
{
	const struct victim_filter filter = {.referenced = always_referenced};

	(void)state;
	for (size_t i = 0; policy_table[i]; i++) {
		const struct policy_ops *ops = policy_table[i];
		struct rng rng = rng_seeded(1);
		void *mem = policy_new(ops, 10, 10, &rng);
		uint32_t page;

		for (uint32_t p = 0; p < 10; p++)
			ops->inserted(mem, p, p);
		assert_true(ops->victim(mem, &filter, &page));
		assert_true(page < 10);
		free(mem);
	}
}

/* Every page of a memory may be resident, capacity or not: a pager's memory can shrink under it. */
static void test_above_capacity(void **state)
{
	(void)state;
	for (size_t i = 0; policy_table[i]; i++) {
		const struct policy_ops *ops = policy_table[i];
		struct rng rng = rng_seeded(1);
		void *mem = policy_new(ops, 4, 10, &rng);
		uint32_t page, gone = 0;

		for (uint32_t p = 0; p < 10; p++)
			ops->inserted(mem, p, p);
		ops->resized(mem, 2);
		assert_true(ops->consistent(mem));
		while (ops->victim(mem, NULL, &page)) {
			ops->removed(mem, page, POLICY_EVICTED);
			assert_false(gone & 1u << page);
			gone |= 1u << page;
		}
		assert_int_equal(gone, 1023);
		free(mem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),          cmocka_unit_test(test_memory),
		cmocka_unit_test(test_no_victim),      cmocka_unit_test(test_always_referenced),
		cmocka_unit_test(test_above_capacity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
