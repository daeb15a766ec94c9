// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * range.c: which VM a home page belongs to.
 *
 * First fit over an array sorted by base: there are few VMs. The range of an ended VM stays as long as one of its pages
 * names a frame that others share, so a number is never in use twice; its group goes on to say who may share that frame.
 * Such ranges can fill capacity and array, so both want some room beyond the VMs that run.
 */
#include <string.h>

#include "dedup/table.h"

/* The number of ranges with base <= page. */
static uint32_t ranges_up_to(const struct dedup *d, uint32_t page)
{
	uint32_t low = 0, high = d->nr_ranges;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (d->range[middle].base <= page)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct dedup_range *dedup_range_of(const struct dedup *d, uint32_t page)
{
	uint32_t i = ranges_up_to(d, page);

	if (!i || page - d->range[i - 1].base >= d->range[i - 1].pages)
		return NULL;
	return &d->range[i - 1];
}

static struct dedup_range *range_of_vm(const struct dedup *d, uint32_t vm)
{
	for (uint32_t i = 0; i < d->nr_ranges && vm != DEDUP_NONE; i++)
		if (d->range[i].vm == vm)
			return &d->range[i];
	return NULL;
}

static void range_remove(struct dedup *d, struct dedup_range *r)
{
	size_t behind = (size_t)(&d->range[d->nr_ranges] - (r + 1));

	memmove(r, r + 1, behind * sizeof(*r));
	d->nr_ranges--;
}

uint32_t dedup_vm_add(struct dedup *d, uint32_t vm, uint32_t gfns, uint32_t group)
{
	uint32_t base = 0, i = 0;

	assert(vm != DEDUP_NONE && !range_of_vm(d, vm));
	if (!gfns || d->nr_ranges == d->config.max_ranges)
		return DEDUP_NONE;
	for (; i < d->nr_ranges && d->range[i].base - base < gfns; i++)
		base = d->range[i].base + d->range[i].pages;
	if (d->config.capacity_pages - base < gfns)
		return DEDUP_NONE;
	memmove(&d->range[i + 1], &d->range[i], (d->nr_ranges - i) * sizeof(d->range[0]));
	d->range[i] = (struct dedup_range){.base = base, .pages = gfns, .vm = vm, .group = group};
	d->nr_ranges++;
	return base;
}

void dedup_vm_remove(struct dedup *d, uint32_t vm)
{
	struct dedup_range *r = range_of_vm(d, vm);

	if (!r)
		return; /* it got none */
	for (uint32_t page = r->base; page < r->base + r->pages; page++)
		if (d->entry[page].kind != ENTRY_FRAME)
			dedup_entry_clear(d, page);
	r->vm = DEDUP_NONE;
	if (!r->frames)
		range_remove(d, r);
}

void dedup_range_frame_gone(struct dedup *d, uint32_t page)
{
	struct dedup_range *r = dedup_range_of(d, page);

	assert(r && r->frames);
	if (!--r->frames && r->vm == DEDUP_NONE)
		range_remove(d, r);
}

bool dedup_page_where(const struct dedup *d, uint32_t page, uint32_t *vm, gfn_t *g)
{
	const struct dedup_range *r = dedup_range_of(d, page);
	bool found = r && r->vm != DEDUP_NONE;

	*vm = found ? r->vm : DEDUP_NONE;
	*g = gfn(found ? page - r->base : 0);
	return found;
}
