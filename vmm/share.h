/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share.h: guest pages that are private, write-protected mappings of frames of one memfd, the pool.
 *
 * A page is in the pool's mapping from memory_share() on, also after a write gave it its own copy in place, until a
 * fresh anonymous page takes its place. struct memory_range.frame says which page maps which frame.
 *
 * All functions but share_open and share_close are called with the machine lock held. Those that say "remaps" may wait
 * until somebody has read an event from the userfaultfd: see struct remap.before.
 */
#ifndef BALLAST_VMM_SHARE_H
#define BALLAST_VMM_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "ballast/types.h"
#include "lib/error.h"
#include "vmm/remap.h"

#define SHARE_MOST     REMAP_MOST /* pages shared at once */
#define SHARE_LONELIES 1024u

#define SHARE_SECRET_BYTES 192u

struct share_pool {
	int fd; /* -1: no sharing */
	uint32_t frames;
	/* Of the hash: so that no guest can make pages that all end in one chain of the table. */
	uint8_t secret[SHARE_SECRET_BYTES];
	/* Pages copied in place, of which some may have a mapping for nothing: memory_tidy() looks. A ring. */
	struct share_lonely {
		uint32_t vm, gfn;
	} lonely[SHARE_LONELIES];
	uint32_t first_lonely, nr_lonely;
	uint64_t refused;    /* shares, for lack of mappings */
	uint64_t made_whole; /* mappings undone */
};

/* The pool; needs the EVENT_REMAP kind of userfaultfd. */
int share_open(struct memory *mem, uint32_t frames, struct error *error);
void share_close(struct memory *mem);
/* For the range just added: room for its records. -ENOMEM. */
int share_add_range(struct memory *mem, uint32_t vm);
/* They go. bytes: of the range. */
void share_remove_range(struct memory_range *r, size_t bytes);

/* As struct mm_body_ops says; nr <= SHARE_MOST. hash, equal_frame: the page is present. memory_share, memory_share_zero,
 * memory_map_zero_protected: remap. */
uint64_t memory_hash(const struct memory *mem, uint32_t vm, gfn_t g);
int memory_equal_frame(const struct memory *mem, uint32_t vm, gfn_t g, uint32_t frame, bool *equal);
int memory_share(struct memory *mem, uint32_t vm, gfn_t g, uint32_t nr, uint32_t frame, bool fill);
int memory_share_zero(struct memory *mem, uint32_t vm, gfn_t g);
int memory_map_zero_protected(struct memory *mem, uint32_t vm, gfn_t g);
int memory_break_shared(struct memory *mem, uint32_t vm, gfn_t g);
void memory_frame_free(struct memory *mem, uint32_t frame);

/* Is the page inside the pool's mapping? */
bool memory_in_pool(const struct memory *mem, uint32_t vm, gfn_t g);
/* Those of [g, g + nr) become absent and anonymous; what they held is gone. Does not wake. Remaps. On an error all of
 * [g, g + nr) are present, those that left as zeros. */
int memory_unshare(struct memory *mem, uint32_t vm, gfn_t g, uint32_t nr);
/* All pages of a VM in which nothing runs any more become absent and anonymous. */
void memory_unshare_all(struct memory *mem, uint32_t vm);
/* Copied pages whose mapping of the pool saves nobody a mapping become anonymous: one run of them. False: there is none
 * to be looked at. Remaps. */
bool memory_tidy(struct memory *mem);

/* Bytes the pool holds. */
uint64_t memory_pool_bytes(const struct memory *mem);

#endif
