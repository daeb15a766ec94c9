/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay_opt.h: Belady's optimum. Inside sim/ only. */
#ifndef BALLAST_SIM_REPLAY_OPT_H
#define BALLAST_SIM_REPLAY_OPT_H

#include "sim/replay.h"

/*
 * next[i]: the request after i that is for the same page, or UINT32_MAX. O(requests). Freed with big_free(), 4 bytes a
 * request. NULL: no memory.
 */
uint32_t *replay_next_use(const struct trace *t);

/* run->frames to run->misses, run->seconds_ns, run->err. */
void replay_opt(const struct trace *t, const uint32_t *next, struct replay_run *run,
		const struct sim_watch *watch);

#endif
