/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * consistent.c: recomputes from the page records everything that the manager caches, and compares.
 */
#include "mm/page.h"

struct tally {
	npages_t count[PAGE_STATES];
	npages_t zero, slots, pinned, waiting, ahead, watched;
};

static bool fail(const char **why, const char *what)
{
	*why = what;
	return false;
}

static bool stage_in_use(const struct mm *m, uint16_t s)
{
	return (m->stage_map[s / 64] & 1ull << (s % 64)) != 0;
}

static bool page_is_sound(const struct mm *m, const struct mm_vm *v, uint32_t g, const char **why)
{
	const struct page *p = &v->page[g];
	bool has_slot = p->flags & PAGE_HAS_SLOT;

	if (has_slot) {
		const struct slot_owner *o = &m->owner[p->slot];

		if ((o->vm & ~SLOT_BUSY) != vm_id(m, v) + 1 || o->gfn != g)
			return fail(why, "a page's slot belongs to another");
		if (p->state == PAGE_UNTOUCHED || p->state == PAGE_COMPRESSED)
			return fail(why, "an untouched or compressed page has a slot");
		if (slot_busy(m, p->slot) != (p->state == PAGE_LEAVING) &&
		    p->state != PAGE_RESIDENT)
			return fail(why, "a slot is busy without a write, or the other way round");
		if (p->state == PAGE_RESIDENT && !(p->flags & PAGE_PROTECTED))
			return fail(why, "a page with a slot can be written unseen");
	}
	if ((p->state == PAGE_LEAVING || p->state == PAGE_ARRIVING) && !has_slot)
		return fail(why, "a page is on its way without a slot");
	if ((p->state == PAGE_SAMPLED || p->state == PAGE_LEAVING) && !stage_in_use(m, p->stage))
		return fail(why, "a page's stage is not in use");
	if (p->flags & PAGE_PROTECTED && p->state != PAGE_RESIDENT && p->state != PAGE_SHARED)
		return fail(why, "an absent page is protected");
	if (p->flags & PAGE_WATCHED && (p->state == PAGE_BALLOONED || p->flags & PAGE_PINNED))
		return fail(why, "a page is watched that is no part of the sample");
	if (sample_by_write(m, p) && p->state == PAGE_RESIDENT && !(p->flags & PAGE_PROTECTED))
		return fail(why, "a page that is watched for writes can be written unseen");
	if (sample_is_blind(m, p))
		return fail(why, "a page that is watched for touches can be touched unseen");
	return true;
}

/* All watched pages were drawn, and those not watched were touched or ballooned. */
static bool sample_is_sound(const struct mm_vm *v, npages_t watched, const char **why)
{
	const struct mm_sample *s = &v->sample;
	npages_t listed = 0;

	for (uint32_t i = 0; i < s->nr && s->running; i++)
		listed += (v->page[s->gfn[i]].flags & PAGE_WATCHED) != 0;
	if (watched != listed || (s->running && watched != s->drawn - s->touched))
		return fail(why, "watched pages and the sample disagree");
	return true;
}

static bool said_is_sound(const struct mm_vm *v, const char **why)
{
	const struct mm_said *s = &v->said;
	bool sound = s->nr <= MM_SAID_SAMPLES && s->next < MM_SAID_SAMPLES;

	for (uint32_t i = 0; i < s->nr && sound; i++)
		sound = s->sample[i].free <= s->sample[i].size &&
			s->sample[i].size <= v->config.pages;
	return sound ? true : fail(why, "what a guest said is more than it has");
}

static bool vm_is_sound(const struct mm *m, const struct mm_vm *v, struct tally *t,
			const char **why)
{
	npages_t sum = 0;

	if (v->ended != !v->page || (v->ended && v->nr_gfns))
		return fail(why, "page records of an ended VM, or none of another");
	if (v->ended)
		t->count[PAGE_UNTOUCHED] = v->config.pages;
	for (uint32_t g = 0; g < v->nr_gfns; g++) {
		const struct page *p = &v->page[g];

		if (!page_exists(v, g)) {
			if (p->state != PAGE_UNTOUCHED || p->flags)
				return fail(why, "a page in the hole");
			continue;
		}
		if (!page_is_sound(m, v, g, why))
			return false;
		t->count[p->state]++;
		t->slots += (p->flags & PAGE_HAS_SLOT) != 0;
		t->zero += p->state == PAGE_SHARED && p->flags & PAGE_ZERO;
		t->pinned += (p->flags & PAGE_PINNED) != 0;
		t->watched += (p->flags & PAGE_WATCHED) != 0;
		t->waiting += (p->flags & PAGE_WAITING) != 0;
		t->ahead += (p->flags & PAGE_AHEAD) != 0 && p->state == PAGE_SWAPPED;
	}
	for (unsigned s = 0; s < PAGE_STATES; s++) {
		sum += t->count[s];
		if (t->count[s] != v->count[s])
			return fail(why, "a state's count is wrong");
	}
	if (sum != v->config.pages)
		return fail(why, "the states do not sum to configured");
	if (t->pinned != v->pinned || t->waiting != v->nr_waiting)
		return fail(why, "pinned or waiting count is wrong");
	for (uint32_t i = 0; i < v->nr_waiting; i++)
		if (!(v->page[v->waiting[(v->waiting_first + i) % MM_WAITING]].flags &
		      PAGE_WAITING))
			return fail(why, "a page in the waiting queue is not marked");
	if (!said_is_sound(v, why) || !sample_is_sound(v, t->watched, why) ||
	    !compress_is_sound(m, v, &t->slots, why))
		return false;
	if (v->policy && m->config.pager->consistent && !m->config.pager->consistent(v->policy))
		return fail(why, "the replacement policy is inconsistent");
	return true;
}

static bool slots_are_sound(const struct mm *m, npages_t owned, const char **why)
{
	npages_t used = 0, bad = 0, dropped = 0;

	for (uint32_t s = 0; s < m->config.swap_pages; s++) {
		bool marked = (m->slot_map[s / 64] & 1ull << (s % 64)) != 0;
		uint32_t vm = m->owner[s].vm & ~SLOT_BUSY;

		used += marked;
		if (marked != (m->owner[s].vm != 0))
			return fail(why, "a slot is used by nobody or free and owned");
		bad += vm == SLOT_BAD;
		dropped += vm == SLOT_DROPPED;
	}
	if (used != m->slots_used || bad != m->slots_bad)
		return fail(why, "the count of used slots is wrong");
	if (used != owned + bad + dropped)
		return fail(why, "a slot leaked");
	return true;
}

/* Pages that were touched while the request writes them. */
static uint32_t came_back(const struct mm *m, const struct mm_io *io)
{
	uint32_t n = 0;

	for (uint32_t i = 0; io->write && !io->cached && i < io->nr; i++) {
		if (io->page[i].vm == IO_CAME_BACK)
			n++;
		if (io->page[i].vm >= m->top_vm)
			continue;
		const struct page *p = &m->vm[io->page[i].vm].page[io->page[i].gfn];
		n += !(p->state == PAGE_LEAVING && p->stage == io->stage[i].v);
	}
	return n;
}

/* Frames of ended VMs: in stages that are still being written. */
static npages_t orphans(const struct mm *m)
{
	npages_t n = 0;

	for (unsigned i = 0; i < MM_IOS; i++)
		for (uint32_t k = 0; m->io[i].write && !m->io[i].cached && k < m->io[i].nr; k++)
			n += m->io[i].page[k].vm == MM_VM_NONE;
	return n;
}

static bool is_ahead(const struct mm *m, uint32_t vm, uint32_t g)
{
	const struct page *p = vm < m->top_vm ? &m->vm[vm].page[g] : NULL;

	return p && p->state == PAGE_SWAPPED && p->flags & PAGE_AHEAD;
}

/* A page marked as read ahead is in a stage kept aside, or in a request, and the other way round. */
static bool ahead_is_sound(const struct mm *m, npages_t marked, const char **why)
{
	for (uint32_t i = 0; i < m->nr_ahead; i++) {
		const struct ahead *a = &m->ahead[(m->ahead_first + i) % MM_AHEAD_PAGES];

		if (a->vm != MM_VM_NONE && !is_ahead(m, a->vm, a->gfn))
			return fail(why, "read-ahead is kept of a page that is not marked");
		marked -= a->vm != MM_VM_NONE;
	}
	for (unsigned i = 0; i < MM_IOS; i++)
		for (uint32_t k = 0; !m->io[i].write && k < m->io[i].nr; k++)
			marked -= is_ahead(m, m->io[i].page[k].vm, m->io[i].page[k].gfn);
	return marked == 0 || fail(why, "a page is marked as read ahead and is not");
}

/* Every stage in use has exactly one user: a sampled page, a request under way, or read-ahead. */
static bool stages_are_sound(const struct mm *m, npages_t sampled, const char **why)
{
	uint32_t used = 0, ahead = 0, io_stages = 0, reading = 0, extra = 0;

	for (uint32_t w = 0; w < MM_STAGES / 64; w++)
		for (uint64_t bits = m->stage_map[w]; bits; bits &= bits - 1)
			used++;
	for (uint32_t i = 0; i < m->nr_ahead; i++)
		ahead += m->ahead[(m->ahead_first + i) % MM_AHEAD_PAGES].vm != MM_VM_NONE;
	for (unsigned i = 0; i < MM_IOS; i++) {
		io_stages += m->io[i].nr;
		reading += m->io[i].write && !m->io[i].cached ? 0 : m->io[i].nr;
		extra += came_back(m, &m->io[i]);
	}
	if (used != m->stages_used || used != sampled + io_stages + ahead)
		return fail(why, "a stage leaked");
	if (m->read_stages != reading + ahead || m->extra_stages != extra)
		return fail(why, "the tickets of the reserve are wrong");
	return true;
}

bool mm_consistent(const struct mm *m, const char **why)
{
	npages_t shared = 0, zero = 0, charged = 0, leaving = 0, sampled = 0, owned = 0,
		 waiting = 0, ahead = 0;

	*why = "";
	for (uint32_t i = 0; i < m->top_vm; i++) {
		const struct mm_vm *v = &m->vm[i];
		struct tally t = {0};

		if (!v->in_use)
			continue;
		if (!vm_is_sound(m, v, &t, why))
			return false;
		charged += vm_charged(v);
		leaving += t.count[PAGE_LEAVING];
		sampled += t.count[PAGE_SAMPLED];
		owned += t.slots;
		waiting += t.waiting;
		shared += t.count[PAGE_SHARED];
		zero += t.zero;
		ahead += t.ahead;
	}
	if (charged != m->charged || leaving != m->leaving || sampled != m->sampled ||
	    waiting != m->nr_waiting || orphans(m) != m->orphans)
		return fail(why, "a machine-wide count is wrong");
	if (m->peak_used > m->config.memory_pages || m->peak_used < mm_used(m))
		return fail(why, "the budget is exceeded");
	if (!ahead_is_sound(m, ahead, why))
		return false;
	return slots_are_sound(m, owned, why) && stages_are_sound(m, sampled, why) &&
	       share_is_sound(m, shared, zero, why);
}
