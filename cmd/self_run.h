/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * self_run.h: this program runs a scenario in a process of its own, and reads its summary.
 */
#ifndef BALLAST_CMD_SELF_RUN_H
#define BALLAST_CMD_SELF_RUN_H

#include <jansson.h>
#include <stdint.h>

#include "lib/error.h"

#define SELF_RUN_SETS 24u

struct self_run {
	const char *command; /* run or sim */
	const char *scenario;
	char *dir;           /* for its results */
	const char *costs;   /* NULL: not said */
	uint64_t seconds_ns; /* 0: what the scenario says */
	const char *const *set;
	unsigned nr_sets; /* at most SELF_RUN_SETS */
};

/* Waits for it. *summary: its summary.json, owned by the caller. What is wrong it has said itself on standard error. */
int self_run(const struct self_run *run, json_t **summary, struct error *error);

#endif
