/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page_trace.h: --trace-page: the histories of single guest pages, as lines for people and as a file a page.
 *
 * Life: page_trace_read for what the command line says, page_trace_begin when the machine has its VMs, page_trace_take
 * at each sample and once more at the end, page_trace_end. Documented in docs/output.md.
 */
#ifndef BALLAST_CMD_PAGE_TRACE_H
#define BALLAST_CMD_PAGE_TRACE_H

#include <jansson.h>
#include <stdio.h>

#include "cmd/body.h"
#include "cmd/report_file.h"
#include "cmd/scenario.h"
#include "lib/error.h"
#include "mm/trace.h"

struct page_trace {
	const struct scenario *scenario; /* borrowed */
	unsigned nr;
	struct page_traced {
		unsigned vm;
		uint32_t gfn;
		struct report_log log;
	} page[MM_TRACED_PAGES];
	uint64_t lost; /* events that the manager dropped */
};

/* "VM:GFN": a VM by name or number, a page by its frame number, decimal or 0x. The user's error names what is allowed. */
int page_trace_read(struct page_trace *t, const char *const *item, unsigned nr,
		    const struct scenario *scenario, struct error *error);

/* Starts the files in dir, and tracing. */
int page_trace_begin(struct page_trace *t, struct body *body, const char *dir, struct error *error);

/* What happened since the last time, up to until_ns: to the files, and as lines to out, if it is not NULL. */
void page_trace_take(struct page_trace *t, struct body *body, uint64_t until_ns, FILE *out);

/* Closes the files. An error is the host's and names the first file that lost something. Safe on a zeroed trace. */
int page_trace_end(struct page_trace *t, struct error *error);

/* An event as a line without its end, and as an object. pager: the name of its policy. */
void page_trace_line(FILE *out, const struct mm_page_event *e, const char *vm, const char *pager);
json_t *page_trace_json(const struct mm_page_event *e, const char *vm, const char *pager);

#endif
