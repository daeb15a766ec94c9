/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * thin.c: see thin.h.
 *
 * Of three requests for a page, the middle one may go if fewer than k other pages are requested between the first and the
 * last: a memory of k frames then holds the page all the time, and every page whose requests lie in between hits anyway,
 * with or without the middle one. It is applied from front to back: the first is the last one that stays, the middle one
 * the page's latest. Between them the middle ones that went before are gone already; counting the other pages in the whole
 * trace can only overestimate, which is safe.
 *
 * Counting is as for stack distances: each page has a mark at its latest request, so the marks behind a time are the pages
 * requested since. Time is not moved together here, as times of requests that stay are kept as well: a bit a request.
 */
#include "sim/thin.h"

#include "sim/marks.h"

#define SPAN (1u << 20)

/* Times are + 1; 0: none. */
struct history {
	uint32_t stays;  /* the last request that stays for good */
	uint32_t latest; /* the one after it that may still go */
};

static void merge_write(struct trace *t, uint32_t from, uint32_t to)
{
	if (t->write && t->write[from])
		t->write[to] = 1;
}

static void one(struct trace *t, uint32_t i, uint32_t k, struct marks *marks, uint32_t *pages,
		struct history *h, uint8_t *keep)
{
	uint32_t mark = h->latest ? h->latest : h->stays;

	keep[i] = 1;
	if (!mark) {
		h->stays = i + 1;
		++*pages;
	} else {
		if (h->latest) {
			uint32_t others = *pages - marks_before(marks, h->stays) - 1;

			if (others < k) {
				keep[h->latest - 1] = 0;
				merge_write(t, h->latest - 1, i);
			} else {
				h->stays = h->latest;
			}
		}
		h->latest = i + 1;
		marks_remove(marks, mark - 1);
	}
	marks_append(marks);
}

int thin_sad(struct trace *t, uint32_t k, const struct sim_watch *watch, uint8_t **keep_out)
{
	size_t bytes = (size_t)t->pages * sizeof(struct history);
	struct history *history = big_alloc(bytes);
	uint8_t *keep = big_alloc(t->requests);
	struct marks marks = {0};
	uint32_t pages = 0;
	int err = history && keep ? marks_init(&marks, t->requests + 1ull) : -ENOMEM;

	for (uint32_t i = 0; i < t->requests && !err; i++) {
		one(t, i, k, &marks, &pages, &history[t->page[i]], keep);
		if (i % SPAN == 0) {
			sim_watch_tell(watch, "requests", i, t->requests);
			err = sim_watch_stopped(watch) ? -ECANCELED : 0;
		}
	}
	marks_free(&marks);
	big_free(history, bytes);
	if (err) {
		big_free(keep, t->requests);
		keep = NULL;
	}
	*keep_out = keep;
	return err;
}
