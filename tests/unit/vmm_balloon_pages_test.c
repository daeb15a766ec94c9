/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_balloon_pages_test.c: what drivers good and bad tell the balloon device about their pages.
 */
#include "tests/unit/vmm_balloon_driver.h"

/* --- inflate, deflate -------------------------------------------------------------------------------------------- */

static void test_inflate_deflate(void **state)
{
	struct fixture *f = *state;
	uint32_t pfn[VIRTIO_BALLOON_BATCH];

	for (unsigned i = 0; i < VIRTIO_BALLOON_BATCH; i++)
		pfn[i] = 5000 - i;
	inflate(f, pfn, VIRTIO_BALLOON_BATCH);
	assert_int_equal(f->calls, 1);
	assert_int_equal(f->nr_last, VIRTIO_BALLOON_BATCH);
	assert_int_equal(f->last[0].v, 5000 - VIRTIO_BALLOON_BATCH + 1);
	assert_int_equal(f->last[VIRTIO_BALLOON_BATCH - 1].v, 5000);
	assert_int_equal(f->vring_interrupts, 1);
	assert_int_equal(stats_of(f).inflated_pages, VIRTIO_BALLOON_BATCH);
	deflate(f, pfn, 10);
	assert_int_equal(f->used_at_call, 0); /* the host was through before the driver heard */
	assert_int_equal(stats_of(f).deflated_pages, 10);
	assert_int_equal(stats_of(f).inflate_requests, 1);
	assert_int_equal(stats_of(f).deflate_requests, 1);
	assert_int_equal(f->ballooned[5000], 0);
	assert_int_equal(f->ballooned[4990], 1);
	assert_int_equal(bad_of(f), 0);
}

/* Cut into descriptors in the middle of a number, with a part the device may write behind. */
static void test_any_cut(void **state)
{
	const uint32_t pfn[3] = {0x00012345, 0x0000abcd, 0x00054321};
	struct fixture *f = *state;

	use(f, VIRTIO_BALLOON_INFLATE);
	memcpy(f->ring.mem + DATA, pfn, 5);
	memcpy(f->ring.mem + DATA + 0x100, (const uint8_t *)pfn + 5, 7);
	ring_set(&f->ring, 3, DATA, 5, 0, 5);
	ring_set(&f->ring, 5, DATA + 0x50, 0, 0, 1);
	ring_set(&f->ring, 1, DATA + 0x100, 7, 0, 0);
	ring_set(&f->ring, 0, DATA, 100, VRING_DESC_F_WRITE, -1);
	serve(f, 3);
	assert_int_equal(f->nr_last, 3);
	assert_int_equal(f->last[0].v, 0xabcd);
	assert_int_equal(f->last[1].v, 0x12345);
	assert_int_equal(f->last[2].v, 0x54321);
	assert_int_equal(bad_of(f), 0);
}

static void test_many_batches(void **state)
{
	struct fixture *f = *state;
	uint32_t pfn[600];

	for (unsigned i = 0; i < 600; i++)
		pfn[i] = i;
	inflate(f, pfn, 600);
	assert_int_equal(f->calls, 3);
	assert_int_equal(f->nr_last, 600 - 2 * VIRTIO_BALLOON_BATCH);
	assert_int_equal(stats_of(f).inflated_pages, 600);
	assert_int_equal(stats_of(f).inflate_requests, 1);
	f->calls = 0;
	f->stop_after = 2; /* the VM stops: the rest is not looked at */
	use(f, VIRTIO_BALLOON_DEFLATE);
	ring_set(&f->ring, 0, DATA, sizeof(pfn), 0, -1);
	serve(f, 0);
	assert_int_equal(f->calls, 2);
	assert_int_equal(ring_used(&f->ring)->idx, 0);
	assert_int_equal(stats_of(f).deflated_pages, 2 * VIRTIO_BALLOON_BATCH);
}

static void test_outside(void **state)
{
	const uint32_t edges[] = {HOLE_PFN - 1, HOLE_PFN, HIGH_PFN - 1, HIGH_PFN,
				  END_PFN - 1,  END_PFN,  UINT32_MAX,   0};
	struct fixture *f = *state;

	inflate(f, edges, 8);
	assert_int_equal(f->calls, 1);
	assert_int_equal(f->nr_last, 4);
	assert_int_equal(stats_of(f).inflated_pages, 4);
	assert_int_equal(stats_of(f).bad_outside, 4);
	assert_int_equal(bad_of(f), 1);
	deflate(f, edges + 1, 2);
	assert_int_equal(f->calls, 1); /* nothing was left to hand on */
	assert_int_equal(stats_of(f).bad_outside, 6);
	assert_int_equal(stats_of(f).bad_deflated, 0);
}

static void test_twice_and_never(void **state)
{
	struct fixture *f = *state;

	inflate(f, (uint32_t[]){7, 9, 7, 8, 7}, 5);
	assert_int_equal(stats_of(f).inflated_pages, 3);
	assert_int_equal(stats_of(f).bad_inflated, 2);
	inflate(f, (uint32_t[]){8, 10}, 2);
	assert_int_equal(stats_of(f).inflated_pages, 4);
	assert_int_equal(stats_of(f).bad_inflated, 3);
	deflate(f, (uint32_t[]){11, 8, 8}, 3);
	assert_int_equal(stats_of(f).deflated_pages, 1);
	assert_int_equal(stats_of(f).bad_deflated, 2);
	assert_int_equal(stats_of(f).bad_outside, 0);
	assert_int_equal(bad_of(f), 3);
}

/* Lengths that are no requests: none, half a number, 4 GiB, more than the guest has pages. */
static void test_lengths(void **state)
{
	struct fixture *f = *state;

	inflate(f, NULL, 0);
	assert_int_equal(f->calls, 0);
	use(f, VIRTIO_BALLOON_INFLATE);
	memset(f->ring.mem + DATA, 0, 16);
	ring_set(&f->ring, 0, DATA, 7, 0, -1);
	serve(f, 0);
	assert_int_equal(f->nr_last, 1);
	assert_int_equal(bad_of(f), 1);
	ring_set(&f->ring, 0, DATA, 100, VRING_DESC_F_WRITE, -1);
	serve(f, 0);
	assert_int_equal(f->calls, 1);
	assert_int_equal(ring_used(&f->ring)->idx, 2);
	/* From DATA to the end of memory there are 12 Ki numbers: 48 batches; the next one fails. */
	for (unsigned i = 0; i < RING_SIZE; i++)
		ring_set(&f->ring, i, DATA, UINT32_MAX, 0, i + 1 < RING_SIZE ? (int)i + 1 : -1);
	f->calls = 0;
	serve(f, 0);
	assert_int_equal(f->calls, (RING_MEMORY - DATA) / 4 / VIRTIO_BALLOON_BATCH);
	assert_int_equal(ring_used(&f->ring)->idx, 3);
	f->layout = guest_layout_make(16);
	inflate(f, (uint32_t[20]){0}, 20);
	assert_int_equal(f->nr_last, 16);
}

static void test_outside_addresses(void **state)
{
	struct fixture *f = *state;

	use(f, VIRTIO_BALLOON_DEFLATE);
	ring_set(&f->ring, 0, RING_MEMORY - 4, 8, 0, -1);
	ring_set(&f->ring, 1, UINT64_MAX - 3, 8, 0, -1);
	serve(f, 0);
	serve(f, 1);
	assert_int_equal(f->calls, 0);
	assert_int_equal(bad_of(f), 2);
	assert_int_equal(ring_used(&f->ring)->idx, 2); /* they go back all the same */
	assert_true(stats_of(f).driver);
}

/* A guest that changes the numbers once they were read. */
static void rewrite(struct ring *r, uint64_t from, size_t bytes)
{
	if (from == DATA)
		memset(r->mem + DATA, 0xff, bytes);
}

static void test_read_once(void **state)
{
	struct fixture *f = *state;

	f->ring.hook = rewrite;
	inflate(f, (uint32_t[]){300, 200, 100}, 3);
	assert_int_equal(f->nr_last, 3);
	assert_int_equal(f->last[0].v, 100);
	assert_int_equal(f->last[2].v, 300);
	assert_int_equal(bad_of(f), 0);
}

static void test_bad_rings(void **state)
{
	struct fixture *f = *state;

	use(f, VIRTIO_BALLOON_INFLATE);
	ring_set(&f->ring, 0, DATA, 4, 0, 0); /* a loop */
	serve(f, 0);
	ring_set(&f->ring, 0, DATA, 4, 0, RING_SIZE); /* out of the queue */
	serve(f, 0);
	serve(f, 999);
	assert_int_equal(f->calls, 0);
	assert_int_equal(bad_of(f), 3);
	assert_true(stats_of(f).driver);
	ring_avail(&f->ring)->idx += 100;
	virtio_device_serve(dev_of(f), f->queue);
	assert_false(stats_of(f).driver);
	assert_int_equal(atomic_load(&dev_of(f)->status) & VIRTIO_CONFIG_S_NEEDS_RESET,
			 VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* --- reporting --------------------------------------------------------------------------------------------------- */

static void offer_free(struct fixture *f, uint64_t at, uint32_t bytes)
{
	ring_set(&f->ring, 0, at, bytes, VRING_DESC_F_WRITE, -1);
	serve(f, 0);
}

static void test_reporting(void **state)
{
	struct fixture *f = *state;

	inflate(f, (uint32_t[]){0x1001}, 1);
	use(f, 3);
	ring_set(&f->ring, 0, 0x200000, 0x200000, VRING_DESC_F_WRITE, 1);
	ring_set(&f->ring, 1, 0x1000000, 0x3000, VRING_DESC_F_WRITE, -1);
	f->calls = 0;
	serve(f, 0);
	assert_int_equal(f->calls, 2);
	assert_int_equal(f->reported, 515);
	assert_int_equal(f->last[0].v, 0x1000);
	assert_int_equal(f->used_at_call, 0);
	assert_int_equal(ring_used(&f->ring)->idx, 1);
	assert_int_equal(stats_of(f).reported_pages, 514);
	assert_int_equal(stats_of(f).bad_reported, 1); /* the ballooned one */
	assert_int_equal(bad_of(f), 0);
	offer_free(f, 0x200fff, 0x1002); /* one whole page in it */
	assert_int_equal(f->last[0].v, 0x201);
	assert_int_equal(stats_of(f).reported_pages, 515);
	offer_free(f, 0x200001, 0x1ffe);
	assert_int_equal(f->calls, 3);
	assert_int_equal(bad_of(f), 1);
	offer_free(f, GUEST_HOLE_START - 0x1000, 0x2000);
	offer_free(f, GUEST_HOLE_END + pages_to_bytes(HIGH_PAGES), 0x1000);
	offer_free(f, UINT64_MAX - 0xfff, 0x2000);
	offer_free(f, 0x1000, 0);
	assert_int_equal(f->calls, 3);
	assert_int_equal(bad_of(f), 5);
	assert_int_equal(stats_of(f).bad_outside, 2 + 1 + 2);
	ring_set(&f->ring, 0, 0x200000, 0x1000, 0, -1); /* not for the device to write */
	serve(f, 0);
	assert_int_equal(f->calls, 3);
	assert_int_equal(bad_of(f), 6);
	offer_free(f, 0, 0xfffff000);
	assert_int_equal(bad_of(f), 7); /* the hole is in it */
	assert_int_equal(ring_used(&f->ring)->idx, 9);
}

static void test_reporting_queues(void **state)
{
	struct fixture *f = *state;

	use(f, 4); /* as the standard numbers it */
	offer_free(f, 0x200000, 0x1000);
	assert_int_equal(f->reported, 1);
	start_driver(f, BIT(REPORTING));
	use(f, 2); /* as Linux does without statistics */
	offer_free(f, 0x200000, 0x1000);
	assert_int_equal(f->reported, 2);
	start_driver(f, BIT(STATS_VQ));
	use(f, 3);
	offer_free(f, 0x200000, 0x1000);
	assert_int_equal(f->reported, 2);
	assert_int_equal(bad_of(f), 1);
}

static void test_poison(void **state)
{
	struct fixture *f = *state;

	start_driver(f, ALL | BIT(PAGE_POISON));
	use(f, 3);
	offer_free(f, 0x200000, 0x1000); /* zeros: what a discarded page holds */
	write_config(f, 12, 0xaa, 4);
	assert_int_equal(config32(f, 12), 0xaa);
	offer_free(f, 0x200000, 0x5000);
	assert_int_equal(f->reported, 1);
	assert_int_equal(stats_of(f).poisoned_pages, 5);
	assert_int_equal(ring_used(&f->ring)->idx, 2);
	start_driver(f, ALL);
	assert_int_equal(config32(f, 12), 0);
	assert_int_equal(bad_of(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_inflate_deflate),   TEST(test_any_cut),          TEST(test_many_batches),
		TEST(test_outside),           TEST(test_twice_and_never),  TEST(test_lengths),
		TEST(test_outside_addresses), TEST(test_read_once),        TEST(test_bad_rings),
		TEST(test_reporting),         TEST(test_reporting_queues), TEST(test_poison),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
