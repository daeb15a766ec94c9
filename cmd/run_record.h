/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_record.h: the record of a run: `ballast run --record FILE`, and `ballast sim`.
 */
#ifndef BALLAST_CMD_RUN_RECORD_H
#define BALLAST_CMD_RUN_RECORD_H

#include "cmd/record_file.h"
#include "cmd/report.h"
#include "cmd/run_options.h"

struct run_record {
	const char *path;             /* NULL: none */
	struct record_writer *writer; /* owned */
	bool ended;                   /* and how: */
	struct record_written written;
};

/* Without --record all of these do nothing. Opens the file, which the user may have no right to; it is left as it is
 * until run_record_begin(), which is when the run is sure to begin. */
int run_record_open(struct run_record *r, const struct run_options *options,
		    const struct report_about *about, struct error *error);
/* What the machine is made with; NULL: none. *sink: room for it. */
const struct mm_record_sink *run_record_sink(const struct run_record *r,
					     struct mm_record_sink *sink);
int run_record_begin(struct run_record *r, struct error *error);
/* The machine stands still and has said that it records no more: the record is complete. */
void run_record_end(struct run_record *r);
/* For summary.json: null without a record. */
json_t *run_record_json(const struct run_record *r);
/* In words, if it is not complete: as report_close(), the host's error. */
int run_record_verdict(const struct run_record *r, struct error *error);
void run_record_free(struct run_record *r);

#endif
