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

#include "cmd/scenario_internal.h"

#define TEXT_BYTES 200

struct vm_state {
	const struct node *entry;    /* of vms, or of an add */
	const struct node *workload; /* by then; NULL: the default */
	bool removed;
	uint64_t removed_ns;
};

struct reading {
	struct scenario_doc *doc;
	struct scenario *s;
	struct error *error;
	struct vm_state *vm; /* by VM; owned */
	unsigned nr_known;   /* VMs in it */
	struct scenario now; /* the host's parameters by then; nothing in it is owned */
	uint64_t at_ns;
	/* The last workload that was changed: of VMs of one entry all change alike, and share what comes of it. */
	const struct node *changed, *changed_by, *changed_to;
};

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

/* What may be set, of the host and, with vm, of a VM. */
static const struct settable {
	const char *key;
	enum timeline_kind kind;
	bool vm;
} settable[] = {
	{"policy", TIMELINE_POLICY, false},
	{"rebalance", TIMELINE_REBALANCE, false},
	{"sampling.period", TIMELINE_SAMPLE_PERIOD, false},
	{"share.pages-per-second", TIMELINE_SCAN_RATES, false},
	{"share.per-vm", TIMELINE_SCAN_RATES, false},
	{"tax", TIMELINE_TAX, false},
	{"min", TIMELINE_MIN, true},
	{"shares", TIMELINE_SHARES, true},
	{"workload", TIMELINE_WORKLOAD, true},
	{NULL, 0, false},
};

static int no_memory(const struct reading *r)
{
	return error_host(r->error, ENOMEM, "scenario");
}

/* A value as it could stand in the file, cut to room. */
static void value_text(const struct node *n, FILE *out)
{
	const char *open = n->kind == NODE_LIST ? "[" : "{";

	if (n->kind == NODE_SCALAR) {
		fputs(n->text, out);
		return;
	}
	fputs(open, out);
	for (const struct node *c = n->first; c; c = c->next) {
		if (c->key)
			fprintf(out, "%s: ", c->key->text);
		value_text(c, out);
		fputs(c->next ? ", " : "", out);
	}
	fputs(n->kind == NODE_LIST ? "]" : "}", out);
}

static char *text_of(const struct node *value)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	if (!out)
		return NULL;
	value_text(value, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	if (bytes > TEXT_BYTES)
		strcpy(text + TEXT_BYTES, "..");
	return text;
}

static struct timeline_action *new_action(struct reading *r, enum timeline_kind kind,
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
		no_memory(r);
		return NULL;
	}
	s->actions = actions;
	actions[s->nr_actions] = (struct timeline_action){.at_ns = r->at_ns, .kind = kind};
	return &actions[s->nr_actions++];
}

static int failed(const struct reading *r)
{
	return r->error->user ? -EINVAL : -ENOMEM;
}

/* --- VMs by name ------------------------------------------------------------------------------------------------- */

/* VMs read since the last time are known, too. */
static int learn(struct reading *r, const struct node *entry)
{
	struct vm_state *vm = realloc(r->vm, r->s->nr_vms * sizeof(*vm));
	uint32_t count = scenario_vm_count(entry);

	if (!vm)
		return no_memory(r);
	r->vm = vm;
	while (count--)
		r->vm[r->nr_known++] = (struct vm_state){
			.entry = entry,
			.workload = node_child(entry, "workload"),
		};
	return 0;
}

/* Is it called that, by its own name or by that of its entry? */
static bool is_called(const struct reading *r, unsigned vm, const char *name, bool own)
{
	return strcmp(own ? r->s->vms[vm].name : node_child(r->vm[vm].entry, "name")->text, name) ==
	       0;
}

static int nobody_there(const struct reading *r, const struct node *at, const char *name)
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

/* The next VM of that name from *vm on that is there. A VM's own name goes before one that count made more of. */
static bool next_called(const struct reading *r, const char *name, unsigned *vm)
{
	bool own = false;

	for (unsigned i = 0; i < r->nr_known; i++)
		own |= is_called(r, i, name, true);
	for (; *vm < r->nr_known; ++*vm)
		if (!r->vm[*vm].removed && is_called(r, *vm, name, own))
			return true;
	return false;
}

/* --- set --------------------------------------------------------------------------------------------------------- */

static int unsettable(const struct reading *r, const struct node *key)
{
	static const char allowed[] =
		"host.policy, host.rebalance, host.sampling.period, host.share.pages-per-second, "
		"host.share.per-vm, host.tax, vms.NAME.min, vms.NAME.shares, vms.NAME.workload, "
		"vms.NAME.workload.KEY";
	char quoted[64];

	return node_error(key, r->error, "'%s' cannot be set while the machine runs; allowed: %s",
			  words_quote(key->text, quoted, sizeof(quoted)), allowed);
}

static int describe(const struct reading *r, struct timeline_action *a, const char *key,
		    const struct node *value)
{
	a->key = strdup(key);
	a->text = text_of(value);
	return a->key && a->text ? 0 : no_memory(r);
}

static int set_host(struct reading *r, const struct settable *what, const struct node *value)
{
	struct timeline_action *a;
	int err;

	if (what->kind == TIMELINE_SCAN_RATES && !r->s->share)
		return node_error(value->key, r->error,
				  "'%s' is set but 'share' is not in mechanisms; allowed: "
				  "mechanisms: [share, balloon, swap]",
				  value->key->text);
	err = scenario_host_key_read(what->key, value, &r->now, r->error);
	if (err)
		return err;
	a = new_action(r, what->kind, value->key);
	if (!a)
		return failed(r);
	a->policy = r->now.policy;
	a->scan_rate = r->now.scan_rate;
	a->vm_scan_rate = r->now.vm_scan_rate;
	a->value = what->kind == TIMELINE_TAX         ? r->now.tax_ppm
		   : what->kind == TIMELINE_REBALANCE ? r->now.rebalance_ns
						      : r->now.sample_period_ns;
	return describe(r, a, value->key->text, value);
}

/* part: what stands behind "workload." in the key, or NULL. */
static int read_workload(struct reading *r, unsigned vm, const char *part, const struct node *value,
			 struct workload_spec *out)
{
	const struct scenario_vm *v = &r->s->vms[vm];
	const struct node *workload = value, *was = r->vm[vm].workload;
	int err = 0;

	if (part && r->changed_by == value && r->changed == was) {
		workload = r->changed_to;
	} else if (part) {
		err = scenario_workload_change(r->doc, was, value->key, part, value, &workload,
					       r->error);
		r->changed = was;
		r->changed_by = value;
		r->changed_to = workload;
	}
	if (!err)
		err = scenario_workload_read(workload, v->memory_pages, v->guest_swap_pages, out,
					     r->error);
	if (!err)
		r->vm[vm].workload = workload;
	return err;
}

static int set_one_vm(struct reading *r, unsigned vm, const struct settable *what, const char *part,
		      const struct node *value)
{
	struct scenario_vm draft = r->s->vms[vm];
	char memory[PARSE_FORMAT_BYTES], key[SCENARIO_NAME_BYTES + 80];
	struct timeline_action *a;
	int err;

	if (what->kind == TIMELINE_WORKLOAD)
		err = read_workload(r, vm, part, value, &draft.workload);
	else
		err = scenario_vm_key_read(what->key, value, &draft, r->error);
	if (err)
		return err;
	if (draft.min_pages > draft.memory_pages)
		return key_wrong(value, "min", "is more than memory",
				 parse_format(&parse_bytes, pages_to_bytes(draft.memory_pages),
					      memory, sizeof(memory)),
				 r->error);
	a = new_action(r, what->kind, value->key);
	if (!a)
		return failed(r);
	a->vm = vm;
	a->value = what->kind == TIMELINE_MIN ? draft.min_pages : draft.shares;
	if (what->kind == TIMELINE_WORKLOAD) {
		a->workload = malloc(sizeof(*a->workload));
		if (!a->workload)
			return no_memory(r);
		*a->workload = draft.workload;
	}
	snprintf(key, sizeof(key), "vms.%s.%s%s%.60s", r->s->vms[vm].name, what->key,
		 part ? "." : "", part ? part : "");
	return describe(r, a, key, value);
}

/* Which key of a VM is it? *part: the key of its workload behind it, or NULL. */
static const struct settable *settable_of_vm(const char *key, const char **part)
{
	for (const struct settable *what = settable; what->key; what++) {
		size_t length = strlen(what->key);

		if (!what->vm || strncmp(key, what->key, length) != 0)
			continue;
		*part = key[length] ? key + length + 1 : NULL;
		if (!key[length] || (key[length] == '.' && what->kind == TIMELINE_WORKLOAD &&
				     **part && !strchr(*part, '.')))
			return what;
	}
	return NULL;
}

static int set_vm(struct reading *r, const char *path, const struct node *value)
{
	size_t length = strcspn(path, ".");
	const struct settable *what;
	char name[SCENARIO_NAME_BYTES];
	const char *part;
	unsigned vm = 0;
	int err = 0;

	if (!path[length] || length >= sizeof(name))
		return unsettable(r, value->key);
	what = settable_of_vm(path + length + 1, &part);
	if (!what)
		return unsettable(r, value->key);
	memcpy(name, path, length);
	name[length] = '\0';
	if (!next_called(r, name, &vm))
		return nobody_there(r, value->key, name);
	for (; !err && next_called(r, name, &vm); vm++)
		err = set_one_vm(r, vm, what, part, value);
	return err;
}

static int set_key(struct reading *r, const struct node *set, const struct node *value)
{
	const char *key = value->key->text;

	for (const struct node *c = set->first; c != value; c = c->next)
		if (strcmp(c->key->text, key) == 0)
			return node_error(value->key, r->error,
					  "key '%s' in set is repeated; allowed: once", key);
	if (strncmp(key, "vms.", 4) == 0)
		return set_vm(r, key + 4, value);
	for (const struct settable *what = settable; what->key; what++)
		if (!what->vm && strncmp(key, "host.", 5) == 0 && strcmp(key + 5, what->key) == 0)
			return set_host(r, what, value);
	return unsettable(r, value->key);
}

static int read_set(struct reading *r, const struct node *set)
{
	int err = 0;

	if (set->kind != NODE_MAP || !set->first)
		return key_wrong(set, "set", "is not a map", "{host.tax: 0%}, one or more keys",
				 r->error);
	for (const struct node *c = set->first; c && !err; c = c->next)
		err = set_key(r, set, c);
	return err;
}

/* --- add and remove ---------------------------------------------------------------------------------------------- */

static int read_add(struct reading *r, const struct node *entry)
{
	unsigned first = r->s->nr_vms;
	int err = scenario_vm_add(r->s, entry, r->error);

	r->s->nr_later += r->s->nr_vms - first;
	if (!err)
		err = learn(r, entry);
	for (unsigned vm = first; !err && vm < r->s->nr_vms; vm++) {
		struct timeline_action *a = new_action(r, TIMELINE_ADD, entry);

		if (!a)
			return failed(r);
		a->vm = vm;
	}
	return err;
}

static int read_remove(struct reading *r, const struct node *name)
{
	unsigned vm = 0;

	if (name->kind != NODE_SCALAR)
		return key_wrong(name, "remove", "", "the name of a VM", r->error);
	if (!next_called(r, name->text, &vm))
		return nobody_there(r, name, name->text);
	for (; next_called(r, name->text, &vm); vm++) {
		struct timeline_action *a = new_action(r, TIMELINE_REMOVE, name);

		if (!a)
			return failed(r);
		a->vm = vm;
		r->vm[vm].removed = true;
		r->vm[vm].removed_ns = r->at_ns;
	}
	return 0;
}

static int read_entry(struct reading *r, const struct node *entry)
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
		return read_set(r, draft.set);
	return draft.add ? read_add(r, draft.add) : read_remove(r, draft.remove);
}

int scenario_timeline_read(struct scenario_doc *doc, struct scenario *s, struct error *error)
{
	const struct node *list = node_child(doc->root, "timeline");
	struct reading r = {.doc = doc, .s = s, .error = error, .now = *s};
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
