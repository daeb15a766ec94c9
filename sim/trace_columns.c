/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace_columns.c: the user's words on what the columns of a table are, trace_csv.c's --columns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/words.h"
#include "sim/trace_reader.h"

static int columns_bad(const char *word, struct error *error)
{
	char quoted[48];

	return error_user(error,
			  "--columns '%s' is wrong; allowed, with commas between: id=N, time=N, "
			  "write=N, vm=N, size=N or blocks=N (columns from 1 to %u), header, "
			  "separator=C (one character, comma, tab, space or semicolon), unit=ns, "
			  "us, ms or s",
			  words_quote(word, quoted, sizeof(quoted)), TRACE_CSV_COLUMNS_MAX);
}

static char separator_of(const char *text)
{
	static const struct {
		const char *name;
		char c;
	} names[] = {{"comma", ','}, {"tab", '\t'}, {"space", ' '}, {"semicolon", ';'}};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, text) == 0)
			return names[i].c;
	return (char)(text[0] && !text[1] ? text[0] : 0);
}

static uint64_t unit_of(const char *text)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].name, text) == 0)
			return units[i].ns;
	return 0;
}

static bool columns_word(char *word, struct trace_csv_columns *c)
{
	char *value = strchr(word, '='), *end;
	uint8_t *column;
	unsigned long n;

	if (!value)
		return strcmp(word, "header") == 0 && (c->header = true);
	*value++ = '\0';
	if (strcmp(word, "separator") == 0)
		return (c->separator = separator_of(value)) != 0;
	if (strcmp(word, "unit") == 0)
		return (c->time_unit_ns = unit_of(value)) != 0;
	column = strcmp(word, "id") == 0       ? &c->id
		 : strcmp(word, "time") == 0   ? &c->time
		 : strcmp(word, "write") == 0  ? &c->write
		 : strcmp(word, "vm") == 0     ? &c->vm
		 : strcmp(word, "size") == 0   ? &c->size
		 : strcmp(word, "blocks") == 0 ? &c->blocks
					       : NULL;
	n = strtoul(value, &end, 10);
	if (!column || *value < '0' || *value > '9' || *end || n < 1 || n > TRACE_CSV_COLUMNS_MAX)
		return false;
	*column = (uint8_t)n;
	return true;
}

int trace_csv_columns_parse(const char *text, struct trace_csv_columns *out, struct error *error)
{
	char copy[200], whole[64], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	if (strlen(text) >= sizeof(copy) || !*text)
		return columns_bad(text, error);
	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		snprintf(whole, sizeof(whole), "%s", word);
		if (!columns_word(word, out))
			return columns_bad(whole, error);
	}
	return 0;
}
