/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack_distance.c: how deep in LRU's stack each request finds its page, by counting marks on a line of time (marks.h).
 *
 * Every page has a mark at the time of its last request. The distance of a request is the number of marks behind the
 * page's own: those pages were requested since (Bennett and Kruskal, IBM J. R&D 1975; Olken, LBL-12370, 1981). Then the
 * mark moves to now. Time has four places for each page; when they are used up the marks move together, in their order.
 */
#include "sim/stack_distance.h"

#include "sim/marks.h"

#define AHEAD_LAST 24u
#define AHEAD_BITS 12u

struct stack_distance {
	uint32_t pages;
	uint32_t nr; /* marks: pages that were requested */
	struct marks marks;
	uint32_t *last; /* by page: the place of its mark + 1; 0: none */
};

struct stack_distance *stack_distance_create(uint32_t pages)
{
	struct stack_distance *s = big_alloc(sizeof(*s));

	if (!s)
		return NULL;
	s->pages = pages;
	s->last = big_alloc(pages * sizeof(*s->last));
	if (s->last && marks_init(&s->marks, 4ull * pages + 65536) == 0)
		return s;
	stack_distance_destroy(s);
	return NULL;
}

void stack_distance_destroy(struct stack_distance *s)
{
	if (!s)
		return;
	big_free(s->last, s->pages * sizeof(*s->last));
	marks_free(&s->marks);
	big_free(s, sizeof(*s));
}

/* The k-th mark goes to place k. */
static void move_together(struct stack_distance *s)
{
	for (uint32_t page = 0; page < s->pages; page++)
		if (s->last[page])
			s->last[page] = marks_before(&s->marks, s->last[page] - 1) + 1;
	marks_refill(&s->marks, s->nr);
}

static inline uint32_t one(struct stack_distance *s, uint32_t page)
{
	uint32_t place = s->last[page], distance = STACK_FIRST;

	if (place--) {
		distance = s->nr - marks_before(&s->marks, place) - 1;
		marks_remove(&s->marks, place);
	} else {
		s->nr++;
	}
	marks_append(&s->marks);
	s->last[page] = s->marks.now;
	if (s->marks.now == s->marks.places)
		move_together(s);
	return distance;
}

void stack_distance_run(struct stack_distance *s, const uint32_t *page, size_t nr,
			uint32_t *distance_out)
{
	for (size_t i = 0; i < nr; i++) {
		if (i + AHEAD_LAST < nr)
			__builtin_prefetch(&s->last[page[i + AHEAD_LAST]], 1);
		if (i + AHEAD_BITS < nr)
			__builtin_prefetch(&s->marks.bits[s->last[page[i + AHEAD_BITS]] / 64], 1);
		distance_out[i] = one(s, page[i]);
	}
}
