/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk.h: the guest's disks, virtio block devices: one for swap, and one for the files of its workload.
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
	const char *name;        /* in messages */
	bool started;
	uint64_t gpa; /* of its registers; 0: there is no disk */
	uint32_t irq;
	uint32_t pages; /* capacity; 0: there is no disk */
};

/* The first block device that is not the data disk; and that one. Their queues are set up at the first request. */
void disk_find_swap(struct disk *d, const struct guest_options *options);
void disk_find_data(struct disk *d, const struct guest_options *options);

/*
 * Frames to pages of the disk, or the other way round; returns when done. 0 or -EIO, also if there is no disk or it does not
 * start. interrupts_ready as interrupt_start() wants it. nr <= PAGER_CLUSTER.
 */
int disk_write(struct disk *d, const gfn_t *frames, uint32_t nr, uint32_t first,
	       bool *interrupts_ready);
int disk_read(struct disk *d, const gfn_t *frames, uint32_t nr, uint32_t first,
	      bool *interrupts_ready);

#endif
