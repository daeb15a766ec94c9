/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_run_test.c: jobs are run once, whatever happens in between, and one that fails costs only itself.
 *
 * A shell script stands for the program. It notes each call in a log and answers with misses that are 100 frames + seed,
 * and 1000 more for arc. Files in the test's folder make it stop in the middle of arc's second repeat, where the test
 * kills the sweep, or fail there. No time is waited for: the script tells through a fifo that it got there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/sweep.h"

static const char script[] =
	"#!/bin/sh\n"
	"for w; do case $w in --seed=*) seed=${w#*=} ;; --policy=*) policy=${w#*=} ;; "
	"--frames=*) frames=${w#*=} ;; esac; done\n"
	"here=${0%/*}\n"
	"echo $policy $frames $seed >>$here/log\n"
	"if [ $policy$frames$seed = arc52 ]; then\n"
	"	[ ! -e $here/halt ] || { echo there >$here/fifo; kill -STOP $$; }\n"
	"	[ ! -e $here/fail ] || { echo first >&2; echo the reason >&2; exit 3; }\n"
	"	[ ! -e $here/half ] || { echo '{\"misses\":'; exit 0; }\n"
	"	[ ! -e $here/stopped ] || { echo '{\"misses\": 1, \"ended\": \"stopped\"}'; exit "
	"0; }\n"
	"fi\n"
	"more=0; [ $policy = lru ] || more=1000\n"
	"echo \"{\\\"misses\\\": $((100 * frames + seed + more))}\"\n";

/* What the merged file must be: worked out from the script's rule. */
static const char expected[] = "job,policy,frames,seed,misses\n"
			       "\"policy=lru,frames=4,seed=1\",lru,4,1,401\n"
			       "\"policy=lru,frames=5,seed=1\",lru,5,1,501\n"
			       "\"policy=arc,frames=4,seed=1\",arc,4,1,1401\n"
			       "\"policy=arc,frames=5,seed=1\",arc,5,1,1501\n"
			       "\"policy=lru,frames=4,seed=2\",lru,4,2,402\n"
			       "\"policy=lru,frames=5,seed=2\",lru,5,2,502\n"
			       "\"policy=arc,frames=4,seed=2\",arc,4,2,1402\n"
			       "\"policy=arc,frames=5,seed=2\",arc,5,2,1502\n"
			       "\"policy=lru,frames=4,seed=3\",lru,4,3,403\n"
			       "\"policy=lru,frames=5,seed=3\",lru,5,3,503\n"
			       "\"policy=arc,frames=4,seed=3\",arc,4,3,1403\n"
			       "\"policy=arc,frames=5,seed=3\",arc,5,3,1503\n";

static struct world {
	char dir[100], program[120], results[120];
	struct sweep_plan plan;
	struct error error;
} w;

static char *path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", w.dir, name);
	return path;
}

static void file_write(const char *name, const char *text, mode_t mode)
{
	FILE *out = fopen(path_of(name), "w");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path_of(name), mode), 0);
}

static char *file_read(const char *name)
{
	char *text = calloc(1, 10000);
	FILE *in = fopen(path_of(name), "r");

	assert_non_null(text);
	if (in) {
		assert_true(fread(text, 1, 9999, in) < 9999);
		fclose(in);
	}
	return text;
}

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(w.dir, sizeof(w.dir), "%s/sweep-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(w.dir));
	snprintf(w.program, sizeof(w.program), "%s/program", w.dir);
	snprintf(w.results, sizeof(w.results), "%s/results", w.dir);
	file_write("program", script, 0755);
	file_write("trace", "1 2 3\n", 0644);
	assert_int_equal(mkdir(w.results, 0755), 0);
	w.plan = (struct sweep_plan){.body = SWEEP_REPLAY, .repeats = 3};
	assert_int_equal(sweep_plan_subject(&w.plan, path_of("trace"), &w.error), 0);
	assert_int_equal(sweep_plan_vary(&w.plan, "policy=lru,arc", &w.error), 0);
	assert_int_equal(sweep_plan_vary(&w.plan, "frames=4,5", &w.error), 0);
	assert_int_equal(sweep_plan_check(&w.plan, &w.error), 0);
}

static void teardown(void)
{
	char command[150];

	sweep_plan_free(&w.plan);
	snprintf(command, sizeof(command), "rm -rf '%s'", w.dir);
	assert_int_equal(system(command), 0);
}

/* parts 0: the whole. */
static int sweep_part(unsigned at_once, unsigned part, unsigned parts, unsigned *finished,
		      int *status)
{
	const struct sweep_how how = {.program = w.program,
				      .at_once = at_once,
				      .is_part = parts != 0,
				      .part = part,
				      .parts = parts ? parts : 1,
				      .quiet = true};
	struct sweep_figures figures;
	int err;

	w.error = (struct error){.user = false};
	err = sweep_do(&w.plan, w.results, &how, &figures, status, &w.error);
	*finished = err ? 0 : figures.finished;
	if (!err)
		sweep_figures_free(&figures);
	return err;
}

static void sweep(unsigned at_once, unsigned finished, int status)
{
	unsigned found;
	int with;

	assert_int_equal(sweep_part(at_once, 0, 0, &found, &with), 0);
	assert_int_equal(found, finished);
	assert_int_equal(with, status);
}

static unsigned lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void log_has(unsigned runs)
{
	char *log = file_read("log");

	assert_int_equal(lines(log), runs);
	free(log);
}

static void merged_is(const char *text)
{
	char *csv = file_read("results/results.csv");

	assert_string_equal(csv, text);
	free(csv);
}

/* All at once or one by one: the same bytes; the second time nothing runs. */
static void test_runs_once(void **state)
{
	(void)state;
	setup();
	sweep(5, 12, 0);
	merged_is(expected);
	log_has(12);
	sweep(1, 12, 0);
	merged_is(expected);
	log_has(12);
	teardown();
}

/* Parts do what is theirs and merge nothing: 12 jobs in 5 parts, the second has jobs 1, 6 and 11. */
static void test_parts(void **state)
{
	unsigned finished;
	char *log;
	int status;

	(void)state;
	setup();
	assert_int_equal(sweep_part(1, 1, 5, &finished, &status), 0);
	assert_int_equal(finished, 0);
	log = file_read("log");
	assert_string_equal(log, "lru 5 1\narc 4 2\narc 5 3\n");
	free(log);
	assert_int_not_equal(access(path_of("results/results.csv"), F_OK), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(sweep_part(2, i, 5, &finished, &status), 0);
	log_has(12);
	sweep(1, 12, 0);
	log_has(12);
	merged_is(expected);
	teardown();
}

/* Starts the sweep in a process of its own, one job at a time, and returns when job 7 of 0.. stands still in the middle. */
static pid_t sweep_halted(void)
{
	char there[10] = "";
	unsigned finished;
	int status, fd;
	pid_t pid;

	file_write("halt", "", 0644);
	assert_int_equal(mkfifo(path_of("fifo"), 0644), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int err = sweep_part(1, 0, 0, &finished, &status);

		file_write("words", w.error.text, 0644);
		_exit(err == -ECANCELED ? status : 0);
	}
	fd = open(path_of("fifo"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, there, sizeof(there)), 6);
	close(fd);
	log_has(8);
	assert_int_equal(unlink(path_of("halt")), 0);
	return pid;
}

/* kill -9 in the middle of the eighth job: seven are kept, and the five others run, in the end all as if nothing was. */
static void test_killed(void **state)
{
	pid_t pid;
	int status;
	char *log;

	(void)state;
	setup();
	pid = sweep_halted();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	sweep(2, 12, 0);
	merged_is(expected);
	/* 8 calls before, 5 after: only the one that was cut short is there twice. */
	log_has(13);
	log = file_read("log");
	assert_non_null(strstr(strstr(log, "arc 5 2\n") + 1, "arc 5 2\n"));
	free(log);
	teardown();
}

/* A signal ends the job and the sweep in good order, and says how to go on. */
static void test_interrupted(void **state)
{
	pid_t pid;
	int status;
	char *words;

	(void)state;
	setup();
	pid = sweep_halted();
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 128 + SIGINT);
	words = file_read("words");
	assert_non_null(strstr(words, "stopped by Ctrl-C: 7 of 12 jobs are finished and kept in "));
	free(words);
	sweep(2, 12, 0);
	log_has(13);
	merged_is(expected);
	teardown();
}

/* Failed, half printed or cut short: no result of that job, all of the others, and the next start tries it again. */
static void test_failed(void **state)
{
	static const struct {
		const char *file;
		int status;
	} ways[] = {{"fail", 3}, {"half", 1}, {"stopped", 1}};

	(void)state;
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char *csv;

		setup();
		file_write(ways[i].file, "", 0644);
		sweep(2, 11, ways[i].status);
		csv = file_read("results/results.csv");
		assert_int_equal(lines(csv), 12);
		assert_null(strstr(csv, "arc,5,2,"));
		free(csv);
		assert_int_equal(unlink(path_of(ways[i].file)), 0);
		sweep(2, 12, 0);
		log_has(13);
		merged_is(expected);
		teardown();
	}
}

/* More repeats add what is missing; another trace, program or setting is not mixed in. */
static void test_what_results_are_of(void **state)
{
	unsigned finished;
	int status;

	(void)state;
	setup();
	sweep(2, 12, 0);
	w.plan.repeats = 4;
	assert_int_equal(sweep_plan_check(&w.plan, &w.error), 0);
	sweep(2, 16, 0);
	log_has(16);
	assert_int_equal(sweep_plan_set(&w.plan, "shift=3", &w.error), 0);
	assert_int_equal(sweep_part(1, 0, 0, &finished, &status), -EINVAL);
	assert_non_null(strstr(w.error.text, "is of another scenario or trace"));
	free(w.plan.set[--w.plan.nr_sets].text);
	sweep(2, 16, 0);
	file_write("trace", "1 2 4\n", 0644);
	assert_int_equal(sweep_part(1, 0, 0, &finished, &status), -EINVAL);
	file_write("trace", "1 2 3\n", 0644);
	sweep(2, 16, 0);
	file_write("program", "#!/bin/sh\n", 0755);
	assert_int_equal(sweep_part(1, 0, 0, &finished, &status), -EINVAL);
	assert_true(w.error.user);
	log_has(16);
	teardown();
}

/* Two at a time in one folder would do the same jobs: the second is told. */
static void test_lock(void **state)
{
	struct sweep_store store;
	unsigned finished;
	int status;

	(void)state;
	setup();
	assert_int_equal(sweep_store_open(&store, &w.plan, w.results, w.program, true, &w.error),
			 0);
	assert_int_equal(sweep_part(1, 0, 0, &finished, &status), -EINVAL);
	assert_non_null(strstr(w.error.text, "is at work in this folder"));
	/* Parts work beside others, also one that is all there is. */
	assert_int_equal(sweep_part(1, 0, 12, &finished, &status), 0);
	log_has(1);
	assert_int_equal(sweep_part(1, 0, 1, &finished, &status), 0);
	log_has(12);
	sweep_store_close(&store);
	sweep(2, 12, 0);
	log_has(12);
	teardown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_once),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_lock),
		cmocka_unit_test(test_what_results_are_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
