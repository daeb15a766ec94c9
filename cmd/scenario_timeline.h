/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario_timeline.h: what the two files that read a timeline share.
 */
#ifndef BALLAST_CMD_SCENARIO_TIMELINE_H
#define BALLAST_CMD_SCENARIO_TIMELINE_H

#include "cmd/scenario_internal.h"

struct timeline_vm {
	const struct node *entry;    /* of vms, or of an add */
	const struct node *workload; /* by then; NULL: the default */
	bool removed;
	uint64_t removed_ns;
};

struct timeline_reading {
	struct scenario_doc *doc;
	struct scenario *s;
	struct error *error;
	struct timeline_vm *vm; /* by VM; owned */
	unsigned nr_known;      /* VMs in it */
	struct scenario now;    /* the host's parameters by then; nothing in it is owned */
	uint64_t at_ns;
	/* The last workload that was changed: of VMs of one entry all change alike, and share what comes of it. */
	const struct node *changed, *changed_by, *changed_to;
};

/* One action more, at the reading's time. NULL: *r->error says why; timeline_failed() is what to return then. */
struct timeline_action *timeline_action_add(struct timeline_reading *r, enum timeline_kind kind,
					    const struct node *at);
int timeline_failed(const struct timeline_reading *r);
int timeline_no_memory(const struct timeline_reading *r);

/* The next VM of that name from *vm on that is there. A VM's own name goes before one that count made more of. */
bool timeline_vm_next(const struct timeline_reading *r, const char *name, unsigned *vm);
/* There is none. */
int timeline_nobody(const struct timeline_reading *r, const struct node *at, const char *name);

/* scenario_timeline_set.c: {KEY: VALUE, ..} */
int timeline_set_read(struct timeline_reading *r, const struct node *set);

#endif
