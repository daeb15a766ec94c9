/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_do.c: runs what is left of a plan and merges it.
 *
 * Merging reads the finished jobs' files anew instead of keeping results in memory: what is merged is then what a later
 * reader of the folder finds, whoever computed it and when.
 */
#include <errno.h>
#include <unistd.h>

#include "cmd/sweep.h"
#include "cmd/sweep_run.h"
#include "lib/log.h"

unsigned sweep_at_once(const struct sweep_plan *plan, uint64_t asked)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (plan->body == SWEEP_KVM)
		return 1;
	if (!asked)
		asked = processors > 0 ? (uint64_t)processors : 1;
	return asked < SWEEP_AT_ONCE_MAX ? (unsigned)asked : SWEEP_AT_ONCE_MAX;
}

static int run(const struct sweep_store *store, const struct sweep_how *how, int *status,
	       struct error *error)
{
	struct sweep_run r = {.store = store,
			      .program = how->program,
			      .at_once = how->at_once,
			      .part = how->part,
			      .parts = how->parts,
			      .quiet = how->quiet};
	int err = stop_signals_begin(&r.signals, error);

	if (err)
		return err;
	err = sweep_run(&r, error);
	stop_signals_end(r.signals);
	if (err == -ECANCELED) {
		*status = 128 + r.signal;
		error_user(error,
			   "stopped by %s: %u of %u jobs are finished and kept in %s; the same "
			   "command with -o %s goes on",
			   stop_signals_name(r.signal), r.before + r.done, r.of, store->dir,
			   store->dir);
		return err;
	}
	*status = r.status;
	if (!err && r.failed)
		log_warn("%u of %u jobs failed; the same command with -o %s tries them again",
			 r.failed, r.of, store->dir);
	return err;
}

int sweep_do(const struct sweep_plan *plan, const char *dir, const struct sweep_how *how,
	     struct sweep_figures *figures, int *status, struct error *error)
{
	struct sweep_store store;
	int err;

	*status = 0;
	*figures = (struct sweep_figures){.plan = plan};
	err = sweep_store_open(&store, plan, dir, how->program, how->is_part || how->only_merge,
			       error);
	if (err)
		return err;
	if (!how->only_merge)
		err = run(&store, how, status, error);
	if (!err && !how->is_part)
		err = sweep_figures_read(&store, figures, error);
	if (!err && !how->is_part) {
		err = sweep_figures_write(figures, dir, error);
		if (err)
			sweep_figures_free(figures);
	}
	sweep_store_close(&store);
	return err;
}
