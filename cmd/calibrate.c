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
#include "cmd/stop_signals.h"
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

struct calibrate {
	struct calibrate_options options;
	struct newfile out;
	struct report_dir dir;
	struct stop_signals *signals;
};

static int measure(struct calibrate *c, struct error *error)
{
	bool guests = !c->options.no_guests;
	struct sim_cost cost = sim_presets[0].cost;
	int err = calibrate_host(c->dir.path, &cost, error);

	if (!err && stop_signals_wait(c->signals, 0))
		err = -ECANCELED;
	if (!err && guests) {
		err = calibrate_guests(c->dir.path, c->signals, &cost, error);
		if (err && err != -ECANCELED)
			error_prefix(error, "live runs (--no-guests leaves them out): ");
	}
	if (!err)
		cost_file_write(c->out.file, &cost,
				guests ? "measured by ballast calibrate"
				       : "measured by ballast calibrate, without guests");
	return err;
}

static int stopped(struct calibrate *c)
{
	int signal = stop_signals_wait(c->signals, 0);

	report_dir_discard(&c->dir);
	fprintf(stderr, "ballast: stopped by %s; no costs were written\n",
		stop_signals_name(signal));
	return 128 + signal;
}

static int calibrate(struct calibrate *c, const char *path, struct error *error)
{
	int closed, err = stop_signals_begin(&c->signals, error);

	if (!err)
		err = open_costs(path, &c->out, error);
	if (err)
		return err;
	err = report_dir_make(c->options.dir, "calibrate", time(NULL), &c->dir, error);
	if (!err)
		err = measure(c, error);
	closed = newfile_close(&c->out, !err);
	if (!err && closed)
		err = error_host(error, -closed, "%s: cannot write", newfile_name(path));
	if (c->dir.path)
		report_dir_undo(&c->dir);
	return err;
}

int cmd_calibrate(int argc, char **argv)
{
	struct calibrate c = {.dir = {.path = NULL}};
	struct error error;
	unsigned operands;
	int status = COMMAND_DONE;
	int err = options_parse(&table, argc, argv, &c.options, &operands, &error);

	if (err)
		return err < 0 ? command_fail(&error) : COMMAND_DONE;
	err = calibrate(&c, c.options.file ? c.options.file : "-", &error);
	if (err)
		status = err == -ECANCELED ? stopped(&c) : command_fail(&error);
	report_dir_free(&c.dir);
	stop_signals_end(c.signals);
	return status;
}
