/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * self_run_test.c: how a run in a process of its own may end, and what becomes of a signal meanwhile.
 *
 * self_run() starts this very program; with the words of a run it plays one, as the name of the scenario says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/self_run.h"

static char dir[] = "/tmp/self-run-test-XXXXXX";

static void write_summary(const char *folder, const char *text)
{
	char path[80];
	FILE *out;

	snprintf(path, sizeof(path), "%s/summary.json", folder);
	out = fopen(path, "w");
	if (!out || fputs(text, out) < 0 || fclose(out))
		_exit(99);
}

/* The signals are blocked in the child as in its parent: one that comes early waits. */
static int play_stopped(const char *folder)
{
	sigset_t set;
	int got = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	kill(getppid(), SIGTERM);
	sigwait(&set, &got);
	write_summary(folder, got == SIGTERM ? "{\"got\": \"SIGTERM\"}" : "{}");
	return COMMAND_DONE;
}

/* ballast COMMAND SCENARIO --quiet --output DIR .. */
static int play(char **argv)
{
	const char *what = argv[2], *folder = argv[5];

	if (strcmp(what, "host") == 0)
		return COMMAND_HOST;
	if (strcmp(what, "user") == 0)
		return COMMAND_USER;
	if (strcmp(what, "killed") == 0)
		return raise(SIGKILL);
	if (strcmp(what, "silent") == 0)
		return COMMAND_DONE;
	if (strcmp(what, "stopped") == 0)
		return play_stopped(folder);
	write_summary(folder, strcmp(what, "broken") == 0 ? "{" : "{\"work\": 7}");
	return strcmp(what, "guest") == 0 ? COMMAND_GUEST : COMMAND_DONE;
}

static int run(const char *what, int *status, json_t **summary, struct error *error)
{
	struct stop_signals *signals;
	struct self_run r = {.command = "run", .scenario = what, .dir = dir};
	char path[80];
	int result;

	snprintf(path, sizeof(path), "%s/summary.json", dir);
	unlink(path);
	assert_int_equal(stop_signals_begin(&signals, error), 0);
	r.signals = signals;
	*summary = NULL;
	result = self_run(&r, summary, error);
	stop_signals_end(signals);
	*status = r.status;
	return result;
}

static void test_ends(void **state)
{
	static const struct {
		const char *what;
		int result, status;
		bool user;
		const char *text;
	} ends[] = {
		{"host", -EIO, COMMAND_HOST, false, "ballast run failed"},
		{"user", -EINVAL, COMMAND_USER, true, "ballast run refused the scenario"},
		{"guest", -EIO, COMMAND_GUEST, false, "crashed or found an integrity error"},
		{"killed", -EIO, COMMAND_HOST, false, "ballast run was killed by signal 9"},
		{"silent", -EIO, COMMAND_DONE, false, "summary.json cannot be read"},
		{"broken", -EIO, COMMAND_DONE, false, "summary.json cannot be read"},
	};
	struct error error;
	json_t *summary;
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		assert_int_equal(run(ends[i].what, &status, &summary, &error), ends[i].result);
		assert_int_equal(status, ends[i].status);
		assert_int_equal(error.user, ends[i].user);
		assert_non_null(strstr(error.text, ends[i].text));
		assert_null(summary);
	}
	assert_int_equal(run("well", &status, &summary, &error), 0);
	assert_int_equal(status, COMMAND_DONE);
	assert_int_equal(json_integer_value(json_object_get(summary, "work")), 7);
	json_decref(summary);
}

/* The child sends its parent the signal that it waits for itself. */
static void test_signal_is_handed_on(void **state)
{
	struct error error;
	json_t *summary;
	char path[80];
	int status;

	(void)state;
	assert_int_equal(run("stopped", &status, &summary, &error), -ECANCELED);
	assert_int_equal(status, COMMAND_DONE);
	snprintf(path, sizeof(path), "%s/summary.json", dir);
	summary = json_load_file(path, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(summary, "got")), "SIGTERM");
	json_decref(summary);
}

static int remove_dir(void **state)
{
	char path[80];

	(void)state;
	snprintf(path, sizeof(path), "%s/summary.json", dir);
	unlink(path);
	return rmdir(dir);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_signal_is_handed_on),
	};

	if (argc > 5)
		return play(argv);
	if (!mkdtemp(dir))
		return 1;
	return cmocka_run_group_tests(tests, NULL, remove_dir);
}
