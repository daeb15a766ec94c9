/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_virtio_blk_test.c: block requests, good and bad, on a file in memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/vmm_ring.h"
#include "vmm/devices.h"

#define SECTORS 64u
#define HEADER  0x4000u
#define STATUS  0x4100u
#define DATA    0x5000u /* up to the end of memory: 44 KiB, more than the bounce buffer */
#define ALL     (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)

struct fixture {
	struct ring ring;
	struct guest_bad bad;
	atomic_bool stop;
	struct virtio_blk blk;
	int fd;
	unsigned interrupts;
	uint8_t disk[SECTORS * 512]; /* what it holds at first */
};

static void interrupt(void *ctx, uint32_t cause)
{
	struct fixture *f = ctx;

	f->interrupts++;
	assert_int_equal(cause, VIRTIO_MMIO_INT_VRING);
}

static void fill(uint8_t *bytes, size_t nr, unsigned salt)
{
	for (size_t i = 0; i < nr; i++)
		bytes[i] = (uint8_t)(i * 11 + i / 512 * 3 + salt);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct virtqueue *q = &f->blk.dev.queue[0];
	struct error error;

	ring_init(&f->ring);
	f->bad.vm = "test";
	f->fd = memfd_create("disk", MFD_CLOEXEC);
	fill(f->disk, sizeof(f->disk), 1);
	if (pwrite(f->fd, f->disk, sizeof(f->disk), 0) != (ssize_t)sizeof(f->disk))
		return 1;
	if (virtio_blk_init(&f->blk, f->fd, sizeof(f->disk) + 511, "disk-of-a-long-name-0",
			    &f->ring.memory, &f->bad, &f->stop, &error))
		return 1;
	f->blk.dev.transport = (struct virtio_transport){interrupt, f};
	atomic_store(&f->blk.dev.status, ALL | VIRTIO_CONFIG_S_DRIVER_OK);
	q->size = RING_SIZE;
	q->desc = RING_DESC;
	q->avail = RING_AVAIL;
	q->used = RING_USED;
	*state = f;
	return virtqueue_enable(q);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	virtio_blk_destroy(&f->blk);
	close(f->fd);
	free(f);
	return 0;
}

static void header(struct fixture *f, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr h = {.type = type, .sector = sector};

	memcpy(f->ring.mem + HEADER, &h, sizeof(h));
	f->ring.mem[STATUS] = 0xee;
}

static uint8_t serve(struct fixture *f, uint16_t head)
{
	ring_offer(&f->ring, head);
	virtio_device_serve(&f->blk.dev, 0);
	return f->ring.mem[STATUS];
}

/* The usual three descriptors. Returns the status. */
static uint8_t request(struct fixture *f, uint32_t type, uint64_t sector, uint64_t at,
		       uint32_t bytes)
{
	uint16_t flags = type == VIRTIO_BLK_T_OUT ? 0 : VRING_DESC_F_WRITE;

	header(f, type, sector);
	ring_set(&f->ring, 0, HEADER, sizeof(struct virtio_blk_outhdr), 0, 1);
	ring_set(&f->ring, 1, at, bytes, flags, 2);
	ring_set(&f->ring, 2, STATUS, 1, VRING_DESC_F_WRITE, -1);
	return serve(f, 0);
}

static uint32_t last_used(struct fixture *f)
{
	const struct vring_used *used = ring_used(&f->ring);

	return used->ring[(uint16_t)(used->idx - 1) % RING_SIZE].len;
}

static void check_counts(struct fixture *f, unsigned reads, unsigned writes, unsigned errors,
			 unsigned bad)
{
	assert_int_equal(atomic_load(&f->blk.reads), reads);
	assert_int_equal(atomic_load(&f->blk.writes), writes);
	assert_int_equal(atomic_load(&f->blk.errors), errors);
	assert_int_equal(atomic_load(&f->bad.count), bad);
}

static void test_config(void **state)
{
	struct fixture *f = *state;
	struct virtio_blk_config c = {0};
	uint8_t beyond[8] = {0};

	f->blk.dev.ops->config_read(&f->blk.dev, 0, &c, sizeof(c));
	assert_true(c.capacity == SECTORS); /* the odd 511 bytes are no sector */
	assert_int_equal(c.seg_max, 126);
	f->blk.dev.ops->config_read(&f->blk.dev, sizeof(c) - 4, beyond, 8);
	f->blk.dev.ops->config_read(&f->blk.dev, 0xe00, beyond, 8);
	assert_memory_equal(beyond, "\0\0\0\0\0\0\0\0", 8);
}

static void test_read(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 5, DATA, 1024), VIRTIO_BLK_S_OK);
	assert_memory_equal(f->ring.mem + DATA, f->disk + 5 * 512, 1024);
	assert_int_equal(f->ring.mem[DATA + 1024], 0);
	assert_int_equal(last_used(f), 1025);
	assert_int_equal(f->interrupts, 1);
	check_counts(f, 1, 0, 0, 0);
}

static void test_write(void **state)
{
	struct fixture *f = *state;
	uint8_t found[1024];

	fill(f->ring.mem + DATA, 512, 99);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 63, DATA, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(pread(f->fd, found, 1024, 62 * 512), 1024);
	assert_memory_equal(found, f->disk + 62 * 512, 512);
	assert_memory_equal(found + 512, f->ring.mem + DATA, 512);
	assert_int_equal(last_used(f), 1);
	check_counts(f, 0, 1, 0, 0);
}

/* Longer than the bounce buffer: in pieces, none lost. */
static void test_long(void **state)
{
	const uint32_t bytes = 41 * 1024;
	struct fixture *f = *state;
	uint8_t *found = malloc(bytes);

	assert_int_equal(ftruncate(f->fd, 128 * 512), 0);
	f->blk.sectors = 128;
	fill(f->ring.mem + DATA, bytes, 55);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 1, DATA, bytes), VIRTIO_BLK_S_OK);
	assert_int_equal(pread(f->fd, found, bytes, 512), bytes);
	assert_memory_equal(found, f->ring.mem + DATA, bytes);
	memset(f->ring.mem + DATA, 0, bytes);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 1, DATA, bytes), VIRTIO_BLK_S_OK);
	assert_memory_equal(found, f->ring.mem + DATA, bytes);
	free(found);
	check_counts(f, 1, 1, 0, 0);
}

/* Header, data and status cut and joined in unusual places. */
static void test_odd_cuts(void **state)
{
	struct fixture *f = *state;

	header(f, VIRTIO_BLK_T_IN, 2);
	ring_set(&f->ring, 0, HEADER, 3, 0, 1);
	ring_set(&f->ring, 1, HEADER + 3, 13, 0, 2);
	ring_set(&f->ring, 2, DATA, 100, VRING_DESC_F_WRITE, 3);
	ring_set(&f->ring, 3, DATA + 0x1000, 0, VRING_DESC_F_WRITE, 4);
	ring_set(&f->ring, 4, DATA + 0x2000, 413, VRING_DESC_F_WRITE, -1); /* 412 and the status */
	serve(f, 0);
	assert_memory_equal(f->ring.mem + DATA, f->disk + 1024, 100);
	assert_memory_equal(f->ring.mem + DATA + 0x2000, f->disk + 1124, 412);
	assert_int_equal(f->ring.mem[DATA + 0x2000 + 412], VIRTIO_BLK_S_OK);
	check_counts(f, 1, 0, 0, 0);
}

static void test_other_types(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(request(f, VIRTIO_BLK_T_FLUSH, 0, DATA, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, DATA, 20), VIRTIO_BLK_S_OK);
	assert_memory_equal(f->ring.mem + DATA, "disk-of-a-long-name-", 20);
	assert_int_equal(request(f, 0x1234, 0, DATA, 512), VIRTIO_BLK_S_UNSUPP);
	check_counts(f, 0, 0, 0, 0);
}

static void test_out_of_range(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t bytes;
	} cases[] = {
		{SECTORS, 512},
		{SECTORS - 1, 1024},
		{0, SECTORS * 512 + 512},
		{~0ull, 512},
		{~0ull, 1024},
		{1ull << 55, 512}, /* * 512 wraps to 0 */
		{0x7fffffffffff, 512},
		{0, 511},
		{0, 513},
		{0, 0xfffffe00},
	};
	const unsigned nr = sizeof(cases) / sizeof(cases[0]);
	struct fixture *f = *state;
	uint8_t found[sizeof(f->disk)];

	for (unsigned i = 0; i < nr; i++) {
		assert_int_equal(request(f, VIRTIO_BLK_T_IN, cases[i].sector, DATA, cases[i].bytes),
				 VIRTIO_BLK_S_IOERR);
		assert_int_equal(
			request(f, VIRTIO_BLK_T_OUT, cases[i].sector, DATA, cases[i].bytes),
			VIRTIO_BLK_S_IOERR);
	}
	check_counts(f, nr, nr, 0, 2 * nr);
	assert_int_equal(pread(f->fd, found, sizeof(found), 0), sizeof(found));
	assert_memory_equal(found, f->disk, sizeof(found));
	/* exactly to the end is fine, and nothing at the end too */
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, SECTORS - 2, DATA, 1024), VIRTIO_BLK_S_OK);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, SECTORS, DATA, 0), VIRTIO_BLK_S_OK);
}

static void test_bad_requests(void **state)
{
	struct fixture *f = *state;

	/* data outside memory: at its end, and far out */
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, RING_MEMORY - 256, 512),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 0, ~0ull - 100, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, 1ull << 44, 20), VIRTIO_BLK_S_IOERR);
	check_counts(f, 1, 1, 0, 3);
	/* a header that is too short, or not in memory */
	header(f, VIRTIO_BLK_T_IN, 0);
	ring_set(&f->ring, 0, HEADER, 15, 0, 1);
	ring_set(&f->ring, 1, STATUS, 1, VRING_DESC_F_WRITE, -1);
	assert_int_equal(serve(f, 0), VIRTIO_BLK_S_IOERR);
	header(f, VIRTIO_BLK_T_IN, 0);
	ring_set(&f->ring, 0, RING_MEMORY - 8, 16, 0, 1);
	assert_int_equal(serve(f, 0), VIRTIO_BLK_S_IOERR);
	check_counts(f, 1, 1, 0, 5);
	/* no room for a status: given back, nothing written */
	header(f, VIRTIO_BLK_T_OUT, 0);
	ring_set(&f->ring, 0, HEADER, 16, 0, -1);
	assert_int_equal(serve(f, 0), 0xee);
	assert_int_equal(last_used(f), 0);
	/* a status outside memory */
	ring_set(&f->ring, 0, HEADER, 16, 0, 1);
	ring_set(&f->ring, 1, RING_MEMORY, 1, VRING_DESC_F_WRITE, -1);
	serve(f, 0);
	assert_int_equal(atomic_load(&f->bad.count), 7);
	/* a chain that is no chain */
	ring_set(&f->ring, 0, HEADER, 16, 0, 0);
	serve(f, 0);
	assert_int_equal(atomic_load(&f->bad.count), 8);
	assert_int_equal(ring_used(&f->ring)->idx, 8);
	assert_int_equal(atomic_load(&f->blk.dev.status) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	/* and it still works */
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
}

/* The guest changes the header right after it was read: what was checked is what is used. */
static void swap_header(struct ring *r, uint64_t from, size_t bytes)
{
	if (from <= HEADER && from + bytes > HEADER)
		memset(r->mem + HEADER, 0xff, sizeof(struct virtio_blk_outhdr));
}

static void test_rewritten_header(void **state)
{
	struct fixture *f = *state;

	f->ring.hook = swap_header;
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 7, DATA, 512), VIRTIO_BLK_S_OK);
	assert_memory_equal(f->ring.mem + DATA, f->disk + 7 * 512, 512);
	check_counts(f, 1, 0, 0, 0);
}

static void test_host_errors(void **state)
{
	struct fixture *f = *state;
	int full = open("/dev/full", O_RDWR | O_CLOEXEC);

	f->blk.sectors = 2 * SECTORS; /* the file is shorter than the disk */
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, SECTORS, DATA, 512), VIRTIO_BLK_S_IOERR);
	check_counts(f, 1, 0, 1, 0);
	if (full >= 0) {
		dup2(full, f->fd);
		close(full);
		assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 0, DATA, 512), VIRTIO_BLK_S_IOERR);
		check_counts(f, 1, 1, 2, 0);
	}
}

/* Several at once, completed in order; then the VM stops between two pieces of a long one. */
static void stop_it(struct ring *r, uint64_t from, size_t bytes)
{
	struct fixture *f = (struct fixture *)(void *)r; /* its first member */

	if (from >= DATA && bytes >= PAGE_BYTES)
		atomic_store(&f->stop, true);
}

static void test_stop(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ftruncate(f->fd, 128 * 512), 0);
	f->blk.sectors = 128;
	f->ring.hook = stop_it;
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 0, DATA, 40 * 1024), 0xee);
	assert_int_equal(ring_used(&f->ring)->idx, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_config, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_odd_cuts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_out_of_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rewritten_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_host_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
