/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * share.c: see share.h. What becomes of pages (host-kvm rules 4 to 7; how mappings change: remap.c):
 *
 *   share      protect the pages, bring the frames' content about or compare with it, move a mapping of the frames over.
 *              Neighbouring pages that share neighbouring frames go together, and are one mapping
 *   break      lift the protection and make the kernel copy at once: no mapping changes, since a guest waits
 *   tidy       later, a copied page that has a mapping to itself becomes anonymous, so that mappings come back
 *   un-share   move an empty anonymous page over: a copied page of a file mapping must never be discarded, since the
 *              file's content would come back (E6)
 *   zero       a page known to be zero is absent; read, it gets the zero page, protected and moved over as well:
 *              mapping and protecting it in place would leave room for a write without an event (E1)
 */
#include "vmm/share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#ifdef __x86_64__
#include <xxh_x86dispatch.h> /* XXH3 with the widest vectors that this processor has */
#endif

#include "vmm/memory.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

#define TIDY_MOST 16u /* pages at once */

int share_open(struct memory *mem, uint32_t frames, struct error *error)
{
	struct share_pool *p = &mem->pool;

	p->frames = frames;
	remap_init(&mem->remap);
	if (getrandom(p->secret, sizeof p->secret, 0) != (ssize_t)sizeof p->secret)
		return error_host(error, errno, "random numbers");
	p->fd = memfd_create("ballast-frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (p->fd < 0 || ftruncate(p->fd, (off_t)frames * (off_t)PAGE_BYTES))
		return error_host(error, errno, "memory file for %u shared frames", frames);
	return 0;
}

void share_close(struct memory *mem)
{
	struct share_pool *p = &mem->pool;

	remap_exit(&mem->remap);
	if (p->frames && p->fd >= 0)
		close(p->fd);
	for (uint32_t i = 0; i < mem->nr_ranges; i++)
		share_remove_range(&mem->range[i], mem->range[i].bytes);
}

void share_remove_range(struct memory_range *r, size_t bytes)
{
	if (r->frame)
		munmap(r->frame, (bytes >> PAGE_SHIFT_BITS) * sizeof(uint32_t));
	r->frame = NULL;
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

uint64_t memory_pool_bytes(const struct memory *mem)
{
	struct stat s;

	return mem->pool.fd >= 0 && !fstat(mem->pool.fd, &s) ? (uint64_t)s.st_blocks * 512 : 0;
}

/* How many pages from g on, at most most, are in the pool's mapping (or not). */
static uint32_t run_in_pool(const struct memory *mem, uint32_t vm, gfn_t g, uint64_t most, bool in)
{
	uint32_t n = 0;

	while (n < most && memory_in_pool(mem, vm, gfn(g.v + n)) == in)
		n++;
	return n;
}

int memory_unshare(struct memory *mem, uint32_t vm, gfn_t g, uint32_t nr)
{
	uint32_t i = 0;
	int result = 0;

	while (i < nr && !result) {
		uint64_t left = nr - i < REMAP_MOST ? nr - i : REMAP_MOST;
		uint32_t n = run_in_pool(mem, vm, gfn(g.v + i), left, true);

		if (n)
			result = remap_hole_over(mem, vm, gfn(g.v + i), n);
		if (!result)
			i += n ? n : run_in_pool(mem, vm, gfn(g.v + i), left, false);
	}
	while (result && i--)
		memory_map(mem, vm, gfn(g.v + i), NULL, false); /* -EEXIST if it did not leave */
	return result;
}

/* Nothing runs in it, so it may be done in place. */
void memory_unshare_all(struct memory *mem, uint32_t vm)
{
	struct memory_range *r = &mem->range[vm];
	uint64_t pages = r->bytes >> PAGE_SHIFT_BITS;

	for (uint64_t g = 0; r->frame && g < pages;) {
		uint32_t n = run_in_pool(mem, vm, gfn(g), pages - g, true);

		if (n) {
			memory_reserve_again(mem, memory_page(mem, vm, gfn(g)), n * PAGE_BYTES);
			remap_note(mem, vm, g, n, SHARE_NONE);
		}
		g += n ? n : run_in_pool(mem, vm, gfn(g), pages - g, false);
	}
}

/*
 * A mapping of frames, populated and protected: a write to one that is not would be copied before its event (E5). In this
 * order since the kernel maps pages around a fault along with it, but not where userfaultfd watches.
 */
static int map_frames(struct memory *mem, uint32_t frame, uint32_t nr, uint8_t **out)
{
	size_t bytes = nr * PAGE_BYTES;
	uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
			  mem->pool.fd, (off_t)frame * (off_t)PAGE_BYTES);
	int result;

	if (p == MAP_FAILED)
		return -errno;
	madvise(p, bytes, MADV_NOHUGEPAGE);
	result = madvise(p, bytes, MADV_DONTFORK) ? -errno : 0;
	if (!result && madvise(p, bytes, MADV_POPULATE_READ))
		result = -errno;
	if (!result)
		result = uffd_register_protect(&mem->uffd, p, bytes);
	if (!result)
		result = uffd_protect_range(&mem->uffd, p, bytes, true);
	if (result)
		munmap(p, bytes);
	*out = p;
	return result;
}

static void free_frames(struct memory *mem, uint32_t frame, uint32_t nr)
{
	fallocate(mem->pool.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		  (off_t)frame * (off_t)PAGE_BYTES, (off_t)nr * (off_t)PAGE_BYTES);
}

/* -ENOMEM: the host has no memory for the pool. */
static int fill_frames(const struct memory *mem, uint32_t frame, uint32_t nr, const uint8_t *pages)
{
	size_t bytes = nr * PAGE_BYTES;
	ssize_t n = pwrite(mem->pool.fd, pages, bytes, (off_t)frame * (off_t)PAGE_BYTES);

	if (n == (ssize_t)bytes)
		return 0;
	return n >= 0 || errno == ENOSPC || errno == ENOMEM ? -ENOMEM : -errno;
}

/* The pages, protected, become mappings of the frames. Returns how many, from the first on. */
static int frames_over(struct memory *mem, uint32_t vm, gfn_t g, uint32_t nr, uint32_t frame,
		       bool compare)
{
	const uint8_t *page = memory_page(mem, vm, g);
	uint8_t *aside = NULL;
	uint32_t same = compare ? 0 : nr;
	int result = map_frames(mem, frame, nr, &aside);

	if (result)
		return result;
	while (same < nr &&
	       memcmp(aside + same * PAGE_BYTES, page + same * PAGE_BYTES, PAGE_BYTES) == 0)
		same++;
	result = same ? remap_over(mem, aside, vm, g, same) : -EAGAIN;
	if (result) {
		munmap(aside, nr * PAGE_BYTES);
		return result;
	}
	if (same < nr)
		munmap(aside + same * PAGE_BYTES, (nr - same) * PAGE_BYTES);
	remap_note(mem, vm, g.v, same, frame + 1);
	return (int)same;
}

static int refuse(struct memory *mem)
{
	mem->pool.refused++;
	return -ENOSPC;
}

int memory_share(struct memory *mem, uint32_t vm, gfn_t g, uint32_t nr, uint32_t frame, bool fill)
{
	uint8_t *page = memory_page(mem, vm, g);
	int result;

	if (!nr || nr > SHARE_MOST || frame > mem->pool.frames || nr > mem->pool.frames - frame)
		return -EINVAL;
	if (!remap_room(mem, remap_cost(&mem->range[vm], g.v, nr, frame + 1)))
		return refuse(mem);
	result = uffd_protect_range(&mem->uffd, page, nr * PAGE_BYTES, true);
	if (!result && fill)
		result = fill_frames(mem, frame, nr, page);
	if (!result) {
		result = frames_over(mem, vm, g, nr, frame, !fill);
		if (result == -ENOMEM) /* the estimate was too low, or somebody else maps a lot */
			result = refuse(mem);
	}
	if (result < 0 && fill)
		free_frames(mem, frame, nr);
	if (result > 0)
		uffd_wake(&mem->uffd, page, (size_t)result * PAGE_BYTES);
	return result;
}

int memory_share_zero(struct memory *mem, uint32_t vm, gfn_t g)
{
	uint8_t *page = memory_page(mem, vm, g);
	int result;

	if (memory_in_pool(mem, vm, g) &&
	    !remap_room(mem, remap_cost(&mem->range[vm], g.v, 1, SHARE_NONE)))
		return refuse(mem); /* a hole in a mapping of frames makes two of it */
	result = uffd_protect(&mem->uffd, page, true);
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
	int result = remap_zero_over(mem, vm, g);

	if (!result)
		uffd_wake(&mem->uffd, memory_page(mem, vm, g), PAGE_BYTES);
	return result;
}

static void note_lonely(struct share_pool *p, uint32_t vm, uint32_t g)
{
	if (p->nr_lonely == SHARE_LONELIES)
		return; /* it keeps its mapping until it is paged out or shared again */
	p->lonely[(p->first_lonely + p->nr_lonely++) % SHARE_LONELIES] =
		(struct share_lonely){vm, g};
}

int memory_break_shared(struct memory *mem, uint32_t vm, gfn_t g)
{
	uint8_t *page = memory_page(mem, vm, g);
	int result = uffd_protect(&mem->uffd, page, false);

	if (!result && madvise(page, PAGE_BYTES, MADV_POPULATE_WRITE)) {
		result = -errno;
		/* a write may have come first: a needless event */
		uffd_protect(&mem->uffd, page, true);
	}
	if (result)
		return result;
	mem->range[vm].frame[g.v] |= SHARE_COPIED;
	note_lonely(&mem->pool, vm, (uint32_t)g.v);
	uffd_wake(&mem->uffd, page, PAGE_BYTES);
	return 0;
}

/* The copied pages around g in its mapping. */
static uint32_t copied_run(const struct memory_range *r, uint64_t *g)
{
	uint64_t first = *g, end = *g + 1;

	while (first && r->frame[first - 1] & SHARE_COPIED && remap_joined(r, first - 1) &&
	       end - first < TIDY_MOST)
		first--;
	while (remap_joined(r, end - 1) && r->frame[end] & SHARE_COPIED && end - first < TIDY_MOST)
		end++;
	*g = first;
	return (uint32_t)(end - first);
}

/* While the host has no memory for it there is nothing else to do: it is content of a guest. */
static void put_back(struct memory *mem, uint8_t *page, const uint8_t *content)
{
	int result;

	do {
		result = uffd_copy(&mem->uffd, page, content, false);
		if (result && result != -EEXIST)
			usleep(1000);
	} while (result && result != -EEXIST);
}

/* Nobody who touches them meanwhile is served before they have their content again: the lock is held. */
static void make_anonymous(struct memory *mem, uint32_t vm, gfn_t g, uint32_t nr)
{
	uint8_t *page = memory_page(mem, vm, g), content[TIDY_MOST * PAGE_BYTES];
	size_t bytes = nr * PAGE_BYTES;

	if (uffd_protect_range(&mem->uffd, page, bytes, true))
		return;
	memcpy(content, page, bytes);
	if (remap_hole_over(mem, vm, g, nr)) {
		uffd_protect_range(&mem->uffd, page, bytes, false);
		return;
	}
	for (uint32_t i = 0; i < nr; i++)
		put_back(mem, page + i * PAGE_BYTES, content + i * PAGE_BYTES);
	uffd_wake(&mem->uffd, page, bytes);
	mem->pool.made_whole++;
}

bool memory_tidy(struct memory *mem)
{
	struct share_pool *p = &mem->pool;
	struct share_lonely l = p->lonely[p->first_lonely];
	const struct memory_range *r = &mem->range[l.vm];
	uint64_t g = l.gfn;

	if (!p->nr_lonely)
		return false;
	p->first_lonely = (p->first_lonely + 1) % SHARE_LONELIES;
	p->nr_lonely--;
	if (r->frame && r->frame[g] & SHARE_COPIED) { /* the VM may have been removed */
		uint32_t nr = copied_run(r, &g);

		if (remap_cost(r, g, nr, SHARE_NONE) < 0)
			make_anonymous(mem, l.vm, gfn(g), nr);
	}
	return true;
}

void memory_frame_free(struct memory *mem, uint32_t frame)
{
	free_frames(mem, frame, 1);
}

uint64_t memory_hash(const struct memory *mem, uint32_t vm, gfn_t g)
{
	return XXH3_64bits_withSecret(memory_page(mem, vm, g), PAGE_BYTES, mem->pool.secret,
				      sizeof mem->pool.secret);
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
