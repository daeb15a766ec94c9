/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon_body.h: a guest and a host for the balloon driver, as small as can be.
 *
 * The guest's pages are free, busy (room can be made of them), or held by the balloon; the host keeps a set of what it was
 * told. Whatever the driver must not do fails the test: telling pages it does not hold, or twice, or freeing a page the
 * host still believes ballooned.
 */
#ifndef BALLAST_TESTS_SUPPORT_BALLOON_BODY_H
#define BALLAST_TESTS_SUPPORT_BALLOON_BODY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "balloon-driver/core/balloon.h"

#define BODY_PAGES 8192u
#define BODY_FIRST 16u /* gfns begin here */
#define BODY_MS    1000000ull

enum body_page { BODY_FREE, BODY_BUSY, BODY_HELD };

struct body {
	struct balloon b;
	enum body_page page[BODY_PAGES];
	uint32_t link[BODY_PAGES];
	bool host[BODY_PAGES];
	npages_t free, busy, held, told;
	uint32_t hint; /* where to look for a free page */
	uint64_t now;
	uint64_t tell_ns; /* what telling takes */
	bool deaf;        /* the host cannot be told */
	bool resetting;
	unsigned tells, last_nr;
	unsigned easy_calls, hard_calls;
};

static inline uint32_t body_find(struct body *g, enum body_page state)
{
	for (uint32_t i = 0; i < BODY_PAGES; i++, g->hint = (g->hint + 1) % BODY_PAGES)
		if (g->page[g->hint] == state)
			return g->hint;
	fail();
	return 0;
}

static inline bool body_page_get(void *ctx, bool easy, uint32_t link, gfn_t *out)
{
	struct body *g = ctx;
	uint32_t i;

	*(easy ? &g->easy_calls : &g->hard_calls) += 1;
	if (g->free) {
		i = body_find(g, BODY_FREE);
		g->free--;
	} else if (!easy && g->busy) {
		i = body_find(g, BODY_BUSY);
		g->busy--;
	} else {
		return false;
	}
	g->page[i] = BODY_HELD;
	g->link[i] = link;
	g->held++;
	*out = gfn(BODY_FIRST + i);
	return true;
}

static inline uint32_t body_page_link(void *ctx, gfn_t page)
{
	const struct body *g = ctx;

	assert_in_range(page.v, BODY_FIRST, BODY_FIRST + BODY_PAGES - 1);
	assert_int_equal(g->page[page.v - BODY_FIRST], BODY_HELD);
	return g->link[page.v - BODY_FIRST];
}

static inline void body_page_put(void *ctx, gfn_t page)
{
	struct body *g = ctx;
	uint32_t i = (uint32_t)page.v - BODY_FIRST;

	assert_in_range(page.v, BODY_FIRST, BODY_FIRST + BODY_PAGES - 1);
	assert_int_equal(g->page[i], BODY_HELD);
	assert_true(g->resetting || !g->host[i]);
	g->page[i] = BODY_FREE;
	g->link[i] = 0xdead;
	g->free++;
	g->held--;
}

static inline int body_tell(void *ctx, bool inflate, const uint32_t *pfn, uint32_t nr)
{
	struct body *g = ctx;

	assert_false(g->resetting);
	assert_in_range(nr, 1, BALLOON_BATCH);
	g->now += g->tell_ns;
	g->tells++;
	g->last_nr = nr;
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t at = pfn[i] - BODY_FIRST;

		assert_in_range(pfn[i], BODY_FIRST, BODY_FIRST + BODY_PAGES - 1);
		assert_int_equal(g->page[at], BODY_HELD);
		assert_int_equal(g->host[at], !inflate);
		if (!g->deaf)
			g->host[at] = inflate;
	}
	if (g->deaf)
		return -EIO;
	g->told += inflate ? nr : -(npages_t)nr;
	return 0;
}

static inline uint64_t body_now_ns(void *ctx)
{
	const struct body *g = ctx;

	return g->now;
}

static const struct balloon_ops body_ops = {
	.page_get = body_page_get,
	.page_link = body_page_link,
	.page_put = body_page_put,
	.tell = body_tell,
	.now_ns = body_now_ns,
};

/* A guest of so many free pages and so many of which room can be made; the driver runs, with a cap of all. */
static inline struct body *body_create(npages_t free_pages, npages_t busy)
{
	struct body *g = calloc(1, sizeof(*g));
	struct balloon_config config = balloon_config_usual(free_pages + busy);

	assert_non_null(g);
	assert_true(free_pages + busy <= BODY_PAGES);
	config.cap_ppm = PPM;
	g->free = free_pages;
	g->busy = busy;
	for (uint32_t i = 0; i < BODY_PAGES; i++)
		g->page[i] = i < free_pages ? BODY_FREE : BODY_BUSY;
	g->now = 5 * NS_PER_S;
	balloon_init(&g->b, &config, &body_ops, g);
	balloon_start(&g->b, true);
	return g;
}

/* Guest, driver and host agree on who has which page. */
static inline void body_check(const struct body *g)
{
	npages_t held = 0, told = 0;

	assert_true(balloon_consistent(&g->b));
	for (uint32_t i = 0; i < BODY_PAGES; i++) {
		held += g->page[i] == BODY_HELD;
		told += g->host[i];
		assert_true(!g->host[i] || g->page[i] == BODY_HELD);
	}
	assert_int_equal(held, g->b.size);
	assert_int_equal(held, g->held);
	assert_int_equal(told, g->b.size);
}

/* The host forgets, the driver starts from nothing. */
static inline void body_reset(struct body *g)
{
	g->resetting = true;
	balloon_reset(&g->b);
	g->resetting = false;
	for (uint32_t i = 0; i < BODY_PAGES; i++)
		g->host[i] = false;
	g->told = 0;
}

#endif
