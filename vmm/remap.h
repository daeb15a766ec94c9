/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remap.h: mappings made ready aside and moved over guest pages, and how many mappings that makes.
 *
 * All functions are called with the machine lock held.
 */
#ifndef BALLAST_VMM_REMAP_H
#define BALLAST_VMM_REMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "ballast/types.h"

struct memory;
struct memory_range;

#define SHARE_NONE 0u /* in memory_range.frame: anonymous; else 1 + the frame */
#define SHARE_COPIED \
	0x80000000u    /* and beside: a write gave the page its own copy in that mapping */
#define REMAP_MOST 64u /* pages moved at once */

/* Mappings made ready aside, taken from the end. */
struct remap_spare {
	uint8_t *start; /* a page of fence before it, and one behind its end; NULL: none */
	uint32_t left;
};

struct remap {
	struct remap_spare hole; /* absent pages */
	struct remap_spare zero; /* the kernel's zero page, protected */
	/* The calling thread is about to sleep until another one reads an event. NULL: nobody to tell. */
	void (*before)(void *ctx);
	void *ctx;
	uint64_t most_mappings; /* sharing stops here: 9/10 of vm.max_map_count */
	int64_t boundaries;     /* between neighbours that cannot be one mapping, by the records */
	int64_t other_mappings; /* what the process has beside, as of the last count */
};

/* Counts the process's mappings and asks for their limit. */
void remap_init(struct remap *r);
void remap_exit(struct remap *r);

/* Moves nr pages that are ready at from over guest pages. 0 or -errno: as before. */
int remap_over(struct memory *mem, uint8_t *from, uint32_t vm, gfn_t g, uint32_t nr);
/* The same with nr <= REMAP_MOST absent pages, or with one that maps the zero page, protected. */
int remap_hole_over(struct memory *mem, uint32_t vm, gfn_t g, uint32_t nr);
int remap_zero_over(struct memory *mem, uint32_t vm, gfn_t g);

/* What page g maps: SHARE_NONE, or 1 + the frame. */
uint32_t remap_frame(const struct memory_range *r, uint64_t g);
/* Pages [g, g + nr) map neighbouring frames from 1 + the frame on, or, SHARE_NONE, are anonymous: how many mappings more
 * is that? Negative: fewer. */
int64_t remap_cost(const struct memory_range *r, uint64_t g, uint32_t nr, uint32_t frame);
/* It is so from now on. */
void remap_note(struct memory *mem, uint32_t vm, uint64_t g, uint32_t nr, uint32_t frame);
/* Is there room for so many mappings more, and what is made aside on the way? */
bool remap_room(const struct memory *mem, int64_t more);
/* Are neighbours a and b, of which b is the next page, in one mapping? */
bool remap_joined(const struct memory_range *r, uint64_t a);

/* The process has so many mappings, by the kernel's own count. */
void memory_mappings_counted(struct memory *mem, uint64_t mappings);
/* Is it the address of a spare mapping? They may be one mapping with guest memory. */
bool memory_is_spare(const struct memory *mem, uint64_t address);

#endif
