/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mrc.c: LRU's curve from stack distances: a memory of n frames hits the requests of distance below n. So one pass
 * tells the misses of every size (Mattson et al. 1970).
 */
#include "sim/mrc.h"

#include <errno.h>
#include <stdlib.h>

#include "sim/big.h"
#include "sim/replay_loop.h"
#include "sim/stack_distance.h"

#define BATCH 4096u

static int count_distances(struct mrc *m, const struct trace *t, const struct sim_watch *watch)
{
	struct stack_distance *s = stack_distance_create(t->pages);
	uint32_t *distance = malloc(BATCH * sizeof(*distance));
	int err = s && distance ? 0 : -ENOMEM;

	for (uint32_t from = 0, nr; from < t->requests && !err; from += nr) {
		nr = t->requests - from < BATCH ? t->requests - from : BATCH;
		stack_distance_run(s, t->page + from, nr, distance);
		for (uint32_t i = 0; i < nr; i++)
			if (distance[i] == STACK_FIRST)
				m->first++;
			else
				m->hits[distance[i]]++;
		if (from % (256 * BATCH) == 0) {
			sim_watch_tell(watch, "requests", from, t->requests);
			err = sim_watch_stopped(watch) ? -ECANCELED : 0;
		}
	}
	free(distance);
	stack_distance_destroy(s);
	return err;
}

int mrc_run(struct mrc *m, const struct trace *t, const struct mrc_sample *sample,
	    const struct sim_watch *watch, struct error *error)
{
	uint64_t begin = replay_clock_ns();
	struct trace part = {.requests = 0};
	const struct trace *whole = t;
	int err = 0;

	*m = (struct mrc){.rate = 1, .all_requests = t->requests};
	if (sample->rate < 1 || (sample->most && sample->most < t->pages)) {
		err = mrc_sample_take(t, sample, &part, &m->rate);
		t = &part;
	}
	m->pages = t->pages;
	m->requests = t->requests;
	m->hits = big_alloc(((size_t)t->pages + 1) * sizeof(*m->hits));
	if (!err)
		err = m->hits ? count_distances(m, t, watch) : -ENOMEM;
	trace_free(&part);
	m->seconds_ns = replay_clock_ns() - begin;
	if (err)
		mrc_free(m);
	return err && err != -ECANCELED ? mrc_sample_fails(whole, err, error) : err;
}

void mrc_free(struct mrc *m)
{
	big_free(m->hits, ((size_t)m->pages + 1) * sizeof(*m->hits));
	m->hits = NULL;
}

void mrc_misses(const struct mrc *m, const uint32_t *frames, unsigned nr, uint64_t *misses_out)
{
	uint64_t sum = 0;
	uint32_t d = 0;

	for (unsigned i = 0; i < nr; i++) {
		/* a memory of n frames is one of n * rate for the sample */
		double scaled = (double)frames[i] * m->rate, misses;
		uint32_t limit = scaled < m->pages ? (uint32_t)scaled : m->pages;

		for (; d < limit; d++)
			sum += m->hits[d];
		if (m->rate >= 1) {
			misses_out[i] = m->requests - sum;
			continue;
		}
		misses = (double)(m->requests - sum);
		/* the part of a frame that rounding would lose */
		if (limit < m->pages)
			misses -= (scaled - limit) * m->hits[limit];
		misses = misses / m->rate;
		misses_out[i] = misses < (double)m->all_requests ? (uint64_t)(misses + 0.5)
								 : m->all_requests;
	}
}

int working_set_run(const struct trace *t, double pages_out[WORKING_SET_POINTS])
{
	uint32_t *last = big_alloc((size_t)t->pages * sizeof(*last)); /* + 1 */
	uint64_t count[WORKING_SET_POINTS] = {0}, sum[WORKING_SET_POINTS] = {0};
	uint64_t shorter = 0, longer = 0;

	if (!last)
		return -ENOMEM;
	/* A request keeps its page in the window until the page's next one, but no longer than the window or the trace. */
	for (uint32_t i = 0; i <= t->requests - 1; i++) {
		uint32_t before = last[t->page[i]], gap = i + 1 - before;
		unsigned k = gap > 1 ? 32 - (unsigned)__builtin_clz(gap - 1) : 0;

		last[t->page[i]] = i + 1;
		if (!before)
			continue;
		count[k]++; /* gaps in (2^(k-1), 2^k] */
		sum[k] += gap;
	}
	for (uint32_t page = 0; page < t->pages; page++) {
		uint32_t gap = t->requests - last[page] + 1;
		unsigned k = gap > 1 ? 32 - (unsigned)__builtin_clz(gap - 1) : 0;

		count[k]++;
		sum[k] += gap;
	}
	for (unsigned k = 0; k < WORKING_SET_POINTS; k++)
		longer += count[k];
	for (unsigned k = 0; k < WORKING_SET_POINTS; k++) {
		shorter += sum[k];
		longer -= count[k];
		pages_out[k] = ((double)shorter + (double)longer * (double)(1ull << k)) /
			       (double)t->requests;
	}
	big_free(last, (size_t)t->pages * sizeof(*last));
	return 0;
}
