/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.h: one table of options per command: it parses, prints --help and writes the manual page.
 *
 *	struct run_options { const char *dir; struct option_number seconds; struct option_list sets; bool quiet; };
 *	static const struct option_def options[] = {
 *		{'o', "output", "DIR", "folder for the results", OPTION_TEXT, offsetof(struct run_options, dir)},
 *		{0, "seconds", "S", "scenario time", OPTION_NUMBER, offsetof(struct run_options, seconds),
 *		 .kind = &parse_seconds, .min = 1, .max = 1000 * NS_PER_S},
 *		{0, "set", "KEY=VALUE", "override a key", OPTION_LIST, offsetof(struct run_options, sets)},
 *		{'q', "quiet", NULL, "print nothing", OPTION_FLAG, offsetof(struct run_options, quiet)},
 *		{0},
 *	};
 *	static const struct option_table table = {"run", "run a scenario", "SCENARIO.yaml", 1, 1, options, NULL};
 *
 * Syntax is GNU's: -o DIR, -oDIR, --output DIR, --output=DIR, flags in one word (-qj), options and operands in any
 * order, "--" ends the options. Long names are written in full. --help and --man are added to every table.
 */
#ifndef BALLAST_LIB_OPTIONS_H
#define BALLAST_LIB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/error.h"
#include "lib/parse.h"

enum option_type {
	OPTION_FLAG,   /* bool: set to true */
	OPTION_TEXT,   /* const char *: borrowed from argv */
	OPTION_NUMBER, /* struct option_number: a value of .kind in [.min, .max] */
	OPTION_LIST,   /* struct option_list: may be given several times */
};

struct option_number {
	bool given;
	uint64_t value;
};

#define OPTION_LIST_MAX 64
struct option_list {
	unsigned nr;
	const char *item[OPTION_LIST_MAX]; /* borrowed from argv */
};

struct option_def {
	char letter;          /* 0: none */
	const char *name;     /* long name without dashes; NULL ends the table */
	const char *argument; /* what the help calls it; NULL for flags */
	const char *help;     /* a line or two */
	enum option_type type;
	size_t offset; /* of the field in the target struct */
	const struct parse_kind *kind;
	uint64_t min, max;
};

struct option_table {
	const char *command;  /* "run": shown as "ballast run" */
	const char *summary;  /* one line, no full stop */
	const char *operands; /* "SCENARIO.yaml", "[NAME..]"; "" if there are none */
	unsigned min_operands, max_operands;
	const struct option_def *options; /* NULL-name-terminated */
	const char *text; /* paragraphs for the help, or NULL; lines under 80 columns */
};

/*
 * Parses argv[1] to argv[argc - 1] into target, which holds the defaults. Operands are moved to argv[1] and up, their
 * number to *nr_operands. Returns 0; 1 if --help or --man was given and has been printed on standard output (the
 * command returns 0 then); -EINVAL with words.
 */
int options_parse(const struct option_table *table, int argc, char **argv, void *target,
		  unsigned *nr_operands, struct error *error);

void options_help(const struct option_table *table, FILE *out);
void options_man(const struct option_table *table, FILE *out); /* one .SS section */

#endif
