/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * play_entry.h: a recorded call of an entry point, made again. Inside the players only.
 */
#ifndef BALLAST_MM_PLAY_ENTRY_H
#define BALLAST_MM_PLAY_ENTRY_H

#include "mm/play.h"
#include "mm/tape.h"

#define PLAY_EVENTS 64u /* most that a call takes */

struct player {
	struct mm_tape tape; /* first; its mm is NULL until create came */
	const struct mm_play_change *change;
	bool open_loop;     /* it is no replay: what_if.c */
	uint64_t under_way; /* requests that were started: a bit each, by number */
	/* results of the last call */
	struct mm_args result;
	uint64_t fixed[MM_SEAM_ARGS];
	uint64_t list[MM_SEAM_LIST];
	struct mm_event event[PLAY_EVENTS];
	uint32_t nr_events;
};

/* Calls what args say, on p's manager; results to p->result. -EILSEQ: it cannot be called like that. */
int play_enter(struct player *p, const struct mm_args *args);

/* what_if.c: a manager beside the one that plays the record. change: NULL, none. NULL: no memory. */
struct what_if;
struct what_if *what_if_make(const struct mm_play_change *change);
void what_if_destroy(struct what_if *w);
/* The first manager, once it is made. */
void what_if_follow(struct what_if *w, const struct mm *first);
/* What was recorded: an op with its results, and an entry call with its arguments, after its ops. 0 or -errno. */
void what_if_learn(struct what_if *w, const struct mm_record_reader *r);
int what_if_enter(struct what_if *w, const struct mm_args *args);
struct player *what_if_player(struct what_if *w);
void what_if_status(const struct what_if *w, struct mm_play_status *out); /* its three counts */

#endif
