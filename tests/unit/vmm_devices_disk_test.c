/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_devices_disk_test.c: a whole disk behind its registers, with its thread, over plain memory and without KVM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/vmm_ring.h"
#include "vmm/devices.h"

#define HEADER 0x4000u
#define STATUS 0x4100u
#define DATA   0x5000u
#define ALL    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

struct whole {
	struct ring ring;
	struct guest_bad bad;
	struct devices devices;
};

static void *device_thread(void *arg)
{
	struct whole *w = arg;

	devices_run(&w->devices);
	return NULL;
}

static void put(struct whole *w, uint32_t reg, uint32_t value)
{
	assert_true(devices_mmio(&w->devices, GUEST_MMIO_GPA + reg, &value, sizeof(value), true));
}

static uint32_t get(struct whole *w, uint32_t reg)
{
	uint32_t value = 0;

	assert_true(devices_mmio(&w->devices, GUEST_MMIO_GPA + reg, &value, sizeof(value), false));
	return value;
}

/* Register writes on this thread, requests on the device thread; interrupts go nowhere. */
static void test_whole_device(void **state)
{
	/* no KVM: interrupts by an ioctl that fails, notifications by exits */
	const struct device_wiring wiring = {.vm_fd = -1};
	struct virtio_blk_outhdr h = {.type = VIRTIO_BLK_T_OUT, .sector = 3};
	struct whole *w = calloc(1, sizeof(*w));
	uint8_t found[512];
	struct error error;
	pthread_t thread;
	uint32_t word;
	int fd = memfd_create("disk", MFD_CLOEXEC);

	(void)state;
	ring_init(&w->ring);
	w->bad.vm = "test";
	assert_int_equal(ftruncate(fd, 8192), 0);
	assert_int_equal(devices_init(&w->devices, &error), 0);
	assert_false(devices_mmio(&w->devices, GUEST_MMIO_GPA, &word, 4, false));
	assert_int_equal(devices_add_disk(&w->devices, &wiring, dup(fd), 8192, "d", &w->ring.memory,
					  &w->bad, &error),
			 0);
	assert_false(devices_mmio(&w->devices, GUEST_MMIO_GPA + 0x1000, &word, 4, false));
	assert_false(devices_mmio(&w->devices, GUEST_MMIO_GPA - 4, &word, 4, false));
	assert_false(devices_mmio(&w->devices, GUEST_MMIO_GPA + 0xffe, &word, 4, false));
	assert_false(devices_mmio(&w->devices, ~0ull - 3, &word, 4, false));
	assert_int_equal(pthread_create(&thread, NULL, device_thread, w), 0);

	assert_int_equal(get(w, VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_BLOCK);
	put(w, VIRTIO_MMIO_STATUS, 0);
	put(w, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	put(w, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	put(w, VIRTIO_MMIO_STATUS, ALL);
	assert_int_equal(get(w, VIRTIO_MMIO_STATUS), ALL);
	assert_int_equal(get(w, VIRTIO_MMIO_QUEUE_NUM_MAX), 128);
	put(w, VIRTIO_MMIO_QUEUE_NUM, RING_SIZE);
	put(w, VIRTIO_MMIO_QUEUE_DESC_LOW, RING_DESC);
	put(w, VIRTIO_MMIO_QUEUE_AVAIL_LOW, RING_AVAIL);
	put(w, VIRTIO_MMIO_QUEUE_USED_LOW, RING_USED);
	put(w, VIRTIO_MMIO_QUEUE_READY, 1);
	put(w, VIRTIO_MMIO_STATUS, ALL | VIRTIO_CONFIG_S_DRIVER_OK);
	memcpy(w->ring.mem + HEADER, &h, sizeof(h));
	for (unsigned i = 0; i < 512; i++)
		w->ring.mem[DATA + i] = (uint8_t)(i * 11 + 5);
	ring_set(&w->ring, 0, HEADER, sizeof(h), 0, 1);
	ring_set(&w->ring, 1, DATA, 512, 0, 2);
	ring_set(&w->ring, 2, STATUS, 1, VRING_DESC_F_WRITE, -1);
	ring_offer(&w->ring, 0);
	put(w, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	while (!(get(w, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_VRING))
		sched_yield();
	/* The reset waits for the device thread, so that memory is ours again. */
	put(w, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(w->ring.mem[STATUS], VIRTIO_BLK_S_OK);
	assert_int_equal(pread(fd, found, 512, 3 * 512), 512);
	assert_memory_equal(found, w->ring.mem + DATA, 512);
	devices_stop(&w->devices);
	devices_stop(&w->devices);
	pthread_join(thread, NULL);
	devices_destroy(&w->devices);
	assert_int_equal(atomic_load(&w->bad.count), 0);
	close(fd);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
