/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page.c: the one place where a page changes its state.
 *
 * page_move() keeps what depends on states: the counts a VM, the frames charged, the frames that leaving pages will
 * free, the peak of the budget. A transition that the table does not list is a bug of ours and ends the process.
 */
#include <stdlib.h>

#include "mm/why.h"

#define TO(state) (1u << (state))

static const uint16_t legal_moves[PAGE_STATES] = {
	[PAGE_UNTOUCHED] = TO(PAGE_RESIDENT) | TO(PAGE_BALLOONED),
	[PAGE_RESIDENT] = TO(PAGE_SAMPLED) | TO(PAGE_LEAVING) | TO(PAGE_SWAPPED) |
			  TO(PAGE_UNTOUCHED) | TO(PAGE_BALLOONED) | TO(PAGE_SHARED) |
			  TO(PAGE_COMPRESSED),
	/* touched; chosen and written; chosen and clean or all zeros; chosen and compressed */
	[PAGE_SAMPLED] = TO(PAGE_RESIDENT) | TO(PAGE_LEAVING) | TO(PAGE_SWAPPED) |
			 TO(PAGE_UNTOUCHED) | TO(PAGE_BALLOONED) | TO(PAGE_COMPRESSED),
	/* written; touched; could not be written */
	[PAGE_LEAVING] = TO(PAGE_SWAPPED) | TO(PAGE_RESIDENT) | TO(PAGE_SAMPLED) |
			 TO(PAGE_UNTOUCHED) | TO(PAGE_BALLOONED),
	[PAGE_SWAPPED] =
		TO(PAGE_RESIDENT) | TO(PAGE_ARRIVING) | TO(PAGE_UNTOUCHED) | TO(PAGE_BALLOONED),
	[PAGE_ARRIVING] =
		TO(PAGE_RESIDENT) | TO(PAGE_SWAPPED) | TO(PAGE_UNTOUCHED) | TO(PAGE_BALLOONED),
	/* touched; written out of the cache, or about to be overwritten whole; given up by the guest */
	[PAGE_COMPRESSED] =
		TO(PAGE_RESIDENT) | TO(PAGE_SWAPPED) | TO(PAGE_UNTOUCHED) | TO(PAGE_BALLOONED),
	/* written; given up by the guest */
	[PAGE_SHARED] = TO(PAGE_RESIDENT) | TO(PAGE_UNTOUCHED) | TO(PAGE_BALLOONED),
	/* deflated; popped */
	[PAGE_BALLOONED] = TO(PAGE_UNTOUCHED) | TO(PAGE_RESIDENT),
};

static bool charged(enum page_state s)
{
	return s == PAGE_RESIDENT || s == PAGE_SAMPLED || s == PAGE_LEAVING || s == PAGE_ARRIVING;
}

bool page_move_is_legal(enum page_state from, enum page_state to)
{
	return (legal_moves[from] & TO(to)) != 0;
}

void page_move(struct mm *m, struct mm_vm *v, uint32_t g, enum page_state to)
{
	struct page *p = &v->page[g];
	enum page_state from = (enum page_state)p->state;

	if (!page_move_is_legal(from, to))
		abort();
	if (from == PAGE_RESIDENT || from == PAGE_SAMPLED)
		share_page_left(m, v, g);
	if (to == PAGE_COMPRESSED ||
	    (to == PAGE_SWAPPED && from != PAGE_ARRIVING && from != PAGE_COMPRESSED))
		refault_page_left(v, p);
	else if (to == PAGE_RESIDENT &&
		 (from == PAGE_SWAPPED || from == PAGE_ARRIVING || from == PAGE_COMPRESSED))
		refault_page_back(v, p);
	v->count[from]--;
	v->count[to]++;
	if (charged(from) && !charged(to))
		m->charged--;
	else if (!charged(from) && charged(to))
		m->charged++;
	m->leaving += (to == PAGE_LEAVING) - (npages_t)(from == PAGE_LEAVING);
	m->sampled += (to == PAGE_SAMPLED) - (npages_t)(from == PAGE_SAMPLED);
	p->state = (uint8_t)to;
	if (m->trace)
		page_trace_put(m, v, g, from, m->why, m->why_detail);
	because(m, MM_WHY_NONE, 0); /* it was this move's */
	if (to == PAGE_UNTOUCHED || to == PAGE_BALLOONED)
		double_forget(v, g);
	page_budget(m);
}

void page_budget(struct mm *m)
{
	if (mm_used(m) > m->peak_used)
		m->peak_used = mm_used(m);
	if (mm_used(m) > m->config.memory_pages)
		abort(); /* the budget is never exceeded */
}

void page_brought_in(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	/* from now on it could be written unseen */
	if (sample_by_write(m, p) && p->state == PAGE_RESIDENT && !(p->flags & PAGE_PROTECTED))
		sample_touched(v, p);
	m->config.pager->inserted(v->policy, g, m->now_ns);
	page_guard(v, g);
}

void page_guard(struct mm_vm *v, uint32_t g)
{
	v->guard[v->guard_next] = g;
	v->guard_next = (v->guard_next + 1) % MM_GUARD_PAGES;
}

bool page_guarded(const struct mm_vm *v, uint32_t g)
{
	for (unsigned i = 0; i < MM_GUARD_PAGES; i++)
		if (v->guard[i] == g)
			return true;
	return false;
}

void *mm_zalloc(struct mm *m, uint32_t vm, size_t bytes)
{
	void *p = m->ops->zalloc(m->body, vm, bytes);

	if (p)
		m->metadata_bytes += bytes;
	return p;
}

void mm_free(struct mm *m, uint32_t vm, void *p, size_t bytes)
{
	if (!p)
		return;
	m->metadata_bytes -= bytes;
	m->ops->free(m->body, vm, p, bytes);
}

int do_place(struct mm *m, uint32_t vm, gfn_t g, const void *page, bool pin, uint64_t now_ns)
{
	struct mm_vm *v = &m->vm[vm];
	int result;

	if (!page_exists(v, g.v))
		return -14;
	if (v->page[g.v].state != PAGE_UNTOUCHED)
		return -17;
	if (!mm_free_pages(m))
		return -12;
	mm_enter(m, now_ns);
	result = page ? m->ops->map_bytes(m->body, vm, g, page) : m->ops->map_zero(m->body, vm, g);
	if (!result) {
		if (v->page[g.v].flags & PAGE_WATCHED) /* by nobody's touch, perhaps for good */
			sample_dropped(v, &v->page[g.v]);
		m->call = MM_CALL_PLACE;
		because(m, MM_WHY_PLACED, 0);
		page_move(m, v, (uint32_t)g.v, PAGE_RESIDENT);
		page_brought_in(m, v, (uint32_t)g.v);
		if (pin) {
			v->page[g.v].flags |= PAGE_PINNED;
			v->pinned++;
		}
	}
	mm_leave(m);
	return result;
}
