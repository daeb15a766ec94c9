/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report_files_test.c: result files and their folder, on good days and with a full disk.
 *
 * A full disk is played by the file size limit of the process: writes beyond it fail with EFBIG.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/report_dir.h"
#include "cmd/report_file.h"
#include "tests/unit/report_folder.h"
#include "tests/unit/report_support.h"

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void expect_file(const char *path, const char *content)
{
	char text[4096] = "";
	FILE *in = fopen(path, "re");

	assert_non_null(in);
	assert_true(fread(text, 1, sizeof(text) - 1, in) == strlen(content));
	fclose(in);
	assert_string_equal(text, content);
}

static void test_log_grows(void **state)
{
	struct report_log log;
	struct error error;

	(void)state;
	assert_int_equal(report_log_open(&log, ".", "a.csv", &error), 0);
	report_log_append(&log, "one\n", 4);
	expect_file("a.csv", "one\n"); /* at once, not when it is closed */
	report_log_append(&log, "two\n", 4);
	expect_file("a.csv", "one\ntwo\n");
	assert_int_equal(log.lost, 0);
	report_log_close(&log);
	assert_int_equal(report_log_open(&log, ".", "a.csv", &error), 0);
	expect_file("a.csv", "");
	report_log_close(&log);
	report_log_close(&log);
}

/* Ten bytes fit. A record that does not leaves no part behind; one that does, later, is kept. */
static void test_log_on_full_disk(void **state)
{
	struct report_log log;
	struct error error;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(report_log_open(&log, ".", "a.csv", &error), 0);
	limit_files(10);
	report_log_append(&log, "one\n", 4);
	report_log_append(&log, "too long\n", 9);
	expect_file("a.csv", "one\n");
	report_log_append(&log, "too long\n", 9);
	assert_int_equal(log.lost, 2);
	assert_int_equal(log.errnum, EFBIG);
	report_log_append(&log, "two\n", 4);
	limit_files(RLIM_INFINITY);
	expect_file("a.csv", "one\ntwo\n");
	report_log_append(&log, NULL, 5); /* no memory for the record */
	assert_int_equal(log.lost, 3);
	report_log_close(&log);
}

static void test_log_names_what_cannot_be_opened(void **state)
{
	struct report_log log;
	struct error error;

	(void)state;
	assert_int_equal(report_log_open(&log, "missing", "a.csv", &error), -ENOENT);
	assert_false(error.user);
	assert_non_null(strstr(error.text, "missing/a.csv"));
	report_log_close(&log);
}

/* The old document stays until the new one is whole. */
static void test_document(void **state)
{
	struct error error;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(report_document_write(".", "s.json", json_pack("{s:i}", "a", 1), &error),
			 0);
	expect_file("s.json", "{\n  \"a\": 1\n}\n");
	limit_files(5);
	assert_int_equal(report_document_write(".", "s.json", json_pack("{s:i}", "a", 2), &error),
			 -EFBIG);
	limit_files(RLIM_INFINITY);
	assert_non_null(strstr(error.text, "s.json"));
	expect_file("s.json", "{\n  \"a\": 1\n}\n");
	assert_int_not_equal(access("s.json.part", F_OK), 0);
	assert_int_equal(report_document_write(".", "s.json", NULL, &error), -ENOMEM);
}

static void test_asked_folder(void **state)
{
	struct report_dir dir;
	struct error error;
	struct stat st;

	(void)state;
	assert_int_equal(report_dir_make("a/b//c/", "x", 0, &dir, &error), 0);
	assert_true(dir.made);
	assert_string_equal(dir.path, "a/b//c");
	assert_int_equal(stat("a/b/c", &st), 0);
	report_dir_free(&dir);
	/* a second time: it is there, and is not taken away by a run that comes to nothing */
	assert_int_equal(report_dir_make("a/b/c", "x", 0, &dir, &error), 0);
	assert_false(dir.made);
	report_dir_undo(&dir);
	assert_int_equal(stat("a/b/c", &st), 0);
	report_dir_free(&dir);
}

static void test_folder_that_is_a_file(void **state)
{
	struct report_dir dir;
	struct error error;
	int fd = open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(report_dir_make("file", "x", 0, &dir, &error), -EINVAL);
	assert_true(error.user);
	assert_non_null(strstr(error.text, "-o 'file'"));
	assert_int_equal(report_dir_make("file/below/it", "x", 0, &dir, &error), -EINVAL);
	assert_true(error.user);
}

static void make_file(const char *dir, const char *name, const char *text)
{
	char *path = report_path(dir, name);
	FILE *f = path ? fopen(path, "we") : NULL;

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	free(path);
}

/* 86400 s after 1970 is 1970-01-02 in UTC, wherever the test runs. */
static void test_default_folder_is_new(void **state)
{
	struct report_dir first, second;
	struct error error;

	(void)state;
	assert_int_equal(report_dir_make(NULL, "quick", 86400 + 3661, &first, &error), 0);
	assert_string_equal(first.path, "results/runs/quick-19700102-010101");
	assert_int_equal(report_dir_make(NULL, "quick", 86400 + 3661, &second, &error), 0);
	assert_string_equal(second.path, "results/runs/quick-19700102-010101-2");
	make_file(first.path, "a.console.log", "x");
	make_file(second.path, "a.console.log", "");
	make_file(second.path, "b.console.log", "");
	report_dir_undo(&second);
	assert_int_not_equal(access(second.path, F_OK), 0);
	/* nothing that says anything is taken away */
	report_dir_undo(&first);
	assert_int_equal(access("results/runs/quick-19700102-010101/a.console.log", F_OK), 0);
	report_dir_free(&first);
	report_dir_free(&second);
}

/* A whole run's worth, by hand: what a reader finds at each moment. */
static void test_report_from_start_to_end(void **state)
{
	struct scenario *scenario = made_scenario();
	struct machine_snapshot *last = made_run();
	struct report_about about = {.scenario = scenario,
				     .scenario_path = "two.yaml",
				     .body = "kvm",
				     .command = json_array()};
	struct report *report;
	struct error error;
	json_t *summary, *manifest;

	(void)state;
	assert_int_equal(report_document_write(".", "summary.json", json_object(), &error), 0);
	assert_int_equal(report_open(".", &about, &report, &error), 0);
	assert_int_not_equal(access("summary.json", F_OK), 0); /* the old run's */
	manifest = json_load_file("manifest.json", 0, NULL);
	assert_true(json_is_string(json_object_get(manifest, "started")));
	assert_true(json_is_null(json_object_get(manifest, "ended")));
	json_decref(manifest);
	report_event(report, 0, "start", NULL);
	expect_file("events.jsonl", "{\"t_seconds\":0.0,\"kind\":\"start\"}\n");
	report_sample(report, last);
	assert_int_equal(report_close(report, last, REPORT_END_TIME, &summary, &error), 0);
	assert_int_equal(access("summary.json", F_OK), 0);
	assert_true(json_is_object(summary));
	json_decref(summary);
	manifest = json_load_file("manifest.json", 0, NULL);
	assert_true(json_is_string(json_object_get(manifest, "ended")));
	json_decref(manifest);
	json_decref(about.command);
	scenario_free(scenario);
	free(last);
}

/* Every loss is named; what could be written is. */
static void test_report_on_full_disk(void **state)
{
	struct scenario *scenario = made_scenario();
	struct machine_snapshot *last = made_run();
	struct report_about about = {.scenario = scenario,
				     .scenario_path = "two.yaml",
				     .body = "kvm",
				     .command = json_array()};
	struct report *report;
	struct error error;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(report_open(".", &about, &report, &error), 0);
	limit_files(100);
	report_sample(report, last); /* the sample is longer, each event's line is not too long */
	limit_files(RLIM_INFINITY);
	assert_int_equal(report_close(report, last, REPORT_END_TIME, NULL, &error), -EFBIG);
	assert_non_null(strstr(error.text, "samples.csv: 1 sample lost"));
	assert_int_equal(access("summary.json", F_OK), 0);
	/* room for nothing at the end: the manifest of the beginning stays */
	assert_int_equal(report_open(".", &about, &report, &error), 0);
	limit_files(100);
	assert_int_equal(report_close(report, last, REPORT_END_TIME, NULL, &error), -EFBIG);
	limit_files(RLIM_INFINITY);
	assert_non_null(strstr(error.text, "summary not written: ./summary.json: File too large"));
	assert_non_null(strstr(error.text, "not completed: ./manifest.json: File too large"));
	assert_int_not_equal(access("summary.json", F_OK), 0);
	assert_int_equal(access("manifest.json", F_OK), 0);
	json_decref(about.command);
	scenario_free(scenario);
	free(last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_log_grows, enter, leave),
		cmocka_unit_test_setup_teardown(test_log_on_full_disk, enter, leave),
		cmocka_unit_test_setup_teardown(test_log_names_what_cannot_be_opened, enter, leave),
		cmocka_unit_test_setup_teardown(test_document, enter, leave),
		cmocka_unit_test_setup_teardown(test_asked_folder, enter, leave),
		cmocka_unit_test_setup_teardown(test_folder_that_is_a_file, enter, leave),
		cmocka_unit_test_setup_teardown(test_default_folder_is_new, enter, leave),
		cmocka_unit_test_setup_teardown(test_report_from_start_to_end, enter, leave),
		cmocka_unit_test_setup_teardown(test_report_on_full_disk, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
