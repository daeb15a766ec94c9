/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_touch_test.c: policies that know resident pages and their touches only, and those that look at a page's own
 * past, against their papers' algorithms (policy_paper.h): random, fifo, lru, clock, second-chance, aging, lru-k, lfu,
 * sieve, wsclock, mglru, linux-2list.
 */
#include "tests/model/policy_paper.h"

/* a: the pages, in the order that matters. */
static void ignore(struct paper *m, uint32_t x)
{
	(void)m;
	(void)x;
}

static void renew(struct paper *m, uint32_t x)
{
	seq_renew(&m->a, x);
}

static void set_bit(struct paper *m, uint32_t x)
{
	m->bit[x] = true;
}

static uint32_t oldest_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = full ? seq_take(&m->a, 0) : NONE;

	seq_push(&m->a, x);
	return y;
}

/* In the order random.c documents: a newcomer at the end, the last one into the hole. */
static uint32_t random_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t i, y = NONE;

	if (full) {
		i = (uint32_t)rng_below(&m->rng, m->a.nr);
		y = m->a.page[i];
		m->a.page[i] = m->a.page[--m->a.nr];
	}
	seq_push(&m->a, x);
	return y;
}

static uint32_t clock_evict(struct paper *m)
{
	for (;;) {
		uint32_t y = seq_take(&m->a, 0);

		if (!m->bit[y])
			return y;
		m->bit[y] = false;
		seq_push(&m->a, y);
	}
}

static uint32_t clock_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = full ? clock_evict(m) : NONE;

	seq_push(&m->a, x);
	m->bit[x] = false;
	return y;
}

static uint32_t second_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = clock_miss(m, x, full);

	m->bit[x] = true;
	return y;
}

/* NFU with ageing. a: pages by counter, then as before. */
static void aging_hit(struct paper *m, uint32_t x)
{
	m->now++;
	m->bit[x] = true;
}

/* Behind all pages whose counter is not above its own. */
static void aging_put(struct paper *m, uint32_t x)
{
	uint32_t i = 0;

	while (i < m->a.nr && m->count[m->a.page[i]] <= m->count[x])
		i++;
	seq_insert(&m->a, i, x);
}

static uint32_t aging_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = NONE;

	if (full && m->now >= m->c) {
		struct seq before = m->a;

		m->a.nr = 0;
		for (uint32_t i = 0; i < before.nr; i++) {
			uint32_t page = before.page[i];

			m->count[page] = m->count[page] >> 1 | (m->bit[page] ? 0x80 : 0);
			m->bit[page] = false;
			aging_put(m, page);
		}
		m->now = 0;
	}
	if (full)
		y = seq_take(&m->a, 0);
	m->now++;
	m->count[x] = 0x80;
	m->bit[x] = false;
	aging_put(m, x);
	return y;
}

/* The page of a that is smallest by (major, minor). */
static uint32_t smallest(const struct paper *m, const uint64_t *major, const uint64_t *minor)
{
	uint32_t best = m->a.page[0];

	for (uint32_t i = 1; i < m->a.nr; i++) {
		uint32_t y = m->a.page[i];

		if (major[y] < major[best] || (major[y] == major[best] && minor[y] < minor[best]))
			best = y;
	}
	return best;
}

/* LRU-2. time: HIST(1), before: HIST(2); they outlive the page's residence. */
static void lruk_hit(struct paper *m, uint32_t x)
{
	m->before[x] = m->time[x];
	m->time[x] = ++m->now;
}

static uint32_t lruk_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = full ? smallest(m, m->before, m->time) : NONE;

	if (full)
		seq_drop(&m->a, y);
	seq_push(&m->a, x);
	lruk_hit(m, x);
	return y;
}

/* LFU. before: the count, time: when it was reached. */
static void lfu_hit(struct paper *m, uint32_t x)
{
	m->before[x]++;
	m->time[x] = ++m->now;
}

static uint32_t lfu_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = full ? smallest(m, m->before, m->time) : NONE;

	if (full)
		seq_drop(&m->a, y);
	seq_push(&m->a, x);
	m->before[x] = 0;
	lfu_hit(m, x);
	return y;
}

/* SIEVE. a: [0] is the tail (oldest); hand: an index in it. */
static uint32_t sieve_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = NONE;

	while (full && y == NONE) {
		if (m->hand >= m->a.nr)
			m->hand = 0;
		if (m->bit[m->a.page[m->hand]])
			m->bit[m->a.page[m->hand++]] = false;
		else
			y = seq_take(&m->a, m->hand);
	}
	/* past the head the hand begins at the tail, not at the newcomer */
	if (full && m->hand == m->a.nr)
		m->hand = 0;
	seq_push(&m->a, x);
	m->bit[x] = false;
	return y;
}

/* WSClock. time: of last use. */
static void wsclock_hit(struct paper *m, uint32_t x)
{
	m->now++;
	m->bit[x] = true;
}

static uint32_t wsclock_evict(struct paper *m)
{
	uint64_t tau = 2ull * m->c, oldest = UINT64_MAX;
	uint32_t first_dirty = NONE, dirty = 0;

	/* before[0]: until then clock alone */
	for (uint32_t i = 0; m->now > m->before[0] && i < m->c && dirty < 32; i++) {
		uint32_t y = m->a.page[0];

		if (m->bit[y]) {
			m->bit[y] = false;
			m->time[y] = m->now;
		} else if (m->time[y] + tau < m->now) {
			if (!paper_dirty(NULL, y))
				return seq_take(&m->a, 0);
			if (!dirty++)
				first_dirty = y;
		}
		oldest = m->time[y] < oldest ? m->time[y] : oldest;
		seq_renew(&m->a, y);
	}
	if (dirty) {
		seq_drop(&m->a, first_dirty);
		return first_dirty;
	}
	if (oldest != UINT64_MAX)
		m->before[0] = oldest + tau;
	while (m->bit[m->a.page[0]]) {
		m->bit[m->a.page[0]] = false;
		m->time[m->a.page[0]] = m->now;
		seq_renew(&m->a, m->a.page[0]);
	}
	return seq_take(&m->a, 0);
}

static uint32_t wsclock_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = full ? wsclock_evict(m) : NONE;

	seq_push(&m->a, x);
	m->bit[x] = false;
	m->time[x] = ++m->now;
	return y;
}

/* Generations. a: pages, those that joined their generation first in front; count: its number; hand: max; hand2: min. */
static void mglru_join(struct paper *m, uint32_t x, uint32_t generation)
{
	m->count[x] = generation;
	m->bit[x] = false;
	if (seq_has(&m->a, x))
		seq_drop(&m->a, x);
	seq_push(&m->a, x);
}

static void mglru_age(struct paper *m)
{
	struct seq before = m->a;

	for (uint32_t gen = m->hand2; gen <= m->hand; gen++)
		for (uint32_t i = 0; i < before.nr; i++)
			if (m->count[before.page[i]] == gen && m->bit[before.page[i]])
				mglru_join(m, before.page[i], m->hand);
	m->hand++;
}

static uint32_t mglru_evict(struct paper *m)
{
	for (;;) {
		uint32_t i = 0;

		if (m->hand - m->hand2 < 2) {
			mglru_age(m);
			continue;
		}
		while (i < m->a.nr && m->count[m->a.page[i]] != m->hand2)
			i++;
		if (i == m->a.nr)
			m->hand2++;
		else if (m->bit[m->a.page[i]])
			mglru_join(m, m->a.page[i], m->hand);
		else
			return seq_take(&m->a, i);
	}
}

static uint32_t mglru_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y;

	if (!m->hand)
		m->hand = 1;
	y = full ? mglru_evict(m) : NONE;
	mglru_join(m, x, m->hand);
	return y;
}

/* Two lists. a: inactive, b: active; time: age when the page left, plus one. Less than a GiB. */
static uint32_t two_evict(struct paper *m)
{
	for (;;) {
		uint32_t y;

		while (m->a.nr < m->b.nr) {
			y = seq_take(&m->b, 0);
			m->bit[y] = false;
			seq_push(&m->a, y);
		}
		y = seq_take(&m->a, 0);
		if (!m->bit[y]) {
			m->time[y] = ++m->now;
			return y;
		}
		m->bit[y] = false;
		seq_push(&m->b, y);
		m->now++;
	}
}

static uint32_t two_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = full ? two_evict(m) : NONE;

	m->bit[x] = false;
	if (m->time[x] && m->now - (m->time[x] - 1) <= m->b.nr) {
		seq_push(&m->b, x);
		m->now++;
	} else {
		seq_push(&m->a, x);
	}
	m->time[x] = 0;
	return y;
}

static void test_papers(void **state)
{
	static const struct paper_algorithm papers[] = {
		{"random", ignore, random_miss},
		{"fifo", ignore, oldest_miss},
		{"lru", renew, oldest_miss},
		{"clock", set_bit, clock_miss},
		{"second-chance", set_bit, second_miss},
		{"aging", aging_hit, aging_miss},
		{"lru-k", lruk_hit, lruk_miss},
		{"lfu", lfu_hit, lfu_miss},
		{"sieve", set_bit, sieve_miss},
		{"wsclock", wsclock_hit, wsclock_miss},
		{"mglru", set_bit, mglru_miss},
		{"linux-2list", set_bit, two_miss},
	};

	(void)state;
	paper_compare(papers, sizeof(papers) / sizeof(papers[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_papers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
