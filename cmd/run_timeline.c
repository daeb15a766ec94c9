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

#include "cmd/run_machine.h"
#include "lib/log.h"

void run_timeline_begin(struct run_timeline *t, const struct scenario *s, struct machine *machine)
{
	*t = (struct run_timeline){s, machine, 0};
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

static int mail(struct machine *m, const struct timeline_action *a)
{
	char text[WORKLOAD_TEXT_BYTES];
	int n = workload_format(a->workload, text, sizeof(text));

	return n < 0 ? n : machine_vm_mail(m, vmid(a->vm), text);
}

/* 0 or -errno; *error: words, if there are more to say. */
static int carry_out(const struct run_timeline *t, const struct timeline_action *a,
		     struct error *error)
{
	struct machine *m = t->machine;

	switch (a->kind) {
	case TIMELINE_ADD:
		return run_machine_add_vm(m, t->scenario, a->vm, error);
	case TIMELINE_REMOVE:
		return machine_remove_vm(m, vmid(a->vm));
	case TIMELINE_POLICY:
		return machine_policy_set(m, a->policy);
	case TIMELINE_TAX:
		machine_tax_set(m, (uint32_t)a->value);
		return 0;
	case TIMELINE_REBALANCE:
		machine_rebalance_set(m, a->value);
		return 0;
	case TIMELINE_SAMPLE_PERIOD:
		machine_sample_period_set(m, a->value);
		return 0;
	case TIMELINE_SCAN_RATES:
		machine_scan_set(m, a->scan_rate, a->vm_scan_rate, false);
		return 0;
	case TIMELINE_SHARES:
		return machine_vm_shares_set(m, vmid(a->vm), (uint32_t)a->value);
	case TIMELINE_MIN:
		return machine_vm_min_set(m, vmid(a->vm), a->value);
	case TIMELINE_WORKLOAD:
		return mail(m, a);
	}
	return -EINVAL;
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
	int err = carry_out(t, a, &error);

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
