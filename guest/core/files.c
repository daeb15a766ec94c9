/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * files.c: blocks come in, are written back, and are dropped; who leaves when memory is short is in reclaim.c.
 *
 * What a block is touched for is said before the touch and kept in file_wanted until the fault that it leads to, if it
 * does. The dirty bit of a block's entry is set then, too, by us: so the number of dirty blocks is exact at any time
 * without a look at the page table, and when a block was written back its bit is cleared without the processor being
 * told, since it is set again before the next write. (The processor sets it as well, which changes nothing.)
 *
 * Blocks read ahead are not marked as accessed, and are not the reason to read ahead again: they are the first to leave if
 * nobody comes for them. A request with them that fails is tried once more without.
 */
#include "guest/core/files.h"

#include <errno.h>

#include "guest/core/reclaim.h"

static uint32_t block_of(const struct pager *p, uint32_t page)
{
	return page - p->pages;
}

static void tell_levels(struct pager *p)
{
	p->stats->file_cached_pages = p->file_cached;
	p->stats->file_dirty_pages = p->file_dirty;
	p->stats->free_pages = p->frames->free_pages;
}

void pager_file_insert(struct pager *p, uint32_t page, uint64_t entry, uint64_t now_ns)
{
	uint32_t block = block_of(p, page);

	p->pte[page] = entry;
	p->resident++;
	p->file_cached++;
	p->file_dirty += (entry & PTE_DIRTY) != 0;
	if (block >= p->file_used)
		p->file_used = block + 1;
	p->policy->inserted(p->policy_mem, page, now_ns);
	tell_levels(p);
}

void pager_file_remove(struct pager *p, uint32_t page)
{
	p->file_dirty -= (p->pte[page] & PTE_DIRTY) != 0;
	p->file_cached--;
	p->resident--;
	p->pte[page] = 0;
	pager_stale_note(p, page);
	tell_levels(p);
}

/* Frames for the blocks to be read with the one of page, up to the first that is cached or the first that has none. */
static uint32_t ahead_frames(struct pager *p, uint32_t page, uint32_t following, uint64_t now_ns,
			     gfn_t *frame)
{
	uint32_t room = p->file_pages - 1 - block_of(p, page), nr = following;

	if (nr > PAGER_FILE_AHEAD)
		nr = PAGER_FILE_AHEAD;
	if (nr > p->batch - 1)
		nr = p->batch - 1;
	if (nr > room)
		nr = room;
	for (uint32_t i = 0; i < nr; i++)
		if (p->pte[page + 1 + i] ||
		    pager_frame_get(p, FRAME_PAGED, page + 1 + i, now_ns, &frame[i]))
			return i;
	return nr;
}

static void free_frames(struct pager *p, const gfn_t *frame, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		frames_free(p->frames, frame[i]);
}

/* Reads the block of page into frame[0], and some behind it into the next ones. How many in all, or -EIO. */
static int read_blocks(struct pager *p, uint32_t page, uint32_t following, uint64_t now_ns,
		       gfn_t *frame)
{
	uint32_t nr = 1 + ahead_frames(p, page, following, now_ns, frame + 1);

	while (p->ops->file_read(p->ctx, frame, nr, block_of(p, page))) {
		p->stats->io_errors++;
		free_frames(p, frame + 1, nr - 1);
		if (nr == 1)
			return -EIO;
		nr = 1;
	}
	p->stats->file_read_pages += nr;
	p->stats->file_ahead_pages += nr - 1;
	return (int)nr;
}

int pager_file_fault(struct pager *p, uint32_t page, bool write, uint64_t now_ns)
{
	struct pager_file_want want = {.page = page};
	gfn_t frame[1 + PAGER_FILE_AHEAD];
	int nr = 1, err;

	if (p->file_wanted.page == page)
		want = p->file_wanted;
	err = pager_frame_get(p, FRAME_PAGED, page, now_ns, &frame[0]);
	if (err)
		return err;
	if (!want.overwritten)
		nr = read_blocks(p, page, want.following, now_ns, frame);
	if (nr < 0) {
		frames_free(p->frames, frame[0]);
		tell_levels(p);
		return nr;
	}
	p->file_wanted.page = 0;
	pager_file_insert(p, page, pte_resident(frame[0], write), now_ns);
	for (uint32_t i = 1; i < (uint32_t)nr; i++)
		pager_file_insert(p, page + i, pte_ahead(frame[i]), now_ns);
	return 0;
}

/* Somebody came for a block that is cached. */
static void hit(struct pager *p, uint32_t page)
{
	p->stats->file_hits++;
	p->stats->file_ahead_hits += (p->pte[page] & PTE_AHEAD) != 0;
	p->pte[page] &= ~PTE_AHEAD;
}

void pager_file_read(struct pager *p, uint32_t block, uint32_t following)
{
	uint32_t page = pager_file_page(p, block);

	if (p->pte[page])
		hit(p, page);
	else
		p->file_wanted = (struct pager_file_want){.page = page, .following = following};
}

static bool is_dirty(const struct pager *p, uint32_t block)
{
	return p->pte[p->pages + block] & PTE_DIRTY;
}

/* The next run of neighbouring dirty blocks from the hand on, which stays behind it. There is a dirty one. */
static uint32_t next_run(struct pager *p, uint32_t *first)
{
	uint32_t nr = 0;

	for (uint32_t looked = 0; looked < p->file_used; looked++) {
		if (p->file_hand >= p->file_used)
			p->file_hand = 0;
		if (is_dirty(p, p->file_hand))
			break;
		p->file_hand++;
	}
	*first = p->file_hand;
	while (nr < PAGER_CLUSTER && p->file_hand < p->file_used && is_dirty(p, p->file_hand)) {
		p->file_hand++;
		nr++;
	}
	return nr;
}

/* Writes runs until no more is dirty than may be, or until the disk fails. */
static void write_back(struct pager *p)
{
	npages_t most = p->capacity * PAGER_DIRTY_PPM / PPM;

	while (p->file_dirty > most) {
		gfn_t frame[PAGER_CLUSTER];
		uint32_t first, nr = next_run(p, &first);

		for (uint32_t i = 0; i < nr; i++)
			frame[i] = pte_frame(p->pte[p->pages + first + i]);
		if (p->ops->file_write(p->ctx, frame, nr, first)) {
			p->stats->io_errors++;
			return;
		}
		for (uint32_t i = 0; i < nr; i++)
			p->pte[p->pages + first + i] &= ~PTE_DIRTY;
		p->file_dirty -= nr;
		p->stats->file_write_pages += nr;
	}
}

void pager_file_write(struct pager *p, uint32_t block)
{
	uint32_t page = pager_file_page(p, block);

	write_back(p); /* before this one counts as dirty: it has no content yet */
	if (!p->pte[page]) {
		p->file_wanted = (struct pager_file_want){.page = page, .overwritten = true};
	} else {
		hit(p, page);
		p->file_dirty += !(p->pte[page] & PTE_DIRTY);
		p->pte[page] |= PTE_DIRTY;
	}
	tell_levels(p);
}

void pager_file_drop(struct pager *p, uint32_t first, uint32_t nr)
{
	for (uint32_t page = p->pages + first; nr; nr--, page++) {
		uint64_t entry = p->pte[page];

		if (!entry)
			continue;
		p->policy->removed(p->policy_mem, page, POLICY_GONE);
		p->stats->file_dropped_dirty += (entry & PTE_DIRTY) != 0;
		pager_file_remove(p, page);
		frames_free(p->frames, pte_frame(entry));
	}
	pager_stale_flush(p);
	tell_levels(p);
}

void pager_file_forget(struct pager *p)
{
	for (uint32_t block = 0; block < p->file_used; block++) {
		uint64_t entry = p->pte[p->pages + block];

		p->pte[p->pages + block] = 0;
		if (entry)
			frames_free(p->frames, pte_frame(entry));
	}
	p->file_used = p->file_hand = 0;
	p->file_cached = p->file_dirty = 0;
	p->file_wanted.page = 0;
	tell_levels(p);
}

/* By number, lowest first; they are few. */
static void sort_pages(uint32_t *page, gfn_t *frame, uint32_t nr)
{
	for (uint32_t i = 1; i < nr; i++) {
		uint32_t at = i, which = page[i];
		gfn_t where = frame[i];

		for (; at && page[at - 1] > which; at--) {
			page[at] = page[at - 1];
			frame[at] = frame[at - 1];
		}
		page[at] = which;
		frame[at] = where;
	}
}

uint32_t pager_file_write_out(struct pager *p, uint32_t *page, gfn_t *frame, uint32_t nr)
{
	uint32_t written = 0, from = 0, run;

	sort_pages(page, frame, nr);
	for (; from < nr; from += run) {
		for (run = 1; from + run < nr && page[from + run] == page[from] + run;)
			run++;
		if (p->ops->file_write(p->ctx, frame + from, run, block_of(p, page[from]))) {
			p->stats->io_errors++;
			continue;
		}
		p->stats->file_write_pages += run;
		for (uint32_t i = from; i < from + run; i++, written++) {
			uint32_t other = page[written];
			gfn_t where = frame[written];

			page[written] = page[i];
			frame[written] = frame[i];
			page[i] = other;
			frame[i] = where;
		}
	}
	return written;
}

bool pager_files_consistent(const struct pager *p)
{
	npages_t cached = 0, dirty = 0;

	for (uint32_t block = 0; block < p->file_pages; block++) {
		uint64_t entry = p->pte[p->pages + block];
		gfn_t frame = pte_frame(entry);

		if (!entry)
			continue;
		if (!(entry & PTE_PRESENT) || block >= p->file_used ||
		    !frames_contain(p->frames, frame) ||
		    frames_kind(p->frames, frame) != FRAME_PAGED ||
		    frames_owner(p->frames, frame) != p->pages + block ||
		    p->frames->info[frame.v].slot)
			return false;
		cached++;
		dirty += (entry & PTE_DIRTY) != 0;
	}
	return cached == p->file_cached && dirty == p->file_dirty &&
	       p->file_used <= p->file_pages && p->stats->file_cached_pages == cached &&
	       p->stats->file_dirty_pages == dirty;
}
