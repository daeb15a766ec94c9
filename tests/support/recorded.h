/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recorded.h: a record of the memory manager held in memory, to be played back at once.
 */
#ifndef BALLAST_TESTS_RECORDED_H
#define BALLAST_TESTS_RECORDED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mm/play.h"

struct recorded {
	uint8_t *bytes; /* owned */
	size_t nr, room;
	size_t given; /* by the source, since recorded_source() */
};

/* What a struct mm_config takes; r starts as zeros and must outlive the manager. */
struct mm_record_sink recorded_sink(struct recorded *r);
/* From the start, in pieces of changing length. */
struct mm_record_source recorded_source(struct recorded *r);
void recorded_free(struct recorded *r);

/* Plays it to its end; fails the test with the difference if there is one. Returns how many calls there were. */
uint64_t recorded_must_replay(struct recorded *r);
/* Plays it until it is over or differs. change: NULL, none. Returns the play, the caller's to destroy. */
struct mm_play *recorded_play(struct recorded *r, const struct mm_play_change *change,
			      enum mm_play_state *state);

/* Records a small machine with a fake body on which everything happens that the manager knows of: every entry point is
 * called, every op of the body is. steps: some thousands to see all of it, a hundred for a small record. */
void recorded_everything(struct recorded *r, uint64_t seed, unsigned steps);

#endif
