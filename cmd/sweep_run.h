/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_run.h: runs the jobs of a plan that are not finished, each as a process of its own.
 */
#ifndef BALLAST_CMD_SWEEP_RUN_H
#define BALLAST_CMD_SWEEP_RUN_H

#include "cmd/stop_signals.h"
#include "cmd/sweep_store.h"

#define SWEEP_AT_ONCE_MAX 256u

struct sweep_run {
	const struct sweep_store *store;
	const char *program;          /* what to execute */
	unsigned at_once;             /* jobs, 1 to SWEEP_AT_ONCE_MAX */
	unsigned part, parts;         /* only each parts-th job, from the part-th on; 0, 1: all */
	bool quiet;                   /* no line on standard error for each job */
	struct stop_signals *signals; /* borrowed */

	unsigned of;     /* out: jobs there are to do, finished before or not */
	unsigned before; /* out: of them, finished before */
	unsigned done;   /* out: finished now */
	unsigned failed;
	int status; /* out: the highest exit status of those that failed, at least 1 */
	int signal; /* out: what stopped it, 0: nothing */
};

/*
 * A job that fails is told of on standard error and counted, and the others go on. The first signal ends the jobs that
 * run, whose results are lost, and returns -ECANCELED without words.
 */
int sweep_run(struct sweep_run *r, struct error *error);

#endif
