/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_mail_test.c: the mailbox, and a guest that gets another workload while one runs: pages stay if they are the same,
 * else they are freed and those of the new one filled; what makes no sense, or needs more room, changes nothing.
 */
#include "tests/support/guest_life.h"

#define TEN 10u /* touches of a period of 10 ms at 1000 a second */

static void send(struct life *l, const char *text)
{
	guest_mail_put(&l->box, l->box.end + 1, text, strlen(text));
}

static void test_box(void **state)
{
	struct guest_mail box = {.begin = 0};
	char text[GUEST_MAIL_BYTES];
	uint64_t seen = 0;
	size_t bytes;

	(void)state;
	assert_false(guest_mail_take(&box, &seen, text, &bytes));
	guest_mail_put(&box, 1, "idle", 4);
	assert_true(guest_mail_take(&box, &seen, text, &bytes));
	assert_int_equal(seen, 1);
	assert_int_equal(bytes, 4);
	assert_memory_equal(text, "idle", 4);
	assert_false(guest_mail_take(&box, &seen, text, &bytes));
	guest_mail_put(&box, 2, "first", 5);
	guest_mail_put(&box, 3, "second", 6); /* only the latest counts */
	assert_true(guest_mail_take(&box, &seen, text, &bytes));
	assert_int_equal(seen, 3);
	assert_memory_equal(text, "second", 6);
	box.begin = 4; /* being written */
	assert_false(guest_mail_take(&box, &seen, text, &bytes));
	box.end = 4;
	box.bytes = UINT64_MAX; /* a lie of its writer's is cut */
	assert_true(guest_mail_take(&box, &seen, text, &bytes));
	assert_int_equal(bytes, GUEST_MAIL_BYTES);
	box.begin = 6; /* the next one began before the last was copied */
	box.end = 5;
	assert_false(guest_mail_take(&box, &seen, text, &bytes));
	assert_int_equal(seen, 4);
}

static void test_another_workload(void **state)
{
	struct life *l = life_create("toucher,pages=100,rate=1000,write=1000000", 200, 150, 0);
	uint64_t work;

	(void)state;
	live_until(l, NS_PER_S, 1);
	assert_int_equal(l->stats.mail_taken, 0);
	work = l->stats.work_units;
	assert_int_equal(l->guest.pager.resident, 100);
	send(l, "scan,pages=150,rate=1000,write=500000");
	live_until(l, 2 * NS_PER_S, 1);
	assert_int_equal(l->stats.mail_taken, 1);
	assert_int_equal(l->stats.filled_pages, 100 + 150);
	assert_int_equal(l->guest.pager.resident, 150);
	assert_in_range(l->stats.work_units - work, 980, 1000);
	send(l, "idle");
	live_until(l, 3 * NS_PER_S, 1);
	assert_int_equal(l->stats.mail_taken, 2);
	assert_int_equal(l->guest.pager.resident, 0);
	send(l, "toucher,pages=50,rate=1000"); /* an idle one hears of it, a second later */
	live_until(l, 5 * NS_PER_S, 1);
	assert_int_equal(l->stats.mail_taken, 3);
	assert_int_equal(l->stats.filled_pages, 100 + 150 + 50);
	assert_int_equal(l->stats.integrity_errors, 0);
	assert_int_equal(l->stats.mail_refused, 0);
	assert_int_equal(l->nr_events, 5); /* the first step, and filled four times */
	life_destroy(l);
}

/* A private page of an earlier workload is none of a later one, though number and version are the same. */
static void test_pages_of_another_are_not_taken_for_its_own(void **state)
{
	struct life *l = life_create("toucher,pages=10,rate=1000", 20, 10, 0);
	uint64_t before[2];
	gfn_t frame;

	(void)state;
	live_until(l, MS, 1);
	frame = pager_frame_of(&l->guest.pager, 3);
	before[0] = l->memory[frame.v][0];
	send(l, "scan,pages=10,rate=1000");
	live_until(l, 12 * MS, 1);
	frame = pager_frame_of(&l->guest.pager, 3);
	before[1] = l->memory[frame.v][0];
	assert_int_not_equal(before[0], before[1]);
	l->memory[frame.v][0] = before[0]; /* as if it had not been filled */
	live_until(l, 100 * MS, 1);
	assert_true(l->stats.integrity_errors > 0);
	assert_int_equal(l->stats.bad_page, 3);
	assert_int_equal(l->stats.bad_found, before[0]);
	life_destroy(l);
}

/* Rate, share of writes: nothing is filled again, versions go on. */
static void test_same_pages_stay(void **state)
{
	struct life *l = life_create("toucher,pages=10,rate=1000", 20, 10, 0);
	uint64_t work;

	(void)state;
	live_until(l, NS_PER_S, 1);
	work = l->stats.work_units;
	send(l, "toucher,pages=10,rate=100,write=1000000");
	live_until(l, 2 * NS_PER_S, 1);
	assert_int_equal(l->stats.mail_taken, 1);
	assert_int_equal(l->stats.filled_pages, 10);
	assert_in_range(l->stats.work_units - work, 98, 100 + TEN);
	assert_in_range(content_mark_version(l->guest.marks[0]), 9, 11); /* each was written */
	assert_int_equal(l->stats.integrity_errors, 0);
	assert_int_equal(l->nr_events, 2);
	life_destroy(l);
}

/* While it fills: filling goes on from where it was, and the work has the new rate. */
static void test_same_pages_while_filling(void **state)
{
	struct life *l = life_create("toucher,pages=100,rate=1000", 200, 100, 0);
	uint64_t wake;

	(void)state;
	assert_int_equal(run_slice(&l->run, 0, &wake), RUN_GOES_ON);
	assert_int_equal(l->stats.filled_pages, 63);
	send(l, "toucher,pages=100,rate=500");
	assert_int_equal(run_slice(&l->run, 0, &wake), RUN_GOES_ON);
	assert_int_equal(l->stats.filled_pages, 100);
	live_until(l, NS_PER_S + MS, 1);
	assert_in_range(l->stats.work_units, 495, 500);
	life_destroy(l);
}

/* All of it on page 0 with alpha 4, nearly; the pages keep their ranks, so the hottest is the same. */
static void test_alpha(void **state)
{
	struct life *l =
		life_create("zipf,pages=50,rate=1000,write=1000000,alpha=4000000", 60, 50, 0);
	uint32_t hot = 0, before, version = 0;

	(void)state;
	live_until(l, NS_PER_S, 1);
	for (uint32_t i = 0; i < 50; i++)
		if (content_mark_version(l->guest.marks[i]) > version) {
			hot = i;
			version = content_mark_version(l->guest.marks[i]);
		}
	assert_true(version > 850); /* 1 / zeta(4) = 92 % */
	send(l, "zipf,pages=50,rate=1000,write=1000000,alpha=0");
	live_until(l, 2 * NS_PER_S, 1);
	assert_true(content_mark_version(l->guest.marks[hot]) - version < 100); /* 2 % */
	before = content_mark_version(l->guest.marks[hot]);
	send(l, "zipf,pages=50,rate=1000,write=1000000,alpha=4000000");
	live_until(l, 3 * NS_PER_S, 1);
	assert_true(content_mark_version(l->guest.marks[hot]) - before > 850);
	assert_int_equal(l->stats.filled_pages, 50);
	assert_int_equal(l->stats.integrity_errors, 0);
	life_destroy(l);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"", "sprint", "toucher,pages=11", "toucher,pages=10,x=1",
					  "idle,ns=5+toucher,pages=11"};
	struct life *l = life_create("toucher,pages=10,rate=1000", 20, 10, 0);

	(void)state;
	live_until(l, NS_PER_S / 2, 1);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		send(l, bad[i]);
		live_until(l, l->now + 20 * MS, 1);
		assert_int_equal(l->stats.mail_taken, i + 1);
		assert_int_equal(l->stats.mail_refused, i + 1);
	}
	live_until(l, NS_PER_S, 1);
	assert_int_equal(l->stats.filled_pages, 10);
	assert_in_range(l->stats.work_units, 980, 1000);
	life_destroy(l);
}

/* Other times are another schedule. */
static void test_other_times(void **state)
{
	struct life *l = life_create("toucher,pages=10,rate=1000,ns=9000000000+idle", 40, 20, 0);

	(void)state;
	live_until(l, NS_PER_S, 1);
	send(l, "toucher,pages=10,rate=1000,ns=100000000+idle");
	live_until(l, 2 * NS_PER_S, 1);
	assert_int_equal(l->stats.filled_pages, 20);
	assert_int_equal(l->stats.phase, 1);
	life_destroy(l);
}

/* The schedule that is sent begins when it is read, whatever phase the old one was in. */
static void test_phases(void **state)
{
	struct life *l = life_create("toucher,pages=10,rate=1000,ns=500000000+idle", 40, 20, 0);

	(void)state;
	live_until(l, NS_PER_S, 1);
	assert_int_equal(l->stats.phase, 1);
	send(l, "toucher,pages=20,rate=1000,ns=500000000+scan,pages=5,rate=1000,ns=500000000");
	live_until(l, l->now + NS_PER_S / 10, 1);
	assert_int_equal(l->stats.phase, 0);
	assert_int_equal(l->guest.pager.resident, 20);
	assert_int_equal(live_until(l, 10 * NS_PER_S, 1), RUN_OVER);
	assert_int_equal(l->stats.filled_pages, 10 + 20 + 5);
	assert_in_range(l->now, 2 * NS_PER_S - 20 * MS, 3 * NS_PER_S);
	life_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_box),
		cmocka_unit_test(test_another_workload),
		cmocka_unit_test(test_pages_of_another_are_not_taken_for_its_own),
		cmocka_unit_test(test_same_pages_stay),
		cmocka_unit_test(test_same_pages_while_filling),
		cmocka_unit_test(test_alpha),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_other_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
