/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * why.h: for who changes a page's state: saying why, for the histories of traced pages (trace.h). Inside mm/ only.
 */
#ifndef BALLAST_MM_WHY_H
#define BALLAST_MM_WHY_H

#include "mm/page.h"

/* Right before page_move(), which takes it. detail: the number that belongs to the cause, or 0. */
static inline void because(struct mm *m, enum mm_why why, uint32_t detail)
{
	m->why = why;
	m->why_detail = detail;
}

/* trace.c. The page's last change, or a note on it, is an event if it is traced. */
void page_trace_put(struct mm *m, const struct mm_vm *v, uint32_t g, enum page_state from,
		    enum mm_why why, uint32_t detail);
void page_trace_free(struct mm *m);

/* Something that concerns the page and does not change its state. */
static inline void page_note(struct mm *m, const struct mm_vm *v, uint32_t g, enum mm_why why,
			     uint32_t detail)
{
	if (m->trace)
		page_trace_put(m, v, g, (enum page_state)v->page[g].state, why, detail);
}

#endif
