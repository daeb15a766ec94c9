/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_balloon_driver.h: a driver and a machine for tests of the balloon device, over plain memory and without KVM.
 *
 * The guest has all the memory there is below the hole and 16 pages above it; the ring's 64 KiB are part of it. The machine
 * is a byte a page: ballooned or not.
 */
#ifndef BALLAST_TESTS_VMM_BALLOON_DRIVER_H
#define BALLAST_TESTS_VMM_BALLOON_DRIVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "tests/unit/vmm_ring.h"
#include "vmm/virtio_balloon.h"

#define HOLE_PFN   ((uint32_t)(GUEST_HOLE_START >> PAGE_SHIFT_BITS))
#define HIGH_PFN   ((uint32_t)(GUEST_HOLE_END >> PAGE_SHIFT_BITS))
#define HIGH_PAGES 16u
#define END_PFN    (HIGH_PFN + HIGH_PAGES)
#define DATA       0x4000u
#define BIT(f)     (1ull << VIRTIO_BALLOON_F_##f)
#define ALL        (BIT(MUST_TELL_HOST) | BIT(STATS_VQ) | BIT(DEFLATE_ON_OOM) | BIT(REPORTING))

struct fixture {
	struct ring ring;
	struct guest_bad bad;
	atomic_bool stop;
	struct guest_layout layout;
	struct virtio_balloon b;
	unsigned queue; /* the one the ring is */
	unsigned vring_interrupts, config_interrupts;
	uint8_t *ballooned; /* by gfn */
	unsigned calls, forgets;
	gfn_t last[VIRTIO_BALLOON_BATCH]; /* of the last call */
	unsigned nr_last;
	uint16_t used_at_call;
	npages_t reported;
	unsigned stop_after; /* calls; 0: never */
	uint64_t now;
};

static inline void interrupt(void *ctx, uint32_t cause)
{
	struct fixture *f = ctx;

	if (cause == VIRTIO_MMIO_INT_CONFIG)
		f->config_interrupts++;
	else
		f->vring_interrupts++;
}

static inline void note_call(struct fixture *f, const gfn_t *pages, unsigned nr)
{
	assert_in_range(nr, 1, VIRTIO_BALLOON_BATCH);
	memcpy(f->last, pages, nr * sizeof(pages[0]));
	f->nr_last = nr;
	f->used_at_call = ring_used(&f->ring)->idx;
	if (++f->calls == f->stop_after)
		atomic_store(&f->stop, true);
	for (unsigned i = 0; i < nr; i++) {
		assert_true(pages[i].v < HOLE_PFN ||
			    (pages[i].v >= HIGH_PFN && pages[i].v < END_PFN));
		assert_true(!i || pages[i - 1].v <= pages[i].v);
	}
}

static inline uint64_t gave(void *ctx, const gfn_t *pages, unsigned nr)
{
	struct fixture *f = ctx;
	uint64_t accepted = 0;

	note_call(f, pages, nr);
	for (unsigned i = 0; i < nr; i++) {
		accepted += !f->ballooned[pages[i].v];
		f->ballooned[pages[i].v] = 1;
	}
	return accepted;
}

static inline uint64_t took(void *ctx, const gfn_t *pages, unsigned nr)
{
	struct fixture *f = ctx;
	uint64_t accepted = 0;

	note_call(f, pages, nr);
	for (unsigned i = 0; i < nr; i++) {
		accepted += f->ballooned[pages[i].v];
		f->ballooned[pages[i].v] = 0;
	}
	return accepted;
}

static inline uint64_t reported(void *ctx, gfn_t start, npages_t nr)
{
	struct fixture *f = ctx;
	uint64_t accepted = 0;

	f->last[0] = start;
	f->used_at_call = ring_used(&f->ring)->idx;
	f->calls++;
	f->reported += nr;
	for (npages_t i = 0; i < nr; i++)
		accepted += !f->ballooned[start.v + i];
	return accepted;
}

static inline void forget(void *ctx)
{
	struct fixture *f = ctx;

	memset(f->ballooned, 0, END_PFN);
	f->forgets++;
}

static inline uint64_t now_ns(void *ctx)
{
	const struct fixture *f = ctx;

	return f->now;
}

static const struct virtio_balloon_ops ops = {
	.gave = gave,
	.took = took,
	.reported = reported,
	.forget = forget,
	.now_ns = now_ns,
};

static inline struct virtio_device *dev_of(struct fixture *f)
{
	return &f->b.dev;
}

static inline void start_driver(struct fixture *f, uint64_t features)
{
	struct virtio_device *dev = dev_of(f);
	uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	virtio_device_set_status(dev, 0);
	virtio_device_set_status(dev, status);
	virtio_device_set_features(dev, 0, (uint32_t)features);
	virtio_device_set_features(dev, 1, 1);
	virtio_device_set_status(dev, status |= VIRTIO_CONFIG_S_FEATURES_OK);
	assert_true(atomic_load(&dev->status) & VIRTIO_CONFIG_S_FEATURES_OK);
	virtio_device_set_status(dev, status | VIRTIO_CONFIG_S_DRIVER_OK);
}

/* From here on the ring is this queue, and empty. */
static inline void use(struct fixture *f, unsigned queue)
{
	struct virtqueue *q = &dev_of(f)->queue[queue];

	virtio_device_enable_queue(dev_of(f), f->queue, false);
	memset(f->ring.mem, 0, DATA);
	f->queue = queue;
	q->size = RING_SIZE;
	q->desc = RING_DESC;
	q->avail = RING_AVAIL;
	q->used = RING_USED;
	virtio_device_enable_queue(dev_of(f), queue, true);
	assert_true(q->ready);
}

static inline int setup(void **state)
{
	const struct vm_balloon_config config = {
		.present = true, .deflate_on_oom = true, .reporting = true};
	struct fixture *f = calloc(1, sizeof(*f));

	ring_init(&f->ring);
	f->bad.vm = "test";
	f->layout = guest_layout_make(HOLE_PFN + HIGH_PAGES);
	f->ballooned = calloc(END_PFN, 1);
	f->now = 1000;
	virtio_balloon_init(&f->b, &config, &f->layout, &ops, f, &f->ring.memory, &f->bad,
			    &f->stop);
	f->b.dev.transport = (struct virtio_transport){interrupt, f};
	start_driver(f, ALL);
	f->forgets = 0;
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	virtio_balloon_destroy(&f->b);
	free(f->ballooned);
	free(f);
	return 0;
}

static inline struct vm_balloon_stats stats_of(struct fixture *f)
{
	struct vm_balloon_stats s;

	virtio_balloon_get(&f->b, &s);
	return s;
}

static inline uint64_t bad_of(struct fixture *f)
{
	return atomic_load(&f->bad.count);
}

static inline void serve(struct fixture *f, uint16_t head)
{
	ring_offer(&f->ring, head);
	virtio_device_serve(dev_of(f), f->queue);
}

/* A request of these page numbers, in one buffer. */
static inline void request(struct fixture *f, unsigned queue, const uint32_t *pfn, unsigned nr)
{
	uint16_t before;

	use(f, queue);
	before = ring_used(&f->ring)->idx;
	for (unsigned i = 0; i < nr; i++)
		memcpy(f->ring.mem + DATA + i * sizeof(uint32_t), &pfn[i], sizeof(uint32_t));
	ring_set(&f->ring, 0, DATA, nr * (uint32_t)sizeof(uint32_t), 0, -1);
	serve(f, 0);
	assert_int_equal((uint16_t)(ring_used(&f->ring)->idx - before), 1);
	assert_int_equal(ring_used(&f->ring)->ring[before % RING_SIZE].len, 0);
}

static inline void inflate(struct fixture *f, const uint32_t *pfn, unsigned nr)
{
	request(f, VIRTIO_BALLOON_INFLATE, pfn, nr);
}

static inline void deflate(struct fixture *f, const uint32_t *pfn, unsigned nr)
{
	request(f, VIRTIO_BALLOON_DEFLATE, pfn, nr);
}

static inline uint32_t config32(struct fixture *f, uint32_t offset)
{
	uint32_t value = 0;

	dev_of(f)->ops->config_read(dev_of(f), offset, &value, sizeof(value));
	return value;
}

static inline void write_config(struct fixture *f, uint32_t offset, uint32_t value, size_t nr)
{
	dev_of(f)->ops->config_write(dev_of(f), offset, &value, nr);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
