/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay_command_test.c: what scripts rely on of `ballast replay`, `mrc` and `trace`: JSON names, order, rounding of
 * percentages, exit statuses. Misses are worked out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "tests/support/trace_file.h"

/* The program has the lab guest here; no command gets as far as starting one. */
extern const char lab_image_start[], lab_image_end[];
const char lab_image_start[1], lab_image_end[1];

#define OUTPUT_BYTES 8000

struct outcome {
	int status;
	char out[OUTPUT_BYTES], err[OUTPUT_BYTES];
};

static void read_back(FILE *f, char *out)
{
	size_t nr;

	rewind(f);
	nr = fread(out, 1, OUTPUT_BYTES - 1, f);
	out[nr] = '\0';
	fclose(f);
}

/* words: separated by blanks; @ stands for the trace's path. In a child: commands change signals. */
static struct outcome run(int (*command)(int argc, char **argv), const char *words,
			  const struct trace_file *trace)
{
	char copy[600], *argv[24], *save = NULL;
	FILE *out = tmpfile(), *err = tmpfile();
	struct outcome o;
	int argc = 0, status;
	pid_t pid;

	assert_true(out && err);
	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(w, "@") == 0 ? (char *)(uintptr_t)trace->path : w;
	argv[argc] = NULL;
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(fileno(out), STDOUT_FILENO);
		dup2(fileno(err), STDERR_FILENO);
		status = command(argc, argv);
		fflush(NULL);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	o.status = WEXITSTATUS(status);
	read_back(out, o.out);
	read_back(err, o.err);
	return o;
}

static void make(struct trace_file *f, const char *text)
{
	trace_file_make(f, ".txt", text, strlen(text));
}

/* a b c a b d e f g a: 10 requests, 7 pages */
static const char seven[] = "1\n2\n3\n1\n2\n4\n5\n6\n7\n1\n";

static void test_replay_json(void **state)
{
	/* in the order asked for; 1 % and 10 % of 7 pages are less than one: one; 50 % is 3.5: 3 */
	static const struct {
		const char *policy;
		unsigned frames, misses;
	} lines[] = {{"lru", 1, 10},  {"lru", 1, 10},  {"lru", 3, 8},  {"lru", 9, 7},
		     {"opt", 1, 10},  {"opt", 1, 10},  {"opt", 3, 7},  {"opt", 9, 7},
		     {"fifo", 1, 10}, {"fifo", 1, 10}, {"fifo", 3, 8}, {"fifo", 9, 7}};
	struct trace_file f;
	struct outcome o;
	char *save = NULL;
	unsigned nr = 0;

	(void)state;
	make(&f, seven);
	o = run(cmd_replay, "replay @ --policy lru,opt,fifo --frames 1%,10%,50%,9 --json --jobs 3",
		&f);
	assert_int_equal(o.status, 0);
	assert_string_equal(o.err, "");
	for (char *line = strtok_r(o.out, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		json_t *json = json_loads(line, 0, NULL);

		assert_non_null(json);
		assert_string_equal(json_string_value(json_object_get(json, "trace")), f.path);
		assert_string_equal(json_string_value(json_object_get(json, "policy")),
				    lines[nr].policy);
		assert_int_equal(json_integer_value(json_object_get(json, "frames")),
				 lines[nr].frames);
		assert_int_equal(json_integer_value(json_object_get(json, "requests")), 10);
		assert_int_equal(json_integer_value(json_object_get(json, "distinct")), 7);
		assert_int_equal(json_integer_value(json_object_get(json, "misses")),
				 lines[nr].misses);
		assert_true(json_real_value(json_object_get(json, "miss_ratio")) ==
			    lines[nr].misses / 10.0);
		assert_true(json_is_real(json_object_get(json, "seconds")));
		assert_int_equal(json_object_size(json), 8);
		json_decref(json);
		nr++;
	}
	assert_int_equal(nr, sizeof(lines) / sizeof(lines[0]));
	trace_file_remove(&f);
}

static void test_mrc_json(void **state)
{
	/* lru: with 1 and 2 frames nothing hits, with 3 and more the second a and b, with 6 the last a (b d e f g since) */
	static const unsigned curve[][2] = {{1, 10}, {2, 10}, {3, 8}, {5, 8}, {6, 7}, {8, 7}};
	struct trace_file f;
	struct outcome o;
	json_t *json, *points;

	(void)state;
	make(&f, seven);
	o = run(cmd_mrc, "mrc @ --frames 8,1,2,3,5,6 --json", &f);
	assert_int_equal(o.status, 0);
	json = json_loads(o.out, 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "method")), "exact");
	points = json_object_get(json, "curve");
	assert_int_equal(json_array_size(points), 6);
	for (unsigned i = 0; i < 6; i++)
		for (unsigned k = 0; k < 2; k++)
			assert_int_equal(
				json_integer_value(json_array_get(json_array_get(points, i), k)),
				curve[i][k]);
	json_decref(json);
	trace_file_remove(&f);
}

/* The user's errors: status 2, nothing on standard output, and what is allowed. */
static void test_refused(void **state)
{
	static const struct {
		int (*command)(int argc, char **argv);
		const char *words, *says;
	} bad[] = {
		{cmd_replay, "replay @ --frames 3", "no policy; allowed: --policy"},
		{cmd_replay, "replay @ --policy lru", "no size; allowed: --frames"},
		{cmd_replay, "replay @ --policy lri --frames 3", "did you mean lru?; allowed: "},
		{cmd_replay, "replay @ --policy lru --frames 0", "--frames '0'"},
		{cmd_replay, "replay @ --policy lru --frames 3x", "--frames '3x'"},
		{cmd_replay, "replay @ --guest 3", "--host is missing; allowed: --guest N"},
		{cmd_replay, "replay @ --guest 3 --host 2 --policy lru", "--policy is for one"},
		{cmd_replay, "replay @ --guest 3 --host 2 --host-policy opt",
		 "--host-policy 'opt'"},
		{cmd_replay, "replay @.gone --policy lru --frames 3", "@.gone: cannot open"},
		{cmd_replay, "replay @ --policy lru --frames 3 --format text", ":6: bad line 'x'"},
		{cmd_mrc, "mrc @ --method fast", "--method 'fast' is unknown; allowed: exact"},
		{cmd_mrc, "mrc @ --rate 1%", "--rate goes with --method shards"},
		{cmd_mrc, "mrc @ --method shards --rate 0.0001%",
		 "--rate: none of the 3 pages is in"},
		{cmd_replay, "replay @ --policy lru --frames 3 --split 100",
		 "--split '100' is out of range; allowed: a size from 512 to 1G"},
		{cmd_replay, "replay @ --policy lru --frames 3 --split 4K",
		 "--split: format text does not say how long requests are; allowed: "},
		{cmd_replay, "replay @.gone --policy lru --frames 3 --block 512",
		 "--block goes with --split"},
		{cmd_replay, "replay @.gone --policy lru --frames 3 --format txt",
		 "--format 'txt' is unknown; allowed: auto, oracle"},
		{cmd_trace, "trace", "which part? allowed: gen, info, convert, record"},
		{cmd_trace, "trace gen zipf", "no file; allowed: -o FILE"},
		{cmd_trace, "trace gen zopf -o /dev/null", "no kind is called 'zopf'; allowed"},
		{cmd_trace, "trace convert @ /dev/null --to pg", "written as 'pg'; allowed: "},
		{cmd_trace, "trace record --collapse -o /dev/null --to text -- true",
		 "format text cannot say that a trace was thinned; allowed: --to ballast"},
	};
	struct trace_file f, good;

	(void)state;
	make(&f, "1\n2\n3\n1\n2\nx\n");
	make(&good, "1\n2\n3\n");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		bool whole = strstr(bad[i].says, "--rate: ");
		struct outcome o = run(bad[i].command, bad[i].words, whole ? &good : &f);

		assert_int_equal(o.status, COMMAND_USER);
		assert_string_equal(o.out, "");
		assert_memory_equal(o.err, "ballast: ", 9);
		if (!strstr(o.err, bad[i].says))
			fail_msg("'%s': '%s' lacks '%s'", bad[i].words, o.err, bad[i].says);
	}
	trace_file_remove(&good);
	trace_file_remove(&f);
}

/* As far as it is good; a table for people, a warning beside it. */
static void test_keep_going(void **state)
{
	struct trace_file f;
	struct outcome o;

	(void)state;
	make(&f, "1\n2\n3\n1\n2\nx\n9\n");
	o = run(cmd_replay, "replay @ --policy lru --frames 3 --keep-going", &f);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, ": 5 requests, 3 pages\n"));
	assert_non_null(strstr(o.out, "lru          3       3      0.6000"));
	assert_non_null(strstr(o.err, ":6: bad line 'x'"));
	trace_file_remove(&f);
}

/* What was thinned is refused where it would be wrong. */
static void test_thinned(void **state)
{
	struct trace_file f, thin;
	char words[400];
	struct outcome o;

	(void)state;
	make(&f, "1\n1\n1\n2\n2\n2\n1\n3\n4\n1\n");
	trace_file_make(&thin, ".btrace", "", 0);
	snprintf(words, sizeof(words), "trace convert @ %s --sad 2", thin.path);
	assert_int_equal(run(cmd_trace, words, &f).status, 0);
	assert_int_equal(run(cmd_replay, "replay @ --policy lru,opt --frames 3", &thin).status, 0);
	/* 1, then 2, 3 and 4 miss: 4 of the 10 that were */
	o = run(cmd_replay, "replay @ --policy lru --frames 5 --json", &thin);
	assert_non_null(strstr(o.out, "\"misses\":4,\"miss_ratio\":0.4"));
	assert_non_null(strstr(o.out, "\"whole_requests\":10"));
	o = run(cmd_replay, "replay @ --policy clock --frames 3", &thin);
	assert_int_equal(o.status, COMMAND_USER);
	assert_non_null(strstr(o.err, "clock with 3 frames is refused: the trace was thinned"));
	o = run(cmd_mrc, "mrc @ --frames 2", &thin);
	assert_int_equal(o.status, COMMAND_USER);
	/* what is left out is requests of short distances, and time */
	o = run(cmd_mrc, "mrc @ --frames 3 --working-set", &thin);
	assert_int_equal(o.status, COMMAND_USER);
	assert_non_null(strstr(o.err, "--working-set is refused: the trace was thinned (k = 2)"));
	o = run(cmd_mrc, "mrc @ --frames 3 --reuse", &thin);
	assert_int_equal(o.status, COMMAND_USER);
	o = run(cmd_mrc, "mrc @ --frames 5 --json", &thin);
	assert_non_null(strstr(o.out, "\"curve\":[[5,4]]"));
	assert_non_null(strstr(o.out, "\"whole_requests\":10"));
	trace_file_remove(&thin);
	trace_file_remove(&f);
}

/* 20,000 pages twice: SAD leaves all. Cut in the third block of 16384, the trace's length is no longer what ratios are of. */
static void test_thinned_and_cut(void **state)
{
	struct trace_file f, thin, cut, again;
	char *text = malloc(400000), *at = text, words[700];
	size_t bytes;
	uint8_t *whole;
	struct outcome o;

	(void)state;
	for (unsigned i = 0; i < 40000; i++)
		at += sprintf(at, "%u\n", i % 20000);
	make(&f, text);
	trace_file_make(&thin, ".btrace", "", 0);
	trace_file_make(&again, ".btrace", "", 0);
	snprintf(words, sizeof(words), "trace convert @ %s --sad 2", thin.path);
	assert_int_equal(run(cmd_trace, words, &f).status, 0);
	o = run(cmd_replay, "replay @ --policy lru --frames 3 --json", &thin);
	assert_non_null(strstr(o.out, "\"misses\":40000,\"miss_ratio\":1.0"));
	whole = trace_file_bytes(&thin, &bytes);
	trace_file_make(&cut, ".btrace", whole, bytes - 100);
	o = run(cmd_replay, "replay @ --policy lru --frames 3 --json --keep-going", &cut);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, "\"misses\":32768,\"miss_ratio\":1.0"));
	snprintf(words, sizeof(words), "trace convert @ %s --keep-going", again.path);
	assert_int_equal(run(cmd_trace, words, &cut).status, 0);
	o = run(cmd_replay, "replay @ --policy lru --frames 3 --json", &again);
	assert_non_null(strstr(o.out, "\"misses\":32768,\"miss_ratio\":1.0"));
	free(whole);
	free(text);
	trace_file_remove(&again);
	trace_file_remove(&cut);
	trace_file_remove(&thin);
	trace_file_remove(&f);
}

/* What a format cannot say is told, whoever writes it. */
static void test_lost(void **state)
{
	struct trace_file f;
	struct outcome o;

	(void)state;
	make(&f, "1 R\n2 W\n");
	o = run(cmd_trace, "trace convert @ /dev/null --to oracle", &f);
	assert_non_null(strstr(o.err, "format oracle has no place for writes: left out"));
	o = run(cmd_trace, "trace gen zipf -n 10 --write 30% -o /dev/null --to oracle", &f);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.err, "format oracle has no place for writes: left out"));
	o = run(cmd_trace, "trace gen zipf -n 10 -o /dev/null --to oracle", &f);
	assert_string_equal(o.err, "");
	trace_file_remove(&f);
}

/* Ids are 64 bits without a sign; those that JSON's integers do not hold are strings. */
static void test_high_ids(void **state)
{
	struct trace_file f;
	struct outcome o;

	(void)state;
	make(&f, "7\n18446744073709551615\n7\n");
	o = run(cmd_trace, "trace info @ --json", &f);
	assert_int_equal(o.status, 0);
	assert_non_null(strstr(o.out, "\"id_min\":7,\"id_max\":\"18446744073709551615\""));
	trace_file_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replay_json), cmocka_unit_test(test_mrc_json),
		cmocka_unit_test(test_refused),     cmocka_unit_test(test_keep_going),
		cmocka_unit_test(test_thinned),     cmocka_unit_test(test_thinned_and_cut),
		cmocka_unit_test(test_high_ids),    cmocka_unit_test(test_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
