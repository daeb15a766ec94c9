/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_timeline_set.c: what a timeline sets: keys of the host and of VMs by their paths.
 *
 * Values are read by the same tables as in the scenario itself. A workload is changed key by key on what the VM runs by
 * then, as it stands in the file, and checked as a whole.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/scenario_timeline.h"

#define TEXT_BYTES 200

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
		strcpy(text + TEXT_BYTES - 2, "..");
	return text;
}

static int unsettable(const struct timeline_reading *r, const struct node *key)
{
	static const char allowed[] =
		"host.policy, host.rebalance, host.sampling.period, host.share.pages-per-second, "
		"host.share.per-vm, host.tax, vms.NAME.min, vms.NAME.shares, vms.NAME.workload, "
		"vms.NAME.workload.KEY";
	char quoted[64];

	return node_error(key, r->error, "'%s' cannot be set while the machine runs; allowed: %s",
			  words_quote(key->text, quoted, sizeof(quoted)), allowed);
}

static int describe(const struct timeline_reading *r, struct timeline_action *a, const char *key,
		    const struct node *value)
{
	a->key = strdup(key);
	a->text = text_of(value);
	return a->key && a->text ? 0 : timeline_no_memory(r);
}

static int set_host(struct timeline_reading *r, const struct settable *what,
		    const struct node *value)
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
	if (r->now.policy->sizes && !r->s->balloon)
		return key_wrong(value, "policy", "works by balloons, and mechanisms has none",
				 "with the mechanism balloon only", r->error);
	a = timeline_action_add(r, what->kind, value->key);
	if (!a)
		return timeline_failed(r);
	a->policy = r->now.policy;
	a->scan_rate = r->now.scan_rate;
	a->vm_scan_rate = r->now.vm_scan_rate;
	a->value = what->kind == TIMELINE_TAX         ? r->now.tax_ppm
		   : what->kind == TIMELINE_REBALANCE ? r->now.rebalance_ns
						      : r->now.sample_period_ns;
	return describe(r, a, value->key->text, value);
}

/* part: what stands behind "workload." in the key, or NULL. */
static int read_workload(struct timeline_reading *r, unsigned vm, const char *part,
			 const struct node *value, struct workload_spec *out)
{
	const struct scenario_vm *v = &r->s->vms[vm];
	const struct guest_size guest = {v->memory_pages, v->guest_swap_pages, v->guest_disk_pages};
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
		err = scenario_workload_read(workload, &guest, out, r->error);
	if (!err)
		r->vm[vm].workload = workload;
	return err;
}

static int set_one_vm(struct timeline_reading *r, unsigned vm, const struct settable *what,
		      const char *part, const struct node *value)
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
	a = timeline_action_add(r, what->kind, value->key);
	if (!a)
		return timeline_failed(r);
	a->vm = vm;
	a->value = what->kind == TIMELINE_MIN ? draft.min_pages : draft.shares;
	if (what->kind == TIMELINE_WORKLOAD) {
		a->workload = malloc(sizeof(*a->workload));
		if (!a->workload)
			return timeline_no_memory(r);
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

static int set_vm(struct timeline_reading *r, const char *path, const struct node *value)
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
	if (!timeline_vm_next(r, name, &vm))
		return timeline_nobody(r, value->key, name);
	for (; !err && timeline_vm_next(r, name, &vm); vm++)
		err = set_one_vm(r, vm, what, part, value);
	return err;
}

static int set_key(struct timeline_reading *r, const struct node *set, const struct node *value)
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

int timeline_set_read(struct timeline_reading *r, const struct node *set)
{
	int err = 0;

	if (set->kind != NODE_MAP || !set->first)
		return key_wrong(set, "set", "is not a map", "{host.tax: 0%}, one or more keys",
				 r->error);
	for (const struct node *c = set->first; c && !err; c = c->next)
		err = set_key(r, set, c);
	return err;
}
