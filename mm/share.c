/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share.c: content-hash page sharing, between the table (dedup/) and the page records.
 *
 * A page that the scanner names, or that is about to be paged out, is looked at: all zeros, and it needs no frame at
 * all; else its hash goes to dedup_try(), which finds a frame or another page with the same bytes. A shared page is
 * charged to nobody; its frame is in the pool, which is part of the budget. The frame a pair shares is paid for before
 * the two own frames are free, by the one page that the reserve keeps for copying.
 *
 * A write to a shared page is announced (it is write-protected): the page takes a frame from the budget first, and
 * waits if there is none; the body then gives it its own copy, at once, so that the pool frame can go when nobody maps
 * it any more. What a broken page holds never comes from the pool again: it leaves memory as any other page.
 */
#include "mm/page.h"

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

	if (m->dedup)
		d = dedup_stats(m->dedup);
	*out = m->share;
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
	dedup_scan_vm_remove(m->scan, vm);
	dedup_vm_remove(m->dedup, vm);
	m->vm[vm].home = DEDUP_NONE;
}

void share_page_left(struct mm *m, struct mm_vm *v, uint32_t g)
{
	if (m->dedup && v->home != DEDUP_NONE)
		dedup_hint_drop(m->dedup, v->home + g);
}

static void frame_put(struct mm *m, uint32_t frame)
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
		frame_put(m, p->slot);
	p->slot = 0;
	p->flags &= PAGE_WAITING;
}

/* The page is resident with a frame of its own from now on; the body has mapped it so. */
static void own_again(struct mm *m, struct mm_vm *v, uint32_t g)
{
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
	own_again(m, v, g);
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
	p->flags &= PAGE_WAITING;
	p->slot = 0;
	own_again(m, v, g);
	frame_put(m, frame);
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

/* What dedup_try() calls; page numbers are home pages. */

static struct mm_vm *page_of(struct mm *m, uint32_t home, gfn_t *g)
{
	uint32_t vm;

	if (!dedup_page_where(m->dedup, home, &vm, g))
		return NULL;
	struct mm_vm *v = &m->vm[vm];
	const struct page *p = &v->page[g->v];
	bool writing = p->flags & PAGE_HAS_SLOT && slot_busy(m, p->slot);
	return p->state == PAGE_RESIDENT && !(p->flags & (PAGE_PINNED | PAGE_WAITING)) && !writing
		       ? v
		       : NULL;
}

static int try_hash(void *ctx, uint32_t page, uint64_t *hash)
{
	struct mm *m = ctx;
	gfn_t g;
	const struct mm_vm *v = page_of(m, page, &g);

	if (!v)
		return -16; /* -EBUSY */
	m->share.hashed_pages++;
	return m->ops->hash(m->body, vm_id(m, v), g, hash);
}

static int try_equal(void *ctx, uint32_t a, uint32_t b, bool *same)
{
	struct mm *m = ctx;
	gfn_t ga, gb;
	const struct mm_vm *va = page_of(m, a, &ga), *vb = page_of(m, b, &gb);

	return va && vb ? m->ops->equal(m->body, vm_id(m, va), ga, vm_id(m, vb), gb, same) : -16;
}

static int try_equal_frame(void *ctx, uint32_t page, uint32_t frame, bool *same)
{
	struct mm *m = ctx;
	gfn_t g;
	const struct mm_vm *v = page_of(m, page, &g);

	return v ? m->ops->equal_frame(m->body, vm_id(m, v), g, frame, same) : -16;
}

/* The page gives its own frame up. */
static void now_shared(struct mm *m, struct mm_vm *v, uint32_t g, uint32_t frame, uint8_t flags)
{
	struct page *p = &v->page[g];

	if (p->flags & PAGE_HAS_SLOT)
		slot_release(m, v, g);
	m->config.pager->removed(v->policy, g, POLICY_GONE);
	page_move(m, v, g, PAGE_SHARED);
	p->slot = frame;
	p->flags = flags;
	m->share.matches++;
}

static int share_with(struct mm *m, uint32_t page, uint32_t frame, bool fill)
{
	gfn_t g;
	struct mm_vm *v = page_of(m, page, &g);
	int result;

	if (!v)
		return -16;
	result = m->ops->share(m->body, vm_id(m, v), g, frame, fill);
	if (result) { /* it may have been protected on the way */
		m->ops->unprotect(m->body, vm_id(m, v), g);
		if (v->page[g.v].flags & PAGE_HAS_SLOT)
			slot_release(m, v, (uint32_t)g.v);
		v->page[g.v].flags &= (uint8_t)~PAGE_PROTECTED;
		return result;
	}
	now_shared(m, v, (uint32_t)g.v, frame, PAGE_PROTECTED);
	m->pool += fill;
	v->home_frames += fill; /* a frame is filled by the page that names it */
	return 0;
}

static int try_share_first(void *ctx, uint32_t frame)
{
	return share_with(ctx, frame, frame, true);
}

static int try_share(void *ctx, uint32_t page, uint32_t frame)
{
	return share_with(ctx, page, frame, false);
}

static const struct dedup_ops try_ops = {
	.hash = try_hash,
	.equal = try_equal,
	.equal_frame = try_equal_frame,
	.share_first = try_share_first,
	.share = try_share,
};

static enum dedup_reason look_at(struct mm *m, struct mm_vm *v, uint32_t g)
{
	uint32_t vm = vm_id(m, v), home = v->home + g;
	bool zero = false;
	uint64_t hash;
	int result = m->ops->page_is_zero(m->body, vm, gfn(g), &zero);

	m->share.scanned_pages++;
	if (result)
		return DEDUP_FAILED;
	if (zero) {
		result = m->ops->share_zero(m->body, vm, gfn(g));
		if (result)
			return result == -11 ? DEDUP_VOLATILE : DEDUP_FAILED;
		now_shared(m, v, g, 0, PAGE_ZERO);
		m->zero_pages++;
		v->zero_pages++;
		return DEDUP_ZERO;
	}
	if (try_hash(m, home, &hash))
		return DEDUP_BUSY;
	return dedup_try(m->dedup, &try_ops, m, home, hash);
}

static bool worth_a_look(struct mm *m, struct mm_vm *v, uint64_t g)
{
	gfn_t same;

	return v->in_use && !v->ended && !v->doomed && page_exists(v, g) &&
	       page_of(m, v->home + (uint32_t)g, &same);
}

static bool try_page(struct mm *m, struct mm_vm *v, uint32_t g)
{
	enum dedup_reason why = look_at(m, v, g);

	m->share.reason[why]++;
	v->share_reason[why]++;
	return why == DEDUP_SHARED || why == DEDUP_SHARED_NEW || why == DEDUP_ZERO;
}

bool share_before_swap(struct mm *m, struct mm_vm *v, uint32_t g)
{
	if (!m->dedup || v->home == DEDUP_NONE || !worth_a_look(m, v, g) || !try_page(m, v, g))
		return false;
	v->shared_before_swap++;
	return true;
}

uint32_t mm_scan(struct mm *m, uint32_t max_pages, uint64_t now_ns, uint64_t *again_ns)
{
	uint32_t looked = 0, vm;
	gfn_t g;

	*again_ns = UINT64_MAX;
	if (!m->dedup || m->stopping)
		return 0;
	mm_enter(m, now_ns);
	/* skipped pages are cheap but not free: an eighth of a look at most */
	for (uint32_t steps = 0; looked < max_pages && steps < max_pages * 8; steps++) {
		if (!dedup_scan_next(m->scan, m->now_ns, &vm, &g, again_ns))
			break;
		if (!worth_a_look(m, &m->vm[vm], g.v)) {
			dedup_scan_skipped(m->scan);
			continue;
		}
		try_page(m, &m->vm[vm], (uint32_t)g.v);
		looked++;
	}
	if (looked)
		fault_serve_waiting(m);
	mm_leave(m);
	return looked;
}
