/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file_sequence.h: what a file server must have done after so many work units, by its sequence alone.
 */
#ifndef BALLAST_TESTS_FILE_SEQUENCE_H
#define BALLAST_TESTS_FILE_SEQUENCE_H

#include <stdlib.h>
#include <string.h>

#include "guest/core/workload.h"

struct file_sequence {
	uint64_t filled, reads; /* pages */
};

/* workload: a single phase of the kind fileserver, with at most that many files. */
static inline struct file_sequence file_sequence_of(const char *workload, uint64_t seed,
						    uint64_t vm, uint32_t files,
						    uint64_t work_units)
{
	struct fileserver_file *memory = calloc(files, sizeof(*memory));
	struct file_sequence seen = {0};
	struct workload_spec spec;
	struct workload w;
	size_t at;

	if (!memory || workload_parse(workload, strlen(workload), &spec, &at))
		abort();
	workload_init(&w, &spec, seed, vm);
	workload_files(&w, memory, files);
	workload_next(&w);
	workload_phase_begin(&w, 0);
	while (work_units) {
		struct workload_step s = workload_next(&w);

		seen.filled += s.op == STEP_FILL;
		seen.reads += s.op == STEP_TOUCH && !s.write;
		work_units -= s.op == STEP_TOUCH;
	}
	free(memory);
	return seen;
}

#endif
