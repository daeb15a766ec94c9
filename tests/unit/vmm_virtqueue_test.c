/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_virtqueue_test.c: the split virtqueue against drivers that are right, wrong and hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/vmm_ring.h"
#include "vmm/virtqueue.h"

struct fixture {
	struct ring ring;
	struct virtqueue q;
	struct virtqueue_chain chain;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	ring_init(&f->ring);
	virtqueue_init(&f->q, &f->ring.memory, 16);
	f->q.size = RING_SIZE;
	f->q.desc = RING_DESC;
	f->q.avail = RING_AVAIL;
	f->q.used = RING_USED;
	*state = f;
	return virtqueue_enable(&f->q);
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* A malformed chain with a valid head came back unused, and nothing else happened. */
static void check_dropped(struct fixture *f, uint16_t head)
{
	uint16_t before = f->q.used_next;

	assert_int_equal(virtqueue_pop(&f->q, &f->chain), -EBADMSG);
	assert_int_equal(ring_used(&f->ring)->idx, (uint16_t)(before + 1));
	assert_int_equal(ring_used(&f->ring)->ring[before % RING_SIZE].id, head);
	assert_int_equal(ring_used(&f->ring)->ring[before % RING_SIZE].len, 0);
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), 0);
}

static void test_enable(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint16_t size;
		uint64_t desc, avail, used;
		int result;
	} cases[] = {
		{8, 0x1000, 0x2000, 0x3000, 0},        {16, 0x1000, 0x2000, 0x3000, 0},
		{1, 0x1010, 0x2002, 0x3004, 0},        {0, 0x1000, 0x2000, 0x3000, -EINVAL},
		{32, 0x1000, 0x2000, 0x3000, -EINVAL}, {6, 0x1000, 0x2000, 0x3000, -EINVAL},
		{8, 0x1008, 0x2000, 0x3000, -EINVAL},  {8, 0x1000, 0x2001, 0x3000, -EINVAL},
		{8, 0x1000, 0x2000, 0x3002, -EINVAL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		virtqueue_reset(&f->q);
		f->q.size = cases[i].size;
		f->q.desc = cases[i].desc;
		f->q.avail = cases[i].avail;
		f->q.used = cases[i].used;
		assert_int_equal(virtqueue_enable(&f->q), cases[i].result);
		assert_int_equal(f->q.ready, cases[i].result == 0);
	}
}

static void test_empty(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(virtqueue_pop(&f->q, &f->chain), 0);
	assert_int_equal(ring_used(&f->ring)->idx, 0);
}

static void test_chain(void **state)
{
	struct fixture *f = *state;
	char text[8] = "";

	ring_set(&f->ring, 5, 0x8000, 3, 0, 2);
	ring_set(&f->ring, 2, 0x9000, 4, 0, 7);
	ring_set(&f->ring, 7, 0xa000, 2, VRING_DESC_F_WRITE, 0);
	ring_set(&f->ring, 0, 0xb000, 6, VRING_DESC_F_WRITE, -1);
	memcpy(f->ring.mem + 0x8000, "abcX", 4);
	memcpy(f->ring.mem + 0x9000, "defgY", 5);
	ring_offer(&f->ring, 5);
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), 1);
	assert_int_equal(f->chain.head, 5);
	assert_int_equal(f->chain.nr_readable, 2);
	assert_int_equal(f->chain.nr_writable, 2);
	assert_int_equal(f->chain.readable_bytes, 7);
	assert_int_equal(f->chain.writable_bytes, 8);

	/* across the cut, with and without offset */
	assert_int_equal(virtqueue_chain_read(&f->q, &f->chain, 0, text, 7), 0);
	assert_string_equal(text, "abcdefg");
	assert_int_equal(virtqueue_chain_read(&f->q, &f->chain, 2, text, 2), 0);
	assert_memory_equal(text, "cd", 2);
	assert_int_equal(virtqueue_chain_read(&f->q, &f->chain, 3, text, 4), 0);
	assert_memory_equal(text, "defg", 4);
	assert_int_equal(virtqueue_chain_read(&f->q, &f->chain, 6, text, 2), -EFAULT);
	assert_int_equal(virtqueue_chain_write(&f->q, &f->chain, 1, "12345", 5), 0);
	assert_memory_equal(f->ring.mem + 0xa000,
			    "\0"
			    "1\0",
			    3);
	assert_memory_equal(f->ring.mem + 0xb000, "2345\0\0", 6);
	assert_int_equal(virtqueue_chain_write(&f->q, &f->chain, 7, "!!", 2), -EFAULT);

	assert_int_equal(virtqueue_push(&f->q, f->chain.head, 6), 0);
	assert_int_equal(ring_used(&f->ring)->idx, 1);
	assert_int_equal(ring_used(&f->ring)->ring[0].id, 5);
	assert_int_equal(ring_used(&f->ring)->ring[0].len, 6);
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), 0);
}

/* Indices run on through 2^16, the rings go round. */
static void test_many(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 70000; i++) {
		uint16_t head = (uint16_t)(i * 5 % RING_SIZE);

		ring_set(&f->ring, head, 0x8000 + head, 1 + head, 0, -1);
		ring_offer(&f->ring, head);
		assert_int_equal(virtqueue_pop(&f->q, &f->chain), 1);
		assert_int_equal(f->chain.head, head);
		assert_int_equal(f->chain.readable_bytes, 1 + head);
		assert_int_equal(virtqueue_push(&f->q, head, i), 0);
		assert_int_equal(ring_used(&f->ring)->ring[i % RING_SIZE].len, i);
	}
	assert_int_equal(ring_used(&f->ring)->idx, 70000 % 65536);
}

static void test_full_queue(void **state)
{
	struct fixture *f = *state;

	for (uint16_t i = 0; i < RING_SIZE; i++) {
		ring_set(&f->ring, i, 0x8000, i, 0, -1);
		ring_offer(&f->ring, i);
	}
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		assert_int_equal(virtqueue_pop(&f->q, &f->chain), 1);
		assert_int_equal(f->chain.head, i);
	}
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), 0);
}

/* As long as the queue is the longest there may be. */
static void test_longest_chain(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < RING_SIZE; i++)
		ring_set(&f->ring, i, 0x8000, 0xffffffff, 0, i + 1 < RING_SIZE ? (int)i + 1 : -1);
	ring_offer(&f->ring, 0);
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), 1);
	assert_int_equal(f->chain.nr_readable, RING_SIZE);
	assert_true(f->chain.readable_bytes == 8 * 0xffffffffull); /* no wrap at 4 GiB */
}

static void test_loops(void **state)
{
	struct fixture *f = *state;

	ring_set(&f->ring, 3, 0x8000, 16, 0, 3); /* on itself */
	ring_offer(&f->ring, 3);
	check_dropped(f, 3);
	/* Index, head, as many descriptors as the queue has; index again. */
	assert_int_equal(f->ring.reads, 2 + RING_SIZE + 1);
	ring_set(&f->ring, 0, 0x8000, 16, 0, 1); /* of two, entered from outside */
	ring_set(&f->ring, 1, 0x8000, 16, 0, 2);
	ring_set(&f->ring, 2, 0x8000, 16, 0, 1);
	ring_offer(&f->ring, 0);
	check_dropped(f, 0);
}

static void test_bad_chains(void **state)
{
	struct fixture *f = *state;

	ring_set(&f->ring, 1, 0x8000, 16, 0, RING_SIZE); /* next beyond the queue */
	ring_offer(&f->ring, 1);
	check_dropped(f, 1);
	ring_set(&f->ring, 1, 0x8000, 16, 0, 0xffff);
	ring_offer(&f->ring, 1);
	check_dropped(f, 1);
	ring_set(&f->ring, 1, 0x8000, 16, VRING_DESC_F_WRITE, 2); /* readable after writable */
	ring_set(&f->ring, 2, 0x8000, 16, 0, -1);
	ring_offer(&f->ring, 1);
	check_dropped(f, 1);
	ring_set(&f->ring, 1, 0x8000, 16, VRING_DESC_F_INDIRECT, -1); /* not negotiated */
	ring_offer(&f->ring, 1);
	check_dropped(f, 1);
}

/* A head that is no descriptor: nothing to give back. */
static void test_bad_head(void **state)
{
	struct fixture *f = *state;

	ring_offer(&f->ring, RING_SIZE);
	ring_offer(&f->ring, 0xffff);
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), -EBADMSG);
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), -EBADMSG);
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), 0);
	assert_int_equal(ring_used(&f->ring)->idx, 0);
}

static void test_bad_addresses(void **state)
{
	static const uint64_t outside[] = {RING_MEMORY, RING_MEMORY - 3, 1ull << 40, ~0ull,
					   ~0ull - 3};
	struct fixture *f = *state;
	char bytes[4];

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		ring_set(&f->ring, 0, outside[i], 4, 0, 1);
		ring_set(&f->ring, 1, outside[i], 4, VRING_DESC_F_WRITE, -1);
		ring_offer(&f->ring, 0);
		assert_int_equal(virtqueue_pop(&f->q, &f->chain), 1);
		assert_int_equal(virtqueue_chain_read(&f->q, &f->chain, 0, bytes, 4), -EFAULT);
		assert_int_equal(virtqueue_chain_write(&f->q, &f->chain, 0, bytes, 4), -EFAULT);
	}
	/* address + offset wraps around to valid memory: still refused */
	ring_set(&f->ring, 0, ~0ull - 15, 0x100, 0, -1);
	ring_offer(&f->ring, 0);
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), 1);
	assert_int_equal(virtqueue_chain_read(&f->q, &f->chain, 32, bytes, 4), -EFAULT);
}

/* More available than the queue can hold: the ring is broken, not a buffer. */
static void test_index_runs_ahead(void **state)
{
	struct fixture *f = *state;

	ring_avail(&f->ring)->idx = RING_SIZE + 1;
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), -EPROTO);
	ring_avail(&f->ring)->idx = 0xffff;
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), -EPROTO);
}

static void test_rings_outside_memory(void **state)
{
	static const uint64_t outside[] = {RING_MEMORY, 1ull << 50, ~0ull << 4};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		ring_set(&f->ring, 0, 0x8000, 4, 0, -1);
		f->q.avail = outside[i];
		assert_int_equal(virtqueue_pop(&f->q, &f->chain), -EFAULT);
		assert_int_equal(virtqueue_interrupt_wanted(&f->q), -EFAULT);
		f->q.avail = RING_AVAIL;
		ring_offer(&f->ring, 0);
		f->q.desc = outside[i];
		assert_int_equal(virtqueue_pop(&f->q, &f->chain), -EFAULT);
		f->q.desc = RING_DESC;
		f->q.used = outside[i];
		assert_int_equal(virtqueue_push(&f->q, 0, 0), -EFAULT);
		f->q.used = RING_USED;
	}
}

/* The guest turns each descriptor into garbage the moment it was read. */
static void rewrite(struct ring *r, uint64_t from, size_t bytes)
{
	if (from >= RING_DESC && from < RING_DESC + RING_SIZE * sizeof(struct vring_desc))
		memset(r->mem + from, 0xff, bytes);
}

static void test_rewritten_descriptors(void **state)
{
	struct fixture *f = *state;
	char text[8];

	ring_set(&f->ring, 0, 0x8000, 4, 0, 1);
	ring_set(&f->ring, 1, 0x9000, 4, VRING_DESC_F_WRITE, -1);
	memcpy(f->ring.mem + 0x8000, "good", 4);
	f->ring.hook = rewrite;
	ring_offer(&f->ring, 0);
	assert_int_equal(virtqueue_pop(&f->q, &f->chain), 1);
	/* One read each of index, head and the two descriptors. */
	assert_int_equal(f->ring.reads, 4);
	assert_int_equal(f->chain.readable_bytes, 4);
	assert_int_equal(f->chain.writable_bytes, 4);
	assert_int_equal(virtqueue_chain_read(&f->q, &f->chain, 0, text, 4), 0);
	assert_memory_equal(text, "good", 4);
	assert_int_equal(virtqueue_chain_write(&f->q, &f->chain, 0, "fine", 4), 0);
	assert_memory_equal(f->ring.mem + 0x9000, "fine", 4);
}

static void test_interrupt_wanted(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(virtqueue_interrupt_wanted(&f->q), 1);
	ring_avail(&f->ring)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	assert_int_equal(virtqueue_interrupt_wanted(&f->q), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_enable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_longest_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loops, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_chains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_head, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_index_runs_ahead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rings_outside_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rewritten_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupt_wanted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
