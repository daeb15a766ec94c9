/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_timeline.h: a scenario's timeline, carried out on the body that runs it.
 */
#ifndef BALLAST_CMD_RUN_TIMELINE_H
#define BALLAST_CMD_RUN_TIMELINE_H

#include <jansson.h>

#include "cmd/body.h"
#include "cmd/scenario.h"

struct run_timeline {
	const struct scenario *scenario; /* borrowed, as the body */
	struct body *body;
	unsigned next; /* action */
};

void run_timeline_begin(struct run_timeline *t, const struct scenario *s, struct body *body);
/* When the next action is due; UINT64_MAX: none is left. */
uint64_t run_timeline_next_ns(const struct run_timeline *t);
/* Does a VM still come? */
bool run_timeline_adds(const struct run_timeline *t);

struct run_timeline_done {
	const struct timeline_action *action;
	const char *vm;                /* NULL: none is concerned */
	char reason[ERROR_TEXT_BYTES]; /* why it could not be done; empty: it was */
	char text[200];                /* all of it for people */
};
/* Does the next action. One that cannot be done leaves the machine as it was. */
void run_timeline_act(struct run_timeline *t, struct run_timeline_done *done);
/* The event's members; owned by the caller. NULL: no memory. */
json_t *run_timeline_json(const struct run_timeline_done *done);

#endif
