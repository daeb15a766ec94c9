/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stack_order.c: a list of pages, newest last, in an array with holes, and a Fenwick tree that counts the pages in it.
 *
 * The page at depth d is the (pages - d)-th of the array from its front; the tree finds its place by descending. It is
 * taken out and put behind the last one. When the array, twice as long as there are pages, is full, the holes are
 * closed and the tree is built anew: O(1) a request.
 */
#include "sim/stack_order.h"

#include <stdlib.h>
#include <string.h>

struct stack_order {
	uint32_t pages;
	uint32_t places; /* a power of two, at least twice pages */
	uint32_t used;
	uint32_t *page; /* by place; UINT32_MAX: a hole */
	uint32_t *tree; /* [1, places]: pages in the places that end at i, a power of two of them */
};

static void tree_build(struct stack_order *s)
{
	for (uint32_t i = 1; i <= s->places; i++)
		s->tree[i] = i <= s->used;
	for (uint32_t i = 1; i <= s->places; i++) {
		uint32_t up = i + (i & (0 - i));

		if (up <= s->places)
			s->tree[up] += s->tree[i];
	}
}

static void tree_add(struct stack_order *s, uint32_t place, uint32_t n)
{
	for (uint32_t i = place + 1; i <= s->places; i += i & (0 - i))
		s->tree[i] += n;
}

struct stack_order *stack_order_create(uint32_t pages)
{
	struct stack_order *s = calloc(1, sizeof(*s));

	if (!s || pages > 1u << 29) {
		free(s);
		return NULL;
	}
	s->pages = pages;
	s->places = 2;
	while (s->places < 2 * pages)
		s->places *= 2;
	s->page = malloc(s->places * sizeof(*s->page));
	s->tree = malloc(((size_t)s->places + 1) * sizeof(*s->tree));
	if (!s->page || !s->tree) {
		stack_order_destroy(s);
		return NULL;
	}
	for (uint32_t i = 0; i < pages; i++)
		s->page[i] = pages - 1 - i;
	s->used = pages;
	tree_build(s);
	return s;
}

void stack_order_destroy(struct stack_order *s)
{
	if (!s)
		return;
	free(s->page);
	free(s->tree);
	free(s);
}

static void close_holes(struct stack_order *s)
{
	uint32_t to = 0;

	for (uint32_t i = 0; i < s->used; i++)
		if (s->page[i] != UINT32_MAX)
			s->page[to++] = s->page[i];
	s->used = to;
	tree_build(s);
}

uint32_t stack_order_renew(struct stack_order *s, uint32_t depth)
{
	uint32_t left = s->pages - depth, at = 0, page; /* the left-th page from the front */

	if (s->used == s->places)
		close_holes(s);
	for (uint32_t step = s->places; step; step /= 2)
		if (at + step <= s->places && s->tree[at + step] < left) {
			at += step;
			left -= s->tree[at];
		}
	page = s->page[at];
	s->page[at] = UINT32_MAX;
	tree_add(s, at, UINT32_MAX); /* minus one */
	s->page[s->used] = page;
	tree_add(s, s->used, 1);
	s->used++;
	return page;
}
