/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pager.c: faults, and the pager's whole state; who leaves and how is in reclaim.c.
 *
 * A fault is served in this order: a frame (pages leave if need be), the content, the entry, the policy. The page that
 * faults is unknown to the policy until the end, so it cannot be the victim of its own fault; and a workload touches one
 * page at a time, so any memory of two frames makes progress.
 *
 * An entry that becomes present needs no invalidation: processors do not remember absent translations.
 */
#include "guest/core/pager.h"

#include <errno.h>

#include "guest/core/files.h"
#include "guest/core/reclaim.h"

void pager_resize(struct pager *p, npages_t capacity)
{
	p->capacity = capacity;
	p->policy->resized(p->policy_mem, (uint32_t)(capacity ? capacity : 1));
}

/* The policy knows of no page. Its memory is laid out for all frames, whatever a balloon holds of them. */
static int policy_begin(struct pager *p)
{
	int err = p->policy->init(p->policy_mem, (uint32_t)p->frames->total_pages,
				  p->pages + p->file_pages, &p->rng);

	if (!err && p->capacity != p->frames->total_pages)
		pager_resize(p, p->capacity);
	return err;
}

int pager_init(struct pager *p, const struct pager_config *config, const struct pager_memory *mem,
	       struct frames *frames, struct guest_stats *stats)
{
	npages_t share = frames->total_pages / 32;

	*p = (struct pager){
		.ops = config->ops,
		.ctx = config->ctx,
		.policy = config->policy,
		.policy_mem = mem->policy,
		.rng = rng_seeded(config->seed),
		.pte = mem->pte,
		.frames = frames,
		.stats = stats,
		.pages = config->pages,
		.file_pages = config->file_pages,
		.capacity = frames->total_pages,
		.batch = share < 1               ? 1
			 : share > PAGER_CLUSTER ? PAGER_CLUSTER
						 : (uint32_t)share,
	};
	slots_init(&p->slots, config->swap_slots, mem->slots);
	stats->free_pages = frames->free_pages;
	if (!p->pages || (uint64_t)p->pages + p->file_pages > FRAMES_END ||
	    frames->total_pages <= PAGER_RESERVE)
		return -EINVAL;
	return policy_begin(p);
}

static int take_frame(struct pager *p, enum frame_kind kind, uint32_t owner, npages_t hold_back,
		      uint64_t now_ns, gfn_t *out)
{
	int err = 0;

	*out = gfn(0);
	while (p->frames->free_pages <= PAGER_RESERVE && err >= 0)
		err = pager_reclaim(p, p->batch, now_ns);
	if (p->frames->free_pages <= hold_back)
		return err;
	frames_alloc(p->frames, kind, owner, out);
	return 0;
}

int pager_frame_get(struct pager *p, enum frame_kind kind, uint32_t owner, uint64_t now_ns,
		    gfn_t *out)
{
	int err = take_frame(p, kind, owner, PAGER_RESERVE, now_ns, out);

	p->stats->free_pages = p->frames->free_pages;
	return err;
}

/* Gives a swapped page its content, in a frame of its own. */
static int swap_in(struct pager *p, uint32_t page, uint64_t now_ns, gfn_t *out)
{
	slot_t from = pte_slot(p->pte[page]);
	int err;

	err = take_frame(p, FRAME_PAGED, page, 0, now_ns, out);
	if (err)
		return err;
	if (p->ops->swap_read(p->ctx, *out, from)) {
		p->stats->io_errors++;
		frames_free(p->frames, *out);
		*out = gfn(0);
		return -EIO;
	}
	p->stats->swap_in_pages++;
	p->swapped--;
	if (p->frames->free_pages >= PAGER_RESERVE) {
		p->frames->info[out->v].slot = from.v + 1;
		p->kept++;
		return 0;
	}
	/* The reserve went into this: its slot takes another page, whose frame is the new reserve. */
	slots_give(&p->slots, from);
	pager_reclaim(p, 1, now_ns);
	return 0;
}

int pager_fault(struct pager *p, uint32_t page, bool write, uint64_t now_ns)
{
	gfn_t frame;
	int err;

	if (page >= p->pages + p->file_pages)
		return -EFAULT;
	p->stats->faults += !pager_is_file(p, page);
	if (p->pte[page] & PTE_PRESENT) {
		p->ops->invalidate(p->ctx, page);
		return 0;
	}
	if (pager_is_file(p, page))
		return pager_file_fault(p, page, write, now_ns);
	if (p->pte[page] & PTE_SWAPPED)
		err = swap_in(p, page, now_ns, &frame);
	else
		err = take_frame(p, FRAME_PAGED, page, PAGER_RESERVE, now_ns, &frame);
	p->stats->free_pages = p->frames->free_pages;
	if (err)
		return err;
	p->pte[page] = pte_resident(frame, write);
	p->resident++;
	if (page >= p->used)
		p->used = page + 1;
	p->policy->inserted(p->policy_mem, page, now_ns);
	return 0;
}

int pager_access(struct pager *p, uint32_t page, bool write, uint64_t now_ns, gfn_t *frame)
{
	*frame = gfn(0);
	if (page >= p->pages + p->file_pages || !(p->pte[page] & PTE_PRESENT)) {
		int err = pager_fault(p, page, write, now_ns);

		if (err)
			return err;
	}
	p->pte[page] |= PTE_ACCESSED | (write ? PTE_DIRTY : 0);
	*frame = pte_frame(p->pte[page]);
	return 0;
}

void pager_release_all(struct pager *p)
{
	for (uint32_t page = 0; page < p->used; page++) {
		uint64_t entry = p->pte[page];

		p->pte[page] = 0;
		if (entry & PTE_PRESENT) {
			gfn_t frame = pte_frame(entry);

			give_kept_slot(p, frame);
			frames_free(p->frames, frame);
		} else if (entry & PTE_SWAPPED) {
			slots_give(&p->slots, pte_slot(entry));
		}
	}
	pager_file_forget(p);
	p->used = 0;
	p->resident = 0;
	p->swapped = 0;
	p->ops->invalidate_all(p->ctx);
	p->stats->free_pages = p->frames->free_pages;
	policy_begin(p);
}

gfn_t pager_frame_of(const struct pager *p, uint32_t page)
{
	bool resident = page < p->pages + p->file_pages && p->pte[page] & PTE_PRESENT;

	return resident ? pte_frame(p->pte[page]) : gfn(0);
}

static bool page_consistent(const struct pager *p, uint32_t page)
{
	uint64_t entry = p->pte[page];
	gfn_t frame = pte_frame(entry);

	if (!entry)
		return true;
	if (page >= p->used)
		return false;
	if (!(entry & PTE_PRESENT))
		return entry & PTE_SWAPPED && pte_slot(entry).v < p->slots.nr &&
		       slots_taken(&p->slots, pte_slot(entry));
	if (!frames_contain(p->frames, frame) || frames_kind(p->frames, frame) != FRAME_PAGED ||
	    frames_owner(p->frames, frame) != page)
		return false;
	return !p->frames->info[frame.v].slot ||
	       slots_taken(&p->slots, slot(p->frames->info[frame.v].slot - 1));
}

bool pager_consistent(const struct pager *p)
{
	npages_t resident = p->file_cached, swapped = 0, kept = 0;

	for (uint32_t page = 0; page < p->pages; page++) {
		uint64_t entry = p->pte[page];

		if (!page_consistent(p, page))
			return false;
		if (entry & PTE_PRESENT) {
			resident++;
			kept += p->frames->info[pte_frame(entry).v].slot != 0;
		} else if (entry & PTE_SWAPPED) {
			swapped++;
		}
	}
	return resident == p->resident && swapped == p->swapped && kept == p->kept &&
	       swapped + kept + p->slots.free == p->slots.nr && p->nr_stale == 0 &&
	       p->stats->free_pages == p->frames->free_pages && frames_consistent(p->frames) &&
	       slots_consistent(&p->slots) && pager_files_consistent(p) &&
	       p->policy->consistent(p->policy_mem);
}
