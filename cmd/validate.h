/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate.h: a live run's summary and a simulated one's, figure by figure.
 */
#ifndef BALLAST_CMD_VALIDATE_H
#define BALLAST_CMD_VALIDATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define VALIDATE_RUNS 99u

struct validate_row {
	const char *name;
	const char *path;         /* in the summary; "vms." is summed over VMs */
	double live, least, most; /* median and range of the live runs */
	double sim;
	bool comparable; /* the live median is not nearly nothing */
	double error;    /* (sim - live) / live, if comparable */
};

/* How many figures there are. */
unsigned validate_rows(void);
/* Figure i (name and path are set), from summaries of live runs and the simulated one. */
void validate_row(unsigned i, json_t *const *live, unsigned nr_live, const json_t *sim,
		  struct validate_row *out);

/* One row of a table for people, and all of them as JSON; NULL: no memory. */
void validate_print(FILE *out, json_t *const *live, unsigned nr_live, const json_t *sim);
json_t *validate_json(json_t *const *live, unsigned nr_live, const json_t *sim);

#endif
