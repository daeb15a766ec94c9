/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lirs.c: pages are kept that come back soon (low inter-reference recency, LIR); the others pass through a short queue.
 *
 * Of c frames, Lhirs = c/100, at least 2, are for HIR pages, the rest for LIR pages (of 2 frames one each, a single one
 * is for a HIR page). Two lists:
 *   S  the recency stack: LIR pages, and HIR pages, resident or not (ghosts), referenced since the LIR page at its
 *      bottom was. Pruned so that its bottom is LIR, or it is empty. A page stands in it once, so it needs no limit.
 *   Q  the resident HIR pages.
 * A reference moves the page to the top of S. If it was a HIR page, or a ghost, and in S: its recency was below that of
 * some LIR page, so it becomes LIR and the page at the bottom of S becomes HIR, at the end of Q; if not in S it goes to
 * the end of Q. The victim is the front of Q; if it is still in S, its ghost stays there. The first c - Lhirs pages are
 * LIR at once; so are later ones while LIR pages are missing, because they were freed.
 *
 * If Q has none to give, the LIR page nearest the bottom of S that may leave is named: O(S), for refused pages at the
 * bottom only. A set reference bit at the front of Q is a reference. The authors' program ignores a reference to the
 * page referenced just before; the paper does not, and neither does this. 17 bytes a page.
 */
#include <errno.h>
#include <string.h>

#include "mm/policy/list.h"

enum status { NONE, LIR, HIR, GHOST };

struct page_state {
	uint8_t status : 2;
	uint8_t in_stack : 1;
};

struct lirs {
	struct page_list stack; /* S; head: bottom */
	struct page_list queue; /* Q; head: next to leave */
	uint32_t pages;
	uint32_t lir, lir_max;
	struct page_state *state; /* by page */
};

static size_t lirs_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct lirs) + 2 * page_list_bytes(pages) + pages * sizeof(struct page_state);
}

static uint32_t lirs_share(uint32_t capacity)
{
	if (capacity <= 2)
		return capacity - 1;
	return capacity - (capacity < 300 ? 2 : capacity / 100);
}

static int lirs_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct lirs *l = mem;
	struct page_link *links = (struct page_link *)(l + 1);

	(void)rng;
	if (!capacity)
		return -EINVAL;
	*l = (struct lirs){.pages = pages, .lir_max = lirs_share(capacity)};
	page_list_init(&l->stack, links, pages);
	page_list_init(&l->queue, links + (size_t)pages + 1, pages);
	l->state = (struct page_state *)(links + 2 * ((size_t)pages + 1));
	memset(l->state, 0, pages * sizeof(struct page_state));
	return 0;
}

static void stack_remove(struct lirs *l, uint32_t page)
{
	if (l->state[page].in_stack)
		page_list_remove(&l->stack, page);
	l->state[page].in_stack = false;
	if (l->state[page].status == GHOST)
		l->state[page].status = NONE;
}

static void stack_push(struct lirs *l, uint32_t page)
{
	if (l->state[page].in_stack)
		page_list_remove(&l->stack, page);
	page_list_add_tail(&l->stack, page);
	l->state[page].in_stack = true;
}

static void stack_prune(struct lirs *l)
{
	while (l->stack.nr && l->state[page_list_head(&l->stack)].status != LIR)
		stack_remove(l, page_list_head(&l->stack));
}

/* LIR pages above their share become HIR, from the bottom of S. */
static void lirs_demote(struct lirs *l)
{
	stack_prune(l);
	while (l->lir > l->lir_max) {
		uint32_t page = page_list_head(&l->stack);

		l->state[page].status = HIR;
		l->lir--;
		page_list_add_tail(&l->queue, page);
		stack_prune(l);
	}
}

static void lirs_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct lirs *l = mem;

	(void)now_ns;
	if (l->state[page].status == GHOST || l->lir < l->lir_max) {
		l->state[page].status = LIR;
		l->lir++;
	} else {
		l->state[page].status = HIR;
		page_list_add_tail(&l->queue, page);
	}
	stack_push(l, page);
	lirs_demote(l);
}

static void lirs_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct lirs *l = mem;

	(void)write;
	(void)now_ns;
	if (l->state[page].status == HIR) {
		page_list_remove(&l->queue, page);
		if (l->state[page].in_stack) {
			l->state[page].status = LIR;
			l->lir++;
		} else {
			page_list_add_tail(&l->queue, page);
		}
	}
	stack_push(l, page);
	lirs_demote(l);
}

static bool lirs_spared(void *mem, const struct victim_filter *filter, uint32_t page)
{
	if (!filter_referenced(filter, page))
		return false;
	lirs_accessed(mem, page, false, 0);
	return true;
}

static bool lirs_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct lirs *l = mem;

	if (page_list_victim(&l->queue, filter, lirs_spared, mem, page_out))
		return true;
	for (uint32_t page = page_list_head(&l->stack); page != l->stack.anchor;
	     page = l->stack.link[page].next)
		if (l->state[page].status == LIR && !filter_refuses(filter, page)) {
			*page_out = page;
			return true;
		}
	return false;
}

static void lirs_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct lirs *l = mem;
	bool ghost = why == POLICY_EVICTED && l->state[page].in_stack;

	if (l->state[page].status == LIR)
		l->lir--;
	else
		page_list_remove(&l->queue, page);
	l->state[page].status = ghost ? GHOST : NONE;
	if (!ghost)
		stack_remove(l, page);
	stack_prune(l);
}

static void lirs_resized(void *mem, uint32_t capacity)
{
	struct lirs *l = mem;

	l->lir_max = lirs_share(capacity);
	lirs_demote(l);
}

static void lirs_expect(const void *mem, uint32_t page)
{
	const struct lirs *l = mem;

	__builtin_prefetch(&l->state[page]);
	page_list_expect(&l->stack, page);
	page_list_expect(&l->queue, page);
}

static bool lirs_consistent(const void *mem)
{
	const struct lirs *l = mem;
	uint32_t nr[4] = {0}, in_stack = 0;

	if (!page_list_consistent(&l->stack) || !page_list_consistent(&l->queue))
		return false;
	for (uint32_t page = 0; page < l->pages; page++) {
		struct page_state s = l->state[page];

		nr[s.status]++;
		in_stack += s.in_stack;
		if (s.in_stack ? s.status == NONE : s.status == LIR || s.status == GHOST)
			return false;
	}
	if (l->stack.nr && l->state[page_list_head(&l->stack)].status != LIR)
		return false;
	return in_stack == l->stack.nr && nr[HIR] == l->queue.nr && nr[LIR] == l->lir &&
	       l->lir <= l->lir_max;
}

const struct policy_ops policy_lirs = {
	.name = "lirs",
	.paper = "Jiang, Zhang, LIRS: An efficient low inter-reference recency set replacement "
		 "policy to improve buffer cache performance, SIGMETRICS 2002",
	.wants_samples = false,
	.bytes = lirs_bytes,
	.init = lirs_init,
	.inserted = lirs_inserted,
	.accessed = lirs_accessed,
	.victim = lirs_victim,
	.removed = lirs_removed,
	.resized = lirs_resized,
	.consistent = lirs_consistent,
	.expect = lirs_expect,
};
