/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_double_test.c: what the two pagers did for nothing, in the summary, in each VM's figures and in words.
 */
#include "tests/unit/report_support.h"

static long long count(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

/* Each kind another number of pages, so that none can stand for another. */
static struct machine_snapshot *made(void)
{
	struct machine_snapshot *s = made_run();

	s->vm[0].double_paging = (struct mm_double_stats){
		.guest_out_of_swapped = 1001,
		.guest_in_of_swapped = 20,
		.overwrite_reads = 300,
		.overwrite_reads_spared = 4000,
		.swapped_while_guest_free = 50000,
		.ballooned_from_swapped = 600000,
		.zero_writebacks = 7000000,
	};
	s->vm[1].double_paging = (struct mm_double_stats){
		.guest_out_of_swapped = 2,
		.ballooned_from_swapped = 3,
	};
	return s;
}

static void summed_and_by_vm(void **state)
{
	struct machine_snapshot *s = made();
	struct scenario *scenario = made_scenario();
	struct report_about about = {.scenario = scenario, .scenario_path = "x", .body = "kvm"};
	json_t *summary = report_summary(&about, s, REPORT_END_TIME);
	json_t *all = json_object_get(summary, "double_paging");
	json_t *db = json_object_get(json_array_get(json_object_get(summary, "vms"), 1),
				     "double_paging");

	(void)state;
	assert_int_equal(json_object_size(all), 8);
	assert_int_equal(count(all, "guest_out_of_swapped"), 1003);
	assert_int_equal(count(all, "guest_in_of_swapped"), 20);
	assert_int_equal(count(all, "overwrite_reads"), 300);
	assert_int_equal(count(all, "overwrite_reads_spared"), 4000);
	assert_int_equal(count(all, "swapped_while_guest_free"), 50000);
	assert_int_equal(count(all, "ballooned_from_swapped"), 600003);
	assert_int_equal(count(all, "zero_writebacks"), 7000000);
	assert_int_equal(count(all, "identical_writebacks"), 0);
	assert_int_equal(json_object_size(db), 8);
	assert_int_equal(count(db, "guest_out_of_swapped"), 2);
	assert_int_equal(count(db, "ballooned_from_swapped"), 3);
	json_decref(summary);
	free(scenario->vms);
	free(scenario);
	free(s);
}

static void in_words(void **state)
{
	struct machine_snapshot *s = made();
	struct scenario *scenario = made_scenario();
	struct report_about about = {.scenario = scenario};
	struct caught c;
	char *text;

	(void)state;
	report_text(caught_begin(&c), &about, s, REPORT_END_TIME, "d");
	text = caught_end(&c);
	assert_non_null(strstr(
		text,
		"\ntwo pagers   1,003 times a page was brought in only because the guest paged it "
		"out\n"
		"             20 times a page was in swap and overwritten by the guest's disk\n"
		"             600,003 times a page was in swap when the guest gave it up\n"
		"             50,000 times a page was in swap when the guest said it was free\n"
		"             7,000,000 times a page was paged out as changed, and all zeros\n"
		"integrity"));
	free(text);
	memset(&s->vm[0].double_paging, 0, sizeof(s->vm[0].double_paging));
	memset(&s->vm[1].double_paging, 0, sizeof(s->vm[1].double_paging));
	s->vm[1].double_paging.identical_writebacks =
		1; /* the first line has the head, whichever */
	report_text(caught_begin(&c), &about, s, REPORT_END_TIME, "d");
	text = caught_end(&c);
	assert_non_null(strstr(text, "\ntwo pagers   1 time a page was written to swap as it was "
				     "written before\nintegrity"));
	free(text);
	s->vm[1].double_paging.identical_writebacks = 0;
	report_text(caught_begin(&c), &about, s, REPORT_END_TIME, "d");
	text = caught_end(&c);
	assert_null(strstr(text, "two pagers"));
	free(text);
	free(scenario->vms);
	free(scenario);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(summed_and_by_vm),
		cmocka_unit_test(in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
