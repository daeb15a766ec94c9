/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_timeline.c: the list of what happens while the machine runs.
 *
 * An entry is a time and one of set, add and remove. Each is broken down to actions on the host or on one VM: several
 * keys in one set, a name that count made several VMs of. The reader knows at each entry which VMs are there and what
 * they run by then, so that a VM set after its removal, or a workload changed twice, is checked as it will be. Entries
 * stand in order of time: a list that jumps back is more likely a slip than a wish.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/scenario_timeline.h"

/* What an entry says. */
struct draft {
	uint64_t at_ns;
	const struct node *set, *add, *remove;
};

static int keep_node(const struct key *key, const struct node *value, void *target,
		     struct error *error)
{
	(void)error;
	memcpy((char *)target + key->offset, &value, sizeof(value));
	return 0;
}

static const struct key entry_keys[] = {
	{"at", key_read_number, .required = true, .kind = &parse_time, .min = 0,
	 .max = SCENARIO_SECONDS_MAX, KEY_FIELD(struct draft, at_ns)},
	{.name = "set", .read = keep_node, KEY_FIELD(struct draft, set)},
	{.name = "add", .read = keep_node, KEY_FIELD(struct draft, add)},
	{.name = "remove", .read = keep_node, KEY_FIELD(struct draft, remove)},
	{.name = NULL},
};

int timeline_no_memory(const struct timeline_reading *r)
{
	return error_host(r->error, ENOMEM, "scenario");
}

struct timeline_action *timeline_action_add(struct timeline_reading *r, enum timeline_kind kind,
					    const struct node *at)
{
	struct scenario *s = r->s;
	struct timeline_action *actions;

	if (s->nr_actions == SCENARIO_ACTIONS_MAX) {
		node_error(at, r->error, "too much happens in the timeline; allowed: %u actions",
			   SCENARIO_ACTIONS_MAX);
		return NULL;
	}
	actions = realloc(s->actions, (s->nr_actions + 1) * sizeof(*actions));
	if (!actions) {
		timeline_no_memory(r);
		return NULL;
	}
	s->actions = actions;
	actions[s->nr_actions] = (struct timeline_action){.at_ns = r->at_ns, .kind = kind};
	return &actions[s->nr_actions++];
}

int timeline_failed(const struct timeline_reading *r)
{
	return r->error->user ? -EINVAL : -ENOMEM;
}

/* --- VMs by name ------------------------------------------------------------------------------------------------- */

/* VMs read since the last time are known, too. */
static int learn(struct timeline_reading *r, const struct node *entry)
{
	struct timeline_vm *vm = realloc(r->vm, r->s->nr_vms * sizeof(*vm));
	uint32_t count = scenario_vm_count(entry);

	if (!vm)
		return timeline_no_memory(r);
	r->vm = vm;
	while (count--)
		r->vm[r->nr_known++] = (struct timeline_vm){
			.entry = entry,
			.workload = node_child(entry, "workload"),
		};
	return 0;
}

/* Is it called that, by its own name or by that of its entry? */
static bool is_called(const struct timeline_reading *r, unsigned vm, const char *name, bool own)
{
	return strcmp(own ? r->s->vms[vm].name : node_child(r->vm[vm].entry, "name")->text, name) ==
	       0;
}

int timeline_nobody(const struct timeline_reading *r, const struct node *at, const char *name)
{
	char quoted[64], allowed[200], when[PARSE_FORMAT_BYTES], wrong[100] = "is no VM";
	struct words there = {0};
	const char *near = NULL;

	for (unsigned i = 0; i < r->nr_known; i++) {
		if (!r->vm[i].removed)
			words_add(&there, r->s->vms[i].name);
		if (r->vm[i].removed &&
		    (is_called(r, i, name, true) || is_called(r, i, name, false)))
			snprintf(
				wrong, sizeof(wrong), "was removed at %s",
				parse_format(&parse_time, r->vm[i].removed_ns, when, sizeof(when)));
	}
	if (strcmp(wrong, "is no VM") == 0) {
		near = words_nearest(&there, name);
		snprintf(wrong, sizeof(wrong), "is no VM that is there then%s%.50s%s",
			 near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
	}
	return node_error(at, r->error, "'%s' %s; allowed: %s",
			  words_quote(name, quoted, sizeof(quoted)), wrong,
			  there.nr ? words_join(&there, allowed, sizeof(allowed))
				   : "none, all are removed");
}

bool timeline_vm_next(const struct timeline_reading *r, const char *name, unsigned *vm)
{
	bool own = false;

	for (unsigned i = 0; i < r->nr_known; i++)
		own |= is_called(r, i, name, true);
	for (; *vm < r->nr_known; ++*vm)
		if (!r->vm[*vm].removed && is_called(r, *vm, name, own))
			return true;
	return false;
}

/* --- add and remove ---------------------------------------------------------------------------------------------- */

static int read_add(struct timeline_reading *r, const struct node *entry)
{
	unsigned first = r->s->nr_vms;
	int err = scenario_vm_add(r->s, entry, r->error);

	r->s->nr_later += r->s->nr_vms - first;
	if (!err)
		err = learn(r, entry);
	for (unsigned vm = first; !err && vm < r->s->nr_vms; vm++) {
		struct timeline_action *a = timeline_action_add(r, TIMELINE_ADD, entry);

		if (!a)
			return timeline_failed(r);
		a->vm = vm;
	}
	return err;
}

static int read_remove(struct timeline_reading *r, const struct node *name)
{
	unsigned vm = 0;

	if (name->kind != NODE_SCALAR)
		return key_wrong(name, "remove", "", "the name of a VM", r->error);
	if (!timeline_vm_next(r, name->text, &vm))
		return timeline_nobody(r, name, name->text);
	for (; timeline_vm_next(r, name->text, &vm); vm++) {
		struct timeline_action *a = timeline_action_add(r, TIMELINE_REMOVE, name);

		if (!a)
			return timeline_failed(r);
		a->vm = vm;
		r->vm[vm].removed = true;
		r->vm[vm].removed_ns = r->at_ns;
	}
	return 0;
}

static int read_entry(struct timeline_reading *r, const struct node *entry)
{
	struct draft draft = {.at_ns = 0};
	char limit[PARSE_FORMAT_BYTES], allowed[80];
	int err = keys_read(entry_keys, entry, "the timeline", 0, &draft, r->error);

	if (err)
		return err;
	if (!draft.set + !draft.add + !draft.remove != 2)
		return node_error(entry, r->error,
				  "an entry of the timeline does %s; allowed: one of set, add, "
				  "remove",
				  draft.set || draft.add || draft.remove ? "several things"
									 : "nothing");
	if (draft.at_ns >= r->s->duration_ns) {
		snprintf(allowed, sizeof(allowed), "less than %s",
			 parse_format(&parse_time, r->s->duration_ns, limit, sizeof(limit)));
		return key_wrong(node_child(entry, "at"), "at", "is not before the end, seconds",
				 allowed, r->error);
	}
	if (draft.at_ns < r->at_ns) {
		snprintf(allowed, sizeof(allowed), "in order of time, %s or later",
			 parse_format(&parse_time, r->at_ns, limit, sizeof(limit)));
		return key_wrong(node_child(entry, "at"), "at", "is before the entry above",
				 allowed, r->error);
	}
	r->at_ns = draft.at_ns;
	if (draft.set)
		return timeline_set_read(r, draft.set);
	return draft.add ? read_add(r, draft.add) : read_remove(r, draft.remove);
}

int scenario_timeline_read(struct scenario_doc *doc, struct scenario *s, struct error *error)
{
	const struct node *list = node_child(doc->root, "timeline");
	struct timeline_reading r = {.doc = doc, .s = s, .error = error, .now = *s};
	int err = 0;

	if (!list)
		return 0;
	if (list->kind != NODE_LIST)
		return key_wrong(list, "timeline", "is not a list",
				 "a list of entries such as {at: 10s, set: {host.tax: 0%}}", error);
	for (const struct node *e = node_child(doc->root, "vms")->first; e && !err; e = e->next)
		err = learn(&r, e);
	for (const struct node *e = list->first; e && !err; e = e->next)
		err = read_entry(&r, e);
	free(r.vm);
	return err;
}
