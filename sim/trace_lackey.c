/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_lackey.c: what `valgrind --tool=lackey --trace-mem=yes` prints: "I  04001,3", " L 1ffe,8", " S ..", " M ..".
 *
 * Instruction fetches, loads, stores, and modifications, which are one request that writes. Ids are addresses; pages are
 * had by a shift of 12. An access over the end of a page is a request to each. valgrind's own lines, which begin with ==
 * or --, are passed over.
 */
#include "lib/words.h"
#include "sim/trace_reader.h"

#include <string.h>

static bool hex(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
	const uint8_t *p = *at;

	*out = 0;
	for (; p < end && p - *at < 16; p++) {
		unsigned c = *p | 0x20u;

		if (*p >= '0' && *p <= '9')
			*out = *out << 4 | (*p - '0');
		else if (c >= 'a' && c <= 'f')
			*out = *out << 4 | (c - 'a' + 10);
		else
			break;
	}
	if (p == *at)
		return false;
	*at = p;
	return true;
}

/* 1: an access; 0: a line of valgrind's own; -1: neither. */
static int lackey_line(const uint8_t *at, const uint8_t *end, char *kind, uint64_t *address,
		       uint64_t *bytes)
{
	if (end - at < 2 || memcmp(at, "==", 2) == 0 || memcmp(at, "--", 2) == 0)
		return end == at || end - at >= 2 ? 0 : -1;
	*kind = (char)(at[0] == 'I' ? 'I' : at[1]);
	if (end - at < 6 || (at[0] != 'I' && at[0] != ' ') || !strchr("ILSM", *kind) || !*kind)
		return -1;
	at += 2;
	while (at < end && *at == ' ')
		at++;
	if (!hex(&at, end, address) || at == end || *at++ != ',' ||
	    !trace_number(&at, end, bytes) || at != end || !*bytes || *bytes > 4096)
		return -1;
	return 1;
}

static unsigned lackey_likely(const uint8_t *head, size_t bytes, bool last)
{
	const uint8_t *end = head + bytes;
	unsigned accesses = 0;

	while (head < end && accesses < 20) {
		const uint8_t *newline = memchr(head, '\n', (size_t)(end - head));
		uint64_t address, size;
		char kind;
		int is;

		if (!newline && !last)
			break;
		newline = newline ? newline : end;
		is = lackey_line(head, newline, &kind, &address, &size);
		if (is < 0)
			return 0;
		accesses += is > 0;
		head = newline + 1;
	}
	return accesses ? 3 : 0;
}

static int lackey_read(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	uint64_t address = 0, bytes = 0;
	const uint8_t *line;
	size_t length;
	char kind = 0;

	r->has |= TRACE_WRITES;
	while (b->nr + 2 <= TRACE_BATCH) {
		int got = trace_reader_line(r, &line, &length, error);

		if (got <= 0)
			return got;
		got = lackey_line(line, line + length, &kind, &address, &bytes);
		if (got < 0) {
			char copy[40] = "", text[64];

			memcpy(copy, line, length < sizeof(copy) ? length : sizeof(copy) - 1);
			return trace_reader_fail(
				r, error, line,
				"bad line '%s'; allowed: I, L, S or M, an address in hex, a comma, "
				"1 to 4096 bytes",
				words_quote(copy, text, sizeof(text)));
		}
		if (!got)
			continue;
		b->write[b->nr] = kind == 'S' || kind == 'M';
		b->id[b->nr++] = address;
		if (((address + bytes - 1) ^ address) >> r->shift && address + bytes > address) {
			b->write[b->nr] = b->write[b->nr - 1];
			b->id[b->nr++] = address + bytes - 1;
		}
	}
	return 0;
}

const struct trace_format trace_format_lackey = {
	.name = "lackey",
	.about = "output of valgrind --tool=lackey --trace-mem=yes; addresses",
	.endings = ".lackey ",
	.text = true,
	.shift = 12,
	.likely = lackey_likely,
	.read = lackey_read,
};
