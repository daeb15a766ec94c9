/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lab_report.h: free page reporting in a lab guest: the host is told which pages the guest has had free for a while.
 *
 * The pages stay the guest's, and free; only their content goes. The way to the host is the body's. Freestanding; not
 * reentrant, and not to be called from within the pager.
 */
#ifndef BALLAST_BALLOON_DRIVER_LAB_REPORT_H
#define BALLAST_BALLOON_DRIVER_LAB_REPORT_H

#include "guest/core/frames.h"

#define LAB_REPORT_RUNS  32u  /* told to the host at once, as Linux does */
#define LAB_REPORT_PAGES 512u /* in them, at most: the guest's work waits meanwhile */

/* Linux waits 2 s, too. Pages in use now and then, by the pager for one, are not worth a fault each. */
#define LAB_REPORT_PERIOD_NS (2 * NS_PER_S)
#define LAB_REPORT_KEEP      64u /* free pages not told */
#define LAB_REPORT_LEAST     64u /* fewer than so many more are not told either */

struct lab_report_run {
	gfn_t first;
	uint32_t nr;
};

struct lab_report {
	struct frames *frames;
	/* run[0, nr) are free; returns when the host knows. 0, or -errno: it does not. */
	int (*tell)(void *ctx, const struct lab_report_run *run, unsigned nr);
	void *ctx;
	uint64_t period_end_ns;
	npages_t left; /* to be told in this period */
	uint64_t told_pages, errors;
	struct lab_report_run run[LAB_REPORT_RUNS];
};

/* frames: borrowed. */
void lab_report_init(struct lab_report *r, struct frames *frames,
		     int (*tell)(void *ctx, const struct lab_report_run *run, unsigned nr),
		     void *ctx);

/* Goes on for one batch. When to call again; UINT64_MAX: when the guest has freed pages. */
uint64_t lab_report_run(struct lab_report *r, uint64_t now_ns);

#endif
