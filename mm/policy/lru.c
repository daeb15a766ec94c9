/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lru.c: the page whose last touch is longest ago leaves first.
 *
 * A queue in order of last touch, as far as touches are seen. Replay reports every reference: exact LRU. A guest's
 * pager has reference bits: a referenced page met at the head moves to the recent end, so the order is that of the last
 * touch or the last look. The host pager sees faults only: order of last fault.
 *
 * A refused page moves to the recent end too: to look at it again and again would cost more than its exact place is
 * worth, and what is refused (pinned, leaving) is in use.
 */
#include <errno.h>

#include "mm/policy/list.h"

struct lru {
	struct page_list list; /* head: least recently used */
};

static size_t lru_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct lru) + page_list_bytes(pages);
}

static int lru_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct lru *l = mem;

	(void)rng;
	if (!capacity)
		return -EINVAL;
	page_list_init(&l->list, l + 1, pages);
	return 0;
}

static void lru_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct lru *l = mem;

	(void)now_ns;
	page_list_add_tail(&l->list, page);
}

static void lru_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct lru *l = mem;

	(void)write;
	(void)now_ns;
	page_list_move_tail(&l->list, page);
}

static bool lru_spared(void *mem, const struct victim_filter *filter, uint32_t page)
{
	(void)mem;
	return filter_referenced(filter, page);
}

static bool lru_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct lru *l = mem;

	return page_list_victim(&l->list, filter, lru_spared, mem, page_out);
}

static void lru_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct lru *l = mem;

	(void)why;
	page_list_remove(&l->list, page);
}

static void lru_resized(void *mem, uint32_t capacity)
{
	(void)mem;
	(void)capacity;
}

static void lru_expect(const void *mem, uint32_t page)
{
	const struct lru *l = mem;

	page_list_expect(&l->list, page);
}

static bool lru_consistent(const void *mem)
{
	const struct lru *l = mem;

	return page_list_consistent(&l->list);
}

const struct policy_ops policy_lru = {
	.name = "lru",
	.paper = "Mattson, Gecsei, Slutz, Traiger, Evaluation techniques for storage hierarchies, "
		 "IBM Systems Journal 9(2), 1970",
	.wants_samples = false,
	.bytes = lru_bytes,
	.init = lru_init,
	.inserted = lru_inserted,
	.accessed = lru_accessed,
	.victim = lru_victim,
	.removed = lru_removed,
	.resized = lru_resized,
	.consistent = lru_consistent,
	.expect = lru_expect,
};
