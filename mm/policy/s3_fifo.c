/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * s3_fifo.c: three fifo queues: a small one that newcomers must survive, the main one, and ghosts of the small one.
 *
 * S gets c/10 pages (rounded down), M the rest; G holds the numbers of the last 9c/10 pages that S gave up. Each page
 * counts its hits, up to 3. A newcomer enters S, or M if it is in G, with count 0. Eviction is M's turn if M holds more
 * than its share or S is empty, else S's. S's oldest moves to M, count 0, if it was hit twice or more, else it leaves,
 * to G; M's oldest goes round with its count lowered if it has one, else it leaves and is forgotten. Until the first
 * eviction a newcomer that finds S full enters M.
 *
 * This is what the authors' program does; their paper's text differs in details (a ghost as long as M, one hit enough)
 * that move counts by some per cent. A page that comes back leaves G before the victim enters it: G is trimmed at
 * insertions. With less than ten frames S has no share, and serves newcomers all the same.
 *
 * Reference bits count as one hit each look. A touch on its way out moves a page of S to M. A byte and 8 a page.
 */
#include <errno.h>
#include <string.h>

#include "mm/policy/list.h"

enum place { S, M, G, NOWHERE };

#define COUNT_MAX 3u

struct page_state {
	uint8_t place : 2;
	uint8_t count : 2;
};

struct s3 {
	struct page_list list[3]; /* by place; head: next to leave */
	uint32_t pages;
	uint32_t small, main, ghosts; /* shares of S, M and G */
	uint32_t named;           /* last victim, until it is removed or accessed; or PAGE_NONE */
	bool evicted;             /* ever */
	struct page_state *state; /* by page */
};

static size_t s3_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct s3) + ((size_t)pages + 3) * sizeof(struct page_link) +
	       pages * sizeof(struct page_state);
}

static void s3_share(struct s3 *s, uint32_t capacity)
{
	s->small = capacity / 10;
	s->main = capacity - s->small;
	s->ghosts = (uint32_t)(9ull * capacity / 10);
}

static int s3_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct s3 *s = mem;
	struct page_link *links = (struct page_link *)(s + 1);

	(void)rng;
	if (!capacity)
		return -EINVAL;
	*s = (struct s3){.pages = pages, .named = PAGE_NONE};
	s3_share(s, capacity);
	for (uint32_t i = 0; i < 3; i++)
		page_list_init_shared(&s->list[i], links, pages, i);
	s->state = (struct page_state *)(links + (size_t)pages + 3);
	for (uint32_t page = 0; page < pages; page++)
		s->state[page] = (struct page_state){.place = NOWHERE};
	return 0;
}

static void s3_move(struct s3 *s, uint32_t page, enum place to)
{
	if (s->state[page].place != NOWHERE)
		page_list_remove(&s->list[s->state[page].place], page);
	if (to != NOWHERE)
		page_list_add_tail(&s->list[to], page);
	s->state[page] = (struct page_state){.place = to & 3u};
}

static void s3_trim(struct s3 *s)
{
	while (s->list[G].nr > s->ghosts)
		s3_move(s, page_list_head(&s->list[G]), NOWHERE);
}

static void s3_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct s3 *s = mem;
	bool to_main = s->state[page].place == G || (!s->evicted && s->list[S].nr >= s->small);

	(void)now_ns;
	s3_move(s, page, to_main ? M : S);
	s3_trim(s);
}

static void s3_hit(struct s3 *s, uint32_t page)
{
	if (s->state[page].count < COUNT_MAX)
		s->state[page].count++;
}

static void s3_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct s3 *s = mem;

	(void)write;
	(void)now_ns;
	s3_hit(s, page);
	if (page != s->named)
		return;
	s3_hit(s, page);
	s->named = PAGE_NONE;
}

static bool s3_spared(void *mem, const struct victim_filter *filter, uint32_t page)
{
	struct s3 *s = mem;
	struct page_state *state = &s->state[page];

	if (filter_referenced(filter, page))
		s3_hit(s, page);
	if (state->place == S) {
		if (state->count < 2)
			return false;
		s3_move(s, page, M);
		return true;
	}
	if (!state->count)
		return false;
	state->count--;
	return true;
}

static bool s3_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct s3 *s = mem;
	struct page_list *small = &s->list[S], *main = &s->list[M];
	bool found = false;

	if (main->nr <= s->main && small->nr)
		found = page_list_victim(small, filter, s3_spared, mem, page_out);
	if (!found) /* COUNT_MAX passes clear the counts */
		found = page_list_search(main, filter, s3_spared, mem, COUNT_MAX + 2, page_out);
	if (!found)
		found = page_list_victim(small, filter, s3_spared, mem, page_out);
	if (!found) /* all of S that may leave were hit, and are in M now */
		found = page_list_search(main, filter, s3_spared, mem, COUNT_MAX + 2, page_out);
	s->named = *page_out;
	return found;
}

static void s3_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct s3 *s = mem;
	bool ghost = why == POLICY_EVICTED && s->state[page].place == S;

	s3_move(s, page, ghost ? G : NOWHERE);
	if (why == POLICY_EVICTED)
		s->evicted = true;
	if (page == s->named)
		s->named = PAGE_NONE;
}

static void s3_resized(void *mem, uint32_t capacity)
{
	struct s3 *s = mem;

	s3_share(s, capacity);
	s3_trim(s);
}

static void s3_expect(const void *mem, uint32_t page)
{
	const struct s3 *s = mem;

	__builtin_prefetch(&s->state[page]);
	page_list_expect(&s->list[S], page);
}

static bool s3_consistent(const void *mem)
{
	const struct s3 *s = mem;
	uint32_t nr[NOWHERE + 1] = {0};

	for (uint32_t page = 0; page < s->pages; page++)
		nr[s->state[page].place]++;
	for (uint32_t i = 0; i < 3; i++)
		if (nr[i] != s->list[i].nr || !page_list_consistent(&s->list[i]))
			return false;
	return s->named == PAGE_NONE || (s->named < s->pages && s->state[s->named].place <= M);
}

const struct policy_ops policy_s3_fifo = {
	.name = "s3-fifo",
	.paper = "Yang, Zhang, Qiu, Yue, Rashmi, FIFO queues are all you need for cache eviction, "
		 "SOSP 2023",
	.wants_samples = true,
	.bytes = s3_bytes,
	.init = s3_init,
	.inserted = s3_inserted,
	.accessed = s3_accessed,
	.victim = s3_victim,
	.removed = s3_removed,
	.resized = s3_resized,
	.consistent = s3_consistent,
	.expect = s3_expect,
};
