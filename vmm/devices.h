/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * devices.h: a VM's virtio devices, their place in its address space, and the thread that serves them.
 */
#ifndef BALLAST_VMM_DEVICES_H
#define BALLAST_VMM_DEVICES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"
#include "vmm/doorbell.h"
#include "vmm/guest_bad.h"
#include "vmm/guest_memory.h"
#include "vmm/irq.h"
#include "vmm/virtio.h"
#include "vmm/virtio_balloon.h"
#include "vmm/virtio_blk.h"
#include "vmm/virtio_mmio.h"

#define DEVICES_MAX   4u
#define DEVICES_DISKS 2u /* of them: for swap, and for files */

/* One device at GUEST_MMIO_GPA + index pages, interrupt GSI GUEST_MMIO_IRQ + index. */
struct device_slot {
	struct virtio_mmio mmio;
	struct irq irq;
	struct doorbell doorbell[VIRTIO_QUEUES_MAX];
};

struct devices {
	unsigned nr;
	int stop_fd; /* owned; readable: the device thread leaves; -1: closed */
	atomic_bool stop;
	struct device_slot slot[DEVICES_MAX];
	unsigned nr_disks;
	struct virtio_blk
		disk[DEVICES_DISKS]; /* their files are owned once devices_add_disk() succeeded */
	struct device_slot *balloon_slot; /* the balloon's; NULL: there is none */
	struct virtio_balloon balloon;
};

/* What KVM offers; see vm.h. */
struct device_wiring {
	int vm_fd;
	bool irqfd, ioeventfd;
};

/* No devices yet. 0 or -errno with words. */
int devices_init(struct devices *d, struct error *error);
/* At most DEVICES_DISKS. */
int devices_add_disk(struct devices *d, const struct device_wiring *wiring, int disk_fd,
		     uint64_t disk_bytes, const char *name, const struct guest_memory *memory,
		     struct guest_bad *bad, struct error *error);
/* The disks are gone, if there were some, and their files the caller's again. Before devices_run() only. */
void devices_leave_disks(struct devices *d);
/* As virtio_balloon_init(). */
int devices_add_balloon(struct devices *d, const struct device_wiring *wiring,
			const struct vm_balloon_config *config, const struct guest_layout *layout,
			const struct virtio_balloon_ops *ops, void *ctx,
			const struct guest_memory *memory, struct guest_bad *bad,
			struct error *error);
void devices_destroy(struct devices *d);

/* A guest access to an address where no memory is. False: no device there. vCPU threads. */
bool devices_mmio(struct devices *d, uint64_t address, void *bytes, size_t nr, bool write);

/* The device thread: serves rings until devices_stop(). */
void devices_run(struct devices *d);
void devices_stop(struct devices *d); /* any thread, idempotent */

#endif
