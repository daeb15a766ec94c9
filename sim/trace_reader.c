/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_reader.c: which format a file has, and the parts all readers share.
 *
 * Each format looks at the first bytes and says how sure it is. The surest wins; among equals, and if none is sure, the
 * one whose name or ending the file's name has (libCacheSim's own tools go by "oracleGeneral" in the name too). A name
 * alone is believed only for binary formats without a mark of their own. If nothing fits, the user is asked.
 *
 * Errors name the byte offset in the unpacked data, and the line in text.
 */
#include "sim/trace_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/words.h"

#define HEAD_BYTES (48u << 10)

extern const struct trace_format trace_format_oracle, trace_format_csv, trace_format_lackey,
	trace_format_text, trace_format_ballast, trace_format_vscsi, trace_format_pages,
	trace_format_record, trace_format_arc;

const struct trace_format *const trace_format_table[] = {
	&trace_format_oracle,  &trace_format_csv,
	&trace_format_lackey,  &trace_format_text,
	&trace_format_ballast, &trace_format_vscsi,
	&trace_format_pages,   &trace_format_record,
	&trace_format_arc,     NULL,
};

static char *format_names(char *buf, size_t bytes)
{
	struct words words = {0};

	words_add(&words, "auto");
	for (size_t i = 0; trace_format_table[i]; i++)
		words_add(&words, trace_format_table[i]->name);
	return words_join(&words, buf, bytes);
}

static const struct trace_format *format_find(const char *name)
{
	for (size_t i = 0; trace_format_table[i]; i++)
		if (strcmp(trace_format_table[i]->name, name) == 0)
			return trace_format_table[i];
	return NULL;
}

/* The file's name without its folder and the ending of its packing. */
static void plain_name(const struct trace_source *s, char *out, size_t bytes)
{
	const char *slash = strrchr(s->path, '/');
	size_t length;

	snprintf(out, bytes, "%s", slash ? slash + 1 : s->path);
	length = strlen(out);
	if (s->packing && length > 4) {
		char *dot = strrchr(out, '.');

		if (dot && dot > out)
			*dot = '\0';
	}
}

static bool name_fits(const struct trace_format *f, const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *at = f->endings;

	if (strcasestr(name, f->name) && strlen(f->name) > 4)
		return true;
	for (; dot && *at; at += strcspn(at, " ") + 1)
		if (strlen(dot) == strcspn(at, " ") && strncasecmp(at, dot, strlen(dot)) == 0)
			return true;
	return false;
}

/* Of the mark that some programs put in front of a text in UTF-8. */
static size_t mark_bytes(const struct trace_source *s)
{
	return trace_source_left(s) >= 3 && memcmp(s->at, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static int format_detect(struct trace_reader *r, struct error *error)
{
	struct trace_source *s = &r->source;
	unsigned best = 0;
	char name[256], list[200];
	int err = 0;

	while (trace_source_left(s) < HEAD_BYTES && !s->done && !err) {
		err = trace_source_more(s, error);
		if (err == 0)
			break;
		err = err < 0 ? err : 0;
	}
	if (err && !trace_source_left(s))
		return err;
	plain_name(s, name, sizeof(name));
	for (size_t i = 0; trace_format_table[i]; i++) {
		const struct trace_format *f = trace_format_table[i];
		size_t skip = f->text ? mark_bytes(s) : 0;
		unsigned score = 2 * f->likely(s->at + skip, trace_source_left(s) - skip, s->done);

		score += score && name_fits(f, name);
		if (score > best) {
			best = score;
			r->format = f;
		}
	}
	for (size_t i = 0; !best && trace_format_table[i]; i++)
		if (!trace_format_table[i]->text && name_fits(trace_format_table[i], name))
			r->format = trace_format_table[i];
	if (r->format)
		return 0;
	if (!trace_source_left(s))
		return error_user(error, "%s: the trace is empty", s->path);
	return error_user(
		error,
		"%s: byte 0: this is no trace of a known format; say which with "
		"--format (csv of several columns also needs --columns id=N), allowed: %s",
		s->path, format_names(list, sizeof(list)));
}

int trace_options_check(const struct trace_options *o, struct error *error)
{
	bool named = o->format && strcmp(o->format, "auto") != 0;
	struct trace_csv_columns columns;
	char list[200], quoted[48];

	if (named && !format_find(o->format))
		return error_user(error, "--format '%s' is unknown; allowed: %s",
				  words_quote(o->format, quoted, sizeof(quoted)),
				  format_names(list, sizeof(list)));
	if (o->columns && named && strcmp(o->format, "csv") != 0)
		return error_user(error, "--columns goes with --format csv, not with %s",
				  o->format);
	if (o->block_bytes && !o->split_bytes)
		return error_user(error, "--block goes with --split");
	if (o->shift_given && o->split_bytes)
		return error_user(error, "--shift and --split exclude each other");
	return o->columns ? trace_csv_columns_parse(o->columns, &columns, error) : 0;
}

int trace_reader_open(struct trace_reader *r, const char *path, const struct trace_options *options,
		      struct error *error)
{
	int err = trace_options_check(options, error);

	*r = (struct trace_reader){.want = options->want,
				   .csv = {.separator = ',', .time_unit_ns = 1}};
	r->source.fd = -1;
	if (err)
		return err;
	if (options->format && strcmp(options->format, "auto") != 0)
		r->format = format_find(options->format);
	if (options->columns) {
		trace_csv_columns_parse(options->columns, &r->csv, error);
		r->format = &trace_format_csv;
	}
	err = trace_source_open(&r->source, path, options->watch, error);
	if (err)
		return err;
	if (!r->format)
		err = format_detect(r, error);
	if (!err && r->format->text)
		r->source.at += mark_bytes(&r->source);
	if (!err)
		err = trace_span_options(r, options, error);
	if (!err && r->format->open)
		err = r->format->open(r, error);
	if (err)
		trace_reader_close(r);
	return err;
}

int trace_reader_next(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	int err;

	b->nr = 0;
	if (r->failed) {
		*error = r->failure;
		return r->failed;
	}
	err = r->format->read(r, b, &r->failure);
	if (err && !b->nr) {
		*error = r->failure;
		return err;
	}
	r->failed = err;
	if (r->shift)
		for (uint32_t i = 0; i < b->nr; i++)
			b->id[i] >>= r->shift;
	r->requests += b->nr;
	return b->nr != 0;
}

void trace_reader_close(struct trace_reader *r)
{
	if (r->format && r->format->close)
		r->format->close(r);
	trace_source_close(&r->source);
}

int trace_reader_fail(struct trace_reader *r, struct error *error, const uint8_t *at,
		      const char *format, ...)
{
	unsigned long long offset = trace_source_offset(&r->source, at);
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (r->format && r->format->text)
		return error_user(error, "%s:%llu: %s (byte %llu)", r->source.path,
				  (unsigned long long)r->line, text, offset);
	return error_user(error, "%s: byte %llu: %s", r->source.path, offset, text);
}

int trace_reader_line(struct trace_reader *r, const uint8_t **line, size_t *length,
		      struct error *error)
{
	struct trace_source *s = &r->source;
	const uint8_t *newline;
	size_t seen = 0;

	for (;;) {
		size_t left = trace_source_left(s);
		int got;

		newline = memchr(s->at + seen, '\n', left - seen);
		if (newline)
			break;
		seen = left;
		if (left > TRACE_LINE_BYTES) {
			r->line++;
			return trace_reader_fail(r, error, s->at, "a line of more than %u bytes",
						 TRACE_LINE_BYTES);
		}
		got = trace_source_more(s, error);
		if (got < 0)
			return got;
		if (!got && !left)
			return 0;
		if (!got) { /* the last line may lack its end */
			newline = s->end;
			break;
		}
	}
	r->line++;
	*line = s->at;
	*length = (size_t)(newline - s->at);
	s->at = newline < s->end ? newline + 1 : newline;
	if (*length && (*line)[*length - 1] == '\r')
		--*length;
	return 1;
}

static unsigned digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16;
}

bool trace_number(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
	const uint8_t *p = *at;
	unsigned base = 10;
	uint64_t value = 0;

	if (end - p > 2 && p[0] == '0' && (p[1] | 0x20) == 'x') {
		base = 16;
		p += 2;
	}
	if (p == end || digit_of(*p) >= base)
		return false;
	for (unsigned d; p < end && (d = digit_of(*p)) < base; p++)
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, d, &value))
			return false;
	*at = p;
	*out = value;
	return true;
}
