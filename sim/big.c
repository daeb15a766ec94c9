/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * big.c: see big.h. Sizes are rounded up to whole pages in every call alike, so that callers need not remember more than
 * they asked for.
 */
#include "sim/big.h"

#include <stdint.h>
#include <sys/mman.h>

#include "ballast/types.h"

#define HUGE_BYTES (2u << 20)

static size_t rounded(size_t bytes)
{
	return bytes ? (bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1) : PAGE_BYTES;
}

void *big_alloc(size_t bytes)
{
	size_t size = rounded(bytes), spare = size >= HUGE_BYTES ? HUGE_BYTES : 0;
	uint8_t *at, *start;

	if (size < bytes)
		return NULL;
	at = mmap(NULL, size + spare, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	if (!spare)
		return at;
	/* huge pages begin at their multiples */
	start = (uint8_t *)(((uintptr_t)at + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1));
	if (start > at)
		munmap(at, (size_t)(start - at));
	if (at + spare > start)
		munmap(start + size, (size_t)(at + spare - start));
	(void)madvise(start, size, MADV_HUGEPAGE);
	return start;
}

void *big_grow(void *at, size_t before, size_t bytes)
{
	void *to;

	if (!at)
		return big_alloc(bytes);
	if (rounded(bytes) < bytes)
		return NULL;
	to = mremap(at, rounded(before), rounded(bytes), MREMAP_MAYMOVE);
	if (to == MAP_FAILED)
		return NULL;
	if (bytes >= HUGE_BYTES)
		(void)madvise(to, rounded(bytes), MADV_HUGEPAGE);
	return to;
}

void big_free(void *at, size_t bytes)
{
	if (at)
		munmap(at, rounded(bytes));
}
