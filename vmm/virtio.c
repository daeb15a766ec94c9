/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio.c: status, features and queues of a virtio device.
 *
 * The driver brings a device up in steps: ACKNOWLEDGE, DRIVER, features, FEATURES_OK, queues, DRIVER_OK. A step out of
 * order is the guest's mistake: counted, refused, and visible to a driver that reads back what it wrote. Refused are
 *   - feature bits that were not offered, or no VIRTIO_F_VERSION_1: FEATURES_OK does not stay set;
 *   - features after FEATURES_OK; DRIVER_OK without FEATURES_OK; clearing a status bit other than by a reset;
 *   - a queue of a wrong size or alignment: QueueReady stays 0.
 * A queue is served only while DRIVER_OK is set and NEEDS_RESET is not. NEEDS_RESET is how a device says that the driver
 * left it in a state it cannot go on from; the VM itself goes on. It is said again at each notification after that: a
 * driver that took the first interrupt for another one's does not wait for ever.
 *
 * While the device thread serves, it holds no lock: it may sleep on a guest page until the machine has memory, and a vCPU
 * that slept with it in a register access could not be stopped, so that nothing would free that memory. Registers of a
 * queue in use do not change, so a unit of work needs no lock to read them. Only what takes a queue away from the device
 * waits: after a reset the driver uses the memory for something else. That wait asks the device to abandon its work and
 * ends when the VM stops.
 * Reference: virtio 1.2, 2.1, 2.2, 3.1.
 */
#include "vmm/virtio.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <time.h>

#include "ballast/types.h"

#define FEATURE_VERSION_1 (1ull << VIRTIO_F_VERSION_1)
#define NO_QUEUE          VIRTIO_QUEUES_MAX
#define ALL_QUEUES        (VIRTIO_QUEUES_MAX + 1)
#define STOP_LOOK_NS      2000000 /* dev->stop wakes nobody */

void virtio_device_init(struct virtio_device *dev, const struct virtio_device_ops *ops, void *state,
			const struct guest_memory *memory, struct guest_bad *bad,
			const atomic_bool *stop)
{
	*dev = (struct virtio_device){
		.ops = ops,
		.state = state,
		.memory = memory,
		.bad = bad,
		.stop = stop,
		.serving = NO_QUEUE,
	};
	pthread_mutex_init(&dev->lock, NULL);
	pthread_cond_init(&dev->moved, NULL);
	for (unsigned i = 0; i < ops->nr_queues; i++)
		virtqueue_init(&dev->queue[i], memory, ops->queue_size_max);
}

void virtio_device_destroy(struct virtio_device *dev)
{
	pthread_cond_destroy(&dev->moved);
	pthread_mutex_destroy(&dev->lock);
}

uint64_t virtio_device_features(const struct virtio_device *dev)
{
	return dev->ops->features | FEATURE_VERSION_1;
}

void virtio_device_set_features(struct virtio_device *dev, unsigned half, uint32_t bits)
{
	uint64_t mask = 0xffffffffull << (half * 32);

	if (atomic_load(&dev->status) & VIRTIO_CONFIG_S_FEATURES_OK) {
		guest_bad_note(dev->bad, "%s: features changed after FEATURES_OK, ignored",
			       dev->ops->name);
		return;
	}
	dev->driver_features = (dev->driver_features & ~mask) | (uint64_t)bits << (half * 32);
}

/* Lock held, dropped meanwhile. Until something moves or the VM may have been stopped. */
static void wait_a_moment(struct virtio_device *dev)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += STOP_LOOK_NS;
	if (t.tv_nsec >= (long)NS_PER_S) {
		t.tv_nsec -= (long)NS_PER_S;
		t.tv_sec++;
	}
	pthread_cond_clockwait(&dev->moved, &dev->lock, CLOCK_MONOTONIC, &t);
}

/*
 * Lock held, dropped meanwhile. Keeps the device thread out until let_in(). True: it is out of this queue, or of ALL_QUEUES.
 * False: it may be in there, but the VM stops.
 */
static bool keep_out(struct virtio_device *dev, unsigned queue)
{
	dev->waiting++;
	while (dev->serving != NO_QUEUE && (queue == ALL_QUEUES || queue == dev->serving)) {
		if (atomic_load(dev->stop))
			return false;
		atomic_store(&dev->abandon, true);
		wait_a_moment(dev);
	}
	return true;
}

/* Lock held. */
static void let_in(struct virtio_device *dev)
{
	dev->waiting--;
	pthread_cond_broadcast(&dev->moved);
}

/* Lock held, dropped while it waits for the device thread. */
static void reset(struct virtio_device *dev)
{
	if (!keep_out(dev, ALL_QUEUES)) {
		let_in(dev);
		return;
	}
	for (unsigned i = 0; i < dev->ops->nr_queues; i++)
		virtqueue_reset(&dev->queue[i]);
	dev->driver_features = 0;
	if (dev->ops->reset)
		dev->ops->reset(dev);
	atomic_store(&dev->status, 0);
	let_in(dev);
}

/* Lock held. */
static void raise_status(struct virtio_device *dev, uint32_t status)
{
	const uint32_t known = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
			       VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK |
			       VIRTIO_CONFIG_S_FAILED;
	uint32_t old = atomic_load(&dev->status);
	uint32_t wanted = old | (status & known);

	if (old & known & ~status)
		guest_bad_note(dev->bad, "%s: status bits cleared without a reset, kept",
			       dev->ops->name);
	if ((wanted & ~old & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    ((dev->driver_features & ~virtio_device_features(dev)) ||
	     !(dev->driver_features & FEATURE_VERSION_1))) {
		guest_bad_note(dev->bad, "%s: features %#llx not among those offered, refused",
			       dev->ops->name, (unsigned long long)dev->driver_features);
		wanted &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
	}
	if ((wanted & ~old & VIRTIO_CONFIG_S_DRIVER_OK) &&
	    !(wanted & VIRTIO_CONFIG_S_FEATURES_OK)) {
		guest_bad_note(dev->bad, "%s: DRIVER_OK without FEATURES_OK, refused",
			       dev->ops->name);
		wanted &= ~(uint32_t)VIRTIO_CONFIG_S_DRIVER_OK;
	}
	atomic_fetch_or(&dev->status, wanted);
	if ((wanted & ~old & VIRTIO_CONFIG_S_DRIVER_OK) && dev->ops->started)
		dev->ops->started(dev);
}

void virtio_device_set_status(struct virtio_device *dev, uint32_t status)
{
	pthread_mutex_lock(&dev->lock);
	if (status)
		raise_status(dev, status);
	else
		reset(dev);
	pthread_mutex_unlock(&dev->lock);
}

void virtio_device_enable_queue(struct virtio_device *dev, unsigned queue, bool ready)
{
	struct virtqueue *q = &dev->queue[queue];

	pthread_mutex_lock(&dev->lock);
	if (!ready) {
		if (keep_out(dev, queue))
			virtqueue_reset(q);
		let_in(dev);
	} else if (!q->ready && virtqueue_enable(q)) {
		guest_bad_note(dev->bad, "%s: queue %u: bad size %u or alignment, refused",
			       dev->ops->name, queue, q->size);
	}
	pthread_mutex_unlock(&dev->lock);
}

static void fail(struct virtio_device *dev, unsigned queue)
{
	guest_bad_note(dev->bad, "%s: queue %u is broken, device needs a reset", dev->ops->name,
		       queue);
	virtio_device_need_reset(dev);
}

/* The device thread enters for a unit of work on this queue, if there may be one. */
static bool enter(struct virtio_device *dev, unsigned queue)
{
	const uint32_t mask = VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET;
	uint32_t status;
	bool may;

	pthread_mutex_lock(&dev->lock);
	while (dev->waiting && !atomic_load(dev->stop))
		wait_a_moment(dev);
	status = atomic_load(&dev->status) & mask;
	may = status == VIRTIO_CONFIG_S_DRIVER_OK && dev->queue[queue].ready &&
	      !atomic_load(dev->stop);
	if (may) {
		dev->serving = queue;
		atomic_store(&dev->abandon, false);
	} else if (status == mask) {
		virtio_device_config_changed(dev); /* who waits for an answer must look */
	}
	pthread_mutex_unlock(&dev->lock);
	return may;
}

static void leave(struct virtio_device *dev)
{
	pthread_mutex_lock(&dev->lock);
	dev->serving = NO_QUEUE;
	pthread_cond_broadcast(&dev->moved);
	pthread_mutex_unlock(&dev->lock);
}

void virtio_device_serve(struct virtio_device *dev, unsigned queue)
{
	int more = 1;

	/* One unit of work at a time: a reset need not wait for the queue to run dry. */
	while (more > 0 && enter(dev, queue)) {
		more = dev->ops->serve(dev, queue);
		if (more < 0)
			fail(dev, queue);
		leave(dev);
	}
}

bool virtio_device_leaving(const struct virtio_device *dev)
{
	return atomic_load(dev->stop) || atomic_load(&dev->abandon);
}

int virtio_device_complete(struct virtio_device *dev, unsigned queue, uint16_t head, uint32_t bytes)
{
	struct virtqueue *q = &dev->queue[queue];
	int wanted;

	if (virtqueue_push(q, head, bytes))
		return -EFAULT;
	wanted = virtqueue_interrupt_wanted(q);
	if (wanted > 0)
		dev->transport.interrupt(dev->transport.ctx, VIRTIO_MMIO_INT_VRING);
	return wanted < 0 ? wanted : 0;
}

void virtio_device_config_changed(struct virtio_device *dev)
{
	atomic_fetch_add(&dev->generation, 1);
	if (atomic_load(&dev->status) & VIRTIO_CONFIG_S_DRIVER_OK)
		dev->transport.interrupt(dev->transport.ctx, VIRTIO_MMIO_INT_CONFIG);
}

bool virtio_device_need_reset(struct virtio_device *dev)
{
	unsigned status = atomic_load(&dev->status);

	do {
		if (!(status & VIRTIO_CONFIG_S_DRIVER_OK) || (status & VIRTIO_CONFIG_S_NEEDS_RESET))
			return false;
	} while (!atomic_compare_exchange_weak(&dev->status, &status,
					       status | VIRTIO_CONFIG_S_NEEDS_RESET));
	virtio_device_config_changed(dev);
	return true;
}
