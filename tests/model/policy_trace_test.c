/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy_trace_test.c: misses on traces of real programs against counts published or agreed on elsewhere.
 *
 * The traces are other people's and not part of this project. POLICY_TRACES names a folder with expected.tsv, whose
 * first line is "trace refs pages frames opt" and the names of policies, and a trace for each of its lines: NAME.txt or
 * NAME.txt.zst, a page number a line. Demand paging, one page a reference. Without POLICY_TRACES nothing is tested.
 *
 * Counts must be equal. A policy's name with a star means: those are the counts of its authors' program, and may differ
 * by 1 % (two pages at least). The authors' programs of LIRS and CLOCK-Pro ignore a reference to the page referenced
 * just before, unlike their papers, so for a star the trace is replayed without those. No policy may beat opt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mm/policy/policy.h"

#define COLUMNS 16u
#define REFS    1000000u

struct trace {
	uint32_t *page;
	uint32_t refs, pages;
};

struct column {
	const struct policy_ops *ops;
	bool loose; /* counts of the authors' program */
	unsigned compared, equal;
};

static const char *folder;

static FILE *trace_open(const char *name, bool *piped)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.txt", folder, name);
	f = fopen(path, "r");
	*piped = !f;
	if (f)
		return f;
	snprintf(path, sizeof(path), "zstd -dcq '%s/%s.txt.zst'", folder, name);
	return popen(path, "r");
}

/* Pages are numbered anew in the order of their first reference. */
static void trace_read(struct trace *t, const char *name)
{
	uint32_t *number = calloc(REFS, sizeof(*number));
	unsigned long page;
	char line[64];
	bool piped;
	FILE *f = trace_open(name, &piped);

	assert_non_null(f);
	*t = (struct trace){.page = calloc(REFS, sizeof(*t->page))};
	assert_true(t->page && number);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lu", &page) != 1)
			continue; /* marks between runs */
		assert_true(page < REFS && t->refs < REFS);
		if (!number[page])
			number[page] = ++t->pages;
		t->page[t->refs++] = number[page] - 1;
	}
	if (piped)
		pclose(f);
	else
		fclose(f);
	free(number);
}

/* once: references to the page referenced just before are not told */
static uint32_t replay(const struct policy_ops *ops, const struct trace *t, uint32_t frames,
		       bool once)
{
	struct rng rng = rng_seeded(1);
	void *mem = malloc(ops->bytes(frames, t->pages));
	bool *resident = calloc(t->pages, sizeof(*resident));
	uint32_t misses = 0, used = 0, victim = 0;

	assert_true(mem && resident);
	assert_int_equal(ops->init(mem, frames, t->pages, &rng), 0);
	for (uint32_t i = 0; i < t->refs; i++) {
		uint32_t page = t->page[i];
		const struct victim_filter filter = {.incoming = &page};

		if (once && i && page == t->page[i - 1])
			continue;
		if (resident[page]) {
			ops->accessed(mem, page, false, i);
			continue;
		}
		misses++;
		if (used == frames) {
			assert_true(ops->victim(mem, &filter, &victim) && resident[victim]);
			ops->removed(mem, victim, POLICY_EVICTED);
			resident[victim] = false;
		} else {
			used++;
		}
		ops->inserted(mem, page, i);
		resident[page] = true;
	}
	assert_true(ops->consistent(mem));
	free(resident);
	free(mem);
	return misses;
}

static void compare(struct column *c, const char *trace, uint32_t frames, uint32_t expected,
		    uint32_t misses)
{
	uint32_t apart = misses > expected ? misses - expected : expected - misses;

	c->compared++;
	c->equal += !apart;
	if (!apart)
		return;
	print_message("%-8s %5u frames %-12s %6u misses, expected %6u (%+.2f %%)\n", trace, frames,
		      c->ops->name, misses, expected,
		      100.0 * ((double)misses - expected) / expected);
	assert_true(c->loose && (apart <= 2 || apart <= expected / 100));
}

/* The header line: fills in the columns after "opt", and returns how many. */
static unsigned read_header(char *line, struct column *column)
{
	unsigned nr = 0;
	char *save = NULL;

	for (char *word = strtok_r(line, "\t\n", &save); word; word = strtok_r(NULL, "\t\n", &save))
		if (++nr > 5) {
			struct column *c = &column[nr - 6];
			size_t length = strlen(word);

			assert_true(nr - 6 < COLUMNS);
			c->loose = word[length - 1] == '*';
			word[length - c->loose] = 0;
			/* the authors' program with its cold target fixed */
			c->ops = policy_find(
				c->loose && strcmp(word, "clock-pro") == 0 ? "clock-pro-5" : word);
			assert_non_null(c->ops);
		}
	assert_true(nr > 5);
	return nr - 5;
}

static void run_line(char *line, struct column *column, unsigned columns)
{
	char *save = NULL, *name = strtok_r(line, "\t\n", &save);
	uint32_t number[4];
	struct trace t;

	for (unsigned i = 0; i < 4; i++)
		number[i] = (uint32_t)strtoul(strtok_r(NULL, "\t\n", &save), NULL, 10);
	trace_read(&t, name);
	assert_int_equal(t.refs, number[0]);
	assert_int_equal(t.pages, number[1]);
	for (unsigned i = 0; i < columns; i++) {
		uint32_t expected = (uint32_t)strtoul(strtok_r(NULL, "\t\n", &save), NULL, 10);
		uint32_t misses = replay(column[i].ops, &t, number[2], column[i].loose);

		compare(&column[i], name, number[2], expected, misses);
	}
	for (size_t i = 0; policy_table[i]; i++)
		assert_true(replay(policy_table[i], &t, number[2], false) >= number[3]);
	free(t.page);
}

static void test_traces(void **state)
{
	struct column column[COLUMNS] = {{NULL, false, 0, 0}};
	char line[512];
	unsigned columns, lines = 0;
	FILE *f;

	(void)state;
	folder = getenv("POLICY_TRACES");
	if (!folder) {
		print_message("SKIP: POLICY_TRACES names no folder of traces\n");
		skip();
	}
	snprintf(line, sizeof(line), "%s/expected.tsv", folder);
	f = fopen(line, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	columns = read_header(line, column);
	for (; fgets(line, sizeof(line), f); lines++)
		run_line(line, column, columns);
	fclose(f);
	assert_true(lines > 0);
	for (unsigned i = 0; i < columns; i++) {
		const struct column *c = &column[i];

		print_message("%-12s %u counts, %u equal\n", c->ops->name, c->compared, c->equal);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_traces)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
