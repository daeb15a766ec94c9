/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare.h: the figures of a plan, setting by setting: medians, intervals, and what differs.
 */
#ifndef BALLAST_CMD_COMPARE_H
#define BALLAST_CMD_COMPARE_H

#include <stdio.h>

#include "cmd/statistics.h"
#include "cmd/sweep_figures.h"

#define COMPARE_PLOT_SCRIPT "compare.gp"
#define COMPARE_PLOT_PNG    "compare.png"

/* A figure under one combination of settings. */
struct compare_cell {
	struct statistics_interval of; /* nr 0: no job of it is finished */
	struct statistics_difference
		difference; /* of.nr 0: it is the reference, or has no pair of jobs */
};

struct compare {
	const struct sweep_figures *figures; /* borrowed */
	struct compare_cell *cell;           /* owned; cell[combination * figures->nr + figure] */
};

/* What a combination is compared with: the first key's first value, and the same of the others. */
unsigned compare_reference(const struct sweep_plan *p, unsigned combination);
/* The combination in a row of tables and pictures: what is compared stands together. */
unsigned compare_row(const struct sweep_plan *p, unsigned row);

/* 0, or -ENOMEM with words. */
int compare_make(const struct sweep_figures *figures, struct compare *out, struct error *error);
void compare_free(struct compare *c);

int compare_print(const struct compare *c,
		  FILE *out);                  /* the table and how to read it; 0 or -ENOMEM */
json_t *compare_json(const struct compare *c); /* NULL: no memory */
void compare_csv(const struct compare *c, FILE *out); /* one row a setting and figure */
int compare_plot(const struct compare *c,
		 FILE *out); /* gnuplot's script, with its data; 0 or -ENOMEM */

#endif
