/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.h: a record of all calls across the seam (seam.h), as a stream of bytes: writing it, and reading it again.
 *
 * The stream: items, one after the other. A byte says which call it is. Then its arguments; for an op of the body its
 * results follow at once. Ops that the manager calls from within an entry point stand between the item of that and a
 * return, which has its results. So the order in the stream is the order of the calls. The encoding of each value is that
 * of its letter in the form: numbers in 7 bits a byte, low ones first; times and gfns as zigzag differences.
 *
 * The writer keeps a buffer and hands it on when it is full; it never waits, and its sink should not (the machine lock
 * is held). What becomes of the bytes is the sink's business: framing, checksums and disks are cmd/record_file.h.
 */
#ifndef BALLAST_MM_RECORD_H
#define BALLAST_MM_RECORD_H

#include "mm/seam.h"

struct mm_record;

/* Inside mm/: the recorder of a manager. NULL: no memory. ops and body: those behind it. */
struct mm_record *record_make(const struct mm_record_sink *sink, const struct mm_body_ops *ops,
			      void *body);
void record_end(struct mm_record *r); /* writes the end, hands on what is left, frees r */
struct mm_tape *record_tape(struct mm_record *r);
void record_enter(struct mm_record *r, const struct mm_args *args);
/* The results of the entry point under way; call and entry of results are not looked at. */
void record_return(struct mm_record *r, const struct mm_args *results);

/* Where the bytes of a stream come from: the next ones, any number of them; 0: no more. Good until the next call. */
struct mm_record_source {
	size_t (*more)(void *ctx, const uint8_t **bytes);
	void *ctx;
};

struct mm_record_reader {
	struct mm_record_source source;
	const uint8_t *at, *end;
	uint64_t read_bytes; /* of the stream */
	uint64_t now_ns, gfn;
	unsigned entry; /* the entry point under way, 0: none */
	/* the last item */
	struct mm_args args; /* a return: the results, call is MM_SEAM_RETURN */
	uint64_t fixed[MM_SEAM_ARGS];
	uint64_t result[MM_SEAM_ARGS]; /* of an op */
	unsigned nr_results;
	uint64_t *list; /* owned; room for MM_SEAM_LIST */
};

/* 0 or -ENOMEM. */
int mm_record_open(struct mm_record_reader *r, const struct mm_record_source *source);
void mm_record_close(struct mm_record_reader *r);
/* Reads the next item into r->args and r->result. 0; -ENODATA: the stream ends before its end mark; -EILSEQ: what
 * stands there is no call, or cannot be there. */
int mm_record_next(struct mm_record_reader *r);

#endif
