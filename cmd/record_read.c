/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_read.c: the reading half of record_file.h. Every message names the file and the byte in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "cmd/record_file.h"
#include "lib/words.h"

#define STORED_MOST (RECORD_HEAD_BYTES * 2u)

struct record_reader {
	int fd;
	char shown[200]; /* the path, fit for a message */
	json_t *head;
	uint64_t offset, block_offset; /* behind what was read; of the block in raw */
	uint32_t nr_blocks;
	uint64_t stream_bytes;
	uint8_t *stored, *raw;
	int verdict;
	struct error error; /* if verdict */
};

/* Reads that many bytes: how many there were, or -errno. */
static ssize_t read_all(struct record_reader *r, void *to, size_t nr)
{
	size_t done = 0;

	while (done < nr) {
		ssize_t n = read(r->fd, (uint8_t *)to + done, nr - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	r->offset += done;
	return (ssize_t)done;
}

static int broken(struct record_reader *r, uint64_t at, const char *what)
{
	r->verdict = error_user(&r->error, "%s: byte %" PRIu64 ": %s", r->shown, at, what);
	return r->verdict;
}

static uint64_t checksum(const struct record_block *b, const uint8_t *stored)
{
	XXH3_state_t *state = XXH3_createState();
	uint64_t sum = ~b->checksum;

	if (!state)
		return sum;
	XXH3_64bits_reset(state);
	XXH3_64bits_update(state, b, offsetof(struct record_block, checksum));
	XXH3_64bits_update(state, stored, b->stored_bytes);
	sum = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return sum;
}

static int unpack(struct record_reader *r, const struct record_block *b, size_t room)
{
	size_t nr;

	if (b->raw_bytes > room)
		return broken(r, r->block_offset, "a block is longer than it may be");
	if (b->stored_bytes == b->raw_bytes) {
		memcpy(r->raw, r->stored, b->raw_bytes);
		return 0;
	}
	nr = ZSTD_decompress(r->raw, room, r->stored, b->stored_bytes);
	if (ZSTD_isError(nr) || nr != b->raw_bytes)
		return broken(r, r->block_offset, "a block cannot be decompressed");
	return 0;
}

/* The next block's content is in r->raw; 1: the file is at its end. */
static int next_block(struct record_reader *r, enum record_kind kind, struct record_block *b)
{
	const size_t room = kind == RECORD_HEAD ? RECORD_HEAD_BYTES : RECORD_BLOCK_BYTES;
	ssize_t n;

	r->block_offset = r->offset;
	n = read_all(r, b, sizeof(*b));
	if (n == 0)
		return 1;
	if (n < 0)
		return r->verdict = error_host(&r->error, (int)-n, "%s", r->shown);
	if (n < (ssize_t)sizeof(*b))
		return broken(r, r->block_offset, "the file ends within a block");
	if (b->kind != kind || b->number != r->nr_blocks || b->before_bytes != r->stream_bytes ||
	    b->stored_bytes > STORED_MOST)
		return broken(r, r->block_offset, "no block of a record begins here");
	n = read_all(r, r->stored, b->stored_bytes);
	if (n < 0)
		return r->verdict = error_host(&r->error, (int)-n, "%s", r->shown);
	if (n < (ssize_t)b->stored_bytes)
		return broken(r, r->block_offset, "the file ends within a block");
	if (checksum(b, r->stored) != b->checksum)
		return broken(r, r->block_offset, "a block's checksum is wrong");
	r->nr_blocks++;
	r->stream_bytes += kind == RECORD_STREAM ? b->raw_bytes : 0;
	return unpack(r, b, room);
}

static size_t more(void *ctx, const uint8_t **bytes)
{
	struct record_reader *r = ctx;
	struct record_block b;

	do
		if (r->verdict || next_block(r, RECORD_STREAM, &b))
			return 0;
	while (!b.raw_bytes);
	*bytes = r->raw;
	return b.raw_bytes;
}

static int read_head(struct record_reader *r)
{
	char magic[RECORD_MAGIC_BYTES];
	struct record_block b;
	json_error_t why;
	ssize_t n = read_all(r, magic, sizeof(magic));
	int err;

	if (n < 0)
		return r->verdict = error_user(&r->error,
					       "%s: cannot be read: %s; allowed: a file "
					       "that `ballast run --record` made",
					       r->shown, strerror((int)-n));
	if (n < (ssize_t)sizeof(magic) || memcmp(magic, RECORD_MAGIC, sizeof(magic)) != 0)
		return broken(
			r, 0,
			"this is no record; allowed: a file that `ballast run --record` made");
	err = next_block(r, RECORD_HEAD, &b);
	if (err > 0)
		return broken(r, r->offset, "the file ends before its head");
	if (err)
		return err;
	r->head = json_loadb((const char *)r->raw, b.raw_bytes, JSON_REJECT_DUPLICATES, &why);
	return json_is_object(r->head) ? 0
				       : broken(r, r->block_offset, "the head is no JSON object");
}

int record_reader_open(const char *path, struct record_reader **out, struct error *error)
{
	struct record_reader *r = calloc(1, sizeof(*r));
	int err;

	*out = NULL;
	if (!r)
		return error_host(error, ENOMEM, "record");
	words_quote(path, r->shown, sizeof(r->shown));
	r->stored = malloc(STORED_MOST);
	r->raw = malloc(RECORD_HEAD_BYTES);
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0)
		err = error_user(error,
				 "%s: cannot be opened: %s; allowed: a file that `ballast "
				 "run --record` made",
				 r->shown, strerror(errno));
	else if (!r->stored || !r->raw)
		err = error_host(error, ENOMEM, "record");
	else if ((err = read_head(r)) != 0)
		*error = r->error;
	if (err) {
		record_reader_close(r);
		return err;
	}
	*out = r;
	return 0;
}

json_t *record_reader_head(const struct record_reader *r)
{
	return r->head;
}

struct mm_record_source record_reader_source(struct record_reader *r)
{
	return (struct mm_record_source){more, r};
}

int record_reader_verdict(const struct record_reader *r, struct error *error)
{
	if (r->verdict)
		*error = r->error;
	return r->verdict;
}

uint64_t record_reader_offset(const struct record_reader *r)
{
	return r->block_offset;
}

void record_reader_close(struct record_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	json_decref(r->head);
	free(r->stored);
	free(r->raw);
	free(r);
}
