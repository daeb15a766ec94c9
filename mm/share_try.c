/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share_try.c: a page that was looked at comes to share, or not.
 *
 * All zeros, and it needs no frame at all; else its hash goes to dedup_try(), which finds a frame or another page with
 * the same bytes.
 *
 * Runs. Where one page matches, its neighbours often match the neighbours: guests that run the same program lay it out
 * in the same way. So before a page that the scanner named is shared alone, pages before and after it are looked at, as
 * long as each matches the frame, or the hinted page, next to that of the page before. All are then shared by one call
 * of the body, which costs about as much as for one page, and end as one mapping. The neighbours are paid for from the
 * scanner's rates, later. A hash is a hint, as always: bytes decide.
 *
 * The frames that pages share are paid for before their own frames are free: one by the page that the reserve keeps for
 * copying, more only as far as there are free ones. And the pool may not grow into what VMs were promised: see
 * share_pool_room().
 */
#include "mm/why.h"

/* What dedup_try() calls; page numbers are home pages. */

struct mm_vm *share_page_of(struct mm *m, uint32_t home, gfn_t *g)
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

int share_hash(void *ctx, uint32_t page, uint64_t *hash)
{
	struct mm *m = ctx;
	gfn_t g;
	const struct mm_vm *v = share_page_of(m, page, &g);

	if (!v)
		return -16; /* -EBUSY */
	m->share.hashed_pages++;
	return m->ops->hash(m->body, vm_id(m, v), g, hash);
}

static int try_equal(void *ctx, uint32_t a, uint32_t b, bool *same)
{
	struct mm *m = ctx;
	gfn_t ga, gb;
	const struct mm_vm *va = share_page_of(m, a, &ga), *vb = share_page_of(m, b, &gb);

	return va && vb ? m->ops->equal(m->body, vm_id(m, va), ga, vm_id(m, vb), gb, same) : -16;
}

static int try_equal_frame(void *ctx, uint32_t page, uint32_t frame, bool *same)
{
	struct mm *m = ctx;
	gfn_t g;
	const struct mm_vm *v = share_page_of(m, page, &g);

	return v ? m->ops->equal_frame(m->body, vm_id(m, v), g, frame, same) : -16;
}

/* The page gives its own frame up. */
static void now_shared(struct mm *m, struct mm_vm *v, uint32_t g, uint32_t frame, uint8_t flags)
{
	struct page *p = &v->page[g];

	if (p->flags & PAGE_HAS_SLOT)
		slot_release(m, v, g);
	m->config.pager->removed(v->policy, g, POLICY_GONE);
	because(m, flags & PAGE_ZERO ? MM_WHY_SHARED_ZERO : MM_WHY_SHARED, frame);
	page_move(m, v, g, PAGE_SHARED);
	p->slot = frame;
	p->flags = (uint8_t)(flags | (p->flags & PAGE_WATCHED));
	m->share.matches++;
}

/* Pages that were not shared may have been protected on the way. */
static void take_back(struct mm *m, struct mm_vm *v, uint32_t g)
{
	m->ops->unprotect(m->body, vm_id(m, v), gfn(g));
	if (v->page[g].flags & PAGE_HAS_SLOT)
		slot_release(m, v, g);
	if (v->page[g].flags & PAGE_WATCHED) /* its writes are not seen any more */
		sample_dropped(v, &v->page[g]);
	v->page[g].flags &= (uint8_t)~PAGE_PROTECTED;
}

/* Pages from g on share the frames from that one on. Returns how many do, from the first on, or why not. */
static int share_with(struct mm *m, struct mm_vm *v, uint32_t g, uint32_t nr, uint32_t frame,
		      bool fill)
{
	int result = m->ops->share(m->body, vm_id(m, v), gfn(g), nr, frame, fill);
	uint32_t did = result > 0 ? (uint32_t)result : 0;

	for (uint32_t i = did; i < nr; i++)
		take_back(m, v, g + i);
	for (uint32_t i = 0; i < did; i++)
		now_shared(m, v, g + i, frame + i, PAGE_PROTECTED);
	if (fill) {
		m->pool += did;
		v->home_frames += did; /* a frame is filled by the page that names it */
	}
	return result;
}

static int share_one(struct mm *m, uint32_t page, uint32_t frame, bool fill)
{
	gfn_t g;
	struct mm_vm *v = share_page_of(m, page, &g);
	int result = -16;

	if (v)
		result = fill && !share_pool_room(m)
				 ? -12 /* -ENOMEM */
				 : share_with(m, v, (uint32_t)g.v, 1, frame, fill);
	return result < 0 ? result : 0;
}

static int try_share_first(void *ctx, uint32_t frame)
{
	return share_one(ctx, frame, frame, true);
}

static int try_share(void *ctx, uint32_t page, uint32_t frame)
{
	return share_one(ctx, page, frame, false);
}

static const struct dedup_ops try_ops = {
	.hash = share_hash,
	.equal = try_equal,
	.equal_frame = try_equal_frame,
	.share_first = try_share_first,
	.share = try_share,
};

/* Pages of one VM that match neighbouring frames, or neighbouring hinted pages. */
struct run {
	struct mm_vm *v;
	uint32_t first, nr;
	uint32_t to; /* what the first one matches: a home page, the name of a frame if is_frame */
	bool is_frame;
	uint64_t *hash; /* of the first one, room before and behind for SHARE_RUN_PAGES */
};

/* Two numbers next to each other can be the last page of one VM and the first of another: no run for the body. */
static bool of_one_vm(const struct mm *m, uint32_t page_a, uint32_t page_b)
{
	uint32_t a, b;
	gfn_t g;

	return dedup_page_where(m->dedup, page_a, &a, &g) &&
	       dedup_page_where(m->dedup, page_b, &b, &g) && a == b;
}

/* Does page g match that home page, as the others of the run do theirs? */
static bool goes_on(struct mm *m, struct run *r, uint32_t g, uint32_t to, uint64_t *hash)
{
	uint32_t home = r->v->home + g;
	struct dedup_match match;
	bool zero = true;
	gfn_t same;

	if (to >= m->config.share_capacity_pages || !page_exists(r->v, g) ||
	    (r->is_frame ? !dedup_frame_count(m->dedup, to)
			 : !dedup_hint_has(m->dedup, to, NULL) || !of_one_vm(m, to, r->to)) ||
	    share_page_of(m, home, &same) != r->v)
		return false;
	m->share.scanned_pages++;
	dedup_scan_beside(m->scan, vm_id(m, r->v));
	if (m->ops->page_is_zero(m->body, vm_id(m, r->v), gfn(g), &zero) || zero ||
	    share_hash(m, home, hash) || dedup_ineligible(m->dedup, home, *hash))
		return false;
	match = dedup_find(m->dedup, home, *hash);
	return match.page == to && match.is_frame == r->is_frame;
}

static void run_collect(struct mm *m, struct run *r)
{
	while (r->nr < SHARE_RUN_PAGES && r->first && r->to &&
	       goes_on(m, r, r->first - 1, r->to - 1, r->hash - 1)) {
		r->first--;
		r->to--;
		r->hash--;
		r->nr++;
	}
	while (r->nr < SHARE_RUN_PAGES &&
	       goes_on(m, r, r->first + r->nr, r->to + r->nr, r->hash + r->nr))
		r->nr++;
}

/* How many of the hinted pages are there, equal to the run's and not among them. */
static uint32_t run_equal(struct mm *m, const struct run *r)
{
	uint32_t n = 0, mine = r->v->home + r->first;
	npages_t most = mm_free_pages(m) + 1, room = share_pool_room(m);
	bool same = true;

	most = most < room ? most : room;
	if (r->to + r->nr > mine && mine + r->nr > r->to)
		return 0;
	while (n < r->nr && n < most && !try_equal(m, mine + n, r->to + n, &same) && same)
		n++;
	return n;
}

/* The hinted pages of the run become frames. Returns how many. */
static uint32_t run_fill(struct mm *m, const struct run *r, uint32_t nr)
{
	struct mm_vm *v;
	uint32_t did;
	int result;
	gfn_t g;

	v = share_page_of(m, r->to, &g);
	for (uint32_t i = 0; i < nr; i++) {
		dedup_share_begin(m->dedup, r->to + i, r->hash[i]);
		dedup_frame_get(m->dedup, r->to + i);
	}
	result = share_with(m, v, (uint32_t)g.v, nr, r->to, true);
	did = result > 0 ? (uint32_t)result : 0;
	for (uint32_t i = did; i < nr; i++)
		dedup_frame_put(m->dedup, r->to + i);
	return did;
}

/* Shares what it can of the run. Returns how many of its pages. */
static uint32_t run_share(struct mm *m, const struct run *r)
{
	uint32_t nr = r->is_frame ? r->nr : run_equal(m, r), did;
	int result;

	if (nr < 2)
		return 0; /* as a single page */
	if (!r->is_frame)
		nr = run_fill(m, r, nr);
	if (!nr)
		return 0;
	for (uint32_t i = 0; i < nr; i++)
		dedup_frame_get(m->dedup, r->to + i);
	result = share_with(m, r->v, r->first, nr, r->to, false);
	did = result > 0 ? (uint32_t)result : 0;
	for (uint32_t i = 0; i < did; i++)
		share_page_left(m, r->v, r->first + i); /* its hint goes */
	for (uint32_t i = did; i < nr; i++)
		share_put(m, r->to + i);
	return did;
}

/* Tries the page, which has that hash, with its neighbours. *why: what became of those that are shared now. */
static uint32_t try_run(struct mm *m, struct mm_vm *v, uint32_t g, uint64_t hash,
			enum dedup_reason *why)
{
	uint64_t hashes[2 * SHARE_RUN_PAGES];
	struct run r = {.v = v, .first = g, .nr = 1, .hash = &hashes[SHARE_RUN_PAGES]};
	struct dedup_match match = dedup_find(m->dedup, v->home + g, hash);

	if (match.page == DEDUP_NONE || dedup_ineligible(m->dedup, v->home + g, hash))
		return 0;
	*r.hash = hash;
	r.to = match.page;
	r.is_frame = match.is_frame;
	*why = match.is_frame ? DEDUP_SHARED : DEDUP_SHARED_NEW;
	run_collect(m, &r);
	return run_share(m, &r);
}

static enum dedup_reason share_as_zero(struct mm *m, struct mm_vm *v, uint32_t g)
{
	int result = m->ops->share_zero(m->body, vm_id(m, v), gfn(g));

	if (result)
		return result == -11   ? DEDUP_VOLATILE
		       : result == -28 ? DEDUP_NO_MAPPING
				       : DEDUP_FAILED;
	now_shared(m, v, g, 0, PAGE_ZERO);
	m->zero_pages++;
	v->zero_pages++;
	return DEDUP_ZERO;
}

uint32_t share_try(struct mm *m, const struct mm_look *l, bool alone, enum dedup_reason *why)
{
	uint32_t nr;

	*why = l->error == -16 ? DEDUP_BUSY : DEDUP_FAILED;
	if (l->error)
		return 1;
	if (l->zero) {
		*why = share_as_zero(m, l->v, l->g);
		return 1;
	}
	nr = alone ? 0 : try_run(m, l->v, l->g, l->hash, why);
	if (nr)
		return nr;
	*why = dedup_try(m->dedup, &try_ops, m, l->v->home + l->g, l->hash);
	return 1;
}
