/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_sim.c: how fast the simulated machine is, in processor time.
 *
 *   sim.touch.toucher, sim.touch.zipf   touches a second of four guests that never rest and have all they need
 *   sim.fault.zipf    the same of four guests that together have twice what the machine has: most of the time goes into
 *                     faults, paging and balloons
 *   sim.guests.200    simulated seconds a second: 200 guests, four times overcommitted, 1000 touches a second each
 *
 * The reference of touches is the workload alone: the same pages drawn and checked in a loop, no machine, no clock. So
 * the ratio is what the machine leaves of that speed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/bench.h"
#include "guest/core/workload.h"
#include "sim/machine.h"

#define GUEST_PAGES  16384u
#define USED_PAGES   12000u
#define TOUCHES      4000000u
#define RUN_NS       (NS_PER_S / 2) /* simulated, measured */
#define FILL_NS      (4 * NS_PER_S)
#define MANY         200u
#define MANY_PAGES   2048u
#define MANY_USED    1600u
#define MANY_SECONDS 5u

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* memory: of the machine; no scanner, which is measured elsewhere. */
static int make(npages_t memory, unsigned guests, npages_t pages, const char *workload,
		struct sim_machine **out, struct error *error)
{
	static const struct sim_boot_page image = {.gfn = {256}, .content = 1};
	struct sim_config config = {
		.mm = {.memory_pages = memory,
		       .swap_pages = guests * pages,
		       .pager = policy_find("random"),
		       .policy = &target_proportional,
		       .state_ppm = {60000, 40000, 20000, 10000},
		       .balloon = true,
		       .rebalance_ns = NS_PER_S,
		       .seed = 1,
		       .max_vms = guests,
		       .bounce_pages_per_vm = 8},
		.cost = sim_presets[0].cost,
		.cpus = 4,
	};
	int err = sim_machine_create(&config, out, error);

	for (unsigned i = 0; i < guests && !err; i++) {
		char cmdline[200];
		const struct sim_vm_config vm = {
			.name = "guest",
			.mm = {.pages = pages, .shares = 1000},
			.cmdline = cmdline,
			.guest_swap_pages = pages,
			.boot = &image,
			.nr_boot = 1,
		};
		vmid_t id;

		snprintf(cmdline, sizeof(cmdline), "lab.seed=%u lab.vm=%u lab.workload=%s", i, i,
			 workload);
		err = sim_machine_add_vm(*out, &vm, &id, error);
	}
	if (!err)
		sim_machine_start(*out);
	return err;
}

static int work_of(struct sim_machine *m, uint64_t *work, struct error *error)
{
	struct machine_snapshot *s;

	*work = 0;
	if (sim_machine_snapshot(m, &s))
		return error_host(error, ENOMEM, "figures");
	for (unsigned i = 0; i < s->nr_vms; i++)
		*work += machine_snapshot_live(s, i)->guest.work_units;
	free(s);
	return 0;
}

/* Touches a second of processor time, once everything is filled. */
static int touches_of(npages_t memory, const char *workload, struct samples *out,
		      struct error *error)
{
	struct sim_machine *m = NULL;
	uint64_t before = 0, after = 0;
	double began;
	int err = make(memory, 4, GUEST_PAGES, workload, &m, error);

	if (!err) {
		sim_machine_run(m, FILL_NS);
		err = work_of(m, &before, error);
	}
	began = cpu_s();
	if (!err) {
		sim_machine_run(m, FILL_NS + RUN_NS);
		began = cpu_s() - began;
		err = work_of(m, &after, error);
	}
	sim_machine_destroy(m);
	if (!err && samples_add(out, (double)(after - before) / began))
		err = error_host(error, ENOMEM, "figures");
	return err;
}

/* The same workload in a loop. */
static int bare(const char *text, size_t length, struct samples *out, struct error *error)
{
	uint64_t *identity = calloc(USED_PAGES, sizeof(*identity));
	uint32_t *mark = calloc(USED_PAGES, sizeof(*mark));
	struct content_error wrong;
	struct workload_spec spec;
	struct workload w;
	uint64_t errors = 0;
	size_t error_at;
	double began;
	int err = identity && mark ? 0 : error_host(error, ENOMEM, "workload");

	if (!err && workload_parse(text, length, &spec, &error_at))
		err = error_host(error, EINVAL, "workload '%s'", text);
	if (!err) {
		workload_init(&w, &spec, 1, 0);
		workload_phase_begin(&w, 0);
		for (uint32_t i = 0; i < USED_PAGES; i++)
			identity[workload_next(&w).page] = content_identity(&w.content, i, 0);
		began = cpu_s();
		for (uint32_t i = 0; i < TOUCHES; i++) {
			struct workload_step s = workload_next(&w);

			errors += !content_touch_identity(&w.content, s.page, &mark[s.page],
							  s.write, &identity[s.page], &wrong);
		}
		if (samples_add(out, TOUCHES / (cpu_s() - began)) || errors)
			err = error_host(error, ENOMEM, "figures");
	}
	free(identity);
	free(mark);
	return err;
}

static int touches(struct bench *b, const char *kind, npages_t memory, const char *name,
		   double goal, struct error *error)
{
	struct samples value = {0}, reference = {0};
	char workload[120];
	int length = snprintf(workload, sizeof(workload), "%s,pages=%u,write=100000,rate=0%s", kind,
			      USED_PAGES, kind[0] == 'z' ? ",alpha=900000" : "");
	int err = 0;

	for (unsigned i = 0; i < b->rounds && !err; i++) {
		err = bare(workload, (size_t)length, &reference, error);
		if (!err)
			err = touches_of(memory, workload, &value, error);
	}
	if (!err)
		b->print(b, &(struct bench_result){.name = name,
						   .value = samples_percentile(&value, 50),
						   .unit = "touches/s",
						   .reference = samples_percentile(&reference, 50),
						   .reference_what =
							   "the workload alone, without a machine",
						   .goal = goal,
						   .goal_is = GOAL_VALUE_LEAST,
						   .samples = value.nr});
	samples_free(&value);
	samples_free(&reference);
	return err;
}

static int many(struct bench *b, struct error *error)
{
	struct samples value = {0};
	char workload[120];
	int err = 0;

	snprintf(workload, sizeof(workload), "zipf,pages=%u,write=100000,rate=1000,alpha=800000",
		 MANY_USED);
	for (unsigned i = 0; i < b->rounds && !err; i++) {
		struct sim_machine *m = NULL;
		double began = cpu_s();

		err = make(MANY * MANY_PAGES / 4 + 4096, MANY, MANY_PAGES, workload, &m, error);
		if (!err)
			sim_machine_run(m, MANY_SECONDS * NS_PER_S);
		sim_machine_destroy(m);
		if (!err && samples_add(&value, MANY_SECONDS / (cpu_s() - began)))
			err = error_host(error, ENOMEM, "figures");
	}
	if (!err)
		b->print(b, &(struct bench_result){.name = "sim.guests.200",
						   .value = samples_percentile(&value, 50),
						   .unit = "s/s",
						   .reference_what = "none: simulated seconds a "
								     "second of processor time",
						   .samples = value.nr});
	samples_free(&value);
	return err;
}

int bench_sim(struct bench *b, struct error *error)
{
	const npages_t enough = 8ull * GUEST_PAGES, half = 2ull * GUEST_PAGES;
	int err = touches(b, "toucher", enough, "sim.touch.toucher", 10e6, error);

	if (!err)
		err = touches(b, "zipf", enough, "sim.touch.zipf", 10e6, error);
	if (!err)
		err = touches(b, "zipf", half, "sim.fault.zipf", 0, error);
	return err ? err : many(b, error);
}
