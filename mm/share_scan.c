/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share_scan.c: looking for pages to share.
 *
 * A page that the scanner names, or that is about to be paged out, is looked at: all zeros, and it needs no frame at
 * all; else its hash goes to dedup_try(), which finds a frame or another page with the same bytes.
 *
 * Runs. Where one page matches, its neighbours often match the neighbours: guests that run the same program lay it out
 * in the same way. So before a page that the scanner named is shared alone, pages before and after it are looked at, as
 * long as each matches the frame, or the hinted page, next to that of the page before. All are then shared by one call
 * of the body, which costs about as much as for one page, and end as one mapping. The neighbours are paid for from the
 * scanner's rates, later. A hash is a hint, as always: bytes decide.
 *
 * Pages are read some at a time before the table is asked, so that what it holds about them is near by then. What was
 * read is a hint too, so it may be kept while others have the lock: after a page was shared, which takes long, the
 * scanner is asked to think about that first.
 *
 * The frames that pages share are paid for before their own frames are free: one by the page that the reserve keeps for
 * copying, more only as far as there are free ones. And the pool may not grow into what VMs were promised: see
 * share_pool_room().
 */
#include "mm/page.h"

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
	p->flags = (uint8_t)(flags | (p->flags & PAGE_WATCHED));
	m->share.matches++;
}

/* Pages that were not shared may have been protected on the way. */
static void take_back(struct mm *m, struct mm_vm *v, uint32_t g)
{
	m->ops->unprotect(m->body, vm_id(m, v), gfn(g));
	if (v->page[g].flags & PAGE_HAS_SLOT)
		slot_release(m, v, g);
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
	struct mm_vm *v = page_of(m, page, &g);
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
	.hash = try_hash,
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
	    page_of(m, home, &same) != r->v)
		return false;
	m->share.scanned_pages++;
	dedup_scan_beside(m->scan, vm_id(m, r->v));
	if (m->ops->page_is_zero(m->body, vm_id(m, r->v), gfn(g), &zero) || zero ||
	    try_hash(m, home, hash) || dedup_ineligible(m->dedup, home, *hash))
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

	v = page_of(m, r->to, &g);
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

static struct mm_look look_begin(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct mm_look l = {.v = v, .g = g};

	m->share.scanned_pages++;
	l.error = m->ops->page_is_zero(m->body, vm_id(m, v), gfn(g), &l.zero);
	if (!l.error && !l.zero)
		l.error = try_hash(m, v->home + g, &l.hash);
	return l;
}

/* Shares the page, alone, or with its neighbours if that helps. Returns how many pages *why is said of. */
static uint32_t look_end(struct mm *m, const struct mm_look *l, bool alone, enum dedup_reason *why)
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

static bool worth_a_look(struct mm *m, struct mm_vm *v, uint64_t g)
{
	gfn_t same;

	return v->in_use && !v->ended && !v->doomed && page_exists(v, g) &&
	       page_of(m, v->home + (uint32_t)g, &same);
}

static bool may_be_charged(const struct mm *m, const struct mm_vm *v, uint64_t g)
{
	return m->state != MM_HIGH && v->in_use && !v->ended && !v->doomed && page_exists(v, g) &&
	       share_is_lone(m, v, (uint32_t)g);
}

static bool try_page(struct mm *m, const struct mm_look *l, bool alone)
{
	enum dedup_reason why;
	uint32_t nr = look_end(m, l, alone, &why);

	m->share.reason[why] += nr;
	l->v->share_reason[why] += nr;
	return why == DEDUP_SHARED || why == DEDUP_SHARED_NEW || why == DEDUP_ZERO;
}

bool share_before_swap(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct mm_look l;

	if (!m->dedup || v->home == DEDUP_NONE || !worth_a_look(m, v, g))
		return false;
	l = look_begin(m, v, g);
	if (!try_page(m, &l, true))
		return false;
	v->shared_before_swap++;
	return true;
}

/* Reads the next pages that are due, at most max, and asks for what the table knows of them. False: no more are due. */
static bool looks_begin(struct mm *m, uint32_t max, uint64_t *again_ns)
{
	bool more = true;
	uint32_t vm;
	gfn_t g;

	m->nr_looks = m->next_look = 0;
	/* skipped pages are cheap but not free: an eighth of a look at most */
	for (uint32_t steps = 0; m->nr_looks < max && steps < max * 8 && more; steps++) {
		more = dedup_scan_next(m->scan, m->now_ns, &vm, &g, again_ns);
		if (more && worth_a_look(m, &m->vm[vm], g.v)) {
			struct mm_look *l = &m->look[m->nr_looks++];

			*l = look_begin(m, &m->vm[vm], (uint32_t)g.v);
			dedup_expect(m->dedup, l->hash);
		} else if (more && may_be_charged(m, &m->vm[vm], g.v)) { /* not read */
			m->look[m->nr_looks++] =
				(struct mm_look){.v = &m->vm[vm], .g = (uint32_t)g.v, .error = -16};
		} else if (more) {
			dedup_scan_skipped(m->scan);
		}
	}
	for (uint32_t i = 0; i < m->nr_looks; i++)
		dedup_expect_chain(m->dedup, m->look[i].hash);
	return more;
}

uint32_t mm_scan(struct mm *m, uint32_t max_pages, uint64_t now_ns, uint64_t *again_ns)
{
	uint32_t looked = 0;
	bool more = true, shared = false;

	*again_ns = UINT64_MAX;
	if (!m->dedup || m->stopping)
		return 0;
	mm_enter(m, now_ns);
	if (m->next_look == m->nr_looks)
		more = looks_begin(m, max_pages < MM_SCAN_MOST ? max_pages : MM_SCAN_MOST,
				   again_ns);
	while (m->next_look < m->nr_looks && looked < max_pages && !shared) {
		const struct mm_look *l = &m->look[m->next_look++];

		looked++;
		if (worth_a_look(m, l->v, l->g)) /* one before may have taken it along */
			shared = try_page(m, l, false);
		else if (may_be_charged(m, l->v, l->g))
			shared = share_charge_lone(m, l->v, l->g);
	}
	if (more || m->next_look < m->nr_looks)
		*again_ns = m->now_ns;
	if (looked)
		fault_serve_waiting(m);
	mm_leave(m);
	return looked;
}

void mm_scan_rates(struct mm *m, uint32_t rate_pages, uint32_t vm_rate_pages, uint64_t now_ns)
{
	if (!m->dedup)
		return;
	mm_enter(m, now_ns);
	dedup_scan_rates_set(m->scan, rate_pages, vm_rate_pages, m->now_ns);
	mm_leave(m);
}
