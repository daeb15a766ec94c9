/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario.h: a scenario file, read, checked and with its defaults filled in.
 *
 * YAML through libyaml's events and one table of keys; every message names file:line:column, the offending text and
 * what is allowed. Keys and defaults: docs/scenario.md. A value of the contract that is not built yet is refused.
 */
#ifndef BALLAST_CMD_SCENARIO_H
#define BALLAST_CMD_SCENARIO_H

#include "ballast/types.h"
#include "dedup/scan.h"
#include "guest/core/workload.h"
#include "lib/error.h"
#include "mm/policy/policy.h"
#include "mm/stats.h"
#include "mm/target.h"

#define SCENARIO_VMS_MAX     1024
#define SCENARIO_NAME_BYTES  64
#define SCENARIO_PATH_BYTES  1024
#define SCENARIO_ACTIONS_MAX 10000u

struct scenario_vm {
	char name[SCENARIO_NAME_BYTES]; /* final: web, or web-0 */
	npages_t memory_pages;
	npages_t min_pages;
	uint32_t shares;
	unsigned vcpus;
	const struct policy_ops *guest_pager;
	npages_t guest_swap_pages;
	npages_t guest_disk_pages;       /* of its disk for files; 0: none */
	uint32_t guest_balloon_ppm;      /* of its memory, at most, in its balloon; 0: no driver */
	bool guest_reporting;            /* the guest tells which of its pages are free */
	char group[SCENARIO_NAME_BYTES]; /* empty: the one of all VMs without */
	char kernel
		[SCENARIO_PATH_BYTES]; /* ELF64 file to boot; empty: the lab guest in the program */
	struct workload_spec workload;
};

enum timeline_kind {
	TIMELINE_ADD,
	TIMELINE_REMOVE,
	TIMELINE_POLICY,
	TIMELINE_TAX,
	TIMELINE_REBALANCE,
	TIMELINE_SAMPLE_PERIOD,
	TIMELINE_SCAN_RATES,
	TIMELINE_SHARES,
	TIMELINE_MIN,
	TIMELINE_WORKLOAD,
};

/* Something that happens while the machine runs, to the host or to one VM. */
struct timeline_action {
	uint64_t at_ns;
	enum timeline_kind kind;
	unsigned vm;    /* index in the scenario's vms, for those that concern one */
	uint64_t value; /* ppm, ns, shares or pages */
	uint32_t scan_rate, vm_scan_rate; /* TIMELINE_SCAN_RATES: both, as they are then */
	const struct target_policy *policy;
	struct workload_spec *workload; /* owned */
	char *key,
		*text; /* what is set, and to what, as in the file: "host.tax", "0%"; owned; NULL: nothing */
};

struct scenario {
	char name[SCENARIO_NAME_BYTES];
	uint64_t seed;
	uint64_t duration_ns;
	npages_t memory_pages;
	char *swap_path;              /* NULL: auto; owned */
	npages_t swap_pages;          /* auto: sum(max - min) */
	bool swap_spares_overwritten; /* a page that a disk overwrites is not read from swap for it */
	bool swap_writes_zeros;
	uint32_t swap_ahead_pages; /* read beside the one that is wanted, at most */
	const struct policy_ops *pager;
	const struct target_policy *policy; /* who gives memory up */
	uint32_t tax_ppm;
	uint32_t sample_pages; /* a period */
	uint64_t sample_period_ns;
	uint32_t sample_slow_ppm, sample_fast_ppm; /* gains of the averages */
	enum mm_estimator estimator;               /* whose estimate targets go by */
	bool share;                                /* mechanisms has share */
	enum dedup_scan_order scan;                /* of pages to be shared */
	uint32_t scan_rate, vm_scan_rate;          /* pages a second, of all VMs and of each */
	bool balloon;                              /* mechanisms has balloon */
	bool compress;                             /* mechanisms has compress */
	uint32_t compress_ppm;         /* of a VM's memory, for its compressed pages; 0 without */
	bool swap;                     /* mechanisms has swap */
	bool states_sliding;           /* thresholds are shares of minFree, not of memory */
	uint32_t state_ppm[MM_STATES]; /* high, soft, hard, low */
	uint64_t rebalance_ns;
	uint32_t cpus; /* of the simulated body; 0: auto */
	unsigned nr_vms,
		nr_later; /* all VMs, and those of them that the timeline adds: the last ones */
	struct scenario_vm *vms; /* owned; counts expanded, in file order, then in order of time */
	unsigned nr_actions;
	struct timeline_action *actions; /* owned; in order of time, of one time in file order */
};

/*
 * Reads path, applies nr_sets overrides of the form KEY.PATH=VALUE (as given by --set; checked exactly as the file is,
 * messages name the option), fills in defaults, checks the whole. *out: owned, scenario_free(). -EINVAL with
 * error->user for anything wrong in the file or the overrides.
 */
int scenario_load(const char *path, const char *const *sets, unsigned nr_sets,
		  struct scenario **out, struct error *error);
/* The same of a text that came from origin, as messages call it. */
int scenario_load_text(const char *origin, const char *text, size_t bytes, const char *const *sets,
		       unsigned nr_sets, struct scenario **out, struct error *error);
void scenario_free(struct scenario *s);

/* A workload alone, "{kind: zipf, pages: 2000}", as a guest of that size would have it; messages begin with origin. 0 or
 * -EINVAL with words. */
int scenario_workload_parse(const char *origin, const char *text, npages_t memory_pages,
			    struct workload_spec *out, struct error *error);

#endif
