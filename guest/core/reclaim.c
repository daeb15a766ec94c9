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
 * one more may go. Blocks of files (files.h) need none: without room in swap, or without swap, they alone may go.
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

/* Who leaves together, and has to be written: to swap, and to the blocks of files. */
struct leaving {
	struct pager *p;
	struct batch swap, file;
};

void pager_stale_note(struct pager *p, uint32_t page)
{
	if (p->nr_stale < PAGER_STALE)
		p->stale[p->nr_stale] = page;
	if (p->nr_stale <= PAGER_STALE)
		p->nr_stale++;
}

void pager_stale_flush(struct pager *p)
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
	struct pager *p = ((struct leaving *)ctx)->p;

	if (!(p->pte[page] & PTE_ACCESSED))
		return false;
	p->pte[page] &= ~PTE_ACCESSED;
	pager_stale_note(p, page);
	return true;
}

static bool must_be_written(void *ctx, uint32_t page)
{
	const struct pager *p = ((struct leaving *)ctx)->p;
	uint64_t entry = p->pte[page];

	return (entry & PTE_DIRTY) ||
	       (!pager_is_file(p, page) && !p->frames->info[pte_frame(entry).v].slot);
}

static bool slot_is_sure(const struct leaving *l)
{
	return l->swap.nr < l->p->slots.free + l->p->kept;
}

static bool may_leave(void *ctx, uint32_t page)
{
	const struct leaving *l = ctx;

	return pager_is_file(l->p, page) || slot_is_sure(l);
}

static void gather(struct batch *b, uint32_t page, gfn_t frame)
{
	b->page[b->nr] = page;
	b->frame[b->nr++] = frame;
}

/* Takes a block out of memory, or into the batch. True: its frame is free. */
static bool evict_block(struct pager *p, uint32_t page, struct batch *b)
{
	uint64_t entry = p->pte[page];

	p->policy->removed(p->policy_mem, page, POLICY_EVICTED);
	pager_file_remove(p, page);
	if (entry & PTE_DIRTY)
		gather(b, page, pte_frame(entry));
	else
		frames_free(p->frames, pte_frame(entry));
	return !(entry & PTE_DIRTY);
}

/* The same of a page that is no file's. */
static bool evict(struct pager *p, uint32_t page, struct batch *b)
{
	uint64_t entry = p->pte[page];
	gfn_t frame = pte_frame(entry);
	uint32_t kept = p->frames->info[frame.v].slot;

	p->policy->removed(p->policy_mem, page, POLICY_EVICTED);
	pager_stale_note(p, page);
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
	gather(b, page, frame);
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

static uint32_t write_to_swap(struct pager *p, const struct batch *b, uint64_t now_ns)
{
	uint32_t freed = 0;

	for (uint32_t done = 0; done < b->nr;) {
		slot_t first;
		uint32_t nr = slots_take(&p->slots, b->nr - done, &first);

		if (!nr) {
			take_back_slot(p);
			continue;
		}
		freed += write_run(p, b, done, nr, first, now_ns);
		done += nr;
	}
	return freed;
}

/* What cannot be written comes back. */
static uint32_t write_to_files(struct pager *p, struct batch *b, uint64_t now_ns)
{
	uint32_t freed = pager_file_write_out(p, b->page, b->frame, b->nr);

	for (uint32_t i = 0; i < freed; i++)
		frames_free(p->frames, b->frame[i]);
	for (uint32_t i = freed; i < b->nr; i++)
		pager_file_insert(p, b->page[i], pte_resident(b->frame[i], true), now_ns);
	return freed;
}

int pager_reclaim(struct pager *p, uint32_t want, uint64_t now_ns)
{
	struct leaving l = {.p = p};
	const struct victim_filter filter = {.may_leave = p->file_pages ? may_leave : NULL,
					     .referenced = test_clear_accessed,
					     .dirty = must_be_written,
					     .ctx = &l};
	uint32_t freed = 0, page;

	while (freed + l.swap.nr + l.file.nr < want && l.swap.nr + l.file.nr < PAGER_CLUSTER &&
	       (p->file_cached || slot_is_sure(&l)) &&
	       p->policy->victim(p->policy_mem, &filter, &page))
		freed += pager_is_file(p, page) ? evict_block(p, page, &l.file)
						: evict(p, page, &l.swap);
	pager_stale_flush(p);
	freed += write_to_files(p, &l.file, now_ns);
	freed += write_to_swap(p, &l.swap, now_ns);
	p->stats->free_pages = p->frames->free_pages;
	if (freed)
		return (int)freed;
	return l.swap.nr + l.file.nr ? -EIO : -ENOMEM;
}
