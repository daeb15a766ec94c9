/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm_guest_memory_test.c: bounds of guest memory, on both sides of the hole and at the ends of 64 bits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/mman.h>

#include "vmm/guest_memory.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static bool inside(npages_t pages, uint64_t at, uint64_t bytes)
{
	struct guest_layout l = guest_layout_make(pages);

	return guest_layout_contains(&l, gpa(at), bytes);
}

static void test_layout(void **state)
{
	struct guest_layout l = guest_layout_make(64 * MIB / PAGE_BYTES);

	(void)state;
	assert_true(l.low_bytes == 64 * MIB && l.high_bytes == 0);
	l = guest_layout_make(GUEST_HOLE_START / PAGE_BYTES);
	assert_true(l.low_bytes == 0xd0000000 && l.high_bytes == 0);
	l = guest_layout_make(8 * GIB / PAGE_BYTES);
	assert_true(l.low_bytes == 0xd0000000 && l.high_bytes == 8 * GIB - 0xd0000000);
}

static void test_bounds(void **state)
{
	const npages_t small = 64 * MIB / PAGE_BYTES, big = 8 * GIB / PAGE_BYTES;
	const uint64_t top = GUEST_HOLE_END + 8 * GIB - GUEST_HOLE_START;

	(void)state;
	assert_true(inside(small, 0, 64 * MIB));
	assert_true(inside(small, 64 * MIB - 1, 1));
	assert_true(inside(small, 64 * MIB, 0));
	assert_false(inside(small, 64 * MIB - 1, 2));
	assert_false(inside(small, 64 * MIB, 1));
	assert_false(inside(small, 0, 64 * MIB + 1));
	assert_false(inside(small, 1, ~0ull));
	assert_false(inside(small, ~0ull, 1));
	assert_false(inside(small, ~0ull, 2));
	assert_false(inside(small, GUEST_HOLE_END, 1));
	assert_true(inside(big, GUEST_HOLE_START - 8, 8));
	assert_false(inside(big, GUEST_HOLE_START - 8, 9));
	assert_false(inside(big, GUEST_HOLE_START, 1));
	assert_false(inside(big, GUEST_HOLE_END - 1, 1));
	assert_false(inside(big, GUEST_HOLE_END - 1, 2));
	assert_false(inside(big, 0, GUEST_HOLE_END));
	assert_true(inside(big, GUEST_HOLE_END, 8 * GIB - GUEST_HOLE_START));
	assert_true(inside(big, top - 4, 4));
	assert_false(inside(big, top - 4, 5));
	assert_false(inside(big, GUEST_HOLE_END, ~0ull));
	assert_false(inside(big, ~0ull - 4095, 4096));
}

static void test_copies(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 4, 7, 8, 64};
	uint8_t mem[3 * PAGE_BYTES], found[64];
	struct guest_ram ram = {mem, guest_layout_make(2)};
	struct guest_memory m = guest_ram_access(&ram);

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (uint64_t at = 0; at < 16; at++) {
			size_t n = sizes[s];

			for (unsigned i = 0; i < sizeof(mem); i++)
				mem[i] = (uint8_t)(i * 31 + 7);
			memset(found, 0, sizeof(found));
			assert_int_equal(guest_read(&m, gpa(at), found, n), 0);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(found[i], (uint8_t)((at + i) * 31 + 7));
			memset(found, 0xab, sizeof(found));
			assert_int_equal(guest_write(&m, gpa(at + 100), found, n), 0);
			assert_memory_equal(mem + at + 100, found, n);
			assert_int_equal(mem[at + 99], (uint8_t)((at + 99) * 31 + 7));
			assert_int_equal(mem[at + 100 + n], (uint8_t)((at + 100 + n) * 31 + 7));
		}
	/* refused whole: not even what fits */
	memset(mem, 0, sizeof(mem));
	assert_int_equal(guest_write(&m, gpa(2 * PAGE_BYTES - 32), found, 64), -EFAULT);
	assert_int_equal(mem[2 * PAGE_BYTES - 32], 0);
	assert_int_equal(guest_read(&m, gpa(2 * PAGE_BYTES), found, 1), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
