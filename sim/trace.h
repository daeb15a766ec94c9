/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.h: reference traces: what a request is, formats, and a whole trace in memory with dense page numbers.
 *
 * A trace is a sequence of requests. A request names a page by an id of 64 bits, whatever its source used (page or
 * block number, address, hash), and may say whether it writes, when it came, from which VM, and the hash of the page's
 * content. Pages of different VMs are different pages.
 *
 * In memory pages are numbered 0, 1, 2.. in the order of their first request: replay needs arrays, not hash tables.
 */
#ifndef BALLAST_SIM_TRACE_H
#define BALLAST_SIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"
#include "sim/watch.h"

/* What a trace says of its requests besides the page. */
#define TRACE_WRITES 1u
#define TRACE_TIMES  2u
#define TRACE_VMS    4u
#define TRACE_HASHES 8u

/* What was left out of a trace when it was recorded, and so what may be replayed on it. */
enum trace_thinning {
	TRACE_WHOLE,
	TRACE_SAD, /* safely allowed drop: lru and opt are exact above thinning_pages frames */
	TRACE_FILTER, /* misses of an LRU memory of thinning_pages: lru is exact above that many frames */
};

#define TRACE_REQUESTS_MAX (UINT32_MAX - 1023) /* counters and times have 32 bits */

struct trace_options {
	const char *format;            /* NULL or "auto": found out */
	const char *columns;           /* of csv, as the command line has them; NULL: found out */
	unsigned shift;                /* page = id >> shift */
	bool shift_given;              /* else the format says */
	uint32_t split_bytes;          /* a request to each such page; 0: to the first block only */
	uint32_t block_bytes;          /* what an id counts, for split_bytes; 0: the format says */
	bool keep_going;               /* a broken or cut trace is used up to where it breaks */
	unsigned want;                 /* TRACE_..: what to keep in memory, if the trace says it */
	const struct sim_watch *watch; /* NULL: nobody */
};

struct trace {
	uint32_t *page;    /* dense number by request */
	uint8_t *write;    /* a byte a request; NULL: not said or not wanted */
	uint64_t *time_ns; /* likewise */
	uint64_t *id;      /* of a page, by dense number */
	uint32_t *vm;      /* likewise; NULL: one VM */
	uint64_t *hash;    /* by request */
	uint32_t requests;
	uint32_t pages; /* distinct */
	unsigned has;   /* TRACE_..: what the trace said, wanted or not */
	const char *format;
	enum trace_thinning thinning;
	uint32_t thinning_pages;
	uint64_t
		whole_requests; /* before thinning, what ratios are of; requests if it was not, or is not known */
	char broken[ERROR_TEXT_BYTES]; /* keep_going: where and how it broke; else empty */
	size_t room;                   /* requests the arrays have place for */
	size_t page_room;
};

/* Can these be meant, whatever the file? 0, or the user's -EINVAL with words. */
int trace_options_check(const struct trace_options *options, struct error *error);

/*
 * Reads all of it. 0, or -errno with words: the user's, with file and byte or line, if the trace is wrong; -ECANCELED,
 * without words, if the watch stops it.
 */
int trace_load(struct trace *t, const char *path, const struct trace_options *options,
	       struct error *error);
void trace_free(struct trace *t);

#endif
