/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_two_level_test.c: double paging against a naive model of two arrays, the identity of LRU over LRU, and the anomaly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ballast/rng.h"
#include "sim/big.h"
#include "sim/replay.h"
#include "sim/two_level.h"
#include "tests/support/trace_file.h"

#define PAGES    60u
#define REQUESTS 4000u

/* Skewed, with a loop now and then. writes: a third of the requests; else the trace does not say. */
static void random_trace(struct trace *t, uint64_t seed, bool writes)
{
	uint32_t page[REQUESTS], number[PAGES], next = 0;
	struct rng rng = rng_seeded(seed);

	memset(number, 0xff, sizeof(number));
	for (uint32_t i = 0; i < REQUESTS; i++) {
		uint32_t raw = i / 300 % 3 ? (uint32_t)rng_below(&rng, 1 + rng_below(&rng, PAGES))
					   : i % PAGES;

		if (number[raw] == UINT32_MAX)
			number[raw] = next++;
		page[i] = number[raw];
	}
	trace_of_pages(t, page, REQUESTS);
	if (!writes)
		return;
	t->write = big_alloc(REQUESTS);
	assert_non_null(t->write);
	for (uint32_t i = 0; i < REQUESTS; i++)
		t->write[i] = rng_below(&rng, 3) == 0;
}

static struct two_level_run run_of(const struct trace *t, const char *guest, const char *host,
				   uint32_t guest_frames, uint32_t host_frames)
{
	struct two_level_run run = {.guest = policy_find(guest),
				    .host = policy_find(host),
				    .guest_frames = guest_frames,
				    .host_frames = host_frames,
				    .seed = 1};
	struct error error;

	assert_true(run.guest && run.host);
	assert_int_equal(two_level_sweep(t, &run, 1, 1, NULL, NULL, NULL, &error), 0);
	return run;
}

static uint64_t lru_misses(const struct trace *t, uint32_t frames)
{
	struct replay_run run = {.policy = policy_find("lru"), .frames = frames};
	struct error error;

	assert_int_equal(replay_sweep(t, &run, 1, 1, NULL, NULL, NULL, &error), 0);
	return run.misses;
}

/* A memory of numbers, [0] next to leave; lru: a hit moves to the end. */
struct naive {
	uint32_t number[PAGES + 1], nr, frames;
	bool lru, dirty[PAGES], known[PAGES];
};

static bool naive_hit(struct naive *n, uint32_t x)
{
	uint32_t at = 0;

	while (at < n->nr && n->number[at] != x)
		at++;
	if (at == n->nr)
		return false;
	if (n->lru) {
		memmove(n->number + at, n->number + at + 1, (n->nr - at - 1) * sizeof(uint32_t));
		n->number[n->nr - 1] = x;
	}
	return true;
}

/* x comes in; returns what leaves for it, or PAGES. */
static uint32_t naive_in(struct naive *n, uint32_t x)
{
	uint32_t out = PAGES;

	if (n->nr == n->frames) {
		out = n->number[0];
		memmove(n->number, n->number + 1, (n->nr - 1) * sizeof(uint32_t));
		n->nr--;
	}
	n->number[n->nr++] = x;
	return out;
}

static bool naive_host(struct naive *h, uint32_t frame, bool write, struct two_level_run *r)
{
	bool hit = naive_hit(h, frame);

	if (!hit) {
		uint32_t out = naive_in(h, frame);

		r->host_faults++;
		r->host_in += h->known[frame];
		h->known[frame] = true;
		if (out < PAGES) {
			r->host_out += h->dirty[out];
			h->dirty[out] = false;
		}
	}
	h->dirty[frame] |= write;
	return !hit;
}

static struct two_level_run naive_run(const struct trace *t, bool guest_lru, bool host_lru,
				      uint32_t guest_frames, uint32_t host_frames)
{
	struct naive guest = {.lru = guest_lru, .frames = guest_frames};
	struct naive host = {.lru = host_lru, .frames = host_frames};
	uint32_t frame[PAGES], used = 0;
	struct two_level_run r = {.guest_faults = 0};

	for (uint32_t i = 0; i < t->requests; i++) {
		uint32_t page = t->page[i];
		bool write = !t->write || t->write[i];

		if (naive_hit(&guest, page)) {
			naive_host(&host, frame[page], write, &r);
		} else {
			uint32_t out = naive_in(&guest, page);

			r.guest_faults++;
			frame[page] = out < PAGES ? frame[out] : used++;
			if (out < PAGES && guest.dirty[out]) {
				r.guest_out++;
				guest.dirty[out] = false;
				r.double_faults += naive_host(&host, frame[page], false, &r);
			}
			naive_host(&host, frame[page], true, &r);
		}
		guest.dirty[page] |= write;
	}
	return r;
}

static void test_naive(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct trace t;

		random_trace(&t, seed, seed % 2);
		for (uint32_t g = 1; g <= PAGES; g += 7)
			for (uint32_t h = 1; h <= PAGES; h += 6)
				for (unsigned k = 0; k < 4; k++) {
					struct two_level_run ours =
						run_of(&t, k & 1 ? "lru" : "fifo",
						       k & 2 ? "lru" : "fifo", g, h);
					struct two_level_run theirs =
						naive_run(&t, k & 1, k & 2, g, h);

					assert_int_equal(ours.guest_faults, theirs.guest_faults);
					assert_int_equal(ours.guest_out, theirs.guest_out);
					assert_int_equal(ours.host_faults, theirs.host_faults);
					assert_int_equal(ours.host_in, theirs.host_in);
					assert_int_equal(ours.host_out, theirs.host_out);
					assert_int_equal(ours.double_faults, theirs.double_faults);
				}
		trace_free(&t);
	}
}

/* LRU over LRU, every page written out: as many host faults as LRU with the host's frames has misses, whatever G. */
static void test_identity(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct trace t;

		random_trace(&t, seed, false);
		for (uint32_t h = 1; h < PAGES; h += 5)
			for (uint32_t g = h + 1; g <= PAGES; g += 4) {
				struct two_level_run run = run_of(&t, "lru", "lru", g, h);

				assert_int_equal(run.host_faults, lru_misses(&t, h));
				assert_int_equal(run.guest_faults, lru_misses(&t, g));
				/* what leaves the guest has left the host long ago: each page-out faults */
				assert_int_equal(run.double_faults, run.guest_out);
			}
		/* a host with enough memory does nothing but hand out frames */
		assert_int_equal(run_of(&t, "lru", "lru", 20, 20).host_faults, 20);
		assert_int_equal(run_of(&t, "lru", "lru", 20, 30).host_in, 0);
		trace_free(&t);
	}
}

/* More guest memory, fewer guest faults, and more work in all; a host that picks at random is hurt less. */
static void test_anomaly(void **state)
{
	const uint32_t host = 20;
	struct two_level_run small, large, random;
	struct trace t;

	(void)state;
	random_trace(&t, 3, false);
	small = run_of(&t, "lru", "lru", host, host);
	large = run_of(&t, "lru", "lru", host + 5, host);
	random = run_of(&t, "lru", "random", host + 5, host);
	assert_true(large.guest_faults < small.guest_faults);
	assert_true(large.guest_faults + large.host_faults >
		    small.guest_faults + small.host_faults);
	assert_true(random.host_faults < large.host_faults);
	trace_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_naive),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_anomaly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
