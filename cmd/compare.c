/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compare.c: `ballast compare`: the same run under several settings, repeated, and what of it is more than noise.
 */
#include "cmd/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/commands.h"
#include "cmd/plot.h"
#include "cmd/report_dir.h"
#include "cmd/report_file.h"
#include "cmd/sweep.h"
#include "cmd/sweep_run.h"
#include "lib/jsonl.h"
#include "lib/log.h"
#include "lib/newfile.h"
#include "lib/options.h"
#include "lib/words.h"

struct compare_options {
	const char *dir, *body, *figures;
	struct option_list vary, sets;
	struct option_number repeat, seed, jobs;
	bool quiet, json;
};

static const struct option_def options[] = {
	{0, "vary", "KEY=A,B,..", "a setting and the values it takes; all combinations are run",
	 OPTION_LIST, offsetof(struct compare_options, vary), NULL, 0, 0},
	{0, "set", "KEY=VALUE", "a setting of all runs", OPTION_LIST,
	 offsetof(struct compare_options, sets), NULL, 0, 0},
	{'r', "repeat", "N", "runs of each setting, with seeds one after the other (default 6)",
	 OPTION_NUMBER, offsetof(struct compare_options, repeat), &parse_count, 1,
	 STATISTICS_NR_MAX},
	{0, "seed", "N", "the first seed (default: the scenario's, 1 for a trace)", OPTION_NUMBER,
	 offsetof(struct compare_options, seed), &parse_count, 0, INT64_MAX},
	{0, "body", "sim|kvm", "where a scenario runs (default sim)", OPTION_TEXT,
	 offsetof(struct compare_options, body), NULL, 0, 0},
	{0, "figures", "A,B,..", "what is compared: names, or paths into the results", OPTION_TEXT,
	 offsetof(struct compare_options, figures), NULL, 0, 0},
	{'o', "output", "DIR", "folder of the results (default: results/runs/NAME-TIMESTAMP)",
	 OPTION_TEXT, offsetof(struct compare_options, dir), NULL, 0, 0},
	{'j', "jobs", "J", "runs at once (default: as many as processors; on KVM always 1)",
	 OPTION_NUMBER, offsetof(struct compare_options, jobs), &parse_count, 1, SWEEP_AT_ONCE_MAX},
	{'q', "quiet", NULL, "no line on standard error for each run", OPTION_FLAG,
	 offsetof(struct compare_options, quiet), NULL, 0, 0},
	{0, "json", NULL, "print compare.json on standard output and nothing else there",
	 OPTION_FLAG, offsetof(struct compare_options, json), NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table table = {
	"compare",
	"the same run under several settings, with spread",
	"SCENARIO.yaml|TRACE",
	1,
	1,
	options,
	"Runs a scenario, or anything else as a trace, under all combinations of what --vary\n"
	"says, each with several seeds; prints medians, their 95 % intervals, and which\n"
	"differences from the first value of the first --vary are within the noise. Keys are\n"
	"those of --set, of a trace: policy, frames, guest, host, guest-policy, host-policy,\n"
	"guest-io, host-io, format, columns, shift, split, block.\n"
	"DIR gets compare.csv, compare.json, compare.png, and results.csv with every run. Runs\n"
	"that are finished are kept: with -o DIR, the same command or one with more values or\n"
	"repeats does what is left. docs/compare.md tells of figures and methods."};

static bool is_scenario(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int body_choose(const struct compare_options *o, struct sweep_plan *p, struct error *error)
{
	char quoted[40];

	p->body = is_scenario(p->subject) ? SWEEP_SIM : SWEEP_REPLAY;
	if (!o->body)
		return 0;
	if (p->body == SWEEP_REPLAY)
		return error_user(error,
				  "--body is for scenarios (SCENARIO.yaml); allowed: a trace "
				  "without it");
	if (strcmp(o->body, "kvm") == 0)
		p->body = SWEEP_KVM;
	else if (strcmp(o->body, "sim") != 0)
		return error_user(error, "--body '%s' is unknown; allowed: sim, kvm",
				  words_quote(o->body, quoted, sizeof(quoted)));
	return 0;
}

static int plan_make(const struct compare_options *o, const char *path, struct sweep_plan *p,
		     struct error *error)
{
	int err = sweep_plan_subject(p, path, error);

	if (!err)
		err = body_choose(o, p, error);
	p->repeats = (unsigned)o->repeat.value;
	p->seed_given = o->seed.given;
	p->seed = o->seed.value;
	for (unsigned i = 0; i < o->vary.nr && !err; i++) {
		err = sweep_plan_vary(p, o->vary.item[i], error);
		if (err)
			error_prefix(error, "--vary: ");
	}
	for (unsigned i = 0; i < o->sets.nr && !err; i++) {
		err = sweep_plan_set(p, o->sets.item[i], error);
		if (err)
			error_prefix(error, "--set: ");
	}
	if (!err && o->figures) {
		err = sweep_plan_figures(p, o->figures, error);
		if (err)
			error_prefix(error, "--figures: ");
	}
	return err ? err : sweep_plan_check(p, error);
}

static int csv_print(const struct compare *c, FILE *out)
{
	compare_csv(c, out);
	return 0;
}

/* A file of the folder, which is there when it is whole. */
static int file_write(const struct compare *c, const char *dir, const char *name,
		      int (*print)(const struct compare *c, FILE *out), struct error *error)
{
	char *path = report_path(dir, name);
	struct newfile out;
	int closed, err = path ? newfile_open(&out, path) : -ENOMEM;

	if (!err) {
		errno = 0;
		err = print(c, out.file);
		if (!err && ferror(out.file)) /* closing tells of the last bytes only */
			err = errno ? -errno : -EIO;
		closed = newfile_close(&out, !err);
		err = err ? err : closed;
	}
	free(path);
	return err ? error_host(error, -err, "%s/%s", dir, name) : 0;
}

/* A missing or failing gnuplot costs the picture, not the comparison. */
static int plot_write(const struct compare *c, const char *dir, struct error *error)
{
	struct error why;
	int err = file_write(c, dir, COMPARE_PLOT_SCRIPT, compare_plot, error);

	if (!err && c->figures->nr && plot_draw(dir, COMPARE_PLOT_SCRIPT, &why) != 0)
		log_warn("no picture: %s", why.text);
	return err;
}

static int tell(const struct sweep_figures *figures, const char *dir, bool json,
		struct error *error)
{
	struct compare c;
	json_t *value = NULL;
	int err = compare_make(figures, &c, error);

	if (!err) {
		value = compare_json(&c);
		err = report_document_write(dir, "compare.json", json_incref(value), error);
	}
	if (!err)
		err = file_write(&c, dir, "compare.csv", csv_print, error);
	if (!err)
		err = plot_write(&c, dir, error);
	if (!err && json) {
		jsonl_pretty(stdout, json_incref(value));
	} else if (!err) {
		err = compare_print(&c, stdout);
		if (err)
			error_host(error, -err, "the table");
		printf("%s has compare.csv, " COMPARE_PLOT_PNG " and every run.\n", dir);
	}
	json_decref(value);
	compare_free(&c);
	return err;
}

int cmd_compare(int argc, char **argv)
{
	struct compare_options o = {.repeat = {.value = STATISTICS_REPEATS_MIN}};
	struct sweep_how how = {.program = SWEEP_PROGRAM, .parts = 1};
	struct sweep_plan plan = {.file = NULL};
	struct sweep_figures figures = {.nr = 0};
	struct report_dir dir = {.path = NULL};
	struct error error;
	unsigned operands;
	int status = 0, err = options_parse(&table, argc, argv, &o, &operands, &error);

	if (err)
		return err < 0 ? command_fail(&error) : COMMAND_DONE;
	err = plan_make(&o, argv[1], &plan, &error);
	if (!err)
		err = report_dir_make(o.dir, plan.name, time(NULL), &dir, &error);
	if (!err) {
		how.at_once = sweep_at_once(&plan, o.jobs.value);
		how.quiet = o.quiet;
		err = sweep_do(&plan, dir.path, &how, &figures, &status, &error);
	}
	if (!err && figures.finished)
		err = tell(&figures, dir.path, o.json, &error);
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
