/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_file.h: a record of the memory manager (mm/record.h) as a file: docs/record-format.md.
 *
 * 16 bytes of magic, then blocks: 32 bytes of header, then what it says. The checksum of a block is over its header and
 * its payload as stored, so every byte of a file is covered by one. The first block is the head: what was recorded, of
 * which scenario, with which table of calls. The others are the stream, cut anywhere.
 *
 * Writing: whoever records holds the machine lock, so the bytes are copied and queued, and a thread of our own
 * compresses and writes them. If that fails, or falls behind by RECORD_QUEUE_BYTES, recording is over: the file keeps
 * what it has, in whole blocks, and the run goes on.
 */
#ifndef BALLAST_CMD_RECORD_FILE_H
#define BALLAST_CMD_RECORD_FILE_H

#include <jansson.h>
#include <stdint.h>

#include "lib/error.h"
#include "mm/record.h"

#define RECORD_MAGIC       "ballast-record1\n"
#define RECORD_MAGIC_BYTES 16u
#define RECORD_QUEUE_BYTES (64u << 20)
#define RECORD_BLOCK_BYTES (256u << 10) /* of the stream in a block, at most */
#define RECORD_HEAD_BYTES  (4u << 20)   /* longest head */

enum record_kind { RECORD_HEAD = 1, RECORD_STREAM = 2 };

struct record_block { /* little-endian */
	uint32_t kind;
	uint32_t raw_bytes;    /* of the payload, unpacked */
	uint32_t stored_bytes; /* as it stands in the file; equal: not compressed, else zstd */
	uint32_t number;       /* of the block, from 0 */
	uint64_t before_bytes; /* of the stream in the blocks before */
	uint64_t checksum;     /* XXH3-64 of these 24 bytes and the stored ones after them */
};

struct record_writer; /* opaque; owned by the creator, freed by record_writer_close() */

/* Opens the file for writing; what is in it goes when the first block is written. The file's name is checked now: the
 * user's error. head: what the first block says, transferred; calls and fields are added to it. */
int record_writer_open(const char *path, json_t *head, struct record_writer **out,
		       struct error *error);
/* For the machine; may be used until record_writer_close(). */
struct mm_record_sink record_writer_sink(struct record_writer *w);
/* From now on it is written: the run is sure to begin. Before, everything is kept in the queue. */
int record_writer_begin(struct record_writer *w, struct error *error);

struct record_written {
	uint64_t file_bytes, stream_bytes;
	uint64_t lost_bytes; /* of the stream; 0: it is complete */
	double until_s;      /* if not: it ends so long after record_writer_begin() */
	int errnum;          /* why; EAGAIN: the disk was too slow */
};
/* Waits until all is written that was queued. Without begin: leaves an earlier file as it was. */
void record_writer_close(struct record_writer *w, struct record_written *out);

struct record_reader; /* opaque; owned by the creator, freed by record_reader_close() */

/* Opens it and reads the head. Whatever is wrong is the user's error. */
int record_reader_open(const char *path, struct record_reader **out, struct error *error);
json_t *record_reader_head(const struct record_reader *r); /* borrowed */
struct mm_record_source record_reader_source(struct record_reader *r);
/* Why the source has no more: 0, the file is at its end; -EINVAL with words: it is broken there. */
int record_reader_verdict(const struct record_reader *r, struct error *error);
/* The byte of the file in which the block begins that holds that byte of the stream. */
uint64_t record_reader_offset(const struct record_reader *r);
void record_reader_close(struct record_reader *r);

#endif
