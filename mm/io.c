/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * io.c: swap requests under way.
 *
 * Pages that left together have neighbouring slots; a read takes up to ahead_window slots of one aligned block with
 * it. What becomes of those that nobody waited for: ahead.c.
 *
 * A write that fails marks its slots bad and puts the pages back, or, if the body refuses that too, leaves them
 * *sampled*: the next touch brings them back. A read that fails is tried once more alone; then the VM is broken.
 */
#include "mm/why.h"

struct mm_io *io_get(struct mm *m)
{
	struct mm_io *io = m->io_idle;

	if (!io)
		return NULL;
	m->io_idle = io->next;
	m->nr_io_idle--;
	io->nr = 0;
	io->demand = io->cached = false;
	io->next = NULL;
	return io;
}

void io_put(struct mm *m, struct mm_io *io)
{
	io->nr = 0; /* an idle request concerns nobody */
	io->next = m->io_idle;
	m->io_idle = io;
	m->nr_io_idle++;
}

/* The request under way that moves this page goes on without it; a page has one at most. */
void io_disown_page(struct mm *m, struct mm_vm *v, uint32_t g)
{
	const struct page *p = &v->page[g];

	for (unsigned i = 0; i < MM_IOS; i++) {
		struct mm_io *io = &m->io[i];

		for (uint32_t k = 0; k < io->nr; k++) {
			if (io->page[k].vm != vm_id(m, v) || io->page[k].gfn != g)
				continue;
			if (io->write ? p->state == PAGE_LEAVING && p->stage == io->stage[k].v
				      : p->state == PAGE_ARRIVING || p->flags & PAGE_AHEAD)
				io->page[k].vm = MM_VM_NONE;
		}
	}
}

/* May the page in this slot be read ahead for v? */
static bool may_read_ahead(const struct mm *m, const struct mm_vm *v, uint32_t slot)
{
	const struct slot_owner *o = &m->owner[slot];

	if (slot >= m->config.swap_pages || o->vm != vm_id(m, v) + 1)
		return false; /* another's, free, busy or bad */
	const struct page *p = &v->page[o->gfn];
	return p->state == PAGE_SWAPPED && !(p->flags & (PAGE_AHEAD | PAGE_WAITING));
}

/* Frees read tickets by giving read-ahead up, until want are free or there is none left. */
uint32_t io_read_tickets(struct mm *m, uint32_t want)
{
	while (MM_READ_STAGES - m->read_stages < want && m->nr_ahead)
		ahead_drop_oldest(m);
	return MM_READ_STAGES - m->read_stages < want ? MM_READ_STAGES - m->read_stages : want;
}

static void read_add(struct mm *m, struct mm_vm *v, struct mm_io *io, uint32_t g)
{
	uint16_t s;

	if (!stage_get(m, true, &s))
		__builtin_trap(); /* there are stages for all tickets: see page.h */
	m->read_stages++;
	io->stage[io->nr] = stage(s);
	io->page[io->nr].vm = vm_id(m, v);
	io->page[io->nr].gfn = g;
	io->nr++;
}

bool io_read_start(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];
	uint32_t first = p->slot, end = p->slot + 1, window, block;
	struct mm_io *io;

	if (!frame_take(m, v) || !io_read_tickets(m, 1))
		return false;
	io = io_get(m);
	if (!io)
		return false;
	window = io_read_tickets(m, ahead_window(m, v));
	block = p->slot - p->slot % window;
	while (first > block && may_read_ahead(m, v, first - 1))
		first--;
	while (end < block + window && may_read_ahead(m, v, end))
		end++;
	io->slot = slot(first);
	io->write = false;
	io->demand = true;
	for (uint32_t s = first; s < end; s++) {
		uint32_t at = m->owner[s].gfn;

		read_add(m, v, io, at);
		if (at != g) {
			v->page[at].flags |= PAGE_AHEAD;
			page_note(m, v, at, MM_WHY_AHEAD_BEGINS, g);
		}
	}
	because(m, MM_WHY_READ_BEGINS, end - first);
	page_move(m, v, g, PAGE_ARRIVING);
	m->ops->swap_start(m->body, io);
	return true;
}

/* A page that somebody waits for is in its stage. */
static void arrived(struct mm *m, struct mm_vm *v, uint32_t g, uint16_t s, int result)
{
	struct page *p = &v->page[g];
	uint32_t vm = vm_id(m, v);

	p->flags &= (uint8_t)~PAGE_AHEAD;
	if (result) { /* content lost: the VM must not see what takes its place */
		if (!v->broken) {
			v->broken = true;
			m->ops->vm_broken(m->body, vm, result);
		}
		if (m->ops->map_zero(m->body, vm, gfn(g)) == 0) {
			slot_release(m, v, g);
			because(m, MM_WHY_READ_LOST, 0);
			page_move(m, v, g, PAGE_RESIDENT);
			page_brought_in(m, v, g);
			return;
		}
	} else if (m->ops->map_stage(m->body, vm, gfn(g), stage(s), true) == 0) {
		p->flags |= PAGE_PROTECTED;
		because(m, MM_WHY_READ, 0);
		page_move(m, v, g, PAGE_RESIDENT);
		page_brought_in(m, v, g);
		v->faults_swap_in++;
		return;
	}
	v->body_errors++;
	because(m, MM_WHY_MAP_REFUSED, 0);
	page_move(m, v, g, PAGE_SWAPPED);
	fault_wait(m, v, g);
}

/* Shrinks a failed cluster read to the page that is waited for and starts it again; false: it was alone already. */
static bool read_retry(struct mm *m, struct mm_io *io)
{
	uint32_t kept = UINT32_MAX;

	if (io->nr == 1)
		return false;
	for (uint32_t i = 0; i < io->nr; i++) {
		struct mm_vm *v = io->page[i].vm == MM_VM_NONE ? NULL : &m->vm[io->page[i].vm];

		if (v && v->page[io->page[i].gfn].state == PAGE_ARRIVING) {
			if (kept == UINT32_MAX) {
				kept = i;
				continue;
			}
			because(m, MM_WHY_READ_AGAIN, 0);
			page_move(m, v, io->page[i].gfn,
				  PAGE_SWAPPED); /* another touch came to it: later */
			fault_wait(m, v, io->page[i].gfn);
		}
		if (v)
			v->page[io->page[i].gfn].flags &= (uint8_t)~PAGE_AHEAD;
		stage_drop_put(m, &io->stage[i], 1);
		m->read_stages--;
	}
	if (kept == UINT32_MAX) {
		io->nr = 0;
		return false;
	}
	io->slot = slot(io->slot.v + kept);
	io->stage[0] = io->stage[kept];
	io->page[0] = io->page[kept];
	io->nr = 1;
	m->ops->swap_start(m->body, io);
	return true;
}

static void read_done(struct mm *m, struct mm_io *io, int result)
{
	if (!result)
		m->swap.read_pages += io->nr;
	for (uint32_t i = 0; i < io->nr; i++) {
		uint32_t vm = io->page[i].vm, g = io->page[i].gfn;
		uint16_t s = (uint16_t)io->stage[i].v;

		if (vm == MM_VM_NONE) {
			/* nobody is interested any more */
		} else if (m->vm[vm].page[g].state == PAGE_ARRIVING) {
			arrived(m, &m->vm[vm], g, s, result);
		} else if (!result) {
			ahead_add(m, vm, g, s);
			continue; /* the stage stays in use */
		} else {
			m->vm[vm].page[g].flags &= (uint8_t)~PAGE_AHEAD;
		}
		stage_drop_put(m, &io->stage[i], 1);
		m->read_stages--;
	}
}

/* A page that could not be written becomes resident again; false: it stays in its stage, sampled. */
static bool put_back(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];
	bool protect = sample_by_write(m, p); /* nobody wrote it: it stays in the sample */
	bool mapped =
		m->ops->map_stage(m->body, vm_id(m, v), gfn(g), stage(p->stage), protect) == 0;

	because(m, MM_WHY_WRITE_FAILED, 0);
	page_move(m, v, g, mapped ? PAGE_RESIDENT : PAGE_SAMPLED);
	if (mapped && protect)
		p->flags |= PAGE_PROTECTED;
	page_brought_in(m, v, g);
	sample_check(m, v, g);
	return mapped;
}

static void write_done(struct mm *m, struct mm_io *io, int result)
{
	stage_t empty[MM_CLUSTER_PAGES];
	uint32_t nr_empty = 0;

	if (result)
		m->swap.errors++;
	else
		m->swap.written_pages += io->nr;
	for (uint32_t i = 0; i < io->nr; i++) {
		uint32_t vm = io->page[i].vm, slot = io->slot.v + i;
		struct mm_vm *v = vm < m->top_vm ? &m->vm[vm] : NULL;
		struct page *p = v ? &v->page[io->page[i].gfn] : NULL;
		bool owns = p && p->flags & PAGE_HAS_SLOT && p->slot == slot;

		if (result && owns) {
			p->flags &= (uint8_t)~PAGE_HAS_SLOT;
			p->slot = 0;
			double_forget(v, io->page[i].gfn);
		}
		slot_written(m, slot, result == 0);
		if (vm == MM_VM_NONE) {
			m->orphans--;
		} else if (p && p->state == PAGE_LEAVING && p->stage == io->stage[i].v) {
			if (result && !put_back(m, v, io->page[i].gfn))
				continue; /* the content stays in the stage */
			if (!result) {
				because(m, MM_WHY_WRITTEN, 0);
				page_move(m, v, io->page[i].gfn, PAGE_SWAPPED);
			}
		} else {
			m->extra_stages--;
		}
		if (result) /* at once: the next page put back is there twice, too */
			stage_drop_put(m, &io->stage[i], 1);
		else
			empty[nr_empty++] = io->stage[i];
	}
	stage_drop_put(m, empty, nr_empty);
}

void do_io_done(struct mm *m, struct mm_io *io, int result, uint64_t now_ns)
{
	mm_enter(m, now_ns);
	m->call = MM_CALL_IO_DONE;
	if (io->cached) {
		compress_written(m, io, result);
	} else if (io->write) {
		write_done(m, io, result);
	} else {
		if (result)
			m->swap.errors++;
		if (result && read_retry(m, io)) {
			mm_leave(m);
			return;
		}
		read_done(m, io, result);
	}
	io_put(m, io);
	fault_serve_waiting(m);
	mm_leave(m);
}
