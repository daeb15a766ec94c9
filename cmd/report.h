/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * report.h: what a run leaves behind: summary.json, samples.csv, events.jsonl and manifest.json in one folder.
 *
 * Life: report_open before the machine starts, report_sample at each sample, report_event for what the snapshots do
 * not show, report_close with the last snapshot. A file that cannot be written does not end the run: what is lost is
 * counted and report_close tells it. One thread. What the files hold: docs/output.md.
 */
#ifndef BALLAST_CMD_REPORT_H
#define BALLAST_CMD_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cmd/report_file.h"
#include "cmd/scenario.h"
#include "lib/error.h"
#include "vmm/machine.h"

enum report_end {
	REPORT_END_TIME, /* its seconds are over */
	REPORT_END_IDLE, /* no guest runs any more */
	REPORT_END_STOP, /* Ctrl-C or another signal */
};

/* What a run is, besides its scenario. All borrowed. */
struct report_about {
	const struct scenario *scenario;
	const char *scenario_path;
	const char *body;           /* "kvm", "sim" */
	struct machine_facts facts; /* filled in after machine_create */
	json_t *command;            /* array of the words of the command line */
	json_t *record;             /* what the summary says of a record; NULL: there is none */
};

struct report; /* opaque; owned by the creator, freed by report_close() */

/* Starts the files in dir, which exists; results of an earlier run in it go away. about: borrowed until report_close. */
int report_open(const char *dir, const struct report_about *about, struct report **out,
		struct error *error);

/* A sample's rows, and the events that tell it from the one before. now: borrowed until the next one or report_close. */
void report_sample(struct report *r, const struct machine_snapshot *now);

/* Events of the manager's, in order; lost: how many of them nobody took in time. Times after until_ns become it. */
void report_told(struct report *r, const struct mm_event *events, unsigned nr, uint64_t lost,
		 uint64_t until_ns);

/* An event of this kind; more: an object with its other members, transferred, or NULL. */
void report_event(struct report *r, uint64_t now_ns, const char *kind, json_t *more);

/*
 * Writes summary.json and the final manifest.json, and frees r. last: the final figures, taken after machine_stop; NULL:
 * the run came to nothing, only frees. summary_out: NULL, or gets the summary (owned by the caller, NULL if there is no
 * memory for it). An error is the host's and names each file and what it lost.
 */
int report_close(struct report *r, const struct machine_snapshot *last, enum report_end end,
		 json_t **summary_out, struct error *error);

/* summary.json's content. NULL: no memory. Owned by the caller. */
json_t *report_summary(const struct report_about *about, const struct machine_snapshot *last,
		       enum report_end end);

/* manifest.json's content. started, ended: seconds since 1970; ended 0: the run goes on. Owned by the caller. */
json_t *report_manifest(const struct report_about *about, long long started, long long ended);

const char *report_end_name(enum report_end end); /* "time" */

/* What concerns all VMs of a snapshot together. */
struct report_totals {
	npages_t configured_pages, resident_pages, swapped_pages, untouched_pages;
	uint64_t work_units, integrity_checks, integrity_errors, faults, paged_out_pages;
	unsigned crashed, running;
};
void report_totals(const struct machine_snapshot *s, struct report_totals *out);

/* The same of the two pagers' work against each other. */
void report_double_paging(const struct machine_snapshot *s, struct mm_double_stats *out);

/* Exact at any size: a string where JSON's signed integers end. */
json_t *report_seed_json(uint64_t seed);

/* Faults in which a guest waited for a page to be brought in. */
uint64_t report_vm_faults(const struct mm_vm_stats *vm);

/* The end of a run in words, for a newcomer. */
void report_text(FILE *out, const struct report_about *about, const struct machine_snapshot *last,
		 enum report_end end, const char *dir);

/* An event of the manager's: the members beside t_seconds and kind, which is mm_event_info(e->kind)->name. Owned by the
 * caller; NULL: no memory. */
json_t *report_told_json(const struct mm_event *e, const char *const *names);

/*
 * Three counts of the same memory: what the guest says it uses, what the manager knows, what the kernel counts. The
 * guest's word is up to a second old, the kernel's count may be older; each is compared with what the manager had when
 * it was made. Each sees what the others cannot, so they agree if they are no further apart than REPORT_AGREE_BYTES
 * beyond what is known to differ:
 *   guest    <= manager's resident + shared + swapped: what a guest uses it has touched; the manager holds more, namely
 *               what the guest freed without telling
 *   kernel   of a VM: at most resident, at least resident without pages on their way (those are in staging)
 *   kernel   of all:  at most the manager's used pages, at least used without the reserve (which may be idle)
 */
#define REPORT_AGREE_BYTES (2ull << 20)

struct report_account {
	bool guest_said;
	npages_t guest_in_use_pages; /* total less free and ballooned, by its statistics */
	npages_t resident_pages, shared_pages, swapped_pages, compressed_pages;
	bool kernel_read;
	npages_t kernel_pages;
	bool guest_agrees, kernel_agrees; /* also true if there is nothing to compare */
};
void report_account_vm(const struct machine_snapshot *s, unsigned vm, struct report_account *out);

struct report_account_host {
	unsigned guests_said; /* VMs that are in guest_in_use_pages */
	npages_t guest_in_use_pages;
	npages_t used_pages; /* the manager's, when the kernel was read */
	bool kernel_read;
	npages_t kernel_pages;
	int64_t difference_pages; /* kernel - used */
	bool agrees;
};
void report_account_host(const struct machine_snapshot *s, struct report_account_host *out);
json_t *report_account_vm_json(const struct machine_snapshot *s, unsigned vm);
json_t *report_account_host_json(const struct machine_snapshot *s);

/* Events. Compares two snapshots of a machine; before NULL: now is the first. Each event is handed to put(), which
 * takes over more. */
typedef void report_put_fn(void *ctx, uint64_t now_ns, const char *kind, json_t *more);
void report_compare(const struct machine_snapshot *before, const struct machine_snapshot *now,
		    bool *swap_is_full, const char *const *names, report_put_fn *put, void *ctx);

#endif
