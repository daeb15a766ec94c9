/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_source.c: read() into a window that stays in the cache.
 *
 * Why not mmap: the pages of a mapped file count as the program's memory and cost a fault each, while one copy of what
 * is parsed right after costs next to nothing; and packed files and pipes need a buffer anyway. The window is moved to
 * the front of the buffer when there is no room behind it, which readers make cheap by leaving little in it.
 */
#include "sim/trace_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/trace_unpack.h"

#define BUFFER_BYTES (256u << 10)
#define PACKED_BYTES (64u << 10)
#define WAIT_MS      100

/* The packed bytes that wait to be unpacked. */
struct packed {
	const uint8_t *at, *end;
	bool eof;
	struct trace_unpack *unpack;
	uint8_t bytes[PACKED_BYTES];
};

/* Until there is something to read, or not even that; false: the watch will not wait any longer. */
static bool input_waits(const struct trace_source *s)
{
	struct pollfd input = {.fd = s->fd, .events = POLLIN};

	while (s->watch && poll(&input, 1, WAIT_MS) == 0)
		if (sim_watch_stopped(s->watch))
			return false;
	return true;
}

static ssize_t read_some(struct trace_source *s, uint8_t *to, size_t bytes, struct error *error)
{
	ssize_t got;

	do {
		if (!input_waits(s)) {
			*error = (struct error){.user = false};
			return -ECANCELED;
		}
		got = read(s->fd, to, bytes);
	} while (got < 0 && (errno == EINTR || (errno == EAGAIN && s->watch)));
	if (got < 0)
		return errno == EISDIR ? error_user(error, "%s: is a folder, not a trace", s->path)
				       : error_host(error, errno, "%s: cannot read", s->path);
	s->file_read += (uint64_t)got;
	return got;
}

static int unpack_some(struct trace_source *s, uint8_t **out, uint8_t *out_end, struct error *error)
{
	struct packed *p = s->packed;
	const uint8_t *before = *out;

	while (*out == before) {
		int result;

		if (p->at == p->end && !p->eof) {
			ssize_t got = read_some(s, p->bytes, PACKED_BYTES, error);

			if (got < 0)
				return (int)got;
			p->at = p->bytes;
			p->end = p->bytes + got;
			p->eof = got == 0;
		}
		result = trace_unpack_run(p->unpack, &p->at, p->end, out, out_end, p->eof);
		if (result == -ENOMEM)
			return error_host(error, ENOMEM, "%s: cannot unpack", s->path);
		if (result < 0)
			return error_user(
				error, "%s: byte %llu of the packed file: the %s data %s", s->path,
				(unsigned long long)(s->file_read - (uint64_t)(p->end - p->at)),
				s->packing, result == -ENODATA ? "is cut short" : "is broken");
		if (result)
			break;
	}
	return 0;
}

int trace_source_more(struct trace_source *s, struct error *error)
{
	size_t left = trace_source_left(s);
	uint8_t *to, *from;
	int err = 0;

	if (s->err)
		*error = s->failure;
	if (s->done)
		return s->err;
	s->base = trace_source_offset(s, s->at);
	memmove(s->buffer, s->at, left);
	if (left > s->buffer_bytes / 2) {
		uint8_t *more = realloc(s->buffer, 2 * s->buffer_bytes);

		if (more) {
			s->buffer = more;
			s->buffer_bytes *= 2;
		}
		s->at = s->buffer;
		s->end = s->buffer + left;
		if (!more)
			return error_host(error, ENOMEM, "%s", s->path);
	}
	s->at = s->buffer;
	from = to = s->buffer + left;
	s->end = to;
	if (s->packed) {
		err = unpack_some(s, &to, s->buffer + s->buffer_bytes, error);
	} else {
		ssize_t got = read_some(s, to, s->buffer_bytes - left, error);

		err = got < 0 ? (int)got : 0;
		to += got < 0 ? 0 : got;
	}
	s->end = to;
	s->done = to == from;
	s->err = err;
	if (err)
		s->failure = *error;
	return err ? err : to != from;
}

static int source_begin(struct trace_source *s, struct error *error)
{
	struct packed *p;
	int err;

	err = trace_source_need(s, TRACE_PACK_HEAD, error);
	if (err)
		return err;
	s->packing = trace_packing_of(s->at, trace_source_left(s));
	if (!s->packing)
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return error_host(error, ENOMEM, "%s", s->path);
	s->packed = p;
	p->unpack = trace_unpack_create(s->packing);
	if (!p->unpack)
		return error_host(error, ENOMEM, "%s: cannot unpack", s->path);
	/* what the window holds is packed: it goes in front of what read() will bring */
	memcpy(p->bytes, s->at, trace_source_left(s));
	p->at = p->bytes;
	p->end = p->bytes + trace_source_left(s);
	s->at = s->end = s->buffer;
	s->done = false;
	err = trace_source_more(s, error);
	return err < 0 ? err : 0;
}

int trace_source_open(struct trace_source *s, const char *path, const struct sim_watch *watch,
		      struct error *error)
{
	bool input = strcmp(path, "-") == 0;
	int flags =
		O_RDONLY | O_CLOEXEC | (watch ? O_NONBLOCK : 0); /* nor does opening a pipe wait */
	struct stat st;
	int err;

	*s = (struct trace_source){.path = input ? "standard input" : path,
				   .buffer_bytes = PACKED_BYTES,
				   .watch = watch};
	s->fd = input ? dup(STDIN_FILENO) : open(path, flags);
	if (s->fd < 0)
		return error_user(error, "%s: cannot open: %s", path, strerror(errno));
	if (fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode)) {
		s->file_bytes = (uint64_t)st.st_size;
		s->watch = NULL; /* never waits long */
	}
	(void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	/* small at first, so that what turns out to be packed fits where packed bytes go */
	s->buffer = malloc(BUFFER_BYTES);
	if (!s->buffer) {
		err = error_host(error, ENOMEM, "%s", path);
		goto out;
	}
	s->at = s->end = s->buffer;
	err = source_begin(s, error);
	s->buffer_bytes = BUFFER_BYTES;
	if (!err)
		return 0;
out:
	trace_source_close(s);
	return err;
}

void trace_source_close(struct trace_source *s)
{
	if (s->packed) {
		trace_unpack_destroy(s->packed->unpack);
		free(s->packed);
	}
	free(s->buffer);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct trace_source){.fd = -1};
}
