/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.c: command lines by one table a command.
 *
 * getopt_long() is not used: it prints by itself, keeps its place in globals, and accepts abbreviations that turn into
 * errors when an option is added. The table is searched linearly; there are a dozen options. Options and operands may
 * mix, so operands are compacted to the front of argv while reading: the write index never overtakes the read index.
 */
#include "lib/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/words.h"

static const struct option_def option_help_def = {
	.letter = 'h', .name = "help", .help = "print this help", .type = OPTION_FLAG};

struct reading {
	const struct option_table *table;
	int argc, at; /* at: the argument being read */
	char **argv;
	void *target;
	struct error *error;
	bool help, man;
};

static const struct option_def *find_long(const struct option_table *t, const char *name,
					  size_t length)
{
	for (const struct option_def *d = t->options; d->name; d++)
		if (strlen(d->name) == length && memcmp(d->name, name, length) == 0)
			return d;
	return NULL;
}

static const struct option_def *find_letter(const struct option_table *t, char letter)
{
	for (const struct option_def *d = t->options; d->name; d++)
		if (d->letter == letter)
			return d;
	return letter == 'h' ? &option_help_def : NULL;
}

static int unknown(struct reading *r, const char *shown, const char *name)
{
	char list[300], quoted[48];
	struct words words = {0};
	const char *near;
	size_t used = 0;

	list[0] = '\0';
	for (const struct option_def *d = r->table->options; d->name; d++)
		words_add(&words, d->name);
	words_add(&words, option_help_def.name);
	for (unsigned i = 0; i < words.nr && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s--%s", i ? ", " : "",
					 words.word[i]);
	near = name ? words_nearest(&words, name) : NULL;
	return error_user(r->error, "%s: unknown option '%s'%s%s%s; allowed: %s", r->table->command,
			  words_quote(shown, quoted, sizeof(quoted)),
			  near ? ", did you mean --" : "", near ? near : "", near ? "?" : "", list);
}

static int store(struct reading *r, const struct option_def *d, const char *value)
{
	char *field = (char *)r->target + d->offset;
	struct option_number *number;
	struct option_list *list;
	int err;

	switch (d->type) {
	case OPTION_FLAG:
		*(bool *)(void *)field = true;
		return 0;
	case OPTION_TEXT:
		if (!*value)
			return error_user(r->error, "--%s '' is empty; allowed: %s", d->name,
					  d->argument);
		*(const char **)(void *)field = value;
		return 0;
	case OPTION_NUMBER:
		number = (void *)field;
		number->given = true;
		err = parse_value(d->kind, value, d->min, d->max, &number->value, r->error);
		if (err)
			error_prefix(r->error, "--%s ", d->name);
		return err;
	case OPTION_LIST:
		list = (void *)field;
		if (list->nr == OPTION_LIST_MAX)
			return error_user(r->error, "--%s is given more often than %d times",
					  d->name, OPTION_LIST_MAX);
		list->item[list->nr++] = value;
		return 0;
	}
	return -EINVAL;
}

/* The option's value: what is attached to it, or the next argument. */
static int take(struct reading *r, const struct option_def *d, const char *attached)
{
	if (d->type != OPTION_FLAG && !attached) {
		if (r->at + 1 >= r->argc)
			return error_user(r->error, "--%s has no value; allowed: --%s %s", d->name,
					  d->name, d->argument);
		attached = r->argv[++r->at];
	}
	return store(r, d, attached);
}

static int read_long(struct reading *r, const char *word)
{
	size_t length = strcspn(word, "=");
	const char *attached = word[length] == '=' ? word + length + 1 : NULL;
	const struct option_def *d = find_long(r->table, word, length);
	char name[64];

	if (!d && strcmp(word, "help") == 0) {
		r->help = true;
		return 0;
	}
	if (!d && strcmp(word, "man") == 0) {
		r->man = true;
		return 0;
	}
	if (!d) {
		snprintf(name, sizeof(name), "%.*s", (int)(length < 60 ? length : 60), word);
		return unknown(r, r->argv[r->at], name);
	}
	if (d->type == OPTION_FLAG && attached)
		return error_user(r->error, "--%s takes no value; allowed: --%s", d->name, d->name);
	return take(r, d, attached);
}

/* -q, -qj, -oDIR, -o DIR */
static int read_short(struct reading *r, const char *letters)
{
	for (; *letters; letters++) {
		const struct option_def *d = find_letter(r->table, *letters);

		if (!d)
			return unknown(r, r->argv[r->at], NULL);
		if (d == &option_help_def) {
			r->help = true;
			continue;
		}
		if (d->type != OPTION_FLAG)
			return take(r, d, letters[1] ? letters + 1 : NULL);
		store(r, d, NULL);
	}
	return 0;
}

static int check_operands(const struct reading *r, unsigned nr)
{
	const struct option_table *t = r->table;
	char quoted[64];

	if (nr < t->min_operands)
		return error_user(r->error, "%s: too few arguments; allowed: ballast %s %s",
				  t->command, t->command, t->operands);
	if (nr > t->max_operands)
		return error_user(r->error,
				  "%s: argument '%s' is one too many; allowed: ballast %s%s%s",
				  t->command,
				  words_quote(r->argv[1 + t->max_operands], quoted, sizeof(quoted)),
				  t->command, *t->operands ? " " : "", t->operands);
	return 0;
}

int options_parse(const struct option_table *table, int argc, char **argv, void *target,
		  unsigned *nr_operands, struct error *error)
{
	struct reading r = {table, argc, 1, argv, target, error, false, false};
	bool only_operands = false;
	int err = 0;

	*nr_operands = 0;
	for (; r.at < argc && !err && !r.help && !r.man; r.at++) {
		char *word = argv[r.at];

		if (only_operands || word[0] != '-' || !word[1])
			argv[1 + (*nr_operands)++] = word;
		else if (strcmp(word, "--") == 0)
			only_operands = true;
		else if (word[1] == '-')
			err = read_long(&r, word + 2);
		else
			err = read_short(&r, word + 1);
	}
	if (err)
		return err;
	if (r.help || r.man) {
		(r.help ? options_help : options_man)(table, stdout);
		return 1;
	}
	return check_operands(&r, *nr_operands);
}

static void help_line(const struct option_def *d, FILE *out)
{
	char left[64], letter[8] = "    ";

	if (d->letter)
		snprintf(letter, sizeof(letter), "-%c, ", d->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, d->name, d->argument ? " " : "",
		 d->argument ? d->argument : "");
	fprintf(out, "  %-28s %s%s\n", left, d->help,
		d->type == OPTION_LIST ? " (repeatable)" : "");
}

void options_help(const struct option_table *table, FILE *out)
{
	fprintf(out, "ballast %s: %s\n\nusage: ballast %s%s%s [OPTION..]\n\n", table->command,
		table->summary, table->command, *table->operands ? " " : "", table->operands);
	for (const struct option_def *d = table->options; d->name; d++)
		help_line(d, out);
	help_line(&option_help_def, out);
	if (table->text)
		fprintf(out, "\n%s\n", table->text);
}

/* Text for troff: '-' and '\' escaped, and no control character at a line's start. */
static void man_text(const char *text, FILE *out)
{
	bool start = true;

	for (; *text; text++) {
		if (start && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\\')
			fputs("\\e", out);
		else
			fputc(*text, out);
		start = *text == '\n';
	}
}

static void man_option(const struct option_def *d, FILE *out)
{
	fputs(".TP\n\\fB", out);
	if (d->letter)
		fprintf(out, "\\-%c\\fR, \\fB", d->letter);
	fputs("\\-\\-", out);
	man_text(d->name, out);
	fputs("\\fR", out);
	if (d->argument) {
		fputs(" \\fI", out);
		man_text(d->argument, out);
		fputs("\\fR", out);
	}
	fputc('\n', out);
	man_text(d->help, out);
	if (d->type == OPTION_LIST)
		fputs(" (repeatable)", out);
	fputc('\n', out);
}

void options_man(const struct option_table *table, FILE *out)
{
	fputs(".SS \"ballast ", out);
	man_text(table->command, out);
	fputc(' ', out);
	man_text(table->operands, out);
	fputs("\"\n", out);
	man_text(table->summary, out);
	fputs(".\n", out);
	for (const struct option_def *d = table->options; d->name; d++)
		man_option(d, out);
	if (table->text) {
		fputs(".PP\n.nf\n", out);
		man_text(table->text, out);
		fputs("\n.fi\n", out);
	}
}
