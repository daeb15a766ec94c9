/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch.h: what long work tells its user meanwhile, and how the user stops it.
 */
#ifndef BALLAST_SIM_WATCH_H
#define BALLAST_SIM_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called by any thread of the work, a few hundred times a second at most; functions may be NULL. */
struct sim_watch {
	/* So much of the work named by `what` is done; of = 0: nobody knows how much there is. */
	void (*progress)(void *context, const char *what, uint64_t done, uint64_t of);
	/* Shall it end early? The work then returns -ECANCELED. */
	bool (*stopped)(void *context);
	void *context;
};

static inline bool sim_watch_stopped(const struct sim_watch *w)
{
	return w && w->stopped && w->stopped(w->context);
}

static inline void sim_watch_tell(const struct sim_watch *w, const char *what, uint64_t done,
				  uint64_t of)
{
	if (w && w->progress)
		w->progress(w->context, what, done, of);
}

#endif
