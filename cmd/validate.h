/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate.h: live runs' summaries and a simulated one's, figure by figure.
 */
#ifndef BALLAST_CMD_VALIDATE_H
#define BALLAST_CMD_VALIDATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/error.h"

#define VALIDATE_RUNS    99u
#define VALIDATE_FIGURES 64u

/* What is compared, and what of it is judged: a figure that is further off than the limit is beyond it. */
struct validate_figures {
	unsigned nr;
	struct {
		const char *name; /* borrowed, as path */
		const char
			*path; /* in the summary; "vms." is summed over VMs, "vms.NAME." is one's */
		bool judged;
	} figure[VALIDATE_FIGURES];
	bool chosen;  /* judged are those that somebody named: there must be something to judge */
	double limit; /* 0.1 */
};

/* The usual figures, all judged. */
void validate_figures_usual(struct validate_figures *f, double limit);
/* Judges those of list, paths with commas between, and no other; those that are not usual come behind. list is cut up and
 * must outlive f. 0 or -EINVAL with the user's error, without the option's name. */
int validate_figures_choose(struct validate_figures *f, char *list, struct error *error);
/* Whether summary has all of them, as numbers. 0 or -EINVAL with the user's error, as above. */
int validate_figures_check(const struct validate_figures *f, const json_t *summary,
			   struct error *error);

enum validate_verdict {
	VALIDATE_SHOWN,   /* not judged, or next to nothing on both bodies */
	VALIDATE_WITHIN,  /* the limit */
	VALIDATE_BEYOND,  /* it */
	VALIDATE_NOTHING, /* somebody wanted it judged, and there is next to nothing */
};

struct validate_row {
	const char *name, *path;
	double live, least, most; /* median and range of the live runs */
	double sim;
	bool comparable; /* there is more than next to nothing */
	double error;    /* (sim - live) / live, if comparable */
	enum validate_verdict verdict;
};

/* Figure i, from nr_live > 0 summaries of live runs and the simulated one. */
void validate_row(const struct validate_figures *f, unsigned i, json_t *const *live,
		  unsigned nr_live, const json_t *sim, struct validate_row *out);

/* All of them as a table for people, and as JSON (NULL: no memory). *failed: how many are beyond, or nothing. */
void validate_print(FILE *out, const struct validate_figures *f, json_t *const *live,
		    unsigned nr_live, const json_t *sim, unsigned *failed);
json_t *validate_json(const struct validate_figures *f, json_t *const *live, unsigned nr_live,
		      const json_t *sim, unsigned *failed);

#endif
