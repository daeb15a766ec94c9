/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace_info.c: `ballast trace info`: what is in a trace, after reading all of it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ballast/types.h"
#include "cmd/commands.h"
#include "cmd/human.h"
#include "cmd/report.h"
#include "cmd/trace.h"
#include "cmd/trace_options.h"
#include "cmd/watch.h"
#include "lib/jsonl.h"

struct info_options {
	struct trace_arguments trace;
	bool json;
};

static const struct option_def options[] = {
	TRACE_OPTIONS(struct info_options),
	{0, "json", NULL, "print one JSON object", OPTION_FLAG, offsetof(struct info_options, json),
	 NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table table = {
	"trace info",
	"tell what is in a trace",
	"FILE",
	1,
	1,
	options,
	"Reads all of it, and so tells whether it is whole.\n" TRACE_OPTIONS_TEXT,
};

struct info {
	uint64_t writes, once, id_min, id_max, from_ns, to_ns;
	uint32_t vms;
};

static int info_count(const struct trace *t, struct info *i)
{
	uint8_t *times = calloc(t->pages, 1);

	if (!times)
		return -ENOMEM;
	*i = (struct info){.id_min = UINT64_MAX, .from_ns = UINT64_MAX};
	for (uint32_t n = 0; n < t->requests; n++) {
		if (times[t->page[n]] < 2)
			times[t->page[n]]++;
		i->writes += t->write && t->write[n];
		if (t->time_ns) {
			i->from_ns = t->time_ns[n] < i->from_ns ? t->time_ns[n] : i->from_ns;
			i->to_ns = t->time_ns[n] > i->to_ns ? t->time_ns[n] : i->to_ns;
		}
	}
	for (uint32_t p = 0; p < t->pages; p++) {
		i->once += times[p] == 1;
		i->id_min = t->id[p] < i->id_min ? t->id[p] : i->id_min;
		i->id_max = t->id[p] > i->id_max ? t->id[p] : i->id_max;
		if (t->vm && t->vm[p] + 1 > i->vms)
			i->vms = t->vm[p] + 1;
	}
	free(times);
	return 0;
}

static const char *thinning_name(const struct trace *t)
{
	static const char *const names[] = {
		[TRACE_WHOLE] = "none", [TRACE_SAD] = "sad", [TRACE_FILTER] = "filter"};

	return names[t->thinning];
}

static void print_json(const struct trace *t, const struct info *i, const char *path)
{
	json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:s, s:I}", "trace", path,
			      "format", t->format, "requests", (json_int_t)t->requests, "distinct",
			      (json_int_t)t->pages, "once", (json_int_t)i->once, "id_min",
			      report_seed_json(i->id_min), "id_max", report_seed_json(i->id_max),
			      "thinning", thinning_name(t), "thinning_pages",
			      (json_int_t)t->thinning_pages);

	if (o && t->whole_requests != t->requests)
		json_object_set_new(o, "whole_requests",
				    json_integer((json_int_t)t->whole_requests));
	if (o && t->write)
		json_object_set_new(o, "writes", json_integer((json_int_t)i->writes));
	if (o && t->time_ns)
		json_object_set_new(o, "seconds", json_real((double)(i->to_ns - i->from_ns) / 1e9));
	if (o && t->vm)
		json_object_set_new(o, "vms", json_integer(i->vms));
	if (o && *t->broken)
		json_object_set_new(o, "broken", json_string(t->broken));
	jsonl_write(stdout, o);
}

static void print_text(const struct trace *t, const struct info *i, const char *path)
{
	printf("trace      %s\nformat     %s\n", path, t->format);
	printf("requests   %s\n", human_grouped(t->requests).text);
	if (t->write)
		printf("writes     %s, %.1f %%\n", human_grouped(i->writes).text,
		       100.0 * (double)i->writes / t->requests);
	printf("pages      %s, %s of them requested once only\n", human_grouped(t->pages).text,
	       human_grouped(i->once).text);
	printf("ids        %" PRIu64 " to %" PRIu64 "\n", i->id_min, i->id_max);
	if (t->vm)
		printf("VMs        numbers below %u\n", i->vms);
	if (t->time_ns)
		printf("time       %.3f s from first to last\n",
		       (double)(i->to_ns - i->from_ns) / 1e9);
	if (t->has & TRACE_HASHES)
		printf("hashes     of the pages' contents\n");
	if (t->thinning == TRACE_SAD) {
		printf("thinned    by SAD, k = %u", t->thinning_pages);
		if (t->whole_requests != t->requests)
			printf(", from %s requests", human_grouped(t->whole_requests).text);
		printf(": exact for lru and opt with more frames\n");
	}
	if (t->thinning == TRACE_FILTER)
		printf("thinned    to the misses of an LRU memory of %u pages: exact for lru with "
		       "more frames\n",
		       t->thinning_pages);
	if (*t->broken)
		printf("broken     %s\n", t->broken);
}

int cmd_trace_info(int argc, char **argv)
{
	struct info_options o = {.json = false};
	struct trace_options how;
	struct trace trace = {.requests = 0};
	struct cmd_watch watch;
	struct info info;
	struct error error;
	unsigned operands = 0;
	int result = options_parse(&table, argc, argv, &o, &operands, &error);
	int status = COMMAND_DONE;

	if (result)
		return result < 0 ? command_fail(&error) : COMMAND_DONE;
	result = cmd_watch_begin(&watch, &error);
	if (result)
		return command_fail(&error);
	how = trace_options_of(&o.trace, TRACE_WRITES | TRACE_TIMES, &watch.sim);
	result = trace_load(&trace, argv[1], &how, &error);
	if (!result) {
		result = info_count(&trace, &info);
		if (result)
			error_host(&error, ENOMEM, "%s", argv[1]);
	}
	if (result == -ECANCELED)
		status = cmd_watch_stopped(&watch, "%s", "");
	else if (result)
		status = command_fail(&error);
	cmd_watch_end(&watch);
	if (!result) {
		if (o.json)
			print_json(&trace, &info, argv[1]);
		else
			print_text(&trace, &info, argv[1]);
	}
	trace_free(&trace);
	return status;
}
