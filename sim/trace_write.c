/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_write.c: traces out, as a stream: a recorder does not know how much will come, and may be killed, after which
 * everything up to the last whole block can still be read in NAME.part (--keep-going).
 *
 * Own format: requests are collected until a block is full, then its columns are written one after the other, numbers
 * as varints of differences. oracle needs each request's next one, which a stream does not know: it is written as -1,
 * "none", and Ballast does not read it; libCacheSim's belady would be misled, so docs/replay.md says it.
 */
#include "sim/trace_write.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <xxhash.h>

#include "ballast/types.h"
#include "lib/newfile.h"
#include "lib/words.h"
#include "sim/trace_block.h"

struct write_format {
	const char *name, *endings;
	int (*begin)(struct trace_writer *w);
	int (*add)(struct trace_writer *w, const struct trace_batch *b);
	int (*end)(struct trace_writer *w);
};

struct trace_writer {
	const struct write_format *format;
	struct trace_write_options options;
	struct newfile out;
	char *path;
	uint64_t requests;
	/* the block that is being filled; own format only */
	struct trace_batch *batch; /* BATCHES of them */
	uint32_t batches;
	uint8_t *payload;
};

#define BATCHES (TRACE_BLOCK_RECORDS / TRACE_BATCH)

/* 0 or -errno; short writes show up as EIO at the latest. */
static int put_bytes(struct trace_writer *w, const void *bytes, size_t nr)
{
	errno = 0;
	if (fwrite(bytes, 1, nr, w->out.file) == nr)
		return 0;
	return errno ? -errno : -EIO;
}

static uint8_t *put_varint(uint8_t *to, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*to++ = (uint8_t)(v | 0x80);
	*to++ = (uint8_t)v;
	return to;
}

static int ballast_begin(struct trace_writer *w)
{
	struct trace_file_head head = {
		.version = htole32(TRACE_VERSION),
		.has = htole32(w->options.has),
		.thinning = htole32(w->options.thinning),
		.thinning_pages = htole32(w->options.thinning_pages),
		.whole_requests = htole64(w->options.whole_requests),
	};

	w->batch = calloc(BATCHES, sizeof(*w->batch));
	w->payload = malloc((size_t)TRACE_BLOCK_RECORDS * TRACE_RECORD_BYTES);
	if (!w->batch || !w->payload)
		return -ENOMEM;
	memcpy(head.magic, TRACE_MAGIC, sizeof(head.magic));
	head.check = htole64(XXH3_64bits(&head, sizeof(head) - sizeof(head.check)));
	return put_bytes(w, &head, sizeof(head));
}

static int put_block(struct trace_writer *w, uint32_t records, const uint8_t *end)
{
	uint32_t bytes = (uint32_t)(end - w->payload);
	struct trace_block_head head = {
		.mark = htole32(TRACE_BLOCK_MARK),
		.records = htole32(records),
		.bytes = htole32(bytes),
		.check = htole64(
			XXH3_64bits_withSeed(w->payload, bytes, trace_block_seed(records, bytes))),
	};
	int err = put_bytes(w, &head, sizeof(head));

	return err ? err : put_bytes(w, w->payload, bytes);
}

/* Column by column: ids, write bits, times, VMs, hashes. */
static uint8_t *columns(const struct trace_writer *w, uint8_t *to)
{
	uint64_t last = 0;
	uint32_t nr = 0;

	for (uint32_t k = 0; k < w->batches; k++)
		for (uint32_t i = 0; i < w->batch[k].nr; i++, nr++) {
			to = put_varint(to, zigzag(w->batch[k].id[i] - last));
			last = w->batch[k].id[i];
		}
	if (w->options.has & TRACE_WRITES) {
		memset(to, 0, (nr + 7) / 8);
		nr = 0;
		for (uint32_t k = 0; k < w->batches; k++)
			for (uint32_t i = 0; i < w->batch[k].nr; i++, nr++)
				to[nr / 8] |= (uint8_t)((w->batch[k].write[i] != 0) << nr % 8);
		to += (nr + 7) / 8;
	}
	last = 0;
	for (uint32_t k = 0; k < w->batches && w->options.has & TRACE_TIMES; k++)
		for (uint32_t i = 0; i < w->batch[k].nr; i++) {
			to = put_varint(to, zigzag(w->batch[k].time_ns[i] - last));
			last = w->batch[k].time_ns[i];
		}
	for (uint32_t k = 0; k < w->batches && w->options.has & TRACE_VMS; k++)
		for (uint32_t i = 0; i < w->batch[k].nr; i++)
			to = put_varint(to, w->batch[k].vm[i]);
	for (uint32_t k = 0; k < w->batches && w->options.has & TRACE_HASHES; k++)
		for (uint32_t i = 0; i < w->batch[k].nr; i++, to += 8) {
			uint64_t hash = htole64(w->batch[k].hash[i]);

			memcpy(to, &hash, sizeof(hash));
		}
	return to;
}

static int block_flush(struct trace_writer *w)
{
	uint32_t records = 0;
	int err;

	for (uint32_t k = 0; k < w->batches; k++)
		records += w->batch[k].nr;
	if (!records)
		return 0;
	err = put_block(w, records, columns(w, w->payload));
	w->batches = 0;
	return err;
}

static int ballast_add(struct trace_writer *w, const struct trace_batch *b)
{
	w->batch[w->batches++] = *b;
	return w->batches == BATCHES ? block_flush(w) : 0;
}

static int ballast_end(struct trace_writer *w)
{
	uint64_t total = htole64(w->requests);
	int err = block_flush(w);

	if (err)
		return err;
	memcpy(w->payload, &total, sizeof(total));
	return put_block(w, 0, w->payload + sizeof(total));
}

static int oracle_add(struct trace_writer *w, const struct trace_batch *b)
{
	uint8_t record[24];
	int err = 0;

	for (uint32_t i = 0; i < b->nr && !err; i++) {
		uint64_t seconds = w->options.has & TRACE_TIMES ? b->time_ns[i] / NS_PER_S : 0;
		uint32_t time = htole32((uint32_t)seconds), size = htole32(1);
		uint64_t id = htole64(b->id[i]), none = UINT64_MAX;

		memcpy(record, &time, 4);
		memcpy(record + 4, &id, 8);
		memcpy(record + 12, &size, 4);
		memcpy(record + 16, &none, 8);
		err = put_bytes(w, record, sizeof(record));
	}
	return err;
}

/* After stdio's own writes, which tell of a failure when the buffer is full. */
static int put_failed(const struct trace_writer *w)
{
	if (!ferror(w->out.file))
		return 0;
	return errno ? -errno : -EIO;
}

static int text_add(struct trace_writer *w, const struct trace_batch *b)
{
	bool writes = w->options.has & TRACE_WRITES;

	errno = 0;
	for (uint32_t i = 0; i < b->nr; i++)
		fprintf(w->out.file, "%" PRIu64 "%s\n", b->id[i],
			!writes       ? ""
			: b->write[i] ? " W"
				      : " R");
	return put_failed(w);
}

static int csv_begin(struct trace_writer *w)
{
	errno = 0;
	fprintf(w->out.file, "id%s%s%s\n", w->options.has & TRACE_WRITES ? ",write" : "",
		w->options.has & TRACE_TIMES ? ",time_ns" : "",
		w->options.has & TRACE_VMS ? ",vm" : "");
	return put_failed(w);
}

static int csv_add(struct trace_writer *w, const struct trace_batch *b)
{
	errno = 0;
	for (uint32_t i = 0; i < b->nr; i++) {
		fprintf(w->out.file, "%" PRIu64, b->id[i]);
		if (w->options.has & TRACE_WRITES)
			fputs(b->write[i] ? ",w" : ",r", w->out.file);
		if (w->options.has & TRACE_TIMES)
			fprintf(w->out.file, ",%" PRIu64, b->time_ns[i]);
		if (w->options.has & TRACE_VMS)
			fprintf(w->out.file, ",%u", b->vm[i]);
		fputc('\n', w->out.file);
	}
	return put_failed(w);
}

static const struct write_format formats[] = {
	{"ballast", ".btrace ", ballast_begin, ballast_add, ballast_end},
	{"oracle", ".oracle .oracleGeneral ", NULL, oracle_add, NULL},
	{"text", ".txt .text ", NULL, text_add, NULL},
	{"csv", ".csv ", csv_begin, csv_add, NULL},
};
#define NR_FORMATS (sizeof(formats) / sizeof(formats[0]))

static char *format_names(char *buf, size_t bytes)
{
	struct words words = {0};

	for (size_t i = 0; i < NR_FORMATS; i++)
		words_add(&words, formats[i].name);
	return words_join(&words, buf, bytes);
}

static const struct write_format *format_by_ending(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < NR_FORMATS; i++)
		for (const char *at = formats[i].endings; *at; at += strcspn(at, " ") + 1)
			if (strlen(dot) == strcspn(at, " ") &&
			    strncasecmp(at, dot, strlen(dot)) == 0)
				return &formats[i];
	return strcasestr(path, "oracleGeneral") ? &formats[1] : &formats[0];
}

static const struct write_format *format_find(const char *path, const char *format)
{
	if (!format)
		return format_by_ending(path);
	for (size_t i = 0; i < NR_FORMATS; i++)
		if (strcmp(formats[i].name, format) == 0)
			return &formats[i];
	return NULL;
}

const char *trace_write_format(const char *path, const char *format)
{
	const struct write_format *f = format_find(path, format);

	return f ? f->name : NULL;
}

static int format_choose(struct trace_writer *w, struct error *error)
{
	char list[100], quoted[48];

	w->format = format_find(w->path, w->options.format);
	if (w->format)
		return 0;
	return error_user(error, "a trace cannot be written as '%s'; allowed: %s",
			  words_quote(w->options.format, quoted, sizeof(quoted)),
			  format_names(list, sizeof(list)));
}

static void writer_free(struct trace_writer *w)
{
	free(w->batch);
	free(w->payload);
	free(w->path);
	free(w);
}

int trace_writer_open(struct trace_writer **out, const char *path,
		      const struct trace_write_options *options, struct error *error)
{
	struct trace_writer *w = calloc(1, sizeof(*w));
	int err;

	*out = NULL;
	if (!w)
		return error_host(error, ENOMEM, "%s", path);
	w->options = *options;
	w->path = strdup(path);
	err = w->path ? format_choose(w, error) : error_host(error, ENOMEM, "%s", path);
	if (err)
		goto out;
	err = newfile_open(&w->out, path);
	if (err) {
		err = error_user(error, "%s: cannot write: %s", newfile_name(path), strerror(-err));
		goto out;
	}
	err = w->format->begin ? w->format->begin(w) : 0;
	if (!err) {
		*out = w;
		return 0;
	}
	error_host(error, -err, "%s: cannot write", newfile_name(path));
	newfile_close(&w->out, false);
out:
	writer_free(w);
	return err;
}

int trace_writer_add(struct trace_writer *w, const struct trace_batch *b, struct error *error)
{
	int err = b->nr ? w->format->add(w, b) : 0;

	w->requests += b->nr;
	return err ? error_host(error, -err, "%s: cannot write", newfile_name(w->path)) : 0;
}

int trace_writer_close(struct trace_writer *w, bool give_up, struct error *error)
{
	int err = !give_up && w->format->end ? w->format->end(w) : 0;
	int closed;

	errno = 0;
	if (!give_up && !err && w->options.keep_broken && fflush(w->out.file))
		err = put_failed(w);
	if (err && w->options.keep_broken)
		__fpurge(w->out.file); /* else closing fails, and a file that fails is removed */
	closed = newfile_close(&w->out, !give_up && (!err || w->options.keep_broken));
	if (!err && !give_up)
		err = closed;
	if (err)
		error_host(error, -err, "%s: cannot write", newfile_name(w->path));
	writer_free(w);
	return err;
}
