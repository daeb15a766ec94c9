/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate_rows_test.c: figures of several live summaries and a simulated one: medians, ranges, errors, and that every
 * figure compared is one that summaries have; figures that somebody chose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
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

static struct validate_row row_of(const struct validate_figures *f, const char *name,
				  json_t *const *live, unsigned nr, const json_t *sim)
{
	struct validate_row r = {.name = ""};

	for (unsigned i = 0; i < f->nr && strcmp(r.name, name) != 0; i++)
		validate_row(f, i, live, nr, sim, &r);
	assert_string_equal(r.name, name);
	return r;
}

static struct validate_row row(const char *name, json_t *const *live, unsigned nr, json_t *sim)
{
	struct validate_figures f;

	validate_figures_usual(&f, 0.1);
	return row_of(&f, name, live, nr, sim);
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
	assert_true(r.live == 2000 && r.error == -0.25 && r.verdict == VALIDATE_BEYOND);
	r = row("work", live, 3, sim);
	assert_true(r.live == 400 && r.sim == 440);
	assert_true(r.error > 0.0999 && r.error < 0.1001);
	assert_int_equal(row("work", live + 1, 1, live[1]).verdict, VALIDATE_WITHIN);
	r = row("written to swap", live, 3, sim);
	assert_true(r.live == 600 && r.sim == 750);
	r = row("faults, zero", live, 3, sim); /* 15: next to nothing */
	assert_true(r.live == 15 && !r.comparable && r.verdict == VALIDATE_SHOWN);
	for (unsigned i = 0; i < 3; i++)
		json_decref(live[i]);
	json_decref(sim);
}

/* 10 live: next to nothing. In the simulation 209, too; 210 are 200 of 200 more. */
static void test_nothing_on_one_body_only(void **state)
{
	json_t *live = summary(10, 0, 0), *less = summary(209, 0, 0), *more = summary(210, 0, 0);
	struct validate_row r = row("paged out", &live, 1, less);

	(void)state;
	assert_int_equal(r.verdict, VALIDATE_SHOWN);
	r = row("paged out", &live, 1, more);
	assert_true(r.comparable && r.error == 1.0 && r.verdict == VALIDATE_BEYOND);
	json_decref(live);
	json_decref(less);
	json_decref(more);
}

static json_t *named(int resident)
{
	return json_pack("{s:{s:{s:i}}, s:[{s:s, s:i, s:i}, {s:s, s:i, s:i}]}", "host", "swap",
			 "read_pages", 5, "vms", "name", "a", "resident_pages", resident,
			 "paged_out_pages", 0, "name", "b", "resident_pages", 1000,
			 "paged_out_pages", 4000);
}

static void test_chosen_figures(void **state)
{
	json_t *live = named(500), *sim = named(560), *all;
	char list[] = "vms.resident_pages,vms.a.resident_pages,host.swap.read_pages",
	     wrong[] = "vms.paged_out_pages,vms.c.paged", text[80 * VALIDATE_FIGURES];
	struct validate_figures f;
	struct error error;
	unsigned failed;

	(void)state;
	validate_figures_usual(&f, 0.05);
	assert_int_equal(validate_figures_choose(&f, list, &error), 0);
	assert_int_equal(validate_figures_check(&f, sim, &error), 0);
	/* 1560 for 1500: 4 %; 560 for 500: 12 %; 5 reads: nothing to judge */
	assert_int_equal(row_of(&f, "resident at the end", &live, 1, sim).verdict, VALIDATE_WITHIN);
	assert_int_equal(row_of(&f, "vms.a.resident_pages", &live, 1, sim).verdict,
			 VALIDATE_BEYOND);
	assert_int_equal(row_of(&f, "read from swap", &live, 1, sim).verdict, VALIDATE_NOTHING);
	assert_int_equal(row_of(&f, "paged out", &live, 1, sim).verdict, VALIDATE_SHOWN);
	all = validate_json(&f, &live, 1, sim, &failed);
	assert_int_equal(failed, 2);
	assert_int_equal(json_integer_value(json_object_get(all, "failed")), 2);
	json_decref(all);

	validate_figures_usual(&f, 0.05);
	assert_int_equal(validate_figures_choose(&f, wrong, &error), 0);
	assert_int_equal(validate_figures_check(&f, sim, &error), -EINVAL);
	assert_non_null(strstr(error.text, "'vms.c.paged' is no number"));
	memset(text, ',', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned i = 0; i < VALIDATE_FIGURES; i++) {
		char name[8];

		snprintf(name, sizeof(name), "f%02u", i);
		memcpy(text + 4 * i, name, 3);
	}
	text[4 * VALIDATE_FIGURES - 1] = '\0';
	validate_figures_usual(&f, 0.05);
	assert_int_equal(validate_figures_choose(&f, text, &error), -EINVAL);
	json_decref(live);
	json_decref(sim);
}

static void test_output(void **state)
{
	json_t *live[] = {summary(1000, 1000, 1000)}, *sim = summary(1050, 1000, 1500), *all;
	struct validate_figures f;
	unsigned failed;
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	validate_figures_usual(&f, 0.1);
	validate_print(out, &f, live, 1, sim, &failed);
	fclose(out);
	assert_int_equal(failed, 1);
	assert_non_null(strstr(text, "+5.0 %"));
	assert_non_null(strstr(text, "+25.0 %  beyond 10 %"));
	assert_non_null(strstr(text, "2 of 3 figures within 10 % of the median of 1 live run\n"));
	free(text);
	all = validate_json(&f, live, 1, sim, &failed);
	assert_int_equal(failed, 1);
	assert_int_equal(json_array_size(json_object_get(all, "figures")), f.nr);
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
	struct validate_figures f;

	(void)state;
	validate_figures_usual(&f, 0.1);
	assert_true(f.nr > 0);
	for (unsigned i = 0; i < f.nr; i++) {
		const char *path = f.figure[i].path;

		if (strncmp(path, "vms.", 4) == 0)
			assert_true(has(report_vm_fields, path + 4));
		else
			assert_true(has(report_host_fields, path + strlen("host.")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_medians_and_errors),
		cmocka_unit_test(test_nothing_on_one_body_only),
		cmocka_unit_test(test_chosen_figures),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_figures_are_those_of_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
