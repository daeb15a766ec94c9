/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * self_run.h: this program runs a scenario in a process of its own, and reads its summary.
 */
#ifndef BALLAST_CMD_SELF_RUN_H
#define BALLAST_CMD_SELF_RUN_H

#include <jansson.h>
#include <stdint.h>

#include "cmd/stop_signals.h"
#include "lib/error.h"

#define SELF_RUN_SETS 24u

struct self_run {
	const char *command; /* run or sim */
	const char *scenario;
	char *dir;           /* for its results */
	const char *costs;   /* NULL: not said */
	uint64_t seconds_ns; /* 0: what the scenario says */
	const char *const *set;
	unsigned nr_sets;             /* at most SELF_RUN_SETS */
	struct stop_signals *signals; /* borrowed */
	int status;                   /* set: its exit status; COMMAND_HOST if it was killed */
};

/*
 * Waits for it. *summary: its summary.json, owned by the caller. What is wrong it has said itself on standard error.
 * A signal is handed on to it, and -ECANCELED comes back, without an error, when it has ended in good order: what it
 * wrote until then is in dir. Guests that crashed or found errors (COMMAND_GUEST) are an error here.
 */
int self_run(struct self_run *run, json_t **summary, struct error *error);

#endif
