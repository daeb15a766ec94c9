/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slot.c: swap slots: who owns each, and runs of free ones for clusters.
 *
 * Allocation is next-fit over a bitmap: pages that leave together get neighbouring slots, which is what clustering
 * and read-in of what left together rest on. When nothing is free, slots of clean resident pages are taken back (their
 * content is in memory); the page stays write-protected, which costs it one needless fault and nothing else. Slots of
 * compressed pages, too.
 */
#include "mm/why.h"

#define TAKE_BACK_SCAN 65536u /* owners looked at for one wish */

bool slot_busy(const struct mm *m, uint32_t slot)
{
	return (m->owner[slot].vm & SLOT_BUSY) != 0;
}

static bool slot_is_free(const struct mm *m, uint32_t slot)
{
	return !(m->slot_map[slot / 64] & 1ull << (slot % 64));
}

void slot_put(struct mm *m, uint32_t slot)
{
	m->owner[slot] = (struct slot_owner){0};
	m->slot_map[slot / 64] &= ~(1ull << (slot % 64));
	m->slots_used--;
	m->swap_full = false;
}

void slot_release(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	p->flags &= (uint8_t)~PAGE_HAS_SLOT;
	if (slot_busy(m, p->slot))
		m->owner[p->slot].vm = SLOT_BUSY | SLOT_DROPPED;
	else
		slot_put(m, p->slot);
	p->slot = 0;
}

void slot_written(struct mm *m, uint32_t slot, bool ok)
{
	struct slot_owner *o = &m->owner[slot];

	o->vm &= ~SLOT_BUSY;
	if (ok) {
		if (o->vm == SLOT_DROPPED)
			slot_put(m, slot);
		return;
	}
	*o = (struct slot_owner){.vm = SLOT_BAD};
	m->slots_bad++;
}

/* Next slot at or after from that is free, or capacity. */
static uint32_t next_free(const struct mm *m, uint32_t from)
{
	uint32_t capacity = (uint32_t)m->config.swap_pages;

	while (from < capacity) {
		uint64_t free_bits = ~m->slot_map[from / 64] & ~0ull << (from % 64);

		if (free_bits) {
			from = from / 64 * 64 + (uint32_t)__builtin_ctzll(free_bits);
			return from < capacity ? from : capacity;
		}
		from = from / 64 * 64 + 64;
	}
	return capacity;
}

/* Slots of clean resident pages, up to want, are freed. */
static void take_back(struct mm *m, uint32_t want)
{
	uint32_t capacity = (uint32_t)m->config.swap_pages;
	uint32_t scan = capacity < TAKE_BACK_SCAN ? capacity : TAKE_BACK_SCAN;

	for (uint32_t i = 0; i < scan && want; i++) {
		uint32_t slot = m->take_back_hand;
		struct slot_owner o = m->owner[slot];

		m->take_back_hand = slot + 1 < capacity ? slot + 1 : 0;
		if (o.vm == 0 || o.vm >= SLOT_DROPPED) /* free, dropped, bad or busy */
			continue;
		struct mm_vm *v = &m->vm[o.vm - 1];
		struct page *p = &v->page[o.gfn];

		if (p->state == PAGE_RESIDENT) {
			slot_release(m, v, o.gfn);
		} else if (p->state == PAGE_COMPRESSED) {
			compress_part(v, p->slot)->slot = CACHE_NONE;
			slot_put(m, slot);
		} else {
			continue;
		}
		page_note(m, v, o.gfn, MM_WHY_SLOT_TAKEN_BACK, 0);
		m->swap.slots_taken_back++;
		want--;
	}
}

uint32_t slot_run_get(struct mm *m, uint32_t want, uint32_t *first)
{
	uint32_t capacity = (uint32_t)m->config.swap_pages, got = 0;

	*first = 0;
	if (m->slots_used >= capacity)
		take_back(m, want);
	if (m->slots_used >= capacity) {
		m->swap_full = true;
		return 0;
	}
	uint32_t slot = next_free(m, m->slot_hand);
	if (slot == capacity)
		slot = next_free(m, 0);
	*first = slot;
	while (got < want && slot < capacity && slot_is_free(m, slot)) {
		m->slot_map[slot / 64] |= 1ull << (slot % 64);
		m->slots_used++;
		slot++;
		got++;
	}
	m->slot_hand = slot < capacity ? slot : 0;
	return got;
}
