/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio.h: virtio 1.2 over MMIO, a driver's side: devices with split queues, one request at a time in each.
 */
#ifndef BALLAST_GUEST_VIRTIO_H
#define BALLAST_GUEST_VIRTIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTIO_ID_BLOCK   2
#define VIRTIO_ID_BALLOON 5
#define VIRTIO_QUEUE_MAX  32 /* descriptors, a power of two */

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

void virtio_config_write32(uint64_t gpa, uint32_t offset, uint32_t value);
uint32_t virtio_config32(uint64_t gpa, uint32_t offset);

/*
 * Bringing a device up, in this order: virtio_negotiate() resets it and accepts VIRTIO_F_VERSION_1 and those of the wanted
 * features (the first 32) that it offers; virtio_queue_start() gives it a queue; virtio_go() sets it going. q: zeroed,
 * its address is its guest-physical address. NULL, or what is wrong with the device.
 */
const char *virtio_negotiate(uint64_t gpa, uint32_t wanted, uint32_t *accepted);
const char *virtio_queue_start(uint64_t gpa, uint32_t index, struct virtio_queue *q);
void virtio_go(uint64_t gpa);

/* Hands out the chain that begins at descriptor 0. */
void virtio_offer(uint64_t gpa, uint32_t index, struct virtio_queue *q);

/* True, once, when the device is through with it. No exit. */
bool virtio_done(struct virtio_queue *q);

/* Both, asleep in between. 0; -EIO: the device gave up and needs a reset. */
int virtio_request(uint64_t gpa, uint32_t index, struct virtio_queue *q);

/* What the device interrupted for since the last time, acknowledged: VIRTIO_INTERRUPT_*. Two exits. */
#define VIRTIO_INTERRUPT_USED   1u
#define VIRTIO_INTERRUPT_CONFIG 2u
uint32_t virtio_interrupt(uint64_t gpa);

/* The device gave up: it works again after virtio_negotiate() and so on. */
bool virtio_needs_reset(uint64_t gpa);

#endif
