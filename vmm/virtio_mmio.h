/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_mmio.h: virtio over memory-mapped registers: one 4 KiB page of addresses a device (virtio 1.2, 4.2).
 */
#ifndef BALLAST_VMM_VIRTIO_MMIO_H
#define BALLAST_VMM_VIRTIO_MMIO_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/virtio.h"

#define VIRTIO_MMIO_VENDOR 0x54534c42u /* "BLST" */

/* How the transport reaches the guest and the device thread. Any thread. */
struct virtio_mmio_wires {
	void (*raise)(void *ctx);                /* an edge on the device's interrupt line */
	void (*ring)(void *ctx, unsigned queue); /* wakes the device thread for this queue */
	void *ctx;
};

struct virtio_mmio {
	struct virtio_device *dev; /* borrowed */
	struct virtio_mmio_wires wires;
	atomic_uint interrupt_status;
	uint32_t device_features_sel, driver_features_sel, queue_sel; /* guarded by dev->lock */
};

/* Attaches the transport to dev; both must outlive the VM's threads. */
void virtio_mmio_init(struct virtio_mmio *t, struct virtio_device *dev,
		      const struct virtio_mmio_wires *wires);

/*
 * The guest's accesses: offset + nr <= GUEST_MMIO_DEVICE_BYTES, nr 1, 2, 4 or 8; vCPU threads. Only a write that resets
 * the device or takes a queue away waits for the device thread, which may wait for a page, and that ends when the VM stops.
 */
void virtio_mmio_read(struct virtio_mmio *t, uint32_t offset, void *to, size_t nr);
void virtio_mmio_write(struct virtio_mmio *t, uint32_t offset, const void *from, size_t nr);

#endif
