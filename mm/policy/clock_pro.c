/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock_pro.c: LIRS with clocks: hot and cold pages on one clock with three hands, and a test period for cold pages.
 *
 * All resident pages, and the numbers of cold pages that left during their test period (ghosts), are on one circular
 * list. A page enters at the list's head, which is just behind the hot hand. A touch only sets a bit. Of m frames, mc
 * are meant for cold pages, the rest for hot ones.
 *   hand cold  stands at a resident cold page. Bit clear: that is the victim; in its test period it stays as a ghost.
 *              Bit set: cleared, and in the test period the page becomes hot, else a test period begins; either goes to
 *              the head. More than m ghosts: hand test moves.
 *   hand hot   moves when there are more hot pages than m - mc. A hot page: bit set, it is cleared and the page stays;
 *              bit clear, it becomes cold, not in test. On its way it ends the test periods of cold pages. It stops at a
 *              hot page, having made one cold.
 *   hand test  ends the test period of the next cold page that has one; a ghost leaves the list.
 * A newcomer is cold and in its test period; one that comes back while its ghost is there is hot. As the paper's LIRS
 * does, the first m - mc pages are hot at once, and later ones while hot pages are missing because they were freed.
 *
 * clock-pro adapts mc as the paper says: one up for each page referenced in its test period, one down for each test
 * period that ends without, between 1 and m - 1; from m/100. clock-pro-5 fixes it at 5 %, as the figures that circulate
 * do (the authors' program).
 *
 * The list's ends are the hot hand's place: it looks at the head of ours (the oldest), and what it passes goes to the
 * tail. A refused page is passed by; if no cold page may leave, a hot one is named. A page touched on its way out
 * becomes hot. Reference bits of hot pages are seen by the hot hand during victim() only. A byte and 8 a page.
 */
#include <errno.h>
#include <string.h>

#include "mm/policy/list.h"

enum kind { NONE, HOT, COLD, GHOST };

struct page_state {
	uint8_t kind : 2;
	uint8_t test : 1;
	uint8_t touched : 1;
};

struct pro {
	struct page_list list; /* head: under the hot hand */
	uint32_t pages;
	uint32_t capacity;
	uint32_t nr[4];       /* by kind */
	uint32_t cold_target; /* mc */
	uint32_t cold, test;  /* hands: pages of the list, or its anchor */
	uint32_t named;       /* last victim, until it is removed or accessed; or PAGE_NONE */
	bool adapts;
	bool evicted;             /* ever */
	struct page_state *state; /* by page */
};

static size_t pro_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct pro) + page_list_bytes(pages) + pages * sizeof(struct page_state);
}

static uint32_t share(uint32_t capacity, bool adapts)
{
	uint32_t target = capacity / (adapts ? 100 : 20);

	return target ? target : 1;
}

static int pro_init(void *mem, uint32_t capacity, uint32_t pages, bool adapts)
{
	struct pro *p = mem;
	struct page_link *links = (struct page_link *)(p + 1);

	if (!capacity)
		return -EINVAL;
	*p = (struct pro){
		.pages = pages, .capacity = capacity, .named = PAGE_NONE, .adapts = adapts};
	p->cold_target = share(capacity, adapts);
	page_list_init(&p->list, links, pages);
	p->cold = p->test = p->list.anchor;
	p->state = (struct page_state *)(links + (size_t)pages + 1);
	memset(p->state, 0, pages * sizeof(struct page_state));
	return 0;
}

static int adaptive_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	(void)rng;
	return pro_init(mem, capacity, pages, true);
}

static int fixed_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	(void)rng;
	return pro_init(mem, capacity, pages, false);
}

static void set_kind(struct pro *p, uint32_t page, enum kind kind)
{
	p->nr[p->state[page].kind]--;
	p->state[page].kind = kind & 3u;
	p->nr[kind]++;
}

static void adapt(struct pro *p, bool up)
{
	if (!p->adapts)
		return;
	if (up && p->cold_target + 1 < p->capacity)
		p->cold_target++;
	if (!up && p->cold_target > 1)
		p->cold_target--;
}

/* A place in the ring behind which there is one; the ends do not count. */
static uint32_t next_of(const struct pro *p, uint32_t page)
{
	uint32_t next = p->list.link[page].next;

	return next == p->list.anchor ? page_list_head(&p->list) : next;
}

/* The page leaves its place; hands that stand there move on. */
static void take_out(struct pro *p, uint32_t page)
{
	uint32_t next = p->list.nr > 1 ? next_of(p, page) : p->list.anchor;

	if (p->cold == page)
		p->cold = next;
	if (p->test == page)
		p->test = next;
	page_list_remove(&p->list, page);
}

static void enter(struct pro *p, uint32_t page)
{
	page_list_add_tail(&p->list, page);
	if (p->list.nr == 1)
		p->cold = p->test = page;
}

static void to_head(struct pro *p, uint32_t page)
{
	take_out(p, page);
	enter(p, page);
}

static void end_test(struct pro *p, uint32_t page)
{
	p->state[page].test = false;
	adapt(p, false);
	if (p->state[page].kind != GHOST)
		return;
	take_out(p, page);
	set_kind(p, page, NONE);
}

static bool touched(struct pro *p, const struct victim_filter *filter, uint32_t page)
{
	bool set = p->state[page].touched;

	p->state[page].touched = false;
	return filter_referenced(filter, page) || set;
}

/* One step of the hot hand: true if it made a page cold. */
static bool hot_step(struct pro *p, const struct victim_filter *filter, bool cool)
{
	uint32_t page = page_list_head(&p->list);
	bool cooled = false;

	if (p->state[page].kind == HOT) {
		cooled = !touched(p, filter, page) || cool;
		if (cooled)
			set_kind(p, page, COLD);
	} else if (p->state[page].test) {
		end_test(p, page);
	}
	/* The ends move over the page; the other hands stay where they are. */
	if (p->list.nr && page_list_head(&p->list) == page)
		page_list_move_tail(&p->list, page);
	return cooled;
}

/* Makes hot pages cold until there are no more than most. */
static void hand_hot(struct pro *p, const struct victim_filter *filter, uint32_t most)
{
	/* bits that are set anew meanwhile are ignored in the end */
	uint64_t steps = 2 * (uint64_t)p->list.nr;

	if (p->nr[HOT] <= most)
		return;
	while (p->nr[HOT] > most) {
		hot_step(p, filter, !steps);
		steps -= steps > 0;
	}
	while (p->nr[HOT] && p->state[page_list_head(&p->list)].kind != HOT)
		hot_step(p, filter, false);
}

static uint32_t hot_most(const struct pro *p)
{
	return p->capacity - p->cold_target;
}

static void hand_test(struct pro *p)
{
	while (p->nr[GHOST] > p->capacity) {
		uint32_t page = p->test;

		p->test = next_of(p, page);
		if (p->state[page].test)
			end_test(p, page);
	}
}

static void pro_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct pro *p = mem;
	bool back = p->state[page].kind == GHOST;
	bool hot = back || (!p->evicted && p->nr[HOT] < hot_most(p));

	(void)now_ns;
	if (back) {
		take_out(p, page);
		adapt(p, true);
	}
	enter(p, page);
	set_kind(p, page, hot ? HOT : COLD);
	p->state[page].test = !hot;
	p->state[page].touched = false;
	hand_hot(p, NULL, hot_most(p));
}

static void make_hot(struct pro *p, const struct victim_filter *filter, uint32_t page)
{
	to_head(p, page);
	p->state[page].test = false;
	set_kind(p, page, HOT);
	hand_hot(p, filter, hot_most(p));
}

static void pro_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct pro *p = mem;

	(void)write;
	(void)now_ns;
	p->state[page].touched = true;
	if (page != p->named)
		return;
	p->named = PAGE_NONE;
	if (p->state[page].kind == COLD)
		make_hot(p, NULL, page);
}

/* The cold hand met a touched page. */
static void keep(struct pro *p, const struct victim_filter *filter, uint32_t page)
{
	if (p->state[page].test) {
		adapt(p, true);
		make_hot(p, filter, page);
	} else {
		to_head(p, page);
		p->state[page].test = true;
	}
}

static bool pro_search(struct pro *p, const struct victim_filter *filter, uint32_t *page_out)
{
	uint32_t refused = 0;
	uint64_t spare = 3 * (uint64_t)(p->nr[COLD] + p->nr[HOT]);

	*page_out = PAGE_NONE;
	if (!p->nr[COLD] && p->nr[HOT])
		hand_hot(p, filter, p->nr[HOT] - 1);
	while (refused < p->nr[COLD]) {
		uint32_t page = p->cold;

		if (p->state[page].kind != COLD) {
			p->cold = next_of(p, page);
		} else if (filter_refuses(filter, page)) {
			p->cold = next_of(p, page);
			refused++;
		} else if (!touched(p, filter, page) || !spare) {
			*page_out = page;
			return true;
		} else {
			keep(p, filter, page);
			spare--;
			refused = 0;
			if (!p->nr[COLD])
				hand_hot(p, filter, p->nr[HOT] - 1);
		}
	}
	for (uint32_t i = p->list.nr, page = page_list_head(&p->list); i;
	     i--, page = p->list.link[page].next)
		if (p->state[page].kind == HOT && !filter_refuses(filter, page)) {
			*page_out = page;
			return true;
		}
	return false;
}

static bool pro_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct pro *p = mem;
	bool found = pro_search(p, filter, page_out);

	p->named = *page_out;
	return found;
}

static void pro_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct pro *p = mem;
	bool ghost = why == POLICY_EVICTED && p->state[page].kind == COLD && p->state[page].test;

	if (why == POLICY_EVICTED)
		p->evicted = true;
	if (page == p->named)
		p->named = PAGE_NONE;
	if (!ghost) {
		take_out(p, page);
		p->state[page].test = false;
	} else if (p->cold == page) {
		p->cold = next_of(p, page);
	}
	set_kind(p, page, ghost ? GHOST : NONE);
	hand_test(p);
}

static void pro_resized(void *mem, uint32_t capacity)
{
	struct pro *p = mem;

	p->capacity = capacity;
	if (!p->adapts || p->cold_target > capacity)
		p->cold_target = share(capacity, p->adapts);
	hand_hot(p, NULL, hot_most(p));
	hand_test(p);
}

static bool pro_consistent(const void *mem)
{
	const struct pro *p = mem;
	uint32_t nr[4] = {0}, hands = 0;
	uint32_t page = page_list_head(&p->list);

	if (!page_list_consistent(&p->list))
		return false;
	for (uint32_t left = p->list.nr; left; left--, page = p->list.link[page].next) {
		struct page_state s = p->state[page];

		nr[s.kind]++;
		hands += (page == p->cold) + (page == p->test);
		if (s.kind == NONE || (s.kind == HOT && s.test) || (s.kind == GHOST && !s.test))
			return false;
	}
	return nr[HOT] == p->nr[HOT] && nr[COLD] == p->nr[COLD] && nr[GHOST] == p->nr[GHOST] &&
	       nr[HOT] <= hot_most(p) && nr[GHOST] <= p->capacity && p->cold_target &&
	       p->cold_target <= p->capacity && (!p->list.nr || hands == 2);
}

const struct policy_ops policy_clock_pro = {
	.name = "clock-pro",
	.paper =
		"Jiang, Chen, Zhang, CLOCK-Pro: An effective improvement of the CLOCK replacement, "
		"USENIX ATC 2005",
	.wants_samples = true,
	.bytes = pro_bytes,
	.init = adaptive_init,
	.inserted = pro_inserted,
	.accessed = pro_accessed,
	.victim = pro_victim,
	.removed = pro_removed,
	.resized = pro_resized,
	.consistent = pro_consistent,
};

const struct policy_ops policy_clock_pro_5 = {
	.name = "clock-pro-5",
	.paper = "Jiang, Chen, Zhang, CLOCK-Pro (as above, 5 % for cold pages)",
	.wants_samples = true,
	.bytes = pro_bytes,
	.init = fixed_init,
	.inserted = pro_inserted,
	.accessed = pro_accessed,
	.victim = pro_victim,
	.removed = pro_removed,
	.resized = pro_resized,
	.consistent = pro_consistent,
};
