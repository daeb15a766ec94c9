/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_probe.h: what this host offers to a live run, found out by trying.
 *
 * Each check does what a run would do (opens, asks, makes a small file) and undoes it; nothing is concluded from
 * version numbers where the thing itself can be asked. Guests are not started. Single-threaded, takes milliseconds.
 */
#ifndef BALLAST_VMM_HOST_PROBE_H
#define BALLAST_VMM_HOST_PROBE_H

#include <stdbool.h>

enum probe_status {
	PROBE_OK,
	PROBE_WARN,    /* a run works, with the cost named */
	PROBE_MISSING, /* no run without it */
};

struct probe_result {
	const char *name; /* "kvm"; static, as the texts below */
	enum probe_status status;
	char found[200];    /* what is there, in words */
	const char *cost;   /* not OK: what that costs */
	const char *remedy; /* not OK: how to get it */
};

struct probe_place {
	const char *kvm_path; /* "/dev/kvm" */
	const char *work_dir; /* where swap and results would go; must exist */
};

/* Number of checks. */
unsigned host_probe_count(void);

/* Does check index (below host_probe_count()); *out is always filled. */
void host_probe_run(unsigned index, const struct probe_place *place, struct probe_result *out);

const char *probe_status_name(enum probe_status status); /* "ok", "warn", "missing" */

#endif
