/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event_tell.c: which changes become events, and how often.
 *
 * The mechanisms do not announce what they do. Each tick what is now is compared with what was told last, so the parts
 * that decide stay free of reporting and a thousand decisions cost no more than one. A change is told at the first tick
 * that sees it, but each kind at most once a second for a VM (free-memory states: four times a second); what happens in
 * between is in the next one, whose old value is the one that was told: the chain has no gap. So a VM makes seven events a
 * second at the very most, the machine four, whatever happens. VMs that come and go are told each.
 *
 * A *stall* is told by windows of a second: it has begun when faults of the VM waited for a tenth of a window or more,
 * and is over with a window in which they waited for less than a fiftieth. Waiting for less shows in the counters.
 */
#include "mm/page.h"

#define PERIOD_NS       NS_PER_S
#define STATE_PERIOD_NS (NS_PER_S / 4)
#define STALL_BEGIN     10u /* of a window: 1/10 */
#define STALL_END       50u

#define PUT(m, kind, v, ...)                                                          \
	event_put(m, kind, vm_id(m, v), (m)->now_ns, (const uint64_t[]){__VA_ARGS__}, \
		  sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* True: it may be told now, and not again for a period. */
static bool due(const struct mm *m, uint64_t *next_ns, bool all)
{
	if (m->now_ns < *next_ns && !all)
		return false;
	*next_ns = m->now_ns + PERIOD_NS;
	return true;
}

static void tell_state(struct mm *m, bool all)
{
	uint64_t passed[MM_STATES], any = 0;

	for (unsigned i = 0; i < MM_STATES; i++) {
		passed[i] = m->state_entered[i] - m->told.entered[i];
		any += passed[i];
	}
	if (!any || (m->now_ns < m->told.next_ns && !all))
		return;
	m->told.next_ns = m->now_ns + STATE_PERIOD_NS;
	event_put(m, MM_EVENT_STATE, MM_VM_NONE, m->now_ns,
		  (const uint64_t[]){m->told.state, m->state, passed[MM_HIGH], passed[MM_SOFT],
				     passed[MM_HARD], passed[MM_LOW], m->state_free,
				     m->level_pages[MM_HIGH], m->level_pages[MM_SOFT],
				     m->level_pages[MM_HARD], m->level_pages[MM_LOW],
				     m->now_ns - m->state_since_ns},
		  12);
	m->told.state = m->state;
	for (unsigned i = 0; i < MM_STATES; i++)
		m->told.entered[i] = m->state_entered[i];
}

static npages_t configured_sum(const struct mm *m)
{
	npages_t sum = 0;

	for (uint32_t i = 0; i < m->top_vm; i++)
		if (m->vm[i].in_use && !m->vm[i].ended)
			sum += m->vm[i].config.pages;
	return sum;
}

static void tell_target(struct mm *m, struct mm_vm *v, bool all)
{
	struct mm_told *t = &v->told;

	if (v->target == t->target || !due(m, &t->target_next_ns, all))
		return;
	PUT(m, MM_EVENT_TARGET, v, t->target, v->target, v->config.pages, v->config.min_pages,
	    v->config.shares, vm_resident(v), v->sample.gfn ? v->active : 0,
	    v->sample.gfn ? m->config.tax_ppm : 0, configured_sum(m), mm_target_sum(m), m->pool,
	    v->sample.gfn ? m->config.estimator + 1 : 0);
	t->target = v->target;
}

static void tell_driver(struct mm *m, struct mm_vm *v)
{
	struct mm_told *t = &v->told;

	if (v->balloon.driver == t->driver)
		return;
	t->driver = v->balloon.driver;
	if (!t->driver)
		t->absent = false; /* went with it */
	PUT(m, MM_EVENT_BALLOON_DRIVER, v, t->driver);
}

static void tell_asked(struct mm *m, struct mm_vm *v, bool all)
{
	const struct mm_balloon *b = &v->balloon;
	struct mm_told *t = &v->told;

	if (b->target == t->balloon_target || !due(m, &t->asked_next_ns, all))
		return;
	PUT(m, MM_EVENT_BALLOON_ASKED, v, t->balloon_target, b->target, v->config.pages - b->target,
	    v->count[PAGE_BALLOONED], vm_resident(v), v->target, b->missing, b->over_sum, b->spare,
	    m->state, mm_free_pages(m));
	t->balloon_target = b->target;
}

void event_sized(struct mm *m, struct mm_vm *v, const struct target_vm *t,
		 const struct target_request *r)
{
	if (t->new_size == t->size || !due(m, &v->told.sized_next_ns, false))
		return;
	PUT(m, MM_EVENT_BALLOON_SIZED, v, t->size, t->new_size, t->samples,
	    t->samples ? t->size_sum / t->samples : 0, t->samples ? t->free_sum / t->samples : 0,
	    r->samples ? r->host_free_sum / r->samples : 0, t->least, t->most, mm_free_pages(m));
}

static void tell_moved(struct mm *m, struct mm_vm *v, bool all)
{
	const struct mm_balloon *b = &v->balloon;
	struct mm_told *t = &v->told;

	if ((b->inflated == t->inflated && b->deflated == t->deflated) ||
	    !due(m, &t->moved_next_ns, all))
		return;
	PUT(m, MM_EVENT_BALLOON_MOVED, v, b->inflated - t->inflated, b->deflated - t->deflated,
	    v->count[PAGE_BALLOONED], b->target, v->count[PAGE_BALLOONED] == b->target,
	    vm_resident(v), mm_free_pages(m));
	t->inflated = b->inflated;
	t->deflated = b->deflated;
}

static void tell_absent(struct mm *m, struct mm_vm *v)
{
	const struct mm_balloon *b = &v->balloon;
	struct mm_told *t = &v->told;

	if (b->absent && !t->absent) {
		t->absent_ns = m->now_ns;
		PUT(m, MM_EVENT_BALLOON_ABSENT, v, m->now_ns - b->moved_ns,
		    v->count[PAGE_BALLOONED], b->target, b->last);
	} else if (!b->absent && t->absent) {
		PUT(m, MM_EVENT_BALLOON_BACK, v, m->now_ns - t->absent_ns, v->count[PAGE_BALLOONED],
		    b->target);
	}
	t->absent = b->absent;
}

static void tell_paged(struct mm *m, struct mm_vm *v, bool all)
{
	struct mm_told *t = &v->told;
	uint64_t how[MM_PAGING_WAYS], sum = 0;

	for (unsigned i = 0; i < MM_PAGING_WAYS; i++) {
		how[i] = v->paging[i] - t->paging[i];
		sum += how[i];
	}
	if (!sum || !due(m, &t->paged_next_ns, all))
		return;
	PUT(m, MM_EVENT_PAGED_OUT, v, sum, how[MM_PAGING_WRITTEN], how[MM_PAGING_CLEAN],
	    how[MM_PAGING_ZERO], m->state, m->now_ns - m->state_since_ns, vm_resident(v), v->target,
	    mm_free_pages(m), how[MM_PAGING_COMPRESSED], v->cache.frames);
	for (unsigned i = 0; i < MM_PAGING_WAYS; i++)
		t->paging[i] = v->paging[i];
}

static void tell_stall(struct mm *m, struct mm_vm *v, bool all)
{
	struct mm_told *t = &v->told;
	uint64_t window = m->now_ns - t->window_ns;
	uint64_t stalled = v->stalled_ns - t->window_stalled_ns;
	uint64_t held = v->held_ns - t->window_held_ns;

	if (window < PERIOD_NS && !all)
		return;
	if (!t->stalled && stalled && stalled >= window / STALL_BEGIN) {
		t->stalled = true;
		t->stall_ns = t->window_ns;
		t->stall_stalled_ns = t->window_stalled_ns;
		t->stall_held_ns = t->window_held_ns;
		PUT(m, MM_EVENT_STALL_BEGIN, v, stalled, held, window, v->nr_waiting,
		    vm_resident(v), v->target, m->state, mm_free_pages(m));
	} else if (t->stalled && stalled < window / STALL_END) {
		t->stalled = false;
		PUT(m, MM_EVENT_STALL_END, v, v->stalled_ns - t->stall_stalled_ns,
		    v->held_ns - t->stall_held_ns, m->now_ns - t->stall_ns, vm_resident(v),
		    v->target, m->state, mm_free_pages(m));
	}
	t->window_ns = m->now_ns;
	t->window_stalled_ns = v->stalled_ns;
	t->window_held_ns = v->held_ns;
}

static void tell_vm(struct mm *m, struct mm_vm *v, bool all)
{
	tell_target(m, v, all);
	tell_driver(m, v);
	tell_asked(m, v, all);
	tell_moved(m, v, all);
	tell_absent(m, v);
	tell_paged(m, v, all);
	tell_stall(m, v, all);
}

void events_tell(struct mm *m, bool all)
{
	tell_state(m, all);
	for (uint32_t i = 0; i < m->top_vm; i++)
		if (m->vm[i].in_use && !m->vm[i].ended)
			tell_vm(m, &m->vm[i], all);
}

void event_vm_added(struct mm *m, struct mm_vm *v)
{
	v->told = (struct mm_told){.window_ns = m->now_ns};
	PUT(m, MM_EVENT_VM_ADDED, v, v->config.pages, v->config.min_pages, v->config.shares,
	    v->config.group, mm_vm_least_pages(&v->config), mm_target_sum(m), mm_free_pages(m));
}

void event_vm_ended(struct mm *m, struct mm_vm *v)
{
	tell_vm(m, v, true);
	PUT(m, MM_EVENT_VM_ENDED, v, vm_resident(v), v->count[PAGE_SHARED], v->count[PAGE_SWAPPED],
	    v->count[PAGE_BALLOONED], mm_free_pages(m), v->count[PAGE_COMPRESSED]);
}
