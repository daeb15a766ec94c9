/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_arc.c: the format of the traces that the authors of ARC published (Megiddo and Modha, FAST 2003; NAME.lis).
 *
 * Four numbers a line: first block, how many blocks, a number that is to be ignored, and the number of the request, from
 * 0. Blocks have 512 bytes, and each is a request of its own: so do the paper and everybody who compares with it. With
 * --split P it is each page of P bytes instead. All requests are reads.
 */
#include <string.h>

#include "lib/words.h"
#include "sim/trace_reader.h"

#define BLOCK_BYTES 512u
#define BLOCKS_MAX  (1u << 20) /* of a request; the longest one in the paper's traces is 512 */
#define LINES_SEEN  50u

struct arc_line {
	uint64_t first, blocks, ignored, number;
};

static const uint8_t *blanks(const uint8_t *at, const uint8_t *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

/* 1: a request; 0: an empty line; -1: neither. */
static int arc_line(const uint8_t *at, const uint8_t *end, struct arc_line *out)
{
	uint64_t *const field[] = {&out->first, &out->blocks, &out->ignored, &out->number};

	at = blanks(at, end);
	if (at == end)
		return 0;
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *next;

		if (!trace_number(&at, end, field[i]))
			return -1;
		next = blanks(at, end);
		if (next == at && i < 3)
			return -1;
		at = next;
	}
	return at == end && out->blocks && out->blocks <= BLOCKS_MAX ? 1 : -1;
}

/* Requests that are numbered: nothing else looks so. Four numbers of which the last are no numbering may be something. */
static unsigned arc_likely(const uint8_t *head, size_t bytes, bool last)
{
	const uint8_t *end = head + bytes;
	struct arc_line line = {.number = 0};
	unsigned lines = 0, numbered = 0;

	while (head < end && lines < LINES_SEEN) {
		const uint8_t *newline = memchr(head, '\n', (size_t)(end - head));
		uint64_t before = line.number;
		int is;

		if (!newline && !last)
			break;
		newline = newline ? newline : end;
		is = arc_line(head, newline - (newline > head && newline[-1] == '\r'), &line);
		if (is < 0)
			break; /* a line is broken; better said by the reader */
		numbered += is && (lines ? line.number == before + 1 : line.number == 0);
		lines += is > 0;
		head = newline + 1;
	}
	if (lines == 1 && head < end)
		return numbered; /* one line is little */
	return !lines ? 0 : numbered && numbered + 1 >= lines ? 3 : 1;
}

static int arc_read(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	trace_span_rest(r, b);
	while (b->nr < TRACE_BATCH) {
		const uint8_t *at;
		struct arc_line line;
		char copy[40] = "", text[64];
		size_t length;
		int got = trace_reader_line(r, &at, &length, error);

		if (got <= 0)
			return got;
		got = arc_line(at, at + length, &line);
		if (got < 0) {
			memcpy(copy, at, length < sizeof(copy) ? length : sizeof(copy) - 1);
			return trace_reader_fail(r, error, at,
						 "bad line '%s'; allowed: first block, 1 to %u "
						 "blocks, a number that "
						 "is ignored, number of the request",
						 words_quote(copy, text, sizeof(text)), BLOCKS_MAX);
		}
		if (got)
			got = trace_span_put(r, b, &(struct trace_span){.id = line.first},
					     line.blocks * BLOCK_BYTES, at, error);
		if (got)
			return got;
	}
	return 0;
}

const struct trace_format trace_format_arc = {
	.name = "arc",
	.about = "the ARC paper's: first block, blocks, ignored, request number",
	.endings = ".lis ",
	.text = true,
	.sized = true,
	.block_bytes = BLOCK_BYTES,
	.split_bytes = BLOCK_BYTES,
	.likely = arc_likely,
	.read = arc_read,
};
