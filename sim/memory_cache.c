/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_cache.c: caches of compressed pages, of which only the content is kept. How small a page becomes follows from its
 * identity: one that repeats after some words is as long as these, and LZ4 adds a byte in 255 and a few for the rest.
 */
#include "sim/memory.h"

#include <errno.h>

#include "guest/core/content.h"
#include "mm/mm.h"

#define LEAST_BYTES 34u /* a page of one word, with its length */

int sim_memory_compress(struct sim_memory *mem, stage_t s, uint32_t *bytes)
{
	uint64_t content = mem->stage[s.v].content;
	uint32_t words = content_identity_period(content);
	uint32_t size = words * (uint32_t)sizeof(uint64_t);

	*bytes = 0;
	if (words == PAGE_WORDS)
		return -ENOSPC;
	size += size / 255 + LEAST_BYTES;
	if (size > PAGE_BYTES / 2)
		return -ENOSPC;
	mem->packed = content;
	*bytes = size;
	return 0;
}

void sim_memory_cache_store(struct sim_memory *mem, uint32_t vm, uint32_t place)
{
	struct sim_range *r = &mem->range[vm];
	bool *used = &r->cache_frame[place / MM_CACHE_PARTS];

	r->place[place] = mem->packed;
	sim_memory_count(mem, !*used);
	*used = true;
}

uint64_t sim_memory_cache_content(struct sim_memory *mem, uint32_t vm, uint32_t place)
{
	mem->wrong += !mem->range[vm].cache_frame[place / MM_CACHE_PARTS];
	return mem->range[vm].place[place];
}

void sim_memory_cache_move(struct sim_memory *mem, uint32_t vm, uint32_t from, uint32_t to)
{
	struct sim_range *r = &mem->range[vm];

	mem->wrong += !r->cache_frame[to / MM_CACHE_PARTS];
	r->place[to] = sim_memory_cache_content(mem, vm, from);
}

void sim_memory_cache_free(struct sim_memory *mem, uint32_t vm, uint32_t frame)
{
	bool *used = &mem->range[vm].cache_frame[frame];

	mem->wrong += !*used;
	sim_memory_count(mem, -(int)*used);
	*used = false;
}
