/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share.c: content-hash page sharing, between the table (dedup/) and the page records.
 *
 * How pages come to share: share_scan.c. A shared page is charged to nobody; its frame is in the pool, which is part of
 * the budget. Nobody is above its target for it and no pager can take it, so the pool grows only as long as the least
 * that each VM may count on fits beside it. Else VMs that write to what they shared could all be at their targets or
 * below, no frame free, and their faults waiting for ever.
 *
 * A write to a shared page is announced (it is write-protected): the page takes a frame from the budget first, and
 * waits if there is none; the body then gives it its own copy, at once, so that the pool frame can go when nobody maps
 * it any more. What a broken page holds never comes from the pool again: it leaves memory as any other page.
 *
 * A frame that only one page is left on saves nothing, is charged to nobody and cannot be paged out. So while memory is
 * short the scanner gives such frames to their pages' VMs (share_charge_lone), and who should give memory up gives them.
 */
#include "mm/why.h"

_Static_assert(DEDUP_REASONS == MM_SHARE_REASONS, "a count for each reason");

static const uint32_t most_ranges_a_vm =
	2; /* its own, and one of an ended VM whose frames live on */

int share_init(struct mm *m)
{
	struct dedup_config table = {.capacity_pages = m->config.share_capacity_pages,
				     .memory_pages = m->config.memory_pages,
				     .max_ranges = m->config.max_vms * most_ranges_a_vm,
				     .hash_bits = m->config.share_hash_bits};
	struct dedup_scan_config scan = m->config.scan;

	if (!table.capacity_pages)
		return 0;
	m->dedup = mm_zalloc(m, MM_VM_NONE, dedup_bytes(&table));
	m->scan = mm_zalloc(m, MM_VM_NONE, dedup_scan_bytes(m->config.max_vms));
	if (!m->dedup || !m->scan)
		return -12;
	scan.max_vms = m->config.max_vms;
	scan.block_pages = SHARE_RUN_PAGES;
	scan.seed = rng_mix(m->config.seed + 1);
	scan.start_ns = m->now_ns;
	return dedup_init(m->dedup, &table) || dedup_scan_init(m->scan, &scan) ? -22 : 0;
}

void share_free(struct mm *m)
{
	struct dedup_config table = {.capacity_pages = m->config.share_capacity_pages,
				     .memory_pages = m->config.memory_pages,
				     .max_ranges = m->config.max_vms * most_ranges_a_vm,
				     .hash_bits = m->config.share_hash_bits};

	if (!table.capacity_pages)
		return;
	mm_free(m, MM_VM_NONE, m->dedup, dedup_bytes(&table));
	mm_free(m, MM_VM_NONE, m->scan, dedup_scan_bytes(m->config.max_vms));
}

void share_stats(const struct mm *m, struct mm_share_stats *out)
{
	struct dedup_stats d = {0};
	uint64_t skipped;

	if (m->dedup)
		d = dedup_stats(m->dedup);
	*out = m->share;
	if (m->scan)
		dedup_scan_counts(m->scan, &out->passed_pages, &skipped);
	out->hints = d.hints;
	out->shared_frames = m->pool;
	out->zero_pages = m->zero_pages;
	out->shared_pages = d.references + m->zero_pages;
	out->saved_pages = out->shared_pages - m->pool;
	out->stale_hints = d.stale_hints;
	out->false_matches = d.false_matches;
}

bool share_is_sound(const struct mm *m, npages_t shared, npages_t zero, const char **why)
{
	if (zero != m->zero_pages) {
		*why = "the count of shared zero pages is wrong";
		return false;
	}
	if (!m->dedup)
		return shared == 0;
	if (dedup_stats(m->dedup).references != shared - zero ||
	    dedup_stats(m->dedup).frames != m->pool) {
		*why = "shared pages and references to frames disagree";
		return false;
	}
	return dedup_consistent(m->dedup, why);
}

void share_vm_added(struct mm *m, uint32_t vm)
{
	struct mm_vm *v = &m->vm[vm];

	v->home = DEDUP_NONE;
	if (!m->dedup)
		return;
	v->home = dedup_vm_add(m->dedup, vm, v->nr_gfns, v->config.group);
	if (v->home != DEDUP_NONE)
		dedup_scan_vm_add(m->scan, vm, v->nr_gfns, m->now_ns);
}

void share_vm_ended(struct mm *m, uint32_t vm)
{
	if (!m->dedup || m->vm[vm].home == DEDUP_NONE)
		return;
	m->nr_looks = m->next_look = 0; /* of any VM: their turn comes again */
	dedup_scan_vm_remove(m->scan, vm);
	dedup_vm_remove(m->dedup, vm);
	m->vm[vm].home = DEDUP_NONE;
}

void share_page_left(struct mm *m, struct mm_vm *v, uint32_t g)
{
	if (m->dedup && v->home != DEDUP_NONE)
		dedup_hint_drop(m->dedup, v->home + g);
}

npages_t share_pool_room(const struct mm *m)
{
	npages_t sum = mm_target_sum(m), least = 0;

	for (uint32_t i = 0; i < m->top_vm; i++)
		if (m->vm[i].in_use && !m->vm[i].ended)
			least += mm_vm_least_pages(&m->vm[i].config);
	if (least < m->config.promised_pages)
		least = m->config.promised_pages;
	return sum > least ? sum - least : 0;
}

void share_put(struct mm *m, uint32_t frame)
{
	uint32_t home_vm;
	gfn_t g;

	if (dedup_frame_put(m->dedup, frame))
		return;
	if (dedup_page_where(m->dedup, frame, &home_vm, &g))
		m->vm[home_vm].home_frames--;
	m->pool--;
	m->ops->frame_free(m->body, frame);
}

static void forget_zero(struct mm *m, struct mm_vm *v)
{
	m->zero_pages--;
	v->zero_pages--;
}

void share_let_go(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];

	if (p->flags & PAGE_ZERO)
		forget_zero(m, v);
	else
		share_put(m, p->slot);
	p->slot = 0;
	p->flags &= PAGE_WAITING | PAGE_WATCHED;
}

/* The page is resident with a frame of its own from now on; the body has mapped it so. */
static void own_again(struct mm *m, struct mm_vm *v, uint32_t g, enum mm_why why, uint32_t frame)
{
	because(m, why, frame);
	page_move(m, v, g, PAGE_RESIDENT);
	page_brought_in(m, v, g);
	v->faults_cow++;
	m->share.cow_breaks++;
}

static bool break_zero(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];
	uint32_t vm = vm_id(m, v);

	if (p->flags & PAGE_PROTECTED && m->ops->discard(m->body, vm, gfn(g), 1)) {
		v->body_errors++;
		return false;
	}
	p->flags &= (uint8_t)~PAGE_PROTECTED;
	if (m->ops->map_zero(m->body, vm, gfn(g))) {
		v->body_errors++;
		return false;
	}
	share_let_go(m, v, g);
	own_again(m, v, g, MM_WHY_ZERO_BROKEN, 0);
	return true;
}

bool share_break(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];
	uint32_t frame = p->slot;

	if (!frame_take(m, v))
		return false;
	if (p->flags & PAGE_ZERO)
		return break_zero(m, v, g);
	if (m->ops->break_shared(m->body, vm_id(m, v), gfn(g))) {
		v->body_errors++;
		return false;
	}
	p->flags &= PAGE_WAITING | PAGE_WATCHED;
	p->slot = 0;
	own_again(m, v, g, MM_WHY_SHARE_BROKEN, frame);
	share_put(m, frame);
	return true;
}

bool share_is_lone(const struct mm *m, const struct mm_vm *v, uint32_t g)
{
	const struct page *p = &v->page[g];

	return p->state == PAGE_SHARED && !(p->flags & (PAGE_ZERO | PAGE_WAITING)) &&
	       dedup_frame_count(m->dedup, p->slot) == 1;
}

bool share_charge_lone(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];
	uint32_t frame = p->slot;

	if (m->ops->break_shared(m->body, vm_id(m, v), gfn(g))) {
		v->body_errors++;
		return false;
	}
	share_put(m, frame);         /* first: there may be no free frame */
	if (p->flags & PAGE_WATCHED) /* it can be written unseen from now on */
		sample_dropped(v, p);
	p->flags = 0;
	p->slot = 0;
	because(m, MM_WHY_SHARE_LONE, frame);
	page_move(m, v, g, PAGE_RESIDENT);
	m->config.pager->inserted(v->policy, g, m->now_ns); /* nobody waits for it: no guard */
	return true;
}

bool share_fault(struct mm *m, struct mm_vm *v, uint32_t g, bool write)
{
	struct page *p = &v->page[g];

	if (write)
		return share_break(m, v, g);
	if (!(p->flags & PAGE_ZERO) ||
	    p->flags & PAGE_PROTECTED) { /* a mapping is there: look again */
		m->ops->wake(m->body, vm_id(m, v), gfn(g));
		return true;
	}
	if (m->ops->map_zero_protected(m->body, vm_id(m, v), gfn(g))) {
		v->body_errors++;
		return false;
	}
	p->flags |= PAGE_PROTECTED;
	return true;
}
