/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_echo.h: a virtio device that turns what it is given around, behind its registers, and a driver's side of these.
 *
 * Two queues, of which queue 1 is used, in the memory of vmm_ring.h: a request of a byte at ECHO_REQUEST, its reply at
 * ECHO_REPLY. Interrupts and notifications are counted. Nothing is served but by virtio_device_serve(), on whichever
 * thread calls it.
 */
#ifndef BALLAST_TESTS_VMM_ECHO_H
#define BALLAST_TESTS_VMM_ECHO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "tests/unit/vmm_ring.h"
#include "vmm/virtio_mmio.h"

#define ECHO_FEATURES (1ull << 3 | 1ull << 37)
#define ECHO_REQUEST  0x8000u
#define ECHO_REPLY    0x8001u
#define ACK           VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER        VIRTIO_CONFIG_S_DRIVER
#define FEAT_OK       VIRTIO_CONFIG_S_FEATURES_OK
#define OK            VIRTIO_CONFIG_S_DRIVER_OK
#define RESET         VIRTIO_CONFIG_S_NEEDS_RESET
#define ALL           (ACK | DRIVER | FEAT_OK | OK)

struct echo {
	struct ring ring; /* first: see vmm_ring.h, hook */
	struct guest_bad bad;
	atomic_bool stop;
	struct virtio_device dev;
	struct virtio_mmio mmio;
	atomic_uint raised, rung[VIRTIO_QUEUES_MAX], resets;
	atomic_uint served, finished; /* requests begun and answered */
	bool long_work;               /* serving goes on until nobody waits for it any more */
	uint8_t config[8];
	struct virtqueue_chain chain;
};

static int echo_serve(struct virtio_device *dev, unsigned queue)
{
	struct echo *e = dev->state;
	struct virtqueue *q = &dev->queue[queue];
	int ret = virtqueue_pop(q, &e->chain);
	char byte;

	if (ret <= 0)
		return ret == -EBADMSG ? 1 : ret;
	atomic_fetch_add(&e->served, 1);
	if (virtqueue_chain_read(q, &e->chain, 0, &byte, 1))
		return -EFAULT;
	while (e->long_work)
		if (virtio_device_leaving(dev))
			return 0;
	if (virtqueue_chain_write(q, &e->chain, 0, &byte, 1))
		return -EFAULT;
	ret = virtio_device_complete(dev, queue, e->chain.head, 1);
	atomic_fetch_add(&e->finished, 1);
	return ret ? ret : 1;
}

static void echo_config_read(struct virtio_device *dev, uint32_t offset, void *to, size_t nr)
{
	struct echo *e = dev->state;

	if (offset + nr <= sizeof(e->config))
		memcpy(to, e->config + offset, nr);
}

static void echo_config_write(struct virtio_device *dev, uint32_t offset, const void *from,
			      size_t nr)
{
	struct echo *e = dev->state;

	if (offset + nr <= sizeof(e->config))
		memcpy(e->config + offset, from, nr);
}

/* A reset that came while a unit of work was under way would leave it to run on in memory that is the driver's again. */
static void echo_reset(struct virtio_device *dev)
{
	struct echo *e = dev->state;

	assert_int_equal(dev->serving, VIRTIO_QUEUES_MAX);
	atomic_fetch_add(&e->resets, 1);
}

static void echo_raise(void *ctx)
{
	atomic_fetch_add(&((struct echo *)ctx)->raised, 1);
}

static void echo_ring(void *ctx, unsigned queue)
{
	atomic_fetch_add(&((struct echo *)ctx)->rung[queue], 1);
}

/* e: all zeros; the caller's, until virtio_device_destroy(&e->dev). */
static inline void echo_init(struct echo *e)
{
	static const struct virtio_device_ops ops = {
		.name = "echo",
		.device_id = 42,
		.features = ECHO_FEATURES,
		.nr_queues = 2,
		.queue_size_max = 16,
		.serve = echo_serve,
		.config_read = echo_config_read,
		.config_write = echo_config_write,
		.reset = echo_reset,
	};
	const struct virtio_mmio_wires wires = {echo_raise, echo_ring, e};

	ring_init(&e->ring);
	e->bad.vm = "test";
	virtio_device_init(&e->dev, &ops, e, &e->ring.memory, &e->bad, &e->stop);
	virtio_mmio_init(&e->mmio, &e->dev, &wires);
}

static inline uint32_t get(struct echo *e, uint32_t reg)
{
	uint32_t value = 0xdeadbeef;

	virtio_mmio_read(&e->mmio, reg, &value, sizeof(value));
	return value;
}

static inline void set(struct echo *e, uint32_t reg, uint32_t value)
{
	virtio_mmio_write(&e->mmio, reg, &value, sizeof(value));
}

static inline void accept(struct echo *e, uint64_t features)
{
	set(e, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	set(e, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	set(e, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(e, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
}

static inline void set_queue(struct echo *e, unsigned queue)
{
	set(e, VIRTIO_MMIO_QUEUE_SEL, queue);
	set(e, VIRTIO_MMIO_QUEUE_NUM, RING_SIZE);
	set(e, VIRTIO_MMIO_QUEUE_DESC_LOW, RING_DESC);
	set(e, VIRTIO_MMIO_QUEUE_DESC_HIGH, 0);
	set(e, VIRTIO_MMIO_QUEUE_AVAIL_LOW, RING_AVAIL);
	set(e, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0);
	set(e, VIRTIO_MMIO_QUEUE_USED_LOW, RING_USED);
	set(e, VIRTIO_MMIO_QUEUE_USED_HIGH, 0);
	set(e, VIRTIO_MMIO_QUEUE_READY, 1);
}

static inline void bring_up(struct echo *e)
{
	set(e, VIRTIO_MMIO_STATUS, 0);
	set(e, VIRTIO_MMIO_STATUS, ACK | DRIVER);
	accept(e, 1ull << VIRTIO_F_VERSION_1);
	set(e, VIRTIO_MMIO_STATUS, ACK | DRIVER | FEAT_OK);
	set_queue(e, 1);
	set(e, VIRTIO_MMIO_STATUS, ALL);
}

static inline void offer_echo(struct echo *e, char byte)
{
	ring_set(&e->ring, 0, ECHO_REQUEST, 1, 0, 1);
	ring_set(&e->ring, 1, ECHO_REPLY, 1, VRING_DESC_F_WRITE, -1);
	e->ring.mem[ECHO_REQUEST] = (uint8_t)byte;
	e->ring.mem[ECHO_REPLY] = 0;
	ring_offer(&e->ring, 0);
}

#endif
