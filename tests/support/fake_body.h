/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_body.h: a body for the memory manager without KVM: pages are numbers, time stands still unless told to move.
 *
 * It holds what a real body holds (guest pages with their protection, stages, slots, requests under way) and checks
 * every call against it: mapping over a present page, withdrawing an absent one, reading a slot that is being written
 * and the like are failures of the test. It counts frames for itself, so the budget is checked by another hand.
 */
#ifndef BALLAST_TESTS_FAKE_BODY_H
#define BALLAST_TESTS_FAKE_BODY_H

#include "mm/mm.h"
#include "mm/page.h"

#define FAKE_VMS         8u
#define FAKE_IOS         64u
#define FAKE_ZERO        0ull
#define FAKE_ZERO_MAPPED UINT32_MAX

struct fake_page {
	uint64_t content;
	bool present, protected;
	uint32_t
		frame; /* of the pool that it maps + 1, or FAKE_ZERO_MAPPED; 0: a frame of its own */
	unsigned woken; /* times sleepers of this page were woken */
};

struct fake_body {
	struct mm *mm;
	struct rng rng;
	uint64_t now_ns;
	struct fake_page *guest[FAKE_VMS];
	npages_t guest_pages[FAKE_VMS];
	struct fake_page stage[MM_STAGES];
	uint64_t *disk;
	bool *disk_busy; /* being written */
	npages_t slots;
	struct mm_io *io[FAKE_IOS]; /* under way, in order of start */
	unsigned nr_io;
	npages_t frames, peak_frames;      /* present guest pages and withdrawn stages */
	npages_t balloon_target[FAKE_VMS]; /* as last told */
	struct fake_frame {                /* the pool, by number */
		uint64_t content;
		bool used;
		unsigned mapped;
	} * pool;
	npages_t pool_frames;               /* its size */
	struct fake_cache *cache[FAKE_VMS]; /* compressed pages, by place */
	uint64_t squeezed;                  /* what was compressed last, */
	uint32_t squeezed_bytes;            /* and to what; 0: stored already */
	uint32_t compress_bytes; /* to what any page compresses; 0: it depends on the content */
	uint32_t lose_cached_ppm;
	uint64_t cache_moves;
	unsigned reclaim_wishes;
	unsigned broken[FAKE_VMS]; /* vm_broken calls */
	bool fail_zalloc;
	/* what goes wrong: probability in ppm */
	uint32_t refuse_withdraw_ppm, refuse_map_ppm, fail_write_ppm, fail_read_ppm,
		refuse_share_ppm, refuse_discard_ppm, refuse_protect_ppm, refuse_unprotect_ppm;
	npages_t written_pages, read_pages;
	uint64_t shared_runs; /* of more than one page */
};

extern const struct mm_body_ops fake_body_ops;

/* slots: of the swap space. The manager is made by the test, with fake_body_ops and this. */
void fake_body_init(struct fake_body *f, npages_t slots, uint64_t seed);
void fake_body_free(struct fake_body *f);
void fake_body_add_vm(struct fake_body *f, uint32_t vm, npages_t pages);

/* Sharing: a pool of so many frames. */
void fake_body_add_pool(struct fake_body *f, npages_t frames);

/* What fake_compress() makes of such a page: a quarter, a half or more. */
uint32_t fake_compressed_bytes(const struct fake_body *f, uint64_t content);

/* The request at index (order of start) ends, with an error if the probabilities say so. */
void fake_body_finish(struct fake_body *f, unsigned index);
/* Reclaims and ends requests until nothing happens any more. */
void fake_body_settle(struct fake_body *f);

/* fails the test with the reason if the manager is inconsistent or the fake counts more frames than there are */
void fake_body_check(const struct fake_body *f);

#endif
