/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench_layout.c: see bench_layout.h. Contents are random words: they differ early, as most pages do. */
#include "cmd/bench_layout.h"

#include <errno.h>
#include <stdlib.h>

#include "ballast/rng.h"

static void shuffle(uint32_t *order, npages_t pages)
{
	struct rng rng = rng_seeded(1);

	for (npages_t i = 0; i < pages; i++) {
		npages_t with = rng_below(&rng, i + 1);

		order[i] = order[with];
		order[with] = (uint32_t)i;
	}
}

int layout_make(struct layout *l, npages_t pages, uint32_t contents, bool scattered)
{
	*l = (struct layout){.pages = pages, .contents = contents, .scattered = scattered};
	if (!scattered)
		return 0;
	l->order = malloc(pages * sizeof *l->order);
	if (!l->order)
		return -ENOMEM;
	shuffle(l->order, pages);
	return 0;
}

void layout_free(struct layout *l)
{
	free(l->order);
	l->order = NULL;
}

void layout_fill(const struct layout *l, npages_t page, void *to)
{
	npages_t at = l->order ? l->order[page] : page;
	bool common = l->contents && at < l->pages / 2;
	struct rng rng = rng_seeded(rng_mix(common ? at % l->contents : at + UINT32_MAX));
	uint64_t *word = to;

	for (unsigned i = 0; i < PAGE_BYTES / sizeof *word; i++)
		word[i] = rng_next(&rng);
}

npages_t layout_duplicates(const struct layout *l)
{
	npages_t half = l->pages / 2;

	return l->contents && l->contents < half ? half - l->contents : 0;
}
