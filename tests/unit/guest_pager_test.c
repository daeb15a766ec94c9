/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_pager_test.c: the guest's pager, case by case: who leaves, what is written, what is kept, what happens when
 * nothing fits any more. Counts are worked out by hand from fifo's order; one frame is always held back.
 */
#include "tests/support/fake_guest.h"

static void resident_are(const struct fake_guest *f, uint32_t a, uint32_t b, uint32_t c)
{
	assert_int_equal(f->guest.pager.resident, 3);
	assert_true(pager_frame_of(&f->guest.pager, a).v && pager_frame_of(&f->guest.pager, b).v &&
		    pager_frame_of(&f->guest.pager, c).v);
}

static void test_first_touches(void **state)
{
	struct fake_guest *f;

	(void)state;
	assert_int_equal(fake_guest_create("fifo", 4, 8, 8, &f), 0);
	assert_int_equal(f->stats.free_pages, 4);
	fake_read(f, 5, 0xf00d0000 + 16); /* the lowest frame, content as it was */
	fake_write(f, 0, 1);
	assert_int_equal(pager_frame_of(&f->guest.pager, 0).v, 17);
	assert_int_equal(pager_frame_of(&f->guest.pager, 1).v, 0);
	assert_int_equal(f->stats.faults, 2);
	assert_int_equal(f->stats.free_pages, 2);
	assert_int_equal(f->writes + f->reads, 0);
	assert_int_equal(f->guest.pager.pte[0] & 0xfff,
			 PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY);
	assert_int_equal(f->guest.pager.pte[5] & PTE_DIRTY, 0);
	fake_guest_destroy(f);
}

static void test_clean_pages_keep_their_slot(void **state)
{
	struct fake_guest *f;

	(void)state;
	assert_int_equal(fake_guest_create("fifo", 4, 8, 8, &f), 0);
	for (uint32_t page = 0; page < 4; page++)
		fake_write(f, page, 100 + page);
	resident_are(f, 1, 2, 3); /* 0 went to slot 0 */
	assert_int_equal(f->stats.swap_out_pages, 1);
	fake_read(f, 0, 100); /* 1 leaves */
	fake_read(f, 1, 101); /* 2 leaves */
	fake_read(f, 2, 102); /* 3 leaves */
	resident_are(f, 0, 1, 2);
	assert_int_equal(f->guest.pager.kept, 3);
	assert_int_equal(f->stats.swap_out_pages, 4);
	fake_read(f, 3, 103); /* 0 leaves, clean: not written */
	fake_read(f, 0, 100); /* so does 1 */
	assert_int_equal(f->stats.swap_out_pages, 4);
	assert_int_equal(f->stats.swap_in_pages, 5);
	fake_write(f, 2, 202); /* its slot is stale now */
	fake_read(f, 1, 101);  /* 2 leaves, written again */
	assert_int_equal(f->stats.swap_out_pages, 5);
	fake_read(f, 2, 202);
	assert_int_equal(f->stats.faults, 4 + 3 + 2 + 1 + 1);
	fake_guest_destroy(f);
}

static void test_clock_spares_touched_pages(void **state)
{
	struct fake_guest *f;

	(void)state;
	assert_int_equal(fake_guest_create("clock", 4, 8, 8, &f), 0);
	for (uint32_t page = 0; page < 4; page++)
		fake_write(f, page, page); /* all were touched: the hand comes round to 0 */
	resident_are(f, 1, 2, 3);
	fake_read(f, 1, 1); /* through a new translation: its bit is set again */
	fake_write(f, 4, 4);
	resident_are(f, 1, 3, 4); /* the hand spared 1 and took 2 */
	fake_guest_destroy(f);
}

static void test_pages_leave_together(void **state)
{
	struct fake_guest *f;

	(void)state;
	assert_int_equal(fake_guest_create("fifo", 512, 600, 600, &f), 0);
	for (uint32_t page = 0; page < 511; page++)
		fake_write(f, page, page);
	assert_int_equal(f->writes, 0);
	fake_write(f, 511, 511); /* 512 / 32 pages leave in one request, and one flush */
	assert_int_equal(f->writes, 1);
	assert_int_equal(f->last_write_nr, 16);
	assert_int_equal(f->last_write_first.v, 0);
	assert_int_equal(f->stats.free_pages, 16);
	assert_int_equal(f->flushes, 1);
	assert_int_equal(f->single_flushes, 0);
	for (uint32_t page = 0; page < 512; page++)
		fake_read(f, page, page);
	fake_guest_destroy(f);
}

static void test_few_translations_are_flushed_singly(void **state)
{
	struct fake_guest *f;

	(void)state;
	assert_int_equal(fake_guest_create("fifo", 128, 200, 200, &f), 0); /* 4 leave at once */
	for (uint32_t page = 0; page < 128; page++)
		fake_write(f, page, page);
	assert_int_equal(f->single_flushes, 4);
	assert_int_equal(f->flushes, 0);
	fake_guest_destroy(f);
}

static void test_without_swap(void **state)
{
	struct fake_guest *f;
	uint64_t *word;

	(void)state;
	assert_int_equal(fake_guest_create("clock", 4, 8, 0, &f), 0);
	for (uint32_t page = 0; page < 3; page++)
		fake_write(f, page, page);
	assert_int_equal(fake_touch(f, 3, true, &word), -ENOMEM);
	assert_true(guest_consistent(&f->guest));
	for (uint32_t page = 0; page < 3; page++)
		fake_read(f, page, page);
	fake_guest_destroy(f);
}

/* 3 pages in memory, 2 in swap, and not one more; all five stay usable, by exchange through the frame held back. */
static void test_everything_full(void **state)
{
	struct fake_guest *f;
	uint64_t *word;

	(void)state;
	assert_int_equal(fake_guest_create("fifo", 4, 8, 2, &f), 0);
	for (uint32_t page = 0; page < 5; page++)
		fake_write(f, page, 10 + page);
	assert_int_equal(fake_touch(f, 5, true, &word), -ENOMEM);
	assert_true(guest_consistent(&f->guest));
	for (uint32_t turn = 0; turn < 3; turn++)
		for (uint32_t page = 0; page < 5; page++)
			fake_read(f, page, 10 + page);
	assert_int_equal(f->guest.pager.swapped, 2);
	assert_int_equal(f->guest.pager.slots.free, 0);
	assert_int_equal(f->stats.free_pages, 1);
	assert_int_equal(fake_touch(f, 6, false, &word), -ENOMEM);
	pager_release_all(&f->guest.pager);
	assert_true(guest_consistent(&f->guest));
	fake_write(f, 6, 1);
	fake_guest_destroy(f);
}

/* Slots kept by clean pages are taken back when there are no others. */
static void test_slots_are_taken_back(void **state)
{
	struct fake_guest *f;

	(void)state;
	assert_int_equal(fake_guest_create("fifo", 4, 8, 3, &f), 0);
	for (uint32_t page = 0; page < 4; page++)
		fake_write(f, page, page);
	fake_read(f, 0, 0); /* 1 leaves; 0 keeps slot 0 */
	fake_read(f, 1, 1); /* 2 leaves; 1 keeps slot 1; slots: 0, 1 kept, 2 used */
	assert_int_equal(f->guest.pager.slots.free, 0);
	assert_int_equal(f->guest.pager.kept, 2);
	fake_write(f, 4, 4); /* 3 leaves, with a slot of 0 or 1 */
	assert_int_equal(f->guest.pager.kept, 1);
	fake_write(f, 5, 5); /* 0 leaves; its own slot or the other's */
	assert_int_equal(f->guest.pager.swapped, 3);
	for (uint32_t page = 0; page < 6; page++)
		fake_read(f, page, page);
	fake_guest_destroy(f);
}

static void test_disk_errors(void **state)
{
	struct fake_guest *f;
	uint64_t *word;

	(void)state;
	assert_int_equal(fake_guest_create("fifo", 4, 8, 8, &f), 0);
	for (uint32_t page = 0; page < 4; page++)
		fake_write(f, page, page);
	f->fail_writes = true;
	assert_int_equal(fake_touch(f, 4, true, &word), -EIO);
	assert_true(guest_consistent(&f->guest));
	assert_int_equal(f->stats.io_errors, 1);
	f->fail_writes = false;
	fake_write(f, 4, 4);
	f->fail_reads = true;
	assert_int_equal(fake_touch(f, 0, false, &word), -EIO);
	assert_true(guest_consistent(&f->guest));
	assert_int_equal(f->stats.io_errors, 2);
	f->fail_reads = false;
	for (uint32_t page = 0; page < 5; page++)
		fake_read(f, page, page); /* nothing was lost */
	fake_guest_destroy(f);
}

/* With clean pages to drop, a disk that refuses writes does not stop the guest. */
static void test_clean_pages_leave_without_a_disk(void **state)
{
	struct fake_guest *f;

	(void)state;
	assert_int_equal(fake_guest_create("fifo", 4, 8, 8, &f), 0);
	for (uint32_t page = 0; page < 6; page++)
		fake_write(f, page, page);
	for (uint32_t page = 0; page < 3; page++)
		fake_read(f, page, page);
	f->fail_writes = true;
	for (uint32_t page = 3; page < 6; page++)
		fake_read(f, page, page);
	assert_int_equal(f->stats.io_errors, 0);
	fake_guest_destroy(f);
}

static void test_release(void **state)
{
	struct fake_guest *f;

	(void)state;
	assert_int_equal(fake_guest_create("lru", 16, 40, 40, &f), 0);
	for (uint32_t page = 0; page < 40; page++)
		fake_write(f, page, page);
	for (uint32_t page = 0; page < 20; page++)
		fake_read(f, page, page);
	pager_release_all(&f->guest.pager);
	assert_true(guest_consistent(&f->guest));
	assert_int_equal(f->stats.free_pages, 16);
	assert_int_equal(f->guest.pager.slots.free, 40);
	for (uint32_t page = 0; page < 40; page++)
		fake_write(f, page, 1000 + page);
	for (uint32_t page = 0; page < 40; page++)
		fake_read(f, page, 1000 + page);
	fake_guest_destroy(f);
}

/* Frames can be taken for good, as a balloon will: pages leave for them, and come back into what remains. */
static void test_pinned_frames(void **state)
{
	struct fake_guest *f;
	gfn_t taken[3];

	(void)state;
	assert_int_equal(fake_guest_create("fifo", 6, 8, 8, &f), 0);
	for (uint32_t page = 0; page < 5; page++)
		fake_write(f, page, page);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(pager_frame_get(&f->guest.pager, FRAME_PINNED, i, 0, &taken[i]),
				 0);
		assert_true(guest_consistent(&f->guest));
		assert_int_equal(frames_kind(&f->guest.frames, taken[i]), FRAME_PINNED);
		assert_int_equal(frames_owner(&f->guest.frames, taken[i]), i);
	}
	assert_int_equal(f->guest.pager.resident, 2);
	for (uint32_t page = 0; page < 5; page++)
		fake_read(f, page, page);
	assert_int_equal(f->guest.pager.resident, 2);
	frames_free(&f->guest.frames, taken[0]);
	f->stats.free_pages = f->guest.frames.free_pages;
	fake_write(f, 6, 6);
	assert_int_equal(f->guest.pager.resident, 3);
	fake_guest_destroy(f);
}

static void test_bad_calls(void **state)
{
	struct fake_guest *f;
	uint64_t *word;

	(void)state;
	assert_int_equal(fake_guest_create("fifo", 1, 8, 8, &f), -EINVAL); /* all held back */
	assert_int_equal(fake_guest_create("fifo", 4, 0, 8, &f), -EINVAL);
	assert_int_equal(fake_guest_create("fifo", 2, 8, 8, &f), 0);
	assert_int_equal(fake_touch(f, 8, false, &word), -EFAULT);
	assert_int_equal(f->stats.faults, 0);
	for (uint32_t page = 0; page < 8; page++)
		fake_write(f, page, page);
	for (uint32_t page = 0; page < 8; page++)
		fake_read(f, page, page); /* one page at a time, but it works */
	/* A fault on a page that is there: a stale translation; it is dropped. */
	f->single_flushes = 0;
	assert_int_equal(pager_fault(&f->guest.pager, 7, true, 0), 0);
	assert_int_equal(f->single_flushes, 1);
	fake_guest_destroy(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_touches),
		cmocka_unit_test(test_clean_pages_keep_their_slot),
		cmocka_unit_test(test_clock_spares_touched_pages),
		cmocka_unit_test(test_pages_leave_together),
		cmocka_unit_test(test_few_translations_are_flushed_singly),
		cmocka_unit_test(test_without_swap),
		cmocka_unit_test(test_everything_full),
		cmocka_unit_test(test_slots_are_taken_back),
		cmocka_unit_test(test_disk_errors),
		cmocka_unit_test(test_clean_pages_leave_without_a_disk),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_pinned_frames),
		cmocka_unit_test(test_bad_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
