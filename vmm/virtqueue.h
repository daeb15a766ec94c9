/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtqueue.h: the device's side of a split virtqueue (virtio 1.2, 2.7), in memory a hostile guest writes.
 *
 * Offered: neither indirect descriptors nor event indices. Not locked: the owner of the device serialises.
 */
#ifndef BALLAST_VMM_VIRTQUEUE_H
#define BALLAST_VMM_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "ballast/types.h"
#include "vmm/guest_memory.h"

#define VIRTQUEUE_SIZE_MAX 256u

struct virtqueue {
	const struct guest_memory *memory; /* borrowed */
	uint16_t size_max;                 /* a power of two */
	uint16_t size;
	uint64_t desc, avail, used; /* gpa, as the driver wrote them */
	bool ready;
	uint16_t seen;      /* available buffers taken so far, modulo 2^16 */
	uint16_t used_next; /* used buffers given so far, modulo 2^16 */
};

struct virtqueue_segment {
	gpa_t at;
	uint32_t bytes;
};

/* One buffer: what the driver wrote for the device, then where the device may write. Addresses are not checked yet. */
struct virtqueue_chain {
	uint16_t head;
	uint16_t nr_readable, nr_writable;
	uint64_t readable_bytes, writable_bytes;
	struct virtqueue_segment segment[VIRTQUEUE_SIZE_MAX]; /* readable ones first */
};

/* size_max: a power of two, at most VIRTQUEUE_SIZE_MAX. */
void virtqueue_init(struct virtqueue *q, const struct guest_memory *memory, uint16_t size_max);

/* As after init: not ready, nothing taken. */
void virtqueue_reset(struct virtqueue *q);

/* Makes the queue usable with the size and addresses it has. 0; -EINVAL: size or alignment wrong, it stays unusable. */
int virtqueue_enable(struct virtqueue *q);

/*
 * Takes the next buffer. 1: *chain is filled. 0: there is none. -EBADMSG: one was malformed, and was given back unused
 * if it had a valid head; go on with the next. -EFAULT, -EPROTO: the rings are outside guest memory, or the available
 * index makes no sense; the device needs a reset. O(queue size).
 */
int virtqueue_pop(struct virtqueue *q, struct virtqueue_chain *chain);

/* Gives a buffer back; bytes: how many the device wrote into it. 0, or -EFAULT: the device needs a reset. */
int virtqueue_push(struct virtqueue *q, uint16_t head, uint32_t bytes);

/* After virtqueue_push: 1: the driver wants to hear of it, 0: not, -EFAULT. */
int virtqueue_interrupt_wanted(const struct virtqueue *q);

/*
 * Copy from the chain's readable bytes, or into its writable ones, as if they were contiguous: drivers may cut buffers
 * as they like. offset + nr must not exceed readable_bytes (writable_bytes). 0, or -EFAULT: a segment is not guest
 * memory; part may have been copied. O(segments + nr).
 */
int virtqueue_chain_read(const struct virtqueue *q, const struct virtqueue_chain *chain,
			 uint64_t offset, void *to, size_t nr);
int virtqueue_chain_write(const struct virtqueue *q, const struct virtqueue_chain *chain,
			  uint64_t offset, const void *from, size_t nr);

/*
 * A disk is about to read these bytes of the chain's readable ones, or to write these of its writable ones: struct
 * guest_memory.disk_access, if there is one, is told the pages that it will read, or that it will overwrite whole.
 * O(segments + pages).
 */
void virtqueue_chain_announce(const struct virtqueue *q, const struct virtqueue_chain *chain,
			      bool writes, uint64_t offset, size_t nr);

#endif
