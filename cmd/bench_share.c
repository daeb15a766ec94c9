// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_share.c: what it costs to find and share equal pages, beside the kernel's KSM on the same contents.
 *
 *   scan    pages passed a second when nothing changes: all pages differ, all have their hints. A page that is shared
 *           already, or that KSM merged, counts as passed: rescan measures that
 *   merge   the time until 99 % of the duplicates share a frame, from the moment that the scanner may look
 *
 * Ours is measured twice. As such: the scanner goes on without rest, as ksmd does with sleep_millisecs=0. And in a run:
 * with the rest that keeps it from starving guests (vmm/scanner.c), at unlimited rates. Processor seconds are those of
 * the whole process, threads that answer the kernel's events included; KSM's are ksmd's.
 *
 * Layouts: cmd/bench_layout.h. Every single page that is shared away from its neighbours is a mapping, and the kernel
 * limits these (vm.max_map_count), KSM's it does not. So the scattered layout is small enough to fit; a big one tells
 * how far the limit lets us go, without a reference.
 *
 * The order within a round is ours, ours in a run, KSM, so that drift of the host hits all. Memory is filled before the
 * clock runs. Guests there are none: what they would do meanwhile is not sharing's cost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cmd/bench.h"
#include "cmd/bench_ksm.h"
#include "cmd/stop_signals.h"
#include "dedup/dedup.h"

#define PAGES           (128u << 10)
#define PAGES_SCATTERED (32u << 10)
#define POLL_NS         1000000u
#define PATIENCE_S      120.0
#define SCAN_S          0.7 /* at least so long, and one pass */
#define SETTLE_PASSES   3u  /* KSM looks at a page twice before it looks for others like it */
#define MERGED_PERCENT  99u

enum subject { OURS, IN_RUN, KSM, SUBJECTS };

/* Medians over the rounds. */
struct figures {
	struct samples scan, scan_cpu_us; /* pages a second, microseconds a page */
	struct samples merge_s, merge_cpu_s;
};

struct plan {
	const char *name;
	npages_t pages;
	uint32_t contents;
	bool scattered;
};
static const struct plan plans[] = {
	{"unique", PAGES, 0, false},
	{"1000", PAGES, 1000, false},
	{"60000", PAGES, 60000, false},
	{"scattered", PAGES_SCATTERED, 1000, true},
};

struct share_bench {
	struct bench *b;
	struct stop_signals *stop;
	struct error *error;
	struct ksm ksm;
	struct machine *machine; /* the one being measured; NULL: none */
	enum subject subject;
	struct layout layout;
	uint64_t ksm_passes; /* when it began */
	struct figures figures[SUBJECTS];
};

struct reading {
	double at_s, cpu_s;
	uint64_t passed, saved, refused;
};

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

static int fill_machine(struct share_bench *s, vmid_t vm)
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
static int make_machine(struct share_bench *s)
{
	struct machine_config config = {
		.memory_pages = s->layout.pages + s->layout.pages / 8 + 8192,
		.work_dir = s->b->dir,
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

static int subject_make(struct share_bench *s)
{
	int result;

	if (s->subject != KSM)
		return make_machine(s);
	result = ksm_area_make(&s->ksm, &s->layout);
	return result ? error_host(s->error, -result, "share benchmark: memory for KSM") : 0;
}

static int subject_go(struct share_bench *s)
{
	int result = 0;

	if (s->subject == KSM) {
		s->ksm_passes = ksm_passes(&s->ksm);
		result = ksm_go(&s->ksm);
	} else {
		machine_scan_set(s->machine, DEDUP_SCAN_UNLIMITED, DEDUP_SCAN_UNLIMITED,
				 s->subject == OURS);
	}
	return result ? error_host(s->error, -result, "starting KSM") : 0;
}

static void subject_drop(struct share_bench *s)
{
	if (s->ksm.usable)
		ksm_area_drop(&s->ksm);
	machine_destroy(s->machine);
	s->machine = NULL;
}

static int subject_read(struct share_bench *s, bool count_mappings, struct reading *r)
{
	struct machine_snapshot *snapshot;
	int result;

	*r = (struct reading){.at_s = now_s()};
	if (s->subject == KSM) {
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

/* Until so many pages are passed and so many saved. */
static int wait_for(struct share_bench *s, uint64_t passed, uint64_t saved, struct reading *r)
{
	double began = now_s();

	for (;;) {
		int result = subject_read(s, false, r);
		int signal = stop_signals_wait(s->stop, POLL_NS);

		if (result)
			return result;
		if (signal)
			return error_host(s->error, EINTR, "%s", stop_signals_name(signal));
		if (r->passed >= passed && r->saved >= saved)
			return 0;
		if (r->at_s - began > PATIENCE_S)
			return error_host(s->error, ETIMEDOUT,
					  "%s: %llu of %llu pages saved, %llu of %llu passed",
					  s->subject == KSM ? "KSM" : "share benchmark",
					  (unsigned long long)r->saved, (unsigned long long)saved,
					  (unsigned long long)r->passed,
					  (unsigned long long)passed);
	}
}

/* From one page, or one pass of KSM's, to another. */
static int measure_scan(struct share_bench *s, struct figures *f)
{
	struct reading from, to;
	int result = subject_read(s, false, &from);

	if (!result)
		result = wait_for(s, from.passed + 1, 0, &from);
	to = from;
	while (!result && to.at_s - from.at_s < SCAN_S)
		result = wait_for(s, to.passed + 1, 0, &to);
	if (result)
		return result;
	result = samples_add(&f->scan, (double)(to.passed - from.passed) / (to.at_s - from.at_s));
	if (!result)
		result = samples_add(&f->scan_cpu_us, (to.cpu_s - from.cpu_s) * 1e6 /
							      (double)(to.passed - from.passed));
	return result ? error_host(s->error, -result, "figures") : 0;
}

static int measure_merge(struct share_bench *s, const struct reading *from, struct figures *f)
{
	uint64_t enough = (layout_duplicates(&s->layout) * MERGED_PERCENT + 99) / 100;
	struct reading to;
	int result = enough ? wait_for(s, 0, enough, &to) : 0;

	if (result || !enough)
		return result;
	result = samples_add(&f->merge_s, to.at_s - from->at_s);
	if (!result)
		result = samples_add(&f->merge_cpu_s, to.cpu_s - from->cpu_s);
	return result ? error_host(s->error, -result, "figures") : 0;
}

static int measure(struct share_bench *s, enum subject subject)
{
	struct figures *f = &s->figures[subject];
	struct reading r = {0};
	int result;

	s->subject = subject;
	result = subject_make(s);
	if (!result)
		result = subject_read(s, false, &r);
	if (!result)
		result = subject_go(s);
	if (!result)
		result = measure_merge(s, &r, f);
	if (!result)
		result = subject_read(s, false, &r);
	if (!result)
		result = wait_for(s, r.passed + SETTLE_PASSES * s->layout.pages, 0, &r);
	if (!result)
		result = measure_scan(s, f);
	subject_drop(s);
	return result;
}

static void print(struct share_bench *s, const char *stem, const char *name, const char *end,
		  const char *unit, const struct samples *ours, const struct samples *ksm,
		  double goal, enum bench_goal goal_for)
{
	char full[64];
	struct samples value = *ours, reference = *ksm;
	struct bench_result r = {.name = full,
				 .value = samples_percentile(&value, 50),
				 .unit = unit,
				 .reference = samples_percentile(&reference, 50),
				 .reference_what =
					 s->ksm.usable ? "KSM, same contents" : s->ksm.why,
				 .goal = s->ksm.usable ? goal : 0,
				 .goal_for = goal_for,
				 .samples = ours->nr};

	snprintf(full, sizeof full, "share.%s%s%s", stem, name, end);
	s->b->print(s->b, &r);
}

static void print_plan(struct share_bench *s, const struct plan *p)
{
	const struct figures *f = s->figures;
	const char *scan = p->contents ? "rescan." : "scan", *name = p->contents ? p->name : "";

	if (p->contents) {
		print(s, "merge.", name, "", "s", &f[OURS].merge_s, &f[KSM].merge_s, 1,
		      RATIO_AT_MOST);
		print(s, "merge.", name, ".cpu", "s", &f[OURS].merge_cpu_s, &f[KSM].merge_cpu_s, 0,
		      RATIO_AT_MOST);
		print(s, "merge.", name, ".in_run", "s", &f[IN_RUN].merge_s, &f[KSM].merge_s, 0,
		      RATIO_AT_MOST);
		print(s, "merge.", name, ".in_run.cpu", "s", &f[IN_RUN].merge_cpu_s,
		      &f[KSM].merge_cpu_s, 0, RATIO_AT_MOST);
	}
	print(s, scan, name, "", "pages/s", &f[OURS].scan, &f[KSM].scan, p->contents ? 0 : 3,
	      RATIO_AT_LEAST);
	print(s, scan, name, ".cpu", "us/page", &f[OURS].scan_cpu_us, &f[KSM].scan_cpu_us, 0,
	      RATIO_AT_MOST);
	print(s, scan, name, ".in_run", "pages/s", &f[IN_RUN].scan, &f[KSM].scan, 0,
	      RATIO_AT_LEAST);
}

static void figures_free(struct share_bench *s)
{
	for (unsigned i = 0; i < SUBJECTS; i++) {
		struct figures *f = &s->figures[i];

		samples_free(&f->scan);
		samples_free(&f->scan_cpu_us);
		samples_free(&f->merge_s);
		samples_free(&f->merge_cpu_s);
	}
}

static int run_plan(struct share_bench *s, const struct plan *p)
{
	int result = layout_make(&s->layout, p->pages, p->contents, p->scattered);

	if (result)
		return error_host(s->error, -result, "share benchmark");
	for (unsigned round = 0; round < s->b->rounds && !result; round++) {
		result = measure(s, OURS);
		if (!result)
			result = measure(s, IN_RUN);
		if (!result && s->ksm.usable)
			result = measure(s, KSM);
	}
	if (!result)
		print_plan(s, p);
	figures_free(s);
	layout_free(&s->layout);
	return result;
}

/* Passes, until one saves nothing more. The machine counts its mappings now and then, as a run does. */
static int saturate(struct share_bench *s, struct reading *r)
{
	uint64_t before;
	int result = 0;

	do {
		before = r->saved;
		result = wait_for(s, r->passed + s->layout.pages, 0, r);
		if (!result)
			result = subject_read(s, true, r);
	} while (!result && r->saved > before);
	return result;
}

/* How far sharing gets when every page is a mapping. */
static int run_limit(struct share_bench *s)
{
	struct reading r = {0};
	char what[160];
	int result = layout_make(&s->layout, PAGES, 1000, true);

	if (result)
		return error_host(s->error, -result, "share benchmark");
	s->subject = OURS;
	result = subject_make(s);
	if (!result)
		result = subject_go(s);
	if (!result)
		result = saturate(s, &r);
	if (!result) {
		snprintf(what, sizeof what,
			 "none: %llu of %llu pages saved, then stopped by vm.max_map_count "
			 "(no-mapping, "
			 "%llu times)",
			 (unsigned long long)r.saved,
			 (unsigned long long)layout_duplicates(&s->layout),
			 (unsigned long long)r.refused);
		s->b->print(s->b,
			    &(struct bench_result){.name = "share.scattered.big.saved",
						   .value = 100.0 * (double)r.saved /
							    (double)layout_duplicates(&s->layout),
						   .unit = "% of duplicates",
						   .reference_what = what,
						   .samples = 1});
	}
	subject_drop(s);
	layout_free(&s->layout);
	return result;
}

/* What smart_scan makes of KSM's rate when nothing changes: it passes most pages over. */
static int run_smart(struct share_bench *s)
{
	struct figures plain = {0}, smart = {0};
	struct reading r;
	int result = layout_make(&s->layout, PAGES, 0, false);

	s->subject = KSM;
	if (!result)
		result = subject_make(s);
	if (!result)
		result = subject_go(s);
	if (!result)
		result = wait_for(s, SETTLE_PASSES * s->layout.pages, 0, &r);
	if (!result)
		result = measure_scan(s, &plain);
	if (!result)
		result = ksm_smart(&s->ksm, true);
	if (!result)
		result = wait_for(s, r.passed + 24 * s->layout.pages, 0, &r);
	if (!result)
		result = measure_scan(s, &smart);
	if (!result)
		s->b->print(s->b,
			    &(struct bench_result){"share.ksm.smart_scan", smart.scan.value[0],
						   "pages/s", plain.scan.value[0],
						   "KSM without smart_scan, as in all other rows",
						   0, RATIO_AT_MOST, 1});
	ksm_smart(&s->ksm, false);
	subject_drop(s);
	s->figures[KSM] = plain;
	s->figures[OURS] = smart;
	figures_free(s);
	layout_free(&s->layout);
	return result;
}

int bench_share(struct bench *b, struct error *error)
{
	struct share_bench s = {.b = b, .error = error};
	int result = stop_signals_begin(&s.stop, error);

	if (result)
		return result;
	ksm_begin(&s.ksm);
	for (unsigned i = 0; i < sizeof plans / sizeof plans[0] && !result; i++)
		result = run_plan(&s, &plans[i]);
	if (!result)
		result = run_limit(&s);
	if (!result && s.ksm.smart)
		result = run_smart(&s);
	ksm_end(&s.ksm);
	stop_signals_end(s.stop);
	return result;
}
