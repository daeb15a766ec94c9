/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_order_test.c: orders and counts worked out by hand for fifo, lru and clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/policy/policy.h"

#define PAGES 16u

struct memory {
	const struct policy_ops *ops;
	void *mem;
	struct rng rng;
};

static void memory_init(struct memory *m, const char *policy)
{
	m->ops = policy_find(policy);
	assert_non_null(m->ops);
	m->rng = rng_seeded(1);
	m->mem = malloc(m->ops->bytes(PAGES, PAGES));
	assert_non_null(m->mem);
	assert_int_equal(m->ops->init(m->mem, PAGES, PAGES, &m->rng), 0);
}

/* Demand paging of a string of digits on that many frames; returns the misses. */
static unsigned replay(const char *policy, const char *string, unsigned frames)
{
	struct memory m;
	bool resident[PAGES] = {false};
	unsigned misses = 0, used = 0;

	memory_init(&m, policy);
	for (; *string; string++) {
		uint32_t page = (uint32_t)(*string - '0'), victim;

		if (resident[page]) {
			m.ops->accessed(m.mem, page, false, 0);
			continue;
		}
		misses++;
		if (used == frames) {
			assert_true(m.ops->victim(m.mem, NULL, &victim));
			assert_true(resident[victim]);
			m.ops->removed(m.mem, victim, POLICY_EVICTED);
			resident[victim] = false;
			used--;
		}
		m.ops->inserted(m.mem, page, 0);
		resident[page] = true;
		used++;
		assert_true(m.ops->consistent(m.mem));
	}
	free(m.mem);
	return misses;
}

/* Belady's string: fifo is worse with four frames than with three. */
static void test_replay(void **state)
{
	static const char belady[] = "123412512345";

	(void)state;
	assert_int_equal(replay("fifo", belady, 3), 9);
	assert_int_equal(replay("fifo", belady, 4), 10);
	assert_int_equal(replay("lru", belady, 3), 10);
	assert_int_equal(replay("lru", belady, 4), 8);
	/* clock, 3: as fifo until 5; hits on 1 and 2 make 3 evict 5, then 4 evicts 1 and 5 evicts 2. */
	assert_int_equal(replay("clock", belady, 3), 10);
	/* clock, 4: 5 evicts 3 (1 and 2 were hit), 3 evicts 4, 4 evicts 5, 5 evicts 3. */
	assert_int_equal(replay("clock", belady, 4), 8);
	for (size_t i = 0; policy_table[i]; i++) {
		assert_int_equal(replay(policy_table[i]->name, belady, 1), 12);
		assert_int_equal(replay(policy_table[i]->name, belady, 5), 5);
		assert_int_equal(replay(policy_table[i]->name, belady, 9), 5);
	}
}

static bool in_set(void *ctx, uint32_t page)
{
	return ((uint32_t *)ctx)[0] & 1u << page;
}

/* Test and clear, with the bits in the second word. */
static bool take_bit(void *ctx, uint32_t page)
{
	uint32_t *bits = (uint32_t *)ctx + 1, bit = 1u << page;
	bool set = *bits & bit;

	*bits &= ~bit;
	return set;
}

static void expect_victim(struct memory *m, const struct victim_filter *filter, uint32_t expected)
{
	uint32_t page;

	assert_true(m->ops->victim(m->mem, filter, &page));
	assert_int_equal(page, expected);
	assert_true(m->ops->consistent(m->mem));
}

static void evict(struct memory *m, const struct victim_filter *filter, uint32_t expected)
{
	expect_victim(m, filter, expected);
	m->ops->removed(m->mem, expected, POLICY_EVICTED);
	assert_true(m->ops->consistent(m->mem));
}

static void insert_five(struct memory *m)
{
	for (uint32_t page = 1; page <= 5; page++)
		m->ops->inserted(m->mem, page, 0);
}

/* Refused pages go to the tail: 1 2 3 4 5, {1, 2, 4} refused. */
static void test_refusals(void **state)
{
	static const char *const names[] = {"fifo", "lru", "clock"};
	uint32_t sets[2] = {1u << 3 | 1u << 5, 0};
	const struct victim_filter filter = {.may_leave = in_set, .ctx = sets};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct memory m;

		memory_init(&m, names[i]);
		insert_five(&m);
		evict(&m, &filter, 3); /* now 4 5 1 2 */
		expect_victim(&m, NULL, 4);
		evict(&m, &filter, 5); /* now 1 2 4 */
		m.ops->inserted(m.mem, 3, 0);
		evict(&m, NULL, 1);
		evict(&m, &filter, 3); /* now 2 4 */
		evict(&m, NULL, 2);
		evict(&m, NULL, 4);
		free(m.mem);
	}
}

/*
 * Five pages, two of them pinned for good: a round of the queue costs three victims and two refusals, so 300 victims
 * cost 500 questions, give or take where the count begins.
 */
static bool counted_not_1_2(void *ctx, uint32_t page)
{
	++*(unsigned *)ctx;
	return page > 2;
}

static void test_refusals_are_cheap(void **state)
{
	static const char *const names[] = {"fifo", "lru", "clock"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		unsigned asked = 0;
		const struct victim_filter filter = {.may_leave = counted_not_1_2, .ctx = &asked};
		struct memory m;
		uint32_t page;

		memory_init(&m, names[i]);
		insert_five(&m);
		for (unsigned n = 0; n < 300; n++) {
			assert_true(m.ops->victim(m.mem, &filter, &page));
			m.ops->removed(m.mem, page, POLICY_EVICTED);
			m.ops->inserted(m.mem, page, 0);
		}
		assert_in_range(asked, 495, 505);
		free(m.mem);
	}
}

static void test_reference_bits(void **state)
{
	uint32_t sets[2] = {~0u, 1u << 1 | 1u << 3};
	const struct victim_filter filter = {
		.may_leave = in_set, .referenced = take_bit, .ctx = sets};
	struct memory m;

	(void)state;
	memory_init(&m, "lru");
	insert_five(&m);
	evict(&m, &filter, 2); /* 1 is moved: 3 4 5 1, bit of 3 not looked at yet */
	assert_int_equal(sets[1], 1u << 3);
	evict(&m, &filter, 4); /* 3 is moved: 5 1 3 */
	assert_int_equal(sets[1], 0);
	sets[1] = ~0u; /* all referenced: one round for each, then the first */
	evict(&m, &filter, 5);
	free(m.mem);

	memory_init(&m, "clock");
	insert_five(&m);
	m.ops->accessed(m.mem, 1, false,
			0); /* bit of the policy and the user's: one round, not two */
	sets[1] = 1u << 1 | 1u << 2;
	evict(&m, &filter, 3); /* 4 5 1 2 */
	evict(&m, &filter, 4);
	evict(&m, &filter, 5);
	evict(&m, &filter, 1);
	/* A refused page keeps its bits. */
	m.ops->inserted(m.mem, 3, 0); /* 2 3 */
	m.ops->accessed(m.mem, 2, false, 0);
	sets[0] = 1u << 3;
	expect_victim(&m, &filter, 3); /* 3 2, 2's bit still set */
	m.ops->accessed(m.mem, 3, false, 0);
	expect_victim(&m, NULL, 3); /* 3 and 2 lose their bits, 3 is first again */
	free(m.mem);

	memory_init(&m, "fifo");
	insert_five(&m);
	sets[0] = sets[1] = ~0u;
	evict(&m, &filter, 1);
	assert_int_equal(sets[1], ~0u);
	free(m.mem);
}

/* accessed() instead of removed(): the eviction was cancelled, another page is named next. */
static void test_cancelled(void **state)
{
	static const char *const names[] = {"fifo", "lru", "clock"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct memory m;

		memory_init(&m, names[i]);
		insert_five(&m);
		expect_victim(&m, NULL, 1);
		expect_victim(&m, NULL, 1); /* naming alone changes nothing */
		m.ops->accessed(m.mem, 1, true, 0);
		evict(&m, NULL, 2);
		evict(&m, NULL, 3);
		evict(&m, NULL, 4);
		evict(&m, NULL, 5);
		evict(&m, NULL, 1);
		free(m.mem);
	}
}

/* Gone from the middle, back again at the end, in the state of a newcomer. */
static void test_gone_and_back(void **state)
{
	struct memory m;

	(void)state;
	memory_init(&m, "clock");
	insert_five(&m);
	m.ops->accessed(m.mem, 3, false, 0);
	m.ops->removed(m.mem, 3, POLICY_GONE);
	m.ops->removed(m.mem, 1, POLICY_GONE);
	m.ops->inserted(m.mem, 3, 0);
	evict(&m, NULL, 2);
	evict(&m, NULL, 4);
	evict(&m, NULL, 5);
	m.ops->inserted(m.mem, 1, 0);
	evict(&m, NULL, 3); /* its old bit is forgotten */
	evict(&m, NULL, 1);
	free(m.mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_refusals_are_cheap),
		cmocka_unit_test(test_reference_bits),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_gone_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
