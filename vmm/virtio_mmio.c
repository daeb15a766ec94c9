/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_mmio.c: the register page of a virtio device.
 *
 * Registers are 32 bits wide and accessed whole; only the configuration at 0x100 may be read in pieces. An access of
 * another width, to a register that does not exist or is not for this direction, reads zero or does nothing, and is
 * counted. What a driver does for every request (QueueNotify, InterruptStatus, InterruptACK) takes no lock.
 *
 * The interrupt line is edge-triggered. A bit of InterruptStatus is set before the edge; a driver that acknowledges it
 * and then looks at its rings misses nothing.
 * Reference: virtio 1.2, 4.2.2.
 */
#include "vmm/virtio_mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

static void interrupt(void *ctx, uint32_t cause)
{
	struct virtio_mmio *t = ctx;

	atomic_fetch_or(&t->interrupt_status, cause);
	t->wires.raise(t->wires.ctx);
}

void virtio_mmio_init(struct virtio_mmio *t, struct virtio_device *dev,
		      const struct virtio_mmio_wires *wires)
{
	*t = (struct virtio_mmio){.dev = dev, .wires = *wires};
	dev->transport = (struct virtio_transport){.interrupt = interrupt, .ctx = t};
}

static void bad_access(const struct virtio_mmio *t, const char *what, uint32_t offset, size_t nr)
{
	guest_bad_note(t->dev->bad, "%s: %s of %zu bytes at register %#x, ignored",
		       t->dev->ops->name, what, nr, offset);
}

/* The selected queue, or NULL if there is none of that number. Lock held. */
static struct virtqueue *selected(struct virtio_mmio *t)
{
	return t->queue_sel < t->dev->ops->nr_queues ? &t->dev->queue[t->queue_sel] : NULL;
}

/* A half of the 64 offered bits; no bits beyond. */
static uint32_t half_of(uint64_t bits, uint32_t half)
{
	return half < 2 ? (uint32_t)(bits >> (half * 32)) : 0;
}

static uint32_t read_register(struct virtio_mmio *t, uint32_t offset)
{
	struct virtio_device *dev = t->dev;
	const struct virtqueue *q = selected(t);

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return half_of(virtio_device_features(dev), t->device_features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return q ? q->size_max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return q ? q->ready : 0;
	case VIRTIO_MMIO_SHM_LEN_LOW: /* no shared memory: all ones */
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return ~0u;
	default:
		bad_access(t, "read", offset, sizeof(uint32_t));
		return 0;
	}
}

void virtio_mmio_read(struct virtio_mmio *t, uint32_t offset, void *to, size_t nr)
{
	struct virtio_device *dev = t->dev;
	uint32_t value;

	memset(to, 0, nr);
	if (offset >= VIRTIO_MMIO_CONFIG) {
		pthread_mutex_lock(&dev->lock);
		dev->ops->config_read(dev, offset - VIRTIO_MMIO_CONFIG, to, nr);
		pthread_mutex_unlock(&dev->lock);
		return;
	}
	if (nr != sizeof(value) || offset % sizeof(value)) {
		bad_access(t, "read", offset, nr);
		return;
	}
	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		value = 0x74726976; /* "virt" */
		break;
	case VIRTIO_MMIO_VERSION:
		value = 2;
		break;
	case VIRTIO_MMIO_DEVICE_ID:
		value = dev->ops->device_id;
		break;
	case VIRTIO_MMIO_VENDOR_ID:
		value = VIRTIO_MMIO_VENDOR;
		break;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		value = atomic_load(&t->interrupt_status);
		break;
	case VIRTIO_MMIO_STATUS:
		value = atomic_load(&dev->status);
		break;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		value = atomic_load(&dev->generation);
		break;
	default:
		pthread_mutex_lock(&dev->lock);
		value = read_register(t, offset);
		pthread_mutex_unlock(&dev->lock);
		break;
	}
	memcpy(to, &value, sizeof(value));
}

static void set_half(uint64_t *address, bool high, uint32_t value)
{
	*address = high ? (*address & 0xffffffffull) | (uint64_t)value << 32
			: (*address & ~0xffffffffull) | value;
}

/* Size and addresses of the selected queue; only while it is not in use. Lock held. */
static void write_queue(struct virtio_mmio *t, uint32_t offset, uint32_t value)
{
	struct virtqueue *q = selected(t);

	if (!q || q->ready) {
		guest_bad_note(t->dev->bad, "%s: queue %u: %s, write to register %#x ignored",
			       t->dev->ops->name, t->queue_sel, q ? "in use" : "no such queue",
			       offset);
		return;
	}
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size =
			value <= q->size_max ? (uint16_t)value : 0; /* 0 is refused when enabled */
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&q->desc, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&q->avail, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&q->used, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		break;
	default:
		bad_access(t, "write", offset, sizeof(uint32_t));
		break;
	}
}

/* Lock held. */
static void write_register(struct virtio_mmio *t, uint32_t offset, uint32_t value)
{
	struct virtio_device *dev = t->dev;

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		t->device_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		t->driver_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (t->driver_features_sel < 2)
			virtio_device_set_features(dev, t->driver_features_sel, value);
		else if (value)
			bad_access(t, "feature bits beyond 63: write", offset, sizeof(value));
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		t->queue_sel = value;
		break;
	case VIRTIO_MMIO_SHM_SEL:
		break;
	default:
		write_queue(t, offset, value);
		break;
	}
}

static void write_queue_ready(struct virtio_mmio *t, uint32_t value)
{
	struct virtio_device *dev = t->dev;
	uint32_t queue;

	pthread_mutex_lock(&dev->lock);
	queue = t->queue_sel;
	pthread_mutex_unlock(&dev->lock);
	if (queue < dev->ops->nr_queues)
		virtio_device_enable_queue(dev, queue, value & 1);
	else
		bad_access(t, "no such queue: write", VIRTIO_MMIO_QUEUE_READY, sizeof(value));
}

void virtio_mmio_write(struct virtio_mmio *t, uint32_t offset, const void *from, size_t nr)
{
	struct virtio_device *dev = t->dev;
	uint32_t value;

	if (offset >= VIRTIO_MMIO_CONFIG) {
		pthread_mutex_lock(&dev->lock);
		if (dev->ops->config_write)
			dev->ops->config_write(dev, offset - VIRTIO_MMIO_CONFIG, from, nr);
		else
			bad_access(t, "write", offset, nr);
		pthread_mutex_unlock(&dev->lock);
		return;
	}
	if (nr != sizeof(value) || offset % sizeof(value)) {
		bad_access(t, "write", offset, nr);
		return;
	}
	memcpy(&value, from, sizeof(value));
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		if (value < dev->ops->nr_queues)
			t->wires.ring(t->wires.ctx, value);
		else
			bad_access(t, "no such queue: write", offset, nr);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		atomic_fetch_and(&t->interrupt_status, ~value);
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		write_queue_ready(t, value);
		break;
	case VIRTIO_MMIO_STATUS:
		virtio_device_set_status(dev, value);
		if (!value)
			atomic_store(&t->interrupt_status, 0);
		break;
	default:
		pthread_mutex_lock(&dev->lock);
		write_register(t, offset, value);
		pthread_mutex_unlock(&dev->lock);
		break;
	}
}
