/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_options_test.c: `ballast run`'s command line, wrong ones above all, and what a guest is told.
 *
 * No machine is made: every run here ends before it, in exit 2 or 1, and must leave nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ballast/rng.h"
#include "cmd/commands.h"
#include "cmd/run_options.h"

/* The program has the lab guest here. */
extern const char lab_image_start[], lab_image_end[];
const char lab_image_start[1], lab_image_end[1];

static const char scenario_text[] =
	"name: tiny\n"
	"seconds: 5\n"
	"host: {memory: 64M, policy: proportional, mechanisms: [swap]}\n"
	"vms:\n"
	"  - {name: web, memory: 16M, count: 2,\n"
	"     workload: {kind: toucher, pages: 100, rate: 50}}\n";

/* In an empty folder with tiny.yaml. */
static int enter(void **state)
{
	char name[] = "/tmp/run-test-XXXXXX";
	FILE *out;

	if (!mkdtemp(name) || chdir(name) != 0)
		return -1;
	*state = strdup(name);
	out = fopen("tiny.yaml", "we");
	if (!out)
		return -1;
	fputs(scenario_text, out);
	return fclose(out);
}

static int leave(void **state)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	free(*state);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

#define WORDS_MAX_TEST 12

static int split(const char *line, char *copy, char **argv)
{
	int argc = 0;

	strcpy(copy, line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return argc;
}

/* The exit status of cmd_run and what it said. */
static int run(const char *line, char said[1000])
{
	char copy[300], *argv[WORDS_MAX_TEST];
	int argc = split(line, copy, argv), kept = dup(STDERR_FILENO), status;
	int fd = open("said", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n;

	assert_true(fd >= 0 && kept >= 0);
	dup2(fd, STDERR_FILENO);
	status = cmd_run(argc, argv);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	n = pread(fd, said, 999, 0);
	assert_true(n >= 0);
	said[n] = '\0';
	close(fd);
	return status;
}

static void test_wrong_input(void **state)
{
	static const struct {
		const char *line, *said;
	} wrong[] = {
		{"run", "SCENARIO.yaml"},
		{"run tiny.yaml more", "'more'"},
		{"run missing.yaml", "missing.yaml"},
		{"run tiny.yaml --bogus", "'--bogus'"},
		{"run tiny.yaml --seconds 0", "--seconds '0'"},
		{"run tiny.yaml --seconds 5m", "--seconds '5m'"},
		{"run tiny.yaml --seed -1", "--seed '-1'"},
		{"run tiny.yaml --seed", "--seed"},
		{"run tiny.yaml --set host.memory=0", "host.memory"},
		{"run tiny.yaml --set nothing=1", "nothing"},
		{"run tiny.yaml --set host.policy=best", "best"},
		{"run tiny.yaml --set host.swap.size=31M", "web-1 does not fit"},
		{"run tiny.yaml --set host.swap.size=31M", "32 MiB of swap"},
		{"run tiny.yaml --set vms.0.memory=40M --set vms.0.min=31M", "(min 62, overhead "},
		{"run tiny.yaml --trace-page web-2:1", "web-0 to web-1"},
		{"run tiny.yaml --trace-page 1:1 --trace-page 1:4096", "web-1:0 to web-1:4095"},
		{"run tiny.yaml -o tiny.yaml", "-o 'tiny.yaml'"},
		{"run tiny.yaml -o tiny.yaml/x", "-o 'tiny.yaml/x'"},
	};
	char said[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(run(wrong[i].line, said), COMMAND_USER);
		assert_memory_equal(said, "ballast: ", 9);
		if (!strstr(said, wrong[i].said))
			fail_msg("'%s' says nothing of %s: %s", wrong[i].line, wrong[i].said, said);
	}
	assert_int_not_equal(access("results", F_OK), 0);
}

/* A folder below a file system that makes none is the host's affair. */
static void test_folder_the_host_refuses(void **state)
{
	char said[1000];

	(void)state;
	assert_int_equal(run("run tiny.yaml -o /proc/ballast", said), COMMAND_HOST);
	assert_non_null(strstr(said, "/proc/ballast"));
}

static void test_options(void **state)
{
	char copy[300], *argv[WORDS_MAX_TEST];
	int argc = split("run -q --seconds 0.5 --set vms.0.memory=32M -oDIR tiny.yaml --seed=9 "
			 "--json --plot",
			 copy, argv);
	struct run_options o;
	struct scenario *s;
	struct error error;

	(void)state;
	assert_int_equal(run_options_read(argc, argv, &o, &error), 0);
	assert_true(o.quiet && o.json && o.plot);
	assert_string_equal(o.dir, "DIR");
	assert_string_equal(o.scenario_path, "tiny.yaml");
	assert_int_equal(run_options_load(&o, &s, &error), 0);
	assert_true(s->duration_ns == NS_PER_S / 2);
	assert_true(s->seed == 9);
	assert_int_equal(s->vms[0].memory_pages, 32 << 8);
	scenario_free(s);
}

/* Without options the file decides; with both, --seconds and --seed win over --set. */
static void test_what_wins(void **state)
{
	static const struct {
		const char *line;
		uint64_t duration_ns, seed;
	} cases[] = {
		{"run tiny.yaml", 5 * NS_PER_S, 1},
		{"run tiny.yaml --set seconds=7 --set seed=3", 7 * NS_PER_S, 3},
		{"run --seed 0 --seconds 2 tiny.yaml --set seconds=7 --set seed=3", 2 * NS_PER_S,
		 0},
	};
	char copy[300], *argv[WORDS_MAX_TEST];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int argc = split(cases[i].line, copy, argv);
		struct run_options o;
		struct scenario *s;
		struct error error;

		assert_int_equal(run_options_read(argc, argv, &o, &error), 0);
		assert_int_equal(run_options_load(&o, &s, &error), 0);
		assert_true(s->duration_ns == cases[i].duration_ns);
		assert_true(s->seed == cases[i].seed);
		scenario_free(s);
	}
}

/* Two copies of a guest differ in number and seed only; a buffer that is too small is refused, not cut. */
static void test_guest_command_line(void **state)
{
	char copy[300], *argv[WORDS_MAX_TEST], line[2][300], expected[300];
	int argc = split("run tiny.yaml --seed 5", copy, argv);
	struct run_options o;
	struct scenario *s;
	struct error error;

	(void)state;
	assert_int_equal(run_options_read(argc, argv, &o, &error), 0);
	assert_int_equal(run_options_load(&o, &s, &error), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(run_guest_cmdline(s, i, line[i], sizeof(line[i])), 0);
		snprintf(expected, sizeof(expected),
			 "lab.seed=%llu lab.vm=%u lab.pager=clock lab.balloon=650000 "
			 "lab.workload=toucher,pages=100,rate=50",
			 (unsigned long long)rng_mix(rng_mix(5) + i), i);
		assert_string_equal(line[i], expected);
	}
	assert_int_equal(run_guest_cmdline(s, 0, line[1], strlen(line[0])), -ENOSPC);
	scenario_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_wrong_input, enter, leave),
		cmocka_unit_test_setup_teardown(test_folder_the_host_refuses, enter, leave),
		cmocka_unit_test_setup_teardown(test_options, enter, leave),
		cmocka_unit_test_setup_teardown(test_what_wins, enter, leave),
		cmocka_unit_test_setup_teardown(test_guest_command_line, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
