/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arc.c: two LRU lists, of pages seen once and seen again, whose split learns from the ghosts of both.
 *
 * T1 holds resident pages seen once since they came, T2 those seen again; B1 and B2 the numbers of pages that left T1
 * and T2 (ghosts). p, between 0 and the capacity c, is the size T1 should have. A page that comes back from B1 says T1
 * was too small: p grows by max(1, |B2|/|B1|); one from B2 takes max(1, |B1|/|B2|) from it; either enters T2. The
 * victim is the LRU of T1 if |T1| > p (or |T1| = p and the incoming page is in B2), of T2 otherwise, and of the other
 * list if that one has none to give. |T1| + |B1| <= c and 2c in all: the oldest ghosts go.
 *
 * The paper's order within a miss is kept: p moves first, with the lists as the miss found them, then the victim is
 * chosen. For that the user must say what comes in (filter->incoming; replay does). A pager that reclaims ahead does
 * not know, and p moves when the page is inserted. Ghosts are trimmed at the insertion, which is the same: the ghosts
 * the paper deletes first are the oldest, and the newcomer is not among them any more.
 *
 * p is real-valued in the paper; fraction.h says how exact it is here.
 * A set reference bit at the end of a list is a hit. A byte and 8 a page.
 */
#include <errno.h>
#include <string.h>

#include "mm/policy/fraction.h"
#include "mm/policy/list.h"

enum place { T1, T2, B1, B2, NOWHERE };

struct arc {
	struct page_list list[4]; /* by place; head: least recently used */
	uint32_t pages;
	uint32_t capacity;
	uint32_t learned;  /* p has moved for this incoming page already; or PAGE_NONE */
	struct fraction p; /* at most capacity */
	uint8_t *place;    /* by page; four more, for anchors to be hinted at */
};

static size_t arc_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct arc) + ((size_t)pages + 4) * sizeof(struct page_link) + pages + 4;
}

static int arc_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct arc *a = mem;
	struct page_link *links = (struct page_link *)(a + 1);

	(void)rng;
	if (!capacity)
		return -EINVAL;
	*a = (struct arc){.pages = pages, .capacity = capacity, .learned = PAGE_NONE};
	for (uint32_t i = 0; i < 4; i++)
		page_list_init_shared(&a->list[i], links, pages, i);
	a->place = (uint8_t *)(links + (size_t)pages + 4);
	memset(a->place, NOWHERE, pages);
	return 0;
}

static void arc_move(struct arc *a, uint32_t page, enum place to)
{
	if (a->place[page] != NOWHERE)
		page_list_remove(&a->list[a->place[page]], page);
	if (to != NOWHERE)
		page_list_add_tail(&a->list[to], page);
	a->place[page] = (uint8_t)to;
}

/* p moves if the page that comes is a ghost; once for each coming. */
static void arc_learn(struct arc *a, uint32_t page)
{
	uint32_t b1 = a->list[B1].nr, b2 = a->list[B2].nr;

	if (a->learned == page)
		return;
	if (a->place[page] == B1)
		fraction_add(&a->p, fraction_at_least_one(b2, b1), a->capacity);
	else if (a->place[page] == B2)
		fraction_take(&a->p, fraction_at_least_one(b1, b2));
	a->learned = page;
}

/* The oldest ghost of that list; its place need not be looked up, which would be far away. */
static void arc_forget(struct arc *a, enum place ghosts)
{
	uint32_t page = page_list_head(&a->list[ghosts]);

	page_list_remove(&a->list[ghosts], page);
	a->place[page] = NOWHERE;
}

static void arc_trim(struct arc *a)
{
	const struct page_list *l = a->list;
	uint64_t once = (uint64_t)l[T1].nr + l[B1].nr, all = once + l[T2].nr + l[B2].nr;

	for (; once > a->capacity && l[B1].nr; once--, all--)
		arc_forget(a, B1);
	for (; all > 2ull * a->capacity && (l[B1].nr || l[B2].nr); all--)
		arc_forget(a, l[B2].nr ? B2 : B1);
}

static void arc_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct arc *a = mem;

	(void)now_ns;
	arc_learn(a, page);
	a->learned = PAGE_NONE;
	arc_move(a, page, a->place[page] == NOWHERE ? T1 : T2);
	arc_trim(a);
}

static void arc_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	(void)write;
	(void)now_ns;
	arc_move(mem, page, T2);
}

static bool arc_spared(void *mem, const struct victim_filter *filter, uint32_t page)
{
	if (!filter_referenced(filter, page))
		return false;
	arc_move(mem, page, T2);
	return true;
}

static bool arc_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct arc *a = mem;
	bool from_b2 = false, first;

	if (filter && filter->incoming) {
		arc_learn(a, *filter->incoming);
		from_b2 = a->place[*filter->incoming] == B2;
	}
	first = fraction_compare(a->list[T1].nr, &a->p) + from_b2 > 0;
	/* Those of T1 that have their reference bit set go to T2: so T2 is the last to be searched. */
	return (first && page_list_victim(&a->list[T1], filter, arc_spared, mem, page_out)) ||
	       page_list_victim(&a->list[T2], filter, arc_spared, mem, page_out) ||
	       page_list_victim(&a->list[T1], filter, arc_spared, mem, page_out) ||
	       page_list_victim(&a->list[T2], filter, arc_spared, mem, page_out);
}

static void arc_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct arc *a = mem;

	if (why == POLICY_EVICTED)
		arc_move(a, page, a->place[page] == T1 ? B1 : B2);
	else
		arc_move(a, page, NOWHERE);
	/* who leaves next */
	__builtin_prefetch(&a->place[page_list_head(&a->list[T1])], 1);
	__builtin_prefetch(&a->place[page_list_head(&a->list[T2])], 1);
}

static void arc_resized(void *mem, uint32_t capacity)
{
	struct arc *a = mem;

	a->capacity = capacity;
	fraction_limit(&a->p, capacity);
	arc_trim(a);
}

static void arc_expect(const void *mem, uint32_t page)
{
	const struct arc *a = mem;

	__builtin_prefetch(&a->place[page]);
	page_list_expect(&a->list[T1], page);
}

static bool arc_consistent(const void *mem)
{
	const struct arc *a = mem;
	uint32_t nr[NOWHERE + 1] = {0};

	for (uint32_t page = 0; page < a->pages; page++) {
		if (a->place[page] > NOWHERE)
			return false;
		nr[a->place[page]]++;
	}
	for (uint32_t i = 0; i < 4; i++)
		if (nr[i] != a->list[i].nr || !page_list_consistent(&a->list[i]))
			return false;
	return a->p.whole < a->capacity || (a->p.whole == a->capacity && !a->p.part);
}

const struct policy_ops policy_arc = {
	.name = "arc",
	.paper = "Megiddo, Modha, ARC: A self-tuning, low overhead replacement cache, FAST 2003",
	.wants_samples = false,
	.bytes = arc_bytes,
	.init = arc_init,
	.inserted = arc_inserted,
	.accessed = arc_accessed,
	.victim = arc_victim,
	.removed = arc_removed,
	.resized = arc_resized,
	.consistent = arc_consistent,
	.expect = arc_expect,
};
