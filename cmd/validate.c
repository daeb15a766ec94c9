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
#include "cmd/report_dir.h"
#include "cmd/report_file.h"
#include "cmd/scenario.h"
#include "cmd/self_run.h"
#include "cmd/validate.h"
#include "lib/jsonl.h"
#include "lib/options.h"

struct validate_options {
	const char *dir, *costs;
	struct option_number repeat, seconds;
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
	"in DIR: live-1, live-2, .. and sim."};

struct validate {
	struct validate_options options;
	const char *path;
	struct report_dir dir;
	json_t *live[VALIDATE_RUNS], *sim; /* owned */
	unsigned nr_live;
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
	};
	int err = run.dir ? self_run(&run, out, error) : error_host(error, ENOMEM, "validate");

	free(run.dir);
	return err;
}

static int run_all(struct validate *v, struct error *error)
{
	unsigned repeat = v->options.repeat.given ? (unsigned)v->options.repeat.value : 1;
	int err = run_one(v, "sim", "sim", &v->sim, error);

	while (!err && v->nr_live < repeat) {
		char name[20];

		snprintf(name, sizeof(name), "live-%u", v->nr_live + 1);
		err = run_one(v, "run", name, &v->live[v->nr_live], error);
		v->nr_live += !err;
	}
	return err;
}

static int compare(const struct validate *v, struct error *error)
{
	json_t *all;

	if (!v->options.json) {
		validate_print(stdout, v->live, v->nr_live, v->sim);
		printf("results in %s\n", v->dir.path);
		return 0;
	}
	all = validate_json(v->live, v->nr_live, v->sim);
	/* What standard output could not take main reports. */
	return !all || jsonl_write(stdout, all) == -ENOMEM ? error_host(error, ENOMEM, "figures")
							   : 0;
}

int cmd_validate(int argc, char **argv)
{
	struct validate v = {.path = NULL};
	struct scenario *s = NULL;
	struct error error;
	unsigned operands;
	int err = options_parse(&table, argc, argv, &v.options, &operands, &error);

	if (err > 0)
		return COMMAND_DONE;
	if (!err) {
		v.path = argv[1];
		err = scenario_load(v.path, v.options.sets.item, v.options.sets.nr, &s, &error);
	}
	if (!err)
		err = report_dir_make(v.options.dir, s->name, time(NULL), &v.dir, &error);
	if (!err)
		err = run_all(&v, &error);
	if (!err)
		err = compare(&v, &error);
	for (unsigned i = 0; i < v.nr_live; i++)
		json_decref(v.live[i]);
	json_decref(v.sim);
	report_dir_free(&v.dir);
	scenario_free(s);
	return err ? command_fail(&error) : COMMAND_DONE;
}
