/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots.c: bitmap of swap slots, searched next-fit.
 *
 * Next-fit instead of first-fit: swap fills front to back in long writes, and a slot is not reused at once, which keeps
 * the search short while the disk is not nearly full. Bits beyond the last slot of the last word are never looked at.
 */
#include "guest/core/slots.h"

size_t slots_bytes(uint32_t nr)
{
	return ((size_t)nr + 63) / 64 * sizeof(uint64_t);
}

void slots_init(struct slots *s, uint32_t nr, void *mem)
{
	*s = (struct slots){.taken = mem, .nr = nr, .free = nr};
}

bool slots_taken(const struct slots *s, slot_t which)
{
	return s->taken[which.v / 64] >> which.v % 64 & 1;
}

/* The first free slot in [from, to), or to. */
static uint32_t find_free(const struct slots *s, uint32_t from, uint32_t to)
{
	while (from < to) {
		uint64_t vacant = ~s->taken[from / 64] >> from % 64;

		if (vacant) {
			from += (uint32_t)__builtin_ctzll(vacant);
			return from < to ? from : to;
		}
		from = (from / 64 + 1) * 64;
	}
	return to;
}

uint32_t slots_take(struct slots *s, uint32_t want, slot_t *first)
{
	uint32_t at, length = 0;

	*first = slot(0);
	if (!s->free)
		return 0;
	at = find_free(s, s->next, s->nr);
	if (at == s->nr)
		at = find_free(s, 0, s->next);
	*first = slot(at);
	while (length < want && at < s->nr && !slots_taken(s, slot(at))) {
		s->taken[at / 64] |= 1ull << at % 64;
		at++;
		length++;
	}
	s->free -= length;
	s->next = at < s->nr ? at : 0;
	return length;
}

void slots_give(struct slots *s, slot_t which)
{
	s->taken[which.v / 64] &= ~(1ull << which.v % 64);
	s->free++;
}

bool slots_consistent(const struct slots *s)
{
	uint32_t taken = 0;

	for (uint32_t i = 0; i < s->nr; i++)
		taken += slots_taken(s, slot(i));
	return taken + s->free == s->nr && (s->next < s->nr || !s->nr);
}
