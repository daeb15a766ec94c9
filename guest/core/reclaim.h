/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reclaim.h: what pager.c and reclaim.c share: entries taken apart and put together. Inside guest/core/ only.
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

#endif
