/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pace.h: how many touches are due: a rate, kept in slices.
 *
 * Every period (10 ms, or the time of one touch if that is longer) the touches of the time since the last slice are due
 * together; between slices the guest sleeps. Rates are exact over time: remainders are carried on. A guest that could
 * not run for long (stalled, starved of CPU) does not catch up: at most two periods' touches are due at once.
 */
#ifndef BALLAST_GUEST_PACE_H
#define BALLAST_GUEST_PACE_H

#include "ballast/types.h"

#define PACE_PERIOD_NS 10000000ull

struct pace {
	uint32_t rate; /* touches a second; 0: unlimited */
	uint64_t period_ns;
	uint64_t last_ns; /* up to here touches have been handed out */
	uint64_t next_ns; /* the next slice */
	uint64_t rest;    /* handed out too little so far, in 10^-9 touches */
};

/* The first slice is one period after now. */
void pace_start(struct pace *p, uint32_t rate, uint64_t now_ns);

/* Touches due now, taken as done. 0: none before *next_ns, which is later than now. Unlimited: always UINT32_MAX. */
uint32_t pace_due(struct pace *p, uint64_t now_ns, uint64_t *next_ns);

#endif
