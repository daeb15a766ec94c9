/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_yaml_test.c: plans in files: what they mean, and that what is wrong is told with line and column.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/sweep_plan.h"

/* An absolute path, as the plan's folder is none in which there are scenarios. */
static char scenario[300];

/* $ in the text stands for the scenario's path. */
static int plan_load(const char *format, struct sweep_plan *p, char path[32], struct error *error)
{
	int fd = memfd_create("plan", MFD_CLOEXEC), err;
	const char *dollar = strchr(format, '$');
	char text[2000];

	if (dollar)
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(dollar - format), format, scenario,
			 dollar + 1);
	else
		snprintf(text, sizeof(text), "%s", format);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	*error = (struct error){.user = false};
	err = sweep_plan_read(path, p, error);
	if (!err)
		err = sweep_plan_check(p, error);
	close(fd);
	return err;
}

static void test_plan(void **state)
{
	struct sweep_plan p;
	struct error error;
	char path[32];

	(void)state;
	assert_int_equal(plan_load("scenario: $\n"
				   "body: kvm\n"
				   "repeat: 3\n"
				   "seed: 5\n"
				   "set: {seconds: 2, host.swap: {path: auto, size: 16M}}\n"
				   "vary:\n"
				   "  host.mechanisms: [[swap], [balloon, swap]]\n"
				   "  host.tax: [0%, 75%]\n"
				   "figures: [work_per_second, host.swap.read_pages]\n",
				   &p, path, &error),
			 0);
	assert_int_equal(p.body, SWEEP_KVM);
	assert_int_equal(p.repeats, 3);
	assert_int_equal(p.seed, 5);
	assert_int_equal(p.jobs, 12);
	assert_int_equal(p.nr_sets, 2);
	assert_string_equal(p.set[0].text, "seconds=2");
	assert_string_equal(p.set[1].text, "host.swap={path: auto, size: 16M}");
	assert_string_equal(p.key[0].name, "host.mechanisms");
	assert_string_equal(p.key[0].value[0].text, "[swap]");
	assert_string_equal(p.key[0].value[1].text, "[balloon, swap]");
	assert_string_equal(p.key[1].value[1].text, "75%");
	assert_int_equal(p.nr_figures, 2);
	assert_string_equal(p.figure[1], "host.swap.read_pages");
	assert_string_equal(p.subject, scenario);
	sweep_plan_free(&p);
}

/* Least of all: the defaults; and a path that is meant from the plan's folder on. */
static void test_defaults(void **state)
{
	struct sweep_plan p;
	struct error error;
	char path[32];

	(void)state;
	assert_int_equal(plan_load("scenario: $\n", &p, path, &error), 0);
	assert_int_equal(p.body, SWEEP_SIM);
	assert_int_equal(p.jobs, 1);
	assert_int_equal(p.seed, 1);
	sweep_plan_free(&p);
	assert_int_equal(
		plan_load("trace: sub/t.txt\nset: {policy: lru, frames: 5}\n", &p, path, &error),
		0);
	assert_int_equal(p.body, SWEEP_REPLAY);
	assert_string_equal(p.subject, "/proc/self/fd/sub/t.txt");
	assert_string_equal(p.name, "t");
	sweep_plan_free(&p);
}

/* The plan that the quickstart ships: 3 x 2 settings, 3 repeats. */
static void test_example(void **state)
{
	struct sweep_plan p;
	struct error error;

	(void)state;
	assert_int_equal(sweep_plan_read("experiments/quickstart/sweep.yaml", &p, &error), 0);
	assert_string_equal(p.subject, "experiments/quickstart/scenario.yaml");
	assert_int_equal(sweep_plan_check(&p, &error), 0);
	assert_int_equal(p.jobs, 18);
	sweep_plan_free(&p);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *place, *words;
	} bad[] = {
		{"vary: {a: [1]}\n", ":1:1: ", "neither scenario nor trace; allowed"},
		{"scenario: x\ntrace: y\n", ":2:8: ", "a scenario and a trace; allowed"},
		{"scenario: ''\n", ":1:11: ", "allowed: the path of a file"},
		{"scenario: $\nrepeats: 3\n", ":2:1: ", "repeats"},
		{"scenario: $\nrepeat: 0\n", ":2:9: ", "repeat '0'"},
		{"scenario: $\nrepeat: 1001\n", ":2:9: ", "repeat '1001'"},
		{"scenario: $\nbody: xen\n", ":2:7: ", "allowed: sim, kvm"},
		{"trace: t\nbody: sim\n", ":2:7: ", "body is for scenarios"},
		{"scenario: $\nvary: [a]\n", ":2:7: ", "vary is a list; allowed: a map"},
		{"scenario: $\nvary:\n  host.tax: 5%\n", ":3:13: ", "host.tax is a plain value"},
		{"scenario: $\nvary:\n  host.tax: []\n", ":3:13: ", "host.tax is empty"},
		{"scenario: $\nvary:\n  seed: [1]\n", ":3:3: ", "'seed' cannot be varied"},
		{"scenario: $\nvary:\n  host.tax: [5%, 5%]\n", ":3:18: ", "is given twice"},
		{"scenario: $\nvary:\n  a: [1]\n  a: [2]\n", ":4:3: ", "key 'a' is given twice"},
		{"scenario: $\nvary:\n  host.tax: [5%, 6%, 7]\n", ":3:22: ", "--set 'host.tax=7'"},
		{"scenario: $\nset:\n  host.policy: x\n", ":3:16: ", "policy 'x' is unknown"},
		{"scenario: $\nvary:\n  costs: [nvme, x]\n", ":3:17: ", "'costs=x': "},
		{"scenario: $\nset: {seed: 4}\n", ":2:13: ", "sets the seed"},
		{"trace: t\nset: {frames: 5}\nvary: {policy: [lru, x]}\n",
		 ":3:22: ", "'x' is unknown"},
		{"trace: t\nset: {frames: 5, colour: red}\n", ":2:26: ", "no setting of a trace"},
		{"trace: t\nset: {frames: 5, shift: 64}\nvary: {policy: [lru]}\n",
		 ":2:25: ", "--shift '64' is out of range"},
		{"trace: t\nset: {frames: 5, policy: lru}\nvary: {format: [text, txt]}\n",
		 ":3:23: ", "--format 'txt' is unknown; allowed: auto"},
		{"trace: t\nset: {guest: 5, host: 4}\nvary: {guest-io: [1ms, 2]}\n",
		 ":3:24: ", "--guest-io '2' has no unit"},
		{"trace: t\nset: {guest: 5, host: 4, policy: lru}\n", ": ",
		 "--policy is for one level"},
		{"scenario: $\nfigures: [[a]]\n", ":2:11: ", "allowed: a name or a path"},
		{"scenario: $\nvary: {host.tax: [1%\n", ":3:1: ", "YAML syntax"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sweep_plan p;
		struct error error;
		char path[32], start[64];

		if (plan_load(bad[i].text, &p, path, &error) == 0 || !error.user)
			fail_msg("taken: %s", bad[i].text);
		snprintf(start, sizeof(start), "%s%s", path, bad[i].place);
		if (strncmp(error.text, start, strlen(start)) != 0 ||
		    !strstr(error.text, bad[i].words))
			fail_msg("%s\nis told as: %s\nnot as: %s.. %s", bad[i].text, error.text,
				 start, bad[i].words);
		sweep_plan_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_refused),
	};

	if (!getcwd(scenario, sizeof(scenario) - 50))
		return 1;
	strcat(scenario, "/experiments/quickstart/scenario.yaml");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
