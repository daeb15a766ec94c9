/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack_distance.c: how deep in LRU's stack each request finds its page, by counting marks on a line of time.
 *
 * Every page has a mark at the time of its last request. The distance of a request is the number of marks behind the
 * page's own: those pages were requested since (Bennett and Kruskal, IBM J. R&D 1975; Olken, LBL-12370, 1981). Then the
 * mark moves to now.
 *
 * Marks are bits. A block is 512 of them, a cache line, counted by population count; a Fenwick tree over the blocks, of
 * which there are a few thousand, counts the marks of whole blocks. So a request touches one far line of the bitmap, which
 * is fetched ahead, and a tree that stays in the first-level cache, where a tree over single times would be hundreds of
 * times as large. The block that time is in now is not in the tree until it is full: marks behind the page's own are all
 * marks less those before, and nothing before can be in that block.
 *
 * Time has four places for each page; when they are used up the marks move together, keeping their order.
 */
#include "sim/stack_distance.h"

#include <string.h>

#include "sim/big.h"

#define BLOCK      512u
#define WORDS      (BLOCK / 64)
#define AHEAD_LAST 24u
#define AHEAD_BITS 12u

struct stack_distance {
	uint32_t pages;
	uint32_t places; /* of time: a multiple of BLOCK, at most 2^32 - BLOCK */
	uint32_t now;
	uint32_t marks;
	uint32_t *last; /* by page: the place of its mark + 1; 0: none */
	uint64_t *bits;
	uint32_t *tree;  /* [1, blocks]: marks of full blocks */
	uint64_t *spare; /* bits, when marks move together */
	size_t last_bytes, bits_bytes, tree_bytes;
};

static uint32_t blocks_of(const struct stack_distance *s)
{
	return s->places / BLOCK;
}

struct stack_distance *stack_distance_create(uint32_t pages)
{
	struct stack_distance *s = big_alloc(sizeof(*s));
	uint64_t places = (4ull * pages + 65536) / BLOCK * BLOCK;

	if (!s)
		return NULL;
	s->pages = pages;
	s->places = places < UINT32_MAX - BLOCK ? (uint32_t)places
						: (UINT32_MAX - BLOCK) / BLOCK * BLOCK;
	s->last_bytes = pages * sizeof(*s->last);
	s->bits_bytes = s->places / 8;
	s->tree_bytes = (blocks_of(s) + 1ull) * sizeof(*s->tree);
	s->last = big_alloc(s->last_bytes);
	s->bits = big_alloc(s->bits_bytes);
	s->spare = big_alloc(s->bits_bytes);
	s->tree = big_alloc(s->tree_bytes);
	if (s->last && s->bits && s->spare && s->tree)
		return s;
	stack_distance_destroy(s);
	return NULL;
}

void stack_distance_destroy(struct stack_distance *s)
{
	if (!s)
		return;
	big_free(s->last, s->last_bytes);
	big_free(s->bits, s->bits_bytes);
	big_free(s->spare, s->bits_bytes);
	big_free(s->tree, s->tree_bytes);
	big_free(s, sizeof(*s));
}

static inline void tree_add(struct stack_distance *s, uint32_t block, uint32_t n)
{
	uint32_t blocks = blocks_of(s);

	for (uint32_t i = block + 1; i <= blocks; i += i & (0 - i))
		s->tree[i] += n;
}

/* Marks in the blocks before this one. */
static inline uint32_t tree_before(const struct stack_distance *s, uint32_t block)
{
	uint32_t sum = 0;

	for (uint32_t i = block; i; i &= i - 1)
		sum += s->tree[i];
	return sum;
}

/* Marks before that place. */
static inline uint32_t marks_before(const struct stack_distance *s, uint32_t place)
{
	const uint64_t *word = &s->bits[place / BLOCK * WORDS], *last = &s->bits[place / 64];
	uint32_t sum = tree_before(s, place / BLOCK);

	for (; word < last; word++)
		sum += (uint32_t)__builtin_popcountll(*word);
	return sum + (uint32_t)__builtin_popcountll(*last & ((1ull << place % 64) - 1));
}

static inline uint32_t block_marks(const struct stack_distance *s, uint32_t block)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < WORDS; i++)
		sum += (uint32_t)__builtin_popcountll(s->bits[block * WORDS + i]);
	return sum;
}

/* The k-th mark goes to place k. */
static void move_together(struct stack_distance *s)
{
	uint64_t *bits;

	for (uint32_t page = 0; page < s->pages; page++)
		if (s->last[page])
			s->last[page] = marks_before(s, s->last[page] - 1) + 1;
	bits = s->spare;
	s->spare = s->bits;
	s->bits = bits;
	memset(s->bits, 0, s->bits_bytes);
	memset(s->tree, 0, s->tree_bytes);
	s->now = s->marks;
	memset(s->bits, 0xff, s->now / 64 * 8);
	if (s->now % 64)
		s->bits[s->now / 64] = (1ull << s->now % 64) - 1;
	for (uint32_t block = 0; block < s->now / BLOCK; block++)
		tree_add(s, block, BLOCK);
}

static inline uint32_t one(struct stack_distance *s, uint32_t page)
{
	uint32_t place = s->last[page], distance = STACK_FIRST;

	if (place--) {
		distance = s->marks - marks_before(s, place) - 1;
		s->bits[place / 64] &= ~(1ull << place % 64);
		if (place / BLOCK != s->now / BLOCK)
			tree_add(s, place / BLOCK, UINT32_MAX); /* minus one */
	} else {
		s->marks++;
	}
	s->bits[s->now / 64] |= 1ull << s->now % 64;
	s->last[page] = ++s->now;
	if (s->now % BLOCK == 0) {
		tree_add(s, s->now / BLOCK - 1, block_marks(s, s->now / BLOCK - 1));
		if (s->now == s->places)
			move_together(s);
	}
	return distance;
}

void stack_distance_run(struct stack_distance *s, const uint32_t *page, size_t nr,
			uint32_t *distance_out)
{
	for (size_t i = 0; i < nr; i++) {
		if (i + AHEAD_LAST < nr)
			__builtin_prefetch(&s->last[page[i + AHEAD_LAST]], 1);
		if (i + AHEAD_BITS < nr)
			__builtin_prefetch(&s->bits[s->last[page[i + AHEAD_BITS]] / 64], 1);
		distance_out[i] = one(s, page[i]);
	}
}
