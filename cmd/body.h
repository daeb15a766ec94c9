/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * body.h: the two bodies that a scenario can run on, behind one table of functions: the live machine (body_kvm.c) and the
 * simulated one (body_sim.c). What is the same for both, from the options to the report, is in run.c.
 */
#ifndef BALLAST_CMD_BODY_H
#define BALLAST_CMD_BODY_H

#include "cmd/run_options.h"
#include "cmd/scenario.h"
#include "cmd/stop_signals.h"
#include "lib/error.h"
#include "mm/event.h"
#include "mm/snapshot.h"
#include "mm/trace.h"
#include "vmm/machine.h"

struct body_ops;

struct body {
	const struct body_ops *ops;
	void *machine;              /* owned; NULL: not made */
	struct machine_facts facts; /* filled in by make; zeros: it has none */
	uint64_t start_ns;          /* kvm: of the host's clock */
};

struct body_ops {
	const char *name; /* as in reports */
	/* The machine and its VMs. dir: for its files, if it has any. record: who takes the record, or NULL. 0 or -errno
	 * with words. */
	int (*make)(struct body *b, const struct scenario *s, const struct run_options *options,
		    const char *dir, const struct mm_record_sink *record, struct error *error);
	void (*record_end)(struct body *b); /* as machine_record_end() */
	int (*start)(struct body *b, struct error *error);
	/* Time since the start, by the machine's own clock. */
	uint64_t (*passed_ns)(struct body *b);
	/* The machine runs on for so long, or until a signal. Returns the signal's number, 0: none. */
	int (*wait)(struct body *b, uint64_t ns, struct stop_signals *signals);
	/* As machine_snapshot() with the kernel's view, machine_events_take() and machine_idle(). */
	int (*snapshot)(struct body *b, struct machine_snapshot **out);
	unsigned (*events_take)(struct body *b, struct mm_event *out, unsigned max, uint64_t *lost);
	/* As machine_trace_page() and machine_page_events_take(). */
	int (*trace_page)(struct body *b, vmid_t vm, gfn_t g);
	unsigned (*page_events_take)(struct body *b, struct mm_page_event *out, unsigned max,
				     uint64_t *lost);
	bool (*idle)(struct body *b);
	/* Carries an action of the timeline out, while the machine runs; see machine.h. 0 or -errno; *error: words, if there
	 * are more to say. */
	int (*act)(struct body *b, const struct scenario *s, const struct timeline_action *a,
		   struct error *error);
	void (*stop)(struct body *b);
	void (*destroy)(struct body *b); /* also if it was never made */
};

extern const struct body_ops body_kvm, body_sim;

#endif
