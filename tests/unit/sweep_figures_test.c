/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_figures_test.c: figures out of results, and what comparisons make of them, worked out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/compare.h"

static void figure_is(const json_t *result, const char *path, double expected)
{
	double value;

	assert_true(sweep_figure_value(result, path, &value));
	assert_float_equal((float)value, (float)expected, 1e-6f);
}

static void test_paths(void **state)
{
	json_t *r = json_loads(
		"{\"host\": {\"share\": {\"saved\": 7}, \"note\": \"text\"},"
		" \"vms\": [{\"name\": \"web-0\", \"work\": 1.5, \"only\": 4, \"f\": {\"in\": 2}},"
		"           {\"name\": \"web-1\", \"work\": 2, \"f\": {\"in\": 40}},"
		"           {\"name\": \"work\", \"work\": 100, \"f\": {\"in\": 600}}],"
		" \"none\": []}",
		0, NULL);
	static const char *const absent[] = {
		"",        "host",      "host.note",  "host.share.saved.x",
		"vms",     "vms.web-0", "vms.nosuch", "none.work",
		"host..x", ".host",     "host.",      "vms.web-1.only"};
	double value;

	(void)state;
	assert_non_null(r);
	figure_is(r, "host.share.saved", 7);
	figure_is(r, "vms.web-0.work", 1.5);
	figure_is(r, "vms.f.in", 642);
	figure_is(r, "vms.only", 4);
	/* the entry of that name goes before the key of that name */
	figure_is(r, "vms.work.work", 100);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (sweep_figure_value(r, absent[i], &value))
			fail_msg("'%s' is %f", absent[i], value);
	json_decref(r);
}

/* 2 policies x 2 sizes x 6 seeds; lru's figures are 10 size + seed, arc's 5 more, or as many less, of an odd seed and 10. */
static void figures_make(struct sweep_plan *p, struct sweep_figures *f)
{
	struct error error;

	*p = (struct sweep_plan){.body = SWEEP_REPLAY, .repeats = 6};
	assert_int_equal(sweep_plan_subject(p, "t", &error), 0);
	assert_int_equal(sweep_plan_vary(p, "policy=lru,arc", &error), 0);
	assert_int_equal(sweep_plan_vary(p, "frames=10,20", &error), 0);
	assert_int_equal(sweep_plan_check(p, &error), 0);
	*f = (struct sweep_figures){
		.plan = p, .nr = 1, .figure = {{"misses", "misses"}}, .finished = p->jobs};
	f->done = calloc(p->jobs, sizeof(*f->done));
	f->value = calloc(p->jobs, sizeof(*f->value));
	for (unsigned job = 0; job < p->jobs; job++) {
		unsigned size = job % 2 ? 20 : 10, seed = job / 4 + 1;

		f->done[job] = true;
		f->value[job] = 10 * size + seed;
		if (job % 4 >= 2)
			f->value[job] += size == 10 && seed % 2 ? -5 : 5;
	}
}

/* Rows: 10 frames of both policies, then 20: each arc is compared with lru of the same size. */
static void test_rows(void **state)
{
	struct sweep_plan p;
	struct sweep_figures f;

	(void)state;
	figures_make(&p, &f);
	assert_int_equal(compare_row(&p, 0), 0);
	assert_int_equal(compare_row(&p, 1), 2);
	assert_int_equal(compare_row(&p, 2), 1);
	assert_int_equal(compare_row(&p, 3), 3);
	assert_int_equal(compare_reference(&p, 2), 0);
	assert_int_equal(compare_reference(&p, 3), 1);
	sweep_figures_free(&f);
	sweep_plan_free(&p);
}

static void test_compare(void **state)
{
	struct sweep_plan p;
	struct sweep_figures f;
	struct compare c;
	char *text = NULL;
	size_t bytes;
	FILE *out;

	(void)state;
	figures_make(&p, &f);
	/* One job is missing: its pair is, too. */
	f.value[21] = __builtin_nan("");
	assert_int_equal(compare_make(&f, &c, NULL), 0);
	assert_int_equal(c.cell[0].difference.of.nr, 0);
	assert_int_equal(c.cell[2].difference.verdict, STATISTICS_NOISE);
	assert_int_equal(c.cell[1].of.nr, 5);
	assert_int_equal(c.cell[3].of.nr, 6);
	assert_int_equal(c.cell[3].difference.of.nr, 5);
	assert_int_equal(c.cell[3].difference.verdict, STATISTICS_TOO_FEW);
	out = open_memstream(&text, &bytes);
	compare_csv(&c, out);
	fclose(out);
	/* lru at 10: 101 to 106. arc at 10: 96 107 98 109 100 111, differences -5 and 5. */
	assert_string_equal(
		text, "policy,frames,figure,n,median,low,high,level,difference_n,difference_median,"
		      "difference_low,difference_high,difference_level,verdict\n"
		      "lru,10,misses,6,103.5,101,106,0.968750,,,,,,\n"
		      "arc,10,misses,6,103.5,96,111,0.968750,6,0,-5,5,0.968750,within the noise\n"
		      "lru,20,misses,5,203,201,205,0.937500,,,,,,\n"
		      "arc,20,misses,6,208.5,206,211,0.968750,5,5,5,5,0.937500,too few repeats to "
		      "tell\n");
	free(text);
	compare_free(&c);
	sweep_figures_free(&f);
	sweep_plan_free(&p);
}

static void test_cells(void **state)
{
	static const struct {
		const char *text, *cell;
	} texts[] = {{"plain", "plain"}, {"a,b", "\"a,b\""}, {"say \"x\"", "\"say \"\"x\"\"\""}};
	static const struct {
		double value;
		const char *cell;
	} numbers[] = {{0, "0"}, {-2.5, "-2.5"}, {123456789012, "123456789012"}, {1e300, "1e+300"}};

	(void)state;
	for (size_t i = 0; i < 3 + 4; i++) {
		char *text = NULL;
		size_t bytes;
		FILE *out = open_memstream(&text, &bytes);

		if (i < 3)
			sweep_csv_text(out, texts[i].text);
		else
			sweep_csv_number(out, numbers[i - 3].value);
		fclose(out);
		assert_string_equal(text, i < 3 ? texts[i].cell : numbers[i - 3].cell);
		free(text);
	}
}

/* What gnuplot reads back as a setting's label, in the data as it stands in the script. */
static void test_plot_labels(void **state)
{
	char subject[] = "t";
	struct sweep_plan p = {.body = SWEEP_REPLAY, .repeats = 1, .subject = subject};
	double values[2] = {1, 2};
	bool done[2] = {true, true};
	struct sweep_figures f = {.plan = &p,
				  .nr = 1,
				  .figure = {{"misses", "misses"}},
				  .finished = 2,
				  .done = done,
				  .value = values};
	struct compare c;
	char *text = NULL;
	size_t bytes;
	FILE *out;

	(void)state;
	assert_int_equal(sweep_plan_key_add(&p, "w", NULL), 0);
	assert_int_equal(sweep_plan_value_add(&p, "{kind: \"zipf\"}", 0, 0, NULL), 0);
	assert_int_equal(sweep_plan_value_add(&p, "a\\b 'c'", 0, 0, NULL), 0);
	p.combinations = p.jobs = 2;
	assert_int_equal(compare_make(&f, &c, NULL), 0);
	out = open_memstream(&text, &bytes);
	assert_int_equal(compare_plot(&c, out), 0);
	fclose(out);
	assert_non_null(strstr(text, "\n1 1 1 1 \"w={kind: 'zipf'}\"\n"));
	assert_non_null(strstr(text, "\n2 2 2 2 \"w=a\\\\b 'c'\"\n"));
	free(text);
	compare_free(&c);
	p.subject = NULL;
	sweep_plan_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),       cmocka_unit_test(test_rows),
		cmocka_unit_test(test_compare),     cmocka_unit_test(test_cells),
		cmocka_unit_test(test_plot_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
