/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record_write.c: the writing half of record_file.h.
 *
 * A failed write is cut off again: the file ends with a whole block, whatever the disk did with half of one.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#include "ballast/types.h"
#include "cmd/record_file.h"
#include "lib/log.h"

#define ZSTD_LEVEL 1
#define TEXT_BYTES 8192u /* of the table of calls */

struct chunk {
	struct chunk *next;
	uint64_t at_ns; /* when it came */
	size_t nr;
	uint8_t bytes[];
};

struct record_writer {
	int fd;
	char *path;
	bool made;    /* there was no such file */
	char *head;   /* text */
	bool writing; /* the thread runs */
	pthread_t thread;
	uint64_t begun_ns;
	/* the thread's */
	uint8_t *block, *packed; /* room for a block, as it is and compressed */
	size_t packed_room;
	uint32_t nr_blocks;
	uint64_t file_bytes, stream_bytes, until_ns;
	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t wish;
	struct chunk *first, **last;
	uint64_t queued_bytes, lost_bytes;
	int errnum; /* nothing is taken any more */
	bool over;
};

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* The machine lock is held here. */
static void put(void *ctx, const uint8_t *bytes, size_t nr)
{
	struct record_writer *w = ctx;
	struct chunk *c = malloc(sizeof(*c) + nr);

	if (c) {
		*c = (struct chunk){.at_ns = clock_ns(), .nr = nr};
		memcpy(c->bytes, bytes, nr);
	}
	pthread_mutex_lock(&w->lock);
	if (!w->errnum && (!c || w->queued_bytes + nr > RECORD_QUEUE_BYTES))
		w->errnum = c ? EAGAIN : ENOMEM;
	if (w->errnum) {
		w->lost_bytes += nr;
		free(c);
	} else {
		*w->last = c;
		w->last = &c->next;
		w->queued_bytes += nr;
		pthread_cond_signal(&w->wish);
	}
	pthread_mutex_unlock(&w->lock);
}

static int write_all(int fd, const void *bytes, size_t nr, uint64_t at)
{
	for (size_t done = 0; done < nr;) {
		ssize_t n =
			pwrite(fd, (const uint8_t *)bytes + done, nr - done, (off_t)(at + done));

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			return n ? -errno : -ENOSPC;
	}
	return 0;
}

static uint64_t checksum(const struct record_block *head, const void *payload)
{
	XXH3_state_t *state = XXH3_createState();
	uint64_t sum;

	if (!state)
		return 0;
	XXH3_64bits_reset(state);
	XXH3_64bits_update(state, head, offsetof(struct record_block, checksum));
	XXH3_64bits_update(state, payload, head->stored_bytes);
	sum = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return sum;
}

/* Writes a block behind what is there; on an error the file is as before. */
static int write_block(struct record_writer *w, enum record_kind kind, const void *raw, size_t nr)
{
	size_t packed = ZSTD_compress(w->packed, w->packed_room, raw, nr, ZSTD_LEVEL);
	bool shorter = !ZSTD_isError(packed) && packed < nr;
	struct record_block head = {
		.kind = kind,
		.raw_bytes = (uint32_t)nr,
		.stored_bytes = (uint32_t)(shorter ? packed : nr),
		.number = w->nr_blocks,
		.before_bytes = w->stream_bytes,
	};
	const void *payload = shorter ? w->packed : raw;
	int err;

	head.checksum = checksum(&head, payload);
	err = write_all(w->fd, &head, sizeof(head), w->file_bytes);
	if (!err)
		err = write_all(w->fd, payload, head.stored_bytes, w->file_bytes + sizeof(head));
	if (err) {
		/* Cutting off needs no room; what cannot be cut is no file. */
		if (ftruncate(w->fd, (off_t)w->file_bytes) != 0)
			log_warn("%s: could not be cut: %s", w->path, strerror(errno));
		return err;
	}
	w->nr_blocks++;
	w->file_bytes += sizeof(head) + head.stored_bytes;
	w->stream_bytes += kind == RECORD_STREAM ? nr : 0;
	return 0;
}

/* Lock held; moves what is queued to the block, as much as there is room for. */
static size_t take(struct record_writer *w, uint64_t *at_ns)
{
	size_t used = 0;

	while (w->first && used + w->first->nr <= RECORD_BLOCK_BYTES) {
		struct chunk *c = w->first;

		memcpy(w->block + used, c->bytes, c->nr);
		used += c->nr;
		*at_ns = c->at_ns;
		w->queued_bytes -= c->nr;
		w->first = c->next;
		if (!w->first)
			w->last = &w->first;
		free(c);
	}
	return used;
}

/* Lock held. Recording is over; what is queued, and those bytes, do not get into the file. */
static void give_up(struct record_writer *w, int errnum, size_t nr)
{
	w->errnum = w->errnum ? w->errnum : errnum;
	w->lost_bytes += nr + w->queued_bytes;
	while (w->first) {
		struct chunk *c = w->first;

		w->first = c->next;
		free(c);
	}
	w->last = &w->first;
	w->queued_bytes = 0;
}

static void *writer_main(void *arg)
{
	struct record_writer *w = arg;

	pthread_mutex_lock(&w->lock);
	while (w->first || !w->over) {
		uint64_t at_ns = 0;
		size_t nr = take(w, &at_ns);
		int err;

		if (!nr) {
			pthread_cond_wait(&w->wish, &w->lock);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		err = write_block(w, RECORD_STREAM, w->block, nr);
		if (err)
			log_warn("%s: the record ends here, the run goes on: %s", w->path,
				 strerror(-err));
		pthread_mutex_lock(&w->lock);
		if (err)
			give_up(w, -err, nr);
		else
			w->until_ns = at_ns;
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static char *head_text(json_t *head)
{
	char calls[TEXT_BYTES];
	char *text;

	mm_seam_text(calls, sizeof(calls));
	if (!head || json_object_set_new(head, "calls", json_string(calls)) != 0) {
		json_decref(head);
		return NULL;
	}
	text = json_dumps(head, JSON_COMPACT);
	json_decref(head);
	return text;
}

static void writer_free(struct record_writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->wish);
	free(w->path);
	free(w->head);
	free(w->block);
	free(w->packed);
	free(w);
}

int record_writer_open(const char *path, json_t *head, struct record_writer **out,
		       struct error *error)
{
	struct record_writer *w = calloc(1, sizeof(*w));

	*out = NULL;
	if (!w) {
		json_decref(head);
		return error_host(error, ENOMEM, "record");
	}
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wish, NULL);
	w->last = &w->first;
	w->head = head_text(head);
	w->path = strdup(path);
	w->packed_room = ZSTD_compressBound(RECORD_HEAD_BYTES);
	w->block = malloc(RECORD_BLOCK_BYTES);
	w->packed = malloc(w->packed_room);
	w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	w->made = w->fd >= 0;
	if (w->fd < 0 && errno == EEXIST)
		w->fd = open(path, O_WRONLY | O_CLOEXEC);
	if (w->fd < 0) {
		int err = error_user(error, "--record %s: %s; allowed: a file that can be written",
				     path, strerror(errno));

		writer_free(w);
		return err;
	}
	*out = w;
	if (w->path && w->head && w->block && w->packed && strlen(w->head) < RECORD_HEAD_BYTES)
		return 0;
	*out = NULL;
	writer_free(w);
	return error_host(error, ENOMEM, "record");
}

struct mm_record_sink record_writer_sink(struct record_writer *w)
{
	return (struct mm_record_sink){put, w};
}

int record_writer_begin(struct record_writer *w, struct error *error)
{
	int err = ftruncate(w->fd, 0) != 0 && errno != EINVAL ? -errno : 0;

	w->begun_ns = w->until_ns = clock_ns();
	if (!err)
		err = write_all(w->fd, RECORD_MAGIC, RECORD_MAGIC_BYTES, 0);
	w->file_bytes = RECORD_MAGIC_BYTES;
	if (!err)
		err = write_block(w, RECORD_HEAD, w->head, strlen(w->head));
	if (!err)
		err = -pthread_create(&w->thread, NULL, writer_main, w);
	w->writing = !err;
	return err ? error_host(error, -err, "%s", w->path) : 0;
}

void record_writer_close(struct record_writer *w, struct record_written *out)
{
	struct record_written unused = {.file_bytes = 0};

	if (!w)
		return;
	out = out ? out : &unused;
	pthread_mutex_lock(&w->lock);
	w->over = true;
	pthread_cond_signal(&w->wish);
	if (!w->writing)
		give_up(w, 0, 0);
	pthread_mutex_unlock(&w->lock);
	if (w->writing)
		pthread_join(w->thread, NULL);
	else if (w->made)
		unlink(w->path);
	*out = (struct record_written){
		.file_bytes = w->file_bytes,
		.stream_bytes = w->stream_bytes,
		.lost_bytes = w->lost_bytes,
		.until_s =
			w->until_ns > w->begun_ns ? (double)(w->until_ns - w->begun_ns) / 1e9 : 0,
		.errnum = w->errnum,
	};
	/* The last bytes may reach the disk, and fail, only now. */
	if (w->writing && close(w->fd) != 0 && !out->errnum) {
		out->errnum = errno;
		out->lost_bytes = out->stream_bytes;
	}
	w->fd = -1;
	writer_free(w);
}
