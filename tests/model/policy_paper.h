/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_paper.h: replays random references through a policy and, beside it, through its paper's algorithm written as
 * papers write them: "on a reference to page x ...", over plain arrays, a page at a time. Both must name the same
 * victims. The algorithms share nothing with the policies: not the protocol, not the lists, not fixed point.
 */
#ifndef BALLAST_TESTS_POLICY_PAPER_H
#define BALLAST_TESTS_POLICY_PAPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/policy/policy.h"

#define PAGES 60u
#define NONE  UINT32_MAX

/* An ordered set of pages: [0] is the oldest. */
struct seq {
	uint32_t page[PAGES], nr;
};

static inline uint32_t seq_find(const struct seq *s, uint32_t page)
{
	for (uint32_t i = 0; i < s->nr; i++)
		if (s->page[i] == page)
			return i;
	return NONE;
}

static inline bool seq_has(const struct seq *s, uint32_t page)
{
	return seq_find(s, page) != NONE;
}

static inline uint32_t seq_take(struct seq *s, uint32_t i)
{
	uint32_t page = s->page[i];

	assert_true(i < s->nr);
	memmove(&s->page[i], &s->page[i + 1], (--s->nr - i) * sizeof(page));
	return page;
}

static inline void seq_drop(struct seq *s, uint32_t page)
{
	seq_take(s, seq_find(s, page));
}

static inline void seq_insert(struct seq *s, uint32_t i, uint32_t page)
{
	assert_true(s->nr < PAGES && !seq_has(s, page));
	memmove(&s->page[i + 1], &s->page[i], (s->nr++ - i) * sizeof(page));
	s->page[i] = page;
}

static inline void seq_push(struct seq *s, uint32_t page)
{
	seq_insert(s, s->nr, page);
}

static inline void seq_renew(struct seq *s, uint32_t page)
{
	seq_drop(s, page);
	seq_push(s, page);
}

/* One memory under one algorithm; each uses of it what it needs. */
struct paper {
	uint32_t c;           /* frames */
	struct seq a, b;      /* resident pages, in one or two lists */
	struct seq g, h;      /* ghosts */
	bool bit[PAGES];      /* reference bits */
	uint64_t time[PAGES]; /* of the last reference, or as the algorithm says */
	uint64_t before[PAGES];
	uint32_t count[PAGES];
	uint64_t now;
	uint32_t hand, hand2, target;
	double p;
	bool evicted; /* ever */
	struct rng rng;
};

struct paper_algorithm {
	const char *name;
	void (*hit)(struct paper *, uint32_t page);
	/* A page that is not resident is referenced: evicts one if memory is full, brings it in; the evicted page. */
	uint32_t (*miss)(struct paper *, uint32_t page, bool full);
};

/* Pages that wait to be written, for who asks. */
static inline bool paper_dirty(void *ctx, uint32_t page)
{
	(void)ctx;
	return page % 3 == 0;
}

/* Popular pages, loops, scans and jumps, a stretch of each. */
static inline uint32_t paper_next(struct rng *r, uint32_t *stretch, uint32_t pages, uint32_t i)
{
	uint32_t x = (uint32_t)rng_below(r, pages), y = (uint32_t)rng_below(r, pages);

	if (rng_below(r, 60) == 0)
		*stretch = (uint32_t)rng_below(r, 4);
	switch (*stretch) {
	case 0: /* low pages are popular */
		return x < y ? x : y;
	case 1: /* a loop over half the pages */
		return i % (pages / 2 + 1);
	case 2: /* a scan that touches every page twice */
		return i / 2 % pages;
	default:
		return x;
	}
}

static inline void paper_run(const struct paper_algorithm *as, uint32_t frames, uint32_t pages,
			     uint32_t refs, uint64_t seed)
{
	const struct policy_ops *ops = policy_find(as->name);
	struct paper *paper = calloc(1, sizeof(*paper));
	struct rng draw = rng_seeded(seed), rng = rng_seeded(~seed);
	bool resident[PAGES] = {false};
	uint32_t used = 0, misses = 0, stretch = 0, victim;
	void *mem;

	assert_true(ops && paper);
	mem = malloc(ops->bytes(frames, pages));
	assert_non_null(mem);
	memset(mem, 0xee, ops->bytes(frames, pages));
	assert_int_equal(ops->init(mem, frames, pages, &rng), 0);
	*paper = (struct paper){.c = frames, .rng = rng};
	for (uint32_t i = 0; i < refs; i++) {
		uint32_t page = paper_next(&draw, &stretch, pages, i), expected;
		const struct victim_filter filter = {.dirty = paper_dirty, .incoming = &page};
		bool full = used == frames;

		if (resident[page]) {
			as->hit(paper, page);
			ops->accessed(mem, page, false, i);
			continue;
		}
		misses++;
		expected = as->miss(paper, page, full);
		if (full) {
			assert_true(ops->victim(mem, &filter, &victim));
			if (victim != expected)
				fail_msg("%s: %u frames, %u pages, seed %llu, reference %u: victim "
					 "%u, should be %u",
					 as->name, frames, pages, (unsigned long long)seed, i,
					 victim, expected);
			assert_true(resident[victim]);
			ops->removed(mem, victim, POLICY_EVICTED);
			resident[victim] = false;
		} else {
			assert_true(expected == NONE);
			used++;
		}
		ops->inserted(mem, page, i);
		resident[page] = true;
		assert_true(ops->consistent(mem));
	}
	assert_true(misses > frames);
	free(mem);
	free(paper);
}

/* Each algorithm, in memories of 1 to 40 frames. */
static inline void paper_compare(const struct paper_algorithm *as, size_t nr)
{
	for (; nr; nr--, as++) {
		for (uint32_t frames = 1; frames <= 40; frames += frames < 12 ? 1 : 7)
			for (uint64_t seed = 1; seed <= 4; seed++)
				paper_run(as, frames, seed % 2 ? PAGES : frames + 3, 6000,
					  seed * 1000 + frames);
		print_message("%s: seeds 1001 to 4040\n", as->name);
	}
}

#endif
