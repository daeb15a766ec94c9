/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timeline_test.c: a scenario with a timeline through `ballast run`: each action happens at its time, is told, and shows in
 * the results; one that the run itself prevents is told and ends nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cmd/commands.h"
#include "tests/support/live.h"

#define EVENTS     20000u
#define PATH_BYTES 200

/* short has ended by itself when its shares are set; late comes when short is gone and one is about to go. */
#define SCENARIO                                                                                 \
	"name: changes\n"                                                                        \
	"seconds: %u\n"                                                                          \
	"host: {memory: 32M, rebalance: 1s, sampling: {pages: 50, period: 100ms}}\n"             \
	"vms:\n"                                                                                 \
	"  - {name: one, memory: 16M, workload: {kind: zipf, pages: 2000, rate: 2000}}\n"        \
	"  - {name: short, memory: 8M, guest: {swap: 0},\n"                                      \
	"     workload: {kind: phased, phases: [{kind: idle, seconds: 0.1}]}}\n"                 \
	"timeline:\n"                                                                            \
	"  - {at: %us, set: {host.tax: 0%%, vms.one.workload.pages: 3000}}\n"                    \
	"  - {at: %us, set: {vms.short.shares: high}}\n"                                         \
	"  - {at: %us, add: {name: late, count: 2, memory: 8M, min: 4M, workload: {kind: scan, " \
	"pages: 500}}}\n"                                                                        \
	"  - {at: %us, remove: one}\n"                                                           \
	"  - {at: %us, set: {vms.late.min: 0}}\n"

struct results {
	char dir[PATH_BYTES];
	json_t *summary;
	json_t *event[EVENTS];
	unsigned nr_events;
};

/* Seconds that things take; emulated guests take longer to start. */
static unsigned unit(void)
{
	return live_nested() ? 4 : 1;
}

static void path_in(const struct results *r, const char *name, char *path, size_t bytes)
{
	snprintf(path, bytes, "%s/%s", r->dir, name);
}

static int run(struct results *r)
{
	char name[] = "run", quiet[] = "--quiet", output[] = "-o", file[PATH_BYTES + 20];
	char *argv[] = {name, file, output, r->dir, quiet, NULL};
	const char *tmp = getenv("TMPDIR");
	FILE *out;

	snprintf(r->dir, sizeof(r->dir), "%s/timeline-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	path_in(r, "scenario.yaml", file, sizeof(file));
	out = fopen(file, "we");
	assert_non_null(out);
	fprintf(out, SCENARIO, 9 * unit(), 2 * unit(), 4 * unit(), 5 * unit(), 7 * unit(),
		7 * unit());
	assert_int_equal(fclose(out), 0);
	return cmd_run(5, argv);
}

static void read_results(struct results *r)
{
	char path[PATH_BYTES + 20], *line = NULL;
	size_t room = 0;
	FILE *in;

	path_in(r, "summary.json", path, sizeof(path));
	r->summary = json_load_file(path, 0, NULL);
	assert_non_null(r->summary);
	path_in(r, "events.jsonl", path, sizeof(path));
	in = fopen(path, "re");
	assert_non_null(in);
	while (r->nr_events < EVENTS && getline(&line, &room, in) > 0) {
		r->event[r->nr_events] = json_loads(line, 0, NULL);
		assert_non_null(r->event[r->nr_events++]);
	}
	free(line);
	fclose(in);
}

static void forget(struct results *r)
{
	char command[PATH_BYTES + 20];

	snprintf(command, sizeof(command), "rm -r %s", r->dir);
	assert_int_equal(system(command), 0);
	json_decref(r->summary);
	for (unsigned i = 0; i < r->nr_events; i++)
		json_decref(r->event[i]);
	free(r);
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* The next event of that kind, of that VM if it is not NULL, from *at on; fails if there is none. */
static const json_t *next_event(const struct results *r, const char *kind, const char *vm,
				unsigned *at)
{
	for (; *at < r->nr_events; ++*at)
		if (strcmp(text(r->event[*at], "kind"), kind) == 0 &&
		    (!vm || strcmp(text(r->event[*at], "vm"), vm) == 0))
			return r->event[(*at)++];
	fail_msg("no event %s of %s", kind, vm ? vm : "the host");
	return NULL;
}

static void check_action(const struct results *r, unsigned *at, unsigned units, const char *action,
			 const char *what, const char *result)
{
	const json_t *e = next_event(r, "timeline", NULL, at);
	const double seconds = units * unit();

	assert_true(number(e, "at_seconds") == seconds);
	assert_true(number(e, "t_seconds") >= seconds);
	assert_string_equal(text(e, "action"), action);
	assert_string_equal(text(e, strcmp(action, "set") == 0 ? "key" : "vm"), what);
	assert_string_equal(text(e, "result"), result);
}

static const json_t *vm_of(const struct results *r, size_t i, const char *name, const char *ended)
{
	const json_t *vm = json_array_get(json_object_get(r->summary, "vms"), i);

	assert_string_equal(text(vm, "name"), name);
	assert_string_equal(text(vm, "exit"), ended);
	assert_true(number(vm, "integrity_errors") == 0);
	return vm;
}

static void everything_happens(void **state)
{
	struct results *r = calloc(1, sizeof(*r));
	unsigned at = 0, after = 0;
	const json_t *vm, *e;

	(void)state;
	assert_non_null(r);
	assert_int_equal(run(r), COMMAND_DONE);
	read_results(r);
	check_action(r, &at, 2, "set", "host.tax", "done");
	check_action(r, &at, 2, "set", "vms.one.workload.pages", "done");
	after = at;
	e = next_event(r, "workload", "one", &after);
	assert_true(number(e, "mail") == 1 && number(e, "refused") == 0);
	check_action(r, &at, 4, "set", "vms.short.shares", "failed");
	assert_string_equal(text(r->event[at - 1], "reason"), "the guest has ended");
	check_action(r, &at, 5, "add", "late-0", "done");
	next_event(r, "vm_added", "late-0", &at);
	check_action(r, &at, 5, "add", "late-1", "done");
	after = at;
	next_event(r, "first_step", "late-1", &after);
	check_action(r, &at, 7, "remove", "one", "done");
	after = at;
	e = next_event(r, "vm_exit", "one", &after);
	assert_string_equal(text(e, "exit"), "removed");
	check_action(r, &at, 7, "set", "vms.late-0.min", "done");
	check_action(r, &at, 7, "set", "vms.late-1.min", "done");

	assert_int_equal(json_array_size(json_object_get(r->summary, "vms")), 4);
	vm = vm_of(r, 0, "one", "removed");
	assert_true(number(vm, "resident_pages") == 0);
	/* more than the first workload has */
	if (number(json_object_get(vm, "guest"), "filled_pages") <= 2000)
		fail_msg("filled %g", number(json_object_get(vm, "guest"), "filled_pages"));
	vm_of(r, 1, "short", "halted");
	vm = vm_of(r, 2, "late-0", "running");
	assert_true(number(vm, "min_pages") == 0);
	assert_true(number(vm, "work_units") > 0);
	vm_of(r, 3, "late-1", "running");
	forget(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_happens),
	};

	live_need_kvm();
	live_need_userfaultfd();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
