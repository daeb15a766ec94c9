/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * two_level.h: a trace through a guest's memory, whose frames are themselves paged by a host with less memory: double
 * paging, as Goldberg and Hassinger described it (The double paging anomaly, AFIPS 1974).
 *
 * The guest has G frames and pages on its own as in replay.h. The host has H frames behind them, and pages the guest's
 * frames, by a policy of its own that sees every access to them:
 *   - a request that hits in the guest is an access to the frame the page is in;
 *   - a page that leaves the guest is written to the guest's disk, so its frame is read: an access, which brings the frame
 *     in again if the host had paged it out (a double fault). A page that was not written since it came has its copy
 *     on the disk already and leaves without;
 *   - a page that comes in is read from the guest's disk into a frame: an access that writes.
 * A frame that the host has never held costs a fault but no reading. The host writes a frame out if it was written
 * since it came in. A trace that does not say who writes is taken as all writes.
 */
#ifndef BALLAST_SIM_TWO_LEVEL_H
#define BALLAST_SIM_TWO_LEVEL_H

#include "lib/error.h"
#include "mm/policy/policy.h"
#include "sim/trace.h"

struct two_level_run {
	const struct policy_ops *guest, *host;
	uint32_t guest_frames, host_frames; /* >= 1 */
	uint64_t seed;
	uint64_t guest_faults;  /* pages that came into the guest */
	uint64_t guest_out;     /* pages the guest wrote out */
	uint64_t host_faults;   /* accesses to frames that were not in the host's memory */
	uint64_t host_in;       /* of them: read back, since the host had paged the frame out */
	uint64_t host_out;      /* frames the host wrote out */
	uint64_t double_faults; /* host faults of a page that leaves the guest */
	uint64_t seconds_ns;    /* processor time */
	int err;                /* 0, -errno or -ECANCELED */
};

/* As replay_sweep(). */
int two_level_sweep(const struct trace *t, struct two_level_run *run, unsigned nr, unsigned threads,
		    void (*done)(void *context, const struct two_level_run *run), void *context,
		    const struct sim_watch *watch, struct error *error);

#endif
