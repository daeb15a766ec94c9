/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_virtio_mmio_test.c: the registers of a virtio device, seen from a driver, over a device that echoes.
 */
#include <stdlib.h>

#include "tests/unit/vmm_echo.h"

static int setup(void **state)
{
	struct echo *f = calloc(1, sizeof(*f));

	echo_init(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct echo *f = *state;

	virtio_device_destroy(&f->dev);
	free(f);
	return 0;
}

static unsigned long bad(struct echo *f)
{
	return atomic_load(&f->bad.count);
}

static void test_identity(void **state)
{
	struct echo *f = *state;

	assert_int_equal(get(f, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(get(f, VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(get(f, VIRTIO_MMIO_DEVICE_ID), 42);
	assert_int_equal(get(f, VIRTIO_MMIO_VENDOR_ID), 0x54534c42);
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), 0);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	assert_int_equal(get(f, VIRTIO_MMIO_SHM_LEN_LOW), 0xffffffff);
	assert_int_equal(bad(f), 0);
}

static void test_offered_features(void **state)
{
	struct echo *f = *state;

	assert_int_equal(get(f, VIRTIO_MMIO_DEVICE_FEATURES), 1 << 3);
	set(f, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_DEVICE_FEATURES), 1 << 5 | 1); /* bits 37 and 32 */
	set(f, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	assert_int_equal(get(f, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	set(f, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0xffffffff);
	assert_int_equal(get(f, VIRTIO_MMIO_DEVICE_FEATURES), 0);
}

static void test_negotiation(void **state)
{
	static const struct {
		uint64_t features;
		bool good;
	} cases[] = {
		{0, false},
		{ECHO_FEATURES, false}, /* no VERSION_1: a driver of before 1.0 */
		{1ull << VIRTIO_F_VERSION_1, true},
		{1ull << VIRTIO_F_VERSION_1 | ECHO_FEATURES, true},
		{1ull << VIRTIO_F_VERSION_1 | 1ull << 4, false}, /* not offered */
		{1ull << VIRTIO_F_VERSION_1 | 1ull << 63, false},
	};
	struct echo *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned long before = bad(f);

		set(f, VIRTIO_MMIO_STATUS, 0);
		set(f, VIRTIO_MMIO_STATUS, ACK | DRIVER);
		accept(f, cases[i].features);
		set(f, VIRTIO_MMIO_STATUS, ACK | DRIVER | FEAT_OK);
		assert_int_equal(get(f, VIRTIO_MMIO_STATUS),
				 ACK | DRIVER | (cases[i].good ? FEAT_OK : 0));
		assert_int_equal(bad(f) - before, !cases[i].good);
	}
}

static void test_status_order(void **state)
{
	struct echo *f = *state;

	set(f, VIRTIO_MMIO_STATUS, ACK | DRIVER | OK); /* FEATURES_OK was left out */
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), ACK | DRIVER);
	assert_int_equal(bad(f), 1);
	bring_up(f);
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), ALL);
	assert_int_equal(bad(f), 1);
	accept(f, 0); /* too late, both halves */
	assert_int_equal(bad(f), 3);
	set(f, VIRTIO_MMIO_STATUS, ACK); /* bits go only by a reset */
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), ALL);
	assert_int_equal(bad(f), 4);
	set(f, VIRTIO_MMIO_STATUS,
	    ALL | VIRTIO_CONFIG_S_FAILED | RESET); /* RESET is the device's */
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), ALL | VIRTIO_CONFIG_S_FAILED);
}

static void test_queue_registers(void **state)
{
	struct echo *f = *state;

	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_NUM_MAX), 16);
	set_queue(f, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 1);
	set(f, VIRTIO_MMIO_QUEUE_SEL, 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
	set(f, VIRTIO_MMIO_QUEUE_SEL, 2); /* there are two */
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(bad(f), 0);
	set(f, VIRTIO_MMIO_QUEUE_NUM, 8);
	set(f, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(bad(f), 2);
	set(f, VIRTIO_MMIO_QUEUE_SEL, 1);
	set(f, VIRTIO_MMIO_QUEUE_NUM, 16); /* in use */
	assert_int_equal(bad(f), 3);
	assert_int_equal(f->dev.queue[1].size, RING_SIZE);
	set(f, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
	set_queue(f, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 1);
}

static void test_bad_queue_sizes(void **state)
{
	static const uint32_t sizes[] = {0, 3, 32, 0x10008, 0xffffffff};
	struct echo *f = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		set(f, VIRTIO_MMIO_QUEUE_NUM, sizes[i]);
		set(f, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
		assert_int_equal(bad(f), i + 1);
	}
	set(f, VIRTIO_MMIO_QUEUE_NUM, 16);
	set(f, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 1);
}

static void test_addresses(void **state)
{
	struct echo *f = *state;

	set(f, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x11111110);
	set(f, VIRTIO_MMIO_QUEUE_DESC_HIGH, 0x22);
	set(f, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0x44);
	set(f, VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x33333332);
	set(f, VIRTIO_MMIO_QUEUE_USED_LOW, 0xfffffffc);
	set(f, VIRTIO_MMIO_QUEUE_USED_HIGH, 0xffffffff);
	assert_true(f->dev.queue[0].desc == 0x2211111110);
	assert_true(f->dev.queue[0].avail == 0x4433333332);
	assert_true(f->dev.queue[0].used == 0xfffffffffffffffc);
}

static void test_round_trip(void **state)
{
	struct echo *f = *state;

	bring_up(f);
	offer_echo(f, 'x');
	set(f, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	assert_int_equal(f->rung[1], 1);
	assert_int_equal(f->served, 0); /* not on this thread */
	virtio_device_serve(&f->dev, 1);
	assert_int_equal(f->served, 1);
	assert_int_equal(f->ring.mem[ECHO_REPLY], 'x');
	assert_int_equal(f->raised, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	set(f, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG); /* the other one */
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	set(f, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	ring_avail(&f->ring)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	offer_echo(f, 'y');
	virtio_device_serve(&f->dev, 1);
	assert_int_equal(f->ring.mem[ECHO_REPLY], 'y');
	assert_int_equal(f->raised, 1);
	set(f, VIRTIO_MMIO_QUEUE_NOTIFY, 2);
	assert_int_equal(bad(f), 1);
}

/* Before DRIVER_OK, on a queue that is not ready, or while stopping, nothing is served. */
static void test_not_ready(void **state)
{
	struct echo *f = *state;

	set(f, VIRTIO_MMIO_STATUS, ACK | DRIVER);
	accept(f, 1ull << VIRTIO_F_VERSION_1);
	set(f, VIRTIO_MMIO_STATUS, ACK | DRIVER | FEAT_OK);
	set_queue(f, 1);
	offer_echo(f, 'x');
	virtio_device_serve(&f->dev, 1);
	assert_int_equal(f->served, 0);
	set(f, VIRTIO_MMIO_STATUS, ALL);
	virtio_device_serve(&f->dev, 0);
	assert_int_equal(f->served, 0);
	atomic_store(&f->stop, true);
	virtio_device_serve(&f->dev, 1);
	assert_int_equal(f->served, 0);
	atomic_store(&f->stop, false);
	virtio_device_serve(&f->dev, 1);
	assert_int_equal(f->served, 1);
}

static void test_reset(void **state)
{
	struct echo *f = *state;

	bring_up(f);
	offer_echo(f, 'x');
	virtio_device_serve(&f->dev, 1);
	f->resets = 0;
	set(f, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(f->resets, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), 0);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	set(f, VIRTIO_MMIO_QUEUE_SEL, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_QUEUE_READY), 0);
	/* all over again, from fresh rings */
	ring_init(&f->ring);
	bring_up(f);
	offer_echo(f, 'z');
	virtio_device_serve(&f->dev, 1);
	assert_int_equal(f->ring.mem[ECHO_REPLY], 'z');
	assert_int_equal(ring_used(&f->ring)->idx, 1);
	assert_int_equal(bad(f), 0);
}

/* Rings that make no sense: the device stops, says so, and works again after a reset. */
static void test_needs_reset(void **state)
{
	struct echo *f = *state;

	bring_up(f);
	offer_echo(f, 'x');
	ring_avail(&f->ring)->idx = 0x8000;
	virtio_device_serve(&f->dev, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), ALL | RESET);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(f->raised, 1);
	assert_int_equal(bad(f), 1);
	ring_avail(&f->ring)->idx = 1;
	virtio_device_serve(&f->dev, 1);
	assert_int_equal(f->served, 0);
	assert_int_equal(bad(f), 1);
	bring_up(f);
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), ALL);
	virtio_device_serve(&f->dev, 1);
	assert_int_equal(f->served, 1);
}

static void test_config(void **state)
{
	struct echo *f = *state;
	uint32_t before = get(f, VIRTIO_MMIO_CONFIG_GENERATION);
	uint16_t half = 0x1234;
	uint64_t all = 0;

	virtio_mmio_write(&f->mmio, VIRTIO_MMIO_CONFIG + 2, &half, sizeof(half));
	virtio_mmio_read(&f->mmio, VIRTIO_MMIO_CONFIG, &all, sizeof(all));
	assert_true(all == 0x12340000);
	all = ~0ull;
	virtio_mmio_read(&f->mmio, VIRTIO_MMIO_CONFIG + 8, &all, sizeof(all));
	assert_true(all == 0); /* beyond its end */
	all = ~0ull;
	virtio_mmio_read(&f->mmio, GUEST_MMIO_DEVICE_BYTES - 8, &all, sizeof(all));
	assert_true(all == 0);
	virtio_device_config_changed(&f->dev);
	assert_int_equal(get(f, VIRTIO_MMIO_CONFIG_GENERATION), before + 1);
	assert_int_equal(f->raised, 0); /* no driver yet */
	bring_up(f);
	virtio_device_config_changed(&f->dev);
	assert_int_equal(get(f, VIRTIO_MMIO_CONFIG_GENERATION), before + 2);
	assert_int_equal(f->raised, 1);
	assert_int_equal(get(f, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
}

static void test_bad_accesses(void **state)
{
	static const uint32_t no_reads[] = {VIRTIO_MMIO_QUEUE_NOTIFY, VIRTIO_MMIO_QUEUE_NUM, 0x18,
					    0xf8};
	static const uint32_t no_writes[] = {VIRTIO_MMIO_MAGIC_VALUE, VIRTIO_MMIO_QUEUE_NUM_MAX,
					     VIRTIO_MMIO_INTERRUPT_STATUS, 0xf8};
	struct echo *f = *state;
	unsigned long expected = 0;
	uint64_t wide = ~0ull;
	uint8_t byte = 0xff;

	for (size_t i = 0; i < sizeof(no_reads) / sizeof(no_reads[0]); i++) {
		assert_int_equal(get(f, no_reads[i]), 0);
		assert_int_equal(bad(f), ++expected);
	}
	for (size_t i = 0; i < sizeof(no_writes) / sizeof(no_writes[0]); i++) {
		set(f, no_writes[i], 1);
		assert_int_equal(bad(f), ++expected);
	}
	virtio_mmio_read(&f->mmio, VIRTIO_MMIO_MAGIC_VALUE, &byte, 1);
	assert_int_equal(byte, 0);
	virtio_mmio_read(&f->mmio, VIRTIO_MMIO_MAGIC_VALUE, &wide, 8);
	assert_true(wide == 0);
	virtio_mmio_read(&f->mmio, 2, &wide, 4);
	virtio_mmio_write(&f->mmio, VIRTIO_MMIO_STATUS, &byte, 1);
	virtio_mmio_write(&f->mmio, VIRTIO_MMIO_STATUS, &wide, 8);
	assert_int_equal(bad(f), expected + 5);
	assert_int_equal(get(f, VIRTIO_MMIO_STATUS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_identity, setup, teardown),
		cmocka_unit_test_setup_teardown(test_offered_features, setup, teardown),
		cmocka_unit_test_setup_teardown(test_negotiation, setup, teardown),
		cmocka_unit_test_setup_teardown(test_status_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queue_registers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_queue_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_needs_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_config, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_accesses, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
