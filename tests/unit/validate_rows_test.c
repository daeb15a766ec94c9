/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate_rows_test.c: figures of several live summaries and a simulated one: medians, ranges, errors, and that every
 * figure compared is one that summaries have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/report_fields.h"
#include "cmd/validate.h"

/* Two VMs, whose work adds up. */
static json_t *summary(int paged_out, int first, int second)
{
	return json_pack("{s:{s:{s:i}}, s:[{s:i, s:i, s:{s:i}}, {s:i, s:i, s:{s:i}}]}", "host",
			 "swap", "written_pages", paged_out / 2, "vms", "paged_out_pages",
			 paged_out, "work_units", first, "faults", "zero", 7, "paged_out_pages", 0,
			 "work_units", second, "faults", "zero", 8);
}

static struct validate_row row(const char *name, json_t *const *live, unsigned nr, json_t *sim)
{
	struct validate_row r = {.name = ""};

	for (unsigned i = 0; i < validate_rows() && strcmp(r.name, name) != 0; i++)
		validate_row(i, live, nr, sim, &r);
	assert_string_equal(r.name, name);
	return r;
}

static void test_medians_and_errors(void **state)
{
	json_t *live[] = {summary(1000, 300, 100), summary(3000, 500, 500),
			  summary(1200, 200, 150)};
	json_t *sim = summary(1500, 400, 40);
	struct validate_row r = row("paged out", live, 3, sim);

	(void)state;
	assert_true(r.live == 1200 && r.least == 1000 && r.most == 3000 && r.sim == 1500);
	assert_true(r.comparable && r.error == 0.25);
	r = row("paged out", live, 2, sim); /* even: between the two */
	assert_true(r.live == 2000 && r.error == -0.25);
	r = row("work", live, 3, sim);
	assert_true(r.live == 400 && r.sim == 440);
	assert_true(r.error > 0.0999 && r.error < 0.1001);
	r = row("written to swap", live, 3, sim);
	assert_true(r.live == 600 && r.sim == 750);
	r = row("faults, zero", live, 3, sim); /* 15: next to nothing */
	assert_true(r.live == 15 && !r.comparable);
	for (unsigned i = 0; i < 3; i++)
		json_decref(live[i]);
	json_decref(sim);
}

static void test_output(void **state)
{
	json_t *live[] = {summary(1000, 1000, 1000)}, *sim = summary(1050, 1000, 1500), *all;
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	validate_print(out, live, 1, sim);
	fclose(out);
	assert_non_null(strstr(text, "+5.0 %"));
	assert_non_null(strstr(text, "+25.0 %  beyond 10 %"));
	assert_non_null(strstr(text, "2 of 3 figures within 10 % of the median of 1 live run\n"));
	free(text);
	all = validate_json(live, 1, sim);
	assert_int_equal(json_array_size(json_object_get(all, "figures")), validate_rows());
	assert_true(json_number_value(
			    json_object_get(json_array_get(json_object_get(all, "figures"), 0),
					    "relative_error")) == 0.05);
	json_decref(all);
	json_decref(live[0]);
	json_decref(sim);
}

static bool has(const struct report_field *f, const char *name)
{
	for (; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return true;
	return false;
}

static void test_figures_are_those_of_reports(void **state)
{
	json_t *one = summary(0, 0, 0);

	(void)state;
	for (unsigned i = 0; i < validate_rows(); i++) {
		struct validate_row r;

		validate_row(i, &one, 1, one, &r);
		if (strncmp(r.path, "vms.", 4) == 0)
			assert_true(has(report_vm_fields, r.path + 4));
		else
			assert_true(has(report_host_fields, r.path + strlen("host.")));
	}
	json_decref(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_medians_and_errors),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_figures_are_those_of_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
