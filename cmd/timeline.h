/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timeline.h: which VMs a scenario has when, and what they are promised, by its timeline alone.
 *
 * Guests that end by themselves still count: whether they do, only the run can tell.
 */
#ifndef BALLAST_CMD_TIMELINE_H
#define BALLAST_CMD_TIMELINE_H

#include "cmd/scenario.h"

struct timeline_walk {
	const struct scenario *scenario;
	unsigned next;       /* action */
	unsigned nr_present; /* VMs */
	bool *present;       /* by VM; owned */
	npages_t *min_pages; /* by VM; owned */
};

/* At the start of the run: the first VMs are there. 0 or -ENOMEM. */
int timeline_walk_begin(struct timeline_walk *w, const struct scenario *s);
/* The next action is done. NULL: there is none. */
const struct timeline_action *timeline_walk_next(struct timeline_walk *w);
void timeline_walk_end(struct timeline_walk *w);

/* The most at any time, each by itself. */
struct timeline_peaks {
	unsigned vms;
	npages_t min_pages;    /* minimums together */
	npages_t least_pages;  /* the same with each VM's floor (mm_vm_least_pages) */
	npages_t beyond_pages; /* memory - min together */
};
/* 0 or -ENOMEM. */
int timeline_peaks(const struct scenario *s, struct timeline_peaks *out);

/* The most pages of a workload that the timeline gives the VM; 0: it gives it none. */
npages_t timeline_most_pages(const struct scenario *s, unsigned vm);
/* The most blocks of a disk that any workload of the VM needs for its files, that of the start included. */
npages_t timeline_most_blocks(const struct scenario *s, unsigned vm);

#endif
