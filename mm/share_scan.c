/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share_scan.c: looking for pages to share: those that the scanner names, and those that are about to be paged out. What
 * becomes of them: share_try.c.
 *
 * Pages are read some at a time before the table is asked, so that what it holds about them is near by then. What was
 * read is a hint too, so it may be kept while others have the lock: after a page was shared, which takes long, the
 * scanner is asked to think about that first.
 */
#include "mm/page.h"

static struct mm_look look_begin(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct mm_look l = {.v = v, .g = g};

	m->share.scanned_pages++;
	l.error = m->ops->page_is_zero(m->body, vm_id(m, v), gfn(g), &l.zero);
	if (!l.error && !l.zero)
		l.error = share_hash(m, v->home + g, &l.hash);
	return l;
}

static bool worth_a_look(struct mm *m, struct mm_vm *v, uint64_t g)
{
	gfn_t same;

	return v->in_use && !v->ended && !v->doomed && page_exists(v, g) &&
	       share_page_of(m, v->home + (uint32_t)g, &same);
}

static bool may_be_charged(const struct mm *m, const struct mm_vm *v, uint64_t g)
{
	return m->state != MM_HIGH && v->in_use && !v->ended && !v->doomed && page_exists(v, g) &&
	       share_is_lone(m, v, (uint32_t)g);
}

static bool try_page(struct mm *m, const struct mm_look *l, bool alone)
{
	npages_t used = mm_used(m);
	enum dedup_reason why;
	uint32_t nr = share_try(m, l, alone, &why);

	mm_reclaimed(m, MM_BY_SHARING, used);
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

uint32_t do_scan(struct mm *m, uint32_t max_pages, uint64_t now_ns, uint64_t *again_ns)
{
	uint32_t looked = 0;
	bool more = true, shared = false;

	*again_ns = UINT64_MAX;
	if (!m->dedup || m->stopping)
		return 0;
	mm_enter(m, now_ns);
	m->call = MM_CALL_SCAN;
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

void do_scan_rates(struct mm *m, uint32_t rate_pages, uint32_t vm_rate_pages, uint64_t now_ns)
{
	if (!m->dedup)
		return;
	mm_enter(m, now_ns);
	dedup_scan_rates_set(m->scan, rate_pages, vm_rate_pages, m->now_ns);
	mm_leave(m);
}
