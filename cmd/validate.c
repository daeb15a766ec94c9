/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * validate.c: `ballast validate`: the same scenario live and simulated, side by side.
 *
 * Each run is a process of its own, `ballast run` or `ballast sim`, and what is compared is its summary.json: what
 * everybody else has of a run, and nothing that only this program could know.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/commands.h"
#include "cmd/cost_file.h"
#include "cmd/report_dir.h"
#include "cmd/report_file.h"
#include "cmd/scenario.h"
#include "cmd/self_run.h"
#include "cmd/stop_signals.h"
#include "cmd/validate.h"
#include "lib/jsonl.h"
#include "lib/options.h"

#define TOLERANCE_PPM 100000u

struct validate_options {
	const char *dir, *costs, *judge;
	struct option_number repeat, seconds, tolerance;
	struct option_list sets;
	bool json;
};

static const struct option_def options[] = {
	{0, "repeat", "N", "live runs, of which medians are taken (default 1)", OPTION_NUMBER,
	 offsetof(struct validate_options, repeat), &parse_count, 1, VALIDATE_RUNS},
	{'o', "output", "DIR", "folder for all results (default: results/runs/NAME-TIMESTAMP)",
	 OPTION_TEXT, offsetof(struct validate_options, dir), NULL, 0, 0},
	{0, "seconds", "S", "how long to run, whatever the scenario says", OPTION_NUMBER,
	 offsetof(struct validate_options, seconds), &parse_seconds, NS_PER_S / 1000,
	 30ull * 24 * 3600 * NS_PER_S},
	{0, "set", "KEY=VALUE", "override a key of the scenario", OPTION_LIST,
	 offsetof(struct validate_options, sets), NULL, 0, 0},
	{0, "costs", "FILE|PRESET", "costs of the simulated run, as for `ballast sim`", OPTION_TEXT,
	 offsetof(struct validate_options, costs), NULL, 0, 0},
	{0, "tolerance", "P%",
	 "exit with 3 if a figure is further off than that (default: 10% are marked, exit 0)",
	 OPTION_NUMBER, offsetof(struct validate_options, tolerance), &parse_percent, 1, 1000000},
	{0, "judge", "FIGURE,..",
	 "judge only these, paths into summary.json, and exit with 3 if one is further off",
	 OPTION_TEXT, offsetof(struct validate_options, judge), NULL, 0, 0},
	{'j', "json", NULL, "print one JSON object", OPTION_FLAG,
	 offsetof(struct validate_options, json), NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table table = {
	"validate",
	"run a scenario live and simulated, and compare",
	"SCENARIO.yaml",
	1,
	1,
	options,
	"Prints what was paged, shared and ballooned, faults by kind and work done, of the live\n"
	"runs (median, least, most) and of the simulated one, with the relative error. Figures\n"
	"below 200 are not judged. Needs what `ballast run` needs. Results of all runs are kept\n"
	"in DIR: live-1, live-2, .. and sim. After Ctrl-C those that are done are compared.\n"
	"--judge: figures are named as --json names them, such as vms.faults.zero, or\n"
	"vms.NAME.resident_pages for one guest; one that is next to nothing fails, too."};

struct validate {
	struct validate_options options;
	const char *path;
	unsigned repeat;
	struct validate_figures figures;
	struct report_dir dir;
	struct stop_signals *signals;
	json_t *live[VALIDATE_RUNS], *sim; /* owned */
	unsigned nr_live;
	char *judge; /* owned */
	int status;
};

static int run_one(struct validate *v, const char *command, const char *name, json_t **out,
		   struct error *error)
{
	const struct validate_options *o = &v->options;
	struct self_run run = {
		.command = command,
		.scenario = v->path,
		.dir = report_path(v->dir.path, name),
		.costs = strcmp(command, "sim") == 0 ? o->costs : NULL,
		.seconds_ns = o->seconds.given ? o->seconds.value : 0,
		.set = o->sets.item,
		.nr_sets = o->sets.nr,
		.signals = v->signals,
	};
	int err = run.dir ? self_run(&run, out, error) : error_host(error, ENOMEM, "validate");

	if (run.status == COMMAND_GUEST)
		v->status = COMMAND_GUEST;
	free(run.dir);
	return err;
}

static int run_all(struct validate *v, struct error *error)
{
	int err = run_one(v, "sim", "sim", &v->sim, error);

	if (!err) {
		err = validate_figures_check(&v->figures, v->sim, error);
		if (err)
			error_prefix(error, "--judge: ");
	}
	while (!err && v->nr_live < v->repeat) {
		char name[20];

		snprintf(name, sizeof(name), "live-%u", v->nr_live + 1);
		err = run_one(v, "run", name, &v->live[v->nr_live], error);
		v->nr_live += !err;
	}
	return err;
}

/* What is there: all runs, or those before a signal. */
static int compare(struct validate *v, struct error *error)
{
	unsigned failed;
	json_t *all;

	if (!v->options.json) {
		validate_print(stdout, &v->figures, v->live, v->nr_live, v->sim, &failed);
		printf("results in %s\n", v->dir.path);
	} else {
		all = validate_json(&v->figures, v->live, v->nr_live, v->sim, &failed);
		/* What standard output could not take main reports. */
		if (!all || jsonl_write(stdout, all) == -ENOMEM)
			return error_host(error, ENOMEM, "figures");
	}
	if (failed && (v->options.tolerance.given || v->options.judge))
		v->status = COMMAND_GUEST;
	return 0;
}

static int stopped(struct validate *v, struct error *error)
{
	int signal = stop_signals_wait(v->signals, 0);

	if (v->nr_live && compare(v, error))
		return command_fail(error);
	fflush(stdout);
	fprintf(stderr, "ballast: stopped by %s, after %u of %u live runs; results in %s\n",
		stop_signals_name(signal), v->nr_live, v->repeat, v->dir.path);
	return 128 + signal;
}

/* Whatever can be wrong with the input, before anything runs. */
static int prepare(struct validate *v, struct error *error)
{
	const struct validate_options *o = &v->options;
	struct scenario *s = NULL;
	struct sim_cost cost;
	int err = scenario_load(v->path, o->sets.item, o->sets.nr, &s, error);

	if (!err)
		err = cost_file_load(o->costs, &cost, error);
	v->repeat = o->repeat.given ? (unsigned)o->repeat.value : 1;
	validate_figures_usual(&v->figures,
			       (o->tolerance.given ? (double)o->tolerance.value : TOLERANCE_PPM) /
				       1e6);
	if (!err && o->judge) {
		v->judge = strdup(o->judge);
		err = v->judge ? validate_figures_choose(&v->figures, v->judge, error)
			       : error_host(error, ENOMEM, "figures");
		if (err)
			error_prefix(error, "--judge: ");
	}
	if (!err)
		err = stop_signals_begin(&v->signals, error);
	if (!err)
		err = report_dir_make(o->dir, s->name, time(NULL), &v->dir, error);
	scenario_free(s);
	return err;
}

int cmd_validate(int argc, char **argv)
{
	struct validate v = {.path = NULL};
	struct error error;
	unsigned operands;
	int err = options_parse(&table, argc, argv, &v.options, &operands, &error);

	if (err)
		return err < 0 ? command_fail(&error) : COMMAND_DONE;
	v.path = argv[1];
	err = prepare(&v, &error);
	if (!err)
		err = run_all(&v, &error);
	if (!err)
		err = compare(&v, &error);
	if (err == -ECANCELED) {
		v.status = stopped(&v, &error);
	} else if (err) {
		int status = command_fail(&error);

		v.status = v.status ? v.status : status;
		if (v.dir.path)
			report_dir_undo(&v.dir);
	}
	for (unsigned i = 0; i < v.nr_live; i++)
		json_decref(v.live[i]);
	json_decref(v.sim);
	report_dir_free(&v.dir);
	stop_signals_end(v.signals);
	free(v.judge);
	return v.status;
}
