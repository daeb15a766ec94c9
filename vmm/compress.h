/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compress.h: pages compressed with LZ4, and the memory of the caches that they wait in: that half of the live body.
 *
 * Where a page lies is the manager's decision (mm/compress.c). Here every place begins with the number of bytes that
 * follow, so a place of a quarter holds PAGE_BYTES / 4 - 2 of them.
 *
 * What is compressed was written by guests, what is decompressed lies in memory that no guest can reach; it is checked
 * all the same, as what a guest's pages come back from.
 *
 * All functions but open and close are called with the machine lock held.
 */
#ifndef BALLAST_VMM_COMPRESS_H
#define BALLAST_VMM_COMPRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "ballast/types.h"
#include "lib/error.h"

struct memory;
struct memory_range;

struct compressor {
	uint8_t *page;   /* a page on its way in; NULL: no compression */
	uint8_t *packed; /* the page behind it: what was compressed last, */
	uint32_t bytes;  /* with its two bytes of length; 0: nothing */
	void *lz4;       /* its working memory */
};

int compress_open(struct memory *mem, struct error *error);
void compress_close(struct memory *mem);
/* For the range just added: a cache of so many frames. -ENOMEM. */
int compress_add_range(struct memory *mem, uint32_t vm, uint32_t frames);
/* Its VM was removed: the cache, which is empty, and its addresses go. */
void compress_remove_range(struct memory_range *r);

/* As struct mm_body_ops says. */
int memory_compress(struct memory *mem, stage_t s, uint32_t *bytes);
void memory_cache_store(struct memory *mem, uint32_t vm, uint32_t place);
int memory_cache_map(struct memory *mem, uint32_t vm, gfn_t g, uint32_t place, bool protect);
int memory_cache_read(struct memory *mem, uint32_t vm, uint32_t place, stage_t s);
void memory_cache_move(struct memory *mem, uint32_t vm, uint32_t from, uint32_t to);
void memory_cache_free(struct memory *mem, uint32_t vm, uint32_t frame);

/* Is that address in a cache or a buffer of the compressor? */
bool memory_is_cache(const struct memory *mem, uint64_t address);

#endif
