/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory.h: guest memory, stages, shared frames and swap slots without a byte: each page is a number, its identity.
 *
 * Two pages have the same identity if and only if they would hold the same bytes (guest/core/content.h), so hashing,
 * comparing and looking for zeros are exact, and a page that came back as another one is seen by the guest's checks. A
 * page's identity stands in its record also while it maps a shared frame, so that a touch looks at one place; that the
 * frame still holds it is checked whenever the mapping goes.
 *
 * Calls that no manager should make (mapping what is there, taking what is not) are counted in `wrong`.
 */
#ifndef BALLAST_SIM_MEMORY_H
#define BALLAST_SIM_MEMORY_H

#include "ballast/types.h"

#define SIM_PRESENT   1u
#define SIM_PROTECTED 2u /* a write must be announced */
#define SIM_KERNEL \
	4u /* the guest's own: its kernel, its records. Never set on pages for the workload */
#define SIM_READ_ONLY 8u  /* of these, those that it does not write */
#define SIM_IMAGE     16u /* and those that it always needs */
#define SIM_ZERO_PAGE UINT32_MAX

struct sim_page {
	uint64_t content;
	uint32_t
		frame; /* of the pool, plus 1; 0: its own; SIM_ZERO_PAGE: the common page of zeros */
	uint8_t flags;
};

struct sim_range {
	struct sim_page *page; /* owned; by gfn */
	uint64_t nr;           /* the hole included */
	npages_t kernel_out;   /* SIM_KERNEL pages that a touch would fault on; */
	npages_t image_out;    /* of these SIM_IMAGE ones */
	uint64_t *
		place; /* owned; content of each quarter of a frame of its cache; NULL: no compression */
	bool *cache_frame; /* owned; in use? */
	uint32_t nr_cache_frames;
};

struct sim_frame {
	uint64_t content;
	uint32_t mapped;
	bool used;
};

struct sim_stage {
	uint64_t content;
	bool full;
};

struct sim_memory {
	struct sim_range *range; /* by vmid */
	uint32_t max_ranges;
	struct sim_frame *frame; /* the pool */
	uint32_t nr_frames;
	struct sim_stage *stage;
	uint32_t nr_stages, nr_read_stages;
	uint64_t *slot;
	npages_t nr_slots;
	npages_t frames, peak_frames; /* in use: guests' own, the pool's, full stages */
	uint64_t wrong;
	uint64_t secret; /* of the hash */
	uint64_t packed; /* content that was compressed last */
};

/* 0 or -ENOMEM; to be destroyed also then. */
int sim_memory_create(struct sim_memory *mem, uint32_t max_vms, uint32_t pool_frames,
		      npages_t slots, uint64_t seed);
void sim_memory_destroy(struct sim_memory *mem);
int sim_memory_add(struct sim_memory *mem, uint32_t vm, uint64_t nr_gfns, uint32_t cache_frames);
void sim_memory_remove(struct sim_memory *mem, uint32_t vm); /* nothing of it is present */

/* A page is the guest's own from now on; flags: SIM_KERNEL and what goes with it. */
void sim_memory_kernel_page(struct sim_memory *mem, uint32_t vm, gfn_t g, unsigned flags);

/* As the body's calls of the same names: 0 or -errno. */
int sim_memory_map(struct sim_memory *mem, uint32_t vm, gfn_t g, uint64_t content, bool protect);
int sim_memory_map_zero_page(struct sim_memory *mem, uint32_t vm, gfn_t g);
int sim_memory_withdraw(struct sim_memory *mem, uint32_t vm, gfn_t g, stage_t s);
int sim_memory_discard(struct sim_memory *mem, uint32_t vm, gfn_t g);
int sim_memory_protect(struct sim_memory *mem, uint32_t vm, gfn_t g);
int sim_memory_unprotect(struct sim_memory *mem, uint32_t vm, gfn_t g);
void sim_memory_stage_drop(struct sim_memory *mem, stage_t s);
int sim_memory_share(struct sim_memory *mem, uint32_t vm, gfn_t g, uint32_t nr, uint32_t frame,
		     bool fill);
int sim_memory_break(struct sim_memory *mem, uint32_t vm, gfn_t g);
void sim_memory_frame_free(struct sim_memory *mem, uint32_t frame);

/* So many frames more are in use. */
void sim_memory_count(struct sim_memory *mem, int more);
int sim_memory_compress(struct sim_memory *mem, stage_t s, uint32_t *bytes);
void sim_memory_cache_store(struct sim_memory *mem, uint32_t vm, uint32_t place);
uint64_t sim_memory_cache_content(struct sim_memory *mem, uint32_t vm, uint32_t place);
void sim_memory_cache_move(struct sim_memory *mem, uint32_t vm, uint32_t from, uint32_t to);
void sim_memory_cache_free(struct sim_memory *mem, uint32_t vm, uint32_t frame);

static inline struct sim_page *sim_memory_page(const struct sim_memory *mem, uint32_t vm, gfn_t g)
{
	return &mem->range[vm].page[g.v];
}

/* Would a touch of it go on without the host? */
static inline bool sim_page_within_reach(const struct sim_page *p, bool write)
{
	return (p->flags & (write ? SIM_PRESENT | SIM_PROTECTED : SIM_PRESENT)) == SIM_PRESENT;
}

/* Recounts. O(pages). */
bool sim_memory_consistent(const struct sim_memory *mem);

#endif
