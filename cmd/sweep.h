/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep.h: a plan from its jobs to its merged results: what `ballast sweep` and `ballast compare` share.
 */
#ifndef BALLAST_CMD_SWEEP_H
#define BALLAST_CMD_SWEEP_H

#include "cmd/sweep_figures.h"

/* This program, for a process of its own to execute, whatever its file is called by now. */
#define SWEEP_PROGRAM "/proc/self/exe"

struct sweep_how {
	const char *program;
	unsigned at_once; /* jobs */
	bool is_part;     /* only some jobs, beside others who do the rest, and merge nothing: */
	unsigned part, parts; /* each parts-th from the part-th on; 0, 1: all */
	bool quiet;
	bool only_merge; /* run nothing */
};

/*
 * Does what is left to do of a plan, which was checked, in dir, which exists, and merges what is finished (a part merges
 * nothing: *figures is empty). Returns 0, or a status if jobs failed: *status then is the highest of theirs. -ECANCELED
 * with words if a signal stopped it; -EINVAL or -errno with words. *figures is the caller's to free unless the return
 * is negative.
 */
int sweep_do(const struct sweep_plan *plan, const char *dir, const struct sweep_how *how,
	     struct sweep_figures *figures, int *status, struct error *error);

/* As many jobs at once as there are processors, or as asked; on KVM always one. */
unsigned sweep_at_once(const struct sweep_plan *plan, uint64_t asked);

/*
 * Runs what is left to do as an array of Slurm jobs and waits for its end. plan_path: the plan's file. The user's error:
 * there is no sbatch, or it refused. *status: 0, or at least 1 if one of the tasks failed.
 */
int sweep_slurm(const struct sweep_plan *plan, const char *dir, const char *plan_path,
		const struct sweep_how *how, int *status, struct error *error);

#endif
