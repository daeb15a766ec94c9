/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory.c: see memory.h. Every change of a page's mapping goes through set(), which keeps two counts: the frames in use,
 * to be held against the budget, and the pages of a guest's own that are out of its reach.
 *
 * Frames are those a host would have given. Reading stages always have theirs, from the reserve, and are not counted.
 */
#include "sim/memory.h"

#include <errno.h>
#include <stdlib.h>

#include "ballast/rng.h"
#include "mm/mm.h"

int sim_memory_create(struct sim_memory *mem, uint32_t max_vms, uint32_t pool_frames,
		      npages_t slots, uint64_t seed)
{
	*mem = (struct sim_memory){
		.max_ranges = max_vms,
		.nr_frames = pool_frames,
		.nr_slots = slots,
		.nr_stages = mm_stages(),
		.nr_read_stages = mm_read_stages(),
		.secret = rng_mix(rng_mix(seed)),
	};
	mem->range = calloc(max_vms, sizeof(*mem->range));
	mem->stage = calloc(mem->nr_stages, sizeof(*mem->stage));
	mem->frame = calloc(pool_frames + 1ull, sizeof(*mem->frame));
	mem->slot = calloc(slots + 1, sizeof(*mem->slot));
	return mem->range && mem->stage && mem->frame && mem->slot ? 0 : -ENOMEM;
}

static void range_free(struct sim_range *r)
{
	free(r->page);
	free(r->place);
	free(r->cache_frame);
	*r = (struct sim_range){.nr = 0};
}

void sim_memory_destroy(struct sim_memory *mem)
{
	for (uint32_t i = 0; mem->range && i < mem->max_ranges; i++)
		range_free(&mem->range[i]);
	free(mem->range);
	free(mem->stage);
	free(mem->frame);
	free(mem->slot);
	*mem = (struct sim_memory){.range = NULL};
}

int sim_memory_add(struct sim_memory *mem, uint32_t vm, uint64_t nr_gfns, uint32_t cache_frames)
{
	struct sim_range *r = &mem->range[vm];

	r->page = calloc(nr_gfns, sizeof(*r->page));
	r->nr = r->page ? nr_gfns : 0;
	if (!cache_frames || !r->page)
		return r->page ? 0 : -ENOMEM;
	r->place = calloc((size_t)cache_frames * MM_CACHE_PARTS, sizeof(*r->place));
	r->cache_frame = calloc(cache_frames, sizeof(*r->cache_frame));
	r->nr_cache_frames = r->place && r->cache_frame ? cache_frames : 0;
	return r->nr_cache_frames ? 0 : -ENOMEM;
}

void sim_memory_remove(struct sim_memory *mem, uint32_t vm)
{
	range_free(&mem->range[vm]);
}

void sim_memory_count(struct sim_memory *mem, int more)
{
	mem->frames += (npages_t)(int64_t)more;
	if (mem->frames > mem->peak_frames)
		mem->peak_frames = mem->frames;
}

static bool is_out(const struct sim_page *p)
{
	return p->flags & SIM_KERNEL && !sim_page_within_reach(p, !(p->flags & SIM_READ_ONLY));
}

static void count_out(struct sim_range *r, const struct sim_page *p, int64_t more)
{
	if (!is_out(p))
		return;
	r->kernel_out += (npages_t)more;
	if (p->flags & SIM_IMAGE)
		r->image_out += (npages_t)more;
}

static bool owns_frame(const struct sim_page *p)
{
	return p->flags & SIM_PRESENT && !p->frame;
}

/* The page is present or not, protected or not, and maps that frame. */
static void set(struct sim_memory *mem, uint32_t vm, struct sim_page *p, unsigned flags,
		uint32_t frame)
{
	bool owned = owns_frame(p);

	count_out(&mem->range[vm], p, -1);
	p->flags = (uint8_t)((p->flags & ~(SIM_PRESENT | SIM_PROTECTED)) | flags);
	p->frame = frame;
	count_out(&mem->range[vm], p, 1);
	sim_memory_count(mem, (int)owns_frame(p) - (int)owned);
}

void sim_memory_kernel_page(struct sim_memory *mem, uint32_t vm, gfn_t g, unsigned flags)
{
	struct sim_page *p = sim_memory_page(mem, vm, g);

	count_out(&mem->range[vm], p, -1);
	p->flags |= (uint8_t)flags;
	count_out(&mem->range[vm], p, 1);
}

static int refuse(struct sim_memory *mem)
{
	mem->wrong++;
	return -EINVAL;
}

int sim_memory_map(struct sim_memory *mem, uint32_t vm, gfn_t g, uint64_t content, bool protect)
{
	struct sim_page *p = sim_memory_page(mem, vm, g);

	if (p->flags & SIM_PRESENT)
		return refuse(mem);
	p->content = content;
	set(mem, vm, p, protect ? SIM_PRESENT | SIM_PROTECTED : SIM_PRESENT, 0);
	return 0;
}

int sim_memory_map_zero_page(struct sim_memory *mem, uint32_t vm, gfn_t g)
{
	struct sim_page *p = sim_memory_page(mem, vm, g);

	if (p->flags & SIM_PRESENT)
		return refuse(mem);
	p->content = 0;
	set(mem, vm, p, SIM_PRESENT | SIM_PROTECTED, SIM_ZERO_PAGE);
	return 0;
}

/* The page maps a shared frame no more; its content is what that frame holds. */
static void unmap_frame(struct sim_memory *mem, struct sim_page *p)
{
	struct sim_frame *f;

	if (!p->frame || p->frame == SIM_ZERO_PAGE)
		return;
	f = &mem->frame[p->frame - 1];
	if (!f->used || !f->mapped || f->content != p->content)
		mem->wrong++;
	p->content = f->content;
	f->mapped--;
}

int sim_memory_withdraw(struct sim_memory *mem, uint32_t vm, gfn_t g, stage_t s)
{
	struct sim_page *p = sim_memory_page(mem, vm, g);
	struct sim_stage *to = &mem->stage[s.v];

	if (!(p->flags & SIM_PRESENT) || to->full || s.v < mem->nr_read_stages)
		return refuse(mem);
	unmap_frame(mem, p);
	*to = (struct sim_stage){.content = p->content, .full = true};
	set(mem, vm, p, 0, 0);
	sim_memory_count(mem, 1);
	return 0;
}

int sim_memory_discard(struct sim_memory *mem, uint32_t vm, gfn_t g)
{
	struct sim_page *p = sim_memory_page(mem, vm, g);

	if (!(p->flags & SIM_PRESENT))
		return refuse(mem);
	unmap_frame(mem, p);
	set(mem, vm, p, 0, 0);
	return 0;
}

/* Of a page with a frame of its own. */
static int set_protection(struct sim_memory *mem, uint32_t vm, gfn_t g, unsigned flags)
{
	struct sim_page *p = sim_memory_page(mem, vm, g);

	if (!owns_frame(p))
		return refuse(mem);
	set(mem, vm, p, flags, 0);
	return 0;
}

int sim_memory_protect(struct sim_memory *mem, uint32_t vm, gfn_t g)
{
	return set_protection(mem, vm, g, SIM_PRESENT | SIM_PROTECTED);
}

int sim_memory_unprotect(struct sim_memory *mem, uint32_t vm, gfn_t g)
{
	return set_protection(mem, vm, g, SIM_PRESENT);
}

void sim_memory_stage_drop(struct sim_memory *mem, stage_t s)
{
	if (s.v < mem->nr_read_stages)
		return;
	if (!mem->stage[s.v].full) {
		mem->wrong++;
		return;
	}
	mem->stage[s.v].full = false;
	sim_memory_count(mem, -1);
}

int sim_memory_share(struct sim_memory *mem, uint32_t vm, gfn_t g, uint32_t nr, uint32_t frame,
		     bool fill)
{
	uint32_t did = 0;

	for (; did < nr; did++) {
		struct sim_page *p = sim_memory_page(mem, vm, gfn(g.v + did));
		struct sim_frame *f = &mem->frame[frame + did];

		if (!owns_frame(p) || f->used == fill)
			return did ? (int)did : refuse(mem);
		if (fill)
			*f = (struct sim_frame){.content = p->content, .used = true};
		else if (f->content != p->content)
			break;
		f->mapped++;
		set(mem, vm, p, SIM_PRESENT | SIM_PROTECTED, frame + did + 1);
		sim_memory_count(mem, fill);
	}
	return did ? (int)did : -EAGAIN;
}

int sim_memory_break(struct sim_memory *mem, uint32_t vm, gfn_t g)
{
	struct sim_page *p = sim_memory_page(mem, vm, g);

	if (!(p->flags & SIM_PRESENT) || !p->frame || p->frame == SIM_ZERO_PAGE)
		return refuse(mem);
	unmap_frame(mem, p);
	set(mem, vm, p, SIM_PRESENT, 0);
	return 0;
}

void sim_memory_frame_free(struct sim_memory *mem, uint32_t frame)
{
	struct sim_frame *f = &mem->frame[frame];

	if (!f->used || f->mapped) {
		mem->wrong++;
		return;
	}
	f->used = false;
	sim_memory_count(mem, -1);
}

static npages_t range_frames(const struct sim_range *r, bool *sound)
{
	npages_t own = 0, out = 0, image_out = 0;

	for (uint64_t g = 0; g < r->nr; g++) {
		own += owns_frame(&r->page[g]);
		out += is_out(&r->page[g]);
		image_out += is_out(&r->page[g]) && r->page[g].flags & SIM_IMAGE;
	}
	for (uint32_t i = 0; i < r->nr_cache_frames; i++)
		own += r->cache_frame[i];
	*sound &= out == r->kernel_out && image_out == r->image_out;
	return own;
}

bool sim_memory_consistent(const struct sim_memory *mem)
{
	npages_t frames = 0;
	bool sound = !mem->wrong;

	for (uint32_t i = 0; i < mem->max_ranges; i++)
		frames += range_frames(&mem->range[i], &sound);
	for (uint32_t i = 0; i < mem->nr_frames; i++)
		frames += mem->frame[i].used;
	for (uint32_t i = mem->nr_read_stages; i < mem->nr_stages; i++)
		frames += mem->stage[i].full;
	return sound && frames == mem->frames;
}
