/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost_file.h: cost files of the simulated machine: YAML, a map of names and numbers (sim/cost.h).
 */
#ifndef BALLAST_CMD_COST_FILE_H
#define BALLAST_CMD_COST_FILE_H

#include <stdio.h>

#include "lib/error.h"
#include "sim/cost.h"

/*
 * name: a preset's, or a file's; NULL: the default preset. A file may leave fields out: they are the default's, or those
 * of the preset it names with the key `preset`. 0, or -EINVAL with the user's error, or the host's.
 */
int cost_file_load(const char *name, struct sim_cost *out, struct error *error);

/* Writes every field, with what it means. */
void cost_file_write(FILE *out, const struct sim_cost *cost, const char *comment);

#endif
