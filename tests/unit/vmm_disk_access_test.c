/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_disk_access_test.c: which pages a disk announces before it touches them: all that it will read a byte of; of those
 * it writes only the ones that it overwrites whole, however the driver cut the buffer.
 *
 * Buffers here lie behind the ring's memory where only addresses matter; the last test has a disk do the copying.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/vmm_ring.h"
#include "vmm/virtio_blk.h"

#define PAGES 512u

struct told {
	struct ring ring; /* first: disk_access gets it */
	unsigned calls, nr;
	gfn_t page[PAGES];
	bool overwrites;
	uint8_t at_call[2]; /* of memory, at the first call */
};

static void disk_access(void *ctx, const gfn_t *pages, unsigned nr, bool overwrites)
{
	struct told *t = ctx;

	assert_true(nr > 0 && t->nr + nr <= PAGES);
	if (!t->calls++)
		memcpy(t->at_call, t->ring.mem + 0x5000, sizeof(t->at_call));
	t->overwrites = overwrites;
	memcpy(t->page + t->nr, pages, nr * sizeof(*pages));
	t->nr += nr;
}

static void no_interrupt(void *ctx, uint32_t cause)
{
	(void)ctx;
	(void)cause;
}

static struct told *make(void)
{
	struct told *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	ring_init(&t->ring);
	t->ring.memory.disk_access = disk_access;
	return t;
}

/* A chain of these pieces, all for the device to read, or to write. */
static void announce(struct told *t, bool writes, const struct virtqueue_segment *s, uint16_t nr,
		     uint64_t offset, size_t bytes)
{
	struct virtqueue_chain *c = calloc(1, sizeof(*c));
	struct virtqueue q = {.memory = &t->ring.memory};

	assert_non_null(c);
	/* one of the other kind, which must not count */
	c->nr_readable = writes ? 1 : nr;
	c->nr_writable = writes ? nr : 1;
	c->segment[writes ? 0 : nr] = (struct virtqueue_segment){gpa(0x777000), 0x5000};
	memcpy(c->segment + writes, s, nr * sizeof(*s));
	t->calls = t->nr = 0;
	virtqueue_chain_announce(&q, c, writes, offset, bytes);
	free(c);
}

static void must_be(const struct told *t, unsigned nr, const uint64_t *gfns)
{
	assert_int_equal(t->nr, nr);
	for (unsigned i = 0; i < nr; i++)
		assert_int_equal(t->page[i].v, gfns[i]);
}

static void pages_that_are_read(void **state)
{
	const struct virtqueue_segment s[] = {{gpa(0x10ff0), 0x1020}, {gpa(0x20000), 0x2000}};
	struct told *t = make();

	(void)state;
	announce(t, false, s, 2, 0, 0x3020); /* to 0x1200f, and two whole ones */
	must_be(t, 5, (uint64_t[]){0x10, 0x11, 0x12, 0x20, 0x21});
	assert_int_equal(t->calls, 1);
	assert_false(t->overwrites);
	announce(t, false, s, 2, 0x10, 0x1000); /* a piece: 0x11000 to 0x11fff */
	must_be(t, 1, (uint64_t[]){0x11});
	announce(t, false, s, 2, 0x1020, 1);
	must_be(t, 1, (uint64_t[]){0x20});
	announce(t, false, s, 2, 0, 0);
	must_be(t, 0, NULL);
	free(t);
}

static void pages_that_are_overwritten_whole(void **state)
{
	const struct virtqueue_segment s[] = {{gpa(0x10ff0), 0x1020}, {gpa(0x20000), 0x2000}};
	/* a page in three pieces that follow one another; then one with a gap; then one backwards */
	const struct virtqueue_segment cut[] = {{gpa(0x30000), 0x200}, {gpa(0x30200), 0xc00},
						{gpa(0x30e00), 0x200}, {gpa(0x40000), 0x7ff},
						{gpa(0x40800), 0x800}, {gpa(0x50800), 0x800},
						{gpa(0x50000), 0x800}};
	struct told *t = make();

	(void)state;
	announce(t, true, s, 2, 0, 0x3020);
	must_be(t, 3, (uint64_t[]){0x11, 0x20, 0x21});
	assert_true(t->overwrites);
	announce(t, true, s, 2, 0x10, 0xfff);
	must_be(t, 0, NULL);
	assert_int_equal(t->calls, 0);
	announce(t, true, cut, 7, 0, 0x200 + 0xc00 + 0x200 + 0x7ff + 0x800 + 0x1000);
	must_be(t, 1, (uint64_t[]){0x30});
	free(t);
}

/* Numbers that are no addresses, and more pieces than are told at once. */
static void hostile_and_many(void **state)
{
	const struct virtqueue_segment wild[] = {
		{gpa(UINT64_MAX - 0xfff), 0x1000}, {gpa(UINT64_MAX), 1}, {gpa(0), 0x1000}};
	struct virtqueue_segment many[100];
	struct told *t = make();

	(void)state;
	announce(t, true, wild, 3, 0, 0x2001);
	must_be(t, 0, NULL);
	announce(t, false, wild, 3, 0, 0x2001);
	must_be(t, 0, NULL);
	announce(t, false, wild + 1, 2, 0x800, 0x801); /* offset + address wraps, or is beyond */
	for (unsigned i = 0; i < 100; i++)
		many[i] = (struct virtqueue_segment){gpa(i * 0x2000), 0x1000};
	announce(t, true, many, 100, 0, 100 * 0x1000);
	assert_int_equal(t->nr, 100);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(t->page[i].v, 2 * i);
	assert_int_equal(t->calls, 4); /* 32 at once */
	t->ring.memory.disk_access = NULL;
	announce(t, true, many, 100, 0, 100 * 0x1000);
	assert_int_equal(t->nr, 0);
	free(t);
}

/* A disk tells before it reads memory, and after it read its file but before it writes memory. */
static void a_disk_tells_first(void **state)
{
	struct told *t = make();
	struct guest_bad bad = {.vm = "test"};
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	int fd = memfd_create("disk", MFD_CLOEXEC);
	struct error error;
	atomic_bool stop = false;
	struct virtqueue *q;

	(void)state;
	assert_non_null(blk);
	assert_int_equal(ftruncate(fd, 0x10000), 0);
	assert_int_equal(pwrite(fd, "file", 4, 0), 4);
	assert_int_equal(
		virtio_blk_init(blk, fd, 0x10000, "d", &t->ring.memory, &bad, &stop, &error), 0);
	blk->dev.transport = (struct virtio_transport){no_interrupt, NULL};
	q = &blk->dev.queue[0];
	atomic_store(&blk->dev.status, VIRTIO_CONFIG_S_DRIVER_OK);
	q->size = RING_SIZE;
	q->desc = RING_DESC;
	q->avail = RING_AVAIL;
	q->used = RING_USED;
	assert_int_equal(virtqueue_enable(q), 0);
	for (unsigned out = 0; out < 2; out++) {
		struct virtio_blk_outhdr h = {.type = out ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN};

		t->calls = t->nr = 0;
		memcpy(t->ring.mem + 0x4000, &h, sizeof(h));
		memcpy(t->ring.mem + 0x5000, "mine", 4);
		ring_set(&t->ring, 0, 0x4000, sizeof(h), 0, 1);
		ring_set(&t->ring, 1, 0x5000, 0x9000, out ? 0 : VRING_DESC_F_WRITE, 2);
		ring_set(&t->ring, 2, 0x4100, 1, VRING_DESC_F_WRITE, -1);
		ring_offer(&t->ring, 0);
		virtio_device_serve(&blk->dev, 0);
		assert_int_equal(t->ring.mem[0x4100], VIRTIO_BLK_S_OK);
		/* 8 pages and then 1: pieces of the bounce buffer; the header's page is not among them */
		must_be(t, 9, (uint64_t[]){5, 6, 7, 8, 9, 10, 11, 12, 13});
		assert_int_equal(t->calls, 2);
		assert_int_equal(t->overwrites, !out);
		assert_memory_equal(t->at_call, "mi", 2);
		assert_memory_equal(t->ring.mem + 0x5000, out ? "mine" : "file", 4);
	}
	virtio_blk_destroy(blk);
	close(fd);
	free(blk);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_that_are_read),
		cmocka_unit_test(pages_that_are_overwritten_whole),
		cmocka_unit_test(hostile_and_many),
		cmocka_unit_test(a_disk_tells_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
