/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_virtio_reset_test.c: registers while the device thread sleeps on guest memory. None of them waits for it but a reset
 * and the taking away of the queue it is at work on, and those end when the VM stops.
 *
 * Guest memory here sleeps on a semaphore when the device reads the request at REQUEST.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <sched.h>
#include <semaphore.h>

#include "tests/unit/vmm_ring.h"
#include "vmm/virtio_mmio.h"

#define ALL                                                                                   \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | \
	 VIRTIO_CONFIG_S_DRIVER_OK)
#define REQUEST 0x8000u
#define REPLY   0x8001u

struct fixture {
	struct ring ring;
	struct guest_bad bad;
	atomic_bool stop;
	struct virtio_device dev;
	struct virtio_mmio mmio;
	pthread_t device;
	sem_t asleep, page; /* the device thread waits for the page; it is there */
	bool long_work;     /* serve() goes on until nobody waits for it any more */
	atomic_uint finished, resets;
	uint8_t config[8];
	struct virtqueue_chain chain;
};

static struct fixture *of_ring(struct ring *r)
{
	return (struct fixture *)(void *)r; /* its first member */
}

static void sleep_on_page(struct ring *r, uint64_t from, size_t bytes)
{
	struct fixture *f = of_ring(r);

	(void)bytes;
	if (from != REQUEST)
		return;
	sem_post(&f->asleep);
	while (sem_wait(&f->page))
		;
}

static int echo_serve(struct virtio_device *dev, unsigned queue)
{
	struct fixture *f = dev->state;
	struct virtqueue *q = &dev->queue[queue];
	int ret = virtqueue_pop(q, &f->chain);
	char byte;

	if (ret <= 0)
		return ret;
	if (virtqueue_chain_read(q, &f->chain, 0, &byte, 1))
		return -EFAULT;
	while (f->long_work)
		if (virtio_device_leaving(dev))
			return 0;
	if (virtqueue_chain_write(q, &f->chain, 0, &byte, 1))
		return -EFAULT;
	ret = virtio_device_complete(dev, queue, f->chain.head, 1);
	atomic_fetch_add(&f->finished, 1);
	return ret ? ret : 1;
}

static void echo_config_read(struct virtio_device *dev, uint32_t offset, void *to, size_t nr)
{
	struct fixture *f = dev->state;

	if (offset + nr <= sizeof(f->config))
		memcpy(to, f->config + offset, nr);
}

static void echo_config_write(struct virtio_device *dev, uint32_t offset, const void *from,
			      size_t nr)
{
	struct fixture *f = dev->state;

	if (offset + nr <= sizeof(f->config))
		memcpy(f->config + offset, from, nr);
}

/* A reset that came while a unit of work was under way would leave it to run on in memory that is the driver's again. */
static void echo_reset(struct virtio_device *dev)
{
	struct fixture *f = dev->state;

	assert_int_equal(dev->serving, VIRTIO_QUEUES_MAX);
	atomic_fetch_add(&f->resets, 1);
}

static const struct virtio_device_ops echo_ops = {
	.name = "echo",
	.device_id = 42,
	.nr_queues = 2,
	.queue_size_max = 16,
	.serve = echo_serve,
	.config_read = echo_config_read,
	.config_write = echo_config_write,
	.reset = echo_reset,
};

static void nothing(void *ctx)
{
	(void)ctx;
}

static void no_bell(void *ctx, unsigned queue)
{
	(void)ctx;
	(void)queue;
}

static uint32_t get(struct fixture *f, uint32_t reg)
{
	uint32_t value = 0xdeadbeef;

	virtio_mmio_read(&f->mmio, reg, &value, sizeof(value));
	return value;
}

static void set(struct fixture *f, uint32_t reg, uint32_t value)
{
	virtio_mmio_write(&f->mmio, reg, &value, sizeof(value));
}

static void set_queue(struct fixture *f, unsigned queue)
{
	set(f, VIRTIO_MMIO_QUEUE_SEL, queue);
	set(f, VIRTIO_MMIO_QUEUE_NUM, RING_SIZE);
	set(f, VIRTIO_MMIO_QUEUE_DESC_LOW, RING_DESC);
	set(f, VIRTIO_MMIO_QUEUE_AVAIL_LOW, RING_AVAIL);
	set(f, VIRTIO_MMIO_QUEUE_USED_LOW, RING_USED);
	set(f, VIRTIO_MMIO_QUEUE_READY, 1);
}

static void bring_up(struct fixture *f)
{
	set(f, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(f, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	set(f, VIRTIO_MMIO_STATUS, ALL & ~VIRTIO_CONFIG_S_DRIVER_OK);
	set_queue(f, 1);
	set(f, VIRTIO_MMIO_STATUS, ALL);
}

static void *serve(void *arg)
{
	struct fixture *f = arg;

	virtio_device_serve(&f->dev, 1);
	return NULL;
}

/* A request is under way, and the device thread asleep in it. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct virtio_mmio_wires wires = {nothing, no_bell, f};

	ring_init(&f->ring);
	f->ring.hook = sleep_on_page;
	sem_init(&f->asleep, 0, 0);
	sem_init(&f->page, 0, 0);
	f->bad.vm = "test";
	virtio_device_init(&f->dev, &echo_ops, f, &f->ring.memory, &f->bad, &f->stop);
	virtio_mmio_init(&f->mmio, &f->dev, &wires);
	bring_up(f);
	ring_set(&f->ring, 0, REQUEST, 1, 0, 1);
	ring_set(&f->ring, 1, REPLY, 1, VRING_DESC_F_WRITE, -1);
	f->ring.mem[REQUEST] = 'x';
	ring_offer(&f->ring, 0);
	pthread_create(&f->device, NULL, serve, f);
	while (sem_wait(&f->asleep))
		;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	virtio_device_destroy(&f->dev);
	sem_destroy(&f->asleep);
	sem_destroy(&f->page);
	free(f);
	return 0;
}

static void let_page_come(struct fixture *f)
{
	sem_post(&f->page);
	pthread_join(f->device, NULL);
}

/* What a driver may do any time, done while nobody will wake the device thread: this test would hang. */
static void registers_do_not_wait(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), ALL);
	assert_int_equal(get(f, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	set(f, VIRTIO_MMIO_CONFIG + 4, 0x1234);
	assert_int_equal(get(f, VIRTIO_MMIO_CONFIG + 4), 0x1234);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 1);
	set(f, VIRTIO_MMIO_QUEUE_NUM, 16); /* in use: refused */
	set(f, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(f->dev.queue[1].size, RING_SIZE);
	set_queue(f, 0); /* another queue comes and goes */
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 1);
	set(f, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
	set(f, VIRTIO_MMIO_STATUS, ALL | VIRTIO_CONFIG_S_FAILED);
	assert_int_equal(atomic_load(&f->finished), 0);
	let_page_come(f);
	assert_int_equal(atomic_load(&f->finished), 1); /* what went on meanwhile did not harm it */
	assert_int_equal(f->ring.mem[REPLY], 'x');
}

struct writer {
	struct fixture *f;
	uint32_t reg;
	atomic_bool done;
};

static void *write_zero(void *arg)
{
	struct writer *w = arg;

	set(w->f, w->reg, 0);
	atomic_store(&w->done, true);
	return NULL;
}

static unsigned waiting(struct fixture *f)
{
	unsigned n;

	pthread_mutex_lock(&f->dev.lock);
	n = f->dev.waiting;
	pthread_mutex_unlock(&f->dev.lock);
	return n;
}

/* Zero is written to reg by a vCPU, which waits until the device thread is out. */
static void waits_for_device(struct fixture *f, uint32_t reg)
{
	struct writer w = {.f = f, .reg = reg};
	pthread_t vcpu;

	set(f, VIRTIO_MMIO_QUEUE_SEL, 1);
	pthread_create(&vcpu, NULL, write_zero, &w);
	while (!waiting(f))
		sched_yield();
	assert_false(atomic_load(&w.done));
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), ALL); /* and this does not wait for that */
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 1);
	let_page_come(f);
	pthread_join(vcpu, NULL);
	assert_int_equal(waiting(f), 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(f->dev.serving, VIRTIO_QUEUES_MAX);
}

static void reset_waits(void **state)
{
	struct fixture *f = *state;

	waits_for_device(f, VIRTIO_MMIO_STATUS);
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), 0);
	assert_int_equal(atomic_load(&f->resets), 1);
	assert_int_equal(atomic_load(&f->finished), 1);
}

static void taking_the_queue_waits(void **state)
{
	struct fixture *f = *state;

	waits_for_device(f, VIRTIO_MMIO_QUEUE_READY);
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), ALL);
	assert_int_equal(atomic_load(&f->resets), 0);
}

/* The page comes, but the work has no end by itself. */
static void long_work_is_abandoned(void **state)
{
	struct fixture *f = *state;

	f->long_work = true;
	waits_for_device(f, VIRTIO_MMIO_STATUS);
	assert_int_equal(atomic_load(&f->resets), 1);
	assert_int_equal(atomic_load(&f->finished), 0);
	assert_int_equal(f->ring.mem[REPLY], 0);
}

/* The page comes only after the vCPU has left: so it is when a machine without memory stops. */
static void stop_ends_the_wait(void **state)
{
	static const uint32_t reg[] = {VIRTIO_MMIO_STATUS, VIRTIO_MMIO_QUEUE_READY};
	struct fixture *f = *state;
	struct writer w[2];
	pthread_t vcpu[2];

	set(f, VIRTIO_MMIO_QUEUE_SEL, 1);
	for (unsigned i = 0; i < 2; i++) {
		w[i] = (struct writer){.f = f, .reg = reg[i]};
		pthread_create(&vcpu[i], NULL, write_zero, &w[i]);
	}
	while (waiting(f) < 2)
		sched_yield();
	atomic_store(&f->stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(vcpu[i], NULL);
	assert_int_equal(atomic_load(&f->resets), 0);
	assert_int_equal(f->dev.serving, 1); /* it sleeps on, in a queue that is there */
	assert_true(f->dev.queue[1].ready);
	let_page_come(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(registers_do_not_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(reset_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(taking_the_queue_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(long_work_is_abandoned, setup, teardown),
		cmocka_unit_test_setup_teardown(stop_ends_the_wait, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
