/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_virtio_reset_test.c: registers while the device thread sleeps on guest memory. None of them waits for it but a reset
 * and the taking away of the queue it is at work on, and those end when the VM stops.
 *
 * Guest memory here sleeps on a semaphore when the device reads the request at ECHO_REQUEST.
 */
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

#include "tests/unit/vmm_echo.h"

struct fixture {
	struct echo echo;
	pthread_t device;
	sem_t asleep, page; /* the device thread waits for the page; it is there */
};

static struct fixture *of_ring(struct ring *r)
{
	return (struct fixture *)(void *)r; /* its first member */
}

static void sleep_on_page(struct ring *r, uint64_t from, size_t bytes)
{
	struct fixture *f = of_ring(r);

	(void)bytes;
	if (from != ECHO_REQUEST)
		return;
	sem_post(&f->asleep);
	while (sem_wait(&f->page))
		;
}

static void *serve(void *arg)
{
	struct fixture *f = arg;

	virtio_device_serve(&f->echo.dev, 1);
	return NULL;
}

/* A request is under way, and the device thread asleep in it. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	echo_init(&f->echo);
	f->echo.ring.hook = sleep_on_page;
	sem_init(&f->asleep, 0, 0);
	sem_init(&f->page, 0, 0);
	bring_up(&f->echo);
	atomic_store(&f->echo.resets, 0);
	offer_echo(&f->echo, 'x');
	pthread_create(&f->device, NULL, serve, f);
	while (sem_wait(&f->asleep))
		;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	virtio_device_destroy(&f->echo.dev);
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

	assert_int_equal(get(&f->echo, VIRTIO_MMIO_STATUS), ALL);
	assert_int_equal(get(&f->echo, VIRTIO_MMIO_DEVICE_FEATURES), 1 << 3);
	set(&f->echo, VIRTIO_MMIO_CONFIG + 4, 0x1234);
	assert_int_equal(get(&f->echo, VIRTIO_MMIO_CONFIG + 4), 0x1234);
	assert_int_equal(get(&f->echo, VIRTIO_MMIO_QUEUE_READY), 1);
	set(&f->echo, VIRTIO_MMIO_QUEUE_NUM, 16); /* in use: refused */
	set(&f->echo, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(f->echo.dev.queue[1].size, RING_SIZE);
	set_queue(&f->echo, 0); /* another queue comes and goes */
	assert_int_equal(get(&f->echo, VIRTIO_MMIO_QUEUE_READY), 1);
	set(&f->echo, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(get(&f->echo, VIRTIO_MMIO_QUEUE_READY), 0);
	set(&f->echo, VIRTIO_MMIO_STATUS, ALL | VIRTIO_CONFIG_S_FAILED);
	assert_int_equal(atomic_load(&f->echo.finished), 0);
	let_page_come(f);
	assert_int_equal(atomic_load(&f->echo.finished),
			 1); /* what went on meanwhile did not harm it */
	assert_int_equal(f->echo.ring.mem[ECHO_REPLY], 'x');
}

struct writer {
	struct fixture *f;
	uint32_t reg;
	atomic_bool done;
};

static void *write_zero(void *arg)
{
	struct writer *w = arg;

	set(&w->f->echo, w->reg, 0);
	atomic_store(&w->done, true);
	return NULL;
}

static unsigned waiting(struct fixture *f)
{
	unsigned n;

	pthread_mutex_lock(&f->echo.dev.lock);
	n = f->echo.dev.waiting;
	pthread_mutex_unlock(&f->echo.dev.lock);
	return n;
}

/* Zero is written to reg by a vCPU, which waits until the device thread is out. */
static void waits_for_device(struct fixture *f, uint32_t reg)
{
	struct writer w = {.f = f, .reg = reg};
	pthread_t vcpu;

	set(&f->echo, VIRTIO_MMIO_QUEUE_SEL, 1);
	pthread_create(&vcpu, NULL, write_zero, &w);
	while (!waiting(f))
		sched_yield();
	assert_false(atomic_load(&w.done));
	assert_int_equal(get(&f->echo, VIRTIO_MMIO_STATUS),
			 ALL); /* and this does not wait for that */
	assert_int_equal(get(&f->echo, VIRTIO_MMIO_QUEUE_READY), 1);
	let_page_come(f);
	pthread_join(vcpu, NULL);
	assert_int_equal(waiting(f), 0);
	assert_int_equal(get(&f->echo, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(f->echo.dev.serving, VIRTIO_QUEUES_MAX);
}

static void reset_waits(void **state)
{
	struct fixture *f = *state;

	waits_for_device(f, VIRTIO_MMIO_STATUS);
	assert_int_equal(get(&f->echo, VIRTIO_MMIO_STATUS), 0);
	assert_int_equal(atomic_load(&f->echo.resets), 1);
	assert_int_equal(atomic_load(&f->echo.finished), 1);
}

static void taking_the_queue_waits(void **state)
{
	struct fixture *f = *state;

	waits_for_device(f, VIRTIO_MMIO_QUEUE_READY);
	assert_int_equal(get(&f->echo, VIRTIO_MMIO_STATUS), ALL);
	assert_int_equal(atomic_load(&f->echo.resets), 0);
}

/* The page comes, but the work has no end by itself. */
static void long_work_is_abandoned(void **state)
{
	struct fixture *f = *state;

	f->echo.long_work = true;
	waits_for_device(f, VIRTIO_MMIO_STATUS);
	assert_int_equal(atomic_load(&f->echo.resets), 1);
	assert_int_equal(atomic_load(&f->echo.finished), 0);
	assert_int_equal(f->echo.ring.mem[ECHO_REPLY], 0);
}

/* The page comes only after the vCPU has left: so it is when a machine without memory stops. */
static void stop_ends_the_wait(void **state)
{
	static const uint32_t reg[] = {VIRTIO_MMIO_STATUS, VIRTIO_MMIO_QUEUE_READY};
	struct fixture *f = *state;
	struct writer w[2];
	pthread_t vcpu[2];

	set(&f->echo, VIRTIO_MMIO_QUEUE_SEL, 1);
	for (unsigned i = 0; i < 2; i++) {
		w[i] = (struct writer){.f = f, .reg = reg[i]};
		pthread_create(&vcpu[i], NULL, write_zero, &w[i]);
	}
	while (waiting(f) < 2)
		sched_yield();
	atomic_store(&f->echo.stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(vcpu[i], NULL);
	assert_int_equal(atomic_load(&f->echo.resets), 0);
	assert_int_equal(f->echo.dev.serving, 1); /* it sleeps on, in a queue that is there */
	assert_true(f->echo.dev.queue[1].ready);
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
