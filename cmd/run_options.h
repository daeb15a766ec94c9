/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_options.h: the command lines of `ballast run` and `ballast sim`, and the scenario they name.
 */
#ifndef BALLAST_CMD_RUN_OPTIONS_H
#define BALLAST_CMD_RUN_OPTIONS_H

#include "cmd/scenario.h"
#include "lib/error.h"
#include "lib/options.h"

struct run_options {
	const char *dir; /* NULL: results/runs/NAME-TIMESTAMP */
	struct option_number seconds, seed;
	struct option_list sets;
	struct option_list trace_pages;
	const char *costs; /* sim: NULL: the default */
	bool quiet, json, plot;
	const char *record;        /* NULL: none */
	const char *scenario_path; /* the operand */
};

/* As options_parse(): 0, 1 if help was printed, or -EINVAL with words. Texts in *out are borrowed from argv. argv[0]: run
 * or sim. */
int run_options_read(int argc, char **argv, struct run_options *out, struct error *error);

/* Loads the scenario with the overrides of the options. *out is owned by the caller. */
int run_options_load(const struct run_options *options, struct scenario **out, struct error *error);

/* Of guest vm of a run with that seed: each has its own, or equal guests would touch the same pages in step. */
uint64_t run_guest_seed(uint64_t seed, unsigned vm);

/* The words a lab guest gets on its command line (ballast/guest_abi.h); they fit, or -ENOSPC. */
int run_guest_cmdline(const struct scenario *s, unsigned vm, char *buf, size_t bytes);

#endif
