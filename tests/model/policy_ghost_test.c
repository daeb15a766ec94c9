/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_ghost_test.c: policies that remember pages that left, against their papers' algorithms (policy_paper.h):
 * 2q, arc, car, lirs, s3-fifo. CLOCK-Pro has a file of its own.
 */
#include "tests/model/policy_paper.h"

/* 2Q (full version). a: A1in, b: Am, g: A1out. */
static void twoq_hit(struct paper *m, uint32_t x)
{
	if (seq_has(&m->b, x))
		seq_renew(&m->b, x);
}

static uint32_t twoq_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t kin = m->c / 4, kout = m->c / 2, y = NONE;
	bool known = seq_has(&m->g, x);

	if (known)
		seq_drop(&m->g, x);
	if (full && (m->a.nr > kin || m->b.nr == 0)) {
		y = seq_take(&m->a, 0);
		seq_push(&m->g, y);
		if (m->g.nr > kout)
			seq_take(&m->g, 0);
	} else if (full) {
		y = seq_take(&m->b, 0);
	}
	seq_push(known ? &m->b : &m->a, x);
	return y;
}

static double larger(double x, double y)
{
	return x > y ? x : y;
}

static double smaller(double x, double y)
{
	return x < y ? x : y;
}

/* p is a sum of fractions: doubles a billionth apart are the same number. */
#define SAME 1e-9

/* ARC, figure 4. a: T1, b: T2, g: B1, h: B2. */
static void arc_hit(struct paper *m, uint32_t x) /* case I */
{
	seq_drop(seq_has(&m->a, x) ? &m->a : &m->b, x);
	seq_push(&m->b, x);
}

static uint32_t arc_replace(struct paper *m, uint32_t x)
{
	uint32_t y;
	double t1 = m->a.nr;

	if (m->a.nr >= 1 && (t1 > m->p + SAME || (seq_has(&m->h, x) && t1 > m->p - SAME))) {
		y = seq_take(&m->a, 0);
		seq_push(&m->g, y);
	} else {
		y = seq_take(&m->b, 0);
		seq_push(&m->h, y);
	}
	return y;
}

static uint32_t arc_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = NONE, l1 = m->a.nr + m->g.nr, all = l1 + m->b.nr + m->h.nr;

	(void)full;
	if (seq_has(&m->g, x)) { /* case II */
		m->p = smaller(m->c, m->p + larger((double)m->h.nr / m->g.nr, 1));
		y = arc_replace(m, x);
		seq_drop(&m->g, x);
		seq_push(&m->b, x);
		return y;
	}
	if (seq_has(&m->h, x)) { /* case III */
		m->p = larger(0, m->p - larger((double)m->g.nr / m->h.nr, 1));
		y = arc_replace(m, x);
		seq_drop(&m->h, x);
		seq_push(&m->b, x);
		return y;
	}
	if (l1 == m->c) { /* case IV (i) */
		if (m->a.nr < m->c) {
			seq_take(&m->g, 0);
			y = arc_replace(m, x);
		} else {
			y = seq_take(&m->a, 0);
		}
	} else if (all >= m->c) { /* (ii) */
		if (all == 2 * m->c)
			seq_take(&m->h, 0);
		y = arc_replace(m, x);
	}
	seq_push(&m->a, x);
	return y;
}

/* CAR, figure 2. a: T1, b: T2, g: B1, h: B2. */
static void set_bit(struct paper *m, uint32_t x)
{
	m->bit[x] = true;
}

static uint32_t car_replace(struct paper *m)
{
	for (;;) {
		bool one = m->a.nr >= larger(1, m->p - SAME);
		uint32_t y = seq_take(one ? &m->a : &m->b, 0);

		if (!m->bit[y]) {
			seq_push(one ? &m->g : &m->h, y);
			return y;
		}
		m->bit[y] = false;
		seq_push(&m->b, y);
	}
}

static uint32_t car_miss(struct paper *m, uint32_t x, bool full)
{
	bool in_b1 = seq_has(&m->g, x), in_b2 = seq_has(&m->h, x);
	uint32_t y = NONE;

	if (full) {
		y = car_replace(m);
		if (!in_b1 && !in_b2 && m->a.nr + m->g.nr == m->c)
			seq_take(&m->g, 0);
		else if (!in_b1 && !in_b2 && m->a.nr + m->b.nr + m->g.nr + m->h.nr == 2 * m->c)
			seq_take(&m->h, 0);
	}
	if (in_b1) {
		m->p = smaller(m->p + larger(1, (double)m->h.nr / m->g.nr), m->c);
		seq_drop(&m->g, x);
	} else if (in_b2) {
		m->p = larger(m->p - larger(1, (double)m->g.nr / m->h.nr), 0);
		seq_drop(&m->h, x);
	}
	seq_push(in_b1 || in_b2 ? &m->b : &m->a, x);
	m->bit[x] = false;
	return y;
}

/* LIRS. a: stack S, bottom first; b: queue Q; bit: LIR. Resident: LIR or in Q. */
static uint32_t lirs_pages(const struct paper *m)
{
	uint32_t hir = m->c / 100 > 2 ? m->c / 100 : 2;

	return m->c > hir ? m->c - hir : m->c - 1;
}

static void lirs_top(struct paper *m, uint32_t x)
{
	if (seq_has(&m->a, x))
		seq_drop(&m->a, x);
	seq_push(&m->a, x);
}

static void lirs_prune(struct paper *m)
{
	while (m->a.nr && !m->bit[m->a.page[0]])
		seq_take(&m->a, 0);
}

/* x becomes LIR; if they are one too many, the bottom one becomes HIR. */
static void lirs_promote(struct paper *m, uint32_t x)
{
	uint32_t lir = 0;

	lirs_top(m, x);
	m->bit[x] = true;
	lirs_prune(m);
	for (uint32_t page = 0; page < PAGES; page++)
		lir += m->bit[page];
	if (lir > lirs_pages(m)) {
		uint32_t bottom = seq_take(&m->a, 0);

		m->bit[bottom] = false;
		seq_push(&m->b, bottom);
		lirs_prune(m);
	}
}

static void lirs_hit(struct paper *m, uint32_t x)
{
	if (m->bit[x]) {
		lirs_top(m, x);
		lirs_prune(m);
	} else if (seq_has(&m->a, x)) {
		seq_drop(&m->b, x);
		lirs_promote(m, x);
	} else {
		lirs_top(m, x);
		seq_renew(&m->b, x);
		lirs_prune(m);
	}
}

static uint32_t lirs_miss(struct paper *m, uint32_t x, bool full)
{
	uint32_t y = full ? seq_take(&m->b, 0) : NONE, lir = 0;

	for (uint32_t page = 0; page < PAGES; page++)
		lir += m->bit[page];
	if (lir < lirs_pages(m) || seq_has(&m->a, x)) {
		lirs_promote(m, x);
	} else {
		lirs_top(m, x);
		seq_push(&m->b, x);
		lirs_prune(m);
	}
	return y;
}

/* S3-FIFO. a: S, b: M, g: ghosts. */
static void s3_hit(struct paper *m, uint32_t x)
{
	m->count[x] = m->count[x] < 3 ? m->count[x] + 1 : 3;
}

static uint32_t s3_evict(struct paper *m)
{
	uint32_t small = m->c / 10, y;

	for (;;) {
		if (m->b.nr > m->c - small || m->a.nr == 0) {
			for (;;) {
				y = seq_take(&m->b, 0);
				if (!m->count[y])
					return y;
				m->count[y]--;
				seq_push(&m->b, y);
			}
		}
		while (m->a.nr) {
			y = seq_take(&m->a, 0);
			if (m->count[y] < 2) {
				seq_push(&m->g, y);
				if (m->g.nr > 9 * m->c / 10)
					seq_take(&m->g, 0);
				return y;
			}
			m->count[y] = 0;
			seq_push(&m->b, y);
		}
	}
}

static uint32_t s3_miss(struct paper *m, uint32_t x, bool full)
{
	bool known = seq_has(&m->g, x);
	uint32_t y = NONE;

	if (known)
		seq_drop(&m->g, x);
	if (full) {
		y = s3_evict(m);
		m->evicted = true;
	}
	m->count[x] = 0;
	seq_push(known || (!m->evicted && m->a.nr >= m->c / 10) ? &m->b : &m->a, x);
	return y;
}

static void test_papers(void **state)
{
	static const struct paper_algorithm papers[] = {
		{"2q", twoq_hit, twoq_miss},  {"arc", arc_hit, arc_miss},
		{"car", set_bit, car_miss},   {"lirs", lirs_hit, lirs_miss},
		{"s3-fifo", s3_hit, s3_miss},
	};

	(void)state;
	paper_compare(papers, sizeof(papers) / sizeof(papers[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_papers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
