/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_csv.c: tables of text, with the user's word on which column is what.
 *
 * An id is a number, decimal or 0x.., or any other text (object names), which stands for its hash: XXH3-64, so that two
 * of a million names collide once in 37 million traces. Quotes around a field are taken off. Writes are 1, w.., W.., or
 * the SCSI write commands 2a, 8a, 0a, aa; everything else reads. Times are decimal numbers in the unit given.
 * Which column is the id nobody can guess, so it must be said, unless there is one column only, or the names in the first
 * line are those that `ballast trace convert` writes. A first line whose id field is not a number is a header.
 */
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "sim/trace_reader.h"

#define COLUMNS_MAX TRACE_CSV_COLUMNS_MAX

struct field {
	const uint8_t *at, *end;
};

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

/* What `ballast trace convert` calls its columns. */
static bool own_names(const struct field *field, unsigned nr, struct trace_csv_columns *c)
{
	static const char *const names[] = {"id", "write", "time_ns", "vm"};
	uint8_t *const column[] = {&c->id, &c->write, &c->time, &c->vm};

	for (unsigned i = 0; i < nr; i++) {
		size_t length = (size_t)(field[i].end - field[i].at);
		unsigned k = 0;

		while (k < 4 &&
		       (strlen(names[k]) != length || memcmp(names[k], field[i].at, length) != 0))
			k++;
		if (k == 4 || *column[k])
			return false;
		*column[k] = (uint8_t)(i + 1);
	}
	return c->id != 0;
}

/*
 * At least two fields in each of the first lines, and as many in all of them; or one, which is a number but in the
 * first line. Columns of other text are left to --format.
 */
static unsigned csv_likely(const uint8_t *head, size_t bytes, bool last)
{
	const uint8_t *end = head + bytes;
	struct field field[COLUMNS_MAX];
	unsigned lines = 0, fields = 0, numbers = 0;

	for (const uint8_t *newline; head < end && lines < 20; head = newline + 1) {
		const uint8_t *stop;
		unsigned nr;
		uint64_t value;

		newline = memchr(head, '\n', (size_t)(end - head));
		if (!newline && !last)
			break;
		newline = newline ? newline : end;
		for (const uint8_t *p = head; p < newline; p++)
			if (*p < 9 || (*p > 13 && *p < 32))
				return 0;
		stop = newline - (newline > head && newline[-1] == '\r');
		nr = fields_of(head, stop, ',', field);
		if (stop == head)
			continue;
		if (lines && nr != fields)
			return 0;
		numbers += lines && whole_number(field[0], &value);
		fields = nr;
		lines++;
	}
	return lines && (fields > 1 || (lines > 1 && numbers == lines - 1)) ? 1 : 0;
}

/* How many bytes the request has, after its id was read; 0: not said. */
static int csv_size(struct trace_reader *r, const struct field *field, bool number, uint64_t *out,
		    struct error *error)
{
	unsigned column = r->csv.blocks ? r->csv.blocks : r->csv.size;
	struct field f;

	*out = 0;
	if (!column)
		return 0;
	f = field[column - 1];
	if (!number)
		return trace_reader_fail(r, error, field[r->csv.id - 1].at,
					 "an id that is no number: such requests cannot be split");
	if (!whole_number(f, out) ||
	    (r->csv.blocks && __builtin_mul_overflow(*out, r->block_bytes, out)))
		return trace_reader_fail(r, error, f.at, "a size that is no number, or too large");
	return 0;
}

static int csv_record(struct trace_reader *r, struct trace_batch *b, const uint8_t *line,
		      size_t length, struct error *error)
{
	const struct trace_csv_columns *c = &r->csv;
	struct field field[COLUMNS_MAX], id;
	unsigned nr = fields_of(line, line + length, c->separator, field);
	struct trace_span request = {.id = 0};
	uint64_t vm = 0, bytes;
	bool number;
	int err;

	if (nr < c->id || nr < c->time || nr < c->write || nr < c->vm || nr < c->size ||
	    nr < c->blocks)
		return trace_reader_fail(r, error, line,
					 "a line of %u columns; allowed: as many as "
					 "--columns names",
					 nr);
	id = field[c->id - 1];
	if (id.at == id.end)
		return trace_reader_fail(r, error, id.at, "an empty id");
	number = whole_number(id, &request.id);
	if (!number && r->line == 1)
		return 0; /* a header nobody announced */
	if (!number && r->shift)
		return trace_reader_fail(
			r, error, id.at,
			"an id that is no number (decimal or 0x..): --shift is for "
			"numbers");
	if (!number)
		request.id = XXH3_64bits(id.at, (size_t)(id.end - id.at));
	if (c->time && !field_time(field[c->time - 1], c->time_unit_ns, &request.time_ns))
		return trace_reader_fail(r, error, field[c->time - 1].at,
					 "a time that is no number, or too large");
	if (c->vm && (!whole_number(field[c->vm - 1], &vm) || vm >= UINT32_MAX))
		return trace_reader_fail(r, error, field[c->vm - 1].at,
					 "a VM that is no number below 2^32 - 1");
	request.vm = (uint32_t)vm;
	request.write = c->write && field_writes(field[c->write - 1]);
	err = csv_size(r, field, number, &bytes, error);
	return err ? err : trace_span_put(r, b, &request, bytes, id.at, error);
}

/* Into the window, as far as it is there. */
static int first_line(struct trace_reader *r, struct field *field, unsigned *nr,
		      struct error *error)
{
	struct trace_source *s = &r->source;
	const uint8_t *end;
	int got = 1;

	while (!(end = memchr(s->at, '\n', trace_source_left(s))) && got > 0 &&
	       trace_source_left(s) < TRACE_LINE_BYTES)
		got = trace_source_more(s, error);
	if (got < 0)
		return got;
	end = end ? end : s->end;
	*nr = fields_of(s->at, end - (end > s->at && end[-1] == '\r'), r->csv.separator, field);
	return 0;
}

/* As --columns is believed without a look at the lines: a trace of another format must not pass for a table of names. */
static int text_check(struct trace_reader *r, struct error *error)
{
	for (const uint8_t *p = r->source.at; p < r->source.end; p++)
		if (*p < 9 || (*p > 13 && *p < 32))
			return error_user(
				error, "%s: byte %llu is 0x%02x: this is no table of text (csv)",
				r->source.path,
				(unsigned long long)trace_source_offset(&r->source, p), *p);
	return 0;
}

static int csv_open(struct trace_reader *r, struct error *error)
{
	struct trace_csv_columns *c = &r->csv, own = *c;
	struct field field[COLUMNS_MAX];
	unsigned nr = 0;
	int err = first_line(r, field, &nr, error);

	if (!err)
		err = text_check(r, error);
	if (err)
		return err;
	if (!c->id && nr == 1) {
		c->id = 1;
	} else if (!c->id && !c->time && !c->write && !c->vm && own_names(field, nr, &own)) {
		*c = own;
		c->header = true;
	}
	if (!c->id)
		return error_user(error,
				  "%s: a table of %u columns: say which one is the id, such as "
				  "--columns id=2",
				  r->source.path, nr);
	if (c->size && c->blocks)
		return error_user(error, "--columns: size and blocks exclude each other");
	if ((c->size || c->blocks) != (r->split_bytes != 0))
		return error_user(error,
				  r->split_bytes
					  ? "--split: format csv needs the column that says how "
					    "long a request is: --columns size=N (bytes) or "
					    "blocks=N (of --block)"
					  : "--columns: size and blocks go with --split");
	return 0;
}

static int csv_read(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	const struct trace_csv_columns *c = &r->csv;

	r->has = (c->write ? TRACE_WRITES : 0) | (c->time ? TRACE_TIMES : 0) |
		 (c->vm ? TRACE_VMS : 0);
	trace_span_rest(r, b);
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
	.sized = true,
	.likely = csv_likely,
	.open = csv_open,
	.read = csv_read,
};
