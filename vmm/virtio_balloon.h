/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_balloon.h: the traditional memory balloon device (virtio 1.2, 5.5).
 */
#ifndef BALLAST_VMM_VIRTIO_BALLOON_H
#define BALLAST_VMM_VIRTIO_BALLOON_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "ballast/types.h"
#include "vmm/guest_memory.h"
#include "vmm/virtio.h"
#include "vmm/vm_balloon.h"

#define VIRTIO_BALLOON_QUEUE_SIZE 128u
#define VIRTIO_BALLOON_BATCH \
	256u /* page numbers handed on at once, at most; what Linux sends in a request */

/* Queues, as numbered by drivers that leave no gap for the hinting queue, which is not offered. */
enum {
	VIRTIO_BALLOON_INFLATE,
	VIRTIO_BALLOON_DEFLATE,
	VIRTIO_BALLOON_STATS,
	VIRTIO_BALLOON_QUEUES = 5
};

/*
 * What becomes of the pages. Called with no lock held, forget with dev.lock only, so a device's functions below may be called
 * from within; the guest waits meanwhile. Pages are guest memory and in ascending order, the rest is the guest's claim:
 * the same page may come twice. Each returns how many pages it accepted; the others are counted as the guest's mistakes.
 * Device thread, but for forget. NULL: nothing is accepted.
 */
struct virtio_balloon_ops {
	uint64_t (*gave)(void *ctx, const gfn_t *pages, unsigned nr);
	/* On return the guest may use them: it is told right after. */
	uint64_t (*took)(void *ctx, const gfn_t *pages, unsigned nr);
	/* [start, start + nr) is free in the guest, which does not expect its content back. */
	uint64_t (*reported)(void *ctx, gfn_t start, npages_t nr);
	/*
	 * The driver reset the device: whatever it gave is its own again, without content. A vCPU thread; the device thread is
	 * out of the others.
	 */
	void (*forget)(void *ctx);
	uint64_t (*now_ns)(void *ctx); /* required, any thread; for the age of statistics */
};

struct virtio_balloon {
	struct virtio_device dev;
	struct virtio_device_ops device_ops; /* dev's: features differ from device to device */
	const struct guest_layout *layout;   /* borrowed */
	const struct virtio_balloon_ops *ops;
	void *ctx;
	atomic_bool stats_wanted;

	/* the device thread's, and a reset's, which comes when that is out */
	struct virtqueue_chain chain;
	uint32_t pfn[VIRTIO_BALLOON_BATCH];
	gfn_t page[VIRTIO_BALLOON_BATCH];
	_Atomic uint32_t
		poison; /* vCPU threads write it: what the driver fills free pages with, if it said so */
	bool stats_held; /* the driver's statistics buffer, which asks for new ones when it goes back */
	uint16_t stats_head; /* and this is it */

	pthread_mutex_t lock; /* innermost; guards what follows */
	struct vm_balloon_stats stats;
	uint64_t stat_ns[VM_BALLOON_TAGS]; /* when they came */
};

/* layout: what is guest memory. layout, ops, memory, bad, stop: borrowed for the device's life. */
void virtio_balloon_init(struct virtio_balloon *b, const struct vm_balloon_config *config,
			 const struct guest_layout *layout, const struct virtio_balloon_ops *ops,
			 void *ctx, const struct guest_memory *memory, struct guest_bad *bad,
			 const atomic_bool *stop);
void virtio_balloon_destroy(struct virtio_balloon *b);

/* Any thread; they do not sleep. */
void virtio_balloon_set_target(struct virtio_balloon *b, npages_t pages); /* cut to guest memory */
void virtio_balloon_get(struct virtio_balloon *b, struct vm_balloon_stats *out);
/* The driver is asked to give up all it holds without a word, and to start again. Nothing if there is no driver. */
void virtio_balloon_need_reset(struct virtio_balloon *b);
/* Fresh statistics are wanted; the device thread is to serve VIRTIO_BALLOON_STATS then. False: no driver tells any. */
bool virtio_balloon_want_stats(struct virtio_balloon *b);

#endif
