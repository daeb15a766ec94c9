/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dedup_naive.h: a share table of arrays and loops, which predicts what the real one says. For dedup_sharing_test.c.
 *
 * It looks at all pages for each question; of the order of chains it knows only that newer hints are found first. What
 * pages hold and which frames they share it reads from the world.
 */
#ifndef BALLAST_TESTS_DEDUP_NAIVE_H
#define BALLAST_TESTS_DEDUP_NAIVE_H

#include <errno.h>

#include "ballast/rng.h"
#include "tests/support/dedup_world.h"

#define PAGES    160u
#define RANGES   10u
#define VMS      8u
#define GROUPS   3u
#define CONTENTS 24u

struct range {
	uint32_t base, pages, vm, group; /* pages 0: not in use; vm DEDUP_NONE: ended */
};

struct model {
	struct world *w;
	struct dedup_config config;
	struct rng rng;
	struct range range[RANGES];
	bool hinted[PAGES], barred[PAGES];
	uint64_t hash[PAGES];     /* of the hint or mark */
	uint64_t fhash[PAGES];    /* of the frame of that name */
	uint64_t age[PAGES], now; /* of the hint: larger is newer */
	uint64_t stale, false_matches;
	unsigned reasons[DEDUP_REASONS];
};

static uint64_t cut(const struct model *m, uint64_t hash)
{
	return m->config.hash_bits ? hash & ((1ull << m->config.hash_bits) - 1) : hash;
}

static uint64_t hash_of(const struct model *m, uint32_t page)
{
	return cut(m, dedup_world_hash(m->w, dedup_world_read(m->w, page)));
}

static const struct range *range_of(const struct model *m, uint32_t page)
{
	for (unsigned i = 0; i < RANGES; i++)
		if (page >= m->range[i].base && page < m->range[i].base + m->range[i].pages)
			return &m->range[i];
	return NULL;
}

static bool alive(const struct model *m, uint32_t page)
{
	const struct range *r = range_of(m, page);

	return r && r->vm != DEDUP_NONE;
}

static bool same_group(const struct model *m, uint32_t p, uint32_t q)
{
	return range_of(m, p) && range_of(m, q) && range_of(m, p)->group == range_of(m, q)->group;
}

static bool names_frame(const struct model *m, uint32_t page)
{
	for (uint32_t p = 0; p < PAGES; p++)
		if (m->w->frame[p] == page)
			return true;
	return false;
}

static bool model_hint(struct model *m, uint32_t page, uint64_t hash)
{
	if (names_frame(m, page))
		return false;
	if (!m->hinted[page] || m->hash[page] != hash)
		m->age[page] = ++m->now;
	m->hinted[page] = true;
	m->hash[page] = hash;
	return true;
}

static uint32_t newest_hint(const struct model *m, uint32_t page, uint64_t hash)
{
	uint32_t best = DEDUP_NONE;

	for (uint32_t q = 0; q < PAGES; q++)
		if (q != page && m->hinted[q] && m->hash[q] == hash && same_group(m, page, q) &&
		    (best == DEDUP_NONE || m->age[q] > m->age[best]))
			best = q;
	return best;
}

static uint32_t frame_with(const struct model *m, uint32_t page, uint64_t hash)
{
	uint32_t f = 0;

	while (f < PAGES && !(names_frame(m, f) && m->fhash[f] == hash && same_group(m, page, f)))
		f++;
	return f < PAGES ? f : DEDUP_NONE;
}

static bool known_elsewhere(const struct model *m, uint32_t page, uint64_t hash)
{
	for (uint32_t q = 0; q < PAGES; q++)
		if (((m->hinted[q] && m->hash[q] == hash) ||
		     (names_frame(m, q) && m->fhash[q] == hash)) &&
		    !same_group(m, page, q))
			return true;
	return false;
}

static enum dedup_reason model_refusal(struct model *m, uint32_t page, int error)
{
	if (error == -EAGAIN)
		m->hinted[page] = false;
	if (error == -EAGAIN || error == -ENOSPC)
		return error == -EAGAIN ? DEDUP_VOLATILE : DEDUP_NO_MAPPING;
	return error == -ENOMEM ? DEDUP_NO_FRAME : DEDUP_FAILED;
}

static enum dedup_reason model_false_match(struct model *m, uint32_t page, uint64_t hash)
{
	m->false_matches++;
	if (!names_frame(m, page)) {
		m->hinted[page] = false;
		m->barred[page] = true;
		m->hash[page] = hash;
	}
	return DEDUP_FALSE_MATCH;
}

/* With a frame of that name and content, which there is or will be. */
static enum dedup_reason model_share(struct model *m, uint32_t page, uint32_t frame, uint32_t *home,
				     enum dedup_reason good)
{
	if (m->w->share_error)
		return model_refusal(m, page, m->w->share_error);
	m->hinted[page] = false;
	*home = frame;
	return good;
}

/* Predicts. *home: the frame that the page shares in the end. *first: this page goes to its own frame beforehand. */
static enum dedup_reason model_try(struct model *m, uint32_t page, uint32_t *home, uint32_t *first)
{
	const struct world *w = m->w;
	uint64_t hash = hash_of(m, page);
	bool had = m->hinted[page], changed = had && m->hash[page] != hash, elsewhere = false;
	bool look = !(changed && m->config.damp);
	uint32_t f = look ? frame_with(m, page, hash) : DEDUP_NONE;

	*home = *first = DEDUP_NONE;
	if (m->barred[page] && m->hash[page] == hash)
		return DEDUP_INELIGIBLE;
	m->barred[page] = false;
	if (changed)
		m->hinted[page] = false;
	if (f != DEDUP_NONE && w->frame_content[f] != w->content[page])
		return model_false_match(m, page, hash);
	if (f != DEDUP_NONE)
		return model_share(m, page, f, home, DEDUP_SHARED);
	for (unsigned i = 0; i < DEDUP_TRIES && look; i++) {
		uint32_t q = newest_hint(m, page, hash);

		if (q == DEDUP_NONE) {
			elsewhere = known_elsewhere(m, page, hash);
			break;
		}
		if (!w->absent[q] && hash_of(m, q) == hash && w->content[q] != w->content[page])
			return model_false_match(m, page, hash);
		if (w->absent[q] || hash_of(m, q) != hash || w->share_first_error == -EAGAIN) {
			m->hinted[q] = false;
			m->stale++;
			continue;
		}
		if (w->share_first_error) {
			m->age[q] = ++m->now;
			return model_refusal(m, page, w->share_first_error);
		}
		m->hinted[q] = false;
		m->fhash[q] = hash;
		*first = q;
		return model_share(m, page, q, home, DEDUP_SHARED_NEW);
	}
	if (!model_hint(m, page, hash))
		return elsewhere ? DEDUP_OTHER_GROUP : DEDUP_HOME_TAKEN;
	if (changed)
		return DEDUP_VOLATILE;
	return elsewhere ? DEDUP_OTHER_GROUP : had ? DEDUP_UNIQUE : DEDUP_HINTED;
}

#endif
