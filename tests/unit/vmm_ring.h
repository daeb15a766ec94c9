/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_ring.h: a driver's side of a virtqueue in plain memory, for tests of devices.
 *
 * 64 KiB of memory at gpa 0, with the three parts of one queue of RING_SIZE at fixed places. Accesses are checked by
 * this file's own few lines, not by the code under test. hook, if set, runs after each read: a guest that rewrites what
 * was just read.
 */
#ifndef BALLAST_TESTS_VMM_RING_H
#define BALLAST_TESTS_VMM_RING_H

#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdint.h>
#include <string.h>

#include "vmm/guest_memory.h"

#define RING_SIZE   8u
#define RING_DESC   0x1000u
#define RING_AVAIL  0x2000u
#define RING_USED   0x3000u
#define RING_MEMORY 0x10000u

struct ring {
	_Alignas(16) uint8_t mem[RING_MEMORY];
	struct guest_memory memory;
	void (*hook)(struct ring *r, uint64_t from, size_t bytes);
	unsigned reads;
};

static inline struct vring_desc *ring_desc(struct ring *r)
{
	return (struct vring_desc *)(void *)(r->mem + RING_DESC);
}

static inline struct vring_avail *ring_avail(struct ring *r)
{
	return (struct vring_avail *)(void *)(r->mem + RING_AVAIL);
}

static inline struct vring_used *ring_used(struct ring *r)
{
	return (struct vring_used *)(void *)(r->mem + RING_USED);
}

static inline int ring_read(void *ctx, gpa_t from, void *to, size_t bytes)
{
	struct ring *r = ctx;

	if (from.v > RING_MEMORY || bytes > RING_MEMORY - from.v)
		return -EFAULT;
	memcpy(to, r->mem + from.v, bytes);
	r->reads++;
	if (r->hook)
		r->hook(r, from.v, bytes);
	return 0;
}

static inline int ring_write(void *ctx, gpa_t to, const void *from, size_t bytes)
{
	struct ring *r = ctx;

	if (to.v > RING_MEMORY || bytes > RING_MEMORY - to.v)
		return -EFAULT;
	memcpy(r->mem + to.v, from, bytes);
	return 0;
}

static inline void ring_init(struct ring *r)
{
	memset(r, 0, sizeof(*r));
	r->memory = (struct guest_memory){.read = ring_read, .write = ring_write, .ctx = r};
}

/* Descriptor i; next < 0: the last of its chain. */
static inline void ring_set(struct ring *r, unsigned i, uint64_t at, uint32_t bytes, uint16_t flags,
			    int next)
{
	ring_desc(r)[i] = (struct vring_desc){
		.addr = at,
		.len = bytes,
		.flags = (uint16_t)(flags | (next < 0 ? 0 : VRING_DESC_F_NEXT)),
		.next = (uint16_t)(next < 0 ? 0 : next),
	};
}

/* Makes a chain available. */
static inline void ring_offer(struct ring *r, uint16_t head)
{
	struct vring_avail *avail = ring_avail(r);

	avail->ring[avail->idx % RING_SIZE] = head;
	avail->idx++;
}

#endif
