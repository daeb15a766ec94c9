/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run_options.c: the command lines of `ballast run` and `ballast sim`, the scenario they name, and what each guest is
 * told of it.
 *
 * --seconds and --seed are short for --set seconds=S and --set seed=N, and win over these: they stand for "this run",
 * not for the scenario.
 */
#include "cmd/run_options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ballast/rng.h"
#include "cmd/timeline.h"

/* The first is only for sim. */
static const struct option_def options[] = {
	{0, "costs", "FILE|PRESET",
	 "what everything takes: a file of `ballast calibrate`, or host (default), nvme, ssd, "
	 "disk2002",
	 OPTION_TEXT, offsetof(struct run_options, costs), NULL, 0, 0},
	{'o', "output", "DIR", "folder for the results (default: results/runs/NAME-TIMESTAMP)",
	 OPTION_TEXT, offsetof(struct run_options, dir), NULL, 0, 0},
	{0, "seconds", "S", "how long to run, whatever the scenario says", OPTION_NUMBER,
	 offsetof(struct run_options, seconds), &parse_seconds, NS_PER_S / 1000,
	 30ull * 24 * 3600 * NS_PER_S},
	{0, "seed", "N", "seed of all randomness, whatever the scenario says", OPTION_NUMBER,
	 offsetof(struct run_options, seed), &parse_count, 0, UINT64_MAX},
	{0, "set", "KEY=VALUE", "override a key of the scenario, such as host.memory=256M",
	 OPTION_LIST, offsetof(struct run_options, sets), NULL, 0, 0},
	{0, "trace-page", "VM:GFN",
	 "tell the history of a guest page, such as web-0:0x1a2b (up to 16)", OPTION_LIST,
	 offsetof(struct run_options, trace_pages), NULL, 0, 0},
	{0, "record", "FILE",
	 "record what the memory manager was told and did, for ballast mm-replay", OPTION_TEXT,
	 offsetof(struct run_options, record), NULL, 0, 0},
	{0, "plot", NULL, "draw DIR/memory.png with gnuplot", OPTION_FLAG,
	 offsetof(struct run_options, plot), NULL, 0, 0},
	{'q', "quiet", NULL, "show nothing while running and no summary", OPTION_FLAG,
	 offsetof(struct run_options, quiet), NULL, 0, 0},
	{'j', "json", NULL, "print summary.json on standard output and nothing else there",
	 OPTION_FLAG, offsetof(struct run_options, json), NULL, 0, 0},
	{.name = NULL},
};

static const struct option_table run_table = {
	"run",
	"run a scenario of guests on KVM",
	"SCENARIO.yaml",
	1,
	1,
	options + 1,
	"Writes summary.json, samples.csv, events.jsonl, manifest.json and a console log a\n"
	"guest. A DIR that exists is used as it is: those files are overwritten, others stay.\n"
	"While it runs, a table on a terminal, else a line every 5 seconds, both on standard\n"
	"error. Ctrl-C ends the run in good order and writes the results; a second Ctrl-C\n"
	"ends the program at once.\n"
	"--trace-page: each change of the page and the decision behind it is a line on standard\n"
	"output, unless --quiet or --json is given, and in page-VM-GFN.jsonl of the results."};

static const struct option_table sim_table = {
	"sim",
	"run a scenario on a simulated machine, without KVM",
	"SCENARIO.yaml",
	1,
	1,
	options,
	"The same memory manager, guests and workloads as `ballast run`, on a clock of its own\n"
	"and a model of what everything takes; neither KVM nor root is needed. Results are those\n"
	"of `ballast run`, without console logs; the same seed gives the same bytes, but for\n"
	"manifest.json. docs/simulator.md tells what is simulated and how close it comes."};

int run_options_read(int argc, char **argv, struct run_options *out, struct error *error)
{
	unsigned operands;
	int err;

	*out = (struct run_options){.dir = NULL};
	err = options_parse(strcmp(argv[0], "sim") == 0 ? &sim_table : &run_table, argc, argv, out,
			    &operands, error);
	if (!err)
		out->scenario_path = argv[1];
	return err;
}

int run_options_load(const struct run_options *o, struct scenario **out, struct error *error)
{
	int err = scenario_load(o->scenario_path, o->sets.item, o->sets.nr, out, error);

	if (err)
		return err;
	if (o->seconds.given)
		(*out)->duration_ns = o->seconds.value;
	if (o->seed.given)
		(*out)->seed = o->seed.value;
	return 0;
}

/* Mixed twice: guest 1 of seed 1 shall not be guest 0 of seed 2. */
uint64_t run_guest_seed(uint64_t seed, unsigned vm)
{
	return rng_mix(rng_mix(seed) + vm);
}

int run_guest_cmdline(const struct scenario *s, unsigned vm, char *buf, size_t bytes)
{
	const struct scenario_vm *v = &s->vms[vm];
	npages_t pages = timeline_most_pages(s, vm);
	char workload[WORKLOAD_TEXT_BYTES], room[40] = "";
	int n = workload_format(&v->workload, workload, sizeof(workload));

	if (n < 0)
		return n;
	if (pages) /* of workloads to come */
		snprintf(room, sizeof(room), " lab.pages=%" PRIu64, pages);
	n = snprintf(buf, bytes,
		     "lab.seed=%" PRIu64
		     " lab.vm=%u lab.pager=%s lab.balloon=%u%s%s lab.workload=%s",
		     run_guest_seed(s->seed, vm), vm, v->guest_pager->name, v->guest_balloon_ppm,
		     v->guest_reporting ? " lab.reporting=1" : "", room, workload);
	return n < 0 || (size_t)n >= bytes ? -ENOSPC : 0;
}
