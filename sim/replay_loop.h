/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay_loop.h: the loop of replay, as a template. Inside sim/ only.
 *
 * A request costs a few nanoseconds, so calls through the policy's table would cost more than the policies themselves.
 * replay_loop.c therefore is compiled once for each policy of replay_fast.h together with that policy's source: table
 * and functions are constants there and end up inside the loop. Every other policy runs through the same loop with
 * real calls; results are the same (tests/model/sim_replay_test.c compares). A policy with replay() is given whole spans
 * once memory is full, unless the trace says who writes: which victims are dirty only this loop counts.
 */
#ifndef BALLAST_SIM_REPLAY_LOOP_H
#define BALLAST_SIM_REPLAY_LOOP_H

#include <errno.h>
#include <time.h>

#include "mm/policy/bits.h"
#include "sim/replay.h"

/* Requests between two looks at the watch. */
#define REPLAY_SPAN (1u << 20)
/* The same while memory fills, for a policy that has a faster way afterwards. */
#define REPLAY_FILL (1u << 12)
/* How far ahead of its request a page's records are fetched. */
#define REPLAY_AHEAD 16u

struct replay_loop {
	const struct trace *trace;
	void *policy;       /* the policy's memory */
	uint64_t *resident; /* a bit a page */
	uint64_t *dirty;    /* likewise; NULL: the trace does not say who writes */
	const struct sim_watch *watch;
	bool alone; /* no other runs beside it: it tells how far it is */
	uint32_t frames, used;
	uint64_t misses, written;
};

/* Processor time of this thread: what a run costs, whoever else uses the machine. */
static inline uint64_t replay_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

typedef int replay_loop_fn(struct replay_loop *l);

static bool replay_dirty(void *ctx, uint32_t page)
{
	const uint64_t *dirty = ctx;

	return dirty[page / 64] >> page % 64 & 1;
}

/* Requests [from, to). Everything about ops is known when this is compiled, or nothing. */
static inline __attribute__((always_inline)) int replay_span(const struct policy_ops *ops,
							     struct replay_loop *l, uint32_t from,
							     uint32_t to, bool writes)
{
	const uint32_t *pages = l->trace->page, frames = l->frames;
	uint64_t *resident = l->resident, *dirty = l->dirty;
	uint64_t misses = l->misses, written = l->written;
	uint32_t used = l->used;
	void *mem = l->policy;

	for (uint32_t i = from; i < to; i++) {
		uint32_t page = pages[i], victim;
		const struct victim_filter filter = {
			.incoming = &page, .dirty = writes ? replay_dirty : NULL, .ctx = dirty};
		bool write = writes && l->trace->write[i];

		if (ops->expect && i + REPLAY_AHEAD < to)
			ops->expect(mem, pages[i + REPLAY_AHEAD]);
		if (resident[page / 64] >> page % 64 & 1) {
			ops->accessed(mem, page, write, i);
			if (write)
				page_bit_set(dirty, page);
			continue;
		}
		misses++;
		if (used == frames) {
			if (!ops->victim(mem, &filter, &victim))
				return -EDOM;
			ops->removed(mem, victim, POLICY_EVICTED);
			page_bit_clear(resident, victim);
			if (writes)
				written += page_bit_take(dirty, victim);
		} else {
			used++;
		}
		ops->inserted(mem, page, i);
		page_bit_set(resident, page);
		if (write)
			page_bit_set(dirty, page);
	}
	l->misses = misses;
	l->written = written;
	l->used = used;
	return 0;
}

static inline __attribute__((always_inline)) int replay_requests(const struct policy_ops *ops,
								 struct replay_loop *l)
{
	uint32_t requests = l->trace->requests, span;
	int err = 0;

	for (uint32_t from = 0, to; from < requests && !err; from = to) {
		span = ops->replay && l->used < l->frames ? REPLAY_FILL : REPLAY_SPAN;
		to = requests - from > span ? from + span : requests;
		if (sim_watch_stopped(l->watch))
			return -ECANCELED;
		if (l->alone)
			sim_watch_tell(l->watch, "requests", from, requests);
		if (ops->replay && l->used == l->frames && !l->dirty)
			l->misses += ops->replay(l->policy, l->trace->page + from, to - from,
						 l->resident);
		else if (l->dirty)
			err = replay_span(ops, l, from, to, true);
		else
			err = replay_span(ops, l, from, to, false);
	}
	return err;
}

#endif
