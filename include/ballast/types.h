/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * types.h: the glossary. Every word that the code, the documents and the reports share is defined here, once.
 *
 *   gpa         guest physical address, bytes
 *   gfn         guest frame number: gpa >> 12
 *   hva         address in the VMM process, bytes (a plain uint8_t * or uint64_t at the edges)
 *   frame       one page of machine memory: one unit of the budget
 *   slot        one page of swap space
 *   stage       one page of the staging area, where content waits while it is written or read
 *   vmid        index of a VM in its machine, from 0
 *   configured  the guest's size (ESX: max), pages
 *   resident    frames charged to a VM, pages
 *   target      what the target policy wants resident, pages
 *   untouched   no frame and no content: never touched, or given back; the next touch gets zeros
 *   shared      maps a frame of the pool together with other pages, or is all zeros without a frame
 *   pool        frames that shared pages map, charged to no VM
 *   ballooned   given up by the guest's balloon driver, not taken back yet; no frame, no slot
 *   swapped     content is in a swap slot, or known to be all zeros; no frame
 *   refault     a fault on a page that was resident before
 *
 * Units: sizes are pages inside pure code (npages_t, names end in _pages) and bytes at the edges (_bytes); time is
 * uint64_t nanoseconds (_ns); shares of a whole are parts per million (_ppm). Ranges are half-open, [start, end).
 *
 * The wrapped types cannot be mixed up: passing a gpa_t for a gfn_t does not compile. x_raw() unwraps.
 * A constructor has the name of its type without _t, so write "gfn_t g", not "gfn_t gfn".
 */
#ifndef BALLAST_TYPES_H
#define BALLAST_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BALLAST_TYPE(base, name)                  \
	typedef struct {                          \
		base v;                           \
	} name##_t;                               \
	static inline name##_t name(base v)       \
	{                                         \
		return (name##_t){v};             \
	}                                         \
	static inline base name##_raw(name##_t x) \
	{                                         \
		return x.v;                       \
	}

BALLAST_TYPE(uint64_t, gpa)
BALLAST_TYPE(uint64_t, gfn)
BALLAST_TYPE(uint32_t, vmid)
BALLAST_TYPE(uint32_t, slot)
BALLAST_TYPE(uint32_t, stage)

typedef uint64_t npages_t;

#define PAGE_SHIFT_BITS 12
#define PAGE_BYTES      4096u
#define PPM             1000000u
#define NS_PER_S        1000000000ull

_Static_assert(PAGE_BYTES == 1u << PAGE_SHIFT_BITS, "a page is 4 KiB everywhere");

static inline gfn_t gpa_to_gfn(gpa_t a)
{
	return gfn(a.v >> PAGE_SHIFT_BITS);
}

static inline gpa_t gfn_to_gpa(gfn_t g)
{
	return gpa(g.v << PAGE_SHIFT_BITS);
}

/* Bytes to pages, rounded up. */
static inline npages_t bytes_to_pages(uint64_t bytes)
{
	return (bytes >> PAGE_SHIFT_BITS) + ((bytes & (PAGE_BYTES - 1)) != 0);
}

static inline uint64_t pages_to_bytes(npages_t pages)
{
	return pages << PAGE_SHIFT_BITS;
}

/* n * ppm / 1000000, exact, for n up to 2^64 - 1. */
static inline uint64_t ppm_of(uint64_t n, uint32_t ppm)
{
	return (uint64_t)((unsigned __int128)n * ppm / PPM);
}

#endif
