/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sweep.c: `ballast sweep`: a plan's jobs, on this machine's processors or on a cluster's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/report_dir.h"
#include "cmd/sweep.h"
#include "cmd/sweep_run.h"
#include "lib/options.h"
#include "lib/words.h"

struct sweep_options {
	const char *dir, *part;
	struct option_number jobs;
	bool slurm, merge, quiet;
};

static const struct option_def options[] = {
	{'o', "output", "DIR", "folder of the results (default: results/sweeps/PLAN)", OPTION_TEXT,
	 offsetof(struct sweep_options, dir), NULL, 0, 0},
	{'j', "jobs", "J", "jobs at once (default: as many as processors; on KVM always 1)",
	 OPTION_NUMBER, offsetof(struct sweep_options, jobs), &parse_count, 1, SWEEP_AT_ONCE_MAX},
	{0, "slurm", NULL, "run the jobs as an array of Slurm jobs, and wait for them", OPTION_FLAG,
	 offsetof(struct sweep_options, slurm), NULL, 0, 0},
	{0, "part", "I/N", "only each N-th job from number I on (0 to N-1), and merge nothing",
	 OPTION_TEXT, offsetof(struct sweep_options, part), NULL, 0, 0},
	{0, "merge", NULL, "run nothing, merge what is finished", OPTION_FLAG,
	 offsetof(struct sweep_options, merge), NULL, 0, 0},
	{'q', "quiet", NULL, "no line on standard error for each job", OPTION_FLAG,
	 offsetof(struct sweep_options, quiet), NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table table = {
	"sweep",
	"run a plan of many runs, here or on a cluster, and take it up again",
	"PLAN.yaml",
	1,
	1,
	options,
	"Runs a scenario or trace under all combinations of the plan's settings, each job as a\n"
	"process, and merges the figures into DIR/results.csv and DIR/results.json. Finished\n"
	"jobs are kept: after a kill, or with more values in the plan, the same command does\n"
	"what is left. docs/compare.md describes plans.\n"
	"--slurm: sbatch takes its partition, account and time limit from SBATCH_PARTITION,\n"
	"SBATCH_ACCOUNT, SBATCH_TIMELIMIT; DIR must be seen by all nodes. --part is for other\n"
	"queues: start all parts in any order, then --merge."};

static int part_parse(const char *text, struct sweep_how *how, struct error *error)
{
	const char *slash = strchr(text, '/');
	char first[16], quoted[40];
	uint64_t part = 0, parts = 1;
	int err = !slash || (size_t)(slash - text) >= sizeof(first);

	if (!err) {
		snprintf(first, sizeof(first), "%.*s", (int)(slash - text), text);
		err = parse_value(&parse_count, slash + 1, 1, SWEEP_JOBS_MAX, &parts, NULL) ||
		      parse_value(&parse_count, first, 0, parts - 1, &part, NULL);
	}
	if (err)
		return error_user(error,
				  "--part '%s' is no part; allowed: I/N with I from 0 to N-1",
				  words_quote(text, quoted, sizeof(quoted)));
	how->is_part = true;
	how->part = (unsigned)part;
	how->parts = (unsigned)parts;
	return 0;
}

static int folder_make(const struct sweep_options *o, const char *plan_path, struct report_dir *dir,
		       struct error *error)
{
	char *name = sweep_path_name(plan_path), *asked = NULL;
	int err;

	if (!name || (!o->dir && asprintf(&asked, "results/sweeps/%s", name) < 0)) {
		free(name);
		return error_host(error, ENOMEM, "results/sweeps");
	}
	err = report_dir_make(o->dir ? o->dir : asked, "sweep", 0, dir, error);
	free(asked);
	free(name);
	return err;
}

static int options_check(const struct sweep_options *o, struct sweep_how *how, struct error *error)
{
	if (!!o->part + o->slurm + o->merge > 1)
		return error_user(error, "sweep: more than one of --part, --slurm and --merge; "
					 "allowed: one of them");
	return o->part ? part_parse(o->part, how, error) : 0;
}

/* After parts, nothing was merged and there is nothing to tell. */
static void tell(const struct sweep_plan *plan, const struct sweep_figures *figures,
		 const char *dir)
{
	if (figures->done)
		printf("%u of %u jobs are finished: %s/results.csv, %s/results.json\n",
		       figures->finished, plan->jobs, dir, dir);
}

int cmd_sweep(int argc, char **argv)
{
	struct sweep_options o = {.dir = NULL};
	struct sweep_how how = {.program = SWEEP_PROGRAM, .parts = 1};
	struct sweep_plan plan = {.file = NULL};
	struct sweep_figures figures = {.nr = 0};
	struct report_dir dir = {.path = NULL};
	struct error error;
	unsigned operands;
	int status = 0, slurm_status = 0;
	int err = options_parse(&table, argc, argv, &o, &operands, &error);

	if (err)
		return err < 0 ? command_fail(&error) : COMMAND_DONE;
	err = options_check(&o, &how, &error);
	if (!err)
		err = sweep_plan_read(argv[1], &plan, &error);
	if (!err)
		err = sweep_plan_check(&plan, &error);
	if (!err)
		err = folder_make(&o, argv[1], &dir, &error);
	if (err)
		goto out;
	how.at_once = sweep_at_once(&plan, o.jobs.value);
	how.quiet = o.quiet;
	how.only_merge = o.merge || o.slurm;
	if (o.slurm) {
		how.at_once = plan.body == SWEEP_KVM ? 1 : (unsigned)o.jobs.value;
		err = sweep_slurm(&plan, dir.path, argv[1], &how, &slurm_status, &error);
	}
	if (!err)
		err = sweep_do(&plan, dir.path, &how, &figures, &status, &error);
	if (!err)
		tell(&plan, &figures, dir.path);
	if (!err && how.only_merge && figures.finished < plan.jobs)
		status = slurm_status ? slurm_status : o.slurm ? COMMAND_HOST : COMMAND_DONE;
out:
	if (err)
		report_dir_undo(&dir);
	sweep_figures_free(&figures);
	sweep_plan_free(&plan);
	report_dir_free(&dir);
	if (err) {
		int failed = command_fail(&error);

		status = err == -ECANCELED ? status : failed;
	}
	return status;
}
