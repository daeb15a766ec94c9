/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stage.c: which stages are in use. A bitmap with a hand, so that stages taken one after another are neighbours and
 * can be emptied by one call. The first MM_READ_STAGES are only read into, the others only withdrawn to: a body may
 * need different memory for the two (userfaultfd moves pages into registered, empty memory; reads need any other).
 */
#include "mm/page.h"

bool stage_get(struct mm *m, bool to_read, uint16_t *out)
{
	const uint32_t base = to_read ? 0 : MM_READ_STAGES / 64;
	const uint32_t words = (to_read ? MM_READ_STAGES : MM_STAGES) / 64 - base;
	uint32_t *hand = &m->stage_hand[to_read];

	for (uint32_t i = 0; i <= words; i++) {
		uint32_t w = base + (*hand / 64 + i) % words;
		uint64_t free_bits = ~m->stage_map[w];

		if (i == 0) /* behind the hand comes last */
			free_bits &= ~0ull << (*hand % 64);
		if (!free_bits)
			continue;
		uint32_t bit = (uint32_t)__builtin_ctzll(free_bits);
		m->stage_map[w] |= 1ull << bit;
		*hand = (w - base) * 64 + bit + 1;
		m->stages_used++;
		*out = (uint16_t)(w * 64 + bit);
		return true;
	}
	*out = 0;
	return false;
}

void stage_put(struct mm *m, uint16_t s)
{
	m->stage_map[s / 64] &= ~(1ull << (s % 64));
	m->stages_used--;
}

void stage_drop_put(struct mm *m, const stage_t *s, uint32_t nr)
{
	uint32_t i = 0;

	while (i < nr) {
		uint32_t run = 1;

		while (i + run < nr && s[i + run].v == s[i].v + run)
			run++;
		m->ops->stage_drop(m->body, s[i], run);
		for (uint32_t k = 0; k < run; k++)
			stage_put(m, (uint16_t)s[i + k].v);
		i += run;
	}
}
