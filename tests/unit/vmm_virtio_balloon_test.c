/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_virtio_balloon_test.c: the balloon device: features, target and actual, statistics, resets.
 */
#include "tests/unit/vmm_balloon_driver.h"

/* --- target, actual, features ------------------------------------------------------------------------------------ */

static void test_target(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(config32(f, 0), 0);
	virtio_balloon_set_target(&f->b, 1000);
	assert_int_equal(config32(f, 0), 1000);
	assert_int_equal(f->config_interrupts, 1);
	virtio_balloon_set_target(&f->b, 1000);
	assert_int_equal(f->config_interrupts, 1);
	virtio_balloon_set_target(&f->b, UINT64_MAX);
	assert_int_equal(config32(f, 0), HOLE_PFN + HIGH_PAGES);
	assert_int_equal(stats_of(f).target_pages, HOLE_PFN + HIGH_PAGES);
	assert_int_equal(f->config_interrupts, 2);
	virtio_device_set_status(dev_of(f), 0);
	virtio_balloon_set_target(&f->b, 5); /* it outlives drivers, and nobody is interrupted */
	assert_int_equal(f->config_interrupts, 2);
	assert_int_equal(config32(f, 0), 5);
}

static void test_actual(void **state)
{
	struct fixture *f = *state;

	virtio_balloon_set_target(&f->b, 77);
	write_config(f, 4, 0x01020304, 4);
	assert_int_equal(stats_of(f).actual_pages, 0x01020304);
	write_config(f, 6, 0xaabb, 2);
	assert_int_equal(config32(f, 4), 0xaabb0304);
	assert_int_equal(bad_of(f), 0);
	write_config(f, 0, 5, 4); /* the host's */
	write_config(f, 2, 5, 4); /* across both */
	write_config(f, 6, 5, 4);
	write_config(f, 8, 5, 4);
	write_config(f, 12, 5, 4); /* poison, not agreed on */
	write_config(f, 0xfffffffe, 5, 4);
	assert_int_equal(bad_of(f), 6);
	assert_int_equal(config32(f, 0), 77);
	assert_int_equal(config32(f, 4), 0xaabb0304);
	assert_int_equal(config32(f, 12), 0);
	assert_int_equal(config32(f, 16), 0);
	assert_int_equal(config32(f, 0xfffffffc), 0);
	inflate(f, (uint32_t[]){100}, 1);
	assert_int_equal(stats_of(f).actual_pages, 0xaabb0304); /* nobody else writes it */
}

static void test_features(void **state)
{
	const struct vm_balloon_config plain = {.present = true};
	struct fixture *f = *state;
	struct virtio_balloon other;
	struct vm_balloon_stats s;

	assert_int_equal(virtio_device_features(dev_of(f)) & 0xffffffff, ALL | BIT(PAGE_POISON));
	virtio_balloon_init(&other, &plain, &f->layout, &ops, f, &f->ring.memory, &f->bad,
			    &f->stop);
	assert_int_equal(virtio_device_features(&other.dev) & 0xffffffff,
			 BIT(MUST_TELL_HOST) | BIT(STATS_VQ));
	virtio_balloon_destroy(&other);
	s = stats_of(f);
	assert_true(s.present && s.driver && s.deflate_on_oom && s.reporting && s.tells_stats);
	start_driver(f, 0);
	s = stats_of(f);
	assert_true(s.present && s.driver);
	assert_false(s.deflate_on_oom || s.reporting || s.tells_stats);
	virtio_device_set_status(dev_of(f), VIRTIO_CONFIG_S_FAILED | 15);
	assert_false(stats_of(f).driver);
}

/* --- statistics -------------------------------------------------------------------------------------------------- */

static void offer_stats(struct fixture *f, const struct virtio_balloon_stat *stat, uint32_t bytes)
{
	if (f->queue != VIRTIO_BALLOON_STATS)
		use(f, VIRTIO_BALLOON_STATS);
	memcpy(f->ring.mem + DATA, stat, bytes);
	ring_set(&f->ring, 0, DATA, bytes, 0, -1);
	serve(f, 0);
}

static void test_stats(void **state)
{
	struct virtio_balloon_stat stat[VM_BALLOON_TAGS + 2];
	struct fixture *f = *state;
	struct vm_balloon_stats s;

	for (uint16_t i = 0; i < VM_BALLOON_TAGS + 2; i++) {
		stat[i].tag = i;
		stat[i].val = 1ull << 40 | i;
	}
	stat[VM_BALLOON_TAGS + 1].tag = 0xffff;
	assert_int_equal(VM_BALLOON_TAGS, 16); /* Linux 6.12 */
	assert_int_equal(VM_BALLOON_FREE, VIRTIO_BALLOON_S_MEMFREE);
	assert_int_equal(VM_BALLOON_HUGE_FAILURES, VIRTIO_BALLOON_S_HTLB_PGFAIL);
	for (unsigned i = 0; i < VM_BALLOON_TAGS; i++)
		assert_non_null(vm_balloon_tag_names[i]);
	write_config(f, 4, 700, 4);
	offer_stats(f, stat, sizeof(stat));
	write_config(f, 4, 900, 4);
	assert_int_equal(ring_used(&f->ring)->idx, 0); /* kept */
	f->now += 50;
	s = stats_of(f);
	assert_int_equal(s.actual_pages, 900);
	assert_int_equal(s.stats_actual_pages, 700); /* what went with its figures */
	assert_int_equal(s.stats_updates, 1);
	assert_int_equal(s.stats_unknown, 2);
	for (unsigned i = 0; i < VM_BALLOON_TAGS; i++) {
		assert_true(s.stat[i].known);
		assert_int_equal(s.stat[i].value, 1ull << 40 | i);
		assert_int_equal(s.stat[i].age_ns, 50);
	}
	assert_int_equal(bad_of(f), 0);

	assert_true(virtio_balloon_want_stats(&f->b));
	virtio_device_serve(dev_of(f), VIRTIO_BALLOON_STATS);
	assert_int_equal(ring_used(&f->ring)->idx, 1);
	assert_int_equal(f->vring_interrupts, 1);
	virtio_device_serve(dev_of(f), VIRTIO_BALLOON_STATS); /* nothing is kept now */
	assert_int_equal(ring_used(&f->ring)->idx, 1);
	assert_true(virtio_balloon_want_stats(&f->b)); /* before it answered */
	assert_true(virtio_balloon_want_stats(&f->b));
	assert_int_equal(stats_of(f).stats_polls, 3);
	assert_int_equal(stats_of(f).stats_late, 1);
	stat[0].val = 9;
	offer_stats(f, stat, sizeof(stat[0]));
	virtio_device_serve(dev_of(f), VIRTIO_BALLOON_STATS); /* that was the answer */
	assert_int_equal(ring_used(&f->ring)->idx, 1);
	s = stats_of(f);
	assert_int_equal(s.stats_updates, 2);
	assert_int_equal(s.stats_actual_pages, 900);
	assert_int_equal(s.stat[0].value, 9);
	assert_int_equal(s.stat[0].age_ns, 0);
	assert_int_equal(s.stat[1].age_ns, 50);
}

static void test_bad_stats(void **state)
{
	struct virtio_balloon_stat stat[100] = {{.tag = VM_BALLOON_FREE, .val = 3}};
	struct fixture *f = *state;

	offer_stats(f, stat, sizeof(stat)); /* too many: 64 are looked at */
	assert_int_equal(bad_of(f), 1);
	assert_int_equal(stats_of(f).stat[VM_BALLOON_SWAP_IN].value, 0);
	assert_int_equal(stats_of(f).stat[VM_BALLOON_FREE].value, 3);
	stat[0].val = 4;
	offer_stats(f, stat, sizeof(stat[0]) + 9); /* a second buffer, and a broken one */
	assert_int_equal(bad_of(f), 3);
	assert_int_equal(ring_used(&f->ring)->idx, 1);
	assert_int_equal(stats_of(f).stat[VM_BALLOON_FREE].value, 4);
	ring_set(&f->ring, 1, RING_MEMORY - 5, 10, 0, -1);
	serve(f, 1);
	assert_int_equal(bad_of(f), 5);
	assert_int_equal(stats_of(f).stats_updates, 2);
	ring_set(&f->ring, 1, DATA, UINT32_MAX, 0, 2);
	ring_set(&f->ring, 2, DATA, UINT32_MAX, 0, -1);
	serve(f, 1);
	assert_int_equal(stats_of(f).stats_updates, 3);
	assert_true(stats_of(f).driver);
	start_driver(f, BIT(MUST_TELL_HOST));
	assert_false(virtio_balloon_want_stats(&f->b));
	assert_false(stats_of(f).stat[VM_BALLOON_FREE].known); /* the former driver's */
}

/* --- resets ------------------------------------------------------------------------------------------------------ */

static void test_reset(void **state)
{
	const struct virtio_balloon_stat stat = {.tag = VM_BALLOON_FREE, .val = 3};
	struct fixture *f = *state;

	inflate(f, (uint32_t[]){1, 2, 3}, 3);
	write_config(f, 4, 3, 4);
	virtio_balloon_set_target(&f->b, 50);
	offer_stats(f, &stat, sizeof(stat));
	virtio_device_set_status(dev_of(f), 0);
	assert_int_equal(f->forgets, 1);
	assert_int_equal(stats_of(f).actual_pages, 0);
	assert_int_equal(stats_of(f).target_pages, 50);
	assert_int_equal(stats_of(f).inflated_pages, 3); /* counters stay */
	assert_false(stats_of(f).driver);
	assert_int_equal(stats_of(f).resets, 1);
	virtio_device_set_status(dev_of(f), 0); /* no driver: nothing to forget */
	assert_int_equal(f->forgets, 1);
	f->queue = VIRTIO_BALLOON_INFLATE;
	start_driver(f, ALL);
	use(f, VIRTIO_BALLOON_STATS);
	virtio_balloon_want_stats(&f->b);
	virtio_device_serve(dev_of(f), VIRTIO_BALLOON_STATS);
	assert_int_equal(ring_used(&f->ring)->idx, 0); /* the buffer of the former driver */
	inflate(f, (uint32_t[]){1}, 1);
	assert_int_equal(stats_of(f).bad_inflated, 0);
}

static void test_need_reset(void **state)
{
	struct fixture *f = *state;

	inflate(f, (uint32_t[]){1}, 1);
	f->calls = 0;
	virtio_balloon_need_reset(&f->b);
	virtio_balloon_need_reset(&f->b); /* once is enough */
	assert_int_equal(f->config_interrupts, 1);
	assert_int_equal(stats_of(f).reset_calls, 1);
	assert_false(stats_of(f).driver);
	assert_int_equal(f->forgets, 0);
	use(f, VIRTIO_BALLOON_INFLATE);
	memcpy(f->ring.mem + DATA, (uint32_t[]){5}, 4);
	ring_set(&f->ring, 0, DATA, 4, 0, -1);
	serve(f, 0);
	assert_int_equal(f->calls, 0); /* not before the driver did it, which is told again */
	assert_int_equal(f->config_interrupts, 2);
	start_driver(f, ALL);
	assert_int_equal(f->forgets, 1);
	assert_true(stats_of(f).driver);
	inflate(f, (uint32_t[]){1}, 1);
	assert_int_equal(f->calls, 1);
	assert_int_equal(stats_of(f).bad_inflated, 0);
	assert_int_equal(bad_of(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_target),    TEST(test_actual), TEST(test_features),   TEST(test_stats),
		TEST(test_bad_stats), TEST(test_reset),  TEST(test_need_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
