/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace_workload.h: the touches of a lab guest's workload as a trace.
 */
#ifndef BALLAST_SIM_TRACE_WORKLOAD_H
#define BALLAST_SIM_TRACE_WORKLOAD_H

#include "guest/core/pace.h"
#include "guest/core/workload.h"
#include "sim/trace_reader.h"

struct trace_workload {
	struct workload workload;
	struct pace pace;
	uint64_t now_ns, phase_end_ns;
	uint64_t left; /* requests, at most */
	uint32_t due;  /* touches at now_ns */
	npages_t free_pages;
	bool working;              /* the phase is filled */
	struct workload_step step; /* drawn, not done yet, if has_step */
	bool has_step;
	struct fileserver_file *files; /* owned; NULL: no phase has files */
};

/* What such a trace says of its requests. */
#define TRACE_WORKLOAD_HAS (TRACE_WRITES | TRACE_TIMES)

/*
 * spec: valid, borrowed for w's life. boot fills free_pages. requests: at most so many; fewer if the workload ends, or waits
 * for ever. 0 or -EINVAL with words: a phase whose time could never be over, as nothing says how many touches that is;
 * or -ENOMEM.
 */
int trace_workload_init(struct trace_workload *w, const struct workload_spec *spec, uint64_t seed,
			npages_t free_pages, uint64_t requests, struct error *error);

/* The next requests into b: nr is 0 when there are no more. */
void trace_workload_next(struct trace_workload *w, struct trace_batch *b);

/* After trace_workload_init() that succeeded. */
void trace_workload_end(struct trace_workload *w);

#endif
