/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot.h: a picture of a run, drawn by gnuplot from samples.csv.
 */
#ifndef BALLAST_CMD_PLOT_H
#define BALLAST_CMD_PLOT_H

#include <stdio.h>

#include "cmd/scenario.h"
#include "lib/error.h"

#define PLOT_SCRIPT "memory.gp"
#define PLOT_PNG    "memory.png"
#define PLOT_SVG    "memory.svg"

/*
 * Writes dir/memory.gp and has gnuplot draw dir/memory.png. Starts a program: never while a machine lives (host-kvm
 * rule 8). An error is the host's; -ENOENT: there is no gnuplot (the script is there all the same).
 */
int plot_run(const char *dir, const struct scenario *scenario, struct error *error);

/* Has gnuplot run a script that is in dir, in dir. As plot_run(). */
int plot_draw(const char *dir, const char *script, struct error *error);

/* The script, which is complete but for samples.csv. */
void plot_script_print(FILE *out, const struct scenario *scenario);

#endif
