/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * two_queue.c: newcomers pass through a short fifo; only what comes back soon after is kept in an LRU list.
 *
 * 2Q, the full version of the paper. A1in: fifo of resident newcomers, Kin = c/4 of them (rounded down). A1out: numbers
 * of the last Kout = c/2 pages that left A1in. Am: LRU list of resident pages that were in A1out when they came. A hit
 * in A1in changes nothing (touches right after each other are one use), one in Am moves to its recent end. The victim
 * is A1in's oldest, which goes to A1out, if A1in holds more than Kin or Am is empty; else Am's LRU, which is forgotten.
 * A page that comes back leaves A1out before the victim enters it, so the newcomer's own ghost never costs another its
 * place: A1out is trimmed at insertions.
 *
 * Sources differ on these details (the paper's box says "if |A1in| > Kin" of sizes before the newcomer, as here; some
 * programs put the victim in first): these are the ones most programs agree on.
 *
 * A set reference bit keeps a page of Am; those of A1in are ignored, by design. A page of A1in that is touched on its
 * way out goes to the tail of A1in (see fifo.c). A byte and 8 a page.
 */
#include <errno.h>
#include <string.h>

#include "mm/policy/list.h"

enum place { A1IN, AM, A1OUT, NOWHERE };

struct twoq {
	struct page_list list[3]; /* by place; head: next to leave */
	uint32_t pages;
	uint32_t kin, kout;
	uint32_t named; /* last victim, until it is removed or accessed; or PAGE_NONE */
	uint8_t *place; /* by page */
};

static size_t twoq_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct twoq) + ((size_t)pages + 3) * sizeof(struct page_link) + pages;
}

static int twoq_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct twoq *q = mem;
	struct page_link *links = (struct page_link *)(q + 1);

	(void)rng;
	if (!capacity)
		return -EINVAL;
	*q = (struct twoq){
		.pages = pages, .kin = capacity / 4, .kout = capacity / 2, .named = PAGE_NONE};
	for (uint32_t i = 0; i < 3; i++)
		page_list_init_shared(&q->list[i], links, pages, i);
	q->place = (uint8_t *)(links + (size_t)pages + 3);
	memset(q->place, NOWHERE, pages);
	return 0;
}

static void twoq_move(struct twoq *q, uint32_t page, enum place to)
{
	if (q->place[page] != NOWHERE)
		page_list_remove(&q->list[q->place[page]], page);
	if (to != NOWHERE)
		page_list_add_tail(&q->list[to], page);
	q->place[page] = (uint8_t)to;
}

static void twoq_trim(struct twoq *q)
{
	while (q->list[A1OUT].nr > q->kout)
		twoq_move(q, page_list_head(&q->list[A1OUT]), NOWHERE);
}

static void twoq_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct twoq *q = mem;

	(void)now_ns;
	twoq_move(q, page, q->place[page] == A1OUT ? AM : A1IN);
	twoq_trim(q);
}

static void twoq_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct twoq *q = mem;

	(void)write;
	(void)now_ns;
	if (q->place[page] == AM || page == q->named)
		page_list_move_tail(&q->list[q->place[page]], page);
	if (page == q->named)
		q->named = PAGE_NONE;
}

static bool twoq_spared(void *mem, const struct victim_filter *filter, uint32_t page)
{
	(void)mem;
	return filter_referenced(filter, page);
}

static bool twoq_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct twoq *q = mem;
	struct page_list *in = &q->list[A1IN], *am = &q->list[AM];
	bool found;

	if (in->nr > q->kin || !am->nr)
		found = page_list_victim(in, filter, NULL, mem, page_out) ||
			page_list_victim(am, filter, twoq_spared, mem, page_out);
	else
		found = page_list_victim(am, filter, twoq_spared, mem, page_out) ||
			page_list_victim(in, filter, NULL, mem, page_out);
	q->named = *page_out;
	return found;
}

static void twoq_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct twoq *q = mem;
	bool ghost = why == POLICY_EVICTED && q->place[page] == A1IN;

	twoq_move(q, page, ghost ? A1OUT : NOWHERE);
	if (page == q->named)
		q->named = PAGE_NONE;
}

static void twoq_resized(void *mem, uint32_t capacity)
{
	struct twoq *q = mem;

	q->kin = capacity / 4;
	q->kout = capacity / 2;
	twoq_trim(q);
}

static void twoq_expect(const void *mem, uint32_t page)
{
	const struct twoq *q = mem;

	__builtin_prefetch(&q->place[page]);
	page_list_expect(&q->list[A1IN], page);
}

static bool twoq_consistent(const void *mem)
{
	const struct twoq *q = mem;
	uint32_t nr[NOWHERE + 1] = {0};

	for (uint32_t page = 0; page < q->pages; page++) {
		if (q->place[page] > NOWHERE)
			return false;
		nr[q->place[page]]++;
	}
	for (uint32_t i = 0; i < 3; i++)
		if (nr[i] != q->list[i].nr || !page_list_consistent(&q->list[i]))
			return false;
	return q->named == PAGE_NONE || (q->named < q->pages && q->place[q->named] != A1OUT &&
					 q->place[q->named] != NOWHERE);
}

const struct policy_ops policy_two_queue = {
	.name = "2q",
	.paper = "Johnson, Shasha, 2Q: A low overhead high performance buffer management "
		 "replacement algorithm, VLDB 1994",
	.wants_samples = false,
	.bytes = twoq_bytes,
	.init = twoq_init,
	.inserted = twoq_inserted,
	.accessed = twoq_accessed,
	.victim = twoq_victim,
	.removed = twoq_removed,
	.resized = twoq_resized,
	.consistent = twoq_consistent,
	.expect = twoq_expect,
};
