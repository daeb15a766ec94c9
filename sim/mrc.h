/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mrc.h: curves over the size of memory: misses of LRU at every size in one pass, exact or from a sample of the pages;
 * of any policy from a sample; reuse distances; Denning's working set.
 *
 * Samples are of pages, by a hash (SHARDS: Waldspurger, Park, Garthwaite, Ahmad, FAST 2015): all requests of a share of
 * the pages, in a memory smaller by that share, behave like the whole. Which requests the sample holds too few or too
 * many of are mostly hits of the hottest pages, so the difference counts as hits (SHARDS-adj).
 */
#ifndef BALLAST_SIM_MRC_H
#define BALLAST_SIM_MRC_H

#include "lib/error.h"
#include "mm/policy/policy.h"
#include "sim/trace.h"

/* Stack distances of all requests, counted. */
struct mrc {
	uint32_t
		*hits; /* [d]: requests of distance d, for d < pages; of the sample, if it is one */
	uint32_t pages;           /* of the sample */
	uint64_t requests, first; /* of the sample; first: the first ones of a page */
	double rate;              /* share of the pages that were looked at; 1: all */
	uint64_t all_requests;
	uint64_t seconds_ns; /* processor time it took */
};

/* What to look at: all of it (exact), or a sample. */
struct mrc_sample {
	double rate;   /* share of the pages, (0, 1]; 1: all */
	uint32_t most; /* that many pages at most, which makes the rate smaller; 0: no limit */
	uint64_t seed;
};

/* Freed with mrc_free(). 0, -ECANCELED, or -errno with words. */
int mrc_run(struct mrc *m, const struct trace *t, const struct mrc_sample *sample,
	    const struct sim_watch *watch, struct error *error);
void mrc_free(struct mrc *m);

/* Misses of LRU with that many frames (at least 1), for ascending frames: O(frames) all together. */
void mrc_misses(const struct mrc *m, const uint32_t *frames, unsigned nr, uint64_t *misses_out);

/*
 * The same of any policy, each size replayed with the sample (mini-simulation: Waldspurger, Saemundsson, Ahmad, Park,
 * ATC 2017). policy NULL: opt. 0, -ECANCELED, or -errno with words.
 */
int mrc_mini(const struct trace *t, const struct policy_ops *policy,
	     const struct mrc_sample *sample, const uint32_t *frames, unsigned nr, unsigned threads,
	     uint64_t *misses_out, uint64_t *seconds_ns_out, const struct sim_watch *watch,
	     struct error *error);

/*
 * The requests of a sample as a trace of its own, pages numbered anew; *rate_out: the share of the pages it holds.
 * Freed with trace_free(). 0, -ENOMEM, or -ENODATA: no page is in it; mrc_sample_fails() has the words.
 */
int mrc_sample_take(const struct trace *t, const struct mrc_sample *sample, struct trace *out,
		    double *rate_out);
int mrc_sample_fails(const struct trace *t, int err, struct error *error);

/*
 * Denning's working set: how many pages the last 2^k requests named, on average over the trace, for each k below
 * WORKING_SET_POINTS. 0 or -ENOMEM.
 */
#define WORKING_SET_POINTS 33
int working_set_run(const struct trace *t, double pages_out[WORKING_SET_POINTS]);

#endif
