// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dedup_sharing_test.c: random guests (writes, page-outs, VMs that come and go, a body that refuses) against a naive
 * share table (dedup_naive.h).
 *
 * The naive table predicts each dedup_try() to the letter: the reason, which page gives a new frame its name, every
 * hint and mark that is left; and which home pages a new VM gets. In the end the guests rest, the scanner goes round,
 * and what is then shared must be what equal contents in equal groups say.
 */
#include <string.h>

#include "tests/model/dedup_naive.h"

#define STEPS 10000u
#define SEEDS 3u

static void step_try(struct model *m, uint32_t page)
{
	struct world *w = m->w;
	enum dedup_reason expected, reason;
	uint32_t home, first;

	if (w->frame[page] != DEDUP_NONE || w->absent[page])
		return;
	expected = model_try(m, page, &home, &first);
	reason = dedup_world_try(w, page);
	assert_int_equal(reason, expected);
	m->reasons[reason]++;
	assert_int_equal(w->frame[page], home);
	if (first != DEDUP_NONE)
		assert_int_equal(w->frame[first], first);
}

static void ranges_collect(struct model *m)
{
	for (unsigned i = 0; i < RANGES; i++) {
		struct range *r = &m->range[i];
		bool used = r->vm != DEDUP_NONE;

		for (uint32_t page = r->base; page < r->base + r->pages; page++)
			used = used || names_frame(m, page);
		if (!used)
			*r = (struct range){0};
	}
}

static void step_vm(struct model *m)
{
	uint32_t vm = (uint32_t)rng_below(&m->rng, VMS), base = 0, run = 0;
	struct range new = {.pages = 5 + (uint32_t)rng_below(&m->rng, 40),
			    .vm = vm,
			    .group = (uint32_t)rng_below(&m->rng, GROUPS)};
	struct range *free_range = NULL;

	for (unsigned i = 0; i < RANGES; i++) {
		struct range *r = &m->range[i];

		if (!r->pages)
			free_range = r;
		if (!r->pages || r->vm != vm)
			continue;
		dedup_world_end(m->w, vm, r->base, r->pages);
		for (uint32_t page = r->base; page < r->base + r->pages; page++)
			m->hinted[page] = m->barred[page] = false;
		r->vm = DEDUP_NONE;
		return;
	}
	for (; run < new.pages &&base + run < PAGES;) {
		if (range_of(m, base + run)) {
			base += run + 1;
			run = 0;
		} else {
			run++;
		}
	}
	if (run < new.pages || !free_range)
		base = DEDUP_NONE;
	assert_int_equal(dedup_world_add(m->w, vm, new.pages, new.group), base);
	if (base == DEDUP_NONE)
		return;
	new.base = base;
	*free_range = new;
	for (uint32_t page = base; page < base + new.pages; page++)
		m->w->content[page] = rng_below(&m->rng, CONTENTS);
}

static void check(const struct model *m)
{
	struct dedup_stats s = dedup_stats(m->w->d);
	npages_t hints = 0, barred = 0;

	dedup_world_check(m->w);
	for (uint32_t page = 0; page < PAGES; page++) {
		uint64_t hash;

		assert_int_equal(dedup_hint_has(m->w->d, page, &hash), m->hinted[page]);
		if (m->hinted[page])
			assert_true(hash == m->hash[page]);
		if (m->barred[page])
			assert_true(dedup_ineligible(m->w->d, page, m->hash[page]));
		if (m->w->frame[page] != DEDUP_NONE)
			assert_true(same_group(m, page, m->w->frame[page]));
		hints += m->hinted[page];
		barred += m->barred[page];
	}
	assert_int_equal(s.hints, hints);
	assert_int_equal(s.ineligible, barred);
	assert_int_equal(s.stale_hints, m->stale);
	assert_int_equal(s.false_matches, m->false_matches);
}

static void step(struct model *m)
{
	static const int errors[] = {0, 0, 0, 0, -EAGAIN, -ENOSPC, -ENOMEM, -EIO};
	uint32_t page = (uint32_t)rng_below(&m->rng, PAGES),
		 what = (uint32_t)rng_below(&m->rng, 100);
	struct world *w = m->w;

	if (what == 0) {
		step_vm(m);
	} else if (what == 1) {
		w->share_error = errors[rng_below(&m->rng, 8)];
		w->share_first_error = errors[rng_below(&m->rng, 8)];
	} else if (!alive(m, page)) {
		return;
	} else if (what < 25) {
		dedup_world_write(w, page, rng_below(&m->rng, CONTENTS));
	} else if (what < 30 && w->frame[page] == DEDUP_NONE) { /* out, and sometimes unnoticed */
		w->absent[page] = true;
		if (what < 28) {
			dedup_hint_drop(w->d, page);
			m->hinted[page] = false;
		}
	} else if (what < 40) {
		w->absent[page] = false;
	} else if (what < 42) {
		dedup_ineligible_clear(w->d, page);
		m->barred[page] = false;
	} else {
		step_try(m, page);
	}
	ranges_collect(m);
	check(m);
}

/* The guests rest; the scanner goes round. Then two equal pages of a group do not share only if neither can leave a
 * hint: the numbers of all the pages with that content name other frames. */
static void settles(struct model *m)
{
	struct world *w = m->w;

	w->share_error = w->share_first_error = 0;
	memset(w->absent, 0, sizeof(w->absent));
	for (unsigned pass = 0; pass < 3; pass++)
		for (uint32_t page = 0; page < PAGES; page++)
			if (alive(m, page))
				step_try(m, page);
	check(m);
	for (uint32_t p = 0; p < PAGES; p++) {
		for (uint32_t q = 0; q < p; q++) {
			if (!alive(m, p) || !alive(m, q) || !same_group(m, p, q) ||
			    dedup_world_read(w, p) != dedup_world_read(w, q))
				continue;
			if (w->frame[p] != DEDUP_NONE)
				assert_int_equal(w->frame[p], w->frame[q]);
			else
				assert_true(w->frame[q] == DEDUP_NONE && names_frame(m, p) &&
					    names_frame(m, q));
		}
	}
}

/* ZERO and BUSY are the caller's; whole hashes do not match falsely. Everything else did happen. */
static bool can_happen(unsigned hash_bits, int reason)
{
	if (reason == DEDUP_FALSE_MATCH || reason == DEDUP_INELIGIBLE)
		return hash_bits != 0;
	return reason != DEDUP_ZERO && reason != DEDUP_BUSY;
}

static void run(unsigned hash_bits, bool damp)
{
	struct dedup_config config = {.capacity_pages = PAGES,
				      .memory_pages = 16,
				      .max_ranges = RANGES,
				      .hash_bits = hash_bits,
				      .damp = damp};
	unsigned reasons[DEDUP_REASONS] = {0};

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct model m = {.w = dedup_world_make(config), .config = config};

		print_message("hash bits %u, damp %d, seed %lu\n", hash_bits, damp,
			      (unsigned long)seed);
		m.rng = rng_seeded(seed);
		m.w->mix = true;
		for (unsigned i = 0; i < STEPS; i++) {
			step(&m);
			if (i % 1000 == 999 && !hash_bits)
				settles(&m);
		}
		assert_true(m.stale > 0);
		for (int r = 0; r < DEDUP_REASONS; r++)
			reasons[r] += m.reasons[r];
		dedup_world_free(m.w);
	}
	for (int r = 0; r < DEDUP_REASONS; r++)
		if ((reasons[r] > 0) != can_happen(hash_bits, r))
			fail_msg("%s: %u times", dedup_reason_name(r), reasons[r]);
}

static void full_hashes(void **state)
{
	(void)state;
	run(0, false);
	run(0, true);
}

/* 24 contents in 8 hashes. */
static void three_bits(void **state)
{
	(void)state;
	run(3, false);
	run(3, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_hashes),
		cmocka_unit_test(three_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
