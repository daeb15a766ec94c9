/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bits.h: a bit a page, for the policies that keep a reference bit of their own. Inside mm/policy/ only.
 *
 * Not initialised as a whole: a policy clears or sets a page's bit when the page comes, and looks at it only while the
 * page is there.
 */
#ifndef BALLAST_MM_POLICY_BITS_H
#define BALLAST_MM_POLICY_BITS_H

#include "mm/policy/policy.h"

static inline size_t page_bits_bytes(uint32_t pages)
{
	return ((size_t)pages + 63) / 64 * sizeof(uint64_t);
}

static inline void page_bit_set(uint64_t *bits, uint32_t page)
{
	bits[page / 64] |= 1ull << page % 64;
}

static inline void page_bit_clear(uint64_t *bits, uint32_t page)
{
	bits[page / 64] &= ~(1ull << page % 64);
}

static inline bool page_bit_test(const uint64_t *bits, uint32_t page)
{
	return bits[page / 64] >> page % 64 & 1;
}

static inline void page_bit_put(uint64_t *bits, uint32_t page, bool set)
{
	bits[page / 64] = (bits[page / 64] & ~(1ull << page % 64)) | (uint64_t)set << page % 64;
}

/* Test and clear. */
static inline bool page_bit_take(uint64_t *bits, uint32_t page)
{
	bool set = bits[page / 64] & 1ull << page % 64;

	page_bit_clear(bits, page);
	return set;
}

#endif
