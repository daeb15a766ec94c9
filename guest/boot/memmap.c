/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memmap.c: from the e820 map to free memory, and the page tables that cannot be static.
 *
 * The first 4 GiB are mapped by tables.S. A GiB above is mapped by a directory of 2 MiB pages, made here if there is
 * memory in it; the window (layout.h) needs a directory for each GiB of pages, whose entries point into the pager's
 * array. Both fit the one root table: 512 GiB each, what is more is left alone.
 *
 * Memory is handed out from the top of the map down: above 4 GiB first, as Linux prefers its zones, below 1 MiB last.
 *
 * Reference: Documentation/arch/x86/boot.rst and zero-page.rst of Linux.
 */
#include "guest/boot/memmap.h"

#include <string.h>

#include "ballast/guest_abi.h"
#include "guest/boot/machine.h"

#define E820_ENTRIES     0x1e8 /* in the zero page */
#define E820_TABLE       0x2d0
#define E820_ENTRY_BYTES 20
#define E820_MAX         128
#define E820_RAM         1

#define TABLE_ENTRIES 512u
#define ENTRY_TABLE   0x27ull /* present, writable, user, accessed */
#define ENTRY_2MIB    0xe7ull /* .. dirty, large */
#define GIB_PAGES     (1u << 18)
#define GIB_SHIFT     30
#define FIRST_HIGH    4u /* GiBs below are in tables.S */
#define MEMORY_END    (TABLE_ENTRIES * GIB_PAGES)

static uint64_t low_end(void)
{
	return GUEST_CMDLINE_GPA + GUEST_CMDLINE_BYTES;
}

/* Appends what [start, end), bytes, has of whole pages. */
static void add_range(struct frame_range *range, unsigned *nr, uint64_t start, uint64_t end)
{
	struct frame_range r;

	if (end > (uint64_t)MEMORY_END << PAGE_SHIFT_BITS)
		end = (uint64_t)MEMORY_END << PAGE_SHIFT_BITS;
	if (start < low_end())
		start = low_end();
	if (start >= end || *nr == FRAMES_RANGES)
		return;
	r.start = (uint32_t)bytes_to_pages(start);
	r.end = (uint32_t)(end >> PAGE_SHIFT_BITS);
	if (r.start < r.end)
		range[(*nr)++] = r;
}

bool memmap_read(const uint8_t *zero_page, struct frame_range *range, unsigned *nr_ranges,
		 unsigned *ours)
{
	uint64_t image = (uint64_t)(uintptr_t)image_end;
	unsigned entries = zero_page[E820_ENTRIES] < E820_MAX ? zero_page[E820_ENTRIES] : E820_MAX;
	bool found = false;

	*nr_ranges = 0;
	while (entries--) {
		const uint8_t *entry = zero_page + E820_TABLE + entries * E820_ENTRY_BYTES;
		uint64_t start, size;
		uint32_t type;

		memcpy(&start, entry, sizeof(start));
		memcpy(&size, entry + 8, sizeof(size));
		memcpy(&type, entry + 16, sizeof(type));
		if (type != E820_RAM)
			continue;
		if (start <= GUEST_KERNEL_GPA && start + size > image) {
			found = true;
			*ours = *nr_ranges;
			add_range(range, nr_ranges, image, start + size);
		} else {
			add_range(range, nr_ranges, start, start + size);
		}
	}
	return found && *ours < *nr_ranges;
}

/* Is there memory in this GiB? */
static bool gib_used(const struct frame_range *range, unsigned nr_ranges, uint32_t gib)
{
	for (unsigned i = 0; i < nr_ranges; i++)
		if (range[i].start < (gib + 1) * GIB_PAGES && range[i].end > gib * GIB_PAGES)
			return true;
	return false;
}

uint32_t memmap_tables(const struct frame_range *range, unsigned nr_ranges, uint32_t window_pages)
{
	uint32_t nr = (window_pages + GIB_PAGES - 1) / GIB_PAGES;

	for (uint32_t gib = FIRST_HIGH; gib < TABLE_ENTRIES; gib++)
		nr += gib_used(range, nr_ranges, gib);
	return nr;
}

void memmap_map(const struct frame_range *range, unsigned nr_ranges, const uint64_t *entries,
		uint32_t window_pages, uint64_t *tables)
{
	uint32_t nr_entry_pages = (window_pages + TABLE_ENTRIES - 1) / TABLE_ENTRIES;

	for (uint32_t gib = FIRST_HIGH; gib < TABLE_ENTRIES; gib++) {
		if (!gib_used(range, nr_ranges, gib))
			continue;
		for (uint64_t i = 0; i < TABLE_ENTRIES; i++)
			tables[i] = ((uint64_t)gib << GIB_SHIFT) | i << 21 | ENTRY_2MIB;
		identity_directories[gib] = (uintptr_t)tables | ENTRY_TABLE;
		tables += TABLE_ENTRIES;
	}
	for (uint32_t i = 0; i < nr_entry_pages; i++) {
		tables[i] = ((uintptr_t)entries + (uint64_t)i * PAGE_BYTES) | ENTRY_TABLE;
		if (i % TABLE_ENTRIES == 0)
			window_directories[i / TABLE_ENTRIES] =
				(uintptr_t)(tables + i) | ENTRY_TABLE;
	}
}
