/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calibrate_guests.c: what guests take, from the figures of short live runs of one guest, each made so that one thing is
 * most of what happens:
 *
 *   fill      pages are touched for the first time: the guest's own fault, the host's, filling
 *   refill    the same pages once more, after the guest freed them: what is beyond fill has no host in it
 *   wake      a guest that wakes a hundred times a second and does next to nothing
 *   disk      more pages than the guest has: each touch is a fault of its own and two requests to its disk
 *
 * Time of the guest's processor is what the run counts as run_seconds; time that passed is all but the guest's rest.
 * What sharing takes is not measured here: it stays the preset's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ballast/types.h"
#include "cmd/calibrate.h"
#include "cmd/report_file.h"
#include "cmd/self_run.h"

#define PAGES ((double)CALIBRATE_PAGES)

static const struct {
	const char *name, *workload;
	double seconds;
} runs[] = {
	{"fill", "{kind: toucher, pages: 20000, rate: 1}", 4},
	{"refill",
	 "{kind: phased, phases: [{kind: toucher, pages: 20000, rate: 1, seconds: 4}, "
	 "{kind: toucher, pages: 20000, rate: 1}]}",
	 6},
	{"wake", "{kind: toucher, pages: 10, rate: 100}", 3},
	{"disk", "{kind: scan, pages: 26000, rate: max}", 6},
};
static double number(const json_t *vm, const char *object, const char *name)
{
	const json_t *from = object ? json_object_get(vm, object) : vm;

	return json_number_value(json_object_get(from, name));
}

static struct calibrate_run outcome_of(const json_t *summary)
{
	const json_t *vm = json_array_get(json_object_get(summary, "vms"), 0);

	return (struct calibrate_run){
		.seconds = json_number_value(json_object_get(summary, "seconds")),
		.run = number(vm, NULL, "run_seconds"),
		.rest = number(vm, "guest", "idle_seconds"),
		.interrupts = number(vm, "guest", "interrupts"),
		.work = number(vm, NULL, "work_units"),
		.faults = number(vm, "guest", "faults"),
		.disk_in = number(vm, "guest", "swap_in_pages"),
		.disk_out = number(vm, "guest", "swap_out_pages"),
	};
}

static int run_one(const char *dir, unsigned i, struct stop_signals *signals,
		   struct calibrate_run *out, struct error *error)
{
	char *scenario = report_path(dir, "calibrate.yaml");
	FILE *file = scenario ? fopen(scenario, "we") : NULL;
	struct self_run run = {.command = "run", .scenario = scenario, .signals = signals};
	json_t *summary = NULL;
	int err = 0;

	if (!file) {
		free(scenario);
		return error_host(error, errno, "%s", dir);
	}
	fprintf(file,
		"name: calibrate-%s\nseconds: %.0f\nhost: {memory: 256M, mechanisms: [swap]}\n"
		"vms:\n  - {name: guest, memory: 96M, guest: {balloon: 0%%}, workload: %s}\n",
		runs[i].name, runs[i].seconds, runs[i].workload);
	if (fclose(file))
		err = error_host(error, errno, "%s", scenario);
	run.dir = report_path(dir, runs[i].name);
	if (!err)
		err = run.dir ? self_run(&run, &summary, error)
			      : error_host(error, ENOMEM, "calibrate");
	if (!err)
		*out = outcome_of(summary);
	json_decref(summary);
	free(run.dir);
	free(scenario);
	return err;
}

static uint64_t ns(double seconds)
{
	return seconds > 0 ? (uint64_t)(seconds * 1e9 + 0.5) : 0;
}

void calibrate_solve(const struct calibrate_run o[CALIBRATE_RUNS], struct sim_cost *cost)
{
	const double fill = (double)cost->fill_ns / 1e9, map = (double)cost->map_ns / 1e9;
	double wake = o[CALIBRATE_WAKE].run /
		      (o[CALIBRATE_WAKE].interrupts > 1 ? o[CALIBRATE_WAKE].interrupts : 1);
	double own = (o[CALIBRATE_REFILL].run - o[CALIBRATE_FILL].run) / PAGES;
	double first = o[CALIBRATE_FILL].run / PAGES;
	double passed = (o[CALIBRATE_FILL].seconds - o[CALIBRATE_FILL].rest) / PAGES;
	const struct calibrate_run *d = &o[CALIBRATE_DISK];
	double requests = d->disk_in + d->disk_out / 16;
	/* the guest fills first, with host faults, then each fault is its own */
	double filled = d->faults - d->disk_in;
	double disk_run = d->run - filled * first - d->disk_in * (own - fill) -
			  d->work * (double)cost->touch_ns / 1e9;
	double disk_wait = d->seconds - d->rest - d->run - filled * (passed - first);

	cost->wake_ns = ns(wake);
	cost->guest_fault_ns = ns(own - fill);
	cost->fault_ns = ns(first - own);
	cost->serve_ns = ns(passed - first - map);
	if (requests < 1000)
		return; /* a disk so slow that nothing can be said; or none */
	cost->guest_disk_cpu_ns = ns(disk_run / requests);
	cost->guest_disk_page_ns = cost->map_ns;
	cost->guest_disk_ns = ns(disk_wait / requests - map);
}

int calibrate_guests(const char *dir, struct stop_signals *signals, struct sim_cost *cost,
		     struct error *error)
{
	struct calibrate_run outcome[CALIBRATE_RUNS];
	int err = 0;

	for (unsigned i = 0; i < CALIBRATE_RUNS && !err; i++)
		err = run_one(dir, i, signals, &outcome[i], error);
	if (!err)
		calibrate_solve(outcome, cost);
	return err;
}
