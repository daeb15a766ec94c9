/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trace_gen.c: `ballast trace gen`: made-up traces, and those of guests' workloads, as a stream to a file. */
#include "sim/trace_gen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ballast/types.h"
#include "cmd/commands.h"
#include "cmd/run_options.h"
#include "cmd/scenario.h"
#include "cmd/trace.h"
#include "cmd/watch.h"
#include "lib/options.h"
#include "sim/trace_workload.h"
#include "sim/trace_write.h"

struct gen_options {
	const char *output, *format, *workload;
	struct option_number requests, pages, alpha, seed, write, phase, guest;
};

static const struct option_def options[] = {
	{'n', "requests", "N", "requests to make (default 1000000)", OPTION_NUMBER,
	 offsetof(struct gen_options, requests), &parse_count, 1, TRACE_REQUESTS_MAX},
	{0, "pages", "N", "pages to choose from (default 100000)", OPTION_NUMBER,
	 offsetof(struct gen_options, pages), &parse_count, 1, 1u << 29},
	{0, "alpha", "A", "exponent of zipf, phased and stack, up to 4 (default 1)", OPTION_NUMBER,
	 offsetof(struct gen_options, alpha), &parse_decimal, 0, 4 * PPM},
	{0, "write", "X%", "share of requests that write (default: the trace does not say)",
	 OPTION_NUMBER, offsetof(struct gen_options, write), &parse_percent, 0, PPM},
	{0, "phase", "N", "phased: requests of a phase (default: a tenth of all)", OPTION_NUMBER,
	 offsetof(struct gen_options, phase), &parse_count, 1, TRACE_REQUESTS_MAX},
	{0, "seed", "S", "seed of the draws (default 1)", OPTION_NUMBER,
	 offsetof(struct gen_options, seed), &parse_count, 0, UINT64_MAX},
	{0, "workload", "W", "instead of KIND: a guest's, '{kind: zipf, pages: 2000}'", OPTION_TEXT,
	 offsetof(struct gen_options, workload), NULL, 0, 0},
	{0, "guest", "I", "of a workload: as guest I, from 0, of a scenario with that seed",
	 OPTION_NUMBER, offsetof(struct gen_options, guest), &parse_count, 0, SCENARIO_VMS_MAX - 1},
	{'o', "output", "FILE", "where to write it; - is standard output; needed", OPTION_TEXT,
	 offsetof(struct gen_options, output), NULL, 0, 0},
	{0, "to", "F", "ballast, oracle, text or csv (default: by FILE's ending, else ballast)",
	 OPTION_TEXT, offsetof(struct gen_options, format), NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table table = {
	"trace gen",
	"make up a trace",
	"[KIND]",
	0,
	1,
	options,
	"Kinds: uniform (every page as likely), zipf (the page of rank r with probability in\n"
	"proportion to r^-A), scan (all pages in order, over and over), loop (half of them in\n"
	"order, one request in ten to any page), phased (zipf, what is hot changes each phase),\n"
	"stack (by stack distance d, with probability in proportion to (d + 1)^-A: the LRU\n"
	"curve is known beforehand). The same seed makes the same trace.\n"
	"--workload: the touches of a lab guest with that workload (docs/scenario.md) and seed,\n"
	"filling included, with their times; --pages is the guest's memory. It ends before N\n"
	"requests if the workload does.\n",
};

/* An option that the kind does not look at is a mistake. */
static int options_fit(const char *kind, const struct gen_options *o, struct error *error)
{
	bool phased = strcmp(kind, "phased") == 0;

	if (o->phase.given && !phased)
		return error_user(error, "--phase goes with the kind phased");
	if (o->alpha.given && !phased && strcmp(kind, "zipf") != 0 && strcmp(kind, "stack") != 0)
		return error_user(error, "--alpha goes with the kinds zipf, phased and stack");
	return 0;
}

/* Who makes the requests. */
struct maker {
	void (*next)(void *ctx, struct trace_batch *b);
	void *ctx;
	unsigned has; /* TRACE_.. */
};

static void kind_next(void *ctx, struct trace_batch *b)
{
	trace_gen_next(ctx, b);
}

static void workload_makes(void *ctx, struct trace_batch *b)
{
	trace_workload_next(ctx, b);
}

static int gen_run(const struct maker *m, const struct gen_options *o, struct cmd_watch *watch,
		   struct error *error)
{
	const struct trace_write_options how = {.format = o->format, .has = m->has};
	struct trace_batch *b = malloc(sizeof(*b));
	struct trace_writer *w;
	uint64_t made = 0;
	int err;

	if (!b)
		return error_host(error, ENOMEM, "trace gen");
	err = trace_writer_open(&w, o->output, &how, error);
	if (err)
		goto out;
	trace_tell_lost(m->has, trace_write_format(o->output, o->format));
	for (m->next(m->ctx, b); b->nr && !err; m->next(m->ctx, b)) {
		err = trace_writer_add(w, b, error);
		made += b->nr;
		sim_watch_tell(&watch->sim, "requests", made, o->requests.value);
		if (!err && sim_watch_stopped(&watch->sim))
			err = -ECANCELED;
	}
	if (!err && !made)
		err = error_user(error, "--workload touches no page; allowed: one that does");
	if (err)
		trace_writer_close(w, true, NULL);
	else
		err = trace_writer_close(w, false, error);
out:
	free(b);
	return err;
}

static int gen_kind(const char *kind, const struct gen_options *o, struct cmd_watch *watch,
		    struct error *error)
{
	const struct trace_gen_options what = {.kind = kind,
					       .pages = (uint32_t)o->pages.value,
					       .alpha_ppm = (uint32_t)o->alpha.value,
					       .write_ppm = (uint32_t)o->write.value,
					       .phase = o->phase.value,
					       .requests = o->requests.value,
					       .seed = o->seed.value};
	struct maker m = {.next = kind_next, .has = o->write.given ? TRACE_WRITES : 0};
	struct trace_gen *g;
	int err = trace_gen_create(&g, &what, error);

	if (err)
		return err;
	m.ctx = g;
	err = options_fit(kind, o, error);
	if (!err)
		err = gen_run(&m, o, watch, error);
	trace_gen_destroy(g);
	return err;
}

static int gen_workload(const struct gen_options *o, struct cmd_watch *watch, struct error *error)
{
	struct trace_workload w;
	const struct maker m = {.next = workload_makes, .ctx = &w, .has = TRACE_WORKLOAD_HAS};
	uint64_t seed = o->guest.given ? run_guest_seed(o->seed.value, (unsigned)o->guest.value)
				       : o->seed.value;
	struct workload_spec spec;
	int err = scenario_workload_parse("--workload", o->workload, o->pages.value, &spec, error);

	if (!err)
		err = trace_workload_init(&w, &spec, seed, o->pages.value, o->requests.value,
					  error);
	if (err)
		return err;
	err = gen_run(&m, o, watch, error);
	trace_workload_end(&w);
	return err;
}

static int options_check(const struct gen_options *o, unsigned operands, struct error *error)
{
	if (!o->output)
		return error_user(error, "trace gen: no file; allowed: -o FILE");
	if (!operands && !o->workload)
		return error_user(error, "trace gen: no KIND; allowed: one that `ballast trace gen "
					 "--help` names, or --workload W");
	if (!o->workload)
		return o->guest.given ? error_user(error, "--guest goes with --workload only") : 0;
	if (operands || o->alpha.given || o->write.given || o->phase.given)
		return error_user(error,
				  "--workload says all; allowed with it: --requests, --pages, "
				  "--seed, --guest, not KIND, --alpha, --write, --phase");
	return 0;
}

int cmd_trace_gen(int argc, char **argv)
{
	struct gen_options o = {.requests = {.value = 1000000},
				.pages = {.value = 100000},
				.alpha = {.value = PPM},
				.seed = {.value = 1}};
	struct cmd_watch watch;
	struct error error;
	unsigned operands = 0;
	int result = options_parse(&table, argc, argv, &o, &operands, &error);
	int status = COMMAND_DONE;

	if (result)
		return result < 0 ? command_fail(&error) : COMMAND_DONE;
	if (options_check(&o, operands, &error))
		return command_fail(&error);
	result = cmd_watch_begin(&watch, &error);
	if (result)
		return command_fail(&error);
	result = o.workload ? gen_workload(&o, &watch, &error)
			    : gen_kind(argv[1], &o, &watch, &error);
	if (result == -ECANCELED)
		status = cmd_watch_stopped(&watch, "; %s was not written", o.output);
	else if (result)
		status = command_fail(&error);
	cmd_watch_end(&watch);
	return status;
}
