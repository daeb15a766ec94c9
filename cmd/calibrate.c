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
#include "lib/newfile.h"
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

/* Before half a minute of measuring: whether the file can be written. */
static int open_costs(const char *path, struct newfile *out, struct error *error)
{
	int err = newfile_open(out, path);

	return err ? error_user(error, "-o '%.200s': %s; allowed: a file that can be written", path,
				strerror(-err))
		   : 0;
}

static int measure(const char *dir, bool guests, FILE *out, struct error *error)
{
	struct sim_cost cost = sim_presets[0].cost;
	int err = calibrate_host(dir, &cost, error);

	if (!err && guests)
		err = calibrate_guests(dir, &cost, error);
	if (!err)
		cost_file_write(out, &cost,
				guests ? "measured by ballast calibrate"
				       : "measured by ballast calibrate, without guests");
	return err;
}

int cmd_calibrate(int argc, char **argv)
{
	struct calibrate_options o = {.file = NULL};
	struct report_dir dir = {.path = NULL};
	struct newfile out;
	struct error error;
	unsigned operands;
	const char *path;
	int closed, err = options_parse(&table, argc, argv, &o, &operands, &error);

	if (err > 0)
		return COMMAND_DONE;
	if (err)
		return command_fail(&error);
	path = o.file ? o.file : "-";
	err = open_costs(path, &out, &error);
	if (err)
		return command_fail(&error);
	err = report_dir_make(o.dir, "calibrate", time(NULL), &dir, &error);
	if (!err)
		err = measure(dir.path, !o.no_guests, out.file, &error);
	closed = newfile_close(&out, !err);
	if (!err && closed)
		err = error_host(&error, -closed, "%s: cannot write", newfile_name(path));
	if (dir.path)
		report_dir_undo(&dir);
	report_dir_free(&dir);
	return err ? command_fail(&error) : COMMAND_DONE;
}
