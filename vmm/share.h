/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share.h: guest pages that are private, write-protected mappings of frames of one memfd, the pool.
 *
 * A page is in the pool's mapping from memory_share() on, also after a write gave it its own copy in place, until a
 * fresh anonymous page takes its place: memory_unshare(). struct memory_range.frame says which page maps which frame.
 *
 * All functions but share_open and share_close are called with the machine lock held. Those that say "remaps" may wait
 * until somebody has read an event from the userfaultfd: see struct share_pool.before_remap.
 */
#ifndef BALLAST_VMM_SHARE_H
#define BALLAST_VMM_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "ballast/types.h"
#include "lib/error.h"

struct memory;

#define SHARE_NONE 0u /* in memory_range.frame: anonymous; else 1 + the frame */

/* Mappings made ready aside, taken from the end. */
struct share_spare {
	uint8_t *start;
	uint32_t left;
};

struct share_pool {
	int fd; /* -1: no sharing */
	uint32_t frames;
	struct share_spare hole; /* absent pages */
	struct share_spare zero; /* the kernel's zero page, protected */
	/* The calling thread is about to sleep until another one reads an event. NULL: nobody to tell. */
	void (*before_remap)(void *ctx);
	void *ctx;
	uint64_t most_mappings; /* sharing stops here: 9/10 of vm.max_map_count */
	int64_t boundaries;     /* between neighbours that cannot be one mapping, by the records */
	int64_t other_mappings; /* what the process has beside, as of the last count */
	uint64_t refused;       /* shares, for lack of mappings */
};

/* The pool; needs the EVENT_REMAP kind of userfaultfd. */
int share_open(struct memory *mem, uint32_t frames, struct error *error);
void share_close(struct memory *mem);
/* For the range just added: room for its records. -ENOMEM. */
int share_add_range(struct memory *mem, uint32_t vm);

/* As struct mm_body_ops says. hash, equal, is_zero: the page is present. memory_share, memory_share_zero,
 * memory_map_zero_protected, memory_break_shared: remap. */
uint64_t memory_hash(const struct memory *mem, uint32_t vm, gfn_t g);
int memory_equal_frame(const struct memory *mem, uint32_t vm, gfn_t g, uint32_t frame, bool *equal);
int memory_share(struct memory *mem, uint32_t vm, gfn_t g, uint32_t frame, bool fill);
int memory_share_zero(struct memory *mem, uint32_t vm, gfn_t g);
int memory_map_zero_protected(struct memory *mem, uint32_t vm, gfn_t g);
int memory_break_shared(struct memory *mem, uint32_t vm, gfn_t g);
void memory_frame_free(struct memory *mem, uint32_t frame);

/* Is the page inside the pool's mapping? */
bool memory_in_pool(const struct memory *mem, uint32_t vm, gfn_t g);
/* Such a page becomes absent and anonymous; what it held is gone. Does not wake. Remaps. -ENOMEM: as before. */
int memory_unshare(struct memory *mem, uint32_t vm, gfn_t g);
/* All pages of a VM in which nothing runs any more become absent and anonymous. */
void memory_unshare_all(struct memory *mem, uint32_t vm);

/* The process has so many mappings, by the kernel's own count. */
void memory_mappings_counted(struct memory *mem, uint64_t mappings);
/* Bytes the pool holds. */
uint64_t memory_pool_bytes(const struct memory *mem);
/* Is it the address of a spare mapping? They may be one mapping with guest memory. */
bool memory_is_spare(const struct memory *mem, uint64_t address);

#endif
