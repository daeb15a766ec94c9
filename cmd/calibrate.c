/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calibrate.c: `ballast calibrate`: this host's costs, as a file for `ballast sim --costs`.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/calibrate.h"
#include "cmd/commands.h"
#include "cmd/cost_file.h"
#include "cmd/report_dir.h"
#include "lib/options.h"

struct calibrate_options {
	const char *file, *dir;
	bool no_guests;
};

static const struct option_def options[] = {
	{'o', "output", "FILE", "where to write the costs (default: standard output)", OPTION_TEXT,
	 offsetof(struct calibrate_options, file), NULL, 0, 0},
	{0, "dir", "DIR", "folder for work files (default: results/runs/calibrate-TIMESTAMP)",
	 OPTION_TEXT, offsetof(struct calibrate_options, dir), NULL, 0, 0},
	{0, "no-guests", NULL, "without live guests: their figures stay those of the preset host",
	 OPTION_FLAG, offsetof(struct calibrate_options, no_guests), NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table table = {
	"calibrate",
	"measure what the simulated machine is to take",
	"",
	0,
	0,
	options,
	"Measures reading, hashing and comparing pages, the disk, and, by four short live runs,\n"
	"what faults, wake-ups and the guest's own disk take; half a minute, on a machine at\n"
	"rest. What is not measured stays as in the preset host. For `ballast sim --costs FILE`."};

static int write_costs(const char *path, const struct sim_cost *cost, bool guests,
		       struct error *error)
{
	FILE *out = path ? fopen(path, "we") : stdout;
	int err = 0;

	if (!out)
		return error_host(error, errno, "%s", path);
	cost_file_write(out, cost,
			guests ? "measured by ballast calibrate"
			       : "measured by ballast calibrate, without guests");
	if (path && fclose(out))
		err = error_host(error, errno, "%s", path);
	return err;
}

int cmd_calibrate(int argc, char **argv)
{
	struct calibrate_options o = {.file = NULL};
	struct report_dir dir = {.path = NULL};
	struct sim_cost cost = sim_presets[0].cost;
	struct error error;
	unsigned operands;
	int err = options_parse(&table, argc, argv, &o, &operands, &error);

	if (err > 0)
		return COMMAND_DONE;
	if (!err)
		err = report_dir_make(o.dir, "calibrate", time(NULL), &dir, &error);
	if (!err)
		err = calibrate_host(dir.path, &cost, &error);
	if (!err && !o.no_guests)
		err = calibrate_guests(dir.path, &cost, &error);
	if (!err)
		err = write_costs(o.file, &cost, !o.no_guests, &error);
	if (dir.path)
		report_dir_undo(&dir);
	report_dir_free(&dir);
	return err ? command_fail(&error) : COMMAND_DONE;
}
