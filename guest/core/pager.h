/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pager.h: the guest's own paging: more pages than the guest has memory, the rest on its swap disk; and its file cache.
 *
 * Pages are numbers in [0, pages). Each is in one of three states, and its page table entry says which:
 *   untouched  entry 0; the first touch gives it a frame, of any content
 *   resident   entry present, in the processor's own format, so that the array of entries *is* the page table
 *   swapped    entry not present, PTE_SWAPPED and the slot
 * A resident page read from swap keeps its slot (frame_info.slot) while it is clean: it can leave again unwritten. A slot
 * kept by a page that was written since is stale, and given up when the page leaves or when slots run out.
 *
 * Behind them, [pages, pages + file_pages) are the blocks of a data disk, cached or not: files.h. They have no slots.
 *
 * Who leaves, of both kinds, is for the policy (mm/policy), fed with faults and with the entries' accessed bits. Pages
 * leave in batches, the clean ones dropped, the others written in runs of neighbouring slots or blocks; I/O is
 * synchronous. One frame is held back: with memory and swap both full, a swapped page is read into it, and its slot takes
 * the page that leaves.
 *
 * Freestanding; the world comes in through pager_ops, time as now_ns (only handed to the policy). Not reentrant:
 * no function here may touch a page of the pager.
 */
#ifndef BALLAST_GUEST_PAGER_H
#define BALLAST_GUEST_PAGER_H

#include "ballast/guest_abi.h"
#include "guest/core/frames.h"
#include "guest/core/slots.h"
#include "mm/policy/policy.h"

/* Page table entries: bits of the x86 processor, then ours, valid when not present. */
#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITE    (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY    (1ull << 6)
#define PTE_SWAPPED  (1ull << 9)
#define PTE_AHEAD    (1ull << 10) /* of a present one: a block read ahead that nobody asked for yet */

#define PAGER_CLUSTER 16u /* pages that leave at once, at most */
#define PAGER_RESERVE 1u  /* frames held back for exchange with swap */

/*
 * What the pager needs of its surroundings. Called from within its functions; ctx is pager_config.ctx. All required, but
 * those for files only if there are file pages.
 */
struct pager_ops {
	/* The processor may hold an old translation of this page, or of many: it must not use it any more. */
	void (*invalidate)(void *ctx, uint32_t page);
	void (*invalidate_all)(void *ctx);
	/* frames[0, nr) to slots first, first + 1, ..; returns when they are there. nr <= PAGER_CLUSTER. 0 or -errno. */
	int (*swap_write)(void *ctx, const gfn_t *frames, uint32_t nr, slot_t first);
	int (*swap_read)(void *ctx, gfn_t frame, slot_t from);
	/* The same between frames[0, nr) and the blocks first, first + 1, .. of the data disk. */
	int (*file_write)(void *ctx, const gfn_t *frames, uint32_t nr, uint32_t first);
	int (*file_read)(void *ctx, const gfn_t *frames, uint32_t nr, uint32_t first);
};

struct pager_config {
	const struct pager_ops *ops;
	void *ctx;
	const struct policy_ops *policy;
	uint64_t seed; /* of the policy */
	uint32_t pages;
	uint32_t swap_slots;
	uint32_t file_pages; /* blocks of the data disk; 0: none */
};

/* What a file is about to be touched for: the next fault on that page is served accordingly (files.h). */
struct pager_file_want {
	uint32_t page;      /* 0: nothing; a pager has at least one page that is no file's */
	uint32_t following; /* blocks that will be read after it */
	bool overwritten;   /* whole, so what the disk has is not needed */
};

#define PAGER_STALE 4 /* from more than this on, one flush of all translations is cheaper */

struct pager {
	const struct pager_ops *ops;
	void *ctx;
	const struct policy_ops *policy;
	void *policy_mem; /* borrowed */
	struct rng rng;
	uint64_t *pte; /* [pages + file_pages]; borrowed */
	struct frames *frames;
	struct slots slots;
	struct guest_stats *stats; /* faults, swap_*, file_*, free_pages, io_errors; written only */
	uint32_t pages, file_pages;
	uint32_t used;  /* pages from here on, up to the first file page, are untouched */
	uint32_t batch; /* how many leave at once */
	npages_t resident, swapped;
	npages_t kept;     /* resident pages with a slot */
	npages_t capacity; /* frames that pages may have, as the policy was told last */
	uint32_t hand;     /* where the search for a slot to take back goes on */
	uint32_t nr_stale; /* translations to invalidate; > PAGER_STALE: all */
	uint32_t stale[PAGER_STALE];
	uint32_t file_used;               /* blocks from here on are not cached */
	uint32_t file_hand;               /* block at which writing back goes on */
	npages_t file_cached, file_dirty; /* of the resident pages */
	struct pager_file_want file_wanted;
};

/* Memory the pager is given. All zeroed but policy's, any content; borrowed for the pager's life. */
struct pager_memory {
	uint64_t *pte; /* [pages + file_pages] */
	void *slots;   /* slots_bytes(swap_slots) bytes, 8-aligned */
	void *policy; /* config->policy->bytes(frames' total, pages + file_pages) bytes, 16-aligned */
};

/* frames, stats: borrowed for the pager's life. 0, or -EINVAL: no pages that are no file's, or too many in all. */
int pager_init(struct pager *p, const struct pager_config *config, const struct pager_memory *mem,
	       struct frames *frames, struct guest_stats *stats);

/*
 * The processor faulted on page, or a block of a file is needed (files.h), which is not counted as a fault: on return 0
 * it is resident and the instruction can go on. -EFAULT: no such page. -ENOMEM: memory and swap are full. -EIO: a disk
 * failed, when reading the page or when all writes to make room did. The state is consistent after any of them. O(1)
 * amortised, plus I/O.
 */
int pager_fault(struct pager *p, uint32_t page, bool write, uint64_t now_ns);

/*
 * What a processor does at a touch, for those who have none: faults if need be, sets accessed and dirty, and says where
 * the page is. Errors as pager_fault(); *frame is 0 then.
 */
int pager_access(struct pager *p, uint32_t page, bool write, uint64_t now_ns, gfn_t *frame);

/* A frame for kind and owner; pages leave if there is none free. 0, -ENOMEM or -EIO; *out is 0 then. */
int pager_frame_get(struct pager *p, enum frame_kind kind, uint32_t owner, uint64_t now_ns,
		    gfn_t *out);

/* Makes up to want pages leave. How many did (> 0), -ENOMEM if none can, -EIO if none could be written. */
int pager_reclaim(struct pager *p, uint32_t want, uint64_t now_ns);

/* So many frames are left to pages, because a balloon holds the others: the policy is told, now and whenever it begins
 * anew. Without effect on what is resident. */
void pager_resize(struct pager *p, npages_t capacity);

/* Frees every page and slot; all pages are untouched again, no block is cached, and nothing of them is written. O(pages
 * used). */
void pager_release_all(struct pager *p);

/* The frame of a resident page; 0 for others. */
gfn_t pager_frame_of(const struct pager *p, uint32_t page);

/* Recomputes every counter and cross-reference, those of frames, slots and policy too. O(pages + frames). For tests. */
bool pager_consistent(const struct pager *p);

#endif
