/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_blk.h: a virtio block device on a file (virtio 1.2, 5.2).
 */
#ifndef BALLAST_VMM_VIRTIO_BLK_H
#define BALLAST_VMM_VIRTIO_BLK_H

#include <stdatomic.h>
#include <stdint.h>

#include "lib/error.h"
#include "vmm/virtio.h"

#define VIRTIO_BLK_BOUNCE_PAGES 8u
#define VIRTIO_BLK_QUEUE_SIZE   128u
#define VIRTIO_BLK_SECTOR_BYTES 512u

struct virtio_blk {
	struct virtio_device dev;
	int fd;                       /* borrowed */
	uint64_t sectors;             /* the disk's size */
	char id[20];                  /* VIRTIO_BLK_T_GET_ID; not 0-terminated when full */
	uint8_t *bounce;              /* VIRTIO_BLK_BOUNCE_PAGES pages, page-aligned; owned */
	struct virtqueue_chain chain; /* the request being served; the device thread's */
	atomic_uint_fast64_t reads, writes, errors; /* requests; errors: the host's file failed */
};

/*
 * A disk of disk_bytes (rounded down to sectors) in fd, which may be sparse but must be that long. name becomes its id.
 * memory, bad and stop are borrowed as by virtio_device_init().
 */
int virtio_blk_init(struct virtio_blk *blk, int fd, uint64_t disk_bytes, const char *name,
		    const struct guest_memory *memory, struct guest_bad *bad,
		    const atomic_bool *stop, struct error *error);
void virtio_blk_destroy(struct virtio_blk *blk);

#endif
