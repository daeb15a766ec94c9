/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep_figures.h: the figures of all finished jobs of a plan, and the files they are merged into.
 *
 * A figure is a path into a job's result: "host.swap.read_pages" of a summary, "misses" of a replay. A path that meets a
 * list goes on in the entry that has the next word as its name, or else in all of them, and is the sum:
 * "vms.web-0.work_per_second", "vms.work_per_second". The usual ones have short names.
 */
#ifndef BALLAST_CMD_SWEEP_FIGURES_H
#define BALLAST_CMD_SWEEP_FIGURES_H

#include "cmd/sweep_store.h"

struct sweep_figure {
	const char *name; /* how it is called in tables; borrowed */
	const char *path;
};

struct sweep_figures {
	const struct sweep_plan *plan; /* borrowed */
	unsigned nr;
	struct sweep_figure figure[SWEEP_FIGURES_MAX];
	unsigned finished; /* jobs */
	bool *done;        /* owned; a job */
	double *value;     /* owned; value[job * nr + figure]; NaN: not there */
};

/* A figure of a result into *out. false: there is no such number. */
bool sweep_figure_value(const json_t *result, const char *path, double *out);

/*
 * Collects the plan's figures, or the usual ones that its results have, from all finished jobs. One that was asked for
 * and is in no result is the user's error.
 */
int sweep_figures_read(const struct sweep_store *s, struct sweep_figures *out, struct error *error);
void sweep_figures_free(struct sweep_figures *f);

/* dir/results.csv and dir/results.json: all finished jobs in the plan's order; no time of day, no duration. */
int sweep_figures_write(const struct sweep_figures *f, const char *dir, struct error *error);

/* A cell of a CSV file, in quotes if it needs them. */
void sweep_csv_text(FILE *out, const char *text);
/* A number as it stands in all files: 15 digits that mean something; nothing for NaN. */
void sweep_csv_number(FILE *out, double value);
/* The same in JSON: a whole number as one, null for NaN. */
json_t *sweep_number_json(double value);
/* {"host.policy": "esx", ..}; NULL: no memory. */
json_t *sweep_settings_json(const struct sweep_plan *p, unsigned i);

/* Names of the usual figures: "work_per_second, swap_in, ..", cut to bytes. Returns buf. */
char *sweep_figures_usual(bool replay, char *buf, size_t bytes);

#endif
