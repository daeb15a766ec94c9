/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mrc_sample.c: samples of pages, and small simulations with them.
 *
 * A page is in the sample if the mixed hash of its id is below a threshold: which pages, then, does not depend on where
 * they are in the trace, and a larger rate adds pages to a smaller one's. With a limit on pages the threshold is the
 * highest that keeps it (the trace is in memory, so it need not be found on the way as SHARDS does on live requests).
 */
#include <errno.h>
#include <stdlib.h>

#include "sim/big.h"
#include "sim/mrc.h"
#include "sim/replay.h"
#include "sim/replay_loop.h"

static uint64_t hash_of(const struct trace *t, uint32_t page, uint64_t seed)
{
	uint64_t vm = t->vm ? t->vm[page] : 0;

	return rng_mix(t->id[page] + rng_mix(vm + seed + 0x9e3779b97f4a7c15ull));
}

static int by_hash(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The hash below which pages are taken. */
static int threshold_of(const struct trace *t, const struct mrc_sample *sample, uint64_t *out)
{
	double top = sample->rate * 0x1p64;
	uint64_t *hash, below = 0;

	*out = top < 0x1p64 ? (uint64_t)top : UINT64_MAX;
	if (!sample->most || sample->most >= t->pages)
		return 0;
	hash = malloc((size_t)t->pages * sizeof(*hash));
	if (!hash)
		return -ENOMEM;
	for (uint32_t page = 0; page < t->pages; page++)
		hash[page] = hash_of(t, page, sample->seed);
	qsort(hash, t->pages, sizeof(*hash), by_hash);
	below = hash[sample->most];
	free(hash);
	*out = below < *out ? below : *out;
	return 0;
}

/* number[page]: its number in the sample + 1, or 0. Returns how many there are. */
static uint32_t pages_take(const struct trace *t, uint64_t seed, uint64_t threshold,
			   uint32_t *number)
{
	uint32_t nr = 0;

	for (uint32_t page = 0; page < t->pages; page++)
		number[page] = hash_of(t, page, seed) < threshold ? ++nr : 0;
	return nr;
}

static uint32_t requests_take(const struct trace *t, const uint64_t *in, const uint32_t *number,
			      struct trace *out)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < t->requests; i++) {
		uint32_t page = t->page[i];

		if (!(in[page / 64] >> page % 64 & 1))
			continue;
		if (nr == out->room) {
			uint32_t *more = big_grow(out->page, out->room * sizeof(*more),
						  2 * out->room * sizeof(*more));

			if (!more)
				return UINT32_MAX;
			out->page = more;
			out->room *= 2;
		}
		out->page[nr++] = number[page] - 1;
	}
	return nr;
}

int mrc_sample_take(const struct trace *t, const struct mrc_sample *sample, struct trace *out,
		    double *rate_out)
{
	size_t bits = page_bits_bytes(t->pages), bytes = (size_t)t->pages * sizeof(uint32_t);
	uint32_t *number = big_alloc(bytes);
	uint64_t *in = big_alloc(bits), threshold;
	int err = number && in ? threshold_of(t, sample, &threshold) : -ENOMEM;

	*out = (struct trace){.format = t->format, .room = 1u << 16};
	out->page = big_alloc(out->room * sizeof(*out->page));
	if (!out->page)
		err = -ENOMEM;
	if (!err) {
		out->pages = pages_take(t, sample->seed, threshold, number);
		for (uint32_t page = 0; page < t->pages; page++)
			if (number[page])
				page_bit_set(in, page);
		out->requests = requests_take(t, in, number, out);
		*rate_out = (double)threshold / 0x1p64;
		if (out->requests == UINT32_MAX)
			err = -ENOMEM;
		else if (!out->requests)
			err = -ENODATA;
	}
	big_free(number, bytes);
	big_free(in, bits);
	if (err)
		trace_free(out);
	return err;
}

int mrc_sample_fails(const struct trace *t, int err, struct error *error)
{
	if (err == -ENODATA)
		return error_user(error,
				  "--rate: none of the %u pages is in the sample; allowed: a "
				  "larger share of them",
				  t->pages);
	return error_host(error, -err, "a sample of %u pages", t->pages);
}

int mrc_mini(const struct trace *t, const struct policy_ops *policy,
	     const struct mrc_sample *sample, const uint32_t *frames, unsigned nr, unsigned threads,
	     uint64_t *misses_out, uint64_t *seconds_ns_out, const struct sim_watch *watch,
	     struct error *error)
{
	uint64_t begin = replay_clock_ns();
	struct replay_run *run = calloc(nr ? nr : 1, sizeof(*run));
	struct trace part;
	double rate = 1;
	int err = run ? mrc_sample_take(t, sample, &part, &rate) : -ENOMEM;

	if (err) {
		free(run);
		return mrc_sample_fails(t, err, error);
	}
	for (unsigned i = 0; i < nr; i++) {
		double scaled = (double)frames[i] * rate + 0.5;

		run[i] = (struct replay_run){.policy = policy,
					     .frames = scaled >= 1 ? (uint32_t)scaled : 1,
					     .seed = sample->seed};
	}
	*seconds_ns_out = replay_clock_ns() - begin;
	err = replay_sweep(&part, run, nr, threads, NULL, NULL, watch, error);
	for (unsigned i = 0; i < nr && !err; i++) {
		double misses = (double)run[i].misses / rate;

		misses_out[i] =
			misses < t->requests ? (uint64_t)(misses + 0.5) : (uint64_t)t->requests;
		*seconds_ns_out += run[i].seconds_ns;
	}
	trace_free(&part);
	free(run);
	return err;
}
