/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * numbers.h: where the hostile guest has what, and the numbers it draws: addresses, lengths and page numbers, most of them
 * good, the rest each wrong in a way of its own. Included by main.c only.
 */
#ifndef BALLAST_GUEST_HOSTILE_NUMBERS_H
#define BALLAST_GUEST_HOSTILE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "ballast/guest_abi.h"
#include "ballast/rng.h"
#include "ballast/types.h"

#define DEVICES    2u
#define QUEUES     5u /* of the balloon; the disk has one */
#define QUEUE_SIZE 128u

#define RINGS_START 0x200000ull /* behind the kernel */
#define RING_BYTES  0x4000ull
#define AVAIL       0x2000ull
#define USED        0x3000ull
#define DATA_START  (RINGS_START + DEVICES * QUEUES * RING_BYTES)

struct hostile {
	struct rng rng;
	uint64_t memory_bytes;
	uint16_t index[DEVICES][QUEUES]; /* buffers offered */
	uint16_t size[DEVICES][QUEUES];
};

static inline uint64_t below(struct hostile *h, uint64_t bound)
{
	return rng_below(&h->rng, bound);
}

static inline bool once_in(struct hostile *h, uint64_t n)
{
	return below(h, n) == 0;
}

static inline uint64_t base_of(unsigned device)
{
	return GUEST_MMIO_GPA + device * GUEST_MMIO_DEVICE_BYTES;
}

static inline uint64_t ring_of(unsigned device, unsigned queue)
{
	return RINGS_START + (device * QUEUES + queue) * RING_BYTES;
}

static inline unsigned any_queue(struct hostile *h, unsigned device)
{
	return device ? (unsigned)below(h, QUEUES) : 0;
}

/* --- numbers that hurt ------------------------------------------------------------------------------------------- */

static inline uint64_t good_address(struct hostile *h)
{
	return DATA_START + below(h, h->memory_bytes - DATA_START);
}

static inline uint64_t address(struct hostile *h)
{
	switch (below(h, 20)) {
	case 0:
		return h->memory_bytes + below(h, 1 << 20);
	case 1:
		return h->memory_bytes - 1 - below(h, 600); /* what lies there does not fit */
	case 2:
		return GUEST_MMIO_GPA + below(h, 0x4000);
	case 3:
		return UINT64_MAX - below(h, 0x3000); /* wraps */
	case 4:
		return rng_next(&h->rng);
	case 5:
		return GUEST_HOLE_END - 0x1000 + below(h, 0x2000);
	default:
		return good_address(h);
	}
}

static inline uint32_t length(struct hostile *h)
{
	switch (below(h, 10)) {
	case 0:
		return UINT32_MAX - (uint32_t)below(h, 4);
	case 1:
		return (uint32_t)rng_next(&h->rng);
	case 2:
		return (uint32_t)below(h, 2);
	case 3:
		return 0x80000000u + (uint32_t)below(h, 2);
	case 4:
		return (uint32_t)below(h, 1 << 22);
	default:
		return 512 * (uint32_t)below(h, 64);
	}
}

/*
 * The kernel's own are small numbers: what the balloon may read as page numbers holds none, neither these lists nor what
 * else is in memory above DATA_START, or this guest would be over soon.
 */
static inline uint32_t page_number(struct hostile *h)
{
	switch (below(h, 8)) {
	case 0:
		return (uint32_t)(h->memory_bytes >> PAGE_SHIFT_BITS) + (uint32_t)below(h, 3);
	case 1:
		return UINT32_MAX - (uint32_t)below(h, 3);
	case 2:
		return (uint32_t)(GUEST_MMIO_GPA >> PAGE_SHIFT_BITS) + (uint32_t)below(h, 4);
	default:
		return (uint32_t)(good_address(h) >> PAGE_SHIFT_BITS);
	}
}

#endif
