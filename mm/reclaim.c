/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reclaim.c: the host pager: which VM gives pages up, which pages, and their way out.
 *
 * The VM is the one furthest above its target (as a share of the target), so reclaim drives every VM to its target.
 * The page is named by the replacement policy. Then, cheapest first:
 *   a clean page whose slot still holds its content is simply dropped;
 *   any other is withdrawn to a stage; all zeros: dropped, no slot;
 *   if there is a cache of compressed pages and it compresses, it goes there (clean pages too: compress.c);
 *   else it goes into a cluster, written as one request to neighbouring slots, and its frame is free when that is done.
 *
 * Policies that want samples get a second hand: a victim named is first *sampled* (its mapping withdrawn, its frame
 * kept) and put on probation. A touch brings it back and counts as accessed(); what is still untouched when it is the
 * oldest on probation leaves. That is the two-handed clock of 4.3BSD without reference bits.
 *
 * Not victims: pinned pages, the MM_GUARD_PAGES brought in last, pages whose slot is still being written; without
 * free slots, only clean pages are, and such as may compress. No VM goes below its target, and no target is below the minimum or the floor.
 */
#include "mm/why.h"

#define TRIES_A_PAGE 4u /* victims looked at for each page wanted, before giving up for now */

struct chase { /* one VM's contribution to one call */
	struct mm *m;
	struct mm_vm *v;
	bool clean_only;
	struct mm_io *io;    /* cluster under construction, or NULL */
	uint32_t slots_left; /* reserved behind io's last page */
	uint32_t want;
	uint32_t shared; /* pages that need not be sampled: they gave their frames up */
};

bool mm_reclaim_needed(const struct mm *m)
{
	if ((!m->config.swap_pages && !m->config.compress_ppm) || m->stopping ||
	    (m->state == MM_HIGH && !m->nr_waiting))
		return false;
	return mm_free_pages(m) + m->leaving + m->orphans < m->level_pages[MM_HIGH];
}

static npages_t over_target(const struct mm_vm *v)
{
	npages_t staying = vm_charged(v) - v->count[PAGE_LEAVING];

	return v->in_use && !v->ended && staying > v->target ? staying - v->target : 0;
}

/* The VM furthest above its target as a share of it, of those not in skip; NULL: all are at their targets. */
static struct mm_vm *furthest_above(struct mm *m, const struct mm_vm *after, npages_t *over)
{
	struct mm_vm *best = NULL;

	*over = 0;
	for (uint32_t i = 0; i < m->top_vm; i++) {
		struct mm_vm *v = &m->vm[i];
		npages_t mine = over_target(v);
		bool passed_by = !mine || (m->state == MM_SOFT && balloon_works(m, v));

		if (passed_by && v->in_use &&
		    !v->ended) /* in state soft a balloon that works is enough */
			v->paging[mine ? MM_PAGING_BALLOON_FIRST
				  : v->target == mm_vm_least_pages(&v->config)
					  ? MM_PAGING_AT_FLOOR
					  : MM_PAGING_AT_TARGET]++;
		if (passed_by || v == after)
			continue;
		if (!best ||
		    (unsigned __int128)mine * best->target > (unsigned __int128)*over * v->target) {
			best = v;
			*over = mine;
		}
	}
	return best;
}

static bool may_leave(void *ctx, uint32_t g)
{
	const struct chase *c = ctx;
	const struct page *p = &c->v->page[g];
	enum mm_paging_reason why;

	if (p->flags & PAGE_PINNED)
		why = MM_PAGING_PINNED;
	else if (p->state == PAGE_SAMPLED)
		return !page_on_probation(c->v, g); /* looked at already; else in the sample only */
	else if (p->state != PAGE_RESIDENT ||
		 (p->flags & PAGE_HAS_SLOT && slot_busy(c->m, p->slot)))
		why = MM_PAGING_IN_FLIGHT;
	else if (p->flags & PAGE_WAITING)
		why = MM_PAGING_WAITED_FOR;
	else if (page_guarded(c->v, g))
		why = MM_PAGING_JUST_IN;
	else if (!(p->flags & PAGE_HAS_SLOT) && c->clean_only && !compress_has_room(c->v))
		why = MM_PAGING_SWAP_FULL;
	else
		return true;
	c->v->paging[why]++;
	page_note(c->m, c->v, g, MM_WHY_PASSED_BY, why);
	return false;
}

static bool must_be_written(void *ctx, uint32_t g)
{
	const struct chase *c = ctx;

	return !(c->v->page[g].flags & PAGE_HAS_SLOT);
}

/* What the policy names; a page that is withdrawn for the sample is mapped again, to leave as any other. */
static bool named(struct chase *c, uint32_t *g)
{
	struct victim_filter filter = {.may_leave = may_leave, .dirty = must_be_written, .ctx = c};

	return c->m->config.pager->victim(c->v->policy, &filter, g) &&
	       (c->v->page[*g].state != PAGE_SAMPLED ||
		sample_restore(c->m, c->v, *g, MM_WHY_SAMPLE_NAMED));
}

/* Takes the content of a resident page to a stage of its own. */
static bool withdraw(struct chase *c, uint32_t g)
{
	struct page *p = &c->v->page[g];

	if (!stage_get(c->m, false, &p->stage))
		return false;
	if (c->m->ops->withdraw(c->m->body, vm_id(c->m, c->v), gfn(g), stage(p->stage))) {
		stage_put(c->m, p->stage);
		c->v->body_errors++;
		c->v->paging[MM_PAGING_REFUSED]++;
		c->m->config.pager->accessed(c->v->policy, g, false,
					     c->m->now_ns); /* look elsewhere first */
		return false;
	}
	p->flags &= (uint8_t)~PAGE_PROTECTED;
	return true;
}

/* The next page to leave: resident (policies that see enough) or sampled and untouched. */
static bool next_victim(struct chase *c, uint32_t *g)
{
	struct mm_vm *v = c->v;
	npages_t most = vm_charged(v) / 8 < MM_PROBATION ? vm_charged(v) / 8 : MM_PROBATION;

	if (!c->m->config.pager->wants_samples || (c->clean_only && !compress_has_room(v)))
		return named(c, g);
	while (v->nr_probation < most && c->m->sampled < MM_SAMPLED_LIMIT) {
		if (!named(c, g))
			break;
		if (share_before_swap(c->m, v, *g)) {
			sample_check(c->m, v, *g);
			if (++c->shared >= c->want)
				return false;
			continue;
		}
		if (!withdraw(c, *g)) {
			sample_check(c->m, v, *g);
			return false;
		}
		because(c->m, MM_WHY_PROBATION, (uint32_t)over_target(v));
		page_move(c->m, v, *g, PAGE_SAMPLED);
		probation_begin(v, *g);
	}
	return probation_end(v, g);
}

static void cluster_send(struct chase *c)
{
	struct mm_io *io = c->io;

	if (!io)
		return;
	for (uint32_t i = 0; i < c->slots_left; i++)
		slot_put(c->m, io->slot.v + io->nr + i);
	c->io = NULL;
	if (io->nr)
		c->m->ops->swap_start(c->m->body, io);
	else
		io_put(c->m, io);
}

/* Room for one more page in the cluster, for up to want pages if a new one must be begun. */
static bool cluster_room(struct chase *c, uint32_t want)
{
	uint32_t first;

	if (c->io && c->slots_left)
		return true;
	cluster_send(c);
	if (c->clean_only)
		return false;
	if (c->m->nr_io_idle <= MM_READS_KEPT) {
		c->v->paging[MM_PAGING_DISK_BUSY]++;
		return false;
	}
	c->io = io_get(c->m);
	c->slots_left =
		slot_run_get(c->m, want < MM_CLUSTER_PAGES ? want : MM_CLUSTER_PAGES, &first);
	c->io->slot = slot(first);
	c->io->write = true;
	if (c->slots_left)
		return true;
	io_put(c->m, c->io);
	c->io = NULL;
	c->clean_only = true;
	c->v->paging[MM_PAGING_SWAP_FULL]++;
	return false;
}

static void cluster_add(struct chase *c, uint32_t g)
{
	struct page *p = &c->v->page[g];
	struct mm_io *io = c->io;

	io->stage[io->nr] = stage(p->stage);
	io->page[io->nr].vm = vm_id(c->m, c->v);
	io->page[io->nr].gfn = g;
	p->slot = io->slot.v + io->nr;
	p->flags |= PAGE_HAS_SLOT;
	c->m->owner[p->slot] = (struct slot_owner){(vm_id(c->m, c->v) + 1) | SLOT_BUSY, g};
	io->nr++;
	c->slots_left--;
	double_writes(c->m, c->v, g, stage(p->stage));
	because(c->m, MM_WHY_OUT_WRITE, (uint32_t)over_target(c->v));
	page_move(c->m, c->v, g, PAGE_LEAVING);
}

static void out(struct chase *c, uint32_t g, enum mm_paging_reason how)
{
	c->v->paging[how]++;
	c->m->config.pager->removed(c->v->policy, g, POLICY_EVICTED);
	c->v->paged_out++;
	c->m->reclaimed[c->m->state][MM_BY_PAGER]++;
}

/* A page in its stage that holds zeros only leaves without a slot. */
static bool drop_if_zero(struct chase *c, uint32_t g)
{
	struct page *p = &c->v->page[g];

	if (c->m->config.write_zeros || !c->m->ops->stage_is_zero(c->m->body, stage(p->stage)))
		return false;
	stage_drop_put(c->m, &(stage_t){p->stage}, 1);
	because(c->m, MM_WHY_OUT_ZERO, (uint32_t)over_target(c->v));
	page_move(c->m, c->v, g, PAGE_SWAPPED);
	c->m->swap.zero_drops++;
	c->v->twice.zero_writebacks++;
	double_forget(c->v, g);
	out(c, g, MM_PAGING_ZERO);
	return true;
}

/* A page whose slot holds its content leaves; in_stage: it is withdrawn already. False: it stays. */
static bool drop_clean(struct chase *c, uint32_t g, bool in_stage)
{
	struct page *p = &c->v->page[g];

	if (in_stage) {
		stage_drop_put(c->m, &(stage_t){p->stage}, 1);
	} else if (c->m->ops->discard(c->m->body, vm_id(c->m, c->v), gfn(g), 1)) {
		c->v->paging[MM_PAGING_REFUSED]++;
		return false;
	}
	p->flags &= (uint8_t)~PAGE_PROTECTED;
	because(c->m, MM_WHY_OUT_CLEAN, (uint32_t)over_target(c->v));
	page_move(c->m, c->v, g, PAGE_SWAPPED);
	c->m->swap.clean_drops++;
	out(c, g, MM_PAGING_CLEAN);
	return true;
}

/* There is no room for the page. Where only compressing could help, others have their turn first: it is mapped again
 * (or stays sampled, if that is refused). Else the disk is busy: a sampled page is back on probation. */
static void stays(struct chase *c, uint32_t g, bool in_stage)
{
	struct mm_vm *v = c->v;

	if (c->clean_only && v->cache.frame) {
		c->m->config.pager->removed(v->policy, g, POLICY_GONE);
		c->m->config.pager->inserted(v->policy, g, c->m->now_ns);
	} else if (v->page[g].state == PAGE_SAMPLED) {
		probation_begin(v, g);
		return;
	}
	if (!in_stage)
		return;
	because(c->m, MM_WHY_COMPRESS_IN_VAIN, 0);
	if (v->page[g].state != PAGE_SAMPLED)
		page_move(c->m, v, g, PAGE_SAMPLED);
	sample_restore(c->m, v, g, MM_WHY_COMPRESS_IN_VAIN);
}

/* Sends one victim on its way; false: it stays. */
static bool page_out(struct chase *c, uint32_t g, uint32_t want)
{
	struct page *p = &c->v->page[g];
	bool sampled = p->state == PAGE_SAMPLED, clean = p->flags & PAGE_HAS_SLOT;
	bool compress;

	if (!clean && (sampled ? drop_if_zero(c, g) : share_before_swap(c->m, c->v, g)))
		return true;
	compress = compress_wanted(c->v);
	if (clean && !compress)
		return drop_clean(c, g, sampled);
	if (!compress && !cluster_room(c, want)) {
		stays(c, g, sampled);
		return false;
	}
	if (!sampled && !withdraw(c, g))
		return false;
	if (!sampled && !clean && drop_if_zero(c, g))
		return true;
	because(c->m, MM_WHY_OUT_COMPRESS, (uint32_t)over_target(c->v));
	if (compress && compress_page(c->m, c->v, g)) {
		out(c, g, MM_PAGING_COMPRESSED);
		return true;
	}
	if (clean)
		return drop_clean(c, g, true);
	if (compress && !cluster_room(c, want)) {
		stays(c, g, true);
		return false;
	}
	cluster_add(c, g);
	out(c, g, MM_PAGING_WRITTEN);
	return true;
}

static uint32_t reclaim_vm(struct mm *m, struct mm_vm *v, uint32_t want)
{
	struct chase c = {.m = m,
			  .v = v,
			  .want = want,
			  .clean_only = !m->config.swap_pages ||
					(m->swap_full && m->slots_used >= m->config.swap_pages)};
	uint32_t got = 0, started = compress_trim(m, v), g;

	if (c.clean_only &&
	    m->config
		    .swap_pages) { /* one more try: slots of clean pages may be taken back by now */
		uint32_t first, n = slot_run_get(m, 1, &first);

		if (n)
			slot_put(m, first);
		c.clean_only = n == 0;
	}
	for (uint32_t tries = 0; got + c.shared < want && tries < want * TRIES_A_PAGE; tries++) {
		if (!next_victim(&c, &g))
			break;
		got += page_out(&c, g, want - got);
		sample_check(m, v, g); /* it may stay, mapped */
		if (m->nr_io_idle <= MM_READS_KEPT && !c.io && !compress_has_room(v))
			break;
	}
	cluster_send(&c);
	if (c.clean_only && m->config.swap_pages && got < want)
		v->out_of_swap++;
	return got + c.shared + started;
}

uint32_t do_reclaim(struct mm *m, uint32_t max_pages, uint64_t now_ns)
{
	const struct mm_vm *tried = NULL;
	uint32_t done = 0;

	mm_enter(m, now_ns);
	m->call = MM_CALL_RECLAIM;
	while (done < max_pages && mm_reclaim_needed(m)) {
		npages_t over,
			need = m->level_pages[MM_HIGH] - mm_free_pages(m) - m->leaving - m->orphans;
		struct mm_vm *v = furthest_above(m, tried, &over);
		uint32_t want = max_pages - done, got;

		if (!v)
			break;
		want = over < want ? (uint32_t)over : want;
		want = need < want ? (uint32_t)need : want;
		got = reclaim_vm(m, v, want);
		done += got;
		if (!got && tried)
			break; /* two VMs could not: try later */
		if (!got)
			tried = v;
	}
	fault_serve_waiting(m);
	mm_leave(m);
	return done;
}
