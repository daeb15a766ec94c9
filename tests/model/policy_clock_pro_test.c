/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_clock_pro_test.c: CLOCK-Pro, adaptive and with its cold target fixed, against its paper (policy_paper.h).
 */
#include "tests/model/policy_paper.h"

static void set_bit(struct paper *m, uint32_t x)
{
	m->bit[x] = true;
}

/*
 * CLOCK-Pro. a: the clock, [0] under the hot hand, so that the last is the list head; count: what a page is; hand and
 * hand2: the pages under the cold and the test hand.
 */
enum { GONE, HOT, COLD, GHOST, KIND = 3, TEST = 4 };

static uint32_t pro_number(const struct paper *m, uint32_t kind)
{
	uint32_t nr = 0;

	for (uint32_t page = 0; page < PAGES; page++)
		nr += (m->count[page] & KIND) == kind;
	return nr;
}

static uint32_t pro_after(const struct paper *m, uint32_t page)
{
	return m->a.page[(seq_find(&m->a, page) + 1) % m->a.nr];
}

static void pro_take(struct paper *m, uint32_t page)
{
	if (m->hand == page)
		m->hand = pro_after(m, page);
	if (m->hand2 == page)
		m->hand2 = pro_after(m, page);
	seq_drop(&m->a, page);
}

static void pro_enter(struct paper *m, uint32_t page, uint32_t as)
{
	seq_push(&m->a, page);
	m->count[page] = as;
	if (m->a.nr == 1)
		m->hand = m->hand2 = page;
}

static void pro_adapt(struct paper *m, int by)
{
	if (m->p == 0) /* fixed */
		return;
	if (by > 0 && m->target + 1 < m->c)
		m->target++;
	if (by < 0 && m->target > 1)
		m->target--;
}

static void pro_end_test(struct paper *m, uint32_t page)
{
	m->count[page] &= KIND;
	pro_adapt(m, -1);
	if (m->count[page] == GHOST) {
		pro_take(m, page);
		m->count[page] = GONE;
	}
}

static void pro_run_hot(struct paper *m, uint32_t most)
{
	if (pro_number(m, HOT) <= most)
		return;
	while (pro_number(m, HOT) > most || (pro_number(m, HOT) && m->count[m->a.page[0]] != HOT)) {
		uint32_t page = m->a.page[0];

		if (m->count[page] == HOT && m->bit[page])
			m->bit[page] = false;
		else if (m->count[page] == HOT)
			m->count[page] = COLD;
		else if (m->count[page] & TEST)
			pro_end_test(m, page);
		if (m->a.page[0] == page)
			seq_push(&m->a, seq_take(&m->a, 0));
	}
}

static uint32_t pro_run_cold(struct paper *m)
{
	for (;;) {
		uint32_t page = m->hand;

		if (!pro_number(m, COLD)) {
			pro_run_hot(m, pro_number(m, HOT) - 1);
			continue;
		}
		if ((m->count[page] & KIND) != COLD) {
			m->hand = pro_after(m, page);
		} else if (m->bit[page]) {
			bool test = m->count[page] & TEST;

			m->bit[page] = false;
			pro_take(m, page);
			pro_enter(m, page, test ? HOT : COLD | TEST);
			if (test) {
				pro_adapt(m, 1);
				pro_run_hot(m, m->c - m->target);
			}
		} else if (m->count[page] & TEST) {
			m->count[page] = GHOST | TEST;
			m->hand = pro_after(m, page);
			return page;
		} else {
			pro_take(m, page);
			m->count[page] = GONE;
			return page;
		}
	}
}

static uint32_t pro_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = full ? pro_run_cold(m) : NONE;

	while (pro_number(m, GHOST) > m->c) {
		uint32_t page = m->hand2;

		m->hand2 = pro_after(m, page);
		if (m->count[page] & TEST)
			pro_end_test(m, page);
	}
	m->evicted |= full;
	m->bit[x] = false;
	if ((m->count[x] & KIND) == GHOST) {
		pro_take(m, x);
		pro_adapt(m, 1);
		pro_enter(m, x, HOT);
	} else if (!m->evicted && pro_number(m, HOT) < m->c - m->target) {
		pro_enter(m, x, HOT);
	} else {
		pro_enter(m, x, COLD | TEST);
	}
	pro_run_hot(m, m->c - m->target);
	return y;
}

static uint32_t adaptive_miss(struct paper *m, uint32_t x, bool full)
{
	m->p = 1;
	if (!m->target)
		m->target = m->c >= 100 ? m->c / 100 : 1;
	return pro_miss(m, x, full);
}

static uint32_t fixed_miss(struct paper *m, uint32_t x, bool full)
{
	m->p = 0;
	m->target = m->c >= 20 ? m->c / 20 : 1;
	return pro_miss(m, x, full);
}

static void test_paper(void **state)
{
	static const struct paper_algorithm papers[] = {
		{"clock-pro", set_bit, adaptive_miss},
		{"clock-pro-5", set_bit, fixed_miss},
	};

	(void)state;
	paper_compare(papers, sizeof(papers) / sizeof(papers[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_paper)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
