/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compress.h: the cache of compressed pages, inside mm/: a VM's records of it, and what is done with them. Part of page.h,
 * which includes it. What it is: compress.c; how pages leave it for swap: compress_out.c.
 */
#ifndef BALLAST_MM_COMPRESS_H
#define BALLAST_MM_COMPRESS_H

#include "mm/mm.h"

struct mm_vm;

/* A part of a cache frame: compress.c. */
struct cache_part {
	uint32_t gfn;  /* whose content it is */
	uint32_t slot; /* where swap holds the same, or will when a write is done; CACHE_NONE */
	uint32_t older,
		newer; /* places, in the order of their coming; of a free frame: older, the next one */
};
struct cache_frame {
	struct cache_part part[MM_CACHE_PARTS];
	uint8_t used; /* a bit a part; of a half that of its first */
	uint8_t halves;
};
#define CACHE_NONE UINT32_MAX

/* What a VM has compressed: compress.c. A place is frame * MM_CACHE_PARTS + part. */
struct mm_cache {
	struct cache_frame *frame;  /* nr_frames; NULL: no compression */
	uint32_t nr_frames, unused; /* unused: first free one */
	npages_t frames;            /* in use, charged to the VM */
	npages_t parts;             /* in use; a half is two */
	npages_t parts_out;         /* of them: being written out */
	uint32_t partial[2];        /* by halves: the one frame that has room, or CACHE_NONE */
	uint32_t oldest, newest;    /* places that are not being written out */
	uint32_t dense,
		passed_by; /* pages in a row that did not compress; chances not taken since */
	struct mm_compress_stats stats;
};

int compress_vm_added(struct mm *m, struct mm_vm *v);
void compress_vm_free(struct mm *m, struct mm_vm *v);
/* Is there room for one page more? It may still not compress. */
bool compress_has_room(const struct mm_vm *v);
/* The same, and pages of this VM have been compressing lately, or it is time to try again. */
bool compress_wanted(struct mm_vm *v);
/* The page, resident or sampled with its content in its stage, becomes compressed. False: it does not compress, or
 * there is no room; it is as it was. */
bool compress_page(struct mm *m, struct mm_vm *v, uint32_t g);
/* False: it must wait, or is untouched now: compress_sacrifice(). */
bool compress_fault(struct mm *m, struct mm_vm *v, uint32_t g);
/* Of a VM that is doomed: its oldest go, content and all, until a frame is free. False: there are too few. */
bool compress_sacrifice(struct mm *m, struct mm_vm *v);
/* A compressed page is about to be given up. */
void compress_let_go(struct mm *m, struct mm_vm *v, uint32_t g);
/* Its place is free from now on. Returns the slot that holds the same content, or CACHE_NONE; the page's slot is unset. */
uint32_t compress_place_put(struct mm *m, struct mm_vm *v, uint32_t g);
struct cache_part *compress_part(const struct mm_vm *v, uint32_t place);
npages_t compress_limit(const struct mm_vm *v); /* frames */
/* Out of the order of ages, or to its young end. */
void compress_unlist(struct mm_vm *v, uint32_t place);
void compress_list(struct mm_vm *v, uint32_t place);
uint32_t compress_parts_of(const struct mm_vm *v, uint32_t place);
bool compress_is_sound(const struct mm *m, const struct mm_vm *v, npages_t *slots,
		       const char **why);
/* A cache that is nearly full, or has more than it may, gives its oldest pages to swap. Returns how many went or started
 * to go. */
uint32_t compress_trim(struct mm *m, struct mm_vm *v);
void compress_stats(const struct mm *m, struct mm_compress_stats *out);
void compress_vm_stats(const struct mm_vm *v, struct mm_compress_stats *out);
void compress_written(struct mm *m, struct mm_io *io, int result);

#endif
