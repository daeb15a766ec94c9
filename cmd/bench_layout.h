/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_layout.h: what the memory holds in which sharing is measured, ours and the kernel's alike.
 */
#ifndef BALLAST_CMD_BENCH_LAYOUT_H
#define BALLAST_CMD_BENCH_LAYOUT_H

#include <stdbool.h>

#include "ballast/types.h"

/*
 * The first half of the pages holds so many contents in turn, so that neighbours match neighbours; every page of the
 * other half differs from all others. Scattered: the same pages in random order.
 */
struct layout {
	npages_t pages;
	uint32_t contents; /* 0: all pages differ */
	bool scattered;
	uint32_t *order; /* NULL: as they come; owned, layout_free() */
};

/* 0 or -ENOMEM. */
int layout_make(struct layout *l, npages_t pages, uint32_t contents, bool scattered);
void layout_free(struct layout *l);

/* The bytes of a page: PAGE_BYTES, 8-aligned; never all zeros. */
void layout_fill(const struct layout *l, npages_t page, void *to);

/* Pages that sharing can save. */
npages_t layout_duplicates(const struct layout *l);

#endif
