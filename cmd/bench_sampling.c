/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_sampling.c: what estimating its working set costs a guest.
 *
 * Two ways to tell. The work of a guest that touches its memory as fast as it can (zipf), with sampling and without, a
 * machine for each, in turn: a second, and a second of its vCPU's processor time. The first has all of it (faults and their
 * service, pages taken away, translations flushed, locks held) and whatever else the host does, the second leaves out
 * the time that a fault waits for its service, and most of the noise. At the default rate the cost is far below what
 * rounds differ by, so a hundred times that rate is measured, too, and each row says how rounds differ and whether the
 * change is more than that.
 *
 * And by arithmetic: the time of one touch of a watched page, by a thread on memory without guest, as in bench_fault.c,
 * times the most there can be in a period.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/bench.h"
#include "cmd/bench_raw.h"

#define GUEST_PAGES  49152u
#define WORK_PAGES   32768u
#define MEMORY_PAGES 65536u
#define WINDOW_NS    (2 * NS_PER_S)
#define PATIENCE_US  20e6

#define PAGES_A_PERIOD 100u /* the defaults of scenarios */
#define PERIOD_S       30u
#define PERIOD_NS      (PERIOD_S * NS_PER_S)
#define TIMES          100u

#define FAULTS       300u /* a round */
#define FAULT_PAGES  4096u
#define FAULT_SAMPLE 2048u

enum load { NONE, DEFAULT, OFTEN, OFTEN_WRITE, LOADS };

static const struct {
	const char *name;
	uint32_t pages; /* a period; 0: no sampling */
	uint64_t period_ns;
	enum mm_estimator estimator;
} loads[LOADS] = {
	[NONE] = {"", 0, NS_PER_S, MM_ESTIMATE_TOUCH},
	[DEFAULT] = {"default", PAGES_A_PERIOD, PERIOD_NS, MM_ESTIMATE_TOUCH},
	[OFTEN] = {"100_times", PAGES_A_PERIOD, PERIOD_NS / TIMES, MM_ESTIMATE_TOUCH},
	[OFTEN_WRITE] = {"100_times.write", PAGES_A_PERIOD, PERIOD_NS / TIMES, MM_ESTIMATE_WRITE},
};

struct rates { /* million touches */
	struct samples a_second, a_cpu_second;
};

static int sampling_machine(const struct bench *b, uint32_t pages, uint64_t period_ns,
			    enum mm_estimator estimator, struct machine **out, struct error *error)
{
	struct machine_config config = {
		.memory_pages = MEMORY_PAGES,
		.work_dir = b->dir,
		.pager = policy_find("random"),
		.policy = target_find("esx"),
		.tax_ppm = 750000,
		.sample_pages = pages,
		.sample_period_ns = period_ns,
		.sample_slow_ppm = 250000,
		.sample_fast_ppm = 750000,
		.estimator = estimator,
		.state_ppm = {60000, 40000, 20000, 10000},
		.rebalance_ns = 15 * NS_PER_S,
		.seed = 1,
		.max_vms = 1,
	};

	return machine_create(&config, out, error);
}

/* --- a guest's work ---------------------------------------------------------------------------------------------- */

struct work {
	uint64_t at_ns, ran_ns, units;
};

static int work_now(struct machine *m, struct work *out)
{
	struct machine_snapshot *s;
	const struct vm_live_stats *live;
	int result = machine_snapshot(m, false, &s);

	if (result)
		return result;
	live = machine_snapshot_live(s, 0);
	*out = (struct work){s->now_ns, live->run_ns, live->guest.work_units};
	if (live->exit != VM_RUNNING)
		result = -ECHILD;
	free(s);
	return result;
}

/* Over the window, once its pages are filled. */
static int measure_work(struct machine *m, struct rates *r)
{
	const struct timespec look = {.tv_nsec = 10000000},
			      window = {.tv_sec = WINDOW_NS / NS_PER_S};
	double began = bench_now_us(), units;
	struct work from, to;
	int result;

	do {
		nanosleep(&look, NULL);
		result = work_now(m, &from);
		if (!result && bench_now_us() - began > PATIENCE_US)
			result = -ETIMEDOUT;
	} while (!result && !from.units);
	if (result)
		return result;
	nanosleep(&window, NULL);
	result = work_now(m, &to);
	if (result)
		return result;
	units = (double)(to.units - from.units) * 1e3;
	result = samples_add(&r->a_second, units / (double)(to.at_ns - from.at_ns));
	return result ? result
		      : samples_add(&r->a_cpu_second, units / (double)(to.ran_ns - from.ran_ns));
}

static int work_round(const struct bench *b, enum load load, struct rates *r, struct error *error)
{
	struct machine *m = NULL;
	char cmdline[160];
	vmid_t vm;
	int result = sampling_machine(b, loads[load].pages, loads[load].period_ns,
				      loads[load].estimator, &m, error);

	snprintf(cmdline, sizeof cmdline,
		 "lab.seed=1 lab.vm=0 lab.pager=clock "
		 "lab.workload=zipf,pages=%u,alpha=900000,write=200000",
		 WORK_PAGES);
	if (!result)
		result = bench_add_vm(m, "bench", GUEST_PAGES, cmdline, &vm, error);
	if (!result)
		result = machine_start(m, error);
	if (!result) {
		result = measure_work(m, r);
		if (result)
			error_host(error, -result, "sampling benchmark");
	}
	machine_destroy(m);
	return result;
}

/* Rounds are compared one by one: what disturbs the host often lasts longer than one of them. */
static int report_work(struct bench *b, const char *name, const char *unit,
		       const struct samples *ours, const struct samples *none)
{
	struct samples change = {0}, value = {0}, reference = {0};
	double low, middle, high;
	char what[160];
	int result = 0;

	for (unsigned i = 0; i < ours->nr && !result; i++) {
		result = samples_add(&change, 100 * (ours->value[i] / none->value[i] - 1));
		if (!result)
			result = samples_add(&value, ours->value[i]);
		if (!result)
			result = samples_add(&reference, none->value[i]);
	}
	if (result)
		goto out;
	low = samples_percentile(&change, 25);
	middle = samples_percentile(&change, 50);
	high = samples_percentile(&change, 75);
	snprintf(what, sizeof what,
		 "no sampling; change %+.2f %%, half of the rounds %+.2f to %+.2f: %s", middle, low,
		 high, low <= 0 && high >= 0 ? "within the noise" : "more than the noise");
	b->print(b, &(struct bench_result){.name = name,
					   .value = samples_percentile(&value, 50),
					   .unit = unit,
					   .reference = samples_percentile(&reference, 50),
					   .reference_what = what,
					   .samples = ours->nr});
out:
	samples_free(&change);
	samples_free(&value);
	samples_free(&reference);
	return result;
}

static int report_load(struct bench *b, enum load load, const struct rates *r, struct error *error)
{
	char name[64];
	int result;

	snprintf(name, sizeof name, "sampling.work.%s", loads[load].name);
	result = report_work(b, name, "Mtouches/s", &r[load].a_second, &r[NONE].a_second);
	snprintf(name, sizeof name, "sampling.work.%s.cpu", loads[load].name);
	if (!result)
		result = report_work(b, name, "Mtouches/s", &r[load].a_cpu_second,
				     &r[NONE].a_cpu_second);
	return result ? error_host(error, -result, "sampling benchmark") : 0;
}

static int bench_work(struct bench *b, struct error *error)
{
	struct rates r[LOADS] = {0};
	int result = 0;

	for (unsigned round = 0; round < b->rounds && !result; round++)
		for (enum load l = NONE; l < LOADS && !result; l++)
			result = work_round(b, l, &r[l], error);
	for (enum load l = DEFAULT; l < LOADS && !result; l++)
		result = report_load(b, l, r, error);
	for (enum load l = NONE; l < LOADS; l++) {
		samples_free(&r[l].a_second);
		samples_free(&r[l].a_cpu_second);
	}
	return result;
}

/* --- one touch of a watched page --------------------------------------------------------------------------------- */

static int touch(struct machine *m, vmid_t vm, uint64_t page, bool write, double *took)
{
	uint64_t word = page + 1;
	double began = bench_now_us();
	int result = write ? machine_guest_write(m, vm, gpa(page * PAGE_BYTES), &word, sizeof word)
			   : machine_guest_read(m, vm, gpa(page * PAGE_BYTES), &word, sizeof word);

	*took = bench_now_us() - began;
	return result;
}

/* Faults that touches of watched pages took so far. */
static int faults_now(struct machine *m, bool write, uint64_t *out)
{
	struct machine_snapshot *s;
	int result = machine_snapshot(m, false, &s);

	if (result)
		return result;
	*out = write ? s->vm[0].faults_wp : s->vm[0].faults_sampled;
	free(s);
	return 0;
}

/* Touches pages at random until so many were watched. */
static int fault_round(struct machine *m, vmid_t vm, bool write, struct rng *rng, struct samples *s)
{
	double began = bench_now_us(), took;
	uint64_t before, after;
	unsigned got = 0;
	int result = faults_now(m, write, &before);

	while (!result && got < FAULTS) {
		result = touch(m, vm, rng_below(rng, FAULT_PAGES), write, &took);
		if (!result)
			result = faults_now(m, write, &after);
		if (!result && after == before + 1) {
			result = samples_add(s, took);
			got++;
		}
		before = after;
		if (!result && bench_now_us() - began > PATIENCE_US)
			result = -ETIMEDOUT;
	}
	return result;
}

struct fault_kind {
	bool write;
	const char *name, *raw, *cost;
};

static void report_faults(struct bench *b, const struct fault_kind *k, struct samples *ours,
			  struct samples *raw)
{
	double p50 = samples_percentile(ours, 50);
	char what[120];

	b->print(b, &(struct bench_result){.name = k->name,
					   .value = p50,
					   .unit = "us",
					   .reference = samples_percentile(raw, 50),
					   .reference_what = k->raw,
					   .samples = ours->nr});
	snprintf(what, sizeof what,
		 "none: %u such faults in %u s of running time, the most there can be",
		 PAGES_A_PERIOD, PERIOD_S);
	b->print(b, &(struct bench_result){.name = k->cost,
					   .value = 100 * p50 * PAGES_A_PERIOD / (PERIOD_S * 1e6),
					   .unit = "% of time",
					   .reference_what = what,
					   .goal = 1,
					   .goal_is = GOAL_VALUE_MOST,
					   .samples = ours->nr});
}

static int bench_faults(struct bench *b, const struct fault_kind *k, struct error *error)
{
	struct samples ours = {0}, raw_samples = {0};
	struct rng rng = rng_seeded(1);
	struct machine *m = NULL;
	struct raw raw;
	vmid_t vm;
	double took;
	int result = sampling_machine(b, FAULT_SAMPLE, NS_PER_S / 100,
				      k->write ? MM_ESTIMATE_WRITE : MM_ESTIMATE_TOUCH, &m, error);

	if (!result)
		result = bench_add_vm(m, "bench", FAULT_PAGES, NULL, &vm, error);
	if (!result)
		result = machine_start(m, error);
	if (!result)
		result = raw_start(&raw, FAULTS, -1, 0, error);
	if (result)
		goto out;
	for (uint64_t page = 0; page < FAULT_PAGES && !result; page++)
		result = touch(m, vm, page, true, &took);
	for (unsigned round = 0; round < b->rounds && !result; round++) {
		result = raw_round(&raw, FAULTS, k->write, &raw_samples);
		if (!result)
			result = fault_round(m, vm, k->write, &rng, &ours);
	}
	if (raw_end(&raw, error) || result)
		result = result ? error_host(error, -result, "sampling benchmark") : -EIO;
	else
		report_faults(b, k, &ours, &raw_samples);
out:
	machine_destroy(m);
	samples_free(&ours);
	samples_free(&raw_samples);
	return result;
}

int bench_sampling(struct bench *b, struct error *error)
{
	static const struct fault_kind kinds[] = {
		{false, "sampling.touch", "bare UFFDIO_COPY fault", "sampling.cost.default"},
		{true, "sampling.write", "bare write-protect fault", "sampling.cost.default.write"},
	};
	int result = bench_work(b, error);

	for (unsigned i = 0; i < 2 && !result; i++)
		result = bench_faults(b, &kinds[i], error);
	return result;
}
