/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * double.c: the guest's pager and the host's, working against each other on the same pages.
 *
 * Neither knows what the other holds in memory. So the host brings a page in only because the guest writes it out; or
 * only because the guest's disk overwrites it; it keeps pages in swap that the guest has long freed; and it writes what
 * it had written before, or zeros. Goldberg and Hassinger (AFIPS 1974) found the first, Waldspurger (OSDI 2002, section
 * 3.1) names it as the reason to ask guests first, Amit et al. (VSwapper, ASPLOS 2014) call the second a false swap read.
 * Each is counted here at the event that shows it; docs/memory-manager.md defines them.
 *
 * Devices tell before they touch guest memory for the guest's disk: mm_disk_access(). A page that will be overwritten
 * whole needs no content, so with config.spare_overwritten its slot is given up and it counts as a page of zeros in
 * swap; the device's touch then gets a zeroed frame. Between the two the guest could see zeros in a buffer that it has
 * handed to a device, whose content is undefined then. A compressed page is not in swap and is not counted: what it costs
 * to bring it in is no I/O. It is given up in the same way, which frees its place.
 *
 * Unchanged writebacks: a hash of 32 bits a page of what was last written. It says nothing about what the slot holds now
 * (the first write gave it up), so nothing but a counter rests on it, and one in 2^32 is counted wrongly.
 */
#include "mm/why.h"

int double_vm_added(struct mm *m, struct mm_vm *v)
{
	if (!m->config.swap_pages || !m->ops->stage_hash)
		return 0;
	v->left = mm_zalloc(m, vm_id(m, v), v->nr_gfns * sizeof *v->left);
	return v->left ? 0 : -12;
}

void double_vm_free(struct mm *m, struct mm_vm *v)
{
	mm_free(m, vm_id(m, v), v->left, v->nr_gfns * sizeof *v->left);
	v->left = NULL;
}

void double_forget(struct mm_vm *v, uint32_t g)
{
	if (v->left)
		v->left[g] = 0;
}

void double_writes(struct mm *m, struct mm_vm *v, uint32_t g, stage_t s)
{
	uint64_t hash;
	uint32_t now;

	if (m->config.write_zeros && m->ops->stage_is_zero(m->body, s)) {
		v->twice.zero_writebacks++;
		double_forget(v, g);
		return;
	}
	if (!v->left)
		return;
	hash = m->ops->stage_hash(m->body, s);
	now = (uint32_t)(hash ^ hash >> 32);
	now += !now; /* 0 is "not known" */
	v->twice.identical_writebacks += v->left[g] == now;
	v->left[g] = now;
}

/* The page, in swap, is about to be overwritten as a whole. */
static void overwritten(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];
	bool must_read = p->flags & PAGE_HAS_SLOT && !(p->flags & PAGE_AHEAD);

	v->twice.guest_in_of_swapped++;
	if (!m->config.spare_overwritten) {
		v->twice.overwrite_reads += must_read;
		page_note(m, v, g, MM_WHY_DISK_OVERWRITES, 0);
		return;
	}
	v->twice.overwrite_reads_spared += must_read;
	page_note(m, v, g, MM_WHY_DISK_SPARED, 0);
	ahead_page_forget(m, v, g);
	p->flags &= (uint8_t)~PAGE_AHEAD;
	if (p->flags & PAGE_HAS_SLOT)
		slot_release(m, v, g);
	double_forget(v, g);
}

/* The same of a compressed page: no I/O is at stake and nothing is counted, but its place can be free at once. */
static void compressed_overwritten(struct mm *m, struct mm_vm *v, uint32_t g)
{
	if (!m->config.spare_overwritten) {
		page_note(m, v, g, MM_WHY_DISK_OVERWRITES, 0);
		return;
	}
	compress_let_go(m, v, g);
	because(m, MM_WHY_DISK_SPARED, 0);
	page_move(m, v, g, PAGE_SWAPPED);
	double_forget(v, g);
}

void do_disk_access(struct mm *m, uint32_t vm, const gfn_t *pages, uint32_t nr, bool overwrites,
		    uint64_t now_ns)
{
	struct mm_vm *v = vm < m->config.max_vms ? &m->vm[vm] : NULL;

	if (!v || !v->in_use || v->ended || v->doomed)
		return;
	mm_enter(m, now_ns);
	m->call = MM_CALL_DISK;
	for (uint32_t i = 0; i < nr; i++) {
		uint32_t g = (uint32_t)pages[i].v;

		if (!page_exists(v, pages[i].v))
			continue;
		if (v->page[g].state == PAGE_COMPRESSED && overwrites) {
			compressed_overwritten(m, v, g);
		} else if (v->page[g].state != PAGE_SWAPPED) {
			continue;
		} else if (overwrites) {
			overwritten(m, v, g);
		} else {
			v->twice.guest_out_of_swapped++;
			page_note(m, v, g, MM_WHY_DISK_READS, 0);
		}
	}
	fault_serve_waiting(m); /* what was given up may have made room */
	mm_leave(m);
}
