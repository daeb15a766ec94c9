/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio.h: virtio 1.2 over MMIO, a driver's side: one device, one split queue, one request at a time.
 */
#ifndef BALLAST_GUEST_VIRTIO_H
#define BALLAST_GUEST_VIRTIO_H

#include <stddef.h>
#include <stdint.h>

#define VIRTIO_ID_BLOCK  2
#define VIRTIO_QUEUE_MAX 32 /* descriptors, a power of two */

#define VIRTIO_DESC_NEXT  1
#define VIRTIO_DESC_WRITE 2 /* the device writes it */

struct virtio_desc {
	uint64_t gpa;
	uint32_t length;
	uint16_t flags, next;
};

struct virtio_queue {
	struct virtio_desc desc[VIRTIO_QUEUE_MAX] __attribute__((aligned(16)));
	struct {
		uint16_t flags, index, ring[VIRTIO_QUEUE_MAX], used_event;
	} avail __attribute__((aligned(4)));
	struct {
		uint16_t flags, index;
		struct {
			uint32_t id, length;
		} ring[VIRTIO_QUEUE_MAX];
		uint16_t avail_event;
	} used __attribute__((aligned(4)));
	uint16_t seen; /* used.index up to which completions were taken */
	uint16_t size; /* descriptors in use, <= VIRTIO_QUEUE_MAX */
};

/* The device id, 0: none, or not one of virtio 1. Three exits. */
uint32_t virtio_probe(uint64_t gpa);

/* A 64-bit field of the device's configuration; legal at any time. */
uint64_t virtio_config64(uint64_t gpa, uint32_t offset);

/*
 * Resets the device, accepts VIRTIO_F_VERSION_1 and nothing else, gives it q as queue 0 and sets it going. q: zeroed,
 * its address is its guest-physical address. NULL, or what is wrong with the device.
 */
const char *virtio_start(uint64_t gpa, struct virtio_queue *q);

/* Hands out the chain that begins at descriptor 0 and waits, asleep, until the device is through with it. */
void virtio_request(uint64_t gpa, struct virtio_queue *q);

#endif
