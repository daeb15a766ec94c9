/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpus.h: the simulated host's processors, shared by vCPUs and by the host's own threads.
 *
 * A task that wants to run waits in line; a free processor takes the first. It runs for as long as its run() says, and
 * then after() says what came of it; a task that wants to go on gets in line again, at the end. So tasks that never sleep
 * take turns, a slice each. Threads of the host (the pager, the scanner) are urgent: they have a line of their own that
 * goes first, as sleepers do with Linux's scheduler.
 *
 * sim_task_ready() only gets in line: run() is called from sim_cpus_dispatch(), which the machine calls between events,
 * so that no guest runs inside a call of the manager.
 */
#ifndef BALLAST_SIM_CPUS_H
#define BALLAST_SIM_CPUS_H

#include "sim/queue.h"

struct sim_cpus;

enum sim_task_state { SIM_TASK_ASLEEP, SIM_TASK_IN_LINE, SIM_TASK_RUNS };

struct sim_task {
	/* Runs from now_ns on; returns when it stops, not before now_ns. */
	uint64_t (*run)(void *ctx, uint64_t now_ns);
	/* It has stopped, now; may get in line again. */
	void (*after)(void *ctx, uint64_t now_ns);
	void *ctx;
	bool urgent;
	uint64_t ran_ns; /* in all */
	/* the processors' */
	struct sim_cpus *cpus;
	enum sim_task_state state;
	uint64_t since_ns;
	struct sim_event stops;
	struct sim_task *next;
};

struct sim_line {
	struct sim_task *first, *last;
};

struct sim_cpus {
	struct sim_queue *queue; /* borrowed */
	unsigned nr, busy;
	struct sim_line line[2]; /* others, urgent ones */
};

void sim_cpus_init(struct sim_cpus *c, struct sim_queue *queue, unsigned nr);

/* run, after, ctx and urgent are set. Room for its event is promised here. 0 or -ENOMEM. */
int sim_task_init(struct sim_cpus *c, struct sim_task *t);

/* It wants to run; without effect if it waits already. Not while it runs. */
void sim_task_ready(struct sim_task *t);

/* Free processors take tasks. */
void sim_cpus_dispatch(struct sim_cpus *c, uint64_t now_ns);

#endif
