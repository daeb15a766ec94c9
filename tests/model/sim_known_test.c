/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim_known_test.c: the whole way from a packed trace file to misses, against counts that are known.
 *
 * The traces are other people's and not part of this project. POLICY_TRACES names a folder with expected.tsv, whose
 * first line is "trace refs pages frames" and the names of policies, opt among them; each further line names a trace,
 * NAME.txt.zst or NAME.txt. Columns with a star are counts of programs that differ from their papers, and left to
 * policy_trace_test.c. Without POLICY_TRACES nothing is tested.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "sim/mrc.h"
#include "sim/replay.h"

static void load(struct trace *t, const char *folder, const char *name)
{
	const struct trace_options options = {.want = 0};
	struct error error = {.text = ""};
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.txt.zst", folder, name);
	if (access(path, R_OK))
		snprintf(path, sizeof(path), "%s/%s.txt", folder, name);
	if (trace_load(t, path, &options, &error))
		fail_msg("%s", error.text);
}

static uint64_t replayed(const struct trace *t, const char *policy, uint32_t frames)
{
	struct replay_run run = {.policy = policy_find(policy), .frames = frames, .seed = 1};
	struct error error;

	assert_true(run.policy || strcmp(policy, "opt") == 0);
	assert_int_equal(replay_sweep(t, &run, 1, 1, NULL, NULL, NULL, &error), 0);
	return run.misses;
}

/* The word at that column of a line whose words are separated by tabs; NULL: there is none. */
static char *word_at(char *line, unsigned column, char *buf, size_t bytes)
{
	for (; column && line; column--) {
		line = strchr(line, '\t');
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return NULL;
	snprintf(buf, bytes, "%.*s", (int)strcspn(line, "\t\r\n"), line);
	return buf;
}

static unsigned compare_line(const char *folder, char *head, char *line)
{
	const struct mrc_sample all = {.rate = 1};
	char name[64], count[64], policy[64];
	uint32_t frames = (uint32_t)strtoul(word_at(line, 3, count, sizeof(count)), NULL, 10);
	unsigned compared = 0;
	struct trace t;
	struct mrc m;
	struct error error;
	uint64_t misses;

	load(&t, folder, word_at(line, 0, name, sizeof(name)));
	assert_int_equal(t.requests, strtoul(word_at(line, 1, count, sizeof(count)), NULL, 10));
	assert_int_equal(t.pages, strtoul(word_at(line, 2, count, sizeof(count)), NULL, 10));
	for (unsigned c = 4; word_at(head, c, policy, sizeof(policy)); c++) {
		uint64_t known;

		if (policy[strlen(policy) - 1] == '*')
			continue;
		assert_non_null(word_at(line, c, count, sizeof(count)));
		known = strtoull(count, NULL, 10);
		misses = replayed(&t, policy, frames);
		if (misses != known)
			fail_msg("%s, %s, %u frames: %llu misses, not %llu", name, policy, frames,
				 (unsigned long long)misses, (unsigned long long)known);
		compared++;
	}
	assert_int_equal(mrc_run(&m, &t, &all, NULL, &error), 0);
	mrc_misses(&m, &frames, 1, &misses);
	assert_int_equal(misses, replayed(&t, "lru", frames));
	mrc_free(&m);
	trace_free(&t);
	return compared;
}

static void test_known(void **state)
{
	const char *folder = getenv("POLICY_TRACES");
	char head[512], line[512];
	unsigned compared = 0;
	FILE *f;

	(void)state;
	if (!folder) {
		print_message("SKIP: POLICY_TRACES names no folder of traces\n");
		skip();
	}
	snprintf(line, sizeof(line), "%s/expected.tsv", folder);
	f = fopen(line, "r");
	assert_non_null(f);
	assert_non_null(fgets(head, sizeof(head), f));
	while (fgets(line, sizeof(line), f))
		compared += compare_line(folder, head, line);
	fclose(f);
	print_message("%u counts, all equal\n", compared);
	assert_true(compared > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_known)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
