/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_files_test.c: the guest's file cache, case by case: what is read ahead, what is written when, what a deleted file
 * costs, who leaves. Counts are worked out by hand from fifo's order; one frame is always held back.
 */
#include "guest/core/files.h"
#include "tests/support/fake_guest.h"

static struct fake_guest *create(uint32_t frames, uint32_t pages, uint32_t slots, uint32_t blocks)
{
	struct fake_guest *f;

	assert_int_equal(fake_guest_with_files("fifo", frames, pages, slots, blocks, &f), 0);
	return f;
}

/* As read(2) of one block, with so many to follow. */
static int read_block(struct fake_guest *f, uint32_t block, uint32_t following, uint64_t *value)
{
	uint64_t *word;
	int err;

	pager_file_read(&f->guest.pager, block, following);
	err = fake_touch(f, pager_file_page(&f->guest.pager, block), false, &word);
	*value = err ? 0 : *word;
	assert_true(guest_consistent(&f->guest));
	return err;
}

static void reads(struct fake_guest *f, uint32_t block, uint32_t following, uint64_t expected)
{
	uint64_t value;

	assert_int_equal(read_block(f, block, following, &value), 0);
	assert_int_equal(value, expected);
}

static int write_block(struct fake_guest *f, uint32_t block, uint64_t value)
{
	uint64_t *word;
	int err;

	pager_file_write(&f->guest.pager, block);
	err = fake_touch(f, pager_file_page(&f->guest.pager, block), true, &word);
	if (!err)
		*word = value;
	assert_true(guest_consistent(&f->guest));
	return err;
}

static void writes(struct fake_guest *f, uint32_t block, uint64_t value)
{
	assert_int_equal(write_block(f, block, value), 0);
}

static bool is_cached(const struct fake_guest *f, uint32_t block)
{
	return pager_frame_of(&f->guest.pager, f->guest.pager.pages + block).v;
}

/* 320 frames: ten may leave at once, so eight may come at once. */
static void test_read_ahead(void **state)
{
	struct fake_guest *f = create(320, 1, 0, 100);

	(void)state;
	reads(f, 20, 11, fake_block(20));
	assert_int_equal(f->file_reads, 1);
	assert_int_equal(f->last_file_nr, 8);
	assert_int_equal(f->stats.file_read_pages, 8);
	assert_int_equal(f->stats.file_ahead_pages, 7);
	for (uint32_t i = 1; i < 12; i++)
		reads(f, 20 + i, 11 - i, fake_block(20 + i));
	assert_int_equal(f->file_reads, 2); /* 28 to 31: the file ends */
	assert_int_equal(f->last_file_nr, 4);
	assert_int_equal(f->stats.file_ahead_hits, 10);
	assert_int_equal(f->stats.file_hits, 10);
	assert_int_equal(f->stats.faults, 0);
	reads(f, 21, 0, fake_block(21));
	assert_int_equal(f->stats.file_ahead_hits, 10); /* only the first look counts */
	assert_int_equal(f->stats.file_hits, 11);
	reads(f, 17, 5, fake_block(17)); /* up to what is cached */
	assert_int_equal(f->last_file_nr, 3);
	reads(f, 97, 50, fake_block(97)); /* and to the disk's end */
	assert_int_equal(f->last_file_nr, 3);
	assert_int_equal(f->stats.file_cached_pages, 12 + 3 + 3);
	fake_guest_destroy(f);
}

/* Two leave at once: one is read ahead; a memory of which one leaves at once reads none. */
static void test_small_memory_reads_less_ahead(void **state)
{
	struct fake_guest *f = create(64, 1, 0, 100);

	(void)state;
	reads(f, 0, 50, fake_block(0));
	assert_int_equal(f->last_file_nr, 2);
	fake_guest_destroy(f);
	f = create(16, 1, 0, 100);
	reads(f, 0, 50, fake_block(0));
	assert_int_equal(f->last_file_nr, 1);
	fake_guest_destroy(f);
}

static void test_overwriting_reads_nothing(void **state)
{
	struct fake_guest *f = create(100, 1, 0, 50);

	(void)state;
	writes(f, 3, 33);
	writes(f, 3, 34);
	reads(f, 3, 0, 34);
	assert_int_equal(f->file_reads + f->file_writes, 0);
	assert_int_equal(f->stats.file_dirty_pages, 1);
	assert_int_equal(f->stats.file_hits, 2);
	fake_guest_destroy(f);
}

/* 3 frames to use. Clean blocks leave unwritten, dirty ones are written to their own place. */
static void test_who_leaves(void **state)
{
	struct fake_guest *f = create(4, 4, 0, 50);

	(void)state;
	reads(f, 7, 0, fake_block(7));
	fake_write(f, 0, 100);
	fake_write(f, 1, 101);
	reads(f, 8, 0, fake_block(8)); /* 7 leaves */
	assert_false(is_cached(f, 7));
	assert_int_equal(f->file_writes, 0);
	writes(f, 9, 99); /* 8 leaves: the others have nowhere to go */
	assert_int_equal(f->file_writes, 0);
	fake_write(f, 2, 102); /* 9 leaves: no block is left */
	assert_int_equal(f->file_writes, 1);
	assert_int_equal(f->file_disk[9], 99);
	assert_int_equal(f->guest.pager.file_cached, 0);
	assert_int_equal(f->stats.swap_out_pages, 0);
	assert_int_equal(f->stats.file_write_pages, 1);
	fake_read(f, 0, 100);
	fake_read(f, 1, 101);
	fake_read(f, 2, 102);
	assert_int_equal(write_block(f, 1, 1), -ENOMEM);
	pager_release_all(&f->guest.pager);
	reads(f, 9, 0, 99);
	fake_guest_destroy(f);
}

/* With swap, the policy decides between both kinds: the oldest leaves, whatever it is. */
static void test_one_order_for_both_kinds(void **state)
{
	struct fake_guest *f = create(4, 4, 4, 50);

	(void)state;
	fake_write(f, 0, 100);
	reads(f, 7, 0, fake_block(7));
	fake_write(f, 1, 101);
	reads(f, 8, 0, fake_block(8));
	assert_int_equal(pager_frame_of(&f->guest.pager, 0).v, 0);
	assert_int_equal(f->stats.swap_out_pages, 1);
	reads(f, 9, 0, fake_block(9));
	assert_false(is_cached(f, 7));
	assert_true(is_cached(f, 8));
	fake_read(f, 0, 100);
	assert_int_equal(f->guest.pager.slots.free, 4 - 2); /* of 0, kept, and of 1 */
	fake_guest_destroy(f);
}

/* Of 100 frames 20 may be dirty: the 22nd write finds 21. The elevator takes runs from its hand on, 16 blocks at most. */
static void test_write_back(void **state)
{
	struct fake_guest *f = create(100, 1, 0, 200);

	(void)state;
	for (uint32_t i = 0; i < 21; i++)
		writes(f, 50 + i, i);
	assert_int_equal(f->file_writes, 0);
	writes(f, 10, 1000);
	assert_int_equal(f->file_writes, 1);
	assert_int_equal(f->last_file_first, 50);
	assert_int_equal(f->last_file_nr, 16);
	assert_int_equal(f->stats.file_dirty_pages, 21 - 16 + 1);
	assert_int_equal(f->file_disk[65], 15);
	assert_int_equal(f->file_disk[66], fake_block(66));
	for (uint32_t i = 0; i < 15; i++)
		writes(f, 100 + 2 * i, i);
	assert_int_equal(f->stats.file_dirty_pages, 21);
	writes(f, 50, 7); /* on from 66, where five are; that one is dirty only now */
	assert_int_equal(f->file_writes, 2);
	assert_int_equal(f->last_file_first, 66);
	assert_int_equal(f->last_file_nr, 5);
	assert_int_equal(f->stats.file_dirty_pages, 17);
	for (uint32_t i = 0; i < 5; i++)
		writes(f, 140 + i, i);
	assert_int_equal(f->last_file_first, 100); /* a single one */
	assert_int_equal(f->last_file_nr, 1);
	assert_int_equal(f->stats.file_write_pages, 16 + 5 + 1);
	assert_int_equal(f->flushes + f->single_flushes, 0);
	reads(f, 55, 0, 5); /* still cached */
	assert_int_equal(f->file_reads, 0);
	fake_guest_destroy(f);
}

/* What was written back is dirty again after the next write, though the processor was told nothing. */
static void test_written_again_after_write_back(void **state)
{
	struct fake_guest *f = create(10, 1, 0, 40); /* 2 may be dirty */

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		writes(f, i, 100 + i);
	assert_int_equal(f->file_disk[0], 100);
	writes(f, 0, 200);
	for (uint32_t i = 10; i < 30; i++)
		writes(f, i, i); /* it leaves */
	assert_false(is_cached(f, 0));
	assert_int_equal(f->file_disk[0], 200);
	reads(f, 0, 0, 200);
	fake_guest_destroy(f);
}

static void test_deleted_files_cost_nothing(void **state)
{
	struct fake_guest *f = create(100, 1, 0, 50);

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		writes(f, i, i);
	reads(f, 10, 0, fake_block(10));
	assert_int_equal(f->stats.free_pages, 89);
	pager_file_drop(&f->guest.pager, 2, 10);
	assert_true(guest_consistent(&f->guest));
	assert_int_equal(f->stats.free_pages, 98);
	assert_int_equal(f->stats.file_dropped_dirty, 8);
	assert_int_equal(f->stats.file_cached_pages, 2);
	assert_int_equal(f->stats.file_dirty_pages, 2);
	assert_int_equal(f->file_writes, 0);
	assert_int_equal(f->flushes, 1); /* more than PAGER_STALE at once */
	writes(f, 5, 55);
	reads(f, 5, 0, 55);
	pager_file_drop(&f->guest.pager, 5, 1);
	assert_int_equal(f->single_flushes, 1);
	fake_guest_destroy(f);
}

/* Dirty blocks that leave together go in runs, in the disk's order. */
static void test_leave_in_runs(void **state)
{
	struct fake_guest *f = create(128, 200, 0, 100); /* 4 leave at once; 25 may be dirty */

	(void)state;
	writes(f, 31, 31);
	writes(f, 8, 8);
	writes(f, 30, 30);
	writes(f, 32, 32);
	for (uint32_t page = 0; page < 124; page++)
		fake_write(f, page, page);
	assert_int_equal(f->file_writes, 2);
	assert_int_equal(f->last_file_first, 30);
	assert_int_equal(f->last_file_nr, 3);
	assert_int_equal(f->file_disk[8], 8);
	assert_int_equal(f->file_disk[31], 31);
	fake_guest_destroy(f);
}

static void test_disk_errors(void **state)
{
	struct fake_guest *f = create(320, 1, 0, 300); /* 64 may be dirty */
	uint64_t value;

	(void)state;
	f->fail_file_reads = true;
	assert_int_equal(read_block(f, 0, 7, &value),
			 -EIO); /* eight, then the one that is needed */
	assert_int_equal(f->file_reads, 2);
	assert_int_equal(f->last_file_nr, 1);
	assert_int_equal(f->stats.io_errors, 2);
	assert_int_equal(f->stats.free_pages, 320);
	f->fail_file_reads = false;
	reads(f, 0, 7, fake_block(0));
	assert_int_equal(f->last_file_nr, 8);
	f->fail_file_writes = true;
	for (uint32_t i = 0; i < 100; i++)
		writes(f, 100 + i, i); /* cannot be written back, and is not lost */
	assert_int_equal(f->stats.file_dirty_pages, 100);
	assert_int_equal(f->stats.io_errors, 2 + 35);
	f->fail_file_writes = false;
	writes(f, 200, 0);
	assert_in_range(f->stats.file_dirty_pages, 64 - 16, 65);
	for (uint32_t i = 0; i < 100; i++)
		reads(f, 100 + i, 0, i);
	fake_guest_destroy(f);
}

/* All of memory is dirty blocks, and the disk refuses: the guest is told, and goes on when it works again. */
static void test_nothing_can_leave(void **state)
{
	struct fake_guest *f = create(4, 1, 0, 10);

	(void)state;
	f->fail_file_writes = true;
	for (uint32_t i = 0; i < 3; i++)
		writes(f, i, 10 + i);
	assert_int_equal(write_block(f, 3, 13), -EIO);
	f->fail_file_writes = false;
	writes(f, 3, 13);
	for (uint32_t i = 0; i < 4; i++)
		reads(f, i, 0, 10 + i);
	fake_guest_destroy(f);
}

static void test_bounds(void **state)
{
	struct fake_guest *f = create(10, 5, 0, 10);
	uint64_t *word;

	(void)state;
	assert_int_equal(fake_touch(f, 14, false, &word), 0); /* as it is, without a word before */
	assert_int_equal(*word, fake_block(9));
	assert_int_equal(fake_touch(f, 15, false, &word), -EFAULT);
	fake_guest_destroy(f);
	assert_int_equal(fake_guest_with_files("fifo", 10, 0, 0, 10, &f), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_ahead),
		cmocka_unit_test(test_small_memory_reads_less_ahead),
		cmocka_unit_test(test_overwriting_reads_nothing),
		cmocka_unit_test(test_who_leaves),
		cmocka_unit_test(test_one_order_for_both_kinds),
		cmocka_unit_test(test_write_back),
		cmocka_unit_test(test_written_again_after_write_back),
		cmocka_unit_test(test_deleted_files_cost_nothing),
		cmocka_unit_test(test_leave_in_runs),
		cmocka_unit_test(test_disk_errors),
		cmocka_unit_test(test_nothing_can_leave),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
