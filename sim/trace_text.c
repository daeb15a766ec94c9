/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_text.c: one id a line, decimal or 0x.., and behind it, if the trace has that, R or W.
 *
 * Empty lines, lines that begin with # and the lone * that marks a program's end in the LIRS authors' traces are passed
 * over. Anything else is an error that names the line: a wrong format that goes unnoticed gives wrong results.
 *
 * Most lines are digits and an end: they are read where they lie, 19 digits at most, so that no sum can overflow.
 */
#include "lib/words.h"
#include "sim/trace_reader.h"

#define PLAIN_DIGITS 19
#define PLAIN_LINE \
	32 /* bytes that must be there to read a line without looking for the end of the window */

/* How many bytes of text stand at the front, in lines of printable characters? 0: other bytes are among them. */
static size_t text_bytes(const uint8_t *head, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (head[i] == 127 ||
		    (head[i] < 32 && head[i] != '\n' && head[i] != '\t' && head[i] != '\r'))
			return 0;
	return bytes;
}

static int text_line(const uint8_t *at, const uint8_t *end, uint64_t *id, uint8_t *write)
{
	*write = 2; /* not said */
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (at == end || *at == '#' || (*at == '*' && end - at == 1))
		return 0;
	if (!trace_number(&at, end, id))
		return -1;
	if (at < end && *at != ' ' && *at != '\t')
		return -1;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	if (at < end && (*at | 0x20) == 'r')
		*write = 0;
	else if (at < end && (*at | 0x20) == 'w')
		*write = 1;
	else if (at < end)
		return -1;
	at += at < end;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at == end ? 1 : -1;
}

static unsigned text_likely(const uint8_t *head, size_t bytes, bool last)
{
	const uint8_t *end = head + bytes;
	unsigned requests = 0;

	if (!text_bytes(head, bytes))
		return 0;
	while (head < end) {
		const uint8_t *at = head;
		uint64_t id;
		uint8_t write;
		int is;

		while (at < end && *at != '\n')
			at++;
		if (at == end && !last)
			break;
		is = text_line(head, at - (at > head && at[-1] == '\r'), &id, &write);
		if (is < 0)
			return requests >= 2; /* a line is broken; better said by the reader */
		requests += is > 0;
		head = at + 1;
	}
	return requests ? 2 : 0;
}

static void read_plain(struct trace_reader *r, struct trace_batch *b)
{
	const uint8_t *p = r->source.at, *stop = r->source.end - PLAIN_LINE;
	uint32_t nr = b->nr;

	if (trace_source_left(&r->source) < PLAIN_LINE)
		return;
	while (nr < TRACE_BATCH && p < stop) {
		const uint8_t *first = p, *most = p + PLAIN_DIGITS;
		uint64_t value = 0;

		for (unsigned d; p < most && (d = *p - (unsigned)'0') <= 9; p++)
			value = value * 10 + d;
		if (p == first || *p != '\n') {
			p = first;
			break;
		}
		p++;
		b->write[nr] = 0;
		b->id[nr++] = value;
	}
	r->line += nr - b->nr;
	b->nr = nr;
	r->source.at = p;
}

static int text_read(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	while (b->nr < TRACE_BATCH) {
		const uint8_t *line;
		char text[64];
		size_t length;
		uint8_t write;
		int got;

		read_plain(r, b);
		if (b->nr == TRACE_BATCH)
			break;
		got = trace_reader_line(r, &line, &length, error);
		if (got <= 0)
			return got;
		got = text_line(line, line + length, &b->id[b->nr], &write);
		if (got < 0) {
			char copy[40] = "";

			for (size_t i = 0; i < length && i + 1 < sizeof(copy); i++)
				copy[i] = (char)line[i];
			return trace_reader_fail(
				r, error, line,
				"bad line '%s'; allowed: a number, then R or W or nothing",
				words_quote(copy, text, sizeof(text)));
		}
		if (write <= 1)
			r->has |= TRACE_WRITES;
		b->write[b->nr] = write == 1;
		b->nr += got > 0;
	}
	return 0;
}

const struct trace_format trace_format_text = {
	.name = "text",
	.about = "one id a line, decimal or 0x.., then R or W or nothing",
	.endings = ".txt .text .trace .trc ",
	.text = true,
	.likely = text_likely,
	.read = text_read,
};
