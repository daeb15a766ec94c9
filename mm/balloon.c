/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon.c: pages the guest gives up, and how many the manager asks for (ESX 2002, section 3).
 *
 * Ballooned pages hold no frame and no slot. What the manager asks for follows from the VM's *allowance*: configured
 * minus balloon target, the most pages the guest can have in use, so the most it can have resident. Under pressure
 * (any state but high) the frames that are missing to *high* are asked of the VMs above their targets, in proportion
 * to how far they are above: allowance = resident - share, never below the target. Pages that it shares are charged to
 * nobody, and the guest may have them beside its allowance. In state high what is free beyond
 * *high* is given back, in proportion to the balloons, a part each second: guests take it into use meanwhile, if they
 * have use for it, and it is not asked for again at once. In any state a VM whose allowance is below its target, because
 * that rose, gets it up to there; what is missing then is asked of the others. So balloons hold what pressure asked
 * for and no more, and an idle machine deflates them.
 *
 * A driver that should move and does not for BALLOON_PATIENCE_NS counts as absent until it moves again: the host
 * pager then treats its VM as one without a balloon. What came of each look at a VM under pressure is counted, by reason.
 * A guest that takes pages back while it should give some is taken to be out of memory until it gives again: that is all
 * that deflation on out-of-memory shows to the host. A policy that says itself how large each guest shall be (said.c)
 * replaces all of the above but the patience: pressure then asks no balloon for anything. A touch of a ballooned page (a *pop*) gets a zero page.
 */
#include "mm/why.h"

#define BALLOON_PATIENCE_NS (2 * NS_PER_S)
#define BALLOON_CAP_PPM     650000u /* of configured; ESX: Mem.CtlMaxPercent */
#define GIVE_BACK_SHARE     4u      /* 1/4 of what is free beyond high, each time */
#define GIVE_BACK_NS        NS_PER_S

bool balloon_works(const struct mm *m, const struct mm_vm *v)
{
	return m->config.balloon && !m->config.policy->sizes && v->balloon.driver &&
	       !v->balloon.absent;
}

static void moved(struct mm *m, struct mm_vm *v)
{
	v->balloon.moved_ns = m->now_ns;
	v->balloon.absent = false;
}

/* What came of a wish for so many ballooned pages. */
static enum mm_balloon_reason outcome(const struct mm_vm *v, npages_t wanted)
{
	const struct mm_balloon *b = &v->balloon;

	if (!b->driver)
		return MM_BALLOON_NO_DRIVER;
	if (b->target < wanted && b->target < ppm_of(v->config.pages, BALLOON_CAP_PPM))
		return MM_BALLOON_ASKED;
	if (v->count[PAGE_BALLOONED] >= b->target)
		return MM_BALLOON_CAP;
	if (b->out_of_memory)
		return MM_BALLOON_OUT_OF_MEMORY;
	return b->absent ? MM_BALLOON_ABSENT : MM_BALLOON_SLOW;
}

static void note(struct mm_vm *v, enum mm_balloon_reason why)
{
	v->balloon.last = why;
	v->balloon.reason[why]++;
}

static void set_target(struct mm *m, struct mm_vm *v, npages_t target)
{
	npages_t cap = ppm_of(v->config.pages, BALLOON_CAP_PPM);

	target = target > cap ? cap : target;
	if (target == v->balloon.target)
		return;
	if (v->balloon.target == v->count[PAGE_BALLOONED])
		v->balloon.moved_ns = m->now_ns; /* it rested: its time starts now */
	v->balloon.target = target;
	m->ops->balloon_target(m->body, vm_id(m, v), target);
}

static npages_t over(const struct mm_vm *v)
{
	npages_t charged = vm_charged(v);

	return v->in_use && !v->ended && charged > v->target ? charged - v->target : 0;
}

static void ask(struct mm *m, npages_t missing)
{
	npages_t sum = 0;

	for (uint32_t i = 0; i < m->top_vm; i++)
		sum += over(&m->vm[i]);
	for (uint32_t i = 0; i < m->top_vm; i++) {
		struct mm_vm *v = &m->vm[i];
		npages_t share =
			sum ? (npages_t)(((unsigned __int128)missing * over(v) + sum - 1) / sum)
			    : 0;
		npages_t allowance = vm_charged(v) > share ? vm_charged(v) - share : 0;
		enum mm_balloon_reason why = MM_BALLOON_AT_TARGET;

		if (!v->in_use || v->ended)
			continue;
		allowance = allowance < v->target ? v->target : allowance;
		if (over(v))
			why = outcome(v, v->config.pages - allowance - v->count[PAGE_SHARED]);
		note(v, why);
		if (why != MM_BALLOON_ASKED)
			continue;
		v->balloon.missing = missing;
		v->balloon.spare = 0;
		v->balloon.over_sum = sum;
		set_target(m, v, v->config.pages - allowance - v->count[PAGE_SHARED]);
	}
}

static void give_back(struct mm *m, npages_t spare)
{
	npages_t sum = 0;

	for (uint32_t i = 0; i < m->top_vm; i++)
		sum += m->vm[i].balloon.target;
	for (uint32_t i = 0; i < m->top_vm && sum; i++) {
		struct mm_vm *v = &m->vm[i];
		npages_t share = (npages_t)((unsigned __int128)spare * v->balloon.target / sum);

		if (!share)
			continue;
		v->balloon.missing = v->balloon.over_sum = 0;
		v->balloon.spare = spare;
		set_target(m, v, share < v->balloon.target ? v->balloon.target - share : 0);
	}
}

/* A target that rose is worth nothing to a VM whose balloon keeps it below: it may have that much, at once. */
static void entitle(struct mm *m)
{
	for (uint32_t i = 0; i < m->top_vm; i++) {
		struct mm_vm *v = &m->vm[i];

		if (!v->in_use || v->ended || v->config.pages - v->balloon.target >= v->target)
			continue;
		v->balloon.missing = v->balloon.over_sum = v->balloon.spare = 0;
		set_target(m, v, v->config.pages - v->target);
	}
}

static void judge(struct mm *m)
{
	for (uint32_t i = 0; i < m->top_vm; i++) {
		struct mm_vm *v = &m->vm[i];

		if (v->balloon.driver && v->count[PAGE_BALLOONED] < v->balloon.target &&
		    m->now_ns - v->balloon.moved_ns > BALLOON_PATIENCE_NS) {
			v->balloon.absences += !v->balloon.absent;
			v->balloon.absent = true;
		}
	}
}

void balloon_aim(struct mm *m)
{
	npages_t free = mm_free_pages(m) + m->leaving + m->orphans, high = m->level_pages[MM_HIGH];

	if (!m->config.balloon || m->stopping)
		return;
	judge(m);
	if (m->config.policy->sizes)
		return;
	entitle(m);
	if (m->state != MM_HIGH && free < high)
		ask(m, high - free);
	else if (m->state == MM_HIGH && free > high &&
		 m->now_ns - m->gave_back_ns >= GIVE_BACK_NS) {
		m->gave_back_ns = m->now_ns;
		give_back(m, (free - high) / GIVE_BACK_SHARE);
	}
}

void balloon_size(struct mm *m, struct mm_vm *v, npages_t pages)
{
	npages_t wanted = v->config.pages - pages;

	if (!v->balloon.driver)
		note(v, MM_BALLOON_NO_DRIVER);
	else if (!v->said.nr)
		note(v, MM_BALLOON_SILENT);
	else if (wanted <= v->count[PAGE_BALLOONED])
		note(v, MM_BALLOON_AT_TARGET);
	else
		note(v, outcome(v, wanted));
	if (v->balloon.driver && wanted != v->count[PAGE_BALLOONED])
		set_target(m, v, wanted);
}

void do_balloon_driver(struct mm *m, uint32_t vm, bool present, uint64_t now_ns)
{
	struct mm_vm *v = &m->vm[vm];

	mm_enter(m, now_ns);
	m->call = MM_CALL_BALLOON;
	for (uint32_t g = 0; !present && v->in_use && g < v->nr_gfns && v->count[PAGE_BALLOONED];
	     g++)
		if (v->page[g].state == PAGE_BALLOONED) {
			because(m, MM_WHY_BALLOON_RESET, 0);
			page_move(m, v, g, PAGE_UNTOUCHED);
		}
	v->balloon.driver = present && v->in_use && !v->ended;
	v->balloon.target = 0;
	v->balloon.out_of_memory = false;
	said_forget(v);
	moved(m, v);
	mm_leave(m);
}

/* Content that is on its way, or ahead of need, or in a stage, is not needed any more. Not for resident pages. False:
 * the body could not, the page is as it was; its frame must not go while it is mapped. */
static bool let_content_go(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	if (p->state == PAGE_SHARED) {
		if ((!(p->flags & PAGE_ZERO) || p->flags & PAGE_PROTECTED) &&
		    m->ops->discard(m->body, vm_id(m, v), gfn(g), 1))
			return false;
		share_let_go(m, v, g);
	} else if (p->state == PAGE_COMPRESSED) {
		compress_let_go(m, v, g);
	} else if (p->state == PAGE_SAMPLED) {
		stage_drop_put(m, &(stage_t){p->stage}, 1);
		m->config.pager->removed(v->policy, g, POLICY_GONE);
	} else {
		ahead_page_forget(m, v, g);
	}
	return true;
}

/* The page, whose content is gone, becomes untouched or ballooned. */
static void let_go(struct mm *m, struct mm_vm *v, uint32_t g, enum page_state to)
{
	struct page *p = &v->page[g];
	bool written = p->state == PAGE_LEAVING, awaited = p->state == PAGE_ARRIVING;

	if (p->flags & PAGE_HAS_SLOT)
		slot_release(m, v, g);
	p->flags &= PAGE_WAITING | PAGE_WATCHED;
	if (to == PAGE_BALLOONED && p->flags & PAGE_WATCHED)
		sample_dropped(v, p);
	because(m, to == PAGE_BALLOONED ? MM_WHY_BALLOONED : MM_WHY_REPORTED, 0);
	page_move(m, v, g, to);
	m->orphans += written; /* its frame is free when the write is done */
	if (awaited) /* by whoever touched it, and is in no queue: it shall touch it again */
		m->ops->wake(m->body, vm_id(m, v), gfn(g));
}

/* Resident pages [first, first + nr) go, by one call into the body. Returns how many went. */
static uint32_t let_run_go(struct mm *m, struct mm_vm *v, uint32_t first, uint32_t nr,
			   enum page_state to)
{
	if (!nr || m->ops->discard(m->body, vm_id(m, v), gfn(first), nr))
		return 0;
	for (uint32_t g = first; g < first + nr; g++) {
		m->config.pager->removed(v->policy, g, POLICY_GONE);
		let_go(m, v, g, to);
	}
	return nr;
}

/*
 * Collects consecutive resident pages, so that a batch from the driver is a few calls into the body and not one a page.
 */
struct run {
	struct mm *m;
	struct mm_vm *v;
	enum page_state to;
	uint32_t first, nr;
	uint64_t gone;
};

static void run_end(struct run *r)
{
	r->gone += let_run_go(r->m, r->v, r->first, r->nr, r->to);
	r->nr = 0;
}

static void run_add(struct run *r, uint32_t g)
{
	struct page *p = &r->v->page[g];

	if (p->state == PAGE_RESIDENT) {
		if (r->nr && r->first + r->nr != g)
			run_end(r);
		if (!r->nr)
			r->first = g;
		r->nr++;
		return;
	}
	if (p->state == PAGE_SWAPPED && r->to == PAGE_BALLOONED)
		r->v->twice.ballooned_from_swapped++;
	else if (p->state == PAGE_SWAPPED)
		r->v->twice.swapped_while_guest_free++;
	if (p->state != PAGE_UNTOUCHED && !let_content_go(r->m, r->v, g)) {
		r->v->body_errors++;
		return;
	}
	let_go(r->m, r->v, g, r->to);
	r->gone++;
}

static bool may_give(const struct mm_vm *v, gfn_t g)
{
	return v->in_use && !v->ended && page_exists(v, g.v) &&
	       v->page[g.v].state != PAGE_BALLOONED && !(v->page[g.v].flags & PAGE_PINNED);
}

uint64_t do_balloon_gave(struct mm *m, uint32_t vm, const gfn_t *pages, uint32_t nr,
			 uint64_t now_ns)
{
	struct mm_vm *v = &m->vm[vm];
	struct run r = {.m = m, .v = v, .to = PAGE_BALLOONED};
	npages_t used = mm_used(m);

	mm_enter(m, now_ns);
	m->call = MM_CALL_BALLOON;
	for (uint32_t i = 0; i < nr; i++) {
		bool twice = r.nr && pages[i].v >= r.first && pages[i].v < r.first + r.nr;

		if (may_give(v, pages[i]) && !twice)
			run_add(&r, (uint32_t)pages[i].v);
		else
			v->balloon.bad++;
	}
	run_end(&r);
	mm_reclaimed(m, MM_BY_BALLOON, used);
	v->balloon.inflated += r.gone;
	if (r.gone) {
		moved(m, v);
		v->balloon.out_of_memory = false;
	}
	fault_serve_waiting(m);
	mm_leave(m);
	return r.gone;
}

uint64_t do_balloon_took(struct mm *m, uint32_t vm, const gfn_t *pages, uint32_t nr,
			 uint64_t now_ns)
{
	struct mm_vm *v = &m->vm[vm];
	uint64_t taken = 0;

	mm_enter(m, now_ns);
	m->call = MM_CALL_BALLOON;
	for (uint32_t i = 0; i < nr; i++) {
		if (!v->in_use || v->ended || !page_exists(v, pages[i].v) ||
		    v->page[pages[i].v].state != PAGE_BALLOONED) {
			v->balloon.bad++;
			continue;
		}
		because(m, MM_WHY_DEFLATED, 0);
		page_move(m, v, (uint32_t)pages[i].v, PAGE_UNTOUCHED);
		taken++;
	}
	v->balloon.deflated += taken;
	v->balloon.out_of_memory |= taken && v->count[PAGE_BALLOONED] < v->balloon.target;
	if (taken)
		moved(m, v);
	mm_leave(m);
	return taken;
}

uint64_t do_pages_reported(struct mm *m, uint32_t vm, gfn_t first, uint64_t nr, uint64_t now_ns)
{
	struct mm_vm *v = &m->vm[vm];
	struct run r = {.m = m, .v = v, .to = PAGE_UNTOUCHED};
	npages_t used = mm_used(m);
	uint64_t accepted = 0;

	mm_enter(m, now_ns);
	m->call = MM_CALL_REPORT;
	for (uint64_t g = first.v; g - first.v < nr && may_give(v, gfn(g)); g++) {
		if (v->page[g].state != PAGE_UNTOUCHED)
			run_add(&r, (uint32_t)g);
		accepted++;
	}
	run_end(&r);
	mm_reclaimed(m, MM_BY_REPORT, used);
	v->reported += r.gone;
	v->balloon.bad += nr - accepted;
	fault_serve_waiting(m);
	mm_leave(m);
	return accepted;
}

void balloon_forget(struct mm *m, struct mm_vm *v)
{
	(void)m;
	said_forget(v);
	v->balloon.driver = false;
	v->balloon.target = 0;
}
