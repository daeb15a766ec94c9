/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk.h: the guest's swap disk: the first virtio block device.
 */
#ifndef BALLAST_GUEST_DISK_H
#define BALLAST_GUEST_DISK_H

#include "guest/boot/virtio.h"
#include "guest/core/options.h"
#include "guest/core/pager.h"

/* Its address is handed to the device: a disk does not move once used. */
struct disk {
	struct virtio_queue queue;
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} request;               /* read by the device */
	volatile uint8_t status; /* written by the device */
	bool started;
	uint64_t gpa; /* of its registers; 0: there is no disk */
	uint32_t irq;
	uint32_t slots; /* capacity, pages */
};

/* Looks for the first block device among devices; its queue is set up at the first request. */
void disk_find(struct disk *d, const struct options_device *devices, unsigned nr_devices);

/*
 * Frames to slots, or a slot to a frame; returns when done. 0 or -EIO, also if there is no disk or it does not start.
 * interrupts_ready as interrupt_start() wants it. nr <= PAGER_CLUSTER.
 */
int disk_write(struct disk *d, const gfn_t *frames, uint32_t nr, slot_t first,
	       bool *interrupts_ready);
int disk_read(struct disk *d, gfn_t frame, slot_t from, bool *interrupts_ready);

#endif
