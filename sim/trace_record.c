/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_record.c: a record of the memory manager (`ballast run --record`, docs/record-format.md) as a trace: the page
 * faults of real guests, as the host's pager was told of them.
 *
 * A request is a fault: a touch that found its page absent, be it for the first time, paged out, or withdrawn to see
 * whether it is used (a sample), or a write that found it protected. What a guest touches while the page is present leaves
 * nothing. So this is what a host's memory of that size missed under the policy that ran, not what the guests referenced;
 * docs/replay.md says what can be concluded. Whether an absent page was read or written is not known.
 *
 * The file is blocks, walked here with the offsets of the trace's source; the stream in them is mm/record_read.c's.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <xxhash.h>
#include <zstd.h>

#include "mm/record.h"
#include "sim/trace_reader.h"

#define MAGIC       "ballast-record1\n"
#define MAGIC_BYTES 16u
#define HEAD_BYTES  (4u << 20) /* unpacked, at most */
#define BLOCK_BYTES (256u << 10)
#define TEXT_BYTES  8192u /* of the table of calls */

enum block_kind { BLOCK_HEAD = 1, BLOCK_STREAM = 2 };

struct block {
	uint32_t kind, raw_bytes, stored_bytes, number;
	uint64_t before_bytes, checksum;
};

struct trace_record {
	struct mm_record_reader stream;
	struct trace_reader *reader;
	uint8_t *raw;
	uint32_t number; /* of the next block */
	uint64_t stream_bytes;
	uint64_t start_ns;
	bool ended;
	int failed; /* of the source of the stream, with these words */
	struct error error;
};

static unsigned record_likely(const uint8_t *head, size_t bytes, bool last)
{
	(void)last;
	return bytes >= MAGIC_BYTES && memcmp(head, MAGIC, MAGIC_BYTES) == 0 ? 4 : 0;
}

static void block_decode(const uint8_t *at, struct block *b)
{
	memcpy(b, at, sizeof(*b));
	b->kind = le32toh(b->kind);
	b->raw_bytes = le32toh(b->raw_bytes);
	b->stored_bytes = le32toh(b->stored_bytes);
	b->number = le32toh(b->number);
	b->before_bytes = le64toh(b->before_bytes);
	b->checksum = le64toh(b->checksum);
}

/* Over the header up to the sum, and the payload as stored. */
static bool checksum_fits(const uint8_t *at, const struct block *b)
{
	XXH3_state_t *state = XXH3_createState();
	uint64_t sum = ~b->checksum;

	if (!state)
		return false;
	XXH3_64bits_reset(state);
	XXH3_64bits_update(state, at, offsetof(struct block, checksum));
	XXH3_64bits_update(state, at + sizeof(*b), b->stored_bytes);
	sum = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return sum == b->checksum;
}

/* The next block's content into raw. 1; 0: the file ends here; -errno with words. */
static int block_next(struct trace_reader *r, enum block_kind kind, struct block *b,
		      struct error *error)
{
	const uint32_t most = kind == BLOCK_HEAD ? HEAD_BYTES : BLOCK_BYTES;
	struct trace_source *s = &r->source;
	struct trace_record *t = r->record;
	size_t nr;
	int err = trace_source_need(s, sizeof(*b), error);

	if (err)
		return err;
	if (!trace_source_left(s))
		return 0;
	if (trace_source_left(s) < sizeof(*b))
		return trace_reader_fail(r, error, s->at, "the record is cut short in a block");
	block_decode(s->at, b);
	if (b->kind != kind || b->number != t->number || b->before_bytes != t->stream_bytes ||
	    b->raw_bytes > most || b->stored_bytes > b->raw_bytes)
		return trace_reader_fail(r, error, s->at, "no block of a record begins here");
	err = trace_source_need(s, sizeof(*b) + b->stored_bytes, error);
	if (err)
		return err;
	if (trace_source_left(s) < sizeof(*b) + b->stored_bytes)
		return trace_reader_fail(r, error, s->at, "the record is cut short in a block");
	if (!checksum_fits(s->at, b))
		return trace_reader_fail(r, error, s->at, "a block is broken (checksum)");
	if (b->stored_bytes == b->raw_bytes) {
		memcpy(t->raw, s->at + sizeof(*b), b->raw_bytes);
	} else {
		nr = ZSTD_decompress(t->raw, most, s->at + sizeof(*b), b->stored_bytes);
		if (ZSTD_isError(nr) || nr != b->raw_bytes)
			return trace_reader_fail(r, error, s->at, "a block cannot be unpacked");
	}
	s->at += sizeof(*b) + b->stored_bytes;
	t->number++;
	t->stream_bytes += kind == BLOCK_STREAM ? b->raw_bytes : 0;
	return 1;
}

static size_t more(void *ctx, const uint8_t **bytes)
{
	struct trace_record *t = ctx;
	struct block b = {.raw_bytes = 0};

	while (!t->failed && !b.raw_bytes) {
		int got = block_next(t->reader, BLOCK_STREAM, &b, &t->error);

		if (got < 0)
			t->failed = got;
		if (got <= 0)
			return 0;
	}
	*bytes = t->raw;
	return t->failed ? 0 : b.raw_bytes;
}

/* Calls have numbers, which mean something only with the table of calls that the record was made with. */
static int head_check(struct trace_reader *r, const struct block *b, struct error *error)
{
	json_t *head = json_loadb((const char *)r->record->raw, b->raw_bytes, 0, NULL);
	const char *theirs = json_string_value(json_object_get(head, "calls"));
	char ours[TEXT_BYTES];
	bool same;

	mm_seam_text(ours, sizeof(ours));
	same = theirs && strcmp(theirs, ours) == 0;
	json_decref(head);
	return same ? 0
		    : trace_reader_fail(
			      r, error, r->source.at,
			      "the record was made by another version of the program, "
			      "whose manager has other calls; allowed: records of this one");
}

static void record_close(struct trace_reader *r)
{
	if (!r->record)
		return;
	mm_record_close(&r->record->stream);
	free(r->record->raw);
	free(r->record);
	r->record = NULL;
}

static int record_open(struct trace_reader *r, struct error *error)
{
	const struct mm_record_source source = {more, calloc(1, sizeof(struct trace_record))};
	struct trace_source *s = &r->source;
	struct block b;
	int got = trace_source_need(s, MAGIC_BYTES, error);

	r->record = source.ctx;
	if (got)
		return got;
	if (!record_likely(s->at, trace_source_left(s), true))
		return trace_reader_fail(r, error, s->at,
					 "no record: it does not begin with ballast-record1");
	if (!r->record || mm_record_open(&r->record->stream, &source))
		return error_host(error, ENOMEM, "%s", s->path);
	r->record->reader = r;
	r->record->raw = malloc(HEAD_BYTES);
	if (!r->record->raw)
		return error_host(error, ENOMEM, "%s", s->path);
	s->at += MAGIC_BYTES;
	got = block_next(r, BLOCK_HEAD, &b, error);
	if (got < 0)
		return got;
	if (!got)
		return trace_reader_fail(r, error, s->at, "the record ends before its head");
	r->has = TRACE_TIMES | TRACE_VMS;
	return head_check(r, &b, error);
}

/* The stream has no next item. */
static int stream_fail(struct trace_reader *r, int result, struct error *error)
{
	struct trace_record *t = r->record;

	if (t->failed) {
		*error = t->error;
		return t->failed;
	}
	return trace_reader_fail(r, error, r->source.at,
				 result == -ENODATA ? "the record is cut short"
						    : "what stands before is no call");
}

static bool has_more(struct trace_record *t)
{
	const uint8_t *bytes;

	return t->stream.at != t->stream.end || more(t, &bytes) || t->failed;
}

static int record_read(struct trace_reader *r, struct trace_batch *b, struct error *error)
{
	struct trace_record *t = r->record;
	const struct mm_args *args = &t->stream.args;

	while (b->nr < TRACE_BATCH && !t->ended) {
		int result = mm_record_next(&t->stream);

		if (result)
			return stream_fail(r, result, error);
		t->ended = args->call == MM_SEAM_END;
		if (t->ended && has_more(t))
			return trace_reader_fail(r, error, r->source.at,
						 "something follows the end of the record");
		if (args->call == MM_ENTRY_CREATE)
			t->start_ns = args->fixed[0];
		if (args->call != MM_ENTRY_FAULT)
			continue;
		b->time_ns[b->nr] = args->fixed[0] - t->start_ns;
		b->vm[b->nr] = (uint32_t)args->fixed[1];
		b->id[b->nr++] = args->fixed[2];
	}
	return 0;
}

const struct trace_format trace_format_record = {
	.name = "record",
	.about = "what `ballast run --record` made: the guests' page faults",
	.endings = ".record ",
	.likely = record_likely,
	.open = record_open,
	.close = record_close,
	.read = record_read,
};
