/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ahead.c: read-ahead: what of it is kept, and how much is read.
 *
 * What nobody waited for stays in its stage, in the reserve, until it is touched (then it is mapped without I/O) or it
 * is the oldest of too many. A VM's window, the slots that are read together, doubles when more than half of what was
 * read ahead is used, halves when less than a fifth is, and is tried again now and then once it has become 1 (as
 * Linux's swap read-ahead does, in spirit). It is never more than config.ahead_most.
 */
#include "mm/why.h"

#define AHEAD_USUAL 8u
#define AHEAD_JUDGE 32u /* outcomes before the window is judged */
#define AHEAD_RETRY 64u /* demand reads until a window of 1 is tried as 2 */

static uint32_t ahead_most(const struct mm *m)
{
	return m->config.ahead_most ? m->config.ahead_most : AHEAD_USUAL;
}

static void ahead_judge(const struct mm *m, struct mm_vm *v)
{
	uint32_t outcomes = v->ahead_hits + v->ahead_wasted;

	if (outcomes < AHEAD_JUDGE)
		return;
	if (v->ahead_hits * 2 > outcomes)
		v->ahead_window =
			v->ahead_window * 2 < ahead_most(m) ? v->ahead_window * 2 : ahead_most(m);
	else if (v->ahead_hits * 5 < outcomes && v->ahead_window > 1)
		v->ahead_window /= 2;
	v->ahead_hits = v->ahead_wasted = 0;
}

void ahead_drop_oldest(struct mm *m)
{
	struct ahead *a = &m->ahead[m->ahead_first];

	m->ahead_first = (m->ahead_first + 1) % MM_AHEAD_PAGES;
	m->nr_ahead--;
	if (a->vm == MM_VM_NONE)
		return; /* taken before */
	m->vm[a->vm].page[a->gfn].flags &= (uint8_t)~PAGE_AHEAD;
	page_note(m, &m->vm[a->vm], a->gfn, MM_WHY_AHEAD_DROPPED, 0);
	m->vm[a->vm].ahead_wasted++;
	ahead_judge(m, &m->vm[a->vm]);
	stage_drop_put(m, &(stage_t){a->stage}, 1);
	m->read_stages--;
}

void ahead_add(struct mm *m, uint32_t vm, uint32_t g, uint16_t s)
{
	if (m->nr_ahead == MM_AHEAD_PAGES)
		ahead_drop_oldest(m);
	m->ahead[(m->ahead_first + m->nr_ahead) % MM_AHEAD_PAGES] =
		(struct ahead){.vm = vm, .gfn = g, .stage = s};
	m->nr_ahead++;
	page_note(m, &m->vm[vm], g, MM_WHY_AHEAD_KEPT, 0);
}

/* It is not kept any more; the stage is the caller's. False: it is not kept. */
static bool take(struct mm *m, uint32_t vm, uint32_t g, uint16_t *s)
{
	*s = 0;
	for (uint32_t i = 0; i < m->nr_ahead; i++) {
		struct ahead *a = &m->ahead[(m->ahead_first + i) % MM_AHEAD_PAGES];

		if (a->vm == vm && a->gfn == g) {
			*s = a->stage;
			a->vm = MM_VM_NONE;
			return true;
		}
	}
	return false;
}

bool ahead_take(struct mm *m, uint32_t vm, uint32_t g, uint16_t *s)
{
	if (!take(m, vm, g, s))
		return false;
	m->vm[vm].ahead_hits++;
	ahead_judge(m, &m->vm[vm]);
	m->swap.read_ahead_hits++;
	return true;
}

void ahead_forget_vm(struct mm *m, uint32_t vm)
{
	for (uint32_t i = 0; i < m->nr_ahead; i++) {
		struct ahead *a = &m->ahead[(m->ahead_first + i) % MM_AHEAD_PAGES];

		if (a->vm != vm)
			continue;
		a->vm = MM_VM_NONE;
		stage_drop_put(m, &(stage_t){a->stage}, 1);
		m->read_stages--;
	}
}

void ahead_page_forget(struct mm *m, struct mm_vm *v, uint32_t g)
{
	uint16_t s;

	if (v->page[g].state != PAGE_SWAPPED || !(v->page[g].flags & PAGE_AHEAD) ||
	    !take(m, vm_id(m, v), g, &s)) {
		io_disown_page(m, v, g);
		return;
	}
	stage_drop_put(m, &(stage_t){s}, 1);
	m->read_stages--;
}

uint32_t ahead_window(const struct mm *m, struct mm_vm *v)
{
	if (v->ahead_window == 1 && ahead_most(m) > 1 && ++v->ahead_probe >= AHEAD_RETRY) {
		v->ahead_probe = 0;
		return 2;
	}
	return v->ahead_window;
}
