/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_mm.c: what the memory manager's own decisions cost, with a body that does nothing (bench_mm_body.h).
 *
 *   mm.tick.10000       a tick over 10 000 VMs while memory is short: each is looked at, each balloon is asked
 *   mm.rebalance.10000  the targets of all of them, by ESX's rules
 *   mm.fault.zero.P     a first touch of a page, with the replacement policy P as host pager
 *   mm.fault.swap_in.P  a touch of a page that was paged out, and everything that comes of it: the read's end, the first
 *                       write after it, and paging out another page to make room, by a write of its own
 *   mm.reclaim.P        of that, naming a page to leave and sending it off, 32 pages a call
 *
 * The reference is the cheapest system call there is, or one a VM: what a fault costs besides, in whichever body, is
 * several of them. Both are processor time. Pages are touched in random order, in a VM of 1 GiB.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ballast/rng.h"
#include "cmd/bench.h"
#include "cmd/bench_mm_body.h"

#define VMS      10000u
#define VM_PAGES 128u
#define PAGES    (256u << 10) /* of the VM whose faults are measured */
#define TOUCHES  (256u << 10)
#define CALLS    10000u /* of the reference */
#define TICK_NS  (NS_PER_S / 100)

struct figures {
	struct samples value, reclaim, reference;
};

static int note(struct samples *s, double value, struct error *error)
{
	return samples_add(s, value) ? error_host(error, ENOMEM, "figures") : 0;
}

/* Processor time of this thread: on a machine with other work the clock would measure that. */
static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Microseconds of one. */
static double system_call_us(void)
{
	double began = cpu_us();

	for (unsigned i = 0; i < CALLS; i++)
		syscall(SYS_getpid);
	return (cpu_us() - began) / CALLS;
}

static void print(struct bench *b, const char *stem, const char *pager, const char *unit,
		  struct figures *f, struct samples *value, double goal, const char *reference)
{
	char name[64];

	snprintf(name, sizeof name, "mm.%s%s%s", stem, *pager ? "." : "", pager);
	b->print(b, &(struct bench_result){.name = name,
					   .value = samples_percentile(value, 50),
					   .unit = unit,
					   .reference = samples_percentile(&f->reference, 50),
					   .reference_what = reference,
					   .goal = goal,
					   .goal_is = GOAL_VALUE_MOST,
					   .samples = value->nr});
}

static void figures_free(struct figures *f)
{
	samples_free(&f->value);
	samples_free(&f->reclaim);
	samples_free(&f->reference);
}

static struct mm_config config_of(const char *pager, uint32_t vms, npages_t memory, npages_t swap)
{
	return (struct mm_config){
		.memory_pages = memory,
		.swap_pages = swap,
		.pager = policy_find(pager),
		.policy = &target_esx,
		.tax_ppm = 750000,
		.state_ppm = {60000, 40000, 20000, 10000},
		.balloon = vms > 1,
		.sample_pages = vms > 1 ? 100 : 0,
		.sample_period_ns = 30 * NS_PER_S,
		.sample_slow_ppm = 250000,
		.sample_fast_ppm = 750000,
		.rebalance_ns = 15 * NS_PER_S,
		.seed = 1,
		.max_vms = vms,
	};
}

static int fill(struct null_body *n, uint32_t vms, npages_t pages, struct error *error)
{
	for (uint32_t vm = 0; vm < vms; vm++)
		for (uint64_t g = 0; g < pages; g++)
			if (!null_body_touch(n, vm, g, true))
				return error_host(error, ENOMEM, "a fault waits for ever");
	return 0;
}

/* Of 120 pages a VM all but 3 % are in use: state soft. Memory is that little short so that adding VMs is quick. */
static int many(struct bench *b, struct error *error)
{
	struct mm_config config = config_of("random", VMS, VMS * 120, 0);
	struct figures tick = {0}, rebalance = {0};
	struct mm_host_stats host;
	struct null_body n;
	int err = null_body_make(&n, &config, VM_PAGES);

	if (err)
		return error_host(error, -err, "memory manager");
	err = fill(&n, VMS, 116, error);
	mm_host_stats(n.mm, 0, &host);
	if (!err && host.state != MM_SOFT)
		err = error_host(error, EINVAL, "memory should be short and is not");
	for (unsigned i = 0; i < b->rounds && !err; i++) {
		double reference = system_call_us() * VMS / 1e3, began = cpu_us(), middle;

		mm_tick(n.mm, n.now_ns += TICK_NS);
		middle = cpu_us();
		mm_tax_set(n.mm, i % 2 ? 750000 : 500000, n.now_ns);
		err = note(&rebalance.value, (cpu_us() - middle) / 1e3, error);
		if (!err)
			err = note(&tick.value, (middle - began) / 1e3, error);
		if (!err)
			err = note(&tick.reference, reference, error);
		if (!err)
			err = note(&rebalance.reference, reference, error);
	}
	if (!err) {
		print(b, "tick.10000", "", "ms", &tick, &tick.value, 10, "a getpid() a VM");
		print(b, "rebalance.10000", "", "ms", &rebalance, &rebalance.value, 10,
		      "a getpid() a VM");
	}
	figures_free(&tick);
	figures_free(&rebalance);
	null_body_free(&n);
	return err;
}

static void shuffle(uint32_t *order, uint32_t nr)
{
	struct rng rng = rng_seeded(1);

	for (uint32_t i = 0; i < nr; i++) {
		uint32_t with = (uint32_t)rng_below(&rng, i + 1);

		order[i] = order[with];
		order[with] = i;
	}
}

/* Each page once: first touches. Microseconds a fault. */
static int zero_round(const char *pager, const uint32_t *order, struct figures *f,
		      struct error *error)
{
	struct mm_config config = config_of(pager, 1, 2 * PAGES, 0);
	struct null_body n;
	double began;
	int err = null_body_make(&n, &config, PAGES);

	if (err)
		return error_host(error, -err, "memory manager");
	began = cpu_us();
	for (uint32_t i = 0; i < PAGES && !err; i++)
		if (!null_body_touch(&n, 0, order[i], true))
			err = error_host(error, ENOMEM, "a fault waits for ever");
	if (!err)
		err = note(&f->value, (cpu_us() - began) / PAGES, error);
	if (!err)
		err = note(&f->reference, system_call_us(), error);
	null_body_free(&n);
	return err;
}

/* Half of the pages fit. They are touched at random, and those that are in memory take no time to speak of. */
static int swap_round(struct null_body *n, uint64_t seed, struct figures *f, struct error *error)
{
	struct rng rng = rng_seeded(seed);
	struct mm_vm_stats before, after;
	double took = cpu_us();
	int err = 0;

	mm_vm_stats(n->mm, 0, n->now_ns, &before);
	n->reclaimed = 0;
	n->reclaim_us = 0;
	n->clock_us = cpu_us;
	for (uint32_t i = 0; i < TOUCHES && !err; i++) {
		n->now_ns += 1000;
		if (!null_body_touch(n, 0, rng_below(&rng, PAGES), true))
			err = error_host(error, ENOMEM, "a fault waits for ever");
	}
	took = cpu_us() - took;
	mm_vm_stats(n->mm, 0, n->now_ns, &after);
	if (!err)
		err = note(&f->value, took / (double)(after.faults_swap_in - before.faults_swap_in),
			   error);
	if (!err)
		err = note(&f->reclaim, n->reclaim_us / (double)n->reclaimed, error);
	if (!err)
		err = note(&f->reference, system_call_us(), error);
	return err;
}

static int swap_in(struct bench *b, const char *pager, struct figures *f, struct error *error)
{
	struct mm_config config = config_of(pager, 1, PAGES / 2, 2 * PAGES);
	struct null_body n;
	int err = null_body_make(&n, &config, PAGES);

	if (err)
		return error_host(error, -err, "memory manager");
	err = fill(&n, 1, PAGES, error);
	for (unsigned i = 0; i < b->rounds && !err; i++)
		err = swap_round(&n, 1 + i, f, error);
	null_body_free(&n);
	return err;
}

static int faults(struct bench *b, const uint32_t *order, const char *pager, struct error *error)
{
	static const char reference[] = "a getpid()";
	struct figures zero = {0}, swap = {0};
	int err = 0;

	for (unsigned i = 0; i < b->rounds && !err; i++)
		err = zero_round(pager, order, &zero, error);
	if (!err)
		err = swap_in(b, pager, &swap, error);
	if (!err) {
		print(b, "fault.zero", pager, "us", &zero, &zero.value, 1, reference);
		print(b, "fault.swap_in", pager, "us", &swap, &swap.value, 1, reference);
		print(b, "reclaim", pager, "us/page", &swap, &swap.reclaim, 0, reference);
	}
	figures_free(&zero);
	figures_free(&swap);
	return err;
}

int bench_mm(struct bench *b, struct error *error)
{
	static const char *const pagers[] = {"random", "clock", "lru"};
	uint32_t *order = calloc(PAGES, sizeof *order);
	int err = order ? many(b, error) : error_host(error, ENOMEM, "order of touches");

	if (order)
		shuffle(order, PAGES);
	for (unsigned i = 0; i < sizeof pagers / sizeof *pagers && !err; i++)
		err = faults(b, order, pagers[i], error);
	free(order);
	return err;
}
