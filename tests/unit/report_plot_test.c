/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_plot_test.c: gnuplot draws a hand-made run, and the layers it draws are the ones computed by hand.
 */
#include <unistd.h>

#include "cmd/plot.h"
#include "cmd/report_fields.h"
#include "tests/unit/report_folder.h"
#include "tests/unit/report_support.h"

/*
 * Samples at 0, 1 and 3 s. web: 0, 1, 2 MiB resident and 0, 100, 500 faults (100/s, then 200/s); db: 1 MiB throughout,
 * 10 faults before the first sample and 110 more by the third (0/s, then 55/s). Shared by both: 0, 1, 1 MiB. Not in
 * memory: ballooned 3 and 0 MiB, swapped 0 and 4, at all times; saved 2.5 by the host's figure, which the guests' (2 and
 * 1) need not sum to.
 */
static void write_samples(void)
{
	static const char *const names[] = {"web", "db"};
	static const struct {
		uint64_t ns, web_pages, web_faults, db_faults;
	} at[] = {{0, 0, 0, 10}, {NS_PER_S, 256, 100, 10}, {3 * NS_PER_S, 512, 500, 120}};
	FILE *out = fopen("samples.csv", "we");

	assert_non_null(out);
	report_csv_header(out);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct machine_snapshot *s = made_snapshot(2);

		s->now_ns = at[i].ns;
		s->vm[0].resident_pages = at[i].web_pages;
		s->vm[0].faults_zero = at[i].web_faults / 2;
		s->vm[0].faults_swap_in = at[i].web_faults - at[i].web_faults / 2;
		s->vm[1].resident_pages = 256;
		s->vm[1].faults_cow = at[i].db_faults / 10;
		s->vm[1].faults_sampled = at[i].db_faults - at[i].db_faults / 10;
		s->host.pool_pages = i ? 256 : 0;
		s->host.share.saved_pages = 640;
		s->vm[0].saved_pages = 512;
		s->vm[0].ballooned_pages = 768;
		s->vm[0].swapped_pages = 0;
		s->vm[1].saved_pages = 256;
		s->vm[1].ballooned_pages = 0;
		s->vm[1].swapped_pages = 1024;
		report_csv_sample(out, s, names, 2);
		free(s);
	}
	assert_int_equal(fclose(out), 0);
}

static void need_gnuplot(void)
{
	if (system("gnuplot --version >/dev/null 2>&1") != 0)
		skip();
}

static void test_picture(void **state)
{
	struct scenario *scenario;
	struct error error = {.text = ""};
	unsigned char start[8] = "";
	FILE *in;

	(void)state;
	need_gnuplot();
	scenario = made_scenario();
	write_samples();
	if (plot_run(".", scenario, &error) != 0)
		fail_msg("%s", error.text);
	in = fopen(PLOT_PNG, "re");
	assert_non_null(in);
	assert_int_equal(fread(start, 1, sizeof(start), in), sizeof(start));
	fclose(in);
	assert_memory_equal(start, "\x89PNG\r\n\x1a\n", 8);
	scenario_free(scenario);
}

/* Rows of a sample: web's edge, db's edge, the host's on top; of what is not in memory the host's row has all. */
static void test_layers(void **state)
{
	static const char expected[] = "0 0|0 1|0 1|1 1|1 2|1 3|3 2|3 3|3 4|"
				       "0 0|0 0|0 0|1 100|1 100|1 100|3 200|3 255|3 255|"
				       "0 2.5 3 4|1 2.5 3 4|3 2.5 3 4|";
	struct scenario *scenario;
	char got[1000] = "";
	FILE *file;

	(void)state;
	need_gnuplot();
	scenario = made_scenario();
	scenario->nr_actions = 3;
	scenario->actions = calloc(3, sizeof(*scenario->actions));
	assert_non_null(scenario->actions);
	scenario->actions[0].at_ns = NS_PER_S / 2; /* marks, one a moment */
	scenario->actions[1].at_ns = scenario->actions[2].at_ns = 2 * NS_PER_S;
	write_samples();
	file = fopen("check.gp", "we");
	assert_non_null(file);
	plot_script_print(file, scenario);
	fputs("if (moments ne \"0.500 2.000\") { exit status 1 }\n"
	      "set print \"layers\"\n"
	      "do for [i = 1:|$resident|] { print sprintf(\"%g %g|\", "
	      "real(word($resident[i], 1)), real(word($resident[i], 2))) }\n"
	      "do for [i = 1:|$faults|] { print sprintf(\"%g %g|\", "
	      "real(word($faults[i], 1)), real(word($faults[i], 2))) }\n"
	      "do for [i = n + 1:|$instead|:n + 1] { print sprintf(\"%g %g %g %g|\", "
	      "real(word($instead[i], 1)), real(word($instead[i], 2)), "
	      "real(word($instead[i], 3)), real(word($instead[i], 4))) }\n",
	      file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(system("gnuplot check.gp && tr -d '\\n' <layers >line"), 0);
	file = fopen("line", "re");
	assert_non_null(file);
	assert_non_null(fgets(got, sizeof(got), file));
	fclose(file);
	assert_string_equal(got, expected);
	scenario_free(scenario);
}

/* A failure has words and a picture is not promised. */
static void test_no_samples(void **state)
{
	struct scenario *scenario;
	struct error error = {.text = ""};

	(void)state;
	need_gnuplot();
	scenario = made_scenario();
	assert_int_not_equal(plot_run(".", scenario, &error), 0);
	assert_non_null(strstr(error.text, PLOT_SCRIPT));
	assert_false(error.user);
	scenario_free(scenario);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_picture, enter, leave),
		cmocka_unit_test_setup_teardown(test_layers, enter, leave),
		cmocka_unit_test_setup_teardown(test_no_samples, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
