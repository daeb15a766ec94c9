/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault.c: somebody touched a page: look at its record and do what is right.
 *
 * A fault that needs a frame takes a free one, or waits. The last pages of free memory (below *low*) are kept for VMs
 * below their target, so that a VM that grows cannot make those wait that are owed memory. Waiting faults are served,
 * whenever frames come free, to the VM that is furthest below its target (as a share of the target), oldest first
 * within a VM: fairness comes from the targets, not from who faults first.
 *
 * In state low a VM above its target is held: nothing that takes a frame, or keeps one from coming free, is done for it
 * (state.c).
 *
 * What a body refuses (no host memory, say) is undone and waits too; mm_tick() tries again.
 */
#include "mm/why.h"

static bool frame_allowed(const struct mm *m, const struct mm_vm *v)
{
	npages_t free = mm_free_pages(m);

	if (!free)
		return false;
	if (m->stopping)
		return true;
	if (vm_held(m, v))
		return false;
	return free > m->level_pages[MM_LOW] || vm_charged(v) < v->target;
}

static bool may_sacrifice(void *ctx, uint32_t g)
{
	const struct mm_vm *v = ctx;

	return v->page[g].state == PAGE_RESIDENT && !(v->page[g].flags & PAGE_PINNED);
}

/* A VM that is done for pays with a page of its own. */
static bool sacrifice(struct mm *m, struct mm_vm *v)
{
	struct victim_filter filter = {.may_leave = may_sacrifice, .ctx = v};
	uint32_t g;

	if (!m->config.pager->victim(v->policy, &filter, &g))
		return compress_sacrifice(m, v);
	if (m->ops->discard(m->body, vm_id(m, v), gfn(g), 1))
		return false;
	if (v->page[g].flags & PAGE_HAS_SLOT)
		slot_release(m, v, g);
	v->page[g].flags &= PAGE_WAITING | PAGE_WATCHED;
	m->config.pager->removed(v->policy, g, POLICY_GONE);
	because(m, MM_WHY_SACRIFICED, 0);
	page_move(m, v, g, PAGE_UNTOUCHED);
	return true;
}

bool frame_take(struct mm *m, struct mm_vm *v)
{
	return frame_allowed(m, v) || (v->doomed && sacrifice(m, v));
}

void fault_wait(struct mm *m, struct mm_vm *v, uint32_t g)
{
	if (v->page[g].flags & PAGE_WAITING)
		return;
	if (v->nr_waiting == MM_WAITING) {
		m->ops->wake(m->body, vm_id(m, v), gfn(g)); /* it faults again, later */
		return;
	}
	v->page[g].flags |= PAGE_WAITING;
	page_note(m, v, g, MM_WHY_WAITS, 0);
	v->waiting[(v->waiting_first + v->nr_waiting) % MM_WAITING] = g;
	v->nr_waiting++;
	m->nr_waiting++;
}

/* The result of a body call: true if it worked. */
static bool done(struct mm_vm *v, int result)
{
	if (result)
		v->body_errors++;
	return result == 0;
}

static bool serve_zero(struct mm *m, struct mm_vm *v, uint32_t g)
{
	enum page_state from = (enum page_state)v->page[g].state;

	if (!frame_take(m, v) || !done(v, m->ops->map_zero(m->body, vm_id(m, v), gfn(g))))
		return false;
	because(m,
		from == PAGE_BALLOONED ? MM_WHY_POPPED
		: from == PAGE_SWAPPED ? MM_WHY_ZERO_IN
				       : MM_WHY_FIRST_TOUCH,
		0);
	page_move(m, v, g, PAGE_RESIDENT);
	page_brought_in(m, v, g);
	v->faults_zero++;
	return true;
}

static bool serve_read_ahead(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];
	uint16_t s;

	if (!frame_take(m, v))
		return false;
	if (!ahead_take(m, vm_id(m, v), g,
			&s)) { /* its read is under way: now somebody waits for it */
		because(m, MM_WHY_READ_AWAITED, 0);
		page_move(m, v, g, PAGE_ARRIVING);
		return true;
	}
	p->flags &= (uint8_t)~PAGE_AHEAD;
	bool ok = done(v, m->ops->map_stage(m->body, vm_id(m, v), gfn(g), stage(s), true));
	stage_drop_put(m, &(stage_t){s}, 1);
	m->read_stages--;
	if (!ok)
		return false;
	p->flags |= PAGE_PROTECTED;
	because(m, MM_WHY_AHEAD_USED, 0);
	page_move(m, v, g, PAGE_RESIDENT);
	page_brought_in(m, v, g);
	v->faults_swap_in++;
	return true;
}

/* Touched while it is being written: a copy of the stage is mapped, which is clean once the write is done. */
static bool serve_leaving(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	if (vm_held(m, v) || m->extra_stages == MM_EXTRA_STAGES ||
	    !done(v, m->ops->map_stage(m->body, vm_id(m, v), gfn(g), stage(p->stage), true)))
		return false;
	m->extra_stages++;
	p->flags |= PAGE_PROTECTED;
	because(m, MM_WHY_CAUGHT_LEAVING, 0);
	page_move(m, v, g, PAGE_RESIDENT);
	page_brought_in(m, v, g);
	v->faults_swap_in++;
	return true;
}

static bool serve_sampled(struct mm *m, struct mm_vm *v, uint32_t g)
{
	if (!sample_restore(m, v, g, MM_WHY_CAUGHT_WITHDRAWN))
		return false;
	m->config.pager->accessed(v->policy, g, false, m->now_ns);
	page_guard(v, g);
	v->faults_sampled++;
	return true;
}

/* True: served, or nothing to do, or on its way. False: it must wait. */
static bool serve(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	switch ((enum page_state)p->state) {
	case PAGE_UNTOUCHED:
		return serve_zero(m, v, g);
	case PAGE_SHARED:
		return share_fault(m, v, g, p->flags & PAGE_WAITING); /* only writes wait */
	case PAGE_BALLOONED:
		if (!serve_zero(m, v, g))
			return false;
		v->faults_pop++;
		return true;
	case PAGE_SWAPPED:
		if (!(p->flags & PAGE_HAS_SLOT))
			return serve_zero(m, v, g);
		if (p->flags & PAGE_AHEAD)
			return serve_read_ahead(m, v, g);
		return io_read_start(m, v, g);
	case PAGE_COMPRESSED:
		if (compress_fault(m, v, g))
			return true;
		/* a VM that is done for may have paid with this very page */
		return p->state == PAGE_UNTOUCHED && serve_zero(m, v, g);
	case PAGE_SAMPLED:
		return serve_sampled(m, v, g);
	case PAGE_LEAVING:
		return serve_leaving(m, v, g);
	case PAGE_ARRIVING:
		return true;
	case PAGE_RESIDENT:
	default:
		v->faults_stale++;
		m->ops->wake(m->body, vm_id(m, v), gfn(g));
		return true;
	}
}

/* The VM with waiting faults that is furthest below its target, or NULL. */
static struct mm_vm *neediest(struct mm *m)
{
	struct mm_vm *best = NULL;

	for (uint32_t i = 0; i < m->top_vm; i++) {
		struct mm_vm *v = &m->vm[i];

		if (!v->nr_waiting)
			continue;
		if (m->stopping)
			return v; /* one after the other, so that each gets all it needs to leave */
		if (!best) {
			best = v;
			continue;
		}
		if (v->doomed != best->doomed) {
			best = v->doomed ? v : best;
			continue;
		}
		/* (target - charged) / target of v against best's, by cross-multiplication */
		__int128 mine =
			(__int128)((int64_t)v->target - (int64_t)vm_charged(v)) * best->target;
		__int128 its =
			(__int128)((int64_t)best->target - (int64_t)vm_charged(best)) * v->target;
		if (mine > its)
			best = v;
	}
	return best;
}

void fault_serve_waiting(struct mm *m)
{
	enum mm_call call = m->call;
	struct mm_vm *v;

	m->call = MM_CALL_WAITING;
	while (m->nr_waiting && (v = neediest(m)) != NULL) {
		uint32_t g = v->waiting[v->waiting_first];

		if (!serve(m, v, g))
			break; /* whoever has the strongest claim goes first, even if another could go now */
		v->page[g].flags &= (uint8_t)~PAGE_WAITING;
		v->waiting_first = (v->waiting_first + 1) % MM_WAITING;
		v->nr_waiting--;
		m->nr_waiting--;
	}
	m->call = call;
}

/* First write to a protected page: its slot, if it still has one, is no longer true. */
static void write_protected(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	if (m->ops->unprotect(m->body, vm_id(m, v), gfn(g))) {
		v->body_errors++; /* the page is as before and the writer asks again */
		m->ops->wake(m->body, vm_id(m, v), gfn(g));
		return;
	}
	if (!(p->flags & PAGE_PROTECTED)) { /* let go already, or a withdrawal failed half-way */
		v->faults_stale++;
		return;
	}
	if (p->flags & PAGE_HAS_SLOT)
		slot_release(m, v, g);
	p->flags &= (uint8_t)~PAGE_PROTECTED;
	page_note(m, v, g, MM_WHY_FIRST_WRITE, 0);
	m->config.pager->accessed(v->policy, g, true, m->now_ns);
	v->faults_wp++;
}

void do_fault(struct mm *m, uint32_t vm, gfn_t g, enum mm_fault_kind kind, uint64_t now_ns)
{
	struct mm_vm *v = vm < m->config.max_vms ? &m->vm[vm] : NULL;

	mm_enter(m, now_ns);
	m->call = kind == MM_FAULT_MISSING ? MM_CALL_FAULT : MM_CALL_WRITE_FAULT;
	if (!v || !v->in_use || v->ended || !page_exists(v, g.v)) {
		m->ops->wake(m->body, vm, g);
		return;
	}
	uint32_t n = (uint32_t)g.v;
	struct page *p = &v->page[n];

	if (p->flags & PAGE_WATCHED && (kind == MM_FAULT_WRITE_PROTECTED || !sample_by_write(m, p)))
		sample_touched(v, p);
	if (kind == MM_FAULT_WRITE_PROTECTED && p->state == PAGE_RESIDENT) {
		write_protected(m, v, n);
	} else {
		bool breaks = kind == MM_FAULT_WRITE_PROTECTED && p->state == PAGE_SHARED;
		bool needs_frame = breaks || p->state == PAGE_UNTOUCHED ||
				   p->state == PAGE_SWAPPED || p->state == PAGE_BALLOONED ||
				   p->state == PAGE_COMPRESSED;

		if ((needs_frame && m->nr_waiting) ||
		    !(breaks ? share_break(m, v, n) : serve(m, v, n))) {
			fault_wait(m, v, n);
			fault_serve_waiting(m);
		}
	}
	mm_leave(m);
}
