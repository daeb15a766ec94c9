/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_pages_test.c: one page at a time: what mapping, withdrawing and discarding do to it, as the kernel sees it.
 *
 * Nobody serves faults here, so no absent page is touched: /proc/self/pagemap tells whether a page is present and
 * whether it is write-protected. Both ways of withdrawing are tested where the kernel has both. Needs userfaultfd.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "ballast/guest_abi.h"
#include "mm/mm.h"
#include "tests/support/live.h"
#include "vmm/memory.h"

#define PAGES 16u

static struct memory memory_of(enum machine_evict evict)
{
	struct memory mem;

	if (evict == MACHINE_EVICT_MOVE)
		live_need_move();
	live_ok(memory_create(&mem, 2, evict, 0, live_error()));
	assert_int_equal(mem.move, evict == MACHINE_EVICT_MOVE);
	live_ok(memory_add_vm(&mem, 0, PAGES, live_error()));
	return mem;
}

#define PRESENT   (1ull << 63)
#define PROTECTED (1ull << 57)

/* PRESENT and PROTECTED of the page at p. */
static uint64_t kernel_says(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &entry, sizeof entry, (off_t)((uintptr_t)p / PAGE_BYTES * 8)),
			 8);
	close(fd);
	return entry & (PRESENT | PROTECTED);
}

static uint64_t says(const struct memory *mem, uint64_t g)
{
	return kernel_says(memory_page(mem, 0, gfn(g)));
}

static stage_t first_stage(void)
{
	return stage(mm_read_stages());
}

static void map(struct memory *mem, uint64_t g, uint8_t fill, bool protect)
{
	uint8_t page[PAGE_BYTES];

	memset(page, fill, sizeof page);
	assert_int_equal(memory_map(mem, 0, gfn(g), page, protect), 0);
}

static bool is_filled(const uint8_t *page, uint8_t fill)
{
	return page[0] == fill && memcmp(page, page + 1, PAGE_BYTES - 1) == 0;
}

static void mapping(void **state)
{
	struct memory mem = memory_of(MACHINE_EVICT_COPY);

	(void)state;
	assert_int_equal(says(&mem, 3), 0);
	map(&mem, 3, 33, false);
	assert_int_equal(says(&mem, 3), PRESENT);
	assert_true(is_filled(memory_page(&mem, 0, gfn(3)), 33));
	map(&mem, 4, 44, true);
	assert_int_equal(says(&mem, 4), PRESENT | PROTECTED);
	assert_int_equal(uffd_protect(&mem.uffd, memory_page(&mem, 0, gfn(4)), false), 0);
	assert_int_equal(says(&mem, 4), PRESENT);
	memory_page(&mem, 0, gfn(4))[7] = 1; /* no event: nobody would serve it */
	assert_int_equal(memory_map(&mem, 0, gfn(5), NULL, false), 0);
	assert_true(is_filled(memory_page(&mem, 0, gfn(5)), 0));
	assert_int_equal(memory_map(&mem, 0, gfn(3), NULL, false), -EEXIST);
	assert_true(is_filled(memory_page(&mem, 0, gfn(3)), 33));
	assert_int_equal(memory_discard(&mem, 0, gfn(3), 1), 0);
	assert_int_equal(says(&mem, 3), 0);
	map(&mem, 3, 34, false);
	memory_discard_all(&mem, 0);
	for (uint64_t g = 0; g < PAGES; g++)
		assert_int_equal(says(&mem, g), 0);
	memory_destroy(&mem);
}

/* The content goes to the stage, exactly; neither a page's protection nor its absence is left over. */
static void withdrawing(void **state)
{
	struct memory mem = memory_of(*(enum machine_evict *)*state);
	const stage_t a = first_stage(), b = stage(a.v + 1);

	map(&mem, 3, 33, false);
	map(&mem, 4, 44, true);
	assert_int_equal(memory_withdraw(&mem, 0, gfn(3), a), 0);
	assert_int_equal(memory_withdraw(&mem, 0, gfn(4), b), 0);
	assert_int_equal(says(&mem, 3), 0);
	assert_int_equal(says(&mem, 4), 0);
	assert_true(is_filled(memory_stage(&mem, a), 33));
	assert_true(is_filled(memory_stage(&mem, b), 44));
	/* back again, one as a copy that may be written, one protected */
	assert_int_equal(memory_map(&mem, 0, gfn(4), memory_stage(&mem, b), false), 0);
	assert_int_equal(memory_map(&mem, 0, gfn(3), memory_stage(&mem, a), true), 0);
	assert_int_equal(says(&mem, 4), PRESENT);
	assert_int_equal(says(&mem, 3), PRESENT | PROTECTED);
	assert_true(is_filled(memory_page(&mem, 0, gfn(4)), 44));
	assert_int_equal(kernel_says(memory_stage(&mem, a)), PRESENT);
	memory_stage_drop(&mem, a, 2);
	assert_int_equal(kernel_says(memory_stage(&mem, a)), 0);
	assert_int_equal(kernel_says(memory_stage(&mem, b)), 0);
	assert_int_equal(memory_withdraw(&mem, 0, gfn(4), a), 0); /* empty again */
	memory_destroy(&mem);
}

/* It fails: nothing is changed, above all no protection lost, or writes to a clean page would go unseen. */
static void a_withdrawal_that_fails(void **state)
{
	struct memory mem = memory_of(*(enum machine_evict *)*state);
	const stage_t s = first_stage();

	map(&mem, 3, 33, false);
	map(&mem, 4, 44, true);
	map(&mem, 5, 55, false);
	assert_int_equal(memory_withdraw(&mem, 0, gfn(3), s), 0);
	assert_int_equal(memory_withdraw(&mem, 0, gfn(4), s), -EEXIST); /* the stage is not empty */
	assert_int_equal(says(&mem, 4), PRESENT | PROTECTED);
	assert_true(is_filled(memory_page(&mem, 0, gfn(4)), 44));
	assert_true(is_filled(memory_stage(&mem, s), 33));
	assert_int_equal(memory_withdraw(&mem, 0, gfn(5), s), -EEXIST);
	assert_true(says(&mem, 5) & PRESENT); /* protected at most: a needless event */
	assert_true(is_filled(memory_page(&mem, 0, gfn(5)), 55));
	memory_destroy(&mem);
}

/* Reading stages always hold their frames, whatever is dropped. */
static void reading_stages_stay(void **state)
{
	struct memory mem = memory_of(MACHINE_EVICT_COPY);

	(void)state;
	memset(memory_stage(&mem, stage(5)), 5, PAGE_BYTES);
	memory_stage_drop(&mem, stage(5), 1);
	for (uint32_t s = 0; s < mm_read_stages(); s++)
		assert_int_equal(kernel_says(memory_stage(&mem, stage(s))), PRESENT);
	assert_int_equal(kernel_says(memory_stage(&mem, first_stage())), 0);
	memory_destroy(&mem);
}

static void zeros_are_recognised(void **state)
{
	struct memory mem = memory_of(MACHINE_EVICT_COPY);
	uint8_t *page = memory_stage(&mem, stage(0));

	(void)state;
	assert_true(memory_stage_is_zero(&mem, stage(0)));
	for (unsigned i = 0; i < PAGE_BYTES; i++) {
		page[i] = 1;
		assert_false(memory_stage_is_zero(&mem, stage(0)));
		page[i] = 0;
	}
	memset(page, 1, PAGE_BYTES); /* all the same, but not zero */
	assert_false(memory_stage_is_zero(&mem, stage(0)));
	memory_destroy(&mem);
}

/* Addresses to pages: of which VM, the hole below 4 GiB included; nobody's outside. */
static void addresses(void **state)
{
	struct memory mem = memory_of(MACHINE_EVICT_COPY);
	const npages_t pages = bytes_to_pages(GUEST_HOLE_START) + 10;
	uint8_t *start;
	uint32_t vm;
	gfn_t g;

	(void)state;
	live_ok(memory_add_vm(&mem, 1, pages, live_error()));
	start = mem.range[1].start;
	assert_int_equal(mem.range[1].bytes, GUEST_HOLE_END + 10 * PAGE_BYTES);
	assert_true(memory_find(&mem, (uintptr_t)start + 3 * PAGE_BYTES, &vm, &g));
	assert_int_equal(vm, 1);
	assert_int_equal(g.v, 3);
	assert_true(memory_find(&mem, (uintptr_t)start + GUEST_HOLE_END + 9 * PAGE_BYTES, &vm, &g));
	assert_int_equal(g.v, GUEST_HOLE_END / PAGE_BYTES + 9);
	assert_int_equal(memory_map(&mem, 1, g, NULL, false), 0);
	assert_int_equal(memory_map(&mem, 1, gfn(GUEST_HOLE_END / PAGE_BYTES - 1), NULL, false),
			 -ENOENT); /* in the hole: not registered */
	assert_true(
		memory_find(&mem, (uintptr_t)mem.range[0].start + PAGES * PAGE_BYTES - 1, &vm, &g));
	assert_int_equal(vm, 0);
	assert_int_equal(g.v, PAGES - 1);
	assert_false(memory_find(&mem, (uintptr_t)mem.stage, &vm, &g));
	assert_false(memory_find(&mem, 0, &vm, &g));
	assert_int_not_equal(memory_add_vm(&mem, 2, 1, live_error()), 0); /* made for two */
	memory_destroy(&mem);
}

int main(void)
{
	static enum machine_evict move = MACHINE_EVICT_MOVE, copy = MACHINE_EVICT_COPY;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapping),
		cmocka_unit_test_prestate(withdrawing, &move),
		cmocka_unit_test_prestate(withdrawing, &copy),
		cmocka_unit_test_prestate(a_withdrawal_that_fails, &move),
		cmocka_unit_test_prestate(a_withdrawal_that_fails, &copy),
		cmocka_unit_test(reading_stages_stay),
		cmocka_unit_test(zeros_are_recognised),
		cmocka_unit_test(addresses),
	};

	live_need_userfaultfd();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
