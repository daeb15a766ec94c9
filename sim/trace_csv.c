/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_csv.c: tables of text, with the user's word on which column is what.
 *
 * An id is a number, decimal or 0x.., or any other text (object names), which stands for its hash: XXH3-64, so that two
 * of a million names collide once in 37 million traces. Quotes around a field are taken off. Writes are 1, w.., W.., or
 * the SCSI write commands 2a, 8a, 0a, aa; everything else reads. Times are decimal numbers in the unit given.
 * Which column is the id nobody can guess, so it must be said; a first line whose id field is not a number is a header.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "lib/words.h"
#include "sim/trace_reader.h"

#define COLUMNS_MAX 64u

struct field {
	const uint8_t *at, *end;
};

static int columns_bad(const char *word, struct error *error)
{
	char quoted[48];

	return error_user(error,
			  "--columns '%s' is wrong; allowed, with commas between: id=N, time=N, "
			  "write=N, vm=N (columns from 1 to %u), header, separator=C (one "
			  "character, comma, tab, space or semicolon), unit=ns, us, ms or s",
			  words_quote(word, quoted, sizeof(quoted)), COLUMNS_MAX);
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
	column = strcmp(word, "id") == 0      ? &c->id
		 : strcmp(word, "time") == 0  ? &c->time
		 : strcmp(word, "write") == 0 ? &c->write
		 : strcmp(word, "vm") == 0    ? &c->vm
					      : NULL;
	n = strtoul(value, &end, 10);
	if (!column || *value < '0' || *value > '9' || *end || n < 1 || n > COLUMNS_MAX)
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

/* Up to COLUMNS_MAX fields of a line; returns how many. */
static unsigned fields_of(const uint8_t *at, const uint8_t *end, char separator,
			  struct field *field)
{
	unsigned nr = 0;

	while (nr < COLUMNS_MAX) {
		const uint8_t *stop;

		while (at < end && *at == ' ' && separator != ' ')
			at++;
		if (at < end && *at == '"') {
			stop = memchr(at + 1, '"', (size_t)(end - at - 1));
			stop = stop ? stop : end;
			field[nr++] = (struct field){at + 1, stop};
			while (stop < end && *stop != (uint8_t)separator)
				stop++;
		} else {
			stop = memchr(at, separator, (size_t)(end - at));
			stop = stop ? stop : end;
			field[nr] = (struct field){at, stop};
			while (field[nr].end > at && field[nr].end[-1] == ' ')
				field[nr].end--;
			nr++;
		}
		if (stop >= end)
			break;
		at = stop + 1;
	}
	return nr;
}

static bool whole_number(struct field f, uint64_t *out)
{
	return trace_number(&f.at, f.end, out) && f.at == f.end;
}

static bool field_time(struct field f, uint64_t unit_ns, uint64_t *out)
{
	char text[48];
	size_t length = (size_t)(f.end - f.at);
	double value;
	char *end;

	if (whole_number(f, out))
		return !__builtin_mul_overflow(*out, unit_ns, out);
	if (!length || length >= sizeof(text))
		return false;
	memcpy(text, f.at, length);
	text[length] = '\0';
	value = strtod(text, &end);
	if (*end || !(value >= 0) || value * (double)unit_ns >= 1.8e19)
		return false;
	*out = (uint64_t)(value * (double)unit_ns);
	return true;
}

static bool field_writes(struct field f)
{
	static const char *const commands[] = {"2a", "8a", "0a", "aa", "2A", "8A", "0A", "AA", "1"};
	size_t length = (size_t)(f.end - f.at);

	if (length && (*f.at | 0x20) == 'w')
		return true;
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (length == strlen(commands[i]) && memcmp(f.at, commands[i], length) == 0)
			return true;
	return false;
}

/* At least two fields in each of the first lines, and as many in all of them. */
static unsigned csv_likely(const uint8_t *head, size_t bytes, bool last)
{
	const uint8_t *end = head + bytes;
	struct field field[COLUMNS_MAX];
	unsigned lines = 0, fields = 0;

	for (; head < end && lines < 20; lines++) {
		const uint8_t *newline = memchr(head, '\n', (size_t)(end - head));
		unsigned nr;

		if (!newline && !last)
			break;
		newline = newline ? newline : end;
		for (const uint8_t *p = head; p < newline; p++)
			if (*p < 9 || (*p > 13 && *p < 32))
				return 0;
		nr = fields_of(head, newline, ',', field);
		if (nr < 2 || (lines && nr != fields))
			return 0;
		fields = nr;
		head = newline + 1;
	}
	return lines ? 1 : 0;
}

static int csv_record(struct trace_reader *r, struct trace_batch *b, const uint8_t *line,
		      size_t length, struct error *error)
{
	const struct trace_csv_columns *c = &r->csv;
	struct field field[COLUMNS_MAX], id;
	unsigned nr = fields_of(line, line + length, c->separator, field);
	uint32_t i = b->nr;
	uint64_t vm = 0;

	if (nr < c->id || nr < c->time || nr < c->write || nr < c->vm)
		return trace_reader_fail(r, error, line,
					 "a line of %u columns; allowed: as many as "
					 "--columns names",
					 nr);
	id = field[c->id - 1];
	if (id.at == id.end)
		return trace_reader_fail(r, error, id.at, "an empty id");
	if (!whole_number(id, &b->id[i])) {
		if (r->line == 1)
			return 0; /* a header nobody announced */
		b->id[i] = XXH3_64bits(id.at, (size_t)(id.end - id.at));
	}
	if (c->time && !field_time(field[c->time - 1], c->time_unit_ns, &b->time_ns[i]))
		return trace_reader_fail(r, error, field[c->time - 1].at,
					 "a time that is no number, or too large");
	if (c->vm && (!whole_number(field[c->vm - 1], &vm) || vm >= UINT32_MAX))
		return trace_reader_fail(r, error, field[c->vm - 1].at,
					 "a VM that is no number below 2^32 - 1");
	b->vm[i] = (uint32_t)vm;
	b->write[i] = c->write && field_writes(field[c->write - 1]);
	b->nr++;
	return 0;
}

static int csv_open(struct trace_reader *r, struct error *error)
{
	if (r->csv.id)
		return 0;
	return error_user(error,
			  "%s: a table of text: say which column is the id, such as "
			  "--columns id=2",
			  r->source.path);
}

static int csv_read(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	const struct trace_csv_columns *c = &r->csv;

	r->has = (c->write ? TRACE_WRITES : 0) | (c->time ? TRACE_TIMES : 0) |
		 (c->vm ? TRACE_VMS : 0);
	while (b->nr < TRACE_BATCH) {
		const uint8_t *line;
		size_t length;
		int got = trace_reader_line(r, &line, &length, error);

		if (got <= 0)
			return got;
		if (!length || (c->header && r->line == 1))
			continue;
		got = csv_record(r, b, line, length, error);
		if (got)
			return got;
	}
	return 0;
}

const struct trace_format trace_format_csv = {
	.name = "csv",
	.about = "a table of text; --columns says which column is what",
	.endings = ".csv .tsv ",
	.text = true,
	.likely = csv_likely,
	.open = csv_open,
	.read = csv_read,
};
