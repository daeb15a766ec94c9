/* SPDX-License-Identifier: GPL-2.0-or-later */
/* what_if.h: inside a what-if: what_if.c has its time and its manager, what_if_body.c answers for the body. */
#ifndef BALLAST_MM_WHAT_IF_H
#define BALLAST_MM_WHAT_IF_H

#include "mm/page.h"
#include "mm/play_entry.h"

struct under_way {
	struct mm_io *io; /* NULL: none */
	uint64_t due_ns;
};

struct at_stage {
	uint32_t vm, gfn;
};

struct what_if {
	struct player player;   /* first */
	const struct mm *first; /* the manager that plays the record */
	uint64_t unseen_pages, known_answers, unknown_answers;
	uint64_t now_ns, in_vain_ns;
	struct mm_args asked; /* the op under way */
	uint64_t fixed[MM_SEAM_ARGS];
	unsigned answers; /* given of it */
	struct under_way request[MM_IOS];
	uint64_t latency_ns[2];    /* of reads, of writes */
	uint64_t began_ns[MM_IOS]; /* the recorded ones */
	bool writes[MM_IOS];
	uint64_t **known; /* a VM's gfns: what they held */
	uint16_t **
		packed; /* and the bytes that compressed to; 0: unknown, or more than half a page */
	uint32_t *nr_known;
	uint32_t nr_vms;
	uint64_t *frame; /* what the pool's frames hold */
	uint32_t nr_frames;
	struct at_stage stage[2][MM_STAGES]; /* whose page is there: recorded, ours */
};

/* The tape's functions. */
bool what_if_call(struct mm_tape *t, const struct mm_args *args);
uint64_t what_if_answer(struct mm_tape *t, uint64_t value);

#endif
