/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.h: a trace through one memory of so many frames under one replacement policy, and sweeps of many such runs.
 *
 * Demand paging: every request costs one, a page that is not in memory comes in, and one leaves for it when all frames
 * are in use. Memory is empty at the start. "opt" is Belady's optimum, which no policy can be: it knows the future.
 */
#ifndef BALLAST_SIM_REPLAY_H
#define BALLAST_SIM_REPLAY_H

#include "lib/error.h"
#include "mm/policy/policy.h"
#include "sim/trace.h"

/* One run: what it is asked, and what came out. */
struct replay_run {
	const struct policy_ops *policy; /* NULL: opt */
	uint32_t frames;                 /* >= 1 */
	uint64_t seed;                   /* of policies that draw */
	uint64_t misses;
	uint64_t
		written; /* dirty pages that left; 0 if the trace does not say who writes, and for opt */
	uint64_t seconds_ns; /* processor time of the loop alone */
	int err;             /* 0 or -errno; -ECANCELED: stopped before it was done */
};

const char *replay_policy_name(const struct replay_run *run);

/*
 * All the runs, on that many threads at once (0: as many as there are processors), the trace shared. done, if not NULL,
 * is called for each run in the order of the array as soon as it and all before it are done, by one thread at a time.
 * 0 or -errno with words; -ECANCELED, without words, if the watch stopped it.
 */
int replay_sweep(const struct trace *t, struct replay_run *run, unsigned nr, unsigned threads,
		 void (*done)(void *context, const struct replay_run *run), void *context,
		 const struct sim_watch *watch, struct error *error);

/* Why this policy's misses on the trace would mean nothing: it was thinned. NULL: they do. frames matter for lru and opt. */
const char *replay_refuses(const struct trace *t, const struct policy_ops *policy, uint32_t frames);

#endif
