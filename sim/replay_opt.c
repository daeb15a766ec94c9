/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay_opt.c: Belady's optimum, MIN: the page whose next use is furthest away leaves.
 *
 * A page in memory is known by the time of its next use, a number no other page has; so memory is a set of times, kept
 * as bits over the whole trace with a bit for each word of bits that is not empty, and so on up: four levels reach
 * 2^32. A request i is a hit if bit i is set. The victim is the highest bit. No heap, and no array over pages: time is
 * swept once, and only the bits at next uses are far away, which can be fetched ahead since next uses are known.
 *
 * Pages without a next use are all equally good victims, better than any other: they are only counted. Bits of the past
 * need not be cleared: while a page with a next use is in memory, a higher bit exists.
 *
 * It takes a page in at every miss, also one that is never used again, as a pager must.
 */
#include "sim/replay_opt.h"

#include <errno.h>
#include <string.h>

#include "sim/big.h"
#include "sim/replay_loop.h"

#define NEVER  UINT32_MAX
#define LEVELS 6 /* of 64 ways: 2^36 */
#define AHEAD  32u
#define SPAN   (1u << 20)

struct times {
	uint64_t *level[LEVELS];
	unsigned levels;
	uint64_t *mem;
	size_t bytes;
};

static int times_init(struct times *s, uint32_t requests)
{
	size_t words = 0, nr = requests;
	size_t first[LEVELS];

	*s = (struct times){.levels = 0};
	do {
		nr = (nr + 63) / 64;
		first[s->levels++] = words;
		words += nr;
	} while (nr > 1);
	s->bytes = words * sizeof(uint64_t);
	s->mem = big_alloc(s->bytes);
	if (!s->mem)
		return -ENOMEM;
	for (unsigned l = 0; l < s->levels; l++)
		s->level[l] = s->mem + first[l];
	return 0;
}

static inline void times_add(struct times *s, uint32_t at)
{
	for (unsigned l = 0; l < s->levels; l++, at /= 64) {
		uint64_t *word = &s->level[l][at / 64], before = *word;

		*word = before | 1ull << at % 64;
		if (before)
			break;
	}
}

/* Takes the highest out; there is one. */
static inline void times_take_last(struct times *s)
{
	uint32_t at = 0;

	for (unsigned l = s->levels; l-- > 0;)
		at = at * 64 + 63 - (uint32_t)__builtin_clzll(s->level[l][at]);
	for (unsigned l = 0; l < s->levels; l++, at /= 64) {
		uint64_t *word = &s->level[l][at / 64];

		*word &= ~(1ull << at % 64);
		if (*word)
			break;
	}
}

uint32_t *replay_next_use(const struct trace *t)
{
	uint32_t *next = big_alloc((size_t)t->requests * sizeof(*next));
	uint32_t *coming = big_alloc((size_t)t->pages * sizeof(*coming));

	if (next && coming) {
		memset(coming, 0xff, (size_t)t->pages * sizeof(*coming));
		for (uint32_t i = t->requests; i-- > 0;) {
			if (i >= AHEAD)
				__builtin_prefetch(&coming[t->page[i - AHEAD]], 1);
			next[i] = coming[t->page[i]];
			coming[t->page[i]] = i;
		}
	} else {
		big_free(next, (size_t)t->requests * sizeof(*next));
		next = NULL;
	}
	big_free(coming, (size_t)t->pages * sizeof(*coming));
	return next;
}

void replay_opt(const struct trace *t, const uint32_t *next, struct replay_run *run,
		const struct sim_watch *watch)
{
	uint64_t misses = 0, begin = replay_clock_ns();
	uint32_t used = 0, never = 0;
	struct times s;

	run->err = times_init(&s, t->requests);
	for (uint32_t i = 0; i < t->requests && !run->err; i++) {
		if (i % SPAN == 0 && sim_watch_stopped(watch))
			run->err = -ECANCELED;
		if (i + AHEAD < t->requests && next[i + AHEAD] != NEVER)
			__builtin_prefetch(&s.level[0][next[i + AHEAD] / 64], 1);
		if (!(s.level[0][i / 64] >> i % 64 & 1)) {
			misses++;
			if (used < run->frames)
				used++;
			else if (never)
				never--;
			else
				times_take_last(&s);
		}
		if (next[i] == NEVER)
			never++;
		else
			times_add(&s, next[i]);
	}
	big_free(s.mem, s.bytes);
	run->misses = misses;
	run->seconds_ns = replay_clock_ns() - begin;
}
