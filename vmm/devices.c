/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * devices.c: devices of a VM, and their thread.
 *
 * One thread serves all devices of a VM, because serving sleeps: on the disk, and on guest pages that are not there.
 * It sleeps in poll(2) on the doorbells of all queues and on one eventfd that ends it. A doorbell is taken before its
 * queue is looked at, so a ring that comes meanwhile is seen the next time round.
 *
 * Stopping sets a flag that devices look at between pieces of work, and wakes the thread. A thread asleep on a guest
 * page leaves when that page is served, which is the machine's business.
 */
#include "vmm/devices.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int devices_init(struct devices *d, struct error *error)
{
	memset(d, 0, sizeof(*d));
	d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return d->stop_fd < 0 ? error_host(error, errno, "eventfd") : 0;
}

static void slot_raise(void *ctx)
{
	struct device_slot *slot = ctx;

	irq_pulse(&slot->irq);
}

static void slot_ring(void *ctx, unsigned queue)
{
	struct device_slot *slot = ctx;

	doorbell_ring(&slot->doorbell[queue]);
}

static void slot_close(struct device_slot *slot)
{
	for (unsigned q = 0; q < VIRTIO_QUEUES_MAX; q++)
		doorbell_close(&slot->doorbell[q]);
	irq_close(&slot->irq);
}

/* Gives dev the next place. */
static int attach(struct devices *d, const struct device_wiring *wiring, struct virtio_device *dev,
		  struct error *error)
{
	struct device_slot *slot = &d->slot[d->nr];
	uint64_t base = GUEST_MMIO_GPA + (uint64_t)d->nr * GUEST_MMIO_DEVICE_BYTES;
	const struct virtio_mmio_wires wires = {slot_raise, slot_ring, slot};
	int ret;

	slot->irq.event_fd = -1;
	for (unsigned q = 0; q < VIRTIO_QUEUES_MAX; q++)
		slot->doorbell[q].event_fd = -1;
	ret = irq_init(&slot->irq, wiring->vm_fd, GUEST_MMIO_IRQ + d->nr, wiring->irqfd);
	if (ret)
		return error_host(error, -ret, "KVM: interrupt of device %s", dev->ops->name);
	for (unsigned q = 0; q < dev->ops->nr_queues; q++) {
		ret = doorbell_init(&slot->doorbell[q], wiring->vm_fd,
				    base + VIRTIO_MMIO_QUEUE_NOTIFY, q, wiring->ioeventfd);
		if (ret) {
			slot_close(slot);
			return error_host(error, -ret, "KVM: notification of device %s",
					  dev->ops->name);
		}
	}
	virtio_mmio_init(&slot->mmio, dev, &wires);
	d->nr++;
	return 0;
}

int devices_add_disk(struct devices *d, const struct device_wiring *wiring, int disk_fd,
		     uint64_t disk_bytes, const char *name, const struct guest_memory *memory,
		     struct guest_bad *bad, struct error *error)
{
	struct virtio_blk *disk = &d->disk[d->nr_disks];
	int ret = virtio_blk_init(disk, disk_fd, disk_bytes, name, memory, bad, &d->stop, error);

	if (ret)
		return ret;
	ret = attach(d, wiring, &disk->dev, error);
	if (ret) {
		virtio_blk_destroy(disk);
		return ret;
	}
	d->nr_disks++;
	return 0;
}

void devices_leave_disks(struct devices *d)
{
	while (d->nr_disks)
		virtio_blk_destroy(&d->disk[--d->nr_disks]);
}

int devices_add_balloon(struct devices *d, const struct device_wiring *wiring,
			const struct vm_balloon_config *config, const struct guest_layout *layout,
			const struct virtio_balloon_ops *ops, void *ctx,
			const struct guest_memory *memory, struct guest_bad *bad,
			struct error *error)
{
	struct device_slot *slot = &d->slot[d->nr];
	int ret;

	virtio_balloon_init(&d->balloon, config, layout, ops, ctx, memory, bad, &d->stop);
	ret = attach(d, wiring, &d->balloon.dev, error);
	if (ret)
		virtio_balloon_destroy(&d->balloon);
	else
		d->balloon_slot = slot;
	return ret;
}

void devices_destroy(struct devices *d)
{
	for (unsigned i = 0; i < d->nr; i++)
		slot_close(&d->slot[i]);
	for (unsigned i = 0; i < d->nr_disks; i++)
		close(d->disk[i].fd);
	devices_leave_disks(d);
	if (d->balloon_slot)
		virtio_balloon_destroy(&d->balloon);
	if (d->stop_fd >= 0)
		close(d->stop_fd);
	d->nr = 0;
	d->balloon_slot = NULL;
	d->stop_fd = -1;
}

bool devices_mmio(struct devices *d, uint64_t address, void *bytes, size_t nr, bool write)
{
	uint64_t from_base = address - GUEST_MMIO_GPA;
	uint32_t offset = (uint32_t)(from_base % GUEST_MMIO_DEVICE_BYTES);
	uint64_t index = from_base / GUEST_MMIO_DEVICE_BYTES;

	if (address < GUEST_MMIO_GPA || index >= d->nr || nr > GUEST_MMIO_DEVICE_BYTES - offset)
		return false;
	if (write)
		virtio_mmio_write(&d->slot[index].mmio, offset, bytes, nr);
	else
		virtio_mmio_read(&d->slot[index].mmio, offset, bytes, nr);
	return true;
}

void devices_run(struct devices *d)
{
	struct pollfd fds[1 + DEVICES_MAX * VIRTIO_QUEUES_MAX] = {
		{.fd = d->stop_fd, .events = POLLIN}};
	struct {
		struct device_slot *slot;
		unsigned queue;
	} at[1 + DEVICES_MAX * VIRTIO_QUEUES_MAX];
	nfds_t nr = 1;

	for (unsigned i = 0; i < d->nr; i++)
		for (unsigned q = 0; q < d->slot[i].mmio.dev->ops->nr_queues; q++, nr++) {
			at[nr].slot = &d->slot[i];
			at[nr].queue = q;
			fds[nr] = (struct pollfd){.fd = d->slot[i].doorbell[q].event_fd,
						  .events = POLLIN};
		}
	while (!atomic_load(&d->stop)) {
		if (poll(fds, nr, -1) < 0)
			continue; /* EINTR */
		for (nfds_t i = 1; i < nr; i++)
			if ((fds[i].revents & POLLIN) &&
			    doorbell_take(&at[i].slot->doorbell[at[i].queue]))
				virtio_device_serve(at[i].slot->mmio.dev, at[i].queue);
	}
}

void devices_stop(struct devices *d)
{
	atomic_store(&d->stop, true);
	eventfd_write(d->stop_fd, 1);
}
