/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_files_run_test.c: a guest's life as a file server: its files in a memory too small for them, beside other pages or
 * not, whole pages of real content on a disk; and that what a disk changes, or does not write, is found.
 */
#include "guest/core/files.h"
#include "tests/support/guest_life.h"

static void test_works(void **state)
{
	struct life *l =
		life_with_files("fileserver,files=60,size=20,write=600000", 600, 1, 0, 2400);

	(void)state;
	live_until(l, 3000, 1);
	assert_true(l->stats.work_units > 150000);
	assert_true(l->stats.integrity_checks > 30000);
	assert_true(l->stats.integrity_checks < l->stats.work_units);
	assert_int_equal(l->stats.integrity_errors, 0);
	assert_in_range(l->stats.filled_pages, 60 * 20 - 450,
			60 * 20 + 450); /* 5 x 11.4 x sqrt 60 */
	assert_int_equal(l->stats.faults, 0);
	assert_true(l->stats.file_read_pages > 1000 && l->stats.file_write_pages > 1000);
	assert_true(l->stats.file_dropped_dirty > 1000);
	assert_true(l->stats.file_ahead_hits > l->stats.file_ahead_pages / 2);
	assert_true(l->stats.file_dirty_pages <= 121);
	assert_int_equal(l->stats.file_cached_pages, l->guest.pager.resident);
	assert_int_equal(l->stats.free_pages + l->stats.file_cached_pages, 600);
	life_destroy(l);
}

/* With memory for all of it nothing is read, and only what is dirty beyond its share is written. */
static void test_roomy(void **state)
{
	struct life *l =
		life_with_files("fileserver,files=60,size=20,write=600000", 30000, 1, 0, 2400);

	(void)state;
	live_until(l, 1000, 1);
	assert_true(l->stats.work_units > 50000);
	assert_int_equal(l->stats.integrity_errors, 0);
	assert_int_equal(l->stats.file_read_pages + l->stats.file_write_pages, 0);
	life_destroy(l);
}

/* Phases of files and of pages that need swap; a phase's end leaves nothing cached. */
static void test_phases(void **state)
{
	struct life *l =
		life_with_files("fileserver,files=30,size=20,rate=20000,write=600000,ns=100000000+"
				"zipf,pages=900,rate=20000,write=300000,ns=100000000+"
				"fileserver,files=50,size=10,rate=20000,write=300000",
				400, 900, 600, 1200);

	(void)state;
	live_until(l, 99 * MS, 1);
	assert_int_equal(l->stats.phase, 0);
	assert_true(l->stats.file_cached_pages > 300);
	live_until(l, 150 * MS, 1);
	assert_int_equal(l->stats.phase, 1);
	assert_int_equal(l->stats.file_cached_pages, 0);
	assert_true(l->stats.swap_out_pages > 0);
	live_until(l, 400 * MS, 1);
	assert_int_equal(l->stats.phase, 2);
	assert_true(l->stats.file_cached_pages > 300);
	assert_int_equal(l->stats.integrity_errors, 0);
	life_destroy(l);
}

static void test_changed_on_disk(void **state)
{
	struct life *l = life_with_files("fileserver,files=60,size=20", 300, 1, 0, 2400);

	(void)state;
	live_until(l, 500, 1);
	assert_int_equal(l->stats.integrity_errors, 0);
	for (uint32_t block = 0; block < 2400; block++)
		l->data[block][0] ^= 1;
	live_until(l, 1000, 1);
	assert_true(l->stats.integrity_errors > 100);
	assert_int_equal(l->stats.bad_word, 0);
	assert_true(l->stats.bad_page < 2400);
	assert_int_equal(l->stats.bad_found, l->stats.bad_expected ^ 1);
	life_destroy(l);
}

/* What the disk has is an older version of the same block: the stamp tells. */
static void test_lost_writes(void **state)
{
	struct life *l =
		life_with_files("fileserver,files=60,size=20,write=600000", 300, 1, 0, 2400);

	(void)state;
	live_until(l, 500, 1);
	assert_int_equal(l->stats.integrity_errors, 0);
	l->lose_writes = true;
	live_until(l, 1500, 1);
	assert_true(l->stats.integrity_errors > 100);
	life_destroy(l);
}

static void mail(struct life *l, uint64_t number, const char *text)
{
	guest_mail_put(&l->box, number, text, strlen(text));
}

/* A workload that comes by mail has the disk that is there, and no more. */
static void test_mail(void **state)
{
	struct life *l = life_with_files("idle", 300, 1, 0, 400);

	(void)state;
	live_until(l, 1, 1);
	mail(l, 1, "fileserver,files=11,size=20");
	live_until(l, 2 * NS_PER_S, 1);
	assert_int_equal(l->stats.mail_taken, 1);
	assert_int_equal(l->stats.mail_refused, 1);
	mail(l, 2, "fileserver,files=10,size=20,write=600000,rate=10000");
	live_until(l, 4 * NS_PER_S, 1);
	assert_int_equal(l->stats.mail_refused, 1);
	assert_true(l->stats.work_units > 9000);
	mail(l, 3, "fileserver,files=10,size=20,rate=10000");
	live_until(l, 5 * NS_PER_S, 1);
	assert_int_equal(l->stats.mail_taken, 3);
	mail(l, 4, "fileserver,files=40,size=5,write=600000,rate=10000");
	live_until(l, 6 * NS_PER_S, 1);
	assert_int_equal(l->stats.mail_refused, 1);
	assert_int_equal(l->stats.integrity_errors, 0);
	life_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_works),       cmocka_unit_test(test_roomy),
		cmocka_unit_test(test_phases),      cmocka_unit_test(test_changed_on_disk),
		cmocka_unit_test(test_lost_writes), cmocka_unit_test(test_mail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
