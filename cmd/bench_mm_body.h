/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_mm_body.h: a body for the memory manager that does nothing, so that only the manager's own work is left to measure.
 *
 * It knows which pages are present, since a touch of these is no fault, and which requests are under way. They end in
 * the touch that caused them, without error. Guest memory, stages and slots there are none.
 */
#ifndef BALLAST_CMD_BENCH_MM_BODY_H
#define BALLAST_CMD_BENCH_MM_BODY_H

#include "mm/mm.h"

#define NULL_BODY_IOS 64u /* more than the manager has */

struct null_body {
	struct mm *mm; /* owned */
	uint64_t now_ns;
	npages_t vm_pages; /* of each VM */
	uint8_t *present;  /* owned; vm * vm_pages + gfn: 1 there, 2 write-protected */
	struct mm_io *io[NULL_BODY_IOS];
	unsigned nr_io;
	bool reclaim_wanted;
	/* what mm_reclaim() took, and how long if there is a clock, which the user sets */
	uint64_t reclaimed;
	double reclaim_us;
	double (*clock_us)(void);
};

extern const struct mm_body_ops null_body_ops; /* for a struct null_body */

/* A manager with VMs of vm_pages each, all with balloon drivers if it has balloons. 0 or -errno. */
int null_body_make(struct null_body *n, const struct mm_config *config, npages_t vm_pages);
void null_body_free(struct null_body *n);

/* A thread of the guest touches a page; what follows happens at once, page-out included. False: it still waits. */
bool null_body_touch(struct null_body *n, uint32_t vm, uint64_t g, bool write);

#endif
