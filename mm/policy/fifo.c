/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fifo.c: the page that came first leaves first.
 *
 * A queue in order of arrival; touches and reference bits change nothing. That alone would name a page for ever whose
 * eviction is cancelled each time because the guest touches it on its way out. So a page that is accessed between being
 * named and being removed goes to the tail. In replay a named page is removed at once, and nothing differs from the
 * textbook.
 *
 * Kept as the baseline it is in the literature, anomaly included: more frames can mean more faults (Belady, Nelson,
 * Shedler, CACM 1969).
 */
#include <errno.h>

#include "mm/policy/ring.h"

struct fifo {
	struct page_ring ring; /* head: the oldest */
	uint32_t named;        /* last victim, until it is removed or accessed; or PAGE_NONE */
};

static size_t fifo_bytes(uint32_t capacity, uint32_t pages)
{
	(void)capacity;
	return sizeof(struct fifo) + page_ring_bytes(pages);
}

static int fifo_init(void *mem, uint32_t capacity, uint32_t pages, struct rng *rng)
{
	struct fifo *f = mem;

	(void)rng;
	if (!capacity)
		return -EINVAL;
	page_ring_init(&f->ring, f + 1, capacity, pages);
	f->named = PAGE_NONE;
	return 0;
}

static void fifo_inserted(void *mem, uint32_t page, uint64_t now_ns)
{
	struct fifo *f = mem;

	(void)now_ns;
	page_ring_add_tail(&f->ring, page);
}

static void fifo_accessed(void *mem, uint32_t page, bool write, uint64_t now_ns)
{
	struct fifo *f = mem;

	(void)write;
	(void)now_ns;
	if (page != f->named)
		return;
	page_ring_move_tail(&f->ring, page);
	f->named = PAGE_NONE;
}

static bool fifo_victim(void *mem, const struct victim_filter *filter, uint32_t *page_out)
{
	struct fifo *f = mem;
	bool found = page_ring_victim(&f->ring, filter, NULL, mem, page_out);

	f->named = *page_out;
	return found;
}

static void fifo_removed(void *mem, uint32_t page, enum policy_removal why)
{
	struct fifo *f = mem;

	(void)why;
	page_ring_remove(&f->ring, page);
	if (page == f->named)
		f->named = PAGE_NONE;
}

static void fifo_resized(void *mem, uint32_t capacity)
{
	(void)mem;
	(void)capacity;
}

static uint64_t fifo_replay(void *mem, const uint32_t *pages, uint32_t nr, uint64_t *resident)
{
	struct fifo *f = mem;

	assert(f->named == PAGE_NONE);
	return page_ring_replay(&f->ring, NULL, false, pages, nr, resident);
}

static bool fifo_consistent(const void *mem)
{
	const struct fifo *f = mem;

	return page_ring_consistent(&f->ring) &&
	       (f->named == PAGE_NONE || f->named < f->ring.pages);
}

const struct policy_ops policy_fifo = {
	.name = "fifo",
	.paper = "Belady, A study of replacement algorithms for a virtual-storage computer, "
		 "IBM Systems Journal 5(2), 1966",
	.wants_samples = false,
	.bytes = fifo_bytes,
	.init = fifo_init,
	.inserted = fifo_inserted,
	.accessed = fifo_accessed,
	.victim = fifo_victim,
	.removed = fifo_removed,
	.resized = fifo_resized,
	.consistent = fifo_consistent,
	.replay = fifo_replay,
};
