/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.c: `ballast replay`: policies and memory sizes compared on a trace.
 *
 * The trace is loaded once; then every policy runs with every number of frames, as many at once as there are
 * processors. Lines come in the order they were asked for, each as soon as those before it are there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ballast/types.h"
#include "cmd/commands.h"
#include "cmd/policy_list.h"
#include "cmd/replay.h"
#include "lib/jsonl.h"
#include "lib/log.h"
#include "lib/table.h"
#include "sim/replay.h"

static const struct option_def options[] = {
	TRACE_OPTIONS(struct replay_options),
	{'p', "policy", "P[,P..]", "replacement policies, opt (Belady's optimum) or all; needed",
	 OPTION_TEXT, offsetof(struct replay_options, policies), NULL, 0, 0},
	{'f', "frames", "N[,N..]", "sizes of memory in pages, or in % of the trace's pages; needed",
	 OPTION_TEXT, offsetof(struct replay_options, frames), NULL, 0, 0},
	{0, "guest", "N[,N..]", "two levels: frames of the guest", OPTION_TEXT,
	 offsetof(struct replay_options, guest), NULL, 0, 0},
	{0, "host", "N[,N..]", "two levels: frames of the host behind them", OPTION_TEXT,
	 offsetof(struct replay_options, host), NULL, 0, 0},
	{0, "guest-policy", "P[,P..]", "two levels: what the guest pages by (default lru)",
	 OPTION_TEXT, offsetof(struct replay_options, guest_policies), NULL, 0, 0},
	{0, "host-policy", "P[,P..]", "two levels: what the host pages by (default random)",
	 OPTION_TEXT, offsetof(struct replay_options, host_policies), NULL, 0, 0},
	{0, "guest-io", "T", "two levels: time of a page in or out of the guest (default 100us)",
	 OPTION_NUMBER, offsetof(struct replay_options, guest_io), &parse_time, 0, NS_PER_S},
	{0, "host-io", "T", "two levels: the same of the host (default 100us)", OPTION_NUMBER,
	 offsetof(struct replay_options, host_io), &parse_time, 0, NS_PER_S},
	{0, "seed", "N", "seed of policies that draw (default 1)", OPTION_NUMBER,
	 offsetof(struct replay_options, seed), &parse_count, 0, UINT64_MAX},
	{'j', "jobs", "J", "runs at once (default: as many as processors)", OPTION_NUMBER,
	 offsetof(struct replay_options, jobs), &parse_count, 1, 256},
	{0, "json", NULL, "print one JSON object a line", OPTION_FLAG,
	 offsetof(struct replay_options, json), NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table table = {
	"replay",
	"compare replacement policies on a trace",
	"TRACE",
	1,
	1,
	options,
	"One memory, empty at first; every request of the trace is one page; a page that is\n"
	"not there comes in, for another one once all frames are in use. Prints the misses of\n"
	"each policy with each number of frames. A share of pages is rounded down, and at\n"
	"least one frame. `ballast help policies` lists the policies.\n"
	"With --guest and --host: a guest pages by itself in memory that its host pages too,\n"
	"all combinations; docs/replay.md has the model.\n" TRACE_OPTIONS_TEXT,
};

struct replay {
	const struct replay_options *options;
	const char *path;
	struct cmd_watch watch;
	struct trace trace;
	struct replay_run *run;
	unsigned nr;
	unsigned printed;
	struct table *table;
};

static void run_json(const struct replay *r, const struct replay_run *run)
{
	const struct trace *t = &r->trace;
	json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:f}", "trace", r->path,
			      "policy", replay_policy_name(run), "frames", (json_int_t)run->frames,
			      "requests", (json_int_t)t->requests, "distinct", (json_int_t)t->pages,
			      "misses", (json_int_t)run->misses, "miss_ratio",
			      (double)run->misses / (double)t->whole_requests, "seconds",
			      (double)run->seconds_ns / 1e9);

	if (o && t->thinning != TRACE_WHOLE)
		json_object_set_new(o, "whole_requests",
				    json_integer((json_int_t)t->whole_requests));
	if (o && t->write && run->policy)
		json_object_set_new(o, "written", json_integer((json_int_t)run->written));
	jsonl_write(stdout, o);
	fflush(stdout);
}

static void run_done(void *context, const struct replay_run *run)
{
	struct replay *r = context;
	double seconds = (double)run->seconds_ns / 1e9;

	r->printed++;
	if (r->options->json) {
		cmd_watch_clear(&r->watch);
		run_json(r, run);
		return;
	}
	table_cell(r->table, "%s", replay_policy_name(run));
	table_cell(r->table, "%u", run->frames);
	table_cell(r->table, "%llu", (unsigned long long)run->misses);
	table_cell(r->table, "%.4f", (double)run->misses / (double)r->trace.whole_requests);
	if (r->trace.write && run->policy)
		table_cell(r->table, "%llu", (unsigned long long)run->written);
	else if (r->trace.write)
		table_cell(r->table, "-");
	table_cell(r->table, "%.3f", seconds);
	table_cell(r->table, "%.1f", seconds > 0 ? r->trace.requests / seconds / 1e6 : 0);
}

static int runs_make(struct replay *r, struct error *error)
{
	const struct replay_options *o = r->options;
	const struct policy_ops **policy = NULL;
	unsigned policies = 0, sizes = 0;
	uint32_t *frames = NULL;
	int err = policy_list_parse("policy", o->policies, true, &policy, &policies, error);

	if (!err)
		err = frames_parse("frames", o->frames, r->trace.pages, &frames, &sizes, error);
	if (!err) {
		r->nr = policies * sizes;
		r->run = calloc(r->nr, sizeof(*r->run));
		err = r->run ? 0 : error_host(error, ENOMEM, "%u runs", r->nr);
	}
	for (unsigned i = 0; !err && i < r->nr; i++) {
		struct replay_run *run = &r->run[i];
		const char *why;

		*run = (struct replay_run){.policy = policy[i / sizes],
					   .frames = frames[i % sizes],
					   .seed = o->seed.value};
		why = replay_refuses(&r->trace, run->policy, run->frames);
		if (why)
			err = error_user(error,
					 "%s: %s with %u frames is refused: the trace was thinned "
					 "(`ballast trace info` tells how, k = %u), %s",
					 r->path, replay_policy_name(run), run->frames,
					 r->trace.thinning_pages, why);
	}
	free(policy);
	free(frames);
	return err;
}

/* Wrong words are told before a minute of loading. */
static int options_check(const struct replay_options *o, struct error *error)
{
	const struct policy_ops **policy = NULL;
	unsigned nr = 0;
	uint32_t *frames = NULL;
	const struct trace_options how = trace_options_of(&o->trace, 0, NULL);
	int err = trace_options_check(&how, error);

	if (err)
		return err;
	if (o->guest || o->host)
		return replay_two_check(o, error);
	if (o->guest_policies || o->host_policies)
		return error_user(error, "--%s-policy goes with --guest N --host N",
				  o->guest_policies ? "guest" : "host");
	if (o->guest_io.given || o->host_io.given)
		return error_user(error, "--%s-io goes with --guest N --host N",
				  o->guest_io.given ? "guest" : "host");
	if (!o->policies)
		return error_user(error,
				  "replay: no policy; allowed: --policy lru,arc,.. (ballast help "
				  "policies lists them)");
	if (!o->frames)
		return error_user(error, "replay: no size; allowed: --frames 1000,10%%,..");
	err = policy_list_parse("policy", o->policies, true, &policy, &nr, error);
	if (!err)
		err = frames_parse("frames", o->frames, 1, &frames, &nr, error);
	free(policy);
	free(frames);
	return err;
}

static struct replay_options options_default(void)
{
	return (struct replay_options){
		.seed = {.value = 1}, .guest_io = {.value = 100000}, .host_io = {.value = 100000}};
}

int replay_words_check(int argc, char **argv, struct error *error)
{
	struct replay_options o = options_default();
	unsigned operands = 0;
	int err = options_parse(&table, argc, argv, &o, &operands, error);

	return err < 0 ? err : options_check(&o, error);
}

static int table_make(struct replay *r, struct error *error)
{
	static const struct table_column columns[] = {
		{"policy", false}, {"frames", true},  {"misses", true},      {"miss ratio", true},
		{"written", true}, {"seconds", true}, {"M requests/s", true}};
	struct table_column used[7];
	unsigned nr = 0;

	for (unsigned i = 0; i < 7; i++)
		if (i != 4 || r->trace.write)
			used[nr++] = columns[i];
	r->table = table_create(used, nr);
	return r->table ? 0 : error_host(error, ENOMEM, "the table of results");
}

static int replay_all(struct replay *r, struct error *error)
{
	const struct trace_options how =
		trace_options_of(&r->options->trace, TRACE_WRITES, &r->watch.sim);
	int err = trace_load(&r->trace, r->path, &how, error);

	if (err)
		return err;
	if (*r->trace.broken) {
		cmd_watch_clear(&r->watch);
		log_warn("%s; going on with the %u requests before", r->trace.broken,
			 r->trace.requests);
	}
	if (r->options->guest)
		return replay_two(&r->trace, r->path, r->options, &r->watch, &r->printed, &r->nr,
				  error);
	err = runs_make(r, error);
	if (!err)
		err = table_make(r, error);
	if (!err)
		err = replay_sweep(&r->trace, r->run, r->nr, (unsigned)r->options->jobs.value,
				   run_done, r, &r->watch.sim, error);
	return err;
}

static void print_table(struct replay *r)
{
	if (r->options->json || !r->table || !r->printed)
		return;
	trace_heading(&r->trace, r->path);
	putchar('\n');
	table_print(r->table, stdout);
}

static int tell_stopped(struct replay *r)
{
	if (!r->nr)
		return cmd_watch_stopped(&r->watch, " while %s was loaded", r->path);
	return cmd_watch_stopped(&r->watch, ", %u of %u runs are done", r->printed, r->nr);
}

int cmd_replay(int argc, char **argv)
{
	struct replay_options o = options_default();
	struct replay r = {.options = &o};
	struct error error;
	unsigned operands = 0;
	int result = options_parse(&table, argc, argv, &o, &operands, &error);
	int status = COMMAND_DONE;

	if (result)
		return result < 0 ? command_fail(&error) : COMMAND_DONE;
	result = options_check(&o, &error);
	if (!result)
		result = cmd_watch_begin(&r.watch, &error);
	if (result)
		return command_fail(&error);
	r.path = argv[1];
	result = replay_all(&r, &error);
	cmd_watch_clear(&r.watch);
	print_table(&r);
	if (result == -ECANCELED)
		status = tell_stopped(&r);
	else if (result)
		status = command_fail(&error);
	cmd_watch_end(&r.watch);
	free(r.run);
	table_destroy(r.table);
	trace_free(&r.trace);
	return status;
}
