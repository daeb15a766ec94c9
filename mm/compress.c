/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compress.c: the cache of compressed pages, as ESX has it since 4.1: a page on its way out that compresses to half or
 * less stays in memory in that form, and a touch of it costs a decompression instead of a read from swap.
 *
 * Each VM has a cache of its own, made of frames that it is charged for as for its other frames: what counts against
 * its target is resident + cache, so no VM's cache takes anything from another, and targets are divided as without it.
 *
 * A frame holds two halves or four quarters, never both kinds. When a page leaves a frame that was full, another one is
 * moved in from the one frame of its kind that has room. So of each kind at most one frame has room, at all times, and
 *
 *	frames = halves / 2 + quarters / 4, each rounded up
 *
 * whatever comes and goes: nothing is pinned by what is nearly empty.
 *
 * Frames are never needed that are not there. On the way in the content goes to the body's buffer (in the reserve), the
 * page's own frame is freed, and only then may a frame be taken for the cache. On the way out to a touch the page needs
 * a free frame as any page that comes in. On the way out to swap: compress_out.c.
 *
 * A clean page keeps its slot (in the cache's records): if it is not touched it leaves without being written, and if it
 * is, it comes back clean. The limit is a share of the VM's size, and half of its target less the floor, so that a VM
 * that must shrink has pages to give beside its cache.
 *
 * Pages that do not compress cost a try each. After DENSE_MOST in a row that did not, only one of DENSE_SKIP is tried.
 */
#include "mm/why.h"

#define DENSE_MOST 32u
#define DENSE_SKIP 8u

#define PART_BYTES (PAGE_BYTES / MM_CACHE_PARTS)

static const uint8_t full[2] = {0xf, 0x5}; /* by halves: used, if no part is free */

static struct cache_frame *frame_of(const struct mm_vm *v, uint32_t place)
{
	return &v->cache.frame[place / MM_CACHE_PARTS];
}

struct cache_part *compress_part(const struct mm_vm *v, uint32_t place)
{
	return &frame_of(v, place)->part[place % MM_CACHE_PARTS];
}

uint32_t compress_parts_of(const struct mm_vm *v, uint32_t place)
{
	return frame_of(v, place)->halves ? 2 : 1;
}

uint32_t mm_cache_frames(uint32_t compress_ppm, npages_t pages)
{
	return (uint32_t)ppm_of(pages, compress_ppm);
}

npages_t compress_limit(const struct mm_vm *v)
{
	npages_t beside = v->target > MM_FLOOR_PAGES ? (v->target - MM_FLOOR_PAGES) / 2 : 0;

	return v->cache.nr_frames < beside ? v->cache.nr_frames : beside;
}

int compress_vm_added(struct mm *m, struct mm_vm *v)
{
	struct mm_cache *c = &v->cache;
	uint32_t nr = mm_cache_frames(m->config.compress_ppm, v->config.pages);

	c->oldest = c->newest = c->partial[0] = c->partial[1] = c->unused = CACHE_NONE;
	if (!nr)
		return 0;
	c->frame = mm_zalloc(m, vm_id(m, v), nr * sizeof *c->frame);
	if (!c->frame)
		return -12;
	c->nr_frames = nr;
	while (nr--) {
		c->frame[nr].part[0].older = c->unused;
		c->unused = nr;
	}
	return 0;
}

void compress_vm_free(struct mm *m, struct mm_vm *v)
{
	mm_free(m, vm_id(m, v), v->cache.frame, v->cache.nr_frames * sizeof *v->cache.frame);
	v->cache.frame = NULL;
	v->cache.nr_frames = 0;
}

/* The order of ages: what is being written out is not in it. */

void compress_unlist(struct mm_vm *v, uint32_t place)
{
	struct mm_cache *c = &v->cache;
	struct cache_part *p = compress_part(v, place);

	*(p->older == CACHE_NONE ? &c->oldest : &compress_part(v, p->older)->newer) = p->newer;
	*(p->newer == CACHE_NONE ? &c->newest : &compress_part(v, p->newer)->older) = p->older;
}

void compress_list(struct mm_vm *v, uint32_t place)
{
	struct mm_cache *c = &v->cache;
	struct cache_part *p = compress_part(v, place);

	p->older = c->newest;
	p->newer = CACHE_NONE;
	*(c->newest == CACHE_NONE ? &c->oldest : &compress_part(v, c->newest)->newer) = place;
	c->newest = place;
}

/* A slot that is busy is being written: from here, since nothing else writes it while its page is compressed. */
static bool is_going(const struct mm *m, const struct cache_part *p)
{
	return p->slot != CACHE_NONE && slot_busy(m, p->slot);
}

/* Frames. */

static bool kind_has_room(const struct mm_vm *v, bool halves)
{
	const struct mm_cache *c = &v->cache;

	return c->partial[halves] != CACHE_NONE || c->frames < compress_limit(v);
}

bool compress_has_room(const struct mm_vm *v)
{
	return v->cache.frame && (kind_has_room(v, false) || kind_has_room(v, true));
}

bool compress_wanted(struct mm_vm *v)
{
	struct mm_cache *c = &v->cache;

	if (!compress_has_room(v))
		return false;
	if (c->dense >= DENSE_MOST && ++c->passed_by % DENSE_SKIP) {
		c->stats.rejected_pages++;
		return false;
	}
	return true;
}

static uint32_t frame_get(struct mm *m, struct mm_vm *v, bool halves)
{
	struct mm_cache *c = &v->cache;
	uint32_t frame = c->unused;

	c->unused = c->frame[frame].part[0].older;
	c->frame[frame].halves = halves;
	c->partial[halves] = frame;
	c->frames++;
	m->charged++;
	page_budget(m);
	return frame;
}

static void frame_put(struct mm *m, struct mm_vm *v, uint32_t frame)
{
	struct mm_cache *c = &v->cache;

	c->frame[frame].part[0].older = c->unused;
	c->unused = frame;
	c->frames--;
	m->charged--;
	m->ops->cache_free(m->body, vm_id(m, v), frame);
}

static uint8_t bit_of(uint32_t place)
{
	return (uint8_t)(1u << place % MM_CACHE_PARTS);
}

static uint32_t place_get(struct mm *m, struct mm_vm *v, bool halves)
{
	struct mm_cache *c = &v->cache;
	uint32_t frame =
		c->partial[halves] != CACHE_NONE ? c->partial[halves] : frame_get(m, v, halves);
	struct cache_frame *f = &c->frame[frame];
	uint32_t part = (uint32_t)__builtin_ctz(full[halves] & ~f->used);

	f->used |= (uint8_t)(1u << part);
	if (f->used == full[halves])
		c->partial[halves] = CACHE_NONE;
	c->parts += halves ? 2 : 1;
	return frame * MM_CACHE_PARTS + part;
}

/* Content and record move from one place to a free one of the same kind. */
static void move(struct mm *m, struct mm_vm *v, uint32_t from, uint32_t to)
{
	struct mm_cache *c = &v->cache;
	struct cache_part *p = compress_part(v, to);

	*p = *compress_part(v, from);
	frame_of(v, from)->used &= (uint8_t)~bit_of(from);
	frame_of(v, to)->used |= bit_of(to);
	v->page[p->gfn].slot = to;
	if (!is_going(m, p)) {
		*(p->older == CACHE_NONE ? &c->oldest : &compress_part(v, p->older)->newer) = to;
		*(p->newer == CACHE_NONE ? &c->newest : &compress_part(v, p->newer)->older) = to;
	}
	m->ops->cache_move(m->body, vm_id(m, v), from, to);
	c->stats.moved_pages++;
}

/* Nobody is in that place any more. */
static void place_free(struct mm *m, struct mm_vm *v, uint32_t place)
{
	struct mm_cache *c = &v->cache;
	struct cache_frame *f = frame_of(v, place);
	uint32_t *partial = &c->partial[f->halves], frame = place / MM_CACHE_PARTS;

	c->parts -= f->halves ? 2 : 1;
	f->used &= (uint8_t)~bit_of(place);
	if (*partial == CACHE_NONE)
		*partial = frame;
	else if (*partial != frame)
		move(m, v,
		     *partial * MM_CACHE_PARTS + (uint32_t)__builtin_ctz(c->frame[*partial].used),
		     place);
	if (!c->frame[*partial].used) {
		frame_put(m, v, *partial);
		*partial = CACHE_NONE;
	}
}

uint32_t compress_place_put(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];
	uint32_t place = p->slot, slot = compress_part(v, place)->slot;

	if (is_going(m, compress_part(v, place)))
		v->cache.parts_out -= compress_parts_of(v, place);
	else
		compress_unlist(v, place);
	v->cache.stats.pages--;
	v->cache.stats.quarters -= !frame_of(v, place)->halves;
	p->slot = 0;
	place_free(m, v, place);
	return slot;
}

/* Pages in and out. */

bool compress_page(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];
	struct mm_cache *c = &v->cache;
	uint32_t bytes, place;
	bool halves;

	if (m->ops->compress(m->body, stage(p->stage), &bytes)) {
		c->dense++;
		c->stats.rejected_pages++;
		return false;
	}
	c->dense = c->passed_by = 0;
	halves = bytes > PART_BYTES;
	if (!kind_has_room(v, halves)) {
		c->stats.no_room_pages++;
		return false;
	}
	stage_drop_put(m, &(stage_t){p->stage}, 1);
	page_move(m, v, g, PAGE_COMPRESSED); /* its frame is free: one for the cache is there */
	place = place_get(m, v, halves);
	*compress_part(v, place) = (struct cache_part){
		.gfn = g, .slot = p->flags & PAGE_HAS_SLOT ? p->slot : CACHE_NONE};
	p->flags &= (uint8_t)~PAGE_HAS_SLOT;
	p->slot = place;
	compress_list(v, place);
	m->ops->cache_store(m->body, vm_id(m, v), place);
	c->stats.pages++;
	c->stats.quarters += !halves;
	c->stats.stored_pages++;
	c->stats.stored_bytes += bytes;
	return true;
}

/* What is in the cache cannot be made out any more: the VM must not see what takes its place. */
static int map_lost(struct mm *m, struct mm_vm *v, uint32_t g, int error)
{
	if (!v->broken) {
		v->broken = true;
		m->ops->vm_broken(m->body, vm_id(m, v), error);
	}
	return m->ops->map_zero(m->body, vm_id(m, v), gfn(g));
}

bool compress_fault(struct mm *m, struct mm_vm *v, uint32_t g)
{
	struct page *p = &v->page[g];
	bool clean, protect, lost;
	uint32_t slot;
	int result;

	if (!frame_take(m, v) || p->state != PAGE_COMPRESSED)
		return false; /* or the page was what its VM, doomed, gave for a frame */
	slot = compress_part(v, p->slot)->slot;
	clean = slot != CACHE_NONE;
	protect = clean || sample_by_write(m, p);
	result = m->ops->cache_map(m->body, vm_id(m, v), gfn(g), p->slot, protect);
	lost = result == -5;
	if (lost)
		result = map_lost(m, v, g, result);
	because(m, lost ? MM_WHY_READ_LOST : MM_WHY_DECOMPRESSED, 0);
	if (result) {
		v->body_errors++;
		return false;
	}
	page_move(m, v, g, PAGE_RESIDENT);
	compress_place_put(m, v, g);
	if (clean) {
		p->slot = slot;
		p->flags |= PAGE_HAS_SLOT;
	}
	if (lost && clean)
		slot_release(m, v, g);
	if (protect && !lost)
		p->flags |= PAGE_PROTECTED;
	page_brought_in(m, v, g);
	v->cache.stats.loaded_pages += !lost;
	return true;
}

bool compress_sacrifice(struct mm *m, struct mm_vm *v)
{
	npages_t frames = v->cache.frames;

	while (v->cache.frames == frames && v->cache.oldest != CACHE_NONE && frames) {
		uint32_t g = compress_part(v, v->cache.oldest)->gfn;

		compress_let_go(m, v, g);
		because(m, MM_WHY_SACRIFICED, 0);
		page_move(m, v, g, PAGE_UNTOUCHED);
	}
	return v->cache.frames < frames;
}

void compress_let_go(struct mm *m, struct mm_vm *v, uint32_t g)
{
	uint32_t slot = compress_place_put(m, v, g);

	if (slot == CACHE_NONE)
		return;
	v->page[g].slot = slot;
	v->page[g].flags |= PAGE_HAS_SLOT;
	slot_release(m, v, g);
}
