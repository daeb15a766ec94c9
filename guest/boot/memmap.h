/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memmap.h: which memory the guest has, and where its records and page tables go.
 */
#ifndef BALLAST_GUEST_MEMMAP_H
#define BALLAST_GUEST_MEMMAP_H

#include "guest/core/frames.h"

/*
 * Free memory by the zero page's e820 map, in the order in which to use it; range: room for FRAMES_RANGES. range[*ours]
 * is what lies behind the kernel image. False: there is none.
 */
bool memmap_read(const uint8_t *zero_page, struct frame_range *range, unsigned *nr_ranges,
		 unsigned *ours);

/* Page table pages that memmap_map() needs for such memory and a window of that many pages. */
uint32_t memmap_tables(const struct frame_range *range, unsigned nr_ranges, uint32_t window_pages);

/*
 * Maps memory above 4 GiB one to one, and the window's page tables: entries, an array of window_pages page table entries
 * on a page boundary. tables: memmap_tables() zeroed pages; the kernel's for good.
 */
void memmap_map(const struct frame_range *range, unsigned nr_ranges, const uint64_t *entries,
		uint32_t window_pages, uint64_t *tables);

#endif
