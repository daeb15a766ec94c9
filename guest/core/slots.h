/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots.h: which slots of the guest's swap disk are taken: one bit a slot, in memory the caller gives.
 *
 * Allocation goes on where the last one ended, and in runs, so that pages that leave together lie together. Zeroed
 * memory means "all free": nothing is initialised.
 */
#ifndef BALLAST_GUEST_SLOTS_H
#define BALLAST_GUEST_SLOTS_H

#include "ballast/types.h"

struct slots {
	uint64_t *taken; /* bitmap; borrowed */
	uint32_t nr, free;
	uint32_t next; /* the search begins here; < nr unless nr is 0 */
};

size_t slots_bytes(uint32_t nr);

/* mem: zeroed, 8-aligned, slots_bytes(nr) bytes, borrowed. */
void slots_init(struct slots *s, uint32_t nr, void *mem);

/*
 * Takes a run of up to want >= 1 neighbouring slots, the first free ones at or behind the last run, wrapping round.
 * Returns its length, 0 if none is free; *first is its first slot (0 if none). O(slots / 64).
 */
uint32_t slots_take(struct slots *s, uint32_t want, slot_t *first);

/* which must be taken. O(1). */
void slots_give(struct slots *s, slot_t which);

bool slots_taken(const struct slots *s, slot_t which);

/* Recounts. O(slots / 64). For tests. */
bool slots_consistent(const struct slots *s);

#endif
