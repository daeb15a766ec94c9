/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * play.c: a record played back as it was: each call of the manager is held against the next item of the record.
 *
 * After the first difference the call under way still has to come back: its ops are answered with success and nothing
 * else from then on, and nobody looks at what it does.
 */
#include "mm/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/entry.h"
#include "mm/page.h"
#include "mm/play_entry.h"

struct mm_play {
	struct player player; /* first: its tape is ours */
	struct mm_record_reader reader;
	const struct mm_play_listener *listener;
	struct what_if *what_if[2]; /* the same, changed; NULL: as it was */
	struct mm_play_status status;
	enum mm_play_state state;
	unsigned next_result; /* of the op under way */
	struct mm_args args;  /* of the entry call under way: copies */
	uint64_t fixed[MM_SEAM_ARGS];
	uint64_t list[MM_SEAM_LIST];
};

static void stop(struct mm_play *p, enum mm_play_state why)
{
	if (p->state == MM_PLAY_GOES_ON)
		p->state = why;
}

/* Reads the next item; false: there is none, and the play is over. */
static bool next(struct mm_play *p)
{
	int result = mm_record_next(&p->reader);

	p->status.read_bytes = p->reader.read_bytes;
	if (result)
		stop(p, result == -61 /* -ENODATA */ ? MM_PLAY_CUT : MM_PLAY_BROKEN);
	return result == 0;
}

static void differs(struct mm_play *p, const struct mm_args *expected, const struct mm_args *came)
{
	if (p->state != MM_PLAY_GOES_ON)
		return;
	p->state = MM_PLAY_DIFFERS;
	p->status.at_call = p->status.calls;
	mm_args_text(&p->args, p->status.within, MM_PLAY_TEXT);
	mm_args_text(expected, p->status.expected, MM_PLAY_TEXT);
	mm_args_text(came, p->status.came, MM_PLAY_TEXT);
}

static bool play_call(struct mm_tape *t, const struct mm_args *args)
{
	struct mm_play *p = (struct mm_play *)t;

	p->next_result = 0;
	if (args->call == MM_OP_SWAP_START)
		p->player.under_way |= 1ull << args->fixed[0];
	if (p->state != MM_PLAY_GOES_ON || !next(p))
		return false;
	p->status.ops++;
	p->status.of[p->reader.args.call]++;
	if (!mm_args_equal(&p->reader.args, args))
		differs(p, &p->reader.args, args);
	else if (args->call == MM_OP_SHARE &&
		 (int64_t)p->reader.result[0] > (int64_t)args->fixed[2])
		stop(p, MM_PLAY_BROKEN);
	else
		for (unsigned i = 0; p->what_if[0] && i < 2; i++)
			what_if_learn(p->what_if[i], &p->reader);
	return false;
}

static uint64_t play_answer(struct mm_tape *t, uint64_t value)
{
	struct mm_play *p = (struct mm_play *)t;

	(void)value;
	if (p->state != MM_PLAY_GOES_ON || p->next_result >= p->reader.nr_results)
		return 0;
	return p->reader.result[p->next_result++];
}

int mm_play_make(const struct mm_record_source *source, const struct mm_play_change *change,
		 const struct mm_play_listener *listener, struct mm_play **out)
{
	struct mm_play *p = calloc(1, sizeof *p);

	*out = p;
	if (!p)
		return -12;
	p->player.tape = (struct mm_tape){.call = play_call, .answer = play_answer};
	p->listener = listener;
	p->args.fixed = p->fixed;
	p->args.list = p->list;
	if (change) {
		p->what_if[0] = what_if_make(NULL);
		p->what_if[1] = what_if_make(change);
	}
	if (!mm_record_open(&p->reader, source) && (!change || (p->what_if[0] && p->what_if[1])))
		return 0;
	mm_play_destroy(p);
	*out = NULL;
	return -12;
}

void mm_play_destroy(struct mm_play *p)
{
	if (!p)
		return;
	stop(p, MM_PLAY_DONE); /* the manager's last calls are nobody's business */
	what_if_destroy(p->what_if[0]);
	what_if_destroy(p->what_if[1]);
	mm_destroy(p->player.tape.mm);
	mm_record_close(&p->reader);
	free(p);
}

/* The reader's item is overwritten by those of the call's ops. */
static void keep_args(struct mm_play *p)
{
	const struct mm_args *a = &p->reader.args;

	p->args.call = a->call;
	p->args.nr_fixed = a->nr_fixed;
	p->args.nr_list = a->nr_list;
	memcpy(p->fixed, a->fixed, a->nr_fixed * sizeof *a->fixed);
	memcpy(p->list, a->list, a->nr_list * sizeof *a->list);
}

static void tell_events(struct mm_play *p, enum mm_play_which which, const struct player *from)
{
	for (uint32_t i = 0; p->listener && p->listener->event && i < from->nr_events; i++)
		p->listener->event(p->listener->ctx, which, &from->event[i]);
}

/* The call for the managers beside; the first one's came back. */
static void enter_beside(struct mm_play *p, enum mm_play_which which)
{
	struct what_if *w = p->what_if[which - MM_PLAY_SAME];
	int result;

	if (p->args.call == MM_ENTRY_CREATE)
		what_if_follow(w, p->player.tape.mm);
	result = what_if_enter(w, &p->args);
	if (result)
		stop(p, result == -12 ? MM_PLAY_MEMORY : MM_PLAY_BROKEN);
	else
		tell_events(p, which, what_if_player(w));
}

/* The call came back: with what the record says? */
static void returned(struct mm_play *p)
{
	struct mm_args *came = &p->player.result;

	if (p->state != MM_PLAY_GOES_ON || !next(p))
		return;
	if (!mm_args_equal(&p->reader.args, came)) {
		differs(p, &p->reader.args, came);
		return;
	}
	tell_events(p, MM_PLAY_RECORDED, &p->player);
	if (!p->what_if[0])
		return;
	enter_beside(p, MM_PLAY_SAME);
	enter_beside(p, MM_PLAY_CHANGED);
	what_if_status(p->what_if[1], &p->status);
}

enum mm_play_state mm_play_step(struct mm_play *p)
{
	const char *form;

	if (p->state != MM_PLAY_GOES_ON || !next(p))
		return p->state;
	if (p->reader.args.call == MM_SEAM_END) {
		stop(p, MM_PLAY_DONE);
		return p->state;
	}
	p->status.calls++;
	p->status.of[p->reader.args.call]++;
	keep_args(p);
	form = mm_seam_info(p->args.call)->form;
	if (*form == 't')
		p->status.now_ns = p->fixed[0];
	if (p->args.call == MM_ENTRY_CREATE || p->args.call == MM_ENTRY_START)
		p->status.start_ns = p->fixed[0];
	if (play_enter(&p->player, &p->args))
		stop(p, MM_PLAY_BROKEN);
	returned(p);
	return p->state;
}

const struct mm_play_status *mm_play_status(const struct mm_play *p)
{
	return &p->status;
}

struct mm *mm_play_manager(const struct mm_play *p, enum mm_play_which which)
{
	struct what_if *w = which == MM_PLAY_RECORDED ? NULL : p->what_if[which - MM_PLAY_SAME];

	if (which == MM_PLAY_RECORDED)
		return p->player.tape.mm;
	return w ? what_if_player(w)->tape.mm : NULL;
}
