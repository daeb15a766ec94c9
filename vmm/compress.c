/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compress.c: see compress.h. */
#include "vmm/compress.h"

#include <errno.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mm/mm.h"
#include "vmm/memory.h"

#define LENGTH_BYTES 2u
#define PART_BYTES   (PAGE_BYTES / MM_CACHE_PARTS)
#define MOST_BYTES   (2u * PART_BYTES) /* that a page may take */

/* Memory as the guests', between two gaps, or the kernel makes one mapping of neighbours and counts them together. */
static uint8_t *reserve_apart(size_t bytes)
{
	uint8_t *p = memory_reserve(bytes + 2 * PAGE_BYTES);

	if (!p)
		return NULL;
	munmap(p, PAGE_BYTES);
	munmap(p + PAGE_BYTES + bytes, PAGE_BYTES);
	return p + PAGE_BYTES;
}

int compress_open(struct memory *mem, struct error *error)
{
	struct compressor *c = &mem->compressor;

	c->lz4 = malloc((size_t)LZ4_sizeofState());
	c->page = reserve_apart(2 * PAGE_BYTES);
	if (!c->lz4 || !c->page)
		return error_host(error, ENOMEM, "memory for compressing");
	c->packed = c->page + PAGE_BYTES;
	return 0;
}

void compress_close(struct memory *mem)
{
	struct compressor *c = &mem->compressor;

	for (uint32_t i = 0; i < mem->nr_ranges; i++)
		compress_remove_range(&mem->range[i]);
	if (c->page)
		munmap(c->page, 2 * PAGE_BYTES);
	free(c->lz4);
	*c = (struct compressor){.page = NULL};
}

int compress_add_range(struct memory *mem, uint32_t vm, uint32_t frames)
{
	struct memory_range *r = &mem->range[vm];

	if (!frames)
		return 0;
	r->cache = reserve_apart((size_t)frames * PAGE_BYTES);
	if (!r->cache)
		return -ENOMEM;
	r->cache_bytes = (size_t)frames * PAGE_BYTES;
	return 0;
}

void compress_remove_range(struct memory_range *r)
{
	if (r->cache)
		munmap(r->cache, r->cache_bytes);
	r->cache = NULL;
	r->cache_bytes = 0;
}

static uint8_t *place_at(const struct memory *mem, uint32_t vm, uint32_t place)
{
	return mem->range[vm].cache + (size_t)place * PART_BYTES;
}

static uint16_t length_at(const uint8_t *place)
{
	uint16_t length;

	memcpy(&length, place, sizeof length);
	return length;
}

int memory_compress(struct memory *mem, stage_t s, uint32_t *bytes)
{
	struct compressor *c = &mem->compressor;
	int packed = LZ4_compress_fast_extState(c->lz4, (const char *)memory_stage(mem, s),
						(char *)c->packed + LENGTH_BYTES, (int)PAGE_BYTES,
						(int)(MOST_BYTES - LENGTH_BYTES), 1);
	uint16_t length = (uint16_t)packed;

	c->bytes = *bytes = 0;
	if (packed <= 0)
		return -ENOSPC;
	memcpy(c->packed, &length, sizeof length);
	c->bytes = *bytes = length + LENGTH_BYTES;
	return 0;
}

void memory_cache_store(struct memory *mem, uint32_t vm, uint32_t place)
{
	struct compressor *c = &mem->compressor;

	memcpy(place_at(mem, vm, place), c->packed, c->bytes);
	c->bytes = 0;
}

/* The content of that place; false: it is not what was stored. */
static bool unpack(const struct memory *mem, uint32_t vm, uint32_t place, uint8_t *to)
{
	const uint8_t *from = place_at(mem, vm, place);
	uint16_t length = length_at(from);
	uint32_t room = PAGE_BYTES - place % MM_CACHE_PARTS * PART_BYTES;

	room = room < MOST_BYTES ? room : MOST_BYTES;
	return length && length <= room - LENGTH_BYTES &&
	       LZ4_decompress_safe((const char *)from + LENGTH_BYTES, (char *)to, length,
				   (int)PAGE_BYTES) == (int)PAGE_BYTES;
}

int memory_cache_map(struct memory *mem, uint32_t vm, gfn_t g, uint32_t place, bool protect)
{
	if (!unpack(mem, vm, place, mem->compressor.page))
		return -EIO;
	return memory_map(mem, vm, g, mem->compressor.page, protect);
}

int memory_cache_read(struct memory *mem, uint32_t vm, uint32_t place, stage_t s)
{
	return unpack(mem, vm, place, memory_stage(mem, s)) ? 0 : -EIO;
}

void memory_cache_move(struct memory *mem, uint32_t vm, uint32_t from, uint32_t to)
{
	const uint8_t *source = place_at(mem, vm, from);

	memcpy(place_at(mem, vm, to), source, length_at(source) + LENGTH_BYTES);
}

void memory_cache_free(struct memory *mem, uint32_t vm, uint32_t frame)
{
	madvise(mem->range[vm].cache + (size_t)frame * PAGE_BYTES, PAGE_BYTES, MADV_DONTNEED);
}

bool memory_is_cache(const struct memory *mem, uint64_t address)
{
	if (mem->compressor.page && address - (uintptr_t)mem->compressor.page < 2 * PAGE_BYTES)
		return true;
	for (uint32_t i = 0; i < mem->nr_ranges; i++)
		if (address - (uintptr_t)mem->range[i].cache < mem->range[i].cache_bytes)
			return true;
	return false;
}
