/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mrc.c: `ballast mrc`: how many misses a trace has at every size of memory, and how its requests repeat.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ballast/types.h"
#include "cmd/commands.h"
#include "cmd/trace_options.h"
#include "cmd/watch.h"
#include "lib/jsonl.h"
#include "lib/log.h"
#include "lib/table.h"
#include "lib/words.h"
#include "sim/mrc.h"
#include "sim/replay.h"

#define POINTS_MAX 1000000

struct mrc_options {
	struct trace_arguments trace;
	const char *method, *frames, *policy;
	struct option_number points, rate, samples, seed;
	bool json, working_set, reuse;
};

static const struct option_def options[] = {
	TRACE_OPTIONS(struct mrc_options),
	{0, "method", "M", "exact or shards (default: exact; of other policies than lru: shards)",
	 OPTION_TEXT, offsetof(struct mrc_options, method), NULL, 0, 0},
	{'f', "frames", "N[,N..]", "sizes of memory in pages, or in % of the trace's pages",
	 OPTION_TEXT, offsetof(struct mrc_options, frames), NULL, 0, 0},
	{0, "points", "N", "so many sizes, evenly up to all pages (default 20)", OPTION_NUMBER,
	 offsetof(struct mrc_options, points), &parse_count, 1, POINTS_MAX},
	{0, "rate", "X%", "shards: share of the pages to look at (default 1%)", OPTION_NUMBER,
	 offsetof(struct mrc_options, rate), &parse_percent, 1, PPM},
	{0, "samples", "N", "shards: look at so many pages at most", OPTION_NUMBER,
	 offsetof(struct mrc_options, samples), &parse_count, 1, UINT32_MAX},
	{'p', "policy", "P", "of this policy instead of lru, by small simulations (shards)",
	 OPTION_TEXT, offsetof(struct mrc_options, policy), NULL, 0, 0},
	{0, "seed", "N", "seed of the sample (default 1)", OPTION_NUMBER,
	 offsetof(struct mrc_options, seed), &parse_count, 0, UINT64_MAX},
	{0, "working-set", NULL, "also Denning's working set: mean pages in windows of requests",
	 OPTION_FLAG, offsetof(struct mrc_options, working_set), NULL, 0, 0},
	{0, "reuse", NULL, "also how many requests have which stack distance", OPTION_FLAG,
	 offsetof(struct mrc_options, reuse), NULL, 0, 0},
	{0, "json", NULL, "print one JSON object", OPTION_FLAG, offsetof(struct mrc_options, json),
	 NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table table = {
	"mrc",
	"miss-ratio curves of a trace",
	"TRACE",
	1,
	1,
	options,
	"exact: the misses of LRU at every size, in one pass over the trace. shards: from the\n"
	"requests of a sample of the pages, about a hundred times as fast with 1%, and off by\n"
	"a hundredth or so.\n" TRACE_OPTIONS_TEXT,
};

struct curve {
	const struct mrc_options *options;
	const char *path;
	struct cmd_watch watch;
	struct trace trace;
	struct mrc_sample sample;
	const struct policy_ops *policy;
	bool mini; /* by small simulations of policy, or of opt if it is NULL */
	uint32_t *frames;
	uint64_t *misses;
	unsigned nr;
	struct mrc mrc; /* unless mini */
	uint64_t seconds_ns;
	double working_set[WORKING_SET_POINTS];
};

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int options_check(struct curve *c, struct error *error)
{
	const struct mrc_options *o = c->options;
	char quoted[48];
	bool shards;

	if (o->method && strcmp(o->method, "exact") != 0 && strcmp(o->method, "shards") != 0)
		return error_user(error, "--method '%s' is unknown; allowed: exact, shards",
				  words_quote(o->method, quoted, sizeof(quoted)));
	shards = o->method && strcmp(o->method, "shards") == 0;
	if (o->policy && strcmp(o->policy, "lru") != 0) {
		c->policy = policy_find(o->policy);
		c->mini = true;
		if (!c->policy && strcmp(o->policy, "opt") != 0)
			return error_user(error,
					  "--policy '%s' is unknown; allowed: opt and those that "
					  "`ballast help policies` lists",
					  words_quote(o->policy, quoted, sizeof(quoted)));
		if (o->method && !shards)
			return error_user(error,
					  "--method exact is for lru only; of other policies "
					  "`ballast replay` tells exact misses");
		if (o->reuse)
			return error_user(error, "--reuse goes with lru only");
		shards = true;
	}
	if (!shards && (o->rate.given || o->samples.given))
		return error_user(error, "--%s goes with --method shards",
				  o->rate.given ? "rate" : "samples");
	if (o->frames && o->points.given)
		return error_user(error, "--frames and --points exclude each other");
	c->sample = (struct mrc_sample){.rate = 1, .seed = o->seed.value};
	if (shards && (o->rate.given || !o->samples.given))
		c->sample.rate = (double)(o->rate.given ? o->rate.value : PPM / 100) / PPM;
	if (o->samples.given)
		c->sample.most = (uint32_t)o->samples.value;
	return 0;
}

static int frames_make(struct curve *c, struct error *error)
{
	uint64_t points = c->options->points.value;
	uint32_t pages = c->trace.pages;

	if (c->options->frames) {
		int err = frames_parse("frames", c->options->frames, pages, &c->frames, &c->nr,
				       error);

		if (err)
			return err;
		qsort(c->frames, c->nr, sizeof(*c->frames), ascending);
	} else {
		points = points < pages ? points : pages;
		c->frames = calloc(points, sizeof(*c->frames));
		for (uint64_t i = 0; c->frames && i < points; i++)
			c->frames[c->nr++] = (uint32_t)((i + 1) * pages / points);
	}
	c->misses = calloc(c->nr ? c->nr : 1, sizeof(*c->misses));
	return c->frames && c->misses ? 0 : error_host(error, ENOMEM, "a curve of %u sizes", c->nr);
}

static int curve_check_thinned(const struct curve *c, struct error *error)
{
	if (c->trace.thinning != TRACE_WHOLE && (c->options->working_set || c->options->reuse))
		return error_user(error,
				  "%s: --%s is refused: the trace was thinned (k = %u), and the "
				  "requests that are left out would count",
				  c->path, c->options->working_set ? "working-set" : "reuse",
				  c->trace.thinning_pages);
	for (unsigned i = 0; i < c->nr; i++) {
		const struct policy_ops *policy = c->mini ? c->policy : policy_find("lru");
		const char *why = replay_refuses(&c->trace, policy, c->frames[i]);

		if (why)
			return error_user(error,
					  "%s: %u frames are refused: the trace was thinned (k = "
					  "%u), %s",
					  c->path, c->frames[i], c->trace.thinning_pages, why);
	}
	return 0;
}

static int curve_run(struct curve *c, struct error *error)
{
	const struct trace_options how = trace_options_of(&c->options->trace, 0, &c->watch.sim);
	int err = trace_load(&c->trace, c->path, &how, error);

	if (err)
		return err;
	if (*c->trace.broken) {
		cmd_watch_clear(&c->watch);
		log_warn("%s; going on with the %u requests before", c->trace.broken,
			 c->trace.requests);
	}
	err = frames_make(c, error);
	if (!err)
		err = curve_check_thinned(c, error);
	if (!err && c->mini) {
		err = mrc_mini(&c->trace, c->policy, &c->sample, c->frames, c->nr, 0, c->misses,
			       &c->seconds_ns, &c->watch.sim, error);
	} else if (!err) {
		err = mrc_run(&c->mrc, &c->trace, &c->sample, &c->watch.sim, error);
		if (!err)
			mrc_misses(&c->mrc, c->frames, c->nr, c->misses);
		c->seconds_ns = c->mrc.seconds_ns;
	}
	if (!err && c->options->working_set && working_set_run(&c->trace, c->working_set))
		err = error_host(error, ENOMEM, "the working set");
	return err;
}

/* Requests of distances in [2^(k-1), 2^k), from 0. */
static uint64_t reuse_count(const struct mrc *m, unsigned k, uint64_t *from, uint64_t *to)
{
	uint64_t sum = 0;

	*from = k ? 1ull << (k - 1) : 0;
	*to = 1ull << k;
	for (uint64_t d = *from; d < *to && d < m->pages; d++)
		sum += m->hits[d];
	return (uint64_t)((double)sum / m->rate + 0.5);
}

/* How many of the working set's points say something: the window is not longer than the trace. */
static unsigned windows_of(const struct trace *t)
{
	unsigned k = 0;

	while (k < WORKING_SET_POINTS && 1ull << k <= t->requests)
		k++;
	return k;
}

static void print_json(const struct curve *c)
{
	json_t *o =
		json_pack("{s:s, s:s, s:s, s:I, s:I}", "trace", c->path, "method",
			  c->sample.rate < 1 || c->sample.most ? "shards" : "exact", "policy",
			  c->options->policy ? c->options->policy : "lru", "requests",
			  (json_int_t)c->trace.requests, "distinct", (json_int_t)c->trace.pages);
	json_t *curve = json_array(), *list;

	if (c->trace.thinning != TRACE_WHOLE)
		json_object_set_new(o, "whole_requests",
				    json_integer((json_int_t)c->trace.whole_requests));
	for (unsigned i = 0; i < c->nr; i++)
		json_array_append_new(curve, json_pack("[I, I]", (json_int_t)c->frames[i],
						       (json_int_t)c->misses[i]));
	json_object_set_new(o, "curve", curve);
	if (c->options->working_set) {
		list = json_array();
		for (unsigned k = 0; k < windows_of(&c->trace); k++)
			json_array_append_new(list, json_pack("[I, f]", (json_int_t)(1ull << k),
							      c->working_set[k]));
		json_object_set_new(o, "working_set", list);
	}
	if (c->options->reuse) {
		list = json_array();
		for (unsigned k = 0; k == 0 || 1ull << (k - 1) < c->mrc.pages; k++) {
			uint64_t from, to, nr = reuse_count(&c->mrc, k, &from, &to);

			json_array_append_new(list, json_pack("[I, I, I]", (json_int_t)from,
							      (json_int_t)to, (json_int_t)nr));
		}
		json_object_set_new(o, "reuse", list);
	}
	json_object_set_new(o, "seconds", json_real((double)c->seconds_ns / 1e9));
	jsonl_write(stdout, o);
}

static int print_text(const struct curve *c)
{
	static const struct table_column columns[] = {
		{"frames", true}, {"misses", true}, {"miss ratio", true}};
	struct table *t = table_create(columns, 3);

	if (!t)
		return -ENOMEM;
	trace_heading(&c->trace, c->path);
	printf(", in %.3f s\n", (double)c->seconds_ns / 1e9);
	for (unsigned i = 0; i < c->nr; i++) {
		table_cell(t, "%u", c->frames[i]);
		table_cell(t, "%llu", (unsigned long long)c->misses[i]);
		table_cell(t, "%.4f", (double)c->misses[i] / (double)c->trace.whole_requests);
	}
	table_print(t, stdout);
	table_destroy(t);
	if (c->options->working_set)
		puts("\nworking set: requests in the window, pages on average");
	for (unsigned k = 0; c->options->working_set && k < windows_of(&c->trace); k++)
		printf("%10llu  %.1f\n", 1ull << k, c->working_set[k]);
	if (c->options->reuse)
		puts("\nreuse: distance from, to below, requests");
	for (unsigned k = 0; c->options->reuse && (k == 0 || 1ull << (k - 1) < c->mrc.pages); k++) {
		uint64_t from, to, nr = reuse_count(&c->mrc, k, &from, &to);

		printf("%10llu  %10llu  %llu\n", (unsigned long long)from, (unsigned long long)to,
		       (unsigned long long)nr);
	}
	return 0;
}

int cmd_mrc(int argc, char **argv)
{
	struct mrc_options o = {.points = {.value = 20}, .seed = {.value = 1}};
	struct curve c = {.options = &o};
	struct error error;
	unsigned operands = 0;
	int result = options_parse(&table, argc, argv, &o, &operands, &error);
	int status = COMMAND_DONE;

	if (result)
		return result < 0 ? command_fail(&error) : COMMAND_DONE;
	c.path = argv[1];
	result = options_check(&c, &error);
	if (!result)
		result = cmd_watch_begin(&c.watch, &error);
	if (result)
		return command_fail(&error);
	result = curve_run(&c, &error);
	if (result == -ECANCELED)
		status = cmd_watch_stopped(&c.watch, "%s", "");
	cmd_watch_end(&c.watch);
	if (!result && o.json)
		print_json(&c);
	else if (!result && print_text(&c))
		result = error_host(&error, ENOMEM, "the table of results");
	if (result && result != -ECANCELED)
		status = command_fail(&error);
	mrc_free(&c.mrc);
	free(c.frames);
	free(c.misses);
	trace_free(&c.trace);
	return status;
}
