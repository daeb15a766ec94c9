/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_samples_test.c: samples.csv has a column for every figure under the summary's name, and rows that fill theirs
 * and leave the others' empty.
 */
#include "cmd/report_fields.h"
#include "tests/unit/report_support.h"

static const char *const names[] = {"web", "db"};

/* Line and column of a CSV text without quotes, both from 0. "": empty or past the end. */
static const char *cell(const char *csv, int line, int column, char buf[64])
{
	while (line-- && csv)
		csv = strchr(csv, '\n') ? strchr(csv, '\n') + 1 : NULL;
	assert_non_null(csv);
	for (; column && *csv != '\n'; csv++)
		column -= *csv == ',';
	assert_int_equal(column, 0);
	snprintf(buf, 64, "%.*s", (int)strcspn(csv, ",\n"), csv);
	return buf;
}

static int commas(const char *line)
{
	int n = 0;

	for (; *line && *line != '\n'; line++)
		n += *line == ',';
	return n;
}

static int column_of(const char *csv, const char *name)
{
	char buf[64];

	for (int i = 0; i <= commas(csv); i++)
		if (strcmp(cell(csv, 0, i, buf), name) == 0)
			return i;
	fail_msg("no column %s", name);
	return -1;
}

static char *made_csv(void)
{
	struct machine_snapshot *s = made_run();
	struct caught c;

	caught_begin(&c);
	report_csv_header(c.out);
	report_csv_sample(c.out, s, names, 2);
	s->now_ns += 1234567890;
	report_csv_sample(c.out, s, names, 2);
	free(s);
	return caught_end(&c);
}

static void test_shape(void **state)
{
	char *csv = made_csv(), *line = csv;
	int lines = 0, width = commas(csv);

	(void)state;
	assert_memory_equal(csv, "t_seconds,vm,vmid,configured_pages,", 35);
	for (; *line; line = strchr(line, '\n') + 1, lines++)
		assert_int_equal(commas(line), width);
	/* a header, then two VMs and the host in each of two samples */
	assert_int_equal(lines, 7);
	free(csv);
}

/* Summary names of VMs and host are columns; the ones below are typed from the contract. */
static void test_values(void **state)
{
	static const struct {
		int line;
		const char *column, *value;
	} expected[] = {
		{1, "t_seconds", "10.000"},
		{1, "vm", "web"},
		{1, "configured_pages", "1000"},
		{1, "resident_pages", "550"},
		{1, "faults.zero", "990"},
		{1, "shared_pages", "0"},
		{1, "active_estimate_pages", ""},
		{1, "estimator", ""},
		{1, "refaults.estimate_pages", ""},
		{1, "boot_ms", "2.346"},
		{1, "work_per_second", "20000.500"},
		{1, "memory_pages", ""},
		{1, "exit", "running"},
		{1, "swap.used_pages", ""},
		{2, "vm", "db"},
		{2, "exit", "crashed"},
		{2, "min_pages", "100"},
		{2, "active_estimate_pages", "70"},
		{2, "estimator", "refault"},
		{2, "refaults.estimate_pages", "71"},
		{2, "boot_ms", ""},
		{3, "vm", ""},
		{3, "t_seconds", "10.000"},
		{3, "resident_pages", ""},
		{3, "memory_pages", "1000"},
		{3, "state", "soft"},
		{3, "state_seconds.high", "7.500"},
		{3, "swap.used_pages", "640"},
		{3, "kernel.guest_bytes_peak", "4014080"},
		{4, "t_seconds", "11.235"},
		{6, "t_seconds", "11.235"},
	};
	char *csv = made_csv(), buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		cell(csv, expected[i].line, column_of(csv, expected[i].column), buf);
		if (strcmp(buf, expected[i].value) != 0)
			fail_msg("line %d %s is '%s', not '%s'", expected[i].line,
				 expected[i].column, buf, expected[i].value);
	}
	free(csv);
}

/* A name is a column once: VM and host fields do not meet. */
static void test_names_are_unique(void **state)
{
	char *csv = made_csv(), a[64], b[64];

	(void)state;
	for (int i = 0; i <= commas(csv); i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(cell(csv, 0, i, a), cell(csv, 0, k, b));
	free(csv);
}

/* docs/output.md explains every name. Tests run at the top of the tree. */
static void test_documented(void **state)
{
	const struct report_field *const tables[] = {report_vm_fields, report_host_fields};
	static char text[1 << 17];
	FILE *in = fopen("docs/output.md", "re");
	char quoted[80];
	size_t n;

	(void)state;
	assert_non_null(in);
	n = fread(text, 1, sizeof(text) - 1, in);
	fclose(in);
	assert_in_range(n, 1, sizeof(text) - 2);
	for (size_t t = 0; t < 2; t++)
		for (const struct report_field *f = tables[t]; f->name; f++) {
			snprintf(quoted, sizeof(quoted), "`%s`", f->name);
			if (!strstr(text, quoted))
				fail_msg("docs/output.md does not tell about %s", quoted);
		}
}

/* VMs that are still to come have their lines, of zeros, so that all samples have the same. */
static void test_absent(void **state)
{
	static const char *const more[] = {"web", "db", "late"};
	struct machine_snapshot *s = made_run();
	struct caught c;
	char buf[64], *csv;

	(void)state;
	caught_begin(&c);
	report_csv_header(c.out);
	report_csv_sample(c.out, s, more, 3);
	free(s);
	csv = caught_end(&c);
	assert_string_equal(cell(csv, 2, 1, buf), "db");
	assert_string_equal(cell(csv, 3, 1, buf), "late");
	assert_string_equal(cell(csv, 3, 0, buf), "10.000");
	assert_string_equal(cell(csv, 3, column_of(csv, "exit"), buf), "absent");
	assert_string_equal(cell(csv, 3, column_of(csv, "configured_pages"), buf), "0");
	assert_string_equal(cell(csv, 3, column_of(csv, "used_pages"), buf), "");
	assert_string_equal(cell(csv, 4, 1, buf), "");
	free(csv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_names_are_unique),
		cmocka_unit_test(test_documented),
		cmocka_unit_test(test_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
