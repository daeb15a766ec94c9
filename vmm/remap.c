/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remap.c: see remap.h. How mappings change under a running guest (host-kvm rule 1):
 *
 *   Nothing is mapped in place. What shall be there is made ready aside (mapped, registered, populated, protected, with
 *   the flags of its future neighbours) and moved over the guest pages by mremap(): one step, in which no access finds
 *   anything but the old pages or the new ones. With UFFD_FEATURE_EVENT_REMAP the mapping stays registered, and the
 *   mremap() returns when its event was read; so no thread may do it while it is the one that reads.
 *
 * Empty pages and zero pages are made ready in batches; each move then costs one mremap(). They have never been written,
 * so the kernel has no record of their first address, and they merge with the anonymous memory around their new place.
 * (They would not if they had ever been one mapping with memory that was written: so a fence keeps them apart.)
 *
 * The number of mappings is limited (vm.max_map_count). It is estimated from the records, and the estimate is put right
 * whenever somebody counts. Neighbours whose pages were copied separately do not merge, which the records do not say;
 * that is what the last tenth is for.
 */
#include "vmm/remap.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "vmm/memory.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define SPARES          256u
#define MAP_COUNT_USUAL 65530u /* the kernel's default */
#define ASIDE           4      /* mappings that come and go on the way */

static uint64_t count_lines(const char *path)
{
	FILE *f = fopen(path, "re");
	uint64_t lines = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		lines += c == '\n';
	if (f)
		fclose(f);
	return lines;
}

static uint64_t map_count_limit(void)
{
	FILE *f = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned long long limit;

	if (!f || fscanf(f, "%llu", &limit) != 1)
		limit = MAP_COUNT_USUAL;
	if (f)
		fclose(f);
	return limit;
}

void remap_init(struct remap *r)
{
	*r = (struct remap){.most_mappings = map_count_limit() / 10 * 9,
			    .other_mappings = (int64_t)count_lines("/proc/self/maps")};
}

static void drop_spares(struct remap_spare *s)
{
	if (!s->start)
		return;
	munmap(s->start - PAGE_BYTES, (s->left + 1) * PAGE_BYTES);
	munmap(s->start + SPARES * PAGE_BYTES, PAGE_BYTES);
	*s = (struct remap_spare){NULL, 0};
}

void remap_exit(struct remap *r)
{
	drop_spares(&r->hole);
	drop_spares(&r->zero);
}

int remap_over(struct memory *mem, uint8_t *from, uint32_t vm, gfn_t g, uint32_t nr)
{
	size_t bytes = nr * PAGE_BYTES;
	uint8_t *to = memory_page(mem, vm, g);

	if (mem->remap.before)
		mem->remap.before(mem->remap.ctx);
	return mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED ? -errno
											   : 0;
}

static int make_spares(struct memory *mem, struct remap_spare *s, bool zero)
{
	const size_t bytes = SPARES * PAGE_BYTES;
	uint8_t *fence = mmap(NULL, bytes + 2 * PAGE_BYTES, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *p = fence == MAP_FAILED ? NULL : memory_reserve_at(fence + PAGE_BYTES, bytes);
	int result = p ? 0 : -ENOMEM;

	if (fence == MAP_FAILED)
		return -ENOMEM;
	if (!result && zero && madvise(p, bytes, MADV_POPULATE_READ))
		result = -errno;
	if (!result)
		result = uffd_register(&mem->uffd, p, bytes, true);
	if (!result && zero)
		result = uffd_protect_range(&mem->uffd, p, bytes, true);
	if (result) {
		munmap(fence, bytes + 2 * PAGE_BYTES);
		return result;
	}
	*s = (struct remap_spare){p, SPARES};
	return 0;
}

static int spare_over(struct memory *mem, struct remap_spare *s, bool zero, uint32_t vm, gfn_t g,
		      uint32_t nr)
{
	int result = 0;

	if (s->left < nr) {
		drop_spares(s);
		result = make_spares(mem, s, zero);
	}
	if (!result)
		result = remap_over(mem, s->start + (s->left - nr) * PAGE_BYTES, vm, g, nr);
	if (!result)
		s->left -= nr;
	return result;
}

int remap_hole_over(struct memory *mem, uint32_t vm, gfn_t g, uint32_t nr)
{
	int result = spare_over(mem, &mem->remap.hole, false, vm, g, nr);

	if (!result && mem->range[vm].frame)
		remap_note(mem, vm, g.v, nr, SHARE_NONE);
	return result;
}

int remap_zero_over(struct memory *mem, uint32_t vm, gfn_t g)
{
	return spare_over(mem, &mem->remap.zero, true, vm, g, 1);
}

uint32_t remap_frame(const struct memory_range *r, uint64_t g)
{
	return r->frame[g] & ~SHARE_COPIED;
}

/* 1: neighbours that map these are not one mapping. */
static int64_t boundary(uint32_t a, uint32_t b)
{
	return a || b ? !a || b != a + 1 : 0;
}

bool remap_joined(const struct memory_range *r, uint64_t a)
{
	return a + 1 < r->bytes >> PAGE_SHIFT_BITS &&
	       !boundary(remap_frame(r, a), remap_frame(r, a + 1));
}

int64_t remap_cost(const struct memory_range *r, uint64_t g, uint32_t nr, uint32_t frame)
{
	uint64_t end = g + nr, pages = r->bytes >> PAGE_SHIFT_BITS;
	int64_t cost = 0;

	for (uint64_t i = g ? g - 1 : 0; i < end && i + 1 < pages; i++)
		cost -= boundary(remap_frame(r, i), remap_frame(r, i + 1));
	if (g)
		cost += boundary(remap_frame(r, g - 1), frame);
	if (end < pages)
		cost += boundary(frame ? frame + nr - 1 : SHARE_NONE, remap_frame(r, end));
	return cost;
}

void remap_note(struct memory *mem, uint32_t vm, uint64_t g, uint32_t nr, uint32_t frame)
{
	struct memory_range *r = &mem->range[vm];

	mem->remap.boundaries += remap_cost(r, g, nr, frame);
	for (uint32_t i = 0; i < nr; i++)
		r->frame[g + i] = frame ? frame + i : SHARE_NONE;
}

bool remap_room(const struct memory *mem, int64_t more)
{
	const struct remap *r = &mem->remap;

	return more <= 0 ||
	       r->other_mappings + r->boundaries + more + ASIDE <= (int64_t)r->most_mappings;
}

void memory_mappings_counted(struct memory *mem, uint64_t mappings)
{
	mem->remap.other_mappings = (int64_t)mappings - mem->remap.boundaries;
}

static bool is_in(const struct remap_spare *s, uint64_t address)
{
	return s->left && address - (uintptr_t)s->start < s->left * PAGE_BYTES;
}

bool memory_is_spare(const struct memory *mem, uint64_t address)
{
	return is_in(&mem->remap.hole, address) || is_in(&mem->remap.zero, address);
}
