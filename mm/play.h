/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * play.h: a record played back to the same manager code, without a machine.
 *
 * As it was: the entry points are called as recorded, and the body's answers are those of the record. Every call of the
 * manager into its body, with its arguments, every result of an entry point and every event must be the recorded one;
 * the first that is not ends it. Nothing of the record's second half is needed to play its first.
 *
 * What if: with a change to the configuration, two more managers are given the same entry calls beside the first, on
 * bodies that have no record of what they are asked: what_if.c says what those answer and what that is worth. One of the
 * two has the recorded configuration: what it does otherwise than the record is the error of the method, and not the
 * change's doing.
 *
 * A step is one entry call. Pure: bytes come from a source, whoever wants to show something looks at the managers
 * between steps (statistics, not changes).
 */
#ifndef BALLAST_MM_PLAY_H
#define BALLAST_MM_PLAY_H

#include "mm/record.h"

struct mm_play;

enum mm_play_which {
	MM_PLAY_RECORDED, /* plays the record */
	MM_PLAY_SAME,     /* what if, with nothing changed */
	MM_PLAY_CHANGED,  /* what if */
	MM_PLAY_MANAGERS
};

struct mm_play_change {
	/* Called with what is recorded, which may be changed. */
	void (*config)(void *ctx, struct mm_config *config);
	void (*vm)(void *ctx, uint32_t vm, struct mm_vm_config *config);
	void *ctx;
};

struct mm_play_listener {
	/* An event that was taken. May be NULL. */
	void (*event)(void *ctx, enum mm_play_which which, const struct mm_event *e);
	void *ctx;
};

enum mm_play_state {
	MM_PLAY_GOES_ON,
	MM_PLAY_DONE,    /* the record is over, and all was as recorded */
	MM_PLAY_DIFFERS, /* see mm_play_status */
	MM_PLAY_BROKEN,  /* what the record says cannot be */
	MM_PLAY_CUT,     /* the bytes end before the record does */
	MM_PLAY_MEMORY,  /* no memory to play it */
};

#define MM_PLAY_TEXT 240u

struct mm_play_status {
	uint64_t calls, ops;        /* of entry points and of the body, so far */
	uint64_t of[MM_SEAM_CALLS]; /* by call; ops too */
	uint64_t
		start_ns; /* when the machine began to run; until then: when the manager was made */
	uint64_t now_ns;  /* of the latest call */
	uint64_t read_bytes; /* of the stream */
	/* the first difference: the entry call, its number from 1, what the record has and what came instead */
	uint64_t at_call;
	char within[MM_PLAY_TEXT], expected[MM_PLAY_TEXT], came[MM_PLAY_TEXT];
	/* what if, of the changed one: pages that left though they stay in the record; questions about content that the
	 * record has an answer to, and those it has none to */
	uint64_t unseen_pages, known_answers, unknown_answers;
};

/* -ENOMEM. change: NULL, as it was. listener: may be NULL. All borrowed until mm_play_destroy(). */
int mm_play_make(const struct mm_record_source *source, const struct mm_play_change *change,
		 const struct mm_play_listener *listener, struct mm_play **out);
void mm_play_destroy(struct mm_play *p);
enum mm_play_state mm_play_step(struct mm_play *p);
const struct mm_play_status *mm_play_status(const struct mm_play *p);
/* NULL: it is not made yet, or there is none. */
struct mm *mm_play_manager(const struct mm_play *p, enum mm_play_which which);

#endif
