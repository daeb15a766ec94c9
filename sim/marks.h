/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * marks.h: marks on a line of time, added at its end, taken away anywhere, and counted. Inside sim/ only.
 *
 * Marks are bits. A block is 512 of them, a cache line, counted by population count; a Fenwick tree over the blocks counts
 * the marks of whole blocks. So a question touches one far line of the bitmap, which can be fetched ahead, and a tree that
 * stays in the first-level cache, where a tree over single times would be hundreds of times as large. The block that time
 * is in now enters the tree when it is full, so an addition is O(1) amortised; the others are O(log places).
 */
#ifndef BALLAST_SIM_MARKS_H
#define BALLAST_SIM_MARKS_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "sim/big.h"

#define MARKS_BLOCK 512u
#define MARKS_WORDS (MARKS_BLOCK / 64)

struct marks {
	uint32_t places; /* a multiple of MARKS_BLOCK, at most 2^32 - MARKS_BLOCK */
	uint32_t now;    /* the place of the next mark */
	uint64_t *bits;
	uint32_t *tree; /* [1, blocks]: marks of full blocks */
};

static inline uint32_t marks_blocks(const struct marks *m)
{
	return m->places / MARKS_BLOCK;
}

static inline void marks_free(struct marks *m)
{
	big_free(m->bits, m->places / 8);
	big_free(m->tree, (marks_blocks(m) + 1ull) * sizeof(*m->tree));
	*m = (struct marks){0};
}

/* At least that many places, or as many as there can be. 0 or -ENOMEM. */
static inline int marks_init(struct marks *m, uint64_t places)
{
	places = (places + MARKS_BLOCK - 1) / MARKS_BLOCK * MARKS_BLOCK;
	*m = (struct marks){.places = places <= UINT32_MAX - MARKS_BLOCK
					      ? (uint32_t)places
					      : UINT32_MAX / MARKS_BLOCK * MARKS_BLOCK};
	m->bits = big_alloc(m->places / 8);
	m->tree = big_alloc((marks_blocks(m) + 1ull) * sizeof(*m->tree));
	if (m->bits && m->tree)
		return 0;
	marks_free(m);
	return -ENOMEM;
}

static inline void marks_tree_add(struct marks *m, uint32_t block, uint32_t n)
{
	uint32_t blocks = marks_blocks(m);

	for (uint32_t i = block + 1; i <= blocks; i += i & (0 - i))
		m->tree[i] += n;
}

/* Marks before that place, which is not beyond now. */
static inline uint32_t marks_before(const struct marks *m, uint32_t place)
{
	const uint64_t *word = &m->bits[place / MARKS_BLOCK * MARKS_WORDS];
	const uint64_t *last = &m->bits[place / 64];
	uint32_t sum = 0;

	for (uint32_t i = place / MARKS_BLOCK; i; i &= i - 1)
		sum += m->tree[i];
	for (; word < last; word++)
		sum += (uint32_t)__builtin_popcountll(*word);
	return sum + (uint32_t)__builtin_popcountll(*last & ((1ull << place % 64) - 1));
}

static inline void marks_remove(struct marks *m, uint32_t place)
{
	m->bits[place / 64] &= ~(1ull << place % 64);
	if (place / MARKS_BLOCK != m->now / MARKS_BLOCK)
		marks_tree_add(m, place / MARKS_BLOCK, UINT32_MAX); /* minus one */
}

/* A mark at now, which goes on by one; now < places. */
static inline void marks_append(struct marks *m)
{
	m->bits[m->now / 64] |= 1ull << m->now % 64;
	if (++m->now % MARKS_BLOCK == 0) {
		uint32_t block = m->now / MARKS_BLOCK - 1, sum = 0;

		for (unsigned i = 0; i < MARKS_WORDS; i++)
			sum += (uint32_t)__builtin_popcountll(m->bits[block * MARKS_WORDS + i]);
		marks_tree_add(m, block, sum);
	}
}

/* As new, with marks at the first nr places. */
static inline void marks_refill(struct marks *m, uint32_t nr)
{
	memset(m->bits, 0, m->places / 8);
	memset(m->tree, 0, (marks_blocks(m) + 1ull) * sizeof(*m->tree));
	m->now = nr;
	memset(m->bits, 0xff, nr / 64 * 8);
	if (nr % 64)
		m->bits[nr / 64] = (1ull << nr % 64) - 1;
	for (uint32_t block = 0; block < nr / MARKS_BLOCK; block++)
		marks_tree_add(m, block, MARKS_BLOCK);
}

#endif
