/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay_two.c: `ballast replay --guest N --host M`: double paging, for all pairs of policies and sizes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ballast/types.h"
#include "cmd/policy_list.h"
#include "cmd/replay.h"
#include "lib/jsonl.h"
#include "lib/table.h"
#include "sim/two_level.h"

/* What is asked for, in the order of the output: guest policy, host policy, guest frames, host frames. */
struct pairs {
	const struct policy_ops **guest, **host;
	uint32_t *guest_frames, *host_frames;
	unsigned guests, hosts, guest_sizes, host_sizes;
};

struct printing {
	const struct trace *trace;
	const char *path;
	const struct replay_options *options;
	struct cmd_watch *watch;
	struct table *table;
	unsigned printed;
};

static int pairs_parse(struct pairs *p, const struct replay_options *o, uint32_t pages,
		       struct error *error)
{
	int err = policy_list_parse("guest-policy", o->guest_policies ? o->guest_policies : "lru",
				    false, &p->guest, &p->guests, error);

	if (!err)
		err = policy_list_parse("host-policy",
					o->host_policies ? o->host_policies : "random", false,
					&p->host, &p->hosts, error);
	if (!err)
		err = frames_parse("guest", o->guest, pages, &p->guest_frames, &p->guest_sizes,
				   error);
	if (!err)
		err = frames_parse("host", o->host, pages, &p->host_frames, &p->host_sizes, error);
	return err;
}

static void pairs_free(struct pairs *p)
{
	free(p->guest);
	free(p->host);
	free(p->guest_frames);
	free(p->host_frames);
}

int replay_two_check(const struct replay_options *o, struct error *error)
{
	struct pairs p = {.guest = NULL};
	int err;

	if (!o->guest || !o->host)
		return error_user(error,
				  "replay: --%s is missing; allowed: --guest N --host M for "
				  "two levels",
				  o->guest ? "host" : "guest");
	if (o->policies || o->frames)
		return error_user(error,
				  "replay: --%s is for one level; allowed with --guest and "
				  "--host: --guest-policy, --host-policy",
				  o->policies ? "policy" : "frames");
	err = pairs_parse(&p, o, 1, error);
	pairs_free(&p);
	return err;
}

static double io_seconds(const struct replay_options *o, const struct two_level_run *run)
{
	return ((double)(run->guest_faults + run->guest_out) * (double)o->guest_io.value +
		(double)(run->host_in + run->host_out) * (double)o->host_io.value) /
	       1e9;
}

static void run_json(const struct printing *p, const struct two_level_run *run)
{
	json_t *o = json_pack(
		"{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}",
		"trace", p->path, "guest_policy", run->guest->name, "host_policy", run->host->name,
		"guest_frames", (json_int_t)run->guest_frames, "host_frames",
		(json_int_t)run->host_frames, "requests", (json_int_t)p->trace->requests,
		"distinct", (json_int_t)p->trace->pages, "guest_faults",
		(json_int_t)run->guest_faults, "guest_out", (json_int_t)run->guest_out,
		"host_faults", (json_int_t)run->host_faults, "host_in", (json_int_t)run->host_in,
		"host_out", (json_int_t)run->host_out, "double_faults",
		(json_int_t)run->double_faults, "io_seconds", io_seconds(p->options, run),
		"seconds", (double)run->seconds_ns / 1e9);

	cmd_watch_clear(p->watch);
	jsonl_write(stdout, o);
	fflush(stdout);
}

static void run_done(void *context, const struct two_level_run *run)
{
	struct printing *p = context;
	const uint64_t figures[] = {run->guest_frames, run->host_frames,  run->guest_faults,
				    run->guest_out,    run->host_faults,  run->host_in,
				    run->host_out,     run->double_faults};

	p->printed++;
	if (p->options->json) {
		run_json(p, run);
		return;
	}
	table_cell(p->table, "%s", run->guest->name);
	table_cell(p->table, "%s", run->host->name);
	for (unsigned i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		table_cell(p->table, "%llu", (unsigned long long)figures[i]);
	table_cell(p->table, "%.3f", io_seconds(p->options, run));
}

static struct two_level_run *runs_make(const struct pairs *p, uint64_t seed, unsigned *nr_out)
{
	unsigned nr = p->guests * p->hosts * p->guest_sizes * p->host_sizes, i = 0;
	struct two_level_run *run = calloc(nr, sizeof(*run));

	*nr_out = nr;
	for (unsigned g = 0; run && g < p->guests; g++)
		for (unsigned h = 0; h < p->hosts; h++)
			for (unsigned n = 0; n < p->guest_sizes; n++)
				for (unsigned m = 0; m < p->host_sizes; m++)
					run[i++] = (struct two_level_run){
						.guest = p->guest[g],
						.host = p->host[h],
						.guest_frames = p->guest_frames[n],
						.host_frames = p->host_frames[m],
						.seed = seed};
	return run;
}

int replay_two(const struct trace *t, const char *path, const struct replay_options *o,
	       struct cmd_watch *watch, unsigned *done_out, unsigned *nr_out, struct error *error)
{
	static const struct table_column columns[] = {
		{"guest", false},   {"host", false},  {"guest frames", true}, {"host frames", true},
		{"faults", true},   {"out", true},    {"host faults", true},  {"host in", true},
		{"host out", true}, {"double", true}, {"I/O s", true}};
	struct printing p = {.trace = t, .path = path, .options = o, .watch = watch};
	struct two_level_run *run = NULL;
	struct pairs pairs = {.guest = NULL};
	int err = pairs_parse(&pairs, o, t->pages, error);

	if (!err && t->thinning != TRACE_WHOLE)
		err = error_user(error, "%s: two levels are refused: the trace was thinned", path);
	if (err)
		goto out;
	run = runs_make(&pairs, o->seed.value, nr_out);
	p.table = table_create(columns, sizeof(columns) / sizeof(columns[0]));
	if (!run || !p.table) {
		err = error_host(error, ENOMEM, "%u runs", *nr_out);
		goto out;
	}
	err = two_level_sweep(t, run, *nr_out, (unsigned)o->jobs.value, run_done, &p, &watch->sim,
			      error);
	cmd_watch_clear(watch);
	if (!o->json && p.printed) {
		trace_heading(t, path);
		putchar('\n');
		table_print(p.table, stdout);
	}
	*done_out = p.printed;
out:
	table_destroy(p.table);
	free(run);
	pairs_free(&pairs);
	return err;
}
