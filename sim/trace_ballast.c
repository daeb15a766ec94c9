/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_ballast.c: reads Ballast's own trace format, docs/trace-format.md.
 *
 * A block is read into the window as a whole and its checksum tested before a single number of it is believed; then
 * lengths are tested all the same, since a checksum is no proof against a file made to do harm. Columns follow each
 * other, each with its own end known or found by skipping, so that a block is decoded in steps of a batch.
 */
#include <endian.h>
#include <string.h>

#include <xxhash.h>

#include "sim/trace_block.h"
#include "sim/trace_reader.h"

static uint64_t u64_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static unsigned ballast_likely(const uint8_t *head, size_t bytes, bool last)
{
	(void)last;
	return bytes >= 8 && memcmp(head, TRACE_MAGIC, 8) == 0 ? 4 : 0;
}

static int ballast_open(struct trace_reader *r, struct error *error)
{
	struct trace_source *s = &r->source;
	struct trace_file_head head;
	int err = trace_source_need(s, sizeof(head), error);

	if (err)
		return err;
	if (trace_source_left(s) < sizeof(head))
		return trace_reader_fail(r, error, s->at,
					 "the trace is cut short in its first 64 bytes");
	memcpy(&head, s->at, sizeof(head));
	if (memcmp(head.magic, TRACE_MAGIC, 8) != 0)
		return trace_reader_fail(r, error, s->at,
					 "no ballast trace: it does not begin with "
					 "BALTRACE");
	if (XXH3_64bits(s->at, sizeof(head) - 8) != le64toh(head.check))
		return trace_reader_fail(r, error, s->at,
					 "the first 64 bytes are broken (checksum)");
	if (le32toh(head.version) != TRACE_VERSION)
		return trace_reader_fail(r, error, s->at, "version %u of the format; allowed: %u",
					 le32toh(head.version), TRACE_VERSION);
	r->has = le32toh(head.has);
	r->thinning = le32toh(head.thinning);
	r->thinning_pages = le32toh(head.thinning_pages);
	r->whole_requests = le64toh(head.whole_requests);
	if (r->has > 15 || r->thinning > TRACE_FILTER)
		return trace_reader_fail(r, error, s->at, "columns or thinning of a newer program");
	s->at += sizeof(head);
	return 0;
}

/* Moves over nr varints. NULL: the payload ends before. */
static const uint8_t *skip(const uint8_t *p, const uint8_t *end, uint32_t nr)
{
	for (; nr; nr--) {
		while (p < end && *p & 0x80)
			p++;
		if (p >= end)
			return NULL;
		p++;
	}
	return p;
}

static bool columns_find(struct trace_reader *r, const uint8_t *p, const uint8_t *end)
{
	struct trace_cursor *c = &r->block;
	uint32_t nr = c->records;

	c->end = end;
	c->id = p;
	p = skip(p, end, nr);
	if (!p)
		return false;
	if (r->has & TRACE_WRITES) {
		c->write = p;
		if ((size_t)(end - p) < (nr + 7) / 8)
			return false;
		p += (nr + 7) / 8;
	}
	if (r->has & TRACE_TIMES) {
		c->time = p;
		p = skip(p, end, nr);
		if (!p)
			return false;
	}
	if (r->has & TRACE_VMS) {
		c->vm = p;
		p = skip(p, end, nr);
		if (!p)
			return false;
	}
	c->hash = p;
	return (size_t)(end - p) == (r->has & TRACE_HASHES ? nr * 8ull : 0);
}

static int block_end(struct trace_reader *r, const uint8_t *payload, size_t bytes,
		     struct error *error)
{
	struct trace_source *s = &r->source;
	int err;

	if (bytes != 8 || u64_at(payload) != r->block.total)
		return trace_reader_fail(r, error, s->at,
					 "the end counts %llu requests, the blocks %llu",
					 bytes == 8 ? (unsigned long long)u64_at(payload) : 0,
					 (unsigned long long)r->block.total);
	s->at = payload + bytes;
	r->block.ended = true;
	err = trace_source_need(s, 1, error);
	if (!err && trace_source_left(s))
		return trace_reader_fail(r, error, s->at, "bytes behind the end");
	return err;
}

/* The next block, whole, into the window. 0 with records = 0: the end. */
static int block_next(struct trace_reader *r, struct error *error)
{
	struct trace_source *s = &r->source;
	struct trace_cursor *c = &r->block;
	struct trace_block_head head;
	uint32_t records, bytes;
	int err = trace_source_need(s, sizeof(head), error);

	if (err)
		return err;
	if (trace_source_left(s) < sizeof(head))
		return trace_reader_fail(r, error, s->at,
					 "the trace is cut short: its end is missing");
	memcpy(&head, s->at, sizeof(head));
	records = le32toh(head.records);
	bytes = le32toh(head.bytes);
	if (le32toh(head.mark) != TRACE_BLOCK_MARK || head.zero || records > TRACE_BLOCK_RECORDS ||
	    bytes > TRACE_BLOCK_RECORDS * TRACE_RECORD_BYTES)
		return trace_reader_fail(r, error, s->at, "a block should begin here and does not");
	err = trace_source_need(s, sizeof(head) + bytes, error);
	if (err)
		return err;
	if (trace_source_left(s) < sizeof(head) + bytes)
		return trace_reader_fail(r, error, s->at, "the trace is cut short in this block");
	if (XXH3_64bits_withSeed(s->at + sizeof(head), bytes, trace_block_seed(records, bytes)) !=
	    le64toh(head.check))
		return trace_reader_fail(r, error, s->at, "this block is broken (checksum)");
	*c = (struct trace_cursor){.records = records, .total = c->total};
	c->bytes = sizeof(head) + bytes;
	if (!records)
		return block_end(r, s->at + sizeof(head), bytes, error);
	if (!columns_find(r, s->at + sizeof(head), s->at + c->bytes))
		return trace_reader_fail(r, error, s->at,
					 "this block's columns do not fit its length");
	return 0;
}

/* All varints were skipped over before: they end inside the payload. */
static inline uint64_t varint(const uint8_t **at)
{
	const uint8_t *p = *at;
	uint64_t v = *p & 0x7f;

	for (unsigned shift = 7; *p++ & 0x80; shift += 7)
		v |= shift < 64 ? (uint64_t)(*p & 0x7f) << shift : 0;
	*at = p;
	return v;
}

static void block_decode(struct trace_reader *r, struct trace_batch *b)
{
	struct trace_cursor *c = &r->block;
	uint32_t nr = c->records - c->at < TRACE_BATCH ? c->records - c->at : TRACE_BATCH;

	for (uint32_t i = 0; i < nr; i++)
		b->id[i] = c->last_id += zagzig(varint(&c->id));
	for (uint32_t i = 0; i < nr && r->has & TRACE_WRITES; i++)
		b->write[i] = c->write[(c->at + i) / 8] >> (c->at + i) % 8 & 1;
	for (uint32_t i = 0; i < nr && r->has & TRACE_TIMES; i++)
		b->time_ns[i] = c->last_time += zagzig(varint(&c->time));
	for (uint32_t i = 0; i < nr && r->has & TRACE_VMS; i++)
		b->vm[i] = (uint32_t)varint(&c->vm);
	for (uint32_t i = 0; i < nr && r->has & TRACE_HASHES; i++)
		b->hash[i] = u64_at(c->hash + (c->at + i) * 8ull);
	b->nr = nr;
	c->at += nr;
}

static int ballast_read(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	struct trace_cursor *c = &r->block;

	if (c->at == c->records && !c->ended) {
		int err;

		r->source.at += c->bytes;
		c->total += c->records;
		c->at = c->records = 0;
		c->bytes = 0;
		err = block_next(r, error);
		if (err)
			return err;
	}
	if (!c->ended)
		block_decode(r, b);
	return 0;
}

const struct trace_format trace_format_ballast = {
	.name = "ballast",
	.about = "Ballast's own, docs/trace-format.md",
	.endings = ".btrace ",
	.likely = ballast_likely,
	.open = ballast_open,
	.read = ballast_read,
};
