/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_source.h: the bytes of a trace file, unpacked if it is packed, through one window. Inside sim/ only.
 *
 * A reader looks at [at, end) and moves at forward; trace_source_more() makes the window longer and may move it in
 * memory, so pointers into it do not outlive the call. Offsets are those of the unpacked bytes.
 */
#ifndef BALLAST_SIM_TRACE_SOURCE_H
#define BALLAST_SIM_TRACE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "sim/watch.h"

struct trace_source {
	const char *path;        /* borrowed; what messages call the file */
	const char *packing;     /* "gz", "xz", "zst", or NULL */
	const uint8_t *at, *end; /* the window */
	uint64_t file_bytes;     /* of the file as it is; 0: not known */
	uint64_t file_read;      /* so far */
	struct packed *packed;   /* what waits to be unpacked; NULL: nothing is */
	uint8_t *buffer;
	size_t buffer_bytes;
	uint64_t base; /* offset of buffer[0] */
	int fd;
	const struct sim_watch *watch; /* ends a wait for input; NULL: nobody does */
	bool done;                     /* no more bytes will come */
	int err;                       /* why; trace_source_more() says it again and again */
	struct error failure;
};

/*
 * Opens and fills the window; "-" is standard input. 0; -errno with words; here and in trace_source_more(), -ECANCELED
 * without words if the watch stops a wait for a pipe or terminal. The watch may be NULL.
 */
int trace_source_open(struct trace_source *s, const char *path, const struct sim_watch *watch,
		      struct error *error);
void trace_source_close(struct trace_source *s);

/*
 * Adds bytes behind the window. 1: some; 0: the data ends here; -errno with words, the user's if the packed data is
 * broken. What the window holds stays there in all cases.
 */
int trace_source_more(struct trace_source *s, struct error *error);

static inline size_t trace_source_left(const struct trace_source *s)
{
	return (size_t)(s->end - s->at);
}

/* Offset of the byte at `at`. */
static inline uint64_t trace_source_offset(const struct trace_source *s, const uint8_t *at)
{
	return s->base + (uint64_t)(at - s->buffer);
}

/* Makes at least bytes available, or as many as there are. 0 or -errno with words. */
static inline int trace_source_need(struct trace_source *s, size_t bytes, struct error *error)
{
	while (trace_source_left(s) < bytes) {
		int got = trace_source_more(s, error);

		if (got <= 0)
			return got;
	}
	return 0;
}

#endif
