/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compress_out.c: the oldest pages leave the cache for swap; and what the cache counts, and whether that is true.
 *
 * It begins when a sixteenth of what the cache may have is left, or when it may have less than it has, and goes on
 * until an eighth is left, so that what comes in finds room and requests are clusters. Pages whose slot still holds
 * their content just leave. The others are decompressed into read buffers, which are in the reserve, and written from
 * there: no frame is needed, so a machine with none to spare can do it too. The page stays compressed until the write
 * is done, with its slot noted: a touch meanwhile finds it in the cache and takes the slot along as a clean page's, and
 * a write that fails costs nothing. While it is under way the page is not in the order of ages.
 *
 * Without swap, or if that is full, the cache holds what it has.
 */
#include "mm/why.h"

/* May be in the cache, in parts, when it is begun (16) or done (8). */
static npages_t may_stay(const struct mm_vm *v, npages_t share)
{
	npages_t limit = compress_limit(v) * MM_CACHE_PARTS;

	return limit - (limit + share - 1) / share;
}

static bool too_much(const struct mm_vm *v, npages_t share)
{
	return v->cache.parts - v->cache.parts_out > may_stay(v, share);
}

/* The content is in swap; the page leaves the cache. */
static void to_swap(struct mm *m, struct mm_vm *v, uint32_t g, enum mm_why why)
{
	struct page *p = &v->page[g];

	p->slot = compress_place_put(m, v, g);
	p->flags |= PAGE_HAS_SLOT;
	because(m, why, 0);
	page_move(m, v, g, PAGE_SWAPPED);
}

/* The page at that place, the oldest, goes into the request. False: it cannot be decompressed. */
static bool add(struct mm *m, struct mm_vm *v, struct mm_io *io, uint32_t place)
{
	struct cache_part *p = compress_part(v, place);
	uint16_t s;

	if (!stage_get(m, true, &s))
		__builtin_trap(); /* there are stages for all tickets: see page.h */
	if (m->ops->cache_read(m->body, vm_id(m, v), place, stage(s))) {
		stage_put(m, s);
		v->body_errors++;
		return false;
	}
	m->read_stages++;
	double_writes(m, v, p->gfn, stage(s));
	compress_unlist(v, place);
	v->cache.parts_out += compress_parts_of(v, place);
	p->slot = io->slot.v + io->nr;
	m->owner[p->slot] = (struct slot_owner){(vm_id(m, v) + 1) | SLOT_BUSY, p->gfn};
	io->stage[io->nr] = stage(s);
	io->page[io->nr].vm = vm_id(m, v);
	io->page[io->nr].gfn = p->gfn;
	io->nr++;
	return true;
}

static bool oldest_is_clean(const struct mm_vm *v)
{
	return compress_part(v, v->cache.oldest)->slot != CACHE_NONE;
}

/* Tickets that write-outs may still take. */
static uint32_t tickets(struct mm *m)
{
	uint32_t out = 0;

	for (unsigned i = 0; i < MM_IOS; i++)
		out += m->io[i].cached ? m->io[i].nr : 0;
	out = MM_CACHE_OUT - out;
	return io_read_tickets(m, out < MM_CLUSTER_PAGES ? out : MM_CLUSTER_PAGES);
}

/* Writes a cluster of the oldest. Returns how many; 0: not now. */
static uint32_t write_some(struct mm *m, struct mm_vm *v)
{
	uint32_t want = m->nr_io_idle > MM_READS_KEPT ? tickets(m) : 0, first, nr, did;
	struct mm_io *io;

	nr = want && m->config.swap_pages ? slot_run_get(m, want, &first) : 0;
	if (!nr)
		return 0;
	io = io_get(m);
	io->slot = slot(first);
	io->write = io->cached = true;
	while (io->nr < nr && too_much(v, 8) && !oldest_is_clean(v)) {
		uint32_t place = v->cache.oldest;

		if (add(m, v, io, place))
			continue;
		compress_unlist(v, place); /* whoever touches it will know */
		compress_list(v, place);
		break;
	}
	did = io->nr;
	for (uint32_t i = did; i < nr; i++)
		slot_put(m, first + i);
	if (did)
		m->ops->swap_start(m->body, io);
	else
		io_put(m, io);
	return did;
}

uint32_t compress_trim(struct mm *m, struct mm_vm *v)
{
	uint32_t sum = 0, did = 1;

	if (!too_much(v, 16))
		return 0;
	for (; did && too_much(v, 8); sum += did) {
		if (oldest_is_clean(v)) {
			to_swap(m, v, compress_part(v, v->cache.oldest)->gfn, MM_WHY_CACHE_CLEAN);
			v->cache.stats.clean_pages++;
			did = 1;
		} else {
			did = write_some(m, v);
		}
	}
	return sum;
}

void compress_written(struct mm *m, struct mm_io *io, int result)
{
	if (result)
		m->swap.errors++;
	else
		m->swap.written_pages += io->nr;
	for (uint32_t i = 0; i < io->nr; i++) {
		struct mm_vm *v = io->page[i].vm == MM_VM_NONE ? NULL : &m->vm[io->page[i].vm];
		struct page *p = v ? &v->page[io->page[i].gfn] : NULL;
		uint32_t slot = io->slot.v + i;
		struct cache_part *part =
			p && p->state == PAGE_COMPRESSED ? compress_part(v, p->slot) : NULL;

		if (part && part->slot != slot)
			part = NULL; /* it was touched and came again meanwhile */
		if (result && v)     /* as if it was never written */
			double_forget(v, io->page[i].gfn);
		if (result && part) {
			part->slot = CACHE_NONE;
			v->cache.parts_out -= compress_parts_of(v, p->slot);
			compress_list(v, p->slot);
		} else if (result && p && p->flags & PAGE_HAS_SLOT && p->slot == slot) {
			p->flags &= (uint8_t)~PAGE_HAS_SLOT;
			p->slot = 0;
		}
		/* The place first: what it tells of being written goes by the slot. */
		if (!result && part) {
			v->cache.stats.written_pages++;
			to_swap(m, v, io->page[i].gfn, MM_WHY_CACHE_WRITTEN);
		}
		slot_written(m, slot, result == 0);
		stage_drop_put(m, &io->stage[i], 1);
		m->read_stages--;
	}
	io->cached = false;
}

/* The figures. */

void compress_vm_stats(const struct mm_vm *v, struct mm_compress_stats *out)
{
	*out = v->cache.stats;
	out->limit_frames = compress_limit(v);
	out->frames = v->cache.frames;
}

void compress_stats(const struct mm *m, struct mm_compress_stats *out)
{
	*out = (struct mm_compress_stats){0};
	for (uint32_t i = 0; i < m->top_vm; i++) {
		struct mm_compress_stats s;

		compress_vm_stats(&m->vm[i], &s);
		out->limit_frames += s.limit_frames;
		out->frames += s.frames;
		out->pages += s.pages;
		out->quarters += s.quarters;
		out->stored_pages += s.stored_pages;
		out->stored_bytes += s.stored_bytes;
		out->loaded_pages += s.loaded_pages;
		out->rejected_pages += s.rejected_pages;
		out->no_room_pages += s.no_room_pages;
		out->written_pages += s.written_pages;
		out->clean_pages += s.clean_pages;
		out->moved_pages += s.moved_pages;
	}
}

static const char *place_is_sound(const struct mm *m, const struct mm_vm *v, uint32_t place)
{
	const struct cache_part *p = compress_part(v, place);

	if (!page_exists(v, p->gfn) || v->page[p->gfn].state != PAGE_COMPRESSED ||
	    v->page[p->gfn].slot != place)
		return "a place in the cache holds nobody's page";
	if (p->slot == CACHE_NONE)
		return NULL;
	if ((m->owner[p->slot].vm & ~SLOT_BUSY) != vm_id(m, v) + 1 ||
	    m->owner[p->slot].gfn != p->gfn)
		return "a compressed page's slot belongs to another";
	return NULL;
}

/* The order of ages has every place once, but those that are being written out. */
static bool ages_are_sound(const struct mm *m, const struct mm_vm *v, npages_t listed)
{
	uint32_t before = CACHE_NONE, place = v->cache.oldest;
	npages_t n = 0;

	for (; place != CACHE_NONE && n <= listed; place = compress_part(v, place)->newer) {
		const struct cache_part *p = compress_part(v, place);

		if (p->older != before || (p->slot != CACHE_NONE && slot_busy(m, p->slot)))
			return false;
		before = place;
		n++;
	}
	return n == listed && before == v->cache.newest;
}

bool compress_is_sound(const struct mm *m, const struct mm_vm *v, npages_t *slots, const char **why)
{
	const struct mm_cache *c = &v->cache;
	npages_t frames = 0, pages[2] = {0}, parts_out = 0, going = 0;

	for (uint32_t f = 0; f < c->nr_frames; f++) {
		frames += c->frame[f].used != 0;
		for (uint32_t i = 0; i < MM_CACHE_PARTS; i++) {
			uint32_t place = f * MM_CACHE_PARTS + i, slot = c->frame[f].part[i].slot;

			if (!(c->frame[f].used & 1u << i))
				continue;
			*why = place_is_sound(m, v, place);
			if (*why)
				return false;
			pages[c->frame[f].halves]++;
			*slots += slot != CACHE_NONE;
			if (slot != CACHE_NONE && slot_busy(m, slot)) {
				parts_out += compress_parts_of(v, place);
				going++;
			}
		}
	}
	*why = "the cache of compressed pages is inconsistent";
	return frames == c->frames && frames == (pages[0] + 3) / 4 + (pages[1] + 1) / 2 &&
	       frames <= c->nr_frames && c->stats.pages == pages[0] + pages[1] &&
	       c->stats.quarters == pages[0] && v->count[PAGE_COMPRESSED] == c->stats.pages &&
	       c->parts == pages[0] + 2 * pages[1] && c->parts_out == parts_out &&
	       ages_are_sound(m, v, c->stats.pages - going);
}
