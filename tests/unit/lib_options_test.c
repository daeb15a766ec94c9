/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lib_options_test.c: command lines by a table of options.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/options.h"

struct target {
	const char *dir;
	struct option_number seconds;
	struct option_list sets;
	bool quiet, json;
};

static const struct option_def defs[] = {
	{'o', "output", "DIR", "folder", OPTION_TEXT, offsetof(struct target, dir), NULL, 0, 0},
	{0, "seconds", "S", "scenario time", OPTION_NUMBER, offsetof(struct target, seconds),
	 &parse_count, 1, 100},
	{0, "set", "KEY=VALUE", "override", OPTION_LIST, offsetof(struct target, sets), NULL, 0, 0},
	{'q', "quiet", NULL, "say nothing", OPTION_FLAG, offsetof(struct target, quiet), NULL, 0,
	 0},
	{'j', "json", NULL, "say JSON", OPTION_FLAG, offsetof(struct target, json), NULL, 0, 0},
	{.name = NULL},
};
static const struct option_table table = {"run", "run a scenario", "SCENARIO.yaml", 1, 2,
					  defs,  "More words."};

#define WORDS 12
struct line {
	char *argv[WORDS + 1];
	int argc;
	struct target target;
	unsigned operands;
	struct error error;
};

/* words: separated by blanks; "''" is an empty one. */
static int parse(struct line *l, const char *words)
{
	static char copy[400];
	char *save = NULL;

	*l = (struct line){0};
	snprintf(copy, sizeof(copy), "run %s", words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		assert_true(l->argc < WORDS);
		if (strcmp(w, "''") == 0)
			*w = '\0';
		l->argv[l->argc++] = w;
	}
	return options_parse(&table, l->argc, l->argv, &l->target, &l->operands, &l->error);
}

static void test_good(void **state)
{
	struct line l;

	(void)state;
	assert_int_equal(parse(&l, "a.yaml"), 0);
	assert_int_equal(l.operands, 1);
	assert_string_equal(l.argv[1], "a.yaml");
	assert_null(l.target.dir);
	assert_false(l.target.quiet || l.target.json || l.target.seconds.given);

	assert_int_equal(parse(&l, "-o d a.yaml -q --seconds 5 --set x=1 --set=y=2 b --json"), 0);
	assert_int_equal(l.operands, 2);
	assert_string_equal(l.argv[1], "a.yaml");
	assert_string_equal(l.argv[2], "b");
	assert_string_equal(l.target.dir, "d");
	assert_true(l.target.quiet && l.target.json && l.target.seconds.given);
	assert_int_equal(l.target.seconds.value, 5);
	assert_int_equal(l.target.sets.nr, 2);
	assert_string_equal(l.target.sets.item[0], "x=1");
	assert_string_equal(l.target.sets.item[1], "y=2");

	assert_int_equal(parse(&l, "-qjodir --seconds=100 -- -x --"), 0);
	assert_true(l.target.quiet && l.target.json);
	assert_string_equal(l.target.dir, "dir");
	assert_int_equal(l.target.seconds.value, 100);
	assert_int_equal(l.operands, 2);
	assert_string_equal(l.argv[1], "-x");
	assert_string_equal(l.argv[2], "--");

	/* A value may look like an option, "-" is an operand, the last of a repeated option counts. */
	assert_int_equal(parse(&l, "-o -q - --output=x"), 0);
	assert_string_equal(l.target.dir, "x");
	assert_false(l.target.quiet);
	assert_string_equal(l.argv[1], "-");
}

static void test_bad(void **state)
{
	static const struct {
		const char *words, *says;
	} bad[] = {
		{"", "run: too few arguments; allowed: ballast run SCENARIO.yaml"},
		{"a b c", "run: argument 'c' is one too many"},
		{"a --quit",
		 "run: unknown option '--quit', did you mean --quiet?; allowed: --output, "
		 "--seconds, --set, --quiet, --json, --help"},
		{"a --sets=x", "unknown option '--sets=x', did you mean --set?"},
		{"a --zzz", "unknown option '--zzz'; allowed: --output"},
		{"a --out d", "unknown option '--out'"},
		{"a -x", "unknown option '-x'; allowed"},
		{"a -qx", "unknown option '-qx'; allowed"},
		{"a -o", "--output has no value; allowed: --output DIR"},
		{"a --seconds", "--seconds has no value; allowed: --seconds S"},
		{"a --seconds 0",
		 "--seconds '0' is out of range; allowed: a whole number from 1 to 100"},
		{"a --seconds 101", "--seconds '101' is out of range"},
		{"a --seconds ten", "--seconds 'ten' is not a number"},
		{"a --quiet=1", "--quiet takes no value"},
		{"a -o ''", "--output '' is empty; allowed: DIR"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct line l;

		if (parse(&l, bad[i].words) != -EINVAL)
			fail_msg("not refused: %s", bad[i].words);
		assert_true(l.error.user);
		if (!strstr(l.error.text, bad[i].says))
			fail_msg("'%s' lacks '%s'", l.error.text, bad[i].says);
	}
}

static void test_list_is_bounded(void **state)
{
	char *argv[2 * OPTION_LIST_MAX + 4], name[] = "run", set[] = "--set", value[] = "a=1";
	struct target target = {0};
	struct error error = {0};
	unsigned operands;
	int argc = 0;

	(void)state;
	argv[argc++] = name;
	argv[argc++] = value;
	for (int i = 0; i <= OPTION_LIST_MAX; i++) {
		argv[argc++] = set;
		argv[argc++] = value;
	}
	assert_int_equal(options_parse(&table, argc - 2, argv, &target, &operands, &error), 0);
	assert_int_equal(target.sets.nr, OPTION_LIST_MAX);
	target = (struct target){0};
	assert_int_equal(options_parse(&table, argc, argv, &target, &operands, &error), -EINVAL);
	assert_string_equal(error.text, "--set is given more often than 64 times");
}

static char *text_of(void (*print)(const struct option_table *t, FILE *out))
{
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	assert_non_null(f);
	print(&table, f);
	fclose(f);
	return text;
}

static void test_help(void **state)
{
	char *text = text_of(options_help);

	(void)state;
	assert_string_equal(text, "ballast run: run a scenario\n"
				  "\n"
				  "usage: ballast run SCENARIO.yaml [OPTION..]\n"
				  "\n"
				  "  -o, --output DIR             folder\n"
				  "      --seconds S              scenario time\n"
				  "      --set KEY=VALUE          override (repeatable)\n"
				  "  -q, --quiet                  say nothing\n"
				  "  -j, --json                   say JSON\n"
				  "  -h, --help                   print this help\n"
				  "\n"
				  "More words.\n");
	free(text);
}

static void test_man(void **state)
{
	char *text = text_of(options_man);

	(void)state;
	assert_ptr_equal(strstr(text, ".SS \"ballast run SCENARIO.yaml\"\nrun a scenario.\n"),
			 text);
	assert_non_null(
		strstr(text, "\n.TP\n\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fIDIR\\fR\nfolder\n"));
	assert_non_null(strstr(
		text, "\n.TP\n\\fB\\-\\-set\\fR \\fIKEY=VALUE\\fR\noverride (repeatable)\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_list_is_bounded),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_man),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
