/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share.c: see share.h. How mappings change under a running guest (host-kvm rules 1, 4 to 7):
 *
 *   Nothing is mapped in place. What shall be there is made ready aside (mapped, registered, populated, protected, with
 *   the flags of its future neighbours) and moved over the guest page by mremap(): one step, in which no access finds
 *   anything but the old page or the new one. With UFFD_FEATURE_EVENT_REMAP the mapping stays registered, and the
 *   mremap() returns when its event was read; so no thread may do it while it is the one that reads.
 *
 *   share      protect the page, bring the frame's content about or compare with it, move a mapping of the frame over
 *   break      lift the protection and make the kernel copy at once; a page that has a mapping to itself becomes
 *              anonymous again, so that mappings come back
 *   un-share   move an empty anonymous page over: a copied page of a file mapping must never be discarded, since the
 *              file's content would come back (E6)
 *   zero       a page known to be zero is absent; read, it gets the zero page, protected and moved over as well:
 *              mapping and protecting it in place would leave room for a write without an event (E1)
 *
 * Empty pages and zero pages are made ready in batches, each then costs one mremap(). They have never been written, so
 * the kernel has no record of their first address, and they merge with the anonymous memory around their new place.
 *
 * The number of mappings is limited (vm.max_map_count). It is estimated from the records, and the estimate is put right
 * whenever somebody counts. Neighbours whose pages were copied separately do not merge, which the records do not say;
 * that is what the last tenth is for.
 */
#include "vmm/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "vmm/memory.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

#define SPARES          256u
#define MAP_COUNT_USUAL 65530u /* the kernel's default */

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

int share_open(struct memory *mem, uint32_t frames, struct error *error)
{
	struct share_pool *p = &mem->pool;

	p->frames = frames;
	p->most_mappings = map_count_limit() / 10 * 9;
	p->other_mappings = (int64_t)count_lines("/proc/self/maps");
	p->fd = memfd_create("ballast-frames", MFD_CLOEXEC);
	if (p->fd < 0 || ftruncate(p->fd, (off_t)frames * (off_t)PAGE_BYTES))
		return error_host(error, errno, "memory file for %u shared frames", frames);
	return 0;
}

void share_close(struct memory *mem)
{
	struct share_pool *p = &mem->pool;

	if (p->hole.left)
		munmap(p->hole.start, p->hole.left * PAGE_BYTES);
	if (p->zero.left)
		munmap(p->zero.start, p->zero.left * PAGE_BYTES);
	if (p->frames && p->fd >= 0)
		close(p->fd);
	for (uint32_t i = 0; i < mem->nr_ranges; i++)
		if (mem->range[i].frame)
			munmap(mem->range[i].frame,
			       (mem->range[i].bytes >> PAGE_SHIFT_BITS) * sizeof(uint32_t));
}

int share_add_range(struct memory *mem, uint32_t vm)
{
	struct memory_range *r = &mem->range[vm];
	void *frame =
		mmap(NULL, (r->bytes >> PAGE_SHIFT_BITS) * sizeof(uint32_t), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (frame == MAP_FAILED)
		return -ENOMEM;
	r->frame = frame;
	return 0;
}

bool memory_in_pool(const struct memory *mem, uint32_t vm, gfn_t g)
{
	const struct memory_range *r = &mem->range[vm];

	return r->frame && r->frame[g.v] != SHARE_NONE;
}

/* 1: neighbours a, b cannot be one mapping. */
static int64_t boundary(uint32_t a, uint32_t b)
{
	return a || b ? !a || b != a + 1 : 0;
}

/* Boundaries around page g if it maps this. */
static int64_t boundaries(const struct memory_range *r, uint64_t g, uint32_t frame)
{
	int64_t n = 0;

	if (g)
		n += boundary(r->frame[g - 1], frame);
	if (g + 1 < r->bytes >> PAGE_SHIFT_BITS)
		n += boundary(frame, r->frame[g + 1]);
	return n;
}

static void set_frame(struct memory *mem, struct memory_range *r, uint64_t g, uint32_t frame)
{
	mem->pool.boundaries += boundaries(r, g, frame) - boundaries(r, g, r->frame[g]);
	r->frame[g] = frame;
}

/* What is made aside needs some itself. */
static bool room_for(const struct memory *mem, const struct memory_range *r, uint64_t g,
		     uint32_t frame)
{
	const struct share_pool *p = &mem->pool;
	int64_t more = boundaries(r, g, frame) - boundaries(r, g, r->frame[g]);

	return more <= 0 ||
	       p->other_mappings + p->boundaries + more + 4 <= (int64_t)p->most_mappings;
}

void memory_mappings_counted(struct memory *mem, uint64_t mappings)
{
	mem->pool.other_mappings = (int64_t)mappings - mem->pool.boundaries;
}

uint64_t memory_pool_bytes(const struct memory *mem)
{
	struct stat s;

	return mem->pool.fd >= 0 && !fstat(mem->pool.fd, &s) ? (uint64_t)s.st_blocks * 512 : 0;
}

static bool is_in(const struct share_spare *s, uint64_t address)
{
	return s->left && address - (uintptr_t)s->start < s->left * PAGE_BYTES;
}

bool memory_is_spare(const struct memory *mem, uint64_t address)
{
	return is_in(&mem->pool.hole, address) || is_in(&mem->pool.zero, address);
}

/* Moves what is ready at from over the page. */
static int move_over(struct memory *mem, uint8_t *from, uint8_t *page)
{
	if (mem->pool.before_remap)
		mem->pool.before_remap(mem->pool.ctx);
	if (mremap(from, PAGE_BYTES, PAGE_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, page) == MAP_FAILED)
		return -errno;
	return 0;
}

static int make_spares(struct memory *mem, struct share_spare *s, bool zero)
{
	const size_t bytes = SPARES * PAGE_BYTES;
	uint8_t *p = memory_reserve(bytes);
	int result = 0;

	if (!p)
		return -ENOMEM;
	if (zero && madvise(p, bytes, MADV_POPULATE_READ))
		result = -errno;
	if (!result)
		result = uffd_register(&mem->uffd, p, bytes, true);
	if (!result && zero)
		result = uffd_protect_range(&mem->uffd, p, bytes, true);
	if (result) {
		munmap(p, bytes);
		return result;
	}
	*s = (struct share_spare){p, SPARES};
	return 0;
}

static int spare_over(struct memory *mem, struct share_spare *s, bool zero, uint8_t *page)
{
	int result = s->left ? 0 : make_spares(mem, s, zero);

	if (!result)
		result = move_over(mem, s->start + (s->left - 1) * PAGE_BYTES, page);
	if (!result)
		s->left--;
	return result;
}

int memory_unshare(struct memory *mem, uint32_t vm, gfn_t g)
{
	int result = spare_over(mem, &mem->pool.hole, false, memory_page(mem, vm, g));

	if (!result)
		set_frame(mem, &mem->range[vm], g.v, SHARE_NONE);
	return result;
}

/* Nothing runs in it, so it may be done in place. */
void memory_unshare_all(struct memory *mem, uint32_t vm)
{
	struct memory_range *r = &mem->range[vm];
	uint64_t pages = r->bytes >> PAGE_SHIFT_BITS;

	for (uint64_t g = 0, end; r->frame && g < pages; g = end) {
		end = g + 1;
		if (r->frame[g] == SHARE_NONE)
			continue;
		while (end < pages && r->frame[end] != SHARE_NONE)
			end++;
		memory_reserve_again(mem, memory_page(mem, vm, gfn(g)), (end - g) * PAGE_BYTES);
		for (uint64_t i = g; i < end; i++)
			set_frame(mem, r, i, SHARE_NONE);
	}
}

/* A mapping of the frame, protected and populated: a write to one that is not would be copied before its event (E5). */
static int map_frame(struct memory *mem, uint32_t frame, uint8_t **out)
{
	uint8_t *p = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
			  mem->pool.fd, (off_t)frame * (off_t)PAGE_BYTES);
	int result;

	if (p == MAP_FAILED)
		return -errno;
	madvise(p, PAGE_BYTES, MADV_NOHUGEPAGE);
	result = madvise(p, PAGE_BYTES, MADV_DONTFORK) ? -errno : 0;
	if (!result)
		result = uffd_register_protect(&mem->uffd, p, PAGE_BYTES);
	if (!result)
		result = uffd_protect(&mem->uffd, p, true);
	if (!result && madvise(p, PAGE_BYTES, MADV_POPULATE_READ))
		result = -errno;
	if (result)
		munmap(p, PAGE_BYTES);
	*out = p;
	return result;
}

static int fill_frame(const struct memory *mem, uint32_t frame, const uint8_t *page)
{
	ssize_t n = pwrite(mem->pool.fd, page, PAGE_BYTES, (off_t)frame * (off_t)PAGE_BYTES);

	return n == (ssize_t)PAGE_BYTES ? 0 : n < 0 ? -errno : -EIO;
}

/* The page, protected, becomes a mapping of the frame. */
static int frame_over(struct memory *mem, uint32_t vm, gfn_t g, uint32_t frame, bool compare)
{
	uint8_t *page = memory_page(mem, vm, g), *aside = NULL;
	int result = map_frame(mem, frame, &aside);

	if (result)
		return result;
	result = compare && memcmp(aside, page, PAGE_BYTES) != 0 ? -EAGAIN : 0;
	if (!result)
		result = move_over(mem, aside, page);
	if (result)
		munmap(aside, PAGE_BYTES);
	else
		set_frame(mem, &mem->range[vm], g.v, frame + 1);
	return result;
}

int memory_share(struct memory *mem, uint32_t vm, gfn_t g, uint32_t frame, bool fill)
{
	uint8_t *page = memory_page(mem, vm, g);
	int result;

	if (frame >= mem->pool.frames)
		return -EINVAL;
	if (!room_for(mem, &mem->range[vm], g.v, frame + 1)) {
		mem->pool.refused++;
		return -ENOSPC;
	}
	result = uffd_protect(&mem->uffd, page, true);
	if (!result && fill)
		result = fill_frame(mem, frame, page);
	if (!result)
		result = frame_over(mem, vm, g, frame, !fill);
	if (result && fill)
		memory_frame_free(mem, frame);
	if (result == -ENOMEM) { /* the estimate was too low, or somebody else maps a lot */
		mem->pool.refused++;
		result = -ENOSPC;
	}
	if (!result)
		uffd_wake(&mem->uffd, page, PAGE_BYTES);
	return result;
}

int memory_share_zero(struct memory *mem, uint32_t vm, gfn_t g)
{
	uint8_t *page = memory_page(mem, vm, g);
	int result = uffd_protect(&mem->uffd, page, true);

	if (result)
		return result;
	if (!memory_is_zero(page)) {
		uffd_protect(&mem->uffd, page, false);
		return -EAGAIN;
	}
	return memory_discard(mem, vm, g, 1);
}

int memory_map_zero_protected(struct memory *mem, uint32_t vm, gfn_t g)
{
	uint8_t *page = memory_page(mem, vm, g);
	int result = spare_over(mem, &mem->pool.zero, true, page);

	if (!result)
		uffd_wake(&mem->uffd, page, PAGE_BYTES);
	return result;
}

static int copy_in_place(struct memory *mem, uint8_t *page)
{
	int result = uffd_protect(&mem->uffd, page, false);

	if (!result && madvise(page, PAGE_BYTES, MADV_POPULATE_WRITE)) {
		result = -errno;
		uffd_protect(&mem->uffd, page,
			     true); /* a write may have come first: a needless event */
	}
	return result;
}

/* Its content stays in the frame until it is anonymous again. */
static int copy_to_anonymous(struct memory *mem, uint32_t vm, gfn_t g)
{
	uint8_t *page = memory_page(mem, vm, g), copy[PAGE_BYTES];
	uint32_t frame = mem->range[vm].frame[g.v] - 1;
	int result;

	memcpy(copy, page, sizeof copy);
	result = memory_unshare(mem, vm, g);
	if (result)
		return result;
	result = uffd_copy(&mem->uffd, page, copy, false);
	if (result)
		while (frame_over(mem, vm, g, frame, false)) /* as it was */
			usleep(1000);
	return result;
}

/* Is no neighbour in the same mapping? */
static bool alone(const struct memory_range *r, uint64_t g)
{
	uint32_t frame = r->frame[g];

	return (!g || boundary(r->frame[g - 1], frame)) &&
	       (g + 1 == r->bytes >> PAGE_SHIFT_BITS || boundary(frame, r->frame[g + 1]));
}

int memory_break_shared(struct memory *mem, uint32_t vm, gfn_t g)
{
	uint8_t *page = memory_page(mem, vm, g);
	int result = alone(&mem->range[vm], g.v) ? copy_to_anonymous(mem, vm, g)
						 : copy_in_place(mem, page);

	uffd_wake(&mem->uffd, page, PAGE_BYTES);
	return result;
}

void memory_frame_free(struct memory *mem, uint32_t frame)
{
	fallocate(mem->pool.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		  (off_t)frame * (off_t)PAGE_BYTES, (off_t)PAGE_BYTES);
}

uint64_t memory_hash(const struct memory *mem, uint32_t vm, gfn_t g)
{
	return XXH3_64bits(memory_page(mem, vm, g), PAGE_BYTES);
}

int memory_equal_frame(const struct memory *mem, uint32_t vm, gfn_t g, uint32_t frame, bool *equal)
{
	uint8_t content[PAGE_BYTES];
	ssize_t n = pread(mem->pool.fd, content, sizeof content, (off_t)frame * (off_t)PAGE_BYTES);

	if (n != (ssize_t)sizeof content)
		return n < 0 ? -errno : -EIO;
	*equal = memcmp(content, memory_page(mem, vm, g), sizeof content) == 0;
	return 0;
}
