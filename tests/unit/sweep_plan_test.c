/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_plan_test.c: plans, from the command line and from files: which jobs they are, and what is refused and where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sweep_plan.h"

#define SCENARIO "experiments/quickstart/scenario.yaml"

static struct error error;

static struct sweep_plan plan_of(const char *subject, enum sweep_body body, unsigned repeats)
{
	struct sweep_plan p = {.body = body, .repeats = repeats};

	assert_int_equal(sweep_plan_subject(&p, subject, &error), 0);
	return p;
}

static void name_is(const struct sweep_plan *p, unsigned job, const char *expected)
{
	char *name = sweep_job_name(p, job);

	assert_string_equal(name, expected);
	free(name);
}

/* 2 x 3 settings and 2 seeds: the last key fastest, then the first, then the seed. */
static void test_order(void **state)
{
	static const char *const expected[12] = {
		"policy=lru,frames=10,seed=7", "policy=lru,frames=1%,seed=7",
		"policy=lru,frames=30,seed=7", "policy=arc,frames=10,seed=7",
		"policy=arc,frames=1%,seed=7", "policy=arc,frames=30,seed=7",
		"policy=lru,frames=10,seed=8", "policy=lru,frames=1%,seed=8",
		"policy=lru,frames=30,seed=8", "policy=arc,frames=10,seed=8",
		"policy=arc,frames=1%,seed=8", "policy=arc,frames=30,seed=8"};
	struct sweep_plan p = plan_of("t", SWEEP_REPLAY, 2);

	(void)state;
	p.seed_given = true;
	p.seed = 7;
	assert_int_equal(sweep_plan_vary(&p, "policy=lru,arc", &error), 0);
	assert_int_equal(sweep_plan_vary(&p, "frames=10,1%,30", &error), 0);
	assert_int_equal(sweep_plan_check(&p, &error), 0);
	assert_int_equal(p.combinations, 6);
	assert_int_equal(p.jobs, 12);
	for (unsigned i = 0; i < 12; i++)
		name_is(&p, i, expected[i]);
	sweep_plan_free(&p);
}

static void command_is(const struct sweep_plan *p, unsigned job, const char *expected)
{
	char **words = sweep_job_command(p, job, "d"), line[500] = "";

	for (char **w = words; *w; w++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s",
			 w == words ? "" : "|", *w);
	assert_string_equal(line, expected);
	sweep_words_free(words);
}

static void test_commands(void **state)
{
	struct sweep_plan p = plan_of("a/b.c.btrace", SWEEP_REPLAY, 1);
	char *name;

	(void)state;
	assert_string_equal(p.name, "b.c");
	name = sweep_path_name("plans.d/tax.1.yaml"); /* not the folder of tax.2.yaml */
	assert_string_equal(name, "tax.1");
	free(name);
	name = sweep_path_name(".yaml");
	assert_string_equal(name, ".yaml");
	free(name);
	assert_int_equal(sweep_plan_set(&p, "frames=5", &error), 0);
	assert_int_equal(sweep_plan_vary(&p, "policy=lru,arc", &error), 0);
	assert_int_equal(sweep_plan_check(&p, &error), 0);
	command_is(
		&p, 1,
		"ballast|replay|--frames=5|--policy=arc|--seed=1|--json|--jobs=1|--|a/b.c.btrace");
	sweep_plan_free(&p);

	p = plan_of(SCENARIO, SWEEP_KVM, 2);
	assert_int_equal(sweep_plan_set(&p, "seconds=5", &error), 0);
	assert_int_equal(sweep_plan_vary(&p, "host.tax=0%,50%", &error), 0);
	assert_int_equal(sweep_plan_check(&p, &error), 0);
	/* the scenario's own seed is 1 */
	command_is(&p, 3,
		   "ballast|run|--set|seconds=5|--set|host.tax=50%|--seed=2|--json|--quiet|"
		   "--output=d/jobs/host.tax=50%,seed=2|--|" SCENARIO);
	p.body = SWEEP_SIM;
	command_is(&p, 0,
		   "ballast|sim|--set|seconds=5|--set|host.tax=0%|--seed=1|--json|--quiet|"
		   "--output=d/jobs/host.tax=0%,seed=1|--|" SCENARIO);
	sweep_plan_free(&p);
}

/* Costs are an option of sim, not a key of the scenario, and nothing that KVM has. */
static void test_costs(void **state)
{
	struct sweep_plan p = plan_of(SCENARIO, SWEEP_SIM, 1);

	(void)state;
	assert_int_equal(sweep_plan_vary(&p, "costs=nvme,disk2002", &error), 0);
	assert_int_equal(sweep_plan_vary(&p, "host.tax=5%", &error), 0);
	assert_int_equal(sweep_plan_check(&p, &error), 0);
	command_is(&p, 1,
		   "ballast|sim|--costs=disk2002|--set|host.tax=5%|--seed=1|--json|--quiet|"
		   "--output=d/jobs/costs=disk2002,host.tax=5%,seed=1|--|" SCENARIO);
	p.body = SWEEP_KVM;
	assert_true(sweep_plan_check(&p, &error) < 0);
	assert_non_null(strstr(error.text, "'costs=nvme' is for the simulated body"));
	sweep_plan_free(&p);
}

/* Commas inside of something part nothing; what no file name can hold is replaced, and then names differ by a hash. */
static void test_values(void **state)
{
	struct sweep_plan p = plan_of(SCENARIO, SWEEP_SIM, 1);
	char *a, *b;

	(void)state;
	assert_int_equal(
		sweep_plan_vary(&p, "host.mechanisms=[swap],[share, swap],[share,swap]", &error),
		0);
	assert_int_equal(p.key[0].nr, 3);
	assert_string_equal(p.key[0].value[1].text, "[share, swap]");
	assert_int_equal(sweep_plan_check(&p, &error), 0);
	a = sweep_job_name(&p, 1);
	b = sweep_job_name(&p, 2);
	assert_int_equal(strncmp(a, "host.mechanisms=_share__swap_,seed=1-", 37), 0);
	assert_int_equal(strlen(a), 37 + 16);
	assert_string_not_equal(a, b);
	free(a);
	free(b);
	sweep_plan_free(&p);

	p = plan_of(SCENARIO, SWEEP_SIM, 1);
	assert_int_equal(sweep_plan_vary(&p, "a={b: 1, c: [2,3]},'x,y',\"z,[\",d", &error), 0);
	assert_int_equal(p.key[0].nr, 4);
	assert_string_equal(p.key[0].value[0].text, "{b: 1, c: [2,3]}");
	assert_string_equal(p.key[0].value[1].text, "'x,y'");
	assert_string_equal(p.key[0].value[2].text, "\"z,[\"");
	assert_string_equal(p.key[0].value[3].text, "d");
	sweep_plan_free(&p);
}

/* Settings whose names would read the same: a=1,b=2,b=3. */
static void test_names_differ(void **state)
{
	struct sweep_plan p = plan_of("t", SWEEP_REPLAY, 1);
	char *a, *b;

	(void)state;
	assert_int_equal(sweep_plan_key_add(&p, "a", &error), 0);
	assert_int_equal(sweep_plan_value_add(&p, "1,b=2", 0, 0, &error), 0);
	assert_int_equal(sweep_plan_value_add(&p, "1", 0, 0, &error), 0);
	assert_int_equal(sweep_plan_key_add(&p, "b", &error), 0);
	assert_int_equal(sweep_plan_value_add(&p, "3", 0, 0, &error), 0);
	assert_int_equal(sweep_plan_value_add(&p, "2,b=3", 0, 0, &error), 0);
	p.combinations = p.jobs = 4;
	a = sweep_job_name(&p, 0);
	b = sweep_job_name(&p, 3);
	assert_string_not_equal(a, b);
	free(a);
	free(b);
	sweep_plan_free(&p);
}

/* A name of a thousand letters: cut, with a hash, and still one a setting. */
static void test_long_names(void **state)
{
	struct sweep_plan p = plan_of("t", SWEEP_REPLAY, 1);
	char value[1004];
	char *a, *b;

	(void)state;
	memset(value, 'x', sizeof(value));
	memcpy(value, "id=", 3);
	value[1001] = '\0';
	assert_int_equal(sweep_plan_key_add(&p, "columns", &error), 0);
	assert_int_equal(sweep_plan_value_add(&p, value, 0, 0, &error), 0);
	value[1000] = 'y';
	assert_int_equal(sweep_plan_value_add(&p, value, 0, 0, &error), 0);
	p.combinations = p.jobs = 2;
	a = sweep_job_name(&p, 0);
	b = sweep_job_name(&p, 1);
	assert_in_range(strlen(a), 150, 200);
	assert_string_not_equal(a, b);
	free(a);
	free(b);
	sweep_plan_free(&p);
}

/* The checks of the command line: a set and a vary, one of them wrong. */
static void refused(const char *subject, const char *set, const char *vary, const char *words)
{
	struct sweep_plan p = plan_of(subject, SWEEP_REPLAY, 1);
	int err = 0;

	error = (struct error){.user = false};
	if (strstr(subject, ".yaml"))
		p.body = SWEEP_SIM;
	if (set)
		err = sweep_plan_set(&p, set, &error);
	if (!err && vary)
		err = sweep_plan_vary(&p, vary, &error);
	if (!err)
		err = sweep_plan_check(&p, &error);
	assert_true(err < 0 && error.user);
	if (!strstr(error.text, words))
		fail_msg("'%s' is not in: %s", words, error.text);
	sweep_plan_free(&p);
}

static void test_refused(void **state)
{
	(void)state;
	refused("t", NULL, "policy", "no '=' in 'policy'; allowed: KEY=A,B,..");
	refused("t", NULL, "policy=", "an empty value");
	refused("t", NULL, "policy=lru,,arc", "an empty value");
	refused("t", NULL, "=lru", "an empty key");
	refused("t", NULL, "seed=1,2", "'seed' cannot be varied");
	refused("t", "seed=4", NULL, "'seed=4' sets the seed");
	refused("t", "frames", NULL, "no '=' in 'frames'");
	refused("t", "frames=5", "policy=lru,lru", "policy: value 'lru' is given twice");
	refused("t", "frames=5", "policy=lru,nosuch", "--policy 'nosuch' is unknown");
	refused("t", "frames=5", "policy=all", "policy 'all' is");
	refused("t", "frames=5,6", "policy=lru", "frames '5,6' is 2 of them");
	refused("t", "frames=0", "policy=lru", "--frames");
	refused("t", "frames=5", "colour=red", "'colour' is no setting of a trace");
	refused("t", NULL, "policy=lru", "no frames for the trace");
	refused("t", "guest=5", NULL, "no host for the trace");
	refused(SCENARIO, NULL, "host.policy=esx,nosuch", "--set 'host.policy=nosuch'");
	refused(SCENARIO, NULL, "host.colour=1", "colour");
	refused(SCENARIO, "costs=nosuch", NULL, "nosuch");
	refused(SCENARIO, NULL, "costs=nvme,nosuch", "nosuch");
	refused("no/such.yaml", NULL, "host.tax=0%", "no/such.yaml: cannot be opened");
}

static void test_too_many(void **state)
{
	struct sweep_plan p = plan_of("t", SWEEP_REPLAY, 1000);

	(void)state;
	assert_int_equal(sweep_plan_set(&p, "policy=lru", &error), 0);
	assert_int_equal(sweep_plan_vary(&p, "frames=1,2,3,4,5,6,7,8,9,10", &error), 0);
	assert_int_equal(sweep_plan_check(&p, &error), 0);
	assert_int_equal(sweep_plan_value_add(&p, "11", 0, 0, &error), 0);
	assert_true(sweep_plan_check(&p, &error) < 0);
	assert_non_null(strstr(error.text, "too many jobs; allowed: 1 to 10000"));
	sweep_plan_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),      cmocka_unit_test(test_commands),
		cmocka_unit_test(test_costs),      cmocka_unit_test(test_values),
		cmocka_unit_test(test_long_names), cmocka_unit_test(test_names_differ),
		cmocka_unit_test(test_refused),    cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
