/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parallel.h: independent pieces of work on all processors, results told in order.
 */
#ifndef BALLAST_SIM_PARALLEL_H
#define BALLAST_SIM_PARALLEL_H

struct parallel {
	unsigned nr;
	unsigned threads; /* at once; 0: as many as processors */
	/* Does piece i. Any thread, any order. */
	void (*work)(void *context, unsigned i);
	/* All pieces up to i are done. In order, one at a time, by any thread. NULL: nobody wants to know. */
	void (*done)(void *context, unsigned i);
	void *context;
};

/* Returns when all are done. 0 or -ENOMEM, and nothing was begun. */
int parallel_run(const struct parallel *p);

#endif
