/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_text_test.c: what people read: numbers, the live line, the live table, the end of a run, the plot's script.
 */
#include "cmd/human.h"
#include "cmd/live_table.h"
#include "cmd/plot.h"
#include "tests/unit/report_support.h"

static void test_counts(void **state)
{
	(void)state;
	assert_string_equal(human_count(0).text, "0");
	assert_string_equal(human_count(999).text, "999");
	assert_string_equal(human_count(1000).text, "1.0k");
	assert_string_equal(human_count(1250).text, "1.3k");
	assert_string_equal(human_count(9949).text, "9.9k");
	assert_string_equal(human_count(9950).text, "10k");
	assert_string_equal(human_count(61234).text, "61k");
	assert_string_equal(human_count(999499).text, "999k");
	assert_string_equal(human_count(999500).text, "1.0M");
	assert_string_equal(human_count(UINT64_MAX).text, "18447P");
	assert_string_equal(human_grouped(0).text, "0");
	assert_string_equal(human_grouped(999).text, "999");
	assert_string_equal(human_grouped(1000).text, "1,000");
	assert_string_equal(human_grouped(1234567).text, "1,234,567");
	assert_string_equal(human_some(1, "guest", "guests").text, "1 guest");
	assert_string_equal(human_some(4096, "guest", "guests").text, "4,096 guests");
}

static void test_sizes_and_times(void **state)
{
	(void)state;
	assert_string_equal(human_bytes(1023).text, "1023");
	assert_string_equal(human_bytes(512 << 10).text, "512K");
	assert_string_equal(human_bytes(3 << 19).text, "1.5M");
	assert_string_equal(human_bytes((1 << 20) - 1).text, "1.0M");
	assert_string_equal(human_pages(65536).text, "256M");
	assert_string_equal(human_size(98304).text, "384 MiB");
	assert_string_equal(human_size(393216).text, "1.5 GiB");
	assert_string_equal(human_size(0).text, "0 B");
	assert_string_equal(human_mib(24576).text, "96");
	assert_string_equal(human_mib(128).text, "0.5");
	assert_string_equal(human_mib(0).text, "0");
	assert_string_equal(human_seconds(12 * NS_PER_S + 49999999).text, "12.0 s");
	assert_string_equal(human_seconds(NS_PER_S / 20).text, "0.1 s");
	assert_int_equal(human_rate(500, NS_PER_S / 2), 1000);
	assert_int_equal(human_rate(500, 0), 0);
	assert_true(human_rate(UINT64_MAX / 2, NS_PER_S) == UINT64_MAX / 2);
}

/* 240 of 256 MiB used, 80 MiB of swap; in 2 s 122,000 touches and 2,400 faults. */
static void test_live_line(void **state)
{
	struct machine_snapshot *a = made_snapshot(2), *b = made_snapshot(2);
	struct caught c;
	char *text;

	(void)state;
	a->now_ns = 10 * NS_PER_S;
	b->now_ns = 12 * NS_PER_S;
	b->host.used_pages = 61440;
	b->host.free_pages = 4096;
	b->host.swap.used_pages = 20480;
	a->vm[0].faults_swap_in = 100;
	b->vm[0].faults_swap_in = 1500;
	b->vm[1].faults_zero = 900;
	b->vm[1].faults_sampled = 100;
	b->vm[1].faults_wp = 5000; /* no page was brought in */
	made_live(a, 0)->guest.work_units = 8000;
	made_live(b, 0)->guest.work_units = 128000;
	made_live(b, 1)->guest.work_units = 2000;
	made_live(b, 1)->guest.integrity_errors = 3;
	live_line_print(caught_begin(&c), a, b);
	text = caught_end(&c);
	assert_string_equal(text, "12.0 s  high  used 240M free 16M  swap 80M  work 61k/s  "
				  "faults 1.2k/s  errors 3");
	free(text);
	/* the same without a snapshot before it: since the start; and a counter that went back */
	made_live(a, 1)->guest.work_units = 9000000;
	live_line_print(caught_begin(&c), NULL, b);
	text = caught_end(&c);
	assert_non_null(strstr(text, "work 11k/s")); /* 130,000 in 12 s */
	free(text);
	live_line_print(caught_begin(&c), a, b);
	text = caught_end(&c);
	assert_non_null(strstr(text, "work 60k/s")); /* 120,000 in 2 s; the other: 0 */
	free(text);
	free(a);
	free(b);
}

static int lines_of(const char *text, size_t *widest)
{
	int lines = 0;

	*widest = 0;
	for (; *text; lines++) {
		size_t length = strcspn(text, "\n");

		*widest = length > *widest ? length : *widest;
		text += length + 1;
	}
	return lines;
}

/* As many lines as it says and never more than the window has, at any size; what is left out is told. */
static void test_live_table_fits(void **state)
{
	struct machine_snapshot *s = made_run();
	struct scenario *scenario = made_scenario();

	(void)state;
	for (unsigned rows = 1; rows < 10; rows++)
		for (unsigned columns = 1; columns < 120; columns += 7) {
			struct caught c;
			size_t widest;
			int lines = live_table_print(caught_begin(&c), scenario, "", NULL, s, rows,
						     columns);
			char *text = caught_end(&c);

			assert_int_equal(lines, lines_of(text, &widest));
			assert_in_range(lines, 1, rows);
			assert_in_range(widest, 0, columns);
			free(text);
		}
	free(s);
	scenario_free(scenario);
}

/* Who reads lines gets one at once. */
static void test_live_note(void **state)
{
	struct scenario *scenario = made_scenario();
	struct caught c;
	struct live *live = live_begin(LIVE_LINES, caught_begin(&c), scenario);
	char *text;

	(void)state;
	assert_non_null(live);
	live_note(live, 5 * NS_PER_S, "set host.tax: 0%");
	live_end(live, false);
	text = caught_end(&c);
	assert_string_equal(text, "at 5.0 s  set host.tax: 0%\n");
	free(text);
	scenario_free(scenario);
}

static void test_live_table(void **state)
{
	struct machine_snapshot *s = made_run();
	struct scenario *scenario = made_scenario();
	struct caught c;
	char *text;

	(void)state;
	assert_int_equal(live_table_print(caught_begin(&c), scenario, "", NULL, s, 24, 200), 6);
	text = caught_end(&c);
	assert_memory_equal(text, "two  10.0 of 30.0 s  state soft  ", 33);
	assert_non_null(strstr(text, "\nweb "));
	assert_non_null(strstr(text, "crashed\n"));
	assert_non_null(strstr(text, "\ntotal "));
	assert_non_null(strstr(text, "\n\nMiB "));
	free(text);
	assert_int_equal(
		live_table_print(caught_begin(&c), scenario, "at 5.0 s  add db", NULL, s, 24, 200),
		6);
	text = caught_end(&c);
	assert_non_null(strstr(text, "\nat 5.0 s  add db\nMiB "));
	free(text);
	assert_int_equal(live_table_print(caught_begin(&c), scenario, "", NULL, s, 5, 200), 5);
	text = caught_end(&c);
	assert_null(strstr(text, "\ndb "));
	assert_non_null(strstr(text, "1 more not shown\n"));
	free(text);
	free(s);
	scenario_free(scenario);
}

/* Four guests of some hundred MiB and busy, one of each remark: nothing is cut at 80 columns. */
static void test_live_table_fits_80_columns(void **state)
{
	static const char *const remarks[] = {"crashed\n", "ERRORS\n", "held\n", "waiting\n"};
	struct machine_snapshot *s = made_snapshot(4);
	struct scenario scenario = {.nr_vms = 4, .duration_ns = 60 * NS_PER_S};
	struct caught c;
	size_t widest;
	char *text;

	(void)state;
	scenario.vms = calloc(4, sizeof(*scenario.vms));
	assert_non_null(scenario.vms);
	snprintf(scenario.name, sizeof(scenario.name), "quickstart");
	s->now_ns = 59 * NS_PER_S;
	s->host.state = MM_LOW;
	s->host.memory_pages = 256 * 256;
	s->host.used_pages = 250 * 256;
	s->host.swap.used_pages = 120 * 256;
	s->kernel.guest_bytes = 249ull << 20;
	for (unsigned i = 0; i < 4; i++) {
		struct vm_live_stats *live = made_live(s, i);

		snprintf(scenario.vms[i].name, sizeof(scenario.vms[i].name), "database");
		s->vm[i].resident_pages = (i == 2 ? 900 : 700) * 256;
		s->vm[i].target_pages = 800 * 256;
		s->vm[i].ballooned_pages = s->vm[i].swapped_pages = 100 * 256;
		s->vm[i].faults_zero = 59 * 99900;
		s->vm[i].waiting_faults = 1;
		live->guest.work_units = 59 * 9990000ull;
		live->kernel.bytes = (uint64_t)(699 + i) << 20;
		live->kernel.resident_pages = 700 * 256;
		live->balloon.deflate_on_oom = true;
		live->said.actual_pages = 100 * 256;
		live->said.touched_pages = 700 * 256;
		live->balloon.stat[VM_BALLOON_TOTAL] =
			(struct vm_balloon_stat){.known = true, .value = 1000ull << 20};
		live->balloon.stat[VM_BALLOON_FREE] =
			(struct vm_balloon_stat){.known = true, .value = 233ull << 20};
	}
	made_live(s, 0)->exit = VM_CRASHED;
	made_live(s, 1)->guest.integrity_errors = 3;
	assert_int_equal(live_table_print(caught_begin(&c), &scenario, "", NULL, s, 24, 1000), 8);
	text = caught_end(&c);
	assert_non_null(strstr(text, "untouched"));
	free(text);
	assert_int_equal(live_table_print(caught_begin(&c), &scenario, "", NULL, s, 24, 79), 8);
	text = caught_end(&c);
	lines_of(text, &widest);
	assert_in_range(widest, 70, 79);
	assert_non_null(strstr(text, "used 250M/256M  kernel 249M  swap 120M\n"));
	for (unsigned i = 0; i < 4; i++)
		if (!strstr(text, remarks[i]))
			fail_msg("no %s in\n%s", remarks[i], text);
	/* 1000 - 233 - 100 in use, by the guest's word; 900 resident; 701 by the kernel */
	if (!strstr(text, "database    667     900     701 "))
		fail_msg("three accounts:\n%s", text);
	free(text);
	free(scenario.vms);
	free(s);
}

static char *end_of(const struct machine_snapshot *s, enum report_end end)
{
	struct scenario *scenario = made_scenario();
	struct report_about about = {.scenario = scenario, .body = "kvm"};
	struct caught c;

	report_text(caught_begin(&c), &about, s, end, "results/x");
	scenario_free(scenario);
	return caught_end(&c);
}

static void expect_part(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void test_end_of_a_run(void **state)
{
	struct machine_snapshot *s = made_run();
	char *text = end_of(s, REPORT_END_TIME);

	(void)state;
	expect_part(text, "two: 10.0 s, seed 7\n");
	expect_part(text, "2 guests on a machine of 3.9 MiB: 1.60 times what is there\n");
	expect_part(text, "at most 990 of 1,000 pages");
	expect_part(text, "high 7.5 s, soft 2.5 s, hard 0.0 s, low 0.0 s\n");
	assert_null(strstr(text, "sharing"));
	expect_part(text, "981 pages: 900 written to swap, 70 unchanged since the last time, "
			  "11 all zeros\n");
	expect_part(text, "400 pages read from swap, 30 of them used ahead of need\n");
	expect_part(text, "200,005 checks, 0 errors: no byte was lost\n");
	expect_part(text,
		    "db crashed: triple fault at rip 0x100234; see results/x/db.console.log\n");
	expect_part(text, "results in results/x: summary.json");
	assert_null(strstr(text, "swap was full"));
	assert_null(strstr(text, "MORE THAN"));
	free(text);
	free(s);
}

/* 300 pages share: 100 of them zeros without a frame, the others 40 frames. 260 pages of 4 KiB are saved. */
static void test_end_with_sharing(void **state)
{
	struct machine_snapshot *s = made_run();
	struct scenario *scenario = made_scenario();
	struct report_about about = {.scenario = scenario, .body = "kvm"};
	struct caught c;
	char *text;

	(void)state;
	scenario->share = true;
	s->host.share = (struct mm_share_stats){.shared_pages = 300,
						.zero_pages = 100,
						.shared_frames = 40,
						.saved_pages = 260,
						.cow_breaks = 1700};
	report_text(caught_begin(&c), &about, s, REPORT_END_TIME, "results/x");
	text = caught_end(&c);
	expect_part(
		text,
		"sharing      300 pages shared at the end, 100 of them all zeros: 1.0 MiB saved; "
		"1,700 were copied at a write\n");
	free(text);
	scenario_free(scenario);
	free(s);
}

static void test_end_of_a_bad_run(void **state)
{
	struct machine_snapshot *s = made_run();
	char *text;

	(void)state;
	s->host.swap.full_ns = 3200 * (NS_PER_S / 1000);
	s->host.swap.errors = 1;
	s->kernel.host_swap_bytes = 8192;
	/* the reading error is 2 MiB: 512 pages on top of 1000 are within it, one more is not */
	s->kernel.guest_bytes_peak = 1512 * 4096;
	made_live(s, 0)->guest.integrity_errors = 2;
	made_live(s, 0)->guest.bad_page = 17;
	made_live(s, 1)->guest_bad = 1;
	text = end_of(s, REPORT_END_IDLE);
	expect_part(text, "10.0 s until all guests were done");
	expect_part(text, "swap was full for 3.2 s");
	expect_part(text, "swap had 1 I/O error\n");
	expect_part(text, "the host itself swapped out 8.0 KiB");
	expect_part(text, "200,005 checks, 2 errors: MEMORY WAS LOST");
	expect_part(text, "web found 2 integrity errors; the first in page 17");
	expect_part(text, "db made 1 malformed request of its devices\n");
	assert_null(strstr(text, "MORE THAN"));
	free(text);
	s->kernel.guest_bytes_peak += 4096;
	text = end_of(s, REPORT_END_IDLE);
	expect_part(text, "MORE THAN THE MACHINE HAS");
	free(text);
	free(s);
}

static void test_plot_script(void **state)
{
	struct scenario *scenario = made_scenario();
	struct caught c;
	char *text;

	(void)state;
	plot_script_print(caught_begin(&c), scenario);
	text = caught_end(&c);
	expect_part(text, "\nvms = \"web db\"\n");
	expect_part(text, "\nmemory = 1000 / 256.0\n");
	expect_part(text, "samples.csv");
	free(text);
	scenario_free(scenario);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_sizes_and_times),
		cmocka_unit_test(test_live_line),
		cmocka_unit_test(test_live_table_fits),
		cmocka_unit_test(test_live_note),
		cmocka_unit_test(test_live_table),
		cmocka_unit_test(test_live_table_fits_80_columns),
		cmocka_unit_test(test_end_of_a_run),
		cmocka_unit_test(test_end_with_sharing),
		cmocka_unit_test(test_end_of_a_bad_run),
		cmocka_unit_test(test_plot_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
