/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_write.h: writes traces: Ballast's own format (docs/trace-format.md), and oracle, text and csv for other programs.
 */
#ifndef BALLAST_SIM_TRACE_WRITE_H
#define BALLAST_SIM_TRACE_WRITE_H

#include <stdbool.h>

#include "sim/trace.h"
#include "sim/trace_reader.h"

struct trace_writer; /* owned by the creator, freed by trace_writer_close() */

struct trace_write_options {
	const char *format; /* NULL: by the ending of the name, else ballast */
	unsigned has;       /* TRACE_..: what the requests say */
	enum trace_thinning thinning;
	uint32_t thinning_pages;
	bool keep_broken;        /* after a failure what could be written stays, under its name */
	uint64_t whole_requests; /* before thinning; 0: not known */
};

/* The format that a trace of that path is written in: format, unless it is NULL or unknown (then NULL). */
const char *trace_write_format(const char *path, const char *format);

/* path "-" is standard output. What is lost in the format (a note, a column) is the caller's to tell. 0 or -errno with words. */
int trace_writer_open(struct trace_writer **out, const char *path,
		      const struct trace_write_options *options, struct error *error);

/* b: TRACE_BATCH requests at most; the columns of options->has are filled. 0 or -errno with words. */
int trace_writer_add(struct trace_writer *w, const struct trace_batch *b, struct error *error);

/*
 * Ends the trace, unless it is to be given up, and frees w, whatever happens. A file appears, or replaces
 * what was there, only now (lib/newfile.h). 0 or -errno with words.
 */
int trace_writer_close(struct trace_writer *w, bool give_up, struct error *error);

#endif
