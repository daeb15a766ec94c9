/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tape.h: between the manager and its body: whoever wants to hear what the manager asks, or to answer in its place.
 *
 * Its table is a struct mm_body_ops whose body is the tape; it has the ops that the body behind it has. Each op first tells call() what is asked. True: the
 * body behind the tape is asked, and answer() hears each of its results; false: there is none to ask, and what
 * answer() returns is the result. The recorder (record.c) is of the first kind, the players (play.c, what_if.c) are of
 * the second.
 */
#ifndef BALLAST_MM_TAPE_H
#define BALLAST_MM_TAPE_H

#include "mm/seam.h"

struct mm_tape {
	bool (*call)(struct mm_tape *t, const struct mm_args *args);
	/* For each letter behind the colon of the op's form, in order. */
	uint64_t (*answer)(struct mm_tape *t, uint64_t value);
	struct mm_body_ops table;
	const struct mm_body_ops *ops; /* behind it; NULL: none */
	void *body;
	struct mm *mm;    /* set once it is made */
	struct mm_io *io; /* the request of the last swap_start */
};

/* Which ops there are, a bit each in the order of MM_OPS; and the table with these. */
uint64_t mm_tape_mask(const struct mm_body_ops *ops);
void mm_tape_set(struct mm_tape *t, uint64_t mask);

/* Number of a request, and the request of a number; mm_io_number() is what records hold. */
uint32_t mm_io_number(const struct mm *m, const struct mm_io *io);
struct mm_io *mm_io_numbered(struct mm *m, uint32_t number); /* NULL: no such */

#endif
