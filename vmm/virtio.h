/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio.h: a virtio device apart from what it does and from how it is reached.
 *
 * A device (virtio_blk.c, later balloon, console, net, rng) fills in a const table of functions. This layer keeps what
 * all devices have: status, feature negotiation, queues. A transport (virtio_mmio.c) turns guest accesses into the calls
 * below and carries notifications and interrupts, through struct virtio_transport.
 *
 * Threads: the transport calls from vCPU threads, virtio_device_serve() runs on the VM's device thread. dev->lock is held
 * for moments only, never while guest memory is touched or a file is read: serving may sleep for as long as the machine has
 * no page. Who writes a register must not sleep with it, or a VM could not be stopped; see virtio.c for resets.
 */
#ifndef BALLAST_VMM_VIRTIO_H
#define BALLAST_VMM_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/guest_bad.h"
#include "vmm/guest_memory.h"
#include "vmm/virtqueue.h"

#define VIRTIO_QUEUES_MAX 5u

struct virtio_device;

/* Those for vCPU threads are called with dev->lock held and must not touch guest memory. */
struct virtio_device_ops {
	const char *name;
	uint32_t device_id; /* VIRTIO_ID_* */
	uint64_t features;  /* offered besides VIRTIO_F_VERSION_1 */
	unsigned nr_queues;
	uint16_t queue_size_max;

	/*
	 * Required; device thread, no lock held, but no reset comes meanwhile: this queue and driver_features stay as they
	 * are. The driver rang for this queue: do one unit of work. 1: there may be more, 0: nothing left, -errno: the
	 * device cannot go on and needs a reset. Long work asks virtio_device_leaving() between its pieces.
	 */
	int (*serve)(struct virtio_device *dev, unsigned queue);

	/* Required; vCPU thread. Fills nr bytes of the configuration at offset; zeros beyond its end. */
	void (*config_read)(struct virtio_device *dev, uint32_t offset, void *to, size_t nr);

	/* Optional; vCPU thread. Without it writes to the configuration are dropped. */
	void (*config_write)(struct virtio_device *dev, uint32_t offset, const void *from,
			     size_t nr);

	/* Optional; vCPU thread. The driver is there: what it accepted is in dev->driver_features. */
	void (*started)(struct virtio_device *dev);

	/*
	 * Optional; vCPU thread; serve() does not run. The driver reset the device: forget everything it told it. dev->status
	 * is still the old.
	 */
	void (*reset)(struct virtio_device *dev);
};

/* What the device needs of its transport. Any thread; may be called with dev->lock held. */
struct virtio_transport {
	void (*interrupt)(void *ctx, uint32_t cause); /* VIRTIO_MMIO_INT_VRING, _CONFIG */
	void *ctx;
};

struct virtio_device {
	const struct virtio_device_ops *ops;
	void *state;                       /* the device's own; borrowed */
	const struct guest_memory *memory; /* borrowed */
	struct guest_bad *bad;             /* borrowed */
	const atomic_bool *stop;           /* set: leave as soon as possible; borrowed */
	struct virtio_transport transport;
	atomic_uint
		status; /* NEEDS_RESET is set by anyone, the rest changed with the lock held; read without */
	atomic_uint generation; /* of the configuration */

	atomic_bool abandon; /* the driver takes away what is being served */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t moved; /* serving or waiting changed */
	unsigned serving; /* the queue the device thread is at work on; VIRTIO_QUEUES_MAX: none */
	unsigned
		waiting; /* vCPUs that want the device thread out; it serves nothing new meanwhile */
	uint64_t driver_features;
	struct virtqueue queue[VIRTIO_QUEUES_MAX];
};

/* The transport is attached by the transport's own init. Everything borrowed must outlive the device. */
void virtio_device_init(struct virtio_device *dev, const struct virtio_device_ops *ops, void *state,
			const struct guest_memory *memory, struct guest_bad *bad,
			const atomic_bool *stop);
void virtio_device_destroy(struct virtio_device *dev);

/* Device thread: serves a queue until it is empty or dev->stop is set. */
void virtio_device_serve(struct virtio_device *dev, unsigned queue);

/* For serve(): nobody waits for an answer any more, the VM stops or the driver takes the queue away. */
bool virtio_device_leaving(const struct virtio_device *dev);

/* For serve(): gives a buffer back and interrupts if the driver wants it. 0, or -EFAULT. */
int virtio_device_complete(struct virtio_device *dev, unsigned queue, uint16_t head,
			   uint32_t bytes);

/* For devices: what the configuration says has changed. Lock held or not. */
void virtio_device_config_changed(struct virtio_device *dev);

/*
 * For devices: nothing is served until the driver has reset the device, and it is told so. Lock held or not. False: there
 * is no driver, or it was told before.
 */
bool virtio_device_need_reset(struct virtio_device *dev);

/* For transports; vCPU threads. */
uint64_t virtio_device_features(const struct virtio_device *dev); /* offered */
void virtio_device_set_features(struct virtio_device *dev, unsigned half,
				uint32_t bits); /* lock held */
/*
 * Lock not held. A reset (status 0), or taking away a queue, returns when the device thread is out of the device, or of that
 * queue; or with nothing done when dev->stop is set.
 */
void virtio_device_set_status(struct virtio_device *dev, uint32_t status);
void virtio_device_enable_queue(struct virtio_device *dev, unsigned queue, bool ready);

#endif
