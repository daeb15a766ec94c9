/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reclaim.h: what pager.c, reclaim.c and files.c share: entries taken apart and put together. Inside guest/core/ only.
 */
#ifndef BALLAST_GUEST_RECLAIM_H
#define BALLAST_GUEST_RECLAIM_H

#include "guest/core/pager.h"

#define PTE_FRAME_MASK 0x000ffffffffff000ull

static inline gfn_t pte_frame(uint64_t entry)
{
	return gfn((entry & PTE_FRAME_MASK) >> PAGE_SHIFT_BITS);
}

static inline slot_t pte_slot(uint64_t entry)
{
	return slot((uint32_t)(entry >> PAGE_SHIFT_BITS));
}

/* Accessed, as the processor would set it in the next moment; dirty if it is to be written: spares a walk. */
static inline uint64_t pte_resident(gfn_t frame, bool dirty)
{
	return frame.v << PAGE_SHIFT_BITS | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED |
	       (dirty ? PTE_DIRTY : 0);
}

/* Nobody asked for it yet. */
static inline uint64_t pte_ahead(gfn_t frame)
{
	return frame.v << PAGE_SHIFT_BITS | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_AHEAD;
}

/* Is it a block of the data disk? page < pages + file_pages. */
static inline bool pager_is_file(const struct pager *p, uint32_t page)
{
	return page >= p->pages;
}

static inline uint64_t pte_swapped(slot_t at)
{
	return (uint64_t)at.v << PAGE_SHIFT_BITS | PTE_SWAPPED;
}

/* The page in frame has no slot any more, if it had one. */
static inline void give_kept_slot(struct pager *p, gfn_t frame)
{
	uint32_t *kept = &p->frames->info[frame.v].slot;

	if (!*kept)
		return;
	slots_give(&p->slots, slot(*kept - 1));
	*kept = 0;
	p->kept--;
}

/* reclaim.c: an entry changed, and the processor may know the old one. Before anything relies on it: flush. */
void pager_stale_note(struct pager *p, uint32_t page);
void pager_stale_flush(struct pager *p);

/* files.c */

/* As pager_fault(), of a block that is not cached. */
int pager_file_fault(struct pager *p, uint32_t page, bool write, uint64_t now_ns);
/* The block's page, which is resident, is not any more; its frame is the caller's. */
void pager_file_remove(struct pager *p, uint32_t page);
/* A block's page is resident in frame, dirty or not, and the policy knows. */
void pager_file_insert(struct pager *p, uint32_t page, uint64_t entry, uint64_t now_ns);
/* Frees all of them, without the policy's knowledge. O(file_used). */
void pager_file_forget(struct pager *p);
/* Writes frames[0, nr) to the blocks of page[0, nr), which need no order, in runs. How many could be written: these come
 * first in both arrays, the others behind. nr <= PAGER_CLUSTER. */
uint32_t pager_file_write_out(struct pager *p, uint32_t *page, gfn_t *frame, uint32_t nr);
bool pager_files_consistent(const struct pager *p);

#endif
