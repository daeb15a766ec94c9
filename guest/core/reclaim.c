/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reclaim.c: pages leave memory.
 *
 * The policy names victims one by one. A clean one with a slot is dropped at once; the others are gathered, their
 * entries taken away, and written together, each run of neighbouring slots in one request. If a write fails, its pages
 * come back as if nothing had happened.
 *
 * A slot for everyone gathered must be sure before anyone is: there are slots.free, and one for each resident page that
 * keeps one (kept), since those can be taken back. A dropped page uses up its own. So while gathered < free + kept,
 * one more may go.
 *
 * Translations are invalidated together, before anything is written: nothing touches the pages in between, one flush of
 * everything costs as much as about four single ones, and a clock's hand may pass thousands.
 */
#include "guest/core/reclaim.h"

#include <errno.h>

struct batch {
	uint32_t nr;
	uint32_t page[PAGER_CLUSTER];
	gfn_t frame[PAGER_CLUSTER];
};

static void note_stale(struct pager *p, uint32_t page)
{
	if (p->nr_stale < PAGER_STALE)
		p->stale[p->nr_stale] = page;
	if (p->nr_stale <= PAGER_STALE)
		p->nr_stale++;
}

static void flush_stale(struct pager *p)
{
	if (p->nr_stale > PAGER_STALE)
		p->ops->invalidate_all(p->ctx);
	else
		for (uint32_t i = 0; i < p->nr_stale; i++)
			p->ops->invalidate(p->ctx, p->stale[i]);
	p->nr_stale = 0;
}

static bool test_clear_accessed(void *ctx, uint32_t page)
{
	struct pager *p = ctx;

	if (!(p->pte[page] & PTE_ACCESSED))
		return false;
	p->pte[page] &= ~PTE_ACCESSED;
	note_stale(p, page);
	return true;
}

static bool must_be_written(void *ctx, uint32_t page)
{
	const struct pager *p = ctx;
	uint64_t entry = p->pte[page];

	return (entry & PTE_DIRTY) || !p->frames->info[pte_frame(entry).v].slot;
}

/* Takes one page out of memory, or into the batch. True: its frame is free. */
static bool evict(struct pager *p, uint32_t page, struct batch *b)
{
	uint64_t entry = p->pte[page];
	gfn_t frame = pte_frame(entry);
	uint32_t kept = p->frames->info[frame.v].slot;

	p->policy->removed(p->policy_mem, page, POLICY_EVICTED);
	note_stale(p, page);
	p->resident--;
	if (kept && !(entry & PTE_DIRTY)) {
		p->pte[page] = pte_swapped(slot(kept - 1));
		p->kept--;
		p->swapped++;
		frames_free(p->frames, frame);
		return true;
	}
	give_kept_slot(p, frame);
	p->pte[page] = 0;
	b->page[b->nr] = page;
	b->frame[b->nr++] = frame;
	return false;
}

/* Some resident page loses its slot; the caller knows that one has. */
static void take_back_slot(struct pager *p)
{
	for (uint32_t looked = 0; looked < p->used; looked++) {
		uint64_t entry;

		p->hand = p->hand + 1 < p->used ? p->hand + 1 : 0;
		entry = p->pte[p->hand];
		if (entry & PTE_PRESENT && p->frames->info[pte_frame(entry).v].slot) {
			give_kept_slot(p, pte_frame(entry));
			return;
		}
	}
}

/* Writes b's pages [from, from + nr) to the slots from first on. How many are free now: nr or 0. */
static uint32_t write_run(struct pager *p, const struct batch *b, uint32_t from, uint32_t nr,
			  slot_t first, uint64_t now_ns)
{
	bool failed = p->ops->swap_write(p->ctx, b->frame + from, nr, first) != 0;

	for (uint32_t i = 0; i < nr; i++) {
		uint32_t page = b->page[from + i];
		slot_t to = slot(first.v + i);

		if (failed) {
			slots_give(&p->slots, to);
			p->pte[page] = pte_resident(b->frame[from + i], true);
			p->resident++;
			p->policy->inserted(p->policy_mem, page, now_ns);
		} else {
			p->pte[page] = pte_swapped(to);
			p->swapped++;
			frames_free(p->frames, b->frame[from + i]);
		}
	}
	if (failed) {
		p->stats->io_errors++;
		return 0;
	}
	p->stats->swap_out_pages += nr;
	return nr;
}

int pager_reclaim(struct pager *p, uint32_t want, uint64_t now_ns)
{
	const struct victim_filter filter = {
		.referenced = test_clear_accessed, .dirty = must_be_written, .ctx = p};
	struct batch b = {.nr = 0};
	uint32_t freed = 0, page;

	while (freed + b.nr < want && b.nr < PAGER_CLUSTER && b.nr < p->slots.free + p->kept &&
	       p->policy->victim(p->policy_mem, &filter, &page))
		freed += evict(p, page, &b);
	flush_stale(p);
	for (uint32_t done = 0; done < b.nr;) {
		slot_t first;
		uint32_t nr = slots_take(&p->slots, b.nr - done, &first);

		if (!nr) {
			take_back_slot(p);
			continue;
		}
		freed += write_run(p, &b, done, nr, first, now_ns);
		done += nr;
	}
	p->stats->free_pages = p->frames->free_pages;
	if (freed)
		return (int)freed;
	return b.nr ? -EIO : -ENOMEM;
}
