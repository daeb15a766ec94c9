/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list.h: a queue of page numbers, for the policies that keep pages in an order. Inside mm/policy/ only.
 *
 * A circular doubly linked list through an array of 8 bytes a page; entry [pages] is its anchor. Head: next to leave;
 * tail: last to leave. Only the anchor is initialised: a page's links mean something only while it is on the list, and
 * only the protocol in policy.h tells whether it is. So init is O(1) and memory is touched as pages come, which keeps
 * a guest's boot short and a host's untouched metadata untouched.
 *
 * A policy with several lists, of which a page is on one at most, gives them one array of links and an anchor each
 * behind the last page: page_list_init_shared(). Which list a page is on, the policy keeps.
 *
 * page_list_victim() is the search all of them share. A page passed over, whether the filter refuses it or the policy
 * spares it, goes to the tail: refused pages do not pile up at the head, where each later search would meet them again,
 * and none is out of the hand's reach for more than one round. If every page is refused the order is as before. Without
 * a filter nothing is refused, so replay sees the plain policy.
 */
#ifndef BALLAST_MM_POLICY_LIST_H
#define BALLAST_MM_POLICY_LIST_H

#include <assert.h>

#include "mm/policy/policy.h"

#define PAGE_NONE UINT32_MAX /* never a page: pages <= UINT32_MAX */

struct page_link {
	uint32_t prev, next;
};

struct page_list {
	uint32_t pages;  /* page numbers are below */
	uint32_t nr;     /* on the list */
	uint32_t anchor; /* its index: pages, or above where lists share their links */
	struct page_link *link;
};

static inline size_t page_list_bytes(uint32_t pages)
{
	return ((size_t)pages + 1) * sizeof(struct page_link);
}

/* The i-th list, from 0, of those through link, an array of pages + lists entries, 8-aligned, any content. O(1). */
static inline void page_list_init_shared(struct page_list *l, struct page_link *link,
					 uint32_t pages, uint32_t i)
{
	uint32_t anchor = pages + i;

	*l = (struct page_list){.pages = pages, .anchor = anchor, .link = link};
	link[anchor] = (struct page_link){.prev = anchor, .next = anchor};
}

/* mem: page_list_bytes(pages) bytes, 8-aligned, any content. O(1). */
static inline void page_list_init(struct page_list *l, void *mem, uint32_t pages)
{
	page_list_init_shared(l, mem, pages, 0);
}

/* Next to leave and last to leave; an anchor, which is no page, if the list is empty. */
static inline uint32_t page_list_head(const struct page_list *l)
{
	return l->link[l->anchor].next;
}

static inline uint32_t page_list_tail(const struct page_list *l)
{
	return l->link[l->anchor].prev;
}

static inline void page_list_add_tail(struct page_list *l, uint32_t page)
{
	uint32_t anchor = l->anchor, last = l->link[anchor].prev;

	assert(page < l->pages && l->nr < l->pages);
	l->link[page] = (struct page_link){.prev = last, .next = anchor};
	l->link[last].next = page;
	l->link[anchor].prev = page;
	l->nr++;
}

static inline void page_list_remove(struct page_list *l, uint32_t page)
{
	struct page_link at = l->link[page];

	assert(page < l->pages && l->nr);
	assert(l->link[at.prev].next == page && l->link[at.next].prev == page);
	l->link[at.prev].next = at.next;
	l->link[at.next].prev = at.prev;
	l->nr--;
}

static inline void page_list_move_tail(struct page_list *l, uint32_t page)
{
	page_list_remove(l, page);
	page_list_add_tail(l, page);
}

/* A hint that the page will be added, moved or removed soon. */
static inline void page_list_expect(const struct page_list *l, uint32_t page)
{
	__builtin_prefetch(&l->link[page], 1);
}

static inline bool filter_refuses(const struct victim_filter *filter, uint32_t page)
{
	return filter && filter->may_leave && !filter->may_leave(filter->ctx, page);
}

/* Test and clear the user's reference bit. */
static inline bool filter_referenced(const struct victim_filter *filter, uint32_t page)
{
	return filter && filter->referenced && filter->referenced(filter->ctx, page);
}

/*
 * Does the policy give this page another round? Called once a page and pass; clears what it tests. It may move the page
 * to a list where it thinks it belongs; a page it leaves at the head goes to the tail.
 */
typedef bool page_spared_fn(void *mem, const struct victim_filter *filter, uint32_t page);

/*
 * The first page from the head that the filter lets go and that is not spared (NULL: none is); it stays at the head.
 * In the last of passes, which policies choose so that it is needed only if bits are set meanwhile, nothing is spared.
 * O(pages passed over), at most that many passes. False, with *page_out = PAGE_NONE: every page is refused, or was
 * moved to another list.
 */
static inline bool page_list_search(struct page_list *l, const struct victim_filter *filter,
				    page_spared_fn *spared, void *mem, unsigned passes,
				    uint32_t *page_out)
{
	bool any = false;

	*page_out = PAGE_NONE;
	for (unsigned pass = 1; pass <= passes; pass++) {
		for (uint32_t left = l->nr; left && l->nr; left--) {
			uint32_t page = page_list_head(l);

			if (!filter_refuses(filter, page)) {
				any = true;
				if (pass == passes || !spared || !spared(mem, filter, page)) {
					*page_out = page;
					return true;
				}
			}
			if (page_list_head(l) == page)
				page_list_move_tail(l, page);
		}
		if (!any)
			return false;
	}
	return false;
}

/* As page_list_search() where one pass clears every bit: the second finds a page unless bits are set meanwhile. */
static inline bool page_list_victim(struct page_list *l, const struct victim_filter *filter,
				    page_spared_fn *spared, void *mem, uint32_t *page_out)
{
	return page_list_search(l, filter, spared, mem, 3, page_out);
}

/* nr pages in a ring, and each the previous of its next: so all distinct. O(nr). */
static inline bool page_list_consistent(const struct page_list *l)
{
	uint32_t at = l->anchor;

	if (l->nr > l->pages)
		return false;
	for (uint64_t i = 0; i <= l->nr; i++) {
		uint32_t next = l->link[at].next;

		if ((next >= l->pages && next != l->anchor) || l->link[next].prev != at)
			return false;
		if (next == l->anchor)
			return i == l->nr;
		at = next;
	}
	return false;
}

#endif
