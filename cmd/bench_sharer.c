/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_sharer.c: see bench_sharer.h. Our machine has one VM that is memory only: the scanner, the table and the body
 * are those of a run.
 */
#include "cmd/bench_sharer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "dedup/dedup.h"

#define POLL_NS    1000000u
#define PATIENCE_S 120.0

static double now_s(void)
{
	return bench_now_us() / 1e6;
}

static double own_cpu_s(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static int fill_machine(struct sharer *s, vmid_t vm)
{
	uint64_t page[PAGE_BYTES / sizeof(uint64_t)];
	int result = 0;

	for (npages_t i = 0; i < s->layout.pages && !result; i++) {
		layout_fill(&s->layout, i, page);
		result = machine_guest_place(s->machine, vm, gfn(i), page);
	}
	return result ? error_host(s->error, -result, "share benchmark: filling memory") : 0;
}

/* A machine with a VM that is memory only, in which nothing is scanned yet. */
static int make_machine(struct sharer *s)
{
	struct machine_config config = {
		.memory_pages = s->layout.pages + s->layout.pages / 8 + 8192,
		.work_dir = s->dir,
		.pager = policy_find("random"),
		.state_ppm = {60000, 40000, 20000, 10000},
		.share = true,
		.share_capacity_pages = (uint32_t)s->layout.pages,
		.scan = {.order = DEDUP_SCAN_RANDOM},
		.rebalance_ns = 15 * NS_PER_S,
		.seed = 1,
		.max_vms = 1,
	};
	vmid_t vm;
	int result = machine_create(&config, &s->machine, s->error);

	if (!result)
		result = bench_add_vm(s->machine, "share", s->layout.pages, NULL, &vm, s->error);
	if (!result)
		result = machine_start(s->machine, s->error);
	return result ? result : fill_machine(s, vm);
}

int sharer_make(struct sharer *s)
{
	int result;

	if (s->kind != KSM)
		return make_machine(s);
	result = ksm_area_make(&s->ksm, &s->layout);
	return result ? error_host(s->error, -result, "share benchmark: memory for KSM") : 0;
}

int sharer_go(struct sharer *s)
{
	int result = 0;

	if (s->kind == KSM) {
		s->ksm_passes = ksm_passes(&s->ksm);
		result = ksm_go(&s->ksm);
	} else {
		machine_scan_set(s->machine, DEDUP_SCAN_UNLIMITED, DEDUP_SCAN_UNLIMITED,
				 s->kind == OURS);
	}
	return result ? error_host(s->error, -result, "starting KSM") : 0;
}

void sharer_drop(struct sharer *s)
{
	if (s->ksm.usable)
		ksm_area_drop(&s->ksm);
	machine_destroy(s->machine);
	s->machine = NULL;
}

int sharer_read(struct sharer *s, bool count_mappings, struct reading *r)
{
	struct machine_snapshot *snapshot;
	int result;

	*r = (struct reading){.at_s = now_s()};
	if (s->kind == KSM) {
		r->cpu_s = ksm_cpu_s(&s->ksm);
		r->passed = (ksm_passes(&s->ksm) - s->ksm_passes) * s->layout.pages;
		r->saved = ksm_saved(&s->ksm);
		return 0;
	}
	result = machine_snapshot(s->machine, count_mappings, &snapshot);
	if (result)
		return error_host(s->error, -result, "snapshot");
	r->cpu_s = own_cpu_s();
	r->passed = snapshot->host.share.passed_pages;
	r->saved = snapshot->host.share.saved_pages;
	r->refused = snapshot->host.share.reason[DEDUP_NO_MAPPING];
	free(snapshot);
	return 0;
}

int sharer_wait(struct sharer *s, uint64_t passed, uint64_t saved, struct reading *r)
{
	const struct timespec pause = {.tv_nsec = POLL_NS};
	double began = now_s();

	for (;;) {
		int result = sharer_read(s, false, r);

		if (result)
			return result;
		if (r->passed >= passed && r->saved >= saved)
			return 0;
		nanosleep(&pause, NULL);
		if (r->at_s - began > PATIENCE_S)
			return error_host(s->error, ETIMEDOUT,
					  "%s: %llu of %llu pages saved, %llu of %llu passed",
					  s->kind == KSM ? "KSM" : "share benchmark",
					  (unsigned long long)r->saved, (unsigned long long)saved,
					  (unsigned long long)r->passed,
					  (unsigned long long)passed);
	}
}
