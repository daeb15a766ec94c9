/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probation.c: pages that the pager chose and sampled, in the order of their choice. Who is touched comes back and leaves a
 * stale entry; who is still untouched when it is the oldest leaves memory (reclaim.c).
 */
#include "mm/page.h"

static bool is_true(const struct mm_vm *v, const struct probation *e)
{
	return v->page[e->gfn].state == PAGE_SAMPLED && v->page[e->gfn].stage == e->stage;
}

void probation_begin(struct mm_vm *v, uint32_t g)
{
	v->probation[(v->probation_first + v->nr_probation) % MM_PROBATION] =
		(struct probation){.gfn = g, .stage = v->page[g].stage};
	v->nr_probation++;
}

bool probation_end(struct mm_vm *v, uint32_t *g)
{
	while (v->nr_probation) {
		const struct probation *e = &v->probation[v->probation_first];

		*g = e->gfn;
		v->probation_first = (v->probation_first + 1) % MM_PROBATION;
		v->nr_probation--;
		if (is_true(v, e))
			return true;
	}
	return false;
}

bool page_on_probation(const struct mm_vm *v, uint32_t g)
{
	for (uint32_t i = 0; i < v->nr_probation; i++) {
		const struct probation *e = &v->probation[(v->probation_first + i) % MM_PROBATION];

		if (e->gfn == g && is_true(v, e))
			return true;
	}
	return false;
}
