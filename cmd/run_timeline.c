/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_timeline.c: does what the timeline says, one action after the other, and tells how it went.
 *
 * All that could be known before was checked before. What is left to fail here is the run's own: a guest that has ended by
 * itself, memory that shared frames hold, a host that is out of memory. That is told, and the run goes on.
 */
#include "cmd/run_timeline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"

void run_timeline_begin(struct run_timeline *t, const struct scenario *s, struct body *body)
{
	*t = (struct run_timeline){s, body, 0};
}

uint64_t run_timeline_next_ns(const struct run_timeline *t)
{
	return t->scenario && t->next < t->scenario->nr_actions
		       ? t->scenario->actions[t->next].at_ns
		       : UINT64_MAX;
}

bool run_timeline_adds(const struct run_timeline *t)
{
	for (unsigned i = t->next; i < t->scenario->nr_actions; i++)
		if (t->scenario->actions[i].kind == TIMELINE_ADD)
			return true;
	return false;
}

static const char *word_of(const struct timeline_action *a)
{
	return a->kind == TIMELINE_ADD ? "add" : a->kind == TIMELINE_REMOVE ? "remove" : "set";
}

static bool of_a_vm(enum timeline_kind kind)
{
	return kind == TIMELINE_ADD || kind == TIMELINE_REMOVE || kind == TIMELINE_SHARES ||
	       kind == TIMELINE_MIN || kind == TIMELINE_WORKLOAD;
}

static void say_why(int err, const struct error *error, char *reason, size_t bytes)
{
	if (error->text[0])
		snprintf(reason, bytes, "%s", error->text);
	else if (err == -ESRCH)
		snprintf(reason, bytes, "the guest has ended");
	else if (err == -ENOSPC)
		snprintf(reason, bytes,
			 "the minimums do not fit into what shared frames leave of memory");
	else
		snprintf(reason, bytes, "%s", strerror(-err));
}

void run_timeline_act(struct run_timeline *t, struct run_timeline_done *done)
{
	const struct timeline_action *a = &t->scenario->actions[t->next];
	struct error error = {.user = false};
	int err = t->body->ops->act(t->body, t->scenario, a, &error);

	t->next++;
	*done = (struct run_timeline_done){
		.action = a, .vm = of_a_vm(a->kind) ? t->scenario->vms[a->vm].name : NULL};
	if (err)
		say_why(err, &error, done->reason, sizeof(done->reason));
	snprintf(done->text, sizeof(done->text), "%s %.80s%s%.60s%s", word_of(a),
		 a->key ? a->key : done->vm, a->key ? ": " : "", a->key ? a->text : "",
		 err ? ", failed" : "");
	if (err)
		log_warn("timeline: %s: %s", done->text, done->reason);
}

json_t *run_timeline_json(const struct run_timeline_done *done)
{
	const struct timeline_action *a = done->action;
	json_t *event = json_pack("{s:f, s:s, s:s}", "at_seconds", (double)a->at_ns / 1e9, "action",
				  word_of(a), "result", done->reason[0] ? "failed" : "done");

	if (event && done->vm)
		json_object_set_new(event, "vm", json_string(done->vm));
	if (event && a->key) {
		json_object_set_new(event, "key", json_string(a->key));
		json_object_set_new(event, "value", json_string(a->text));
	}
	if (event && done->reason[0])
		json_object_set_new(event, "reason", json_string(done->reason));
	return event;
}
